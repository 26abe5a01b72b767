"""An open document as the worker sees it: an iterator of pages that a child renders, one page ahead."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Sequence
from types import TracebackType

from ocr_worker.errors import DocumentError, OcrWorkerError, RasterizerCrashed, error_types
from ocr_worker.pages import PageImage, TextLine, TextWord
from ocr_worker.sources.rasterizer.process import Bytes, ChildProcess
from ocr_worker.sources.rasterizer.protocol import Header
from ocr_worker.sources.rasterizer.rendered import Box
from ocr_worker.sources.rasterizer.types import PageFault, RasterRequest
from ocr_worker.wire.schema import PageWarning

_ERRORS = {error.code: error for error in error_types()}


def told_error(header: Header) -> OcrWorkerError | None:
    """The error a child tells of, if it does."""
    return _ERRORS[header["code"]](header["message"]) if "code" in header else None


class RasterDocument:
    """page_count: pages of the file. numbers: those that come out. A context manager; leaving it frees the child."""

    def __init__(
        self,
        child: ChildProcess,
        opened: Header,
        request: RasterRequest,
        page_timeout_s: float,
        cancelled: Callable[[], bool],
        release: Callable[[ChildProcess, bool], None],
    ) -> None:
        self.page_count: int = opened["page_count"]
        self.numbers: list[int] = opened["numbers"]
        self.warnings = [PageWarning(**warning) for warning in opened["warnings"]]
        self._wanted = self.numbers
        self._child = child
        self._max_payload = request.max_pixels * 3
        self._page_timeout_s = page_timeout_s
        self._cancelled = cancelled
        self._release = release
        self._reusable = False

    def skip(self, numbers: Container[int]) -> None:
        """Leaves these pages out of the iteration, before it begins."""
        self._wanted = [number for number in self.numbers if number not in numbers]

    def __iter__(self) -> Iterator[PageImage | PageFault]:
        """The pages in order. Raises RasterizerCrashed, RasterizerTimedOut, RasterizerOutOfMemory, Cancelled."""
        self._ask(0)
        for index in range(len(self._wanted)):
            deadline = time.monotonic() + self._page_timeout_s
            header, pixels = self._child.receive(deadline, self._page_timeout_s, self._max_payload, self._cancelled)
            page = self._page(header, pixels)
            try:
                self._ask(index + 1)  # it renders the next page while this one is parsed
            except DocumentError:
                yield page  # it came whole before the child died
                raise
            yield page
        deadline = time.monotonic() + self._page_timeout_s
        closed, _ = self._child.receive(deadline, self._page_timeout_s, 0, self._cancelled)
        self._reusable = not closed["swollen"]

    def __enter__(self) -> RasterDocument:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release(self._child, self._reusable)

    def _ask(self, index: int) -> None:
        last = index == len(self._wanted)
        header: Header = {"do": "close"} if last else {"do": "page", "number": self._wanted[index]}
        self._child.send(header, b"", self._page_timeout_s, self._cancelled)

    def _page(self, header: Header, pixels: Bytes) -> PageImage | PageFault:
        number: int = header["number"]
        if error := told_error(header):
            return PageFault(number, error)
        height, width = header["height"], header["width"]
        if pixels.size != height * width * 3:
            raise RasterizerCrashed("the rendering process answered garbage; the document was given up")
        lines = header["text_lines"]
        return PageImage(
            number=number,
            pixels=pixels.reshape(height, width, 3),
            dpi=header["dpi"],
            warnings=tuple(PageWarning(**warning) for warning in header["warnings"]),
            text_lines=None if lines is None else tuple(text_line(*line) for line in lines),
        )


def text_line(text: str, bbox: Box, words: Sequence[tuple[str, Box]]) -> TextLine:
    """A line of a text layer as it comes out of a child."""
    return TextLine(text, _box(*bbox), tuple(TextWord(word, _box(*box)) for word, box in words))


def _box(x0: float, y0: float, x1: float, y1: float) -> Box:
    return x0, y0, x1, y1
