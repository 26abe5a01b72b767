"""An open document, as the worker sees it: an iterator of pages that a rasterizer process renders.

The process renders one page ahead: while the caller works on a page, it renders the next one. Everything that the
process sends is converted to the types of `ocr_worker.pages` here. Sizes and deadlines are checked in `process`.

A process that was killed from outside, as the kernel does when memory is short, says nothing about the document. So
another process opens the document and continues at the missing page. Only a second kill at the same page counts.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from types import TracebackType

from ocr_worker import awake
from ocr_worker.errors import DocumentError, OcrWorkerError, RasterizerCrashed, error_types
from ocr_worker.pages import PageImage, TextLine, TextWord
from ocr_worker.sources.rasterizer.process import WALL_FACTOR, Bytes, RasterizerProcess
from ocr_worker.sources.rasterizer.protocol import Header
from ocr_worker.sources.rasterizer.rendered import LayerWord, Rectangle
from ocr_worker.sources.rasterizer.types import FailedPage, RasterRequest
from ocr_worker.wire.schema import PageWarning

OpenProcess = Callable[[], tuple[RasterizerProcess, Header]]

_ERRORS = {error.code: error for error in error_types()}


def read_error(header: Header) -> OcrWorkerError | None:
    """Return the error that a reply of a rasterizer process reports; None when it reports none."""
    return _ERRORS[header["code"]](header["message"]) if "code" in header else None


class RasterDocument:
    """An open document in a rasterizer process. A context manager; leaving it releases the process.

    process, header: the process in which the document is open, and its reply. open_process: opens the document in
    another process, and returns the same. wants_layer: called for each page before a text layer that comes apart is
    read; may be set by the owner. page_count: pages of the file. numbers: 1-based numbers of the pages that the
    request selects. Iterate once.
    """

    def __init__(
        self,
        process: RasterizerProcess,
        header: Header,
        open_process: OpenProcess,
        request: RasterRequest,
        page_timeout_s: float,
        is_cancelled: Callable[[], bool],
        release: Callable[[RasterizerProcess, bool], None],
    ) -> None:
        self.page_count: int = header["page_count"]
        self.numbers: list[int] = header["numbers"]
        self.warnings = [PageWarning(**warning) for warning in header["warnings"]]
        self._numbers_to_render = self.numbers
        self._open_process = open_process
        self._process = process
        self._max_payload = request.max_pixels * 3
        self._page_timeout_s = page_timeout_s
        self._is_cancelled = is_cancelled
        self._release = release
        self._is_reusable = False
        self._is_layer_apart = request.is_layer_apart
        self.wants_layer: Callable[[], bool] = lambda: True
        self._is_layer_wanted = True  # of the last page
        self._is_layer_due = False  # the layer of the last page is still to be received
        self._layer_error: Exception | None = None  # at which the layer of the last page ended

    def skip(self, numbers: Container[int]) -> None:
        """Leave these pages out of the iteration. Call before it begins."""
        self._numbers_to_render = [number for number in self.numbers if number not in numbers]

    def __iter__(self) -> Iterator[PageImage | FailedPage]:
        """Yield the pages in order. Raises RasterizerCrashed, RasterizerTimedOut, RasterizerOutOfMemory, Cancelled."""
        index = 0  # of the next page
        killed_index = -1  # of the page at which a process was killed
        while True:
            try:
                for page in self._render_from(index):
                    index += 1
                    yield page
                return
            except RasterizerCrashed:
                if not self._process.was_killed or index == killed_index:
                    raise
            killed_index = index
            self._release(self._process, False)
            self._process, _ = self._open_process()

    def _render_from(self, first_index: int) -> Iterator[PageImage | FailedPage]:
        """Yield the pages from `first_index` on, as one process renders them, and close the document in it."""
        self._request_page(first_index)
        for index in range(first_index, len(self._numbers_to_render)):
            header, pixels = self._receive(self._max_payload)
            page = self._read_page(header, pixels)
            try:
                self._request_layer(page)
                self._request_page(index + 1)  # the process renders the next page while this one is parsed
            except DocumentError:
                self._is_layer_due = False
                yield page  # it was complete before the process died
                raise
            yield page
            self._end_layer(page)
        header, _ = self._receive(0)
        self._is_reusable = not header["swollen"]

    def with_layer(self, page: PageImage) -> PageImage | None:
        """Return the page, which was the last one, with its text layer if that comes apart; else as it is.

        None if nobody wanted the layer. Call before the next page. A page whose layer cannot be read stays without, and
        a process that dies meanwhile raises its error with the next page.
        """
        if not self._is_layer_wanted:
            return None
        if not self._is_layer_due:
            return page
        self._is_layer_due = False
        try:
            header, _ = self._receive(0)
            return page if read_error(header) else _with_layer(page, header)
        except Exception as error:  # also of a malformed reply, which a stranger's file may cause
            self._layer_error = error
            return page

    def _end_layer(self, page: PageImage | FailedPage) -> None:
        """Receive a layer that nobody asked for. Raises the error at which a layer ended."""
        if isinstance(page, PageImage):
            self.with_layer(page)
        error, self._layer_error = self._layer_error, None
        if error:
            raise error

    def __enter__(self) -> RasterDocument:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release(self._process, self._is_reusable)

    def _request_layer(self, page: PageImage | FailedPage) -> None:
        """Send the command to read the page's text layer, if it comes apart and is wanted."""
        if not self._is_layer_apart or isinstance(page, FailedPage):
            return
        self._is_layer_wanted = self.wants_layer()
        if self._is_layer_wanted:
            header: Header = {"do": "layer", "number": page.number}
            self._process.send(header, b"", self._page_timeout_s, self._is_cancelled)
            self._is_layer_due = True

    def _request_page(self, index: int) -> None:
        """Send the command to render the page at `index`, or to close the document after the last page."""
        is_end = index == len(self._numbers_to_render)
        header: Header = {"do": "close"} if is_end else {"do": "page", "number": self._numbers_to_render[index]}
        self._process.send(header, b"", self._page_timeout_s, self._is_cancelled)

    def _receive(self, max_payload: int) -> tuple[Header, Bytes]:
        deadline = awake.now() + WALL_FACTOR * self._page_timeout_s
        return self._process.receive(deadline, self._page_timeout_s, max_payload, self._is_cancelled)

    def _read_page(self, header: Header, pixels: Bytes) -> PageImage | FailedPage:
        number: int = header["number"]
        if error := read_error(header):
            return FailedPage(number, error)
        height, width = header["height"], header["width"]
        if pixels.size != height * width * 3:
            raise RasterizerCrashed("the rasterizer process sent an invalid reply; print the document to a new PDF")
        warnings = tuple(PageWarning(**warning) for warning in header["warnings"])
        page = PageImage(number, pixels.reshape(height, width, 3), header["dpi"], warnings)
        return page if self._is_layer_apart else _with_layer(page, header)


def _with_layer(page: PageImage, header: Header) -> PageImage:
    """Return the page with the text layer that a rasterizer process describes by this header."""
    lines, repeated = header["text_lines"], set(header["repeated_lines"])
    return replace(
        page,
        text_lines=None
        if lines is None
        else tuple(make_text_line(*line, is_repeated=i in repeated) for i, line in enumerate(lines)),
        proven_fonts=frozenset(header["proven_fonts"]),
        symbol_fonts=frozenset(header["symbol_fonts"]),
        text_turn=header["text_turn"],
    )


def make_text_line(
    text: str,
    bbox: Rectangle,
    words: Sequence[LayerWord],
    corners: Sequence[Sequence[float]] | None = None,
    has_space_after: bool = False,
    *,
    is_repeated: bool = False,
) -> TextLine:
    """Return the line of a text layer that a rasterizer process describes by these values."""
    text_words = tuple(_make_text_word(*word) for word in words)
    outline = tuple((x, y) for x, y in corners) if corners else None
    return TextLine(text, _as_tuple(*bbox), text_words, outline, has_space_after, is_repeated)


def _make_text_word(text: str, bbox: Rectangle, fonts: int | Sequence[int]) -> TextWord:
    font, *other_fonts = [fonts] if isinstance(fonts, int) else fonts
    return TextWord(text, _as_tuple(*bbox), font, tuple(other_fonts))


def _as_tuple(x0: float, y0: float, x1: float, y1: float) -> Rectangle:
    return x0, y0, x1, y1
