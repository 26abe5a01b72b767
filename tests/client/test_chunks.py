"""Chunks of a streaming worker: pages, parts of pages, gaps."""

from __future__ import annotations

from typing import Any

import pytest

from ocr_worker.client.chunks import ChunkReader
from ocr_worker.errors import JobFailed
from ocr_worker.runpod_worker.stream import make_chunks
from ocr_worker.wire.schema import PageChunk, PageResult
from support.responses import response

SMALL = PageResult(page=1, status="succeeded", markdown="small")
LARGE = PageResult(page=2, status="succeeded", markdown="ä" * 2_000_000)
SUMMARY = {"summary": response()}


def stream() -> list[dict[str, Any]]:
    """Return the chunks of a small page, a page in several parts, a small page and the summary."""
    chunks = make_chunks("document-1", SMALL, 1)
    chunks += make_chunks("document-1", LARGE, 2)
    chunks += make_chunks("document-2", SMALL, len(chunks) + 1)
    return [*chunks, {"chunk": len(chunks) + 1, **SUMMARY}]


def pages(reader: ChunkReader, chunks: list[dict[str, Any]]) -> list[PageResult]:
    return [chunk.page for chunk in reader.read(chunks) if isinstance(chunk, PageChunk)]


def test_parts_are_joined_across_calls() -> None:
    """Chunks may come in any portions; the parts of a page become the page."""
    reader, results = ChunkReader(), []
    for chunk in stream():
        results += pages(reader, [chunk])
    assert results == [SMALL, LARGE, SMALL]
    assert reader.is_complete


@pytest.mark.parametrize("lost", range(len(stream())))
def test_a_lost_chunk_costs_its_page(lost: int) -> None:
    """Without one chunk, all other pages are read, and the gap is noticed, unless it is the last chunk."""
    chunks, reader = stream(), ChunkReader()
    del chunks[lost]
    results = pages(reader, chunks)
    expected = [SMALL, LARGE, SMALL]
    if lost < len(chunks):
        expected.pop(0 if lost == 0 else 2 if lost == len(chunks) - 1 else 1)
    assert results == expected
    assert reader.is_complete == (lost == len(chunks))


def test_the_error_of_a_failed_job_is_skipped() -> None:
    """An error in the place of the summary is no page; the job's status reports it."""
    assert pages(ChunkReader(), [*stream()[:1], {"error": "PAGE_FAILED: nothing was parsed"}]) == [SMALL]


@pytest.mark.parametrize(
    "chunk", [None, "text", 7, {}, {"chunk": 1, "page": 7}, {"chunk": 1, "document": "a", "part": {}}]
)
def test_what_is_no_chunk(chunk: Any) -> None:
    """A chunk that no worker of this project sends is JobFailed."""
    with pytest.raises(JobFailed):
        list(ChunkReader().read([chunk]))
