"""Read the chunks of a streaming worker: pages as they are parsed, then a summary.

`ChunkReader` reads chunks as they arrive. It joins the parts of a page that is too large for a chunk, and notices
gaps in the numbers of the chunks. `join_chunks` turns the complete list, which is the result of a streaming job, into a
response.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from ocr_worker.errors import JobFailed
from ocr_worker.wire.schema import PageChunk, PageResult, ParseResponse, PartChunk, SummaryChunk


class ChunkReader:
    """Reader of the chunks of one job. last_number: of the latest chunk. is_complete: False once one is missing."""

    def __init__(self) -> None:
        self.is_complete = True
        self.last_number = 0
        self._parts: list[str] = []

    def read(self, chunks: Iterable[Any]) -> Iterator[PageChunk | SummaryChunk]:
        """Yield the complete pages and the summary in these chunks, which continue the last call's.

        The error of a failed job, which is the last chunk of its stream, is skipped: it is in the job's status, too.
        Raises JobFailed: a chunk is not from this worker.
        """
        for item in chunks:
            if isinstance(item, dict) and "error" in item:
                continue
            chunk = _read_chunk(item)
            if chunk.chunk != self.last_number + 1:
                self.is_complete = False
                self._parts = []  # of a page whose other parts are lost
            self.last_number = chunk.chunk
            if isinstance(chunk, PartChunk):
                if page := self._add_part(chunk):
                    yield page
            else:
                yield chunk

    def _add_part(self, chunk: PartChunk) -> PageChunk | None:
        """Return the page once all its parts are here. They are consecutive; joined and decoded, they are its JSON."""
        part = chunk.part
        if part.number != len(self._parts) + 1:
            return None
        self._parts.append(part.base64)
        if part.number < part.of:
            return None
        text, self._parts = "".join(self._parts), []
        return PageChunk(chunk=chunk.chunk, document=chunk.document, page=_read_page(text))


def join_chunks(chunks: list[Any]) -> ParseResponse:
    """Return the response of a streaming worker from its chunks: each document with its pages, and no Markdown.

    Raises JobFailed: chunks are missing, or are not from this worker.
    """
    if any(isinstance(chunk, dict) and "omitted" in chunk for chunk in chunks):
        raise JobFailed("the streamed response was too large and lacks pages; configure a bucket, or unset OCR_STREAM")
    reader, summary = ChunkReader(), None
    pages: dict[str, list[PageResult]] = defaultdict(list)
    for chunk in reader.read(chunks):
        if isinstance(chunk, SummaryChunk):
            summary = chunk.summary
        else:
            pages[chunk.document].append(chunk.page)
    if summary is None or not reader.is_complete:
        raise JobFailed("chunks of the streamed response are missing; send the job again")
    documents = [document.model_copy(update={"pages": pages[document.id]}) for document in summary.documents]
    return summary.model_copy(update={"documents": documents})


def delivery_of(chunks: list[Any]) -> Any:
    """Return the `delivery` in the summary of a streamed response; None: its pages are not in a bucket."""
    summaries = [chunk.get("summary") for chunk in chunks if isinstance(chunk, dict)]
    deliveries = [summary.get("delivery") for summary in summaries if isinstance(summary, dict)]
    return next(filter(None, deliveries), None)


def _read_chunk(chunk: Any) -> PageChunk | PartChunk | SummaryChunk:
    try:
        if "summary" in chunk:
            return SummaryChunk.read(chunk)
        return PartChunk.read(chunk) if "part" in chunk else PageChunk.read(chunk)
    except (TypeError, ValueError):
        raise _foreign_chunk() from None


def _read_page(text: str) -> PageResult:
    try:
        return PageResult.read(json.loads(base64.b64decode(text)))
    except ValueError:
        raise _foreign_chunk() from None


def _foreign_chunk() -> JobFailed:
    return JobFailed("the endpoint returned a list that is not a response of this worker; check what it runs")
