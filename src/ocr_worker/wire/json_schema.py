"""Derive JSON Schemas from the wire models, from which clients in other languages can be generated.

`ocr-worker schema` writes them to `docs/`. An engine's own options are part of its request schema, so that there is one
request schema for each engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, create_model

from ocr_worker.wire.names import SHORT_FORMS
from ocr_worker.wire.schema import PageChunk, ParseOptions, ParseRequest, ParseResponse, PartChunk, SummaryChunk


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
    """Return the JSON Schema of a request whose options are `options`."""
    model = create_model("ParseRequest", __base__=ParseRequest, options=(options, options()))
    return model.model_json_schema()


def _request(engine: str, options: type[ParseOptions]) -> dict[str, Any]:
    schema = request_schema(options)
    forms = ", ".join(f"`{form}`" for form in SHORT_FORMS)
    schema["description"] = (
        f"The `input` of a job for the engine {engine}. These short forms can replace `documents`: {forms}."
    )
    return schema
