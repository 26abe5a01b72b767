"""Warnings about a page that do not depend on its engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ocr_worker.pages import PageImage, ParsedPage, Pixels
from ocr_worker.parsing.isolation import parse_isolated
from ocr_worker.wire.schema import EngineInfo, ParseOptions

EMPTY: Pixels = np.full((300, 200, 3), 255, np.uint8)
INKED: Pixels = EMPTY.copy()
INKED[100:160, 60:120] = 0


class _Engine:
    """An engine that reads the same Markdown on every page."""

    info = EngineInfo(name="same", version="1", backend="none")
    batch_size = 2

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown

    def warm_up(self) -> None: ...

    def close(self) -> None: ...

    def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> list[ParsedPage]:
        return [ParsedPage(200, 300, self.markdown, []) for _ in pages]


def codes(markdown: str, *pages: Pixels) -> list[list[str]]:
    images = [PageImage(number, pixels) for number, pixels in enumerate(pages, start=1)]
    outcomes = parse_isolated(_Engine(markdown), images, ParseOptions())
    return [[w.code for w in page.warnings] for page, _ in outcomes if isinstance(page, ParsedPage)]


@pytest.mark.parametrize(
    "markdown",
    ["", "\n\n", "![](page-1-figure-1.jpg)", '<div style="x"><img src="imgs/1.jpg" alt="Image"/></div>', "| |"],
)
def test_ink_without_text_warns(markdown: str) -> None:
    """A page with ink whose Markdown has no letter and no digit has the warning NO_TEXT, alone and in a batch."""
    assert codes(markdown, INKED) == [["NO_TEXT"]]
    assert codes(markdown, INKED, EMPTY) == [["NO_TEXT"], []]


def test_text_or_an_empty_page_does_not_warn() -> None:
    """A page with text has no warning, whatever is drawn on it, and an empty page has none."""
    assert codes("7", INKED) == [[]]
    assert codes("水位", INKED) == [[]]
    assert codes("![Way out](page-1-figure-1.jpg)", INKED) == [[]]  # the words in a figure
    assert codes("", EMPTY) == [[]]
