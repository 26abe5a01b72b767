"""A stage for Ray Data that parses documents: a row per document in, a row per page out.

    dataset.map_batches(
        PageParser, fn_constructor_kwargs={"engine": "embedded"}, batch_format="pyarrow", batch_size=8,
        num_cpus=1, concurrency=4, udf_modifying_row_count=True)

Each of Ray's actors holds a warm pipeline. Ray does the placement, the restarts and the transport: the stage knows
nothing of them, and this module imports only pyarrow. Documents are rendered in processes of the actor. An error costs
the page or document that it hits, which is a row with the error; no exception leaves the stage for a document. Ray
repeats the blocks that a lost actor had in progress, so a page can be parsed more than once, but `(document_sha256,
page)` is once in the output of a stage whose rows were written once.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ocr_worker import extras
from ocr_worker.engines.registry import engine_spec, read_request
from ocr_worker.errors import InvalidRequest, OcrWorkerError
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import load_settings
from ocr_worker.wire.page_rows import PAGE_COLUMNS, page_rows
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import MAX_DOCUMENTS, DocumentRequest, DocumentResult, ErrorInfo

with extras.needed_by("PageParser", "ray"):
    import pyarrow

_NO_BYTES = "AA=="  # a document that is never parsed: a request has at least one
_INPUTS = {"bytes", "name", "pages", "password"}


class PageParser:
    """A callable for `Dataset.map_batches` with `batch_format="pyarrow"`.

    engine: its name, such as `embedded`; default: the setting `OCR_ENGINE`. All other settings are read from the
    actor's environment. options: `options` of the request, for all documents. The constructor starts the engine. Raises
    SettingsInvalid, InvalidRequest: an option is wrong; EngineUnavailable, WeightsMissing.
    """

    def __init__(self, engine: str | None = None, options: Mapping[str, Any] = MappingProxyType({})) -> None:
        settings = load_settings()
        if engine is not None:
            settings = settings.model_copy(update={"engine": engine})
        spec = engine_spec(settings.engine)
        self._spec = spec
        self._request = read_request({"documents": [{"base64": _NO_BYTES}], "options": dict(options)}, spec)
        spec.check_options(self._request.options, settings)
        self._pipeline = Pipeline(settings)
        self._pipeline.start()
        info = self._pipeline.engine.info
        self._engine = f"{info.name} {info.version} ({info.backend})"

    def __call__(self, documents: Any) -> Any:
        """Return the pages of a table of documents, in their order.

        documents: a pyarrow.Table with `bytes` (the file), and perhaps `name`, `pages` (ranges such as `1-3,8`; null:
        all) and `password`. Other columns are dropped. Return a table with `PAGE_COLUMNS`. Raises InvalidRequest: there
        is no column `bytes`.
        """
        if "bytes" not in documents.column_names:
            raise InvalidRequest(f"the table has no column `bytes`, only {', '.join(documents.column_names)}")
        columns = [name for name in documents.column_names if name in _INPUTS]
        entries = documents.select(columns).to_pylist()
        chunks = (entries[start : start + MAX_DOCUMENTS] for start in range(0, len(entries), MAX_DOCUMENTS))
        rows = [row for chunk in chunks for row in self._rows(chunk)]
        schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in PAGE_COLUMNS.items()])
        return pyarrow.Table.from_pylist(rows, schema=schema)

    def _rows(self, entries: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows of all pages of the documents, which are parsed in one job."""
        requests = [self._read(entry, f"document-{number}") for number, entry in enumerate(entries)]
        valid_requests = [request for request in requests if isinstance(request, DocumentRequest)]
        results: dict[str, DocumentResult] = {}
        if valid_requests:
            job = self._request.model_copy(update={"documents": valid_requests})
            results = {result.id: result for result in self._pipeline.job(job, "ray").run().documents}
        for entry, request in zip(entries, requests, strict=True):
            shared_columns = {
                "document_sha256": hashlib.sha256(entry["bytes"] or b"").hexdigest(),
                "name": entry.get("name"),
                "engine": self._engine,
            }
            if isinstance(request, DocumentRequest):
                result = results[request.id or ""]
            else:
                result = DocumentResult(id="", status="failed", error=request)
            yield from page_rows(result, shared_columns)

    def _read(self, entry: Mapping[str, Any], name: str) -> DocumentRequest | ErrorInfo:
        """Return the request of a row, or why it is not valid."""
        fields = {field: entry[field] for field in ("pages", "password") if entry.get(field) is not None}
        document = {**fields, "id": name, "base64": base64.b64encode(entry["bytes"] or b"").decode()}
        try:
            return read_request({"documents": [document]}, self._spec).documents[0]
        except OcrWorkerError as error:
            return error_info(error)
