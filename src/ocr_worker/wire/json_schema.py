"""Derive JSON Schemas from the wire models, from which clients in other languages can be generated.

`ocr-worker schema` writes them to `docs/`. An engine's own options are part of its request schema, so that there is one
request schema for each engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, create_model

from ocr_worker.wire.names import BESIDE_ONE_DOCUMENT, LIST_FORMS, SHORT_FORMS
from ocr_worker.wire.schema import (
    MAX_DOCUMENTS,
    PageChunk,
    ParseOptions,
    ParseRequest,
    ParseResponse,
    PartChunk,
    SummaryChunk,
)


def wire_schemas(options: Mapping[str, type[ParseOptions]]) -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas by file name: a request for each engine, the response, and a chunk.

    options: the options model of each engine, by the engine's name. Requests differ in nothing else.
    """
    schemas = {f"request.{engine}.schema.json": _request(engine, model) for engine, model in options.items()}
    chunk: TypeAdapter[Any] = TypeAdapter(PageChunk | PartChunk | SummaryChunk)
    return {
        **schemas,
        "answer.schema.json": ParseResponse.model_json_schema(mode="serialization"),
        "chunk.schema.json": chunk.json_schema(mode="serialization"),
    }


def request_schema(options: type[ParseOptions]) -> dict[str, Any]:
    """Return the JSON Schema of a request whose options are `options`.

    It accepts short forms and null for what is not given. It is stricter than the worker in one way: the worker also
    accepts numbers and booleans as text.
    """
    model = create_model("ParseRequest", __base__=ParseRequest, options=(options, options()))
    schema = model.model_json_schema()
    document = schema["$defs"]["DocumentRequest"]
    document["oneOf"] = [_has(name) for name in ("url", "base64")]
    del schema["required"]
    schema["properties"] |= _short_forms() | {name: document["properties"][name] for name in BESIDE_ONE_DOCUMENT}
    schema["oneOf"] = [_has(form) for form in ("documents", *SHORT_FORMS)]
    schema["if"] = {"anyOf": [_has(name) for name in BESIDE_ONE_DOCUMENT]}
    schema["then"] = {"properties": {name: {"maxItems": 1} for name in ("documents", *LIST_FORMS)}}
    schema["properties"]["documents"]["items"] = _DOCUMENT
    options_name = schema["properties"]["options"]["$ref"].rpartition("/")[2]
    for members in (schema, document, schema["$defs"][options_name]):
        members["properties"] = {name: _nullable(value) for name, value in members["properties"].items()}
    return schema


_DOCUMENT = {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/DocumentRequest"}]}


def _short_forms() -> dict[str, Any]:
    documents = {"type": "array", "items": _DOCUMENT, "minItems": 1, "maxItems": MAX_DOCUMENTS}
    return {
        form: {
            **(documents if form in LIST_FORMS else {"anyOf": [{"type": "string"}, *_DOCUMENT["anyOf"][1:]]}),
            "description": f"Short form of `documents`: {_SHORT_FORM_TEXTS[field]}.",
        }
        for form, field in SHORT_FORMS.items()
    }


_SHORT_FORM_TEXTS = {
    "any": "a URL, a `data:` URI, base64, or a document",
    "url": "a URL or `data:` URI, or a document",
    "base64": "base64 or a `data:` URI, or a document",
}


def _has(name: str) -> dict[str, Any]:
    """Return the schema of an object in which the member is given: null and the empty string are not."""
    return {"required": [name], "properties": {name: {"not": {"enum": [None, ""]}}}}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a member's schema that also accepts null."""
    annotations = {
        key: value for key, value in schema.items() if key in ("title", "description", "default", "examples")
    }
    constraints = {key: value for key, value in schema.items() if key not in annotations}
    alternatives = constraints.get("anyOf", [constraints])
    if {"type": "null"} in alternatives:
        return schema
    return {"anyOf": [*alternatives, {"type": "null"}], **annotations}


def _request(engine: str, options: type[ParseOptions]) -> dict[str, Any]:
    schema = request_schema(options)
    forms = ", ".join(f"`{form}`" for form in SHORT_FORMS)
    schema["description"] = (
        f"The `input` of a job for the engine {engine}. These short forms can replace `documents`: {forms}."
    )
    return schema
