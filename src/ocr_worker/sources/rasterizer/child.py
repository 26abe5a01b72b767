"""The program of the rasterizer process: `python -m ocr_worker.sources.rasterizer.child MEMORY_BYTES`.

It reads commands from stdin and writes replies to stdout (see `protocol`), one document after the other. A malicious or
damaged document can crash, hang or exhaust only this process. Its memory is limited, and it writes no core file. It
ignores Ctrl-C, which is for the worker, and ends when its stdin does, that is, when the worker is gone.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from ocr_worker.errors import Corrupt, DocumentError, PageOutOfRange, RasterizerOutOfMemory, TooManyPages
from ocr_worker.exits import follow_parent
from ocr_worker.sources.rasterizer import image, pdf, protocol
from ocr_worker.sources.rasterizer.media_type import PDF
from ocr_worker.sources.rasterizer.rendered import RenderedPage
from ocr_worker.sources.rasterizer.types import RasterRequest
from ocr_worker.wire.page_ranges import has_page_beyond, select_pages

SWOLLEN_BYTES = 256_000_000  # a process whose resident memory grew by more since its start is replaced


class OpenDocument(Protocol):
    """An open document of `pdf` or `image`."""

    page_count: int
    warnings: list[dict[str, str]]

    def render(self, number: int) -> RenderedPage:
        """Render page `number` (1-based). Raises DocumentError when it cannot be rendered."""
        ...

    def read_layer(self, page: RenderedPage) -> None:
        """Add its text layer to the page that was rendered last. Raises DocumentError when that fails."""
        ...

    def close(self) -> None:
        """Free the document."""
        ...


def main() -> None:
    """Serve documents, one after the other, until stdin ends."""
    follow_parent(0)  # even while a page hangs: PDFium runs without the interpreter lock
    limit_memory(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would contain the document
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # the output of libraries must not mix with the replies
    start_bytes = resident_bytes()
    send(replies, {"ready": True})
    for header, payload in read_commands():
        serve_document(replies, header, payload, start_bytes)


def limit_memory(extra_bytes: int) -> None:
    """Let the address space grow by `extra_bytes` from now on; allocations beyond that fail."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + extra_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def read_commands() -> Iterator[tuple[protocol.Header, bytes]]:
    """Yield the worker's commands, header and payload, until it closes the pipe."""
    while True:
        try:
            yield protocol.read_message(sys.stdin.buffer.read)
        except EOFError:
            return


def serve_document(replies: Any, header: protocol.Header, payload: bytes, start_bytes: int) -> None:
    """Open one document and render each page that the worker asks for, until the worker closes the document."""
    request = RasterRequest(**header["request"])
    try:
        document = open_document(header["media_type"], payload, request)
        numbers, warnings = choose_pages(document, request)
    except Exception as error:
        send(replies, error_header(error))
        return
    del payload
    send(replies, {"page_count": document.page_count, "numbers": numbers, "warnings": warnings})
    page: RenderedPage | None = None  # the last one
    for command, _ in read_commands():
        if command["do"] == "close":
            break
        number = {"number": command["number"]}
        try:
            if command["do"] == "page":
                page = document.render(command["number"])
                layer = {} if request.is_layer_apart else page.layer_header()
                send(replies, number | page.header() | layer, page.pixels.reshape(-1).data)
            elif page:
                document.read_layer(page)
                send(replies, number | page.layer_header())
        except Exception as error:
            send(replies, number | error_header(error))
    document.close()
    send(replies, {"swollen": resident_bytes() - start_bytes > SWOLLEN_BYTES})


def open_document(media_type: str, data: bytes, request: RasterRequest) -> OpenDocument:
    """Open the document. Raises DocumentError when that fails."""
    return pdf.PdfDocument(data, request) if media_type == PDF else image.ImageDocument(data, media_type, request)


def choose_pages(document: OpenDocument, request: RasterRequest) -> tuple[list[int], list[dict[str, str]]]:
    """Return the numbers of the pages to render, and the document's warnings.

    Raises PageOutOfRange when none of the requested pages exists, TooManyPages when they exceed the limit.
    """
    ranges = request.pages
    numbers = select_pages(ranges, document.page_count)
    if not numbers:
        raise PageOutOfRange(f"none of the requested pages exists; the last page is {document.page_count}")
    if len(numbers) > request.max_pages:
        raise TooManyPages(
            f"{len(numbers)} pages are requested and the limit is {request.max_pages}; "
            f'send the document in parts, such as "pages": "1-{request.max_pages}"'
        )
    warnings = list(document.warnings)
    if has_page_beyond(ranges, document.page_count):
        message = f"some requested pages do not exist; the last page is {document.page_count}"
        warnings.append({"code": "PAGE_OUT_OF_RANGE", "message": message})
    return numbers, warnings


def error_header(error: Exception) -> protocol.Header:
    """Return the header that reports an error. An unexpected exception is attributed to the document."""
    if isinstance(error, MemoryError):
        error = RasterizerOutOfMemory("rendering the document needs too much memory; send it with a lower dpi")
    elif not isinstance(error, DocumentError):
        error = Corrupt(
            f"the document is damaged or uses an unsupported feature ({type(error).__name__}); print it to a new PDF"
        )
    return {"code": error.code, "message": str(error)}


def send(replies: Any, header: protocol.Header, payload: memoryview | bytes = b"") -> None:
    """Write one message."""
    for part in (protocol.encode(header, len(payload)), payload):
        rest = memoryview(part)
        while rest:
            rest = rest[replies.write(rest) :]


if __name__ == "__main__":
    main()
