"""Pages as they come: the chunks of a streaming job, each small enough for the platform.

A chunk is wrapped (`{"page": ...}`), since the SDK ends a job whose chunk has an `error` at its top.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator

from ocr_worker.wire.response import JsonObject, encoded_size
from ocr_worker.wire.schema import PageChunk, PagePart, PageResult, PartChunk

CHUNK_BYTES = 1_000_000  # the platform's limit of a posted chunk
_ENVELOPE_BYTES = 1_000
_PART_CHARACTERS = CHUNK_BYTES - _ENVELOPE_BYTES


class PageStream:
    """The chunks of one job, made on the threads that parse and sent from the event loop that this is made on.

    kept_bytes: of chunks that stay whole in the SDK's collection of all of them, which is what `/status` gives.
    """

    def __init__(self, kept_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Queue[JsonObject | None] = asyncio.Queue()
        self._counting = threading.Lock()
        self._count = 0
        self._room = kept_bytes

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Send a page. See `OnPage`. A page's parts follow each other, whatever other documents do."""
        with self._counting:
            for chunk in chunks_of(document_id, page, self._count + 1):
                self._count += 1
                self._loop.call_soon_threadsafe(self._ready.put_nowait, chunk)

    async def until(self, answered: asyncio.Future[JsonObject]) -> AsyncIterator[JsonObject]:
        """The chunks of the pages, until the job has its answer."""
        answered.add_done_callback(lambda _: self._ready.put_nowait(None))
        while (chunk := await self._ready.get()) is not None:
            yield chunk
            self._collected(chunk)

    def last(self, answer: JsonObject) -> JsonObject:
        """The last chunk: the summary, or the error of a job that failed."""
        return answer if "error" in answer else {"chunk": self._count + 1, "summary": answer}

    def _collected(self, chunk: JsonObject) -> None:
        """The SDK has sent the chunk and keeps this very object for the job's result, which has a limit: beyond it
        only the chunk's number stays."""
        self._room -= encoded_size(chunk) + 2
        if self._room < 0:
            number = chunk["chunk"]
            chunk.clear()
            chunk["omitted"] = number


def chunks_of(name: str, page: PageResult, first: int) -> list[JsonObject]:
    """The page as one chunk of number `first`, or in parts when it is too large for one."""
    whole = PageChunk(chunk=first, document=name, page=page).model_dump(mode="json", exclude_none=True)
    if encoded_size(whole) + _ENVELOPE_BYTES <= CHUNK_BYTES:
        return [whole]
    text = base64.b64encode(page.model_dump_json(exclude_none=True).encode()).decode()
    parts = [text[start : start + _PART_CHARACTERS] for start in range(0, len(text), _PART_CHARACTERS)]
    return [
        PartChunk(
            chunk=first + index,
            document=name,
            part=PagePart(page=page.page, number=index + 1, of=len(parts), base64=part),
        ).model_dump(mode="json")
        for index, part in enumerate(parts)
    ]
