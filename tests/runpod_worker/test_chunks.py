"""Chunks of a stream: small enough for the platform, and nothing of a page lost."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from ocr_worker.runpod_worker.stream import CHUNK_BYTES, PageStream, make_chunks
from ocr_worker.wire.response import JsonObject, encoded_size
from ocr_worker.wire.schema import PageChunk, PageResult, PartChunk


def page_of(text: str) -> PageResult:
    return PageResult(page=3, status="succeeded", width=1, height=1, markdown=text)


def test_a_small_page_is_one_chunk() -> None:
    """A page that fits is sent whole, wrapped, with its document's id and the chunk's number."""
    (chunk,) = make_chunks("a", page_of("text"), 7)
    read = PageChunk.model_validate_json(json.dumps(chunk))
    assert (read.chunk, read.document, read.page.markdown) == (7, "a", "text")


@pytest.mark.parametrize("text", ["x" * 5_000_000, '"\\\n' * 1_000_000, "ä€😀" * 500_000])
def test_a_large_page_is_sent_in_parts(text: str) -> None:
    """Whatever its letters, no part is over the limit on the wire, and joined they are the page byte for byte."""
    page = page_of(text)
    chunks = make_chunks("a", page, 1)
    assert all(encoded_size({"output": chunk}) <= CHUNK_BYTES for chunk in chunks)
    parts = [PartChunk.model_validate_json(json.dumps(chunk)) for chunk in chunks]
    assert [part.chunk for part in parts] == [part.part.number for part in parts] == list(range(1, len(parts) + 1))
    assert {part.part.of for part in parts} == {len(parts)}
    joined = base64.b64decode("".join(part.part.base64 for part in parts))
    assert joined == page.model_dump_json(exclude_none=True).encode()


def test_the_last_size_that_fits_is_not_split() -> None:
    """Around the limit a page is one chunk below it and several above it, and never one above it."""
    for size in range(CHUNK_BYTES - 1_600, CHUNK_BYTES - 400, 100):
        chunks = make_chunks("a", page_of("x" * size), 1)
        assert all(encoded_size({"output": chunk}) <= CHUNK_BYTES for chunk in chunks)


def test_what_was_sent_is_shortened_when_the_result_grows_too_large() -> None:
    """The objects that were yielded stay whole up to the budget; beyond it only their numbers stay."""

    async def collect() -> list[JsonObject]:
        stream = PageStream(kept_bytes=2_500)
        answered: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        for _ in range(4):
            stream.on_page("a", 4, page_of("x" * 1_000))
        asyncio.get_running_loop().call_soon(answered.set_result, {"status": "succeeded"})
        collected = [chunk async for chunk in stream.page_chunks(answered)]
        return [*collected, stream.last_chunk(answered.result())]

    *pages, summary = asyncio.run(collect())
    assert ["page" in chunk for chunk in pages] == [True, True, False, False]
    assert pages[2:] == [{"omitted": 3}, {"omitted": 4}]
    assert summary == {"chunk": 5, "summary": {"status": "succeeded"}}
