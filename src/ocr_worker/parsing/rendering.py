"""Documents on their way to the engine: rendered by the pipeline's own processes, or before the job.

`raster_request` is the same for both, so that a page does not depend on where it was rendered.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from ocr_worker.engines.base import EngineSpec
from ocr_worker.pages import PageImage
from ocr_worker.settings import Settings
from ocr_worker.sources.rasterizer import FailedPage, RasterRequest
from ocr_worker.wire.page_ranges import parse_page_ranges
from ocr_worker.wire.schema import DocumentRequest, PageWarning, ParseOptions


class OpenDocument(Protocol):
    """An open document, such as a `RasterDocument`; see there. A context manager; iterate once."""

    page_count: int
    numbers: list[int]
    warnings: list[PageWarning]

    def skip(self, numbers: Container[int]) -> None:
        """Leave these pages out of the iteration. Call before it begins."""
        ...

    def __iter__(self) -> Iterator[PageImage | FailedPage]: ...

    def with_layer(self, page: PageImage) -> PageImage | None:
        """Return the last page, with its text layer if that is read separately; None if the layer is not wanted."""
        ...

    def __enter__(self) -> OpenDocument: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class RenderedDocument:
    """An `OpenDocument` whose pages were rendered before. page_count: pages of the file, which may be more."""

    def __init__(self, pages: Sequence[PageImage], page_count: int) -> None:
        self.page_count = page_count
        self.numbers = [page.number for page in pages]
        self.warnings: list[PageWarning] = []
        self._pages = list(pages)

    def skip(self, numbers: Container[int]) -> None:
        """See `OpenDocument`."""
        self._pages = [page for page in self._pages if page.number not in numbers]

    def __iter__(self) -> Iterator[PageImage | FailedPage]:
        return iter(self._pages)

    def with_layer(self, page: PageImage) -> PageImage:
        """Return the page, which has its text layer."""
        return page

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""


def raster_request(
    source: DocumentRequest, options: ParseOptions, settings: Settings, spec: EngineSpec[Any]
) -> RasterRequest:
    """Return how a document is rendered.

    For `verify` alone, the text layer is read without looking for running heads, which only an engine needs.
    """
    is_layer_for_engine = spec.wants_text_layer(options)
    is_compared = options.verify != "off" and spec.keeps_pixels(options)
    return RasterRequest(
        pages=parse_page_ranges(source.pages) if source.pages else None,
        password=source.password,
        dpi=options.dpi or spec.preferred_dpi,
        max_pixels=int(settings.max_page_mpx * 1_000_000),
        max_pages=settings.max_pages,
        text_layer=is_layer_for_engine or is_compared,
        repeated_lines=is_layer_for_engine and spec.reads_repeated_lines,
    )
