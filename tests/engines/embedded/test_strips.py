"""Strips are read at the size of their letters, in tiles. With the real models where lines are read."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.embedded.engine import EmbeddedEngine
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.engines.embedded.reading.strips import map_in_tiles, strip_factor, tiles
from ocr_worker.pages import PageImage, ParsedPage, Pixels

GOODS = ("Bread rolls", "Butter", "Candles", "Rye flour", "Honey", "Twine", "Soap")


def parse(engine: EmbeddedEngine, image: Image.Image) -> ParsedPage:
    (page,) = engine.parse([PageImage(1, pixels(image))], EmbeddedOptions())
    return page


def pixels(image: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(image.convert("RGB")))


def receipt(items: int) -> Image.Image:
    font = ImageFont.truetype("DejaVuSansMono.ttf", 26)
    image = Image.new("L", (600, 46 * items + 300), 255)
    draw = ImageDraw.Draw(image)
    for item in range(items):
        draw.text((30, 100 + 46 * item), f"{item + 1:03d} {GOODS[item % 7]}", 0, font)
        draw.text((480, 100 + 46 * item), f"{item % 9 + 1}.{item % 10}5", 0, font)
    draw.text((30, 46 * items + 180), f"TOTAL {items} ITEMS", 0, font)
    return image


@pytest.mark.process
def test_a_receipt_reads_to_its_end(engine: EmbeddedEngine) -> None:
    """Each item of a receipt six times as long as wide is there, and the total; the page keeps its size."""
    items = 70
    page = parse(engine, receipt(items))
    assert (page.width, page.height) == (600, 46 * items + 300)
    entries = [f"{item + 1:03d} {GOODS[item % 7]}" for item in range(items)]
    missing = [entry for entry in entries if entry not in page.markdown]
    assert len(missing) <= 1
    assert f"TOTAL {items} ITEMS" in page.markdown


@pytest.mark.process
@pytest.mark.slow
def test_a_conversation_reads_to_its_end(engine: EmbeddedEngine) -> None:
    """A screenshot of a conversation, its words on alternating sides, is read from top to bottom."""
    font = ImageFont.truetype("DejaVuSans.ttf", 24)
    image = Image.new("L", (720, 6000), 255)
    words = [f"Message number {number} arrives" for number in range(1, 41)]
    for number, text in enumerate(words):
        ImageDraw.Draw(image).text((40 if number % 2 else 330, 60 + 148 * number), text, 30, font)
    markdown = parse(engine, image).markdown
    places = [markdown.find(text) for text in words]
    assert min(places) >= 0
    assert places == sorted(places)


@pytest.mark.process
def test_a_banner_is_one_line(engine: EmbeddedEngine) -> None:
    """A line ten times as wide as its page is high is read whole, though tiles cut through it."""
    text = "The gauges of the upper basin rose in February instead of April, and the meadows stood under water"
    image = Image.new("L", (4200, 300), 255)
    ImageDraw.Draw(image).text((80, 110), text, 0, ImageFont.truetype("DejaVuSans.ttf", 70))
    assert text in " ".join(parse(engine, image).markdown.split())


def test_tiles_cover_a_strip_once_and_cut_at_blank_rows() -> None:
    """Tiles follow each other without gaps, and end between two lines where they can."""
    strip = pixels(receipt(100))
    spans = [rows for rows, _ in tiles(strip)]
    assert spans[0].start == 0
    assert spans[-1].stop == strip.shape[0]
    assert all(before.stop == after.start for before, after in pairwise(spans))
    assert all(strip[span.start].min() == 255 for span in spans)
    assert tiles(strip[:800]) == [(slice(0, 800), slice(0, 600))]


def test_the_map_of_a_strip_is_that_of_its_tiles() -> None:
    """Joined tiles have the size of the input, and the value of each pixel is that of its place."""
    image = np.random.default_rng(1).random((1, 3, 3200, 320))
    assert strip_factor(image[0, 0]) > 1
    for strip in (image, image.transpose(0, 1, 3, 2)):
        assert np.array_equal(map_in_tiles(lambda part: part[:, :1], strip), strip[:, :1])
