"""Read a job's `input` into a `ParseRequest`. Pure.

The input may use the models' own form or a short form such as `{"image_url": ...}`. All problems are collected before
an error is raised: one InvalidRequest lists each with its JSON path and an example of the right form. Whether
this worker supports the options is not checked here: an engine's spec does that (`EngineSpec.check_options`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.schema import MAX_DOCUMENTS, DocumentRequest, ParseOptions, ParseRequest, S3Config

# Short forms that people send, and the field that a string in them fills; "any": `_field_of` decides.
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
_LIST_FORMS = {"images", "image_urls"}

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

_MAX_PROBLEMS = 20  # in one message
_URL = re.compile(r"\s*(?:data:|[A-Za-z][A-Za-z0-9+.-]*://)")

JsonPath = tuple[str | int, ...]
Problem = tuple[JsonPath, str]  # where it is, and the message


def parse_request(
    job_input: Any, options_model: type[ParseOptions], foreign_options: Mapping[str, str] = MappingProxyType({})
) -> ParseRequest:
    """Return the validated request in a job's `input`; its options are an instance of `options_model`.

    foreign_options: options that only other engines know, each with the message that says which engine.
    Raises InvalidRequest, whose message lists every problem with its path and an example of the right form.
    """
    if not isinstance(job_input, Mapping):
        raise _request_error([((), f"should be an object with documents, not {_kind(job_input)}")])
    problems = list(_unknown_names(job_input))
    documents = _documents(job_input, problems)
    options = _options(job_input.get("options", {}), options_model, foreign_options, problems)
    if problems or options is None:
        raise _request_error(problems)
    try:
        key = job_input.get("idempotency_key")
        return ParseRequest(documents=documents, options=options, idempotency_key=key)
    except ValidationError as error:
        raise _request_error(collect_problems(error, (), ParseRequest)) from None


def parse_s3_config(value: Any) -> S3Config:
    """Return the bucket that a job's `s3Config` describes.

    Raises InvalidRequest when it is not valid; the message contains none of its values.
    """
    try:
        return S3Config.model_validate(value)
    except ValidationError as error:
        raise _request_error(collect_problems(error, ("s3Config",), S3Config), root="job") from None


def _unknown_names(job_input: Mapping[str, Any]) -> list[Problem]:
    fields = [*ParseRequest.model_fields, *SHORT_FORMS]
    unknown_names = [name for name in job_input if name not in fields]
    # The search for the closest name is slow, and a message shows no more names than this.
    hints = {name: _unknown_message(name, fields) for name in unknown_names[:_MAX_PROBLEMS]}
    return [((name,), hints.get(name, "is unknown")) for name in unknown_names]


# --------------------------------------------------------------------------- documents


def _documents(job_input: Mapping[str, Any], problems: list[Problem]) -> list[DocumentRequest]:
    """Return the documents of the input in any of its forms. Append what is wrong to `problems`."""
    forms = [name for name in ("documents", *SHORT_FORMS) if name in job_input]
    if not forms and problems:  # a misspelled name is the cause, and is among the problems already
        return []
    if len(forms) != 1:
        message = f"has {', '.join(forms)}; send exactly one of them" if forms else "has no document"
        problems.append(((), f'{message}; for example "documents": {EXAMPLES["documents"]}'))
        return []
    form, value = forms[0], job_input[forms[0]]
    if form != "documents" and form not in _LIST_FORMS:
        return _read({(form,): value}, SHORT_FORMS[form], problems)
    if not isinstance(value, Sequence) or isinstance(value, str):
        problems.append(((form,), f"should be a list, not {_kind(value)}{_example('documents')}"))
        return []
    if not 1 <= len(value) <= MAX_DOCUMENTS:
        problems.append(((form,), f"should have 1 to {MAX_DOCUMENTS} documents, not {len(value)}"))
    return _read({(form, index): item for index, item in enumerate(value)}, SHORT_FORMS.get(form, "any"), problems)


def _read(items: Mapping[JsonPath, Any], field: str, problems: list[Problem]) -> list[DocumentRequest]:
    """Return the documents among `items`, by path. field: the field that a plain string fills, or "any"."""
    documents = {path: document for path, item in items.items() if (document := _document(item, field, path, problems))}
    paths: dict[str, JsonPath] = {}  # of the first document with each id
    for path, document in documents.items():
        if document.id is not None and paths.setdefault(document.id, path) != path:
            message = f"is also the id of {_path_text(paths[document.id])}; use unique ids in a job"
            problems.append(((*path, "id"), message))
    return list(documents.values())


def _document(item: Any, field: str, path: JsonPath, problems: list[Problem]) -> DocumentRequest | None:
    if isinstance(item, str):
        item = {_field_of(item) if field == "any" else field: item}
    if not isinstance(item, Mapping):
        problems.append((path, f"should be a string or an object, not {_kind(item)}; for example {EXAMPLES['url']}"))
        return None
    try:
        return DocumentRequest.model_validate(dict(item))
    except ValidationError as error:
        problems += collect_problems(error, path, DocumentRequest)
        return None


def _field_of(text: str) -> str:
    return "url" if _URL.match(text) else "base64"


# --------------------------------------------------------------------------- options


def _options(
    value: Any, model: type[ParseOptions], foreign_options: Mapping[str, str], problems: list[Problem]
) -> ParseOptions | None:
    if not isinstance(value, Mapping):
        problems.append((("options",), f"should be an object, not {_kind(value)}{_example('options')}"))
        return None
    try:
        return model.model_validate(dict(value))
    except ValidationError as error:
        problems += [
            (path, foreign_options.get(str(path[-1]), message))
            for path, message in collect_problems(error, ("options",), model)
        ]
        return None


# --------------------------------------------------------------------------- problems


def collect_problems(error: ValidationError, parent: JsonPath, model: type[BaseModel]) -> list[Problem]:
    """Return the problems of a pydantic error, with their paths below `parent`."""
    problems: list[Problem] = []
    for detail in error.errors(include_url=False, include_input=False):
        path = parent + tuple(detail["loc"])
        name = str(path[-1]) if path else ""
        if detail["type"] == "extra_forbidden":
            problems.append((path, _unknown_message(name, list(model.model_fields))))
        else:
            message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
            problems.append((path, message[:1].lower() + message[1:] + _example(name)))
    return problems


def _unknown_message(name: str, fields: list[str]) -> str:
    matches = get_close_matches(name, fields, n=1, cutoff=0.5)
    hint = f"did you mean {matches[0]!r}?" if matches else f"allowed: {', '.join(fields)}"
    return f"is unknown; {hint}"


def _example(name: str) -> str:
    return f"; for example {EXAMPLES[name]}" if name in EXAMPLES else ""


def _request_error(problems: list[Problem], root: str = "input") -> InvalidRequest:
    lines = [f"{_path_text(path, root)}: {message}" for path, message in problems[:_MAX_PROBLEMS]]
    if len(problems) > _MAX_PROBLEMS:
        lines.append(f"and {len(problems) - _MAX_PROBLEMS} more")
    error = InvalidRequest("; ".join(lines) if len(lines) == 1 else "\n- ".join([f"{len(problems)} problems:", *lines]))
    error.problems = problems
    return error


def _path_text(path: JsonPath, root: str = "input") -> str:
    return root + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
