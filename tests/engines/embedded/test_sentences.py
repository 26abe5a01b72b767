"""Sentences that continue in the region below are read in one."""

from __future__ import annotations

from ocr_worker.engines.embedded.geometry import bounds
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.sentences import group_sentences
from ocr_worker.engines.embedded.page import order_regions
from support.typeset import typeset


def _region(label: str, x: float, y: float, *texts: str) -> Region:
    lines = tuple(typeset(text, x, y + 25 * i) for i, text in enumerate(texts))
    return Region(label, bounds(line.box for line in lines), lines)


def test_a_heading_of_the_other_column_does_not_come_between() -> None:
    """The first half ends with a hyphen, beside a heading that is level with the white below it."""
    upper = _region(
        "text", 100, 100, "Large collections of pages have made deep-", "er models of the pages possible, such as deep-"
    )
    lower = _region("text", 100, 170, "learning models of all kinds of pages which", "were never seen before.")
    heading = _region("paragraph_title", 600, 146, "KEYWORDS")
    ordered = order_regions([upper, heading, lower], [*upper.lines, *lower.lines])
    assert ordered.index(lower) == ordered.index(upper) + 1


def test_complete_sentences_and_texts_far_apart_stay_units() -> None:
    """So do halves with another region between them."""
    upper = _region("text", 100, 100, "the gates of the mill and")
    ended = _region("text", 100, 100, "The gates of the mill.")
    lower = _region("text", 100, 135, "the key of the gates")
    far = _region("text", 100, 400, "the key of the gates")
    between = _region("paragraph_title", 180, 118, "Keys")
    assert [len(unit) for unit in group_sentences([[upper], [lower]])] == [2]
    assert [len(unit) for unit in group_sentences([[ended], [lower]])] == [1, 1]
    assert [len(unit) for unit in group_sentences([[upper], [far]])] == [1, 1]
    assert len(group_sentences([[upper], [between], [lower]])) == 3
