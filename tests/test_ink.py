"""Pages with ink and empty ones, as scanners and programs make them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.ink import has_ink
from ocr_worker.pages import Pixels

SIZE = (1000, 1400)  # width, height
NOISE = np.random.default_rng(3)


def paper(shade: int = 245) -> Image.Image:
    return Image.new("RGB", SIZE, (shade, shade, shade))


def bgr(image: Image.Image) -> Pixels:
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def grainy(image: Image.Image, deviation: float) -> Image.Image:
    values = np.asarray(image) + NOISE.normal(0, deviation, (SIZE[1], SIZE[0], 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def compressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


def drawn(image: Image.Image, *shapes: tuple[int, int, int, int], color: int = 20) -> Image.Image:
    for shape in shapes:
        ImageDraw.Draw(image).rectangle(shape, fill=(color, color, color))
    return image


def written(image: Image.Image, text: str, color: tuple[int, int, int], size: int = 20) -> Image.Image:
    ImageDraw.Draw(image).text((300, 500), text, color, ImageFont.truetype("DejaVuSans.ttf", size))
    return image


def shaded() -> Image.Image:
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    values = 250 - 70 * x / SIZE[0] - 60 * ((x / SIZE[0] - 0.5) ** 2 + (y / SIZE[1] - 0.5) ** 2)
    return Image.fromarray(np.stack([values] * 3, 2).astype(np.uint8))


def salted(share: float) -> Image.Image:
    values = np.asarray(paper()).copy()
    values[NOISE.random(values.shape[:2]) < share] = 0
    return Image.fromarray(values)


def dusty() -> Image.Image:
    specks = NOISE.integers(0, 1000, (40, 2))
    return drawn(paper(), *((int(x), int(y), int(x) + 1, int(y) + 1) for x, y in specks))


EMPTY = {
    "white": lambda: paper(255),
    "colored": lambda: Image.new("RGB", SIZE, (250, 235, 160)),
    "black": lambda: paper(0),
    "grain": lambda: grainy(paper(), 8),
    "strong grain": lambda: grainy(paper(220), 25),
    "compressed grain": lambda: compressed(grainy(paper(), 12)),
    "specks": lambda: salted(0.02),
    "dust": dusty,
    "shade": shaded,
    "dark edges": lambda: drawn(paper(), (0, 0, 45, 1400), (0, 1350, 1000, 1400)),
    "streak": lambda: drawn(paper(), (330, 0, 330, 1400), color=120),
}
INKED = {
    "a digit": lambda: written(paper(), "7", (0, 0, 0)),
    "gray": lambda: written(paper(255), "Received", (205, 205, 205)),
    "yellow": lambda: written(paper(255), "Received", (255, 235, 80)),
    "red on green of the same brightness": lambda: written(Image.new("RGB", SIZE, (0, 102, 0)), "Stop", (200, 0, 0)),
    "white on black": lambda: written(paper(0), "Received", (255, 255, 255)),
    "letters in grain": lambda: grainy(written(paper(), "Received", (40, 40, 40), 30), 15),
    "letters in a shade": lambda: written(shaded(), "Received", (90, 90, 90)),
    "large letters": lambda: written(paper(), "NO", (0, 0, 0), 400),
    "a box": lambda: drawn(paper(), (200, 200, 700, 900), color=90),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_page_has_no_ink(name: str) -> None:
    """Paper in any color, with grain, dust, shadows and streaks, is empty."""
    assert not has_ink(bgr(EMPTY[name]()))


@pytest.mark.parametrize("name", INKED)
def test_a_page_with_ink_has_ink(name: str) -> None:
    """A single digit, faint, colored, white on black, large or in grain, is ink."""
    assert has_ink(bgr(INKED[name]()))


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 3), (10, 12)])
def test_tiny_images_are_looked_at_too(size: tuple[int, int]) -> None:
    """An image of a few pixels is no error."""
    assert not has_ink(np.full((*size, 3), 255, np.uint8))
