"""JSON Schema of the wire, from the models: what `docs/` shows and other languages generate their clients from."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, create_model

from ocr_worker.engines.registry import ENGINE_OPTIONS
from ocr_worker.wire.request import SHORT_FORMS
from ocr_worker.wire.schema import PageChunk, ParseOptions, ParseRequest, ParseResponse, PartChunk, SummaryChunk


def wire_schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON Schema: a request for each engine (they differ in their options), the answer, a chunk."""
    schemas = {f"request.{engine}.schema.json": _request(engine, model) for engine, model in ENGINE_OPTIONS.items()}
    chunk: TypeAdapter[Any] = TypeAdapter(PageChunk | PartChunk | SummaryChunk)
    return {
        **schemas,
        "answer.schema.json": ParseResponse.model_json_schema(mode="serialization"),
        "chunk.schema.json": chunk.json_schema(mode="serialization"),
    }


def _request(engine: str, options: type[ParseOptions]) -> dict[str, Any]:
    model = create_model("ParseRequest", __base__=ParseRequest, options=(options, options()))
    schema = model.model_json_schema()
    forms = ", ".join(f"`{form}`" for form in SHORT_FORMS)
    schema["description"] = f"A job's `input` for the engine {engine}. Short forms stand for `documents`: {forms}."
    return schema
