"""Parts of both stages: their settings and options, the rows of documents, and rendered pages as bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow

from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.process.protocol import decode_images, encode_images
from ocr_worker.engines.registry import engine_spec, read_request
from ocr_worker.errors import InvalidRequest, OcrWorkerError
from ocr_worker.pages import PageImage
from ocr_worker.settings import Settings, load_settings
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import DocumentRequest, ErrorInfo, ParseRequest

NO_BYTES = "AA=="  # a document that is never parsed: a request has at least one
RENDERED_COLUMNS = {
    "name": "string",
    "document_sha256": "string",
    "page": "int32",
    "page_count": "int32",
    "header": "string",
    "pixels": "binary",
    "error_code": "string",
    "error_message": "string",
}
_INPUTS = {"bytes", "name", "pages", "password"}
_CODEC = "lz4"  # fast enough to cost little beside the rendering, and white paper gets small


class Stage(NamedTuple):
    """The settings of a stage, its engine's declaration, and a request with its options."""

    settings: Settings
    spec: EngineSpec[Any]
    request: ParseRequest


def read_stage(engine: str | None, options: Mapping[str, Any]) -> Stage:
    """Return the meaning of the arguments of a stage. Raises SettingsInvalid, InvalidRequest: an option is wrong."""
    settings = load_settings()
    if engine is not None:
        settings = settings.model_copy(update={"engine": engine})
    spec = engine_spec(settings.engine)
    request = read_request({"documents": [{"base64": NO_BYTES}], "options": dict(options)}, spec)
    spec.check_options(request.options, settings)
    return Stage(settings, spec, request)


def schema(columns: Mapping[str, str]) -> Any:
    """Return the schema of a table with these columns."""
    return pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in columns.items()])


def document_entries(documents: Any) -> list[dict[str, Any]]:
    """Return the rows of a table of documents. Raises InvalidRequest: there is no column `bytes`."""
    if "bytes" not in documents.column_names:
        raise InvalidRequest(f"the table has no column `bytes`, only {', '.join(documents.column_names)}")
    entries: list[dict[str, Any]] = documents.select(
        [name for name in documents.column_names if name in _INPUTS]
    ).to_pylist()
    return entries


def document_columns(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that all rows of a document share."""
    return {"name": entry.get("name"), "document_sha256": hashlib.sha256(entry["bytes"] or b"").hexdigest()}


def read_document(entry: Mapping[str, Any], name: str, spec: EngineSpec[Any]) -> DocumentRequest | ErrorInfo:
    """Return the request of a row, or why it is not valid."""
    fields = {field: entry[field] for field in ("pages", "password") if entry.get(field) is not None}
    document = {**fields, "id": name, "base64": base64.b64encode(entry["bytes"] or b"").decode()}
    try:
        return read_request({"documents": [document]}, spec).documents[0]
    except OcrWorkerError as error:
        return error_info(error)


# --------------------------------------------------------------------------- rendered pages


def encode_page(page: PageImage) -> dict[str, Any]:
    """Return the columns of a rendered page; its header is JSON, so that nothing is unpickled."""
    (header,), (pixels,) = encode_images([page])
    compressed = pyarrow.compress(pixels, codec=_CODEC, asbytes=True)
    return {"page": page.number, "header": json.dumps(header), "pixels": compressed}


def decode_page(row: Mapping[str, Any]) -> PageImage:
    """Return the page in a row. Raises InvalidRequest: the row is not one of `PageRenderer`."""
    try:
        header = json.loads(row["header"])
        size = math.prod(header["shape"])
        pixels = pyarrow.decompress(row["pixels"], decompressed_size=size, codec=_CODEC, asbytes=True)
        (page,) = decode_images([header], [bytearray(pixels)])  # pixels that can be written
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InvalidRequest(f"a row is not a rendered page ({type(error).__name__}): use PageRenderer") from None
    return page
