"""Bold lines by the width of their strokes, and the titles that they make."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.embedded.bold import mark_bold
from ocr_worker.engines.embedded.furniture import label_by_place
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import Region, split_title
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.pages import Pixels

TEXTS = ("Timber for the saw mill", "the first load came down", "on the river before noon", "and was sold the same day")


def drawn(faces: list[str], size: int, ink: str = "black", ground: str = "white") -> tuple[list[Line], Pixels]:
    """The lines of TEXTS in these faces of DejaVu, and the page."""
    image = Image.new("RGB", (900, 400), ground)
    draw = ImageDraw.Draw(image)
    lines = []
    for number, (face, text) in enumerate(zip(faces, TEXTS, strict=True)):
        at, font = (50, 40 + 80 * number), ImageFont.truetype(f"{face}.ttf", size)
        draw.text(at, text, ink, font)
        lines.append(Line(text, Box(*map(float, draw.textbbox(at, text, font)))))
    return lines, np.ascontiguousarray(np.asarray(image))


@pytest.mark.parametrize("family", ["DejaVuSans", "DejaVuSerif"])
@pytest.mark.parametrize("size", [18, 24, 40])
@pytest.mark.parametrize(("ink", "ground"), [("black", "white"), ("#eeeeee", "#203050")])
def test_a_bold_line_among_others_is_bold(family: str, size: int, ink: str, ground: str) -> None:
    """A line with wider strokes is marked at any size and in any color, and no line of a page in one weight is."""
    regular, bold = family, f"{family}-Bold"
    lines = mark_bold(*drawn([bold, regular, regular, regular], size, ink, ground))
    assert [line.is_bold for line in lines] == [True, False, False, False]
    for face in (regular, bold):
        assert not any(line.is_bold for line in mark_bold(*drawn([face] * 4, size, ink, ground)))


def paragraph(y: float, *, is_bold: bool = False) -> Region:
    """A text of five lines from y on."""
    lines = [Line("a line of text", Box(100, y + 40 * i, 800, y + 40 * i + 28), is_bold=is_bold) for i in range(5)]
    return Region("text", Box(100, y, 800, y + 188), tuple(lines))


@pytest.mark.parametrize(("is_bold", "body_is_bold", "label"), [(True, False, "paragraph_title"), (True, True, "text")])
def test_a_bold_line_far_above_lighter_text_is_a_title(is_bold: bool, body_is_bold: bool, label: str) -> None:
    """A bold line is a title over white where a regular one is text, unless what follows is bold as well."""
    title = Region("text", Box(100, 500, 400, 528), (Line("다섯 번째 보고", Box(100, 500, 400, 528), is_bold=is_bold),))
    page = [paragraph(200), title, paragraph(580, is_bold=body_is_bold)]
    labeled = {region.box: region.label for region in label_by_place(page, 1000, 1400, Rules((), ()))}
    assert labeled[title.box] == label


def test_a_bold_first_line_is_parted_from_two_rows() -> None:
    """A short bold line above one full row is a title; a regular one is a part of the text."""
    rows = (Line("Terms of use", Box(100, 100, 300, 128)), Line("all of the text", Box(100, 140, 800, 168)))
    region = Region("text", Box(100, 100, 800, 168), rows)
    bold = Region("text", region.box, (Line(rows[0].text, rows[0].box, is_bold=True), rows[1]))
    assert [len(split_title(each)) for each in (region, bold)] == [1, 2]
