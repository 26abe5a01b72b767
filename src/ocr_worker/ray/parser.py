"""A stage for Ray Data that parses documents: a row per document in, a row per page out.

    dataset.map_batches(
        PageParser, fn_constructor_kwargs={"engine": "embedded"}, batch_format="pyarrow", batch_size=8,
        num_cpus=1, concurrency=4, udf_modifying_row_count=True)

Each of Ray's actors holds a warm pipeline. Documents are rendered in processes of the actor, or before it by
`PageRenderer`. An error costs the page or document that it hits, which is a row with the error; no exception leaves the
stage for a document. Ray repeats the blocks that a lost actor had in progress, so a page can be parsed more than once,
but `(document_sha256, page)` is once in the output of a stage whose rows were written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pyarrow

from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.parsing.rendering import RenderedDocument
from ocr_worker.ray.tables import (
    NO_BYTES,
    decode_page,
    document_columns,
    document_entries,
    read_document,
    read_stage,
    schema,
)
from ocr_worker.wire.page_rows import PAGE_COLUMNS, page_rows
from ocr_worker.wire.schema import MAX_DOCUMENTS, DocumentRequest, DocumentResult

_SHARED = ("name", "document_sha256")
_PASSED_ON = (*_SHARED, "page", "page_count", "error_code", "error_message")


class PageParser:
    """A callable for `Dataset.map_batches` with `batch_format="pyarrow"`.

    engine: its name, such as `embedded`; default: the setting `OCR_ENGINE`. All other settings are read from the
    actor's environment. options: `options` of the request, for all documents. The constructor starts the engine. Raises
    SettingsInvalid, InvalidRequest: an option is wrong; EngineUnavailable, WeightsMissing.
    """

    def __init__(self, engine: str | None = None, options: Mapping[str, Any] = MappingProxyType({})) -> None:
        settings, self._spec, self._request = read_stage(engine, options)
        self._pipeline = Pipeline(settings)
        self._pipeline.start()
        info = self._pipeline.engine.info
        self._engine = f"{info.name} {info.version} ({info.backend})"

    def __call__(self, documents: Any) -> Any:
        """Return the pages of a table of documents or of rendered pages, in their order.

        documents: a pyarrow.Table with `bytes` (the file), and perhaps `name`, `pages` (ranges such as `1-3,8`; null:
        all) and `password`, and other columns, which are dropped; or a table of `PageRenderer`. Return a table with
        `PAGE_COLUMNS`. Raises InvalidRequest: there is no column `bytes`, or a rendered page is damaged.
        """
        if "pixels" in documents.column_names:
            entries, parse = documents.to_pylist(), self._parse_rendered
        else:
            entries, parse = document_entries(documents), self._parse_documents
        chunks = (entries[start : start + MAX_DOCUMENTS] for start in range(0, len(entries), MAX_DOCUMENTS))
        rows = [{**row, "engine": self._engine} for chunk in chunks for row in parse(chunk)]
        return pyarrow.Table.from_pylist(rows, schema=schema(PAGE_COLUMNS))

    def _parse_documents(self, entries: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows of all pages of the documents, which are parsed in one job."""
        requests = [read_document(entry, f"document-{number}", self._spec) for number, entry in enumerate(entries)]
        results = self._run([request for request in requests if isinstance(request, DocumentRequest)])
        for entry, request in zip(entries, requests, strict=True):
            if isinstance(request, DocumentRequest):
                result = results[request.id or ""]
            else:
                result = DocumentResult(id="", status="failed", error=request)
            yield from page_rows(result, document_columns(entry))

    def _parse_rendered(self, entries: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows of rendered pages, which are parsed in one job. Those with an error are passed on."""
        documents = {
            f"page-{number}": RenderedDocument([decode_page(entry)], entry["page_count"])
            for number, entry in enumerate(entries)
            if entry["error_code"] is None
        }
        results = self._run([DocumentRequest(id=name, base64=NO_BYTES) for name in documents], documents)
        for number, entry in enumerate(entries):
            if result := results.get(f"page-{number}"):
                yield from page_rows(result, {column: entry[column] for column in _SHARED})
            else:
                yield {**{column: entry[column] for column in _PASSED_ON}, "status": "failed"}

    def _run(
        self,
        requests: Sequence[DocumentRequest],
        rendered: Mapping[str, RenderedDocument] = MappingProxyType({}),
    ) -> dict[str, DocumentResult]:
        """Return the results of documents by their id."""
        if not requests:
            return {}
        job = self._request.model_copy(update={"documents": list(requests)})
        response = self._pipeline.job(job, "ray", rendered=rendered).run()
        return {result.id: result for result in response.documents}
