"""How much a page needs a look: findings first, then the lowest confidence, then ink in no block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from ocr_worker.batch.doubts import document_doubt, doubt_of
from ocr_worker.wire.schema import Block, PageResult, PageWarning, Repair


def page(confidences: Sequence[float | None] = (), codes: Sequence[str] = (), **fields: Any) -> PageResult:
    blocks = [Block(label="text", content="a", bbox=(0, 0, 9, 9), confidence=confidence) for confidence in confidences]
    warnings = [PageWarning(code=code, message="m") for code in codes]
    values = {"page": 1, "status": "succeeded", "blocks": blocks, "warnings": warnings, "verified": True, **fields}
    return PageResult(**values)


def repaired(outcome: Literal["replaced", "kept"]) -> PageWarning:
    return PageWarning(code="CUT", message="m", repair=Repair(outcome=outcome))


def test_findings_weigh_more_than_any_confidence() -> None:
    """Two findings come before a single one, and that before a repaired one; below that, the lowest confidence and the
    ink decide. Warnings that are no findings say nothing here."""
    pages = [
        page([0.99], ["CUT", "REPEATED"]),
        page([0.0], ["NUMBERS_DIFFER"]),
        page([0.9], ["NUMBERS_DIFFER"], ink_coverage=1.0),
        page([0.9], warnings=[repaired("replaced")]),
        page([0.99, 0.2, None], ["LOW_CONFIDENCE"]),
        page([0.9], ink_coverage=0.5),
        page([1.0, 0.99], ink_coverage=1.0),
    ]
    doubts = [doubt_of(entry) for entry in pages]
    assert doubts == sorted(doubts, reverse=True)
    assert doubts == pytest.approx([4.01, 2.999, 2.1, 1.1, 0.8, 0.5, 0.01])


def test_a_page_without_doubt_is_not_worth_a_look() -> None:
    """Confirmed pages, empty pages, and pages without a second reading have a doubt of 0."""
    assert doubt_of(page([1.0, 1.0], ink_coverage=1.0)) == 0
    assert doubt_of(page()) == 0
    assert doubt_of(page([0.1], ["CUT"], verified=False)) == 0
    assert doubt_of(page(verified=None, codes=["CUT"])) == 0


def test_a_document_has_the_doubt_of_its_worst_page() -> None:
    """Pages that could not be compared are counted apart; without `verify` there is no doubt at all."""
    pages = [page([0.5]), page([0.9], ["CUT"]), page(verified=False), page(verified=None)]
    assert document_doubt(pages) == (pytest.approx(2.1), 2, 1)
    assert doubt_of(page(warnings=[repaired("kept")])) == 2
    assert document_doubt([page(verified=None)]) is None
    assert document_doubt([]) is None
