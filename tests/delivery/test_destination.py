"""Destinations of a response when the bucket is gone.

The bucket is a double that only fails; a real one is in test_bucket_worker.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from ocr_worker.delivery.destination import BucketDestination, Destination, InlineDestination, StreamDestination
from ocr_worker.errors import DeliveryFailed
from ocr_worker.pages import PageOutcome, ParsedPage
from ocr_worker.parsing import results
from ocr_worker.parsing.results import DocumentFacts
from ocr_worker.wire.schema import EngineInfo, ParseOptions, ParseResponse

LIMIT = 1_000_000


class Gone:
    def deliver(self, key: str, body: bytes) -> Any:
        raise DeliveryFailed("gone")


def answer_of(markdown: str) -> ParseResponse:
    pages = {1: PageOutcome(1, ParsedPage(10, 20, markdown, []))}
    document = results.document("a", DocumentFacts(1, [1]), pages, None, ParseOptions())
    return results.response(EngineInfo(name="x", version="1", backend="y"), [document], {"total": 1.0})


@pytest.mark.parametrize(("fallback", "pages"), [(InlineDestination(LIMIT), 1), (StreamDestination(LIMIT), 0)])
def test_without_the_bucket_the_answer_leaves_as_it_would_have(fallback: Destination, pages: int) -> None:
    """Inline it comes whole, with a warning; where the pages were streamed the account alone, which fits a chunk."""
    bucket: Any = Gone()
    answer = BucketDestination(bucket, "job", LIMIT, fallback, is_forced=True).deliver(answer_of("text"))
    assert len(answer["documents"][0]["pages"]) == pages
    assert [warning["code"] for warning in answer["warnings"]] == ["DELIVERY_FAILED"]
    assert answer["coverage"]["pages_parsed"] == 1


def test_what_does_not_fit_anywhere_is_reported_with_its_account() -> None:
    """The bucket is gone and the Markdown too large: the code, and what was parsed."""
    bucket: Any = Gone()
    answer = BucketDestination(bucket, "job", LIMIT, InlineDestination(LIMIT), is_forced=False).deliver(
        answer_of("x" * 2 * LIMIT)
    )
    assert (answer["code"], answer["coverage"]["pages_parsed"]) == ("DELIVERY_FAILED", 1)
