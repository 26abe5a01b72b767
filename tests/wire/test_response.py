"""The answer's bytes: counted before it leaves, and made to fit in a stated order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ocr_worker.errors import ResponseTooLarge
from ocr_worker.pages import PageOutcome, ParsedPage
from ocr_worker.parsing import results
from ocr_worker.parsing.results import DocumentFacts
from ocr_worker.wire import response
from ocr_worker.wire.schema import Block, EngineInfo, Figure, ParseOptions, ParseResponse

OPTIONS = ParseOptions()


def answer_of(markdown: int = 1_000, blocks: int = 10_000, figures: int = 100_000) -> ParseResponse:
    """An answer whose parts have about these many bytes."""
    page = ParsedPage(
        10,
        20,
        "m" * markdown,
        [Block(label="text", content="b" * blocks, bbox=(0, 0, 5, 5))],
        [Figure(name="page-1-figure-1.jpg", bbox=(0, 0, 5, 5), base64="f" * figures)],
    )
    pages = {1: PageOutcome(1, page, 150, (), 0.5)}
    document = results.document("a", DocumentFacts(1, [1]), pages, None, OPTIONS)
    return results.response(EngineInfo(name="x", version="1", backend="y"), [document], {"total": 1.0})


@pytest.mark.parametrize(("limit", "degraded"), [(200_000, []), (50_000, ["figures"]), (8_000, ["figures", "blocks"])])
def test_figures_go_first_then_blocks(limit: int, degraded: list[str]) -> None:
    """Parts that do not fit are left out in the stated order and named in the response, which then fits."""
    answer = response.success(answer_of(), limit)
    page = answer["documents"][0]["pages"][0]
    assert answer["degraded"] == degraded
    assert ("base64" in page["figures"][0]) is ("figures" not in degraded)
    assert ("blocks" in page) is ("blocks" not in degraded)
    assert page["figures"][0]["name"] == "page-1-figure-1.jpg"
    assert len(json.dumps(answer, ensure_ascii=False).encode()) <= limit


def test_markdown_that_does_not_fit_is_an_error_with_size_limit_and_remedy() -> None:
    """RESPONSE_TOO_LARGE names how large the answer is, what the limit is, and what to do."""
    with pytest.raises(ResponseTooLarge, match=r"has [\d,]+ bytes .* limit is 2,500; configure a bucket"):
        response.success(answer_of(), 2_500)


def test_the_bytes_are_counted_as_they_are_sent() -> None:
    """The SDK sends UTF-8, not escapes: an answer in Chinese is counted so."""
    answer: dict[str, Any] = {"text": "\u6587" * 1000}
    assert response.encoded_size(answer) == len(json.dumps(answer, ensure_ascii=False).encode()) < 3_100


def test_nan_never_leaves() -> None:
    """A value that is not JSON raises here, where an error can still be returned."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        response.encoded_size({"x": float("nan")})
