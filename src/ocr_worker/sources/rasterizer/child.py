"""The rendering process: `python -m ocr_worker.sources.rasterizer.child MEMORY_BYTES`.

Commands come on stdin, answers go to stdout.

Whatever a document does to it, it does here. It ends when its stdin does, that is, when the worker is gone.
"""

from __future__ import annotations

import os
import resource
import select
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from ocr_worker.errors import Corrupt, DocumentError, PageOutOfRange, RasterizerOutOfMemory, TooManyPages
from ocr_worker.sources.rasterizer import image, pdf, protocol
from ocr_worker.sources.rasterizer.media_type import PDF
from ocr_worker.sources.rasterizer.rendered import Rendered
from ocr_worker.sources.rasterizer.types import RasterRequest
from ocr_worker.wire.page_ranges import has_page_beyond, select_pages

SWOLLEN_BYTES = 256_000_000  # resident memory that a child may have gained since its start before it is replaced


class Document(Protocol):
    """What `pdf` and `image` open."""

    page_count: int
    warnings: list[dict[str, str]]

    def render(self, number: int) -> Rendered:
        """Page `number`, from 1. Raises DocumentError."""
        ...

    def close(self) -> None:
        """Frees it."""
        ...


def main() -> None:
    """Serves documents, one after the other, until stdin ends."""
    threading.Thread(target=die_with_worker, name="worker-watch", daemon=True).start()
    limit_memory(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the document
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not end up between the answers
    start = resident_bytes()
    send(answers, {"ready": True})
    for header, payload in commands():
        answers_of_document(answers, header, payload, start)


def die_with_worker() -> None:
    """Leaves when the other end of stdin is gone, also in the midst of a page that hangs (PDFium runs without the
    interpreter's lock)."""
    hang_up = select.poll()
    hang_up.register(0, 0)  # nothing but the hang-up, which is always told
    hang_up.poll()
    os._exit(0)


def limit_memory(extra_bytes: int) -> None:
    """Lets the address space grow by `extra_bytes` from here; beyond, allocations fail."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + extra_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def commands() -> Iterator[tuple[protocol.Header, bytes]]:
    """What the worker sends, until it closes the pipe."""
    while True:
        try:
            yield protocol.read_message(sys.stdin.buffer.read)
        except EOFError:
            return


def answers_of_document(answers: Any, header: protocol.Header, payload: bytes, start: int) -> None:
    """Opens one document and renders the pages that are asked for, until it is closed."""
    request = RasterRequest(**header["request"])
    try:
        document = opened(header["media_type"], payload, request)
        numbers, warnings = chosen(document, request)
    except Exception as error:
        send(answers, told(error))
        return
    del payload
    send(answers, {"page_count": document.page_count, "numbers": numbers, "warnings": warnings})
    for command, _ in commands():
        if command["do"] == "close":
            break
        try:
            page = document.render(command["number"])
            send(answers, {"number": command["number"], **page.header()}, page.pixels.reshape(-1).data)
        except Exception as error:
            send(answers, {"number": command["number"], **told(error)})
    document.close()
    send(answers, {"swollen": resident_bytes() - start > SWOLLEN_BYTES})


def opened(media_type: str, data: bytes, request: RasterRequest) -> Document:
    """The document. Raises DocumentError."""
    return pdf.PdfDocument(data, request) if media_type == PDF else image.ImageDocument(data, media_type, request)


def chosen(document: Document, request: RasterRequest) -> tuple[list[int], list[dict[str, str]]]:
    """The pages to render, and the document's warnings. Raises PageOutOfRange, TooManyPages."""
    ranges = request.pages
    numbers = select_pages(ranges, document.page_count)
    if not numbers:
        raise PageOutOfRange(f"none of the pages asked for exists: the document has {document.page_count}")
    if len(numbers) > request.max_pages:
        raise TooManyPages(
            f"{len(numbers)} pages were asked for, the limit is {request.max_pages}: "
            f'send it in parts, as in "pages": "1-{request.max_pages}"'
        )
    warnings = list(document.warnings)
    if has_page_beyond(ranges, document.page_count):
        told = f"pages past the end were asked for: the document has {document.page_count}"
        warnings.append({"code": "PAGE_OUT_OF_RANGE", "message": told})
    return numbers, warnings


def told(error: Exception) -> protocol.Header:
    """The error as the worker reads it; one that nobody foresaw is the document's fault."""
    if isinstance(error, MemoryError):
        error = RasterizerOutOfMemory("rendering the document needs too much memory: send it at a lower dpi")
    elif not isinstance(error, DocumentError):
        error = Corrupt(f"the document cannot be read ({type(error).__name__}): it is damaged, or of an unusual kind")
    return {"code": error.code, "message": str(error)}


def send(answers: Any, header: protocol.Header, payload: memoryview | bytes = b"") -> None:
    """Writes one message."""
    for part in (protocol.encode(header, len(payload)), payload):
        rest = memoryview(part)
        while rest:
            rest = rest[answers.write(rest) :]


if __name__ == "__main__":
    main()
