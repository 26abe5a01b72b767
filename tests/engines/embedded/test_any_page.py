"""Whatever the models say of a page, it is parsed, and every line that is kept is in its blocks.

The models are a double that returns drawn lines and regions; everything after them is real.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import LABELS, Detection
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.engines.embedded.page import parse_page
from ocr_worker.pages import PageImage

# `PAGE_EXAMPLES=500 pytest tests/engines/embedded/test_any_page.py` looks harder than `make test` can.
EXAMPLES = int(os.environ.get("PAGE_EXAMPLES", "30"))
SIDE = 1000
OPTIONS = EmbeddedOptions(markdown_ignore_labels=[])
WORDS = (
    "alpha",
    "Beta",
    "12.50",
    "7",
    "1.",
    "(a)",
    "o",
    "- item",
    "Total:",
    "A name, and more words.",
    "x.....3",
    "\u2022 dot",
    "日.0",
)

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
lines = st.builds(
    lambda text, x, y, height: Line(text, Box(x, y, min(SIDE, x + 9 * len(text)), y + height), 0.95),
    texts,
    st.sampled_from([20, 60, 90, 300, 520, 700]),
    st.integers(0, 40).map(lambda row: 24 * row),
    st.sampled_from([14, 18, 20, 34]),
)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, min(SIDE, x + w), min(SIDE, y + h)),
    *[st.integers(0, SIDE - 10)] * 2,
    *[st.integers(5, SIDE)] * 2,
)
detections = st.builds(Detection, st.sampled_from(sorted(set(LABELS.values()))), boxes, st.floats(0.3, 1))


class Drawn:
    """A double of the models of one page, also of its result: `get` returns the regions."""

    def __init__(self, page_lines: list[Line], regions: list[Detection]) -> None:
        self._lines, self._regions = page_lines, regions

    def begin_regions(self, pixels: Any) -> Drawn:
        return self

    def begin(self, find: Any, pixels: Any) -> Any:
        return SimpleNamespace(get=lambda: find(pixels))

    def get(self) -> list[Detection]:
        return sorted(self._regions, key=lambda region: -region.score)

    def find_lines(self, pixels: Any, side: int | None = None) -> Any:
        corners = [[(b.x0, b.y0), (b.x1, b.y0), (b.x1, b.y1), (b.x0, b.y1)] for b in (line.box for line in self._lines)]
        return np.asarray(corners, np.float32).reshape(-1, 4, 2)

    def find_lines_in(self, pixels: Any, areas: Any, side: int) -> Any:
        return self.find_lines(pixels)

    def read_lines(self, pixels: Any, quads: Any, *arguments: Any, **options: Any) -> list[Line]:
        """Return the drawn line at each outline, or an empty one."""
        at = {(round(line.box.x0), round(line.box.y0)): line for line in self._lines}
        matches = [at.get((round(float(quad[0][0])), round(float(quad[0][1])))) for quad in quads]
        return [line or Line("", Box(*quad[0], *quad[2]), 0.0) for line, quad in zip(matches, quads, strict=True)]

    def orientation(self, pixels: Any) -> int:
        return 0


@settings(max_examples=EXAMPLES)
@given(st.lists(lines, max_size=25), st.lists(detections, max_size=6))
def test_any_page_is_parsed(page_lines: list[Line], regions: list[Detection]) -> None:
    """No combination of lines and regions fails a page."""
    models: Any = Drawn(page_lines, regions)
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for line in page_lines:
        x0, y0, x1, y1 = map(int, line.box)
        pixels[y0 + 3 : y1 - 3, x0:x1:3] = 0
    page = parse_page(models, PageImage(1, pixels, None), OPTIONS)
    assert page.width == page.height == SIDE
