"""Chunks of a streaming job: each page as soon as it is parsed, then a summary.

A page is one chunk, or several parts when it exceeds the platform's limit of a chunk. A page is wrapped
(`{"page": ...}`), because the SDK ends a job whose chunk has an `error` at its top level.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator

from ocr_worker.wire.response import JsonObject, encoded_size
from ocr_worker.wire.schema import PageChunk, PagePart, PageResult, PartChunk

CHUNK_BYTES = 1_000_000  # the platform's limit for a posted chunk
_ENVELOPE_BYTES = 1_000
_PART_CHARACTERS = CHUNK_BYTES - _ENVELOPE_BYTES


class PageStream:
    """The chunks of one job. Create it on the event loop that sends the chunks; other threads may add pages.

    kept_bytes: size up to which the SDK's collection of all chunks keeps them complete. `/status` returns that
    collection as the job's result.
    """

    def __init__(self, kept_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        self._count_lock = threading.Lock()
        self._count = 0
        self._bytes_left = kept_bytes

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Send a page. See `OnPage`. The parts of a page are consecutive, also while other documents send pages."""
        with self._count_lock:
            for chunk in make_chunks(document_id, page, self._count + 1):
                self._count += 1
                self._loop.call_soon_threadsafe(self._queue.put_nowait, chunk)

    async def page_chunks(self, response: asyncio.Future[JsonObject]) -> AsyncIterator[JsonObject]:
        """Yield the chunks of the pages until the job's response is complete."""
        response.add_done_callback(lambda _: self._queue.put_nowait(None))
        while (chunk := await self._queue.get()) is not None:
            yield chunk
            self._shorten_beyond_limit(chunk)

    def last_chunk(self, response: JsonObject) -> JsonObject:
        """Return the last chunk: the summary, or the error of a failed job."""
        return response if "error" in response else {"chunk": self._count + 1, "summary": response}

    def _shorten_beyond_limit(self, chunk: JsonObject) -> None:
        """Reduce a sent chunk to its number when all chunks together exceed the limit.

        The SDK keeps this very object for the job's result, whose size is limited.
        """
        self._bytes_left -= encoded_size(chunk) + 2
        if self._bytes_left < 0:
            number = chunk["chunk"]
            chunk.clear()
            chunk["omitted"] = number


def make_chunks(document_id: str, page: PageResult, first: int) -> list[JsonObject]:
    """Return the page as one chunk, or in parts when it is too large for one. The first chunk has number `first`."""
    chunk = PageChunk(chunk=first, document=document_id, page=page).model_dump(mode="json", exclude_none=True)
    if encoded_size(chunk) + _ENVELOPE_BYTES <= CHUNK_BYTES:
        return [chunk]
    text = base64.b64encode(page.model_dump_json(exclude_none=True).encode()).decode()
    parts = [text[start : start + _PART_CHARACTERS] for start in range(0, len(text), _PART_CHARACTERS)]
    return [
        PartChunk(
            chunk=first + index,
            document=document_id,
            part=PagePart(page=page.page, number=index + 1, of=len(parts), base64=part),
        ).model_dump(mode="json")
        for index, part in enumerate(parts)
    ]
