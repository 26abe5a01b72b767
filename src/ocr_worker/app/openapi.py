"""OpenAPI of `/v1/parse`, whose body FastAPI cannot derive from the route's arguments, and of errors.

The route reads JSON or a form itself, and its options depend on the engine. So its request body, its media types and
its errors are described here, from the same models that check a request. `install` adds `Problem`, the body of errors,
as one component to which the responses of all routes refer.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from ocr_worker.app.problems import MEDIA_TYPE, status_of
from ocr_worker.errors import ClientError, SettingsInvalid, SourceTimedOut, error_types
from ocr_worker.wire.json_schema import request_schema
from ocr_worker.wire.schema import Coverage, DocumentResult, ParseOptions

_ERRORS_WITHOUT_RESPONSE = (ClientError, SettingsInvalid)  # no request to the app gets these
_EXAMPLE = {"documents": [{"url": "https://example.com/report.pdf", "pages": "1-3"}], "options": {"figures": "none"}}
_HEADERS = {
    "X-Status": {
        "description": "`succeeded` or `partial`, as in the response. Streams do not have it.",
        "schema": {"enum": ["succeeded", "partial"]},
    },
    "X-Coverage": {
        "description": "Counts of documents and pages, as in the response. Streams do not have it.",
        "schema": {"type": "string"},
        "example": "documents_expected=2, documents_failed=1, pages_expected=3, pages_parsed=3, pages_failed=0",
    },
}
_FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "Files. The id of each in the response is its name, made unique.",
        },
        "files": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "Files, under the name that other servers use.",
        },
        "id": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Id of each file, then of each URL, if they shall have other ids.",
        },
        "url": {"type": "array", "items": {"type": "string", "format": "uri"}},
        "pages": {
            "type": "string",
            "description": "Pages to parse of every document, counted from 1. Default: all.",
            "examples": ["1-3,8"],
        },
        "password": {"type": "string", "description": "Password of encrypted PDFs."},
        "options": {"type": "string", "description": "The options as JSON.", "examples": ['{"figures": "inline"}']},
    },
}


BINARY = {"type": "string", "format": "binary"}
_FILE: dict[str, Any] = {"schema": BINARY}
_QUERY = [
    {
        "name": "pages",
        "in": "query",
        "schema": {"type": "string"},
        "description": "Pages to parse, if the body is a file, such as `1-3,8`. Default: all.",
    },
    {
        "name": "options",
        "in": "query",
        "schema": {"type": "string"},
        "description": "The options as JSON, if the body is a file.",
    },
]


_COMPONENTS = "#/components/schemas/{model}"


class Problem(BaseModel):
    """Error response as of RFC 9457, with our code; a failed job also has `documents` and `coverage`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    documents: list[DocumentResult] | None = None
    coverage: Coverage | None = None


PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": _COMPONENTS.format(model="Problem")}}}


def install(app: FastAPI) -> None:
    """Add the component `Problem` to the app's OpenAPI document."""
    make_document = app.openapi

    def openapi() -> dict[str, Any]:
        document = make_document()
        schema = Problem.model_json_schema(ref_template=_COMPONENTS)
        components = document.setdefault("components", {}).setdefault("schemas", {})
        for name, definition in schema.pop("$defs", {}).items():
            components.setdefault(name, definition)
        components["Problem"] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def parse_route(options: type[ParseOptions]) -> dict[str, Any]:
    """Return the OpenAPI members of `/v1/parse`: its body, with options of the model `options`, and its responses."""
    schema = request_schema(options)
    schema["properties"].pop("idempotency_key")  # the app stores nothing, and rejects it
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": _inline_references(schema, schema.pop("$defs", {})), "example": _EXAMPLE},
            "multipart/form-data": {"schema": _FORM},
            **dict.fromkeys(("application/pdf", "image/*", "application/octet-stream"), _FILE),
        },
    }
    media_types = {
        "text/markdown": {"schema": {"type": "string"}},
        "application/zip": {"schema": {"type": "string", "format": "binary"}},
        "application/x-ndjson": {"schema": {"type": "string"}},
        "text/event-stream": {"schema": {"type": "string"}},
    }
    return {
        "openapi_extra": {"requestBody": body, "parameters": _QUERY},
        "responses": {
            200: {
                "description": "The response, in the format that `Accept` requests.",
                "content": media_types,
                "headers": _HEADERS,
            },
            **problem_responses(),
        },
    }


def form_body(required: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI members of a route that takes a form. required: name of its file, one of `properties`."""
    schema = {"type": "object", "required": [required], "properties": dict(properties)}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _inline_references(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return the schema with each reference replaced by its definition.

    A part of an OpenAPI document cannot have definitions of its own.
    """
    if isinstance(schema, list):
        return [_inline_references(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if name := schema.get("$ref", "").rpartition("/")[2]:
        return _inline_references(definitions[name], definitions)
    return {key: _inline_references(value, definitions) for key, value in schema.items()}


def problem_responses() -> dict[int | str, dict[str, Any]]:
    """Return an OpenAPI response for every status of a problem, with the error codes that have this status."""
    codes: dict[HTTPStatus, list[str]] = {
        HTTPStatus.BAD_REQUEST: ["INVALID_REQUEST"],
        HTTPStatus.REQUEST_TIMEOUT: [SourceTimedOut.code],  # the body itself; else 422
    }
    for code in dict.fromkeys(error.code for error in error_types() if not issubclass(error, _ERRORS_WITHOUT_RESPONSE)):
        codes.setdefault(status_of(code), []).append(code)
    return {
        int(status): {"description": ", ".join(error_codes), "content": PROBLEM}
        for status, error_codes in sorted(codes.items())
    }
