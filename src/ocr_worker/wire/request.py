"""Read a job's `input` into a `ParseRequest`. Pure.

The input may use the models' own form, or what people send who come from other tools: short forms such as
`{"image_url": ...}`, null for what is not given, numbers as text. `names` knows which field belongs where, and
`source_text` what the text of a source is. All problems are collected before an error is raised: one InvalidRequest
lists each with its JSON path and an example of the right form. Whether this worker supports the options is not checked
here: an engine's spec does that (`EngineSpec.check_options`).

A source that can never be read, such as invalid base64, makes no request invalid, since other documents of the job may
be good: it becomes the error of its document. It is listed here only if the request is invalid for another reason, so
that everything can be corrected at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ocr_worker.errors import InvalidRequest
from ocr_worker.wire import source_text
from ocr_worker.wire.names import (
    BESIDE_ONE_DOCUMENT,
    LIST_FORMS,
    SHORT_FORMS,
    FieldNames,
    closest_name,
    unknown_message,
)
from ocr_worker.wire.schema import MAX_DOCUMENTS, DocumentRequest, ParseOptions, ParseRequest, S3Config, document_id

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
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)

Model = TypeVar("Model", bound=BaseModel)
JsonPath = tuple[str | int, ...]
Problem = tuple[JsonPath, str]  # where it is, and the message


def parse_request(
    job_input: Any, options_model: type[ParseOptions], foreign_options: Mapping[str, str] = MappingProxyType({})
) -> ParseRequest:
    """Return the validated request in a job's `input`; its options are an instance of `options_model`.

    foreign_options: options that only other engines know, each with the message that says which engine.
    Raises InvalidRequest, whose message lists every problem with its path and an example of the right form.
    """
    root: JsonPath = ()
    while isinstance(job_input, Mapping) and list(given_fields(job_input)) == ["input"]:  # wrapped twice
        job_input, root = job_input["input"], (*root, "input")
    if not isinstance(job_input, Mapping):
        raise _request_error([(root, f"should be an object with documents, not {_kind(job_input)}")])
    reader = _RequestReader(given_fields(job_input), FieldNames(options_model, foreign_options))
    try:
        return reader.read(options_model)
    except InvalidRequest as error:
        raise _request_error([((*root, *path), message) for path, message in error.problems]) from None


def parse_s3_config(value: Any) -> S3Config:
    """Return the bucket that a job's `s3Config` describes.

    Raises InvalidRequest when it is not valid; the message contains none of its values.
    """
    try:
        return S3Config.model_validate(value)
    except ValidationError as error:
        raise _request_error(collect_problems(error, ("s3Config",), S3Config), root="job") from None


def given_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are given: null and the empty string, as forms send for empty fields, are not."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}


# --------------------------------------------------------------------------- reading


@dataclass
class _Source:
    """A document of the input: its fields, and the path at which each was written."""

    path: JsonPath
    fields: dict[str, Any]
    paths: dict[str, JsonPath]

    def path_of(self, location: Sequence[str | int]) -> JsonPath:
        """Return the path of a location in `fields`, as the caller wrote it."""
        if not location:
            return self.path
        name, *rest = location
        return (*self.paths.get(str(name), (*self.path, name)), *rest)


class _RequestReader:
    """A reader of one input, without members that are not given. It collects problems while it reads."""

    def __init__(self, job_input: Mapping[str, Any], names: FieldNames) -> None:
        self._input = job_input
        self._names = names
        self._problems: list[Problem] = []

    def read(self, options_model: type[ParseOptions]) -> ParseRequest:
        """Return the request. Raises InvalidRequest with `problems`."""
        self._check_names()
        sources = self._sources()
        documents = {number: document for number, source in sources.items() if (document := self._document(source))}
        self._check_ids(sources, documents)
        options = self._options(options_model)
        request = self._request(list(documents.values()), options)
        if request is None or self._problems:
            self._check_texts(sources.values())
            raise _request_error(self._problems)
        return request

    def _check_names(self) -> None:
        names = [name for name in self._input if name not in self._names.levels["input"]]
        # The search for the closest name is slow, and a message shows no more names than this.
        for name in names[:_MAX_PROBLEMS]:
            self._problems.append(((name,), self._names.unknown_message(name, "input")))
        self._problems += [((name,), "is unknown") for name in names[_MAX_PROBLEMS:]]

    def _request(self, documents: list[DocumentRequest], options: ParseOptions | None) -> ParseRequest | None:
        fields: dict[str, Any] = {"documents": documents, "options": options or ParseOptions()}
        if "idempotency_key" in self._input:
            fields["idempotency_key"] = self._input["idempotency_key"]
        try:
            return _validate(ParseRequest, fields)
        except ValidationError as error:
            problems = collect_problems(error, (), ParseRequest)
            # The number of documents is among the problems already.
            self._problems += [(path, message) for path, message in problems if path != ("documents",)]
            return None

    def _options(self, model: type[ParseOptions]) -> ParseOptions | None:
        value = self._input.get("options", {})
        if not isinstance(value, Mapping):
            self._problems.append((("options",), f"should be an object, not {_kind(value)}{_example('options')}"))
            return None
        try:
            return _validate(model, given_fields(value))
        except ValidationError as error:
            self._problems += collect_problems(
                error, ("options",), model, lambda name: self._names.unknown_message(name, "options")
            )
            return None

    # ----------------------------------------------------------------- documents

    def _sources(self) -> dict[int, _Source]:
        """Return the documents of the input in any of its forms, by their numbers, which count from 1."""
        forms = [name for name in ("documents", *SHORT_FORMS) if name in self._input]
        forms = [name for name in forms if self._input[name] != []] or forms[:1]
        if not forms and self._problems:  # a misspelled name is the cause, and is among the problems already
            return {}
        if len(forms) != 1:
            message = f"has {', '.join(forms)}; send exactly one of them" if forms else "has no document"
            self._problems.append(((), f'{message}; for example "documents": {EXAMPLES["documents"]}'))
            return {}
        form, value = forms[0], self._input[forms[0]]
        items: dict[JsonPath, Any] = {(form,): value}
        if form == "documents" or form in LIST_FORMS:
            if not isinstance(value, Sequence) or isinstance(value, str):
                self._problems.append(((form,), f"should be a list, not {_kind(value)}{_example('documents')}"))
                return {}
            if not 1 <= len(value) <= MAX_DOCUMENTS:
                self._problems.append(((form,), f"should have 1 to {MAX_DOCUMENTS} documents, not {len(value)}"))
            items = {(form, index): item for index, item in enumerate(value)}
        field = SHORT_FORMS.get(form, "any")
        sources = {number: self._source(item, field, path) for number, (path, item) in enumerate(items.items(), 1)}
        self._add_fields_beside(list(sources.values()))
        return {number: source for number, source in sources.items() if source}

    def _source(self, item: Any, field: str, path: JsonPath) -> _Source | None:
        """Return a document. field: the field that a plain string fills, or "any"."""
        if isinstance(item, str):
            name = "base64" if field == "any" else field
            source = _Source(path, {name: item}, {name: path})
        elif isinstance(item, Mapping):
            source = _Source(path, given_fields(item), {})
        else:
            message = f"should be a string or an object, not {_kind(item)}; for example {EXAMPLES['url']}"
            self._problems.append((path, message))
            return None
        _settle_source_field(source)
        return source

    def _add_fields_beside(self, sources: Sequence[_Source | None]) -> None:
        """Give the fields that are beside a document to it, if it is the only one."""
        for name in BESIDE_ONE_DOCUMENT:
            if name not in self._input or not sources:
                continue
            source = sources[0]
            if len(sources) > 1:
                message = f"belongs in one of the {len(sources)} documents, as {_path_text(('documents', 0, name))}"
                self._problems.append(((name,), message))
            elif source and name in source.fields:
                message = f"is also at {_path_text(source.path_of((name,)))}; send it once"
                self._problems.append(((name,), message))
            elif source:
                source.fields[name], source.paths[name] = self._input[name], (name,)

    def _document(self, source: _Source) -> DocumentRequest | None:
        try:
            return _validate(DocumentRequest, source.fields)
        except ValidationError as error:
            problems = collect_problems(
                error, (), DocumentRequest, lambda name: self._names.unknown_message(name, "document")
            )
            self._problems += [(source.path_of(path), message) for path, message in problems]
            return None

    def _check_ids(self, sources: Mapping[int, _Source], documents: Mapping[int, DocumentRequest]) -> None:
        """Check that no two documents have the same id, default ids included."""
        ids = {number: document_id(document, number) for number, document in documents.items()}
        defaults = {ids[number]: number for number, document in documents.items() if document.id is None}
        owners: dict[str, int] = {}
        for number, document in documents.items():
            if document.id is None:
                continue
            other = defaults.get(document.id) or owners.setdefault(document.id, number)
            if other != number:
                kind = "default id" if document.id in defaults else "id"
                message = f"is also the {kind} of {_path_text(sources[other].path)}; use unique ids in a job"
                self._problems.append((sources[number].path_of(("id",)), message))

    def _check_texts(self, sources: Iterable[_Source]) -> None:
        """Add what is wrong in the texts of sources to the problems. The cost is that of decoding them."""
        for source in sources:
            texts = {name: text for name in ("url", "base64") if isinstance(text := source.fields.get(name), str)}
            if len(texts) == 1 and (
                message := source_text.find_problem(url=texts.get("url"), base64=texts.get("base64"))
            ):
                self._problems.append((source.path_of(list(texts)), message))


def _settle_source_field(source: _Source) -> None:
    """Clean the source's text, and move what is a URL from `base64` to `url`."""
    fields = source.fields
    for name in ("url", "base64"):
        if isinstance(fields.get(name), str):
            fields[name] = source_text.clean(fields[name])
    text = fields.get("base64")
    if isinstance(text, str) and "url" not in fields and (source_text.is_url(text) or source_text.is_data_uri(text)):
        source.paths["url"] = source.path_of(("base64",))
        fields["url"] = fields.pop("base64")


# --------------------------------------------------------------------------- values


def _validate(model: type[Model], fields: dict[str, Any]) -> Model:
    """Return the model of `fields`. Values of another JSON type that can mean only one thing are converted.

    Raises ValidationError.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        converted_fields = dict(fields)
        for problem in error.errors(include_url=False, include_input=False):
            if len(problem["loc"]) == 1 and (name := str(problem["loc"][0])) in fields:
                converted_fields[name] = _convert(fields[name], problem["type"])
        return model.model_validate(converted_fields)


def _convert(value: Any, error_type: str) -> Any:
    """Return a value as the type that pydantic misses, or as it is: "200" as 200, "true" as true, 17 as "17"."""
    match error_type, value:
        case "int_type" | "float_type", str() if _NUMBER.fullmatch(value.strip()):
            return _convert(float(value), error_type) if "." in value else int(value)
        case "int_type", float() if value.is_integer():
            return int(value)
        case "bool_type", str() if value.lower() in ("true", "false"):
            return value.lower() == "true"
        case "string_type", int() if not isinstance(value, bool):
            return str(value)
        case "list_type", str():
            return [value]
    return value


# --------------------------------------------------------------------------- problems


def collect_problems(
    error: ValidationError, parent: JsonPath, model: type[BaseModel], unknown: Callable[[str], str] | None = None
) -> list[Problem]:
    """Return the problems of a pydantic error, with their paths below `parent`.

    unknown: message for a field with an unknown name; default: compares the name with the fields of `model`.
    """
    problems: list[Problem] = []
    for detail in error.errors(include_url=False, include_input=False):
        path = parent + tuple(detail["loc"])
        name = str(path[-1]) if path else ""
        if detail["type"] == "extra_forbidden":
            fields = model.model_fields
            problems.append((path, unknown(name) if unknown else unknown_message(closest_name(name, fields), fields)))
        else:
            message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
            problems.append((path, message[:1].lower() + message[1:] + _example(name)))
    return problems


def _example(name: str) -> str:
    return f"; for example {EXAMPLES[name]}" if name in EXAMPLES else ""


def _request_error(problems: Sequence[Problem], root: str = "input") -> InvalidRequest:
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
