"""The stage before `PageParser`: it renders documents on processors, so that those of the GPUs' machines need not.

    dataset.map_batches(PageRenderer, fn_constructor_kwargs={"engine": "embedded", "options": {"dpi": 200}}, ...)

A rendered page has all that the pipeline's own rendering gives to the engine, the text layer included, so `PageParser`
returns the same pages. A page that cannot be rendered is a row with its error, which `PageParser` passes on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow

from ocr_worker.errors import InvalidRequest, OcrWorkerError
from ocr_worker.pages import PageImage
from ocr_worker.parsing.rendering import raster_request
from ocr_worker.ray.tables import (
    RENDERED_COLUMNS,
    document_columns,
    document_entries,
    encode_page,
    read_document,
    read_stage,
    schema,
)
from ocr_worker.settings import MEGABYTE
from ocr_worker.sources.rasterizer import RasterPool
from ocr_worker.wire.page_rows import NO_PAGE
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import ErrorInfo


class PageRenderer:
    """A callable for `Dataset.map_batches` with `batch_format="pyarrow"`: documents in, a row per rendered page out.

    engine, options: those of the `PageParser` that follows; `dpi` is needed, so that both stages name the same.
    Raises SettingsInvalid, InvalidRequest: an option is wrong, or needs all pages of a document.
    """

    def __init__(self, engine: str | None = None, options: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._settings, self._spec, request = read_stage(engine, options)
        self._options = self._spec.fill_options(request.options, self._settings)
        if self._options.dpi is None:
            raise InvalidRequest("PageRenderer needs the option dpi, the same as PageParser; for example 144 or 200")
        if self._spec.merges_pages(self._options):
            raise InvalidRequest("merge_pages needs all pages of a document: leave PageRenderer out")
        self._rasters = RasterPool(
            workers=1,
            memory_bytes=int(self._settings.raster_memory_mb * MEGABYTE),
            page_timeout_s=self._settings.raster_page_timeout_s,
        )

    def __call__(self, documents: Any) -> Any:
        """Return the rendered pages of a table of documents, in their order, as a table with `RENDERED_COLUMNS`.

        documents: as for `PageParser`. Raises InvalidRequest: there is no column `bytes`.
        """
        rows = [row for entry in document_entries(documents) for row in self._rows(entry)]
        return pyarrow.Table.from_pylist(rows, schema=schema(RENDERED_COLUMNS))

    def _rows(self, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a row for each page of a document, or one with `NO_PAGE` if it cannot be opened."""
        shared = document_columns(entry)
        source = read_document(entry, "document", self._spec)
        if isinstance(source, ErrorInfo):
            yield {**shared, "page": NO_PAGE, "error_code": source.code, "error_message": source.message}
            return
        missing = [NO_PAGE]
        try:
            request = raster_request(source, self._options, self._settings, self._spec)
            with self._rasters.open(base64.b64decode(source.base64 or ""), request) as document:
                shared["page_count"] = document.page_count
                missing = list(document.numbers)
                for page in document:
                    missing.remove(page.number)
                    yield {
                        **shared,
                        **(encode_page(page) if isinstance(page, PageImage) else _failure(page.number, page.error)),
                    }
        except OcrWorkerError as error:
            yield from ({**shared, **_failure(number, error)} for number in missing)


def _failure(page: int, error: OcrWorkerError) -> dict[str, Any]:
    info = error_info(error)
    return {"page": page, "error_code": info.code, "error_message": info.message}
