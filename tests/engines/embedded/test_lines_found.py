"""That every line of a dense page is found, and none across its columns. With the real models."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.embedded.engine import EmbeddedEngine
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.pages import PageImage, Pixels

pytestmark = pytest.mark.process

ENTRIES = ("alder", "birch", "cedar", "larch", "maple", "rowan", "aspen", "hazel", "elder", "beech")


def dictionary(columns: int, rows: int, size: int, gutter: float) -> tuple[Pixels, list[list[str]]]:
    """A page of A4 proportions, and its columns' lines. size: of the letters, in pixels; gutter: in sizes."""
    font = ImageFont.truetype("DejaVuSerif.ttf", size)
    texts = [[f"{ENTRIES[(7 * row + column) % 10]} {column}{row:03d} found by the river" for row in range(rows)]
             for column in range(columns)]  # fmt: skip
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    width = max(draw.textlength(text, font) for column in texts for text in column)
    step = int(1.25 * size)
    page = Image.new("L", (int(columns * (width + gutter * size)) + 200, rows * step + 200), 255)
    draw = ImageDraw.Draw(page)
    for number, column in enumerate(texts):
        for row, text in enumerate(column):
            draw.text((100 + number * (width + gutter * size), 100 + row * step), text, 20, font)
    return np.ascontiguousarray(np.stack([np.asarray(page)] * 3, axis=2)), texts


@pytest.mark.parametrize(
    ("columns", "rows", "size", "gutter"),
    [
        pytest.param(3, 70, 24, 1.5, id="three columns", marks=pytest.mark.slow),
        pytest.param(2, 30, 32, 1.2, id="narrow gutter"),
        pytest.param(2, 150, 20, 2.0, id="tiny print", marks=pytest.mark.slow),
    ],
)
def test_a_dense_page_reads_column_by_column(
    engine: EmbeddedEngine, columns: int, rows: int, size: int, gutter: float
) -> None:
    """Each entry is there, and after the one before it."""
    pixels, texts = dictionary(columns, rows, size, gutter)
    (page,) = engine.parse([PageImage(1, pixels)], EmbeddedOptions())
    text = " ".join(page.markdown.split())
    numbers = [line.split()[1] for column in texts for line in column]
    places = [text.find(number) for number in numbers]
    assert sum(place < 0 for place in places) <= 0.02 * len(places)
    found_places = [place for place in places if place >= 0]
    assert sum(a > b for a, b in pairwise(found_places)) <= 0.01 * len(found_places)
