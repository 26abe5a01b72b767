"""From what a job brings to a `ParseRequest`: pure, and every fault of the input is found at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.schema import MAX_DOCUMENTS, DocumentRequest, ParseOptions, ParseRequest, S3Config

# Short forms that people send, and what a string in them is: "any" is told by its look.
SHORT_FORMS: dict[str, str] = {
    "image": "any",
    "images": "any",
    "image_url": "url",
    "image_urls": "url",
    "image_base64": "base64",
    "url": "url",
    "document": "any",
    "file": "any",
}
_MANY = {"images", "image_urls"}

EXAMPLES: dict[str, str] = {
    "documents": '[{"url": "https://example.com/a.pdf", "pages": "1-3"}]',
    "options": '{"formats": ["markdown"]}',
    "url": '"https://example.com/a.pdf"',
    "base64": '"JVBERi0xLjcK..."',
    "id": '"invoice-17"',
    "pages": '"1-3,8"',
    "password": '"secret"',
    "formats": '["markdown", "blocks"]',
    "figures": '"inline"',
    "page_images": '"inline"',
    "dpi": "200",
    "timeout_s": "120",
    "delivery": '"auto"',
    "idempotency_key": '"batch-7/report.pdf"',
    "endpointUrl": '"https://s3.eu-central-1.amazonaws.com"',
}

_MAX_FAULTS = 20
_URL = re.compile(r"\s*(?:data:|[A-Za-z][A-Za-z0-9+.-]*://)")

Path = tuple[str | int, ...]
Fault = tuple[Path, str]


def parse_request(
    job_input: Any, options_model: type[ParseOptions], foreign_options: Mapping[str, str] = MappingProxyType({})
) -> ParseRequest:
    """Return the validated request in a job's `input`; its options are an instance of `options_model`.

    foreign_options: options that are unknown here, but not everywhere, each with the message that says where.
    Raises InvalidRequest, whose message lists every fault with its path and an example of the right form.
    """
    if not isinstance(job_input, Mapping):
        raise _invalid([((), f"should be an object that holds documents, not {_kind(job_input)}")])
    faults = list(_unknown_names(job_input))
    documents = _documents(job_input, faults)
    options = _options(job_input.get("options", {}), options_model, foreign_options, faults)
    if faults or options is None:
        raise _invalid(faults)
    try:
        key = job_input.get("idempotency_key")
        return ParseRequest(documents=documents, options=options, idempotency_key=key)
    except ValidationError as error:
        raise _invalid(_faults_of(error, (), ParseRequest)) from None


def parse_s3_config(value: Any) -> S3Config:
    """The bucket that a job brings beside its `input`. Raises InvalidRequest, without what it held."""
    try:
        return S3Config.model_validate(value)
    except ValidationError as error:
        raise _invalid(_faults_of(error, ("s3Config",), S3Config), root="job") from None


def _unknown_names(job_input: Mapping[str, Any]) -> list[Fault]:
    known = [*ParseRequest.model_fields, *SHORT_FORMS]
    strange = [name for name in job_input if name not in known]
    # To look for what was meant takes its time; no more are told than so many.
    looked_into = {name: _unknown(name, known) for name in strange[:_MAX_FAULTS]}
    return [((name,), looked_into.get(name, "is unknown")) for name in strange]


# --------------------------------------------------------------------------- documents


def _documents(job_input: Mapping[str, Any], faults: list[Fault]) -> list[DocumentRequest]:
    """The documents, whichever form they came in."""
    forms = [name for name in ("documents", *SHORT_FORMS) if name in job_input]
    if not forms and faults:  # a misspelt name is the reason, and is told already
        return []
    if len(forms) != 1:
        told = f"has {', '.join(forms)}: give exactly one of them" if forms else "holds no document"
        faults.append(((), f'{told}; for example "documents": {EXAMPLES["documents"]}'))
        return []
    form, value = forms[0], job_input[forms[0]]
    if form != "documents" and form not in _MANY:
        return _read({(form,): value}, SHORT_FORMS[form], faults)
    if not isinstance(value, Sequence) or isinstance(value, str):
        faults.append(((form,), f"should be a list, not {_kind(value)}{_example('documents')}"))
        return []
    if not 1 <= len(value) <= MAX_DOCUMENTS:
        faults.append(((form,), f"should hold 1 to {MAX_DOCUMENTS} documents, not {len(value)}"))
    return _read({(form, index): item for index, item in enumerate(value)}, SHORT_FORMS.get(form, "any"), faults)


def _read(written: Mapping[Path, Any], means: str, faults: list[Fault]) -> list[DocumentRequest]:
    """The documents, by the path they were written at."""
    found = {path: document for path, item in written.items() if (document := _document(item, means, path, faults))}
    first_of: dict[str, Path] = {}
    for path, document in found.items():
        if document.id is not None and first_of.setdefault(document.id, path) != path:
            faults.append(
                ((*path, "id"), f"is already the id of {_written(first_of[document.id])}; ids are unique in a job")
            )
    return list(found.values())


def _document(item: Any, means: str, path: Path, faults: list[Fault]) -> DocumentRequest | None:
    if isinstance(item, str):
        item = {_field_of(item) if means == "any" else means: item}
    if not isinstance(item, Mapping):
        faults.append((path, f"should be a string or an object, not {_kind(item)}; for example {EXAMPLES['url']}"))
        return None
    try:
        return DocumentRequest.model_validate(dict(item))
    except ValidationError as error:
        faults += _faults_of(error, path, DocumentRequest)
        return None


def _field_of(text: str) -> str:
    return "url" if _URL.match(text) else "base64"


# --------------------------------------------------------------------------- options


def _options(
    value: Any, model: type[ParseOptions], foreign: Mapping[str, str], faults: list[Fault]
) -> ParseOptions | None:
    if not isinstance(value, Mapping):
        faults.append((("options",), f"should be an object, not {_kind(value)}{_example('options')}"))
        return None
    try:
        return model.model_validate(dict(value))
    except ValidationError as error:
        faults += [
            (path, foreign.get(str(path[-1]), message)) for path, message in _faults_of(error, ("options",), model)
        ]
        return None


# --------------------------------------------------------------------------- faults


def _faults_of(error: ValidationError, at: Path, model: type[BaseModel]) -> list[Fault]:
    """pydantic's findings under `at`."""
    faults: list[Fault] = []
    for found in error.errors(include_url=False, include_input=False):
        path = at + tuple(found["loc"])
        name = str(path[-1]) if path else ""
        if found["type"] == "extra_forbidden":
            faults.append((path, _unknown(name, list(model.model_fields))))
        else:
            told = found["msg"].removeprefix("Value error, ").removeprefix("Input ")
            faults.append((path, told[:1].lower() + told[1:] + _example(name)))
    return faults


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
    return f"is unknown; {meant}"


def _example(name: str) -> str:
    return f"; for example {EXAMPLES[name]}" if name in EXAMPLES else ""


def _invalid(faults: list[Fault], root: str = "input") -> InvalidRequest:
    lines = [f"{_written(path, root)}: {told}" for path, told in faults[:_MAX_FAULTS]]
    if len(faults) > _MAX_FAULTS:
        lines.append(f"and {len(faults) - _MAX_FAULTS} more")
    return InvalidRequest("; ".join(lines) if len(lines) == 1 else "\n- ".join([f"{len(faults)} faults:", *lines]))


def _written(path: Path, root: str = "input") -> str:
    return root + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
