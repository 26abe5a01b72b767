"""Underlined lines, and the titles among them."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.furniture import label_by_place
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.underlines import mark_underlined

TITLE = Line("Soup of the day", Box(100, 100, 400, 130))


@pytest.mark.parametrize(
    ("rules", "is_underlined"),
    [
        ([Box(102, 131, 398, 133)], True),
        ([Box(102, 131, 260, 133), Box(255, 132, 398, 134)], True),
        ([Box(102, 131, 700, 133)], False),
        ([Box(102, 131, 220, 133)], False),
        ([Box(102, 160, 398, 162)], False),
        ([Box(102, 98, 398, 100)], False),
    ],
    ids=["underlined", "slightly aslant, in two pieces", "a blank to fill in", "one word", "farther below", "above"],
)
def test_a_rule_as_long_as_the_line_underlines_it(rules: list[Box], is_underlined: bool) -> None:
    """The rule is right below the line, and begins and ends as the line does."""
    assert mark_underlined([TITLE], Rules(tuple(rules), ()))[0].is_underlined is is_underlined


def test_an_underlined_line_over_text_is_a_title() -> None:
    """At the head of the page and farther down; farther down, the same line without its underline is text."""
    labels = []
    for rules in (Rules((Box(100, 131, 400, 133), Box(100, 631, 400, 633)), ()), Rules((), ())):
        page = []
        for top in (100, 600):
            line = Line("Soup of the day, as it is made", TITLE.box._replace(y0=top, y1=top + 30))
            body = tuple(Line("4 liters of water", Box(100, y, 900, y + 30)) for y in range(top + 90, top + 400, 40))
            page += mark_underlined([line], rules), body
        regions = [
            Region("text", Box(100, lines[0].box.y0, lines[0].box.x1, lines[-1].box.y1), tuple(lines)) for lines in page
        ]
        labels.append([region.label for region in label_by_place(regions, 1000, 1400, rules)])
    assert labels == [["paragraph_title", "text"] * 2, ["paragraph_title", *["text"] * 3]]
