"""What OpenAPI says of a route whose body it cannot tell by its arguments."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from ocr_worker.app.problems import MEDIA_TYPE, status_of
from ocr_worker.errors import ClientError, SettingsInvalid, SourceTimedOut, error_types
from ocr_worker.wire.json_schema import request_schema
from ocr_worker.wire.schema import ParseOptions

_ELSEWHERE = (ClientError, SettingsInvalid)  # what no caller of the app hears
_EXAMPLE = {"documents": [{"url": "https://example.com/report.pdf", "pages": "1-3"}], "options": {"figures": "none"}}
_FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "url": {"type": "array", "items": {"type": "string", "format": "uri"}},
        "pages": {"type": "string", "description": "of every document", "examples": ["1-3,8"]},
        "password": {"type": "string", "description": "opens encrypted PDFs"},
        "options": {"type": "string", "description": "JSON of the options", "examples": ['{"figures": "inline"}']},
        "idempotency_key": {"type": "string"},
    },
}


class Problem(BaseModel):
    """RFC 9457, with our code; a job that failed also has `documents` and `coverage`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    retryable: bool


def parse_route(options: type[ParseOptions]) -> dict[str, Any]:
    """Return what OpenAPI says of `/v1/parse`: its body, whose options are `options`, and its responses."""
    schema = request_schema(options)
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": _inlined(schema, schema.pop("$defs", {})), "example": _EXAMPLE},
            "multipart/form-data": {"schema": _FORM},
        },
    }
    answers = {
        "text/markdown": {"schema": {"type": "string"}},
        "application/x-ndjson": {"schema": {"type": "string"}},
        "text/event-stream": {"schema": {"type": "string"}},
    }
    return {
        "openapi_extra": {"requestBody": body},
        "responses": {
            200: {"description": "The answer, in the form of `Accept`", "content": answers},
            **problem_answers(),
        },
    }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with what it refers to in its place: a part of OpenAPI's document has no definitions of its own."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if name := schema.get("$ref", "").rpartition("/")[2]:
        return _inlined(definitions[name], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}


def problem_answers() -> dict[int | str, dict[str, Any]]:
    """Every status that a problem has, with the codes that it tells."""
    codes: dict[HTTPStatus, list[str]] = {
        HTTPStatus.BAD_REQUEST: ["INVALID_REQUEST"],
        HTTPStatus.REQUEST_TIMEOUT: [SourceTimedOut.code],  # the body itself; else 422
    }
    for code in dict.fromkeys(error.code for error in error_types() if not issubclass(error, _ELSEWHERE)):
        codes.setdefault(status_of(code), []).append(code)
    schema = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        int(status): {"description": ", ".join(found), "content": schema} for status, found in sorted(codes.items())
    }
