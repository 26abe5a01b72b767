"""Draw the repository's own test page and write `test_input.json`; tests compare results with the text in here.

Run as `python tests/resources/make_page.py`: the same page every time, for one version of Pillow and of the font.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

TITLE = "Water Levels of the Upper Basin"
INTRO = "Annual summary of the four gauges, prepared for the river council in March 2026."
LEFT = (
    "Winter was mild and the snow left the hills three weeks early. The gauges rose in February instead of April, "
    "and the lower meadows stood under water for nine days.",
    "No road had to be closed. The two sluices at the mill were opened by hand, because the motor of the second one "
    "was still waiting for a spare part.",
)
RIGHT = (
    "Summer brought the longest dry spell since the records began. Between June and August the level at Stone "
    "Bridge fell by more than half a metre.",
    "The council agreed to read every gauge twice a day until October, and to publish the figures each Monday "
    "on the board outside the town hall.",
)
HEADING = "Readings by gauge"
TABLE = (
    ("Gauge", "Lowest (m)", "Highest (m)", "Days over 3 m"),
    ("Stone Bridge", "0.42", "3.87", "12"),
    ("Old Mill", "0.65", "4.10", "19"),
    ("Ferry Lane", "1.08", "3.15", "4"),
    ("North Weir", "0.91", "2.96", "0"),
)
FOOTER = "River Council, Hydrology Office"
PAGE_NUMBER = "17"

SIZE = (1240, 1754)  # A4 at 150 dpi
MARGIN, GUTTER = 120, 60
REGULAR, BOLD = "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"
INK = 20


def draw_page() -> Image.Image:
    """The page: 8-bit grey, A4 at 150 dpi."""
    page = Image.new("L", SIZE, 255)
    draw = ImageDraw.Draw(page)
    right_edge = SIZE[0] - MARGIN
    column = (right_edge - MARGIN - GUTTER) // 2
    draw.text((SIZE[0] / 2, 150), TITLE, INK, ImageFont.truetype(BOLD, 48), anchor="ma")
    draw.text((SIZE[0] / 2, 240), INTRO, INK, ImageFont.truetype(REGULAR, 22), anchor="ma")
    ends = [
        _paragraphs(draw, (MARGIN, 330), LEFT, column),
        _paragraphs(draw, (right_edge - column, 330), RIGHT, column),
    ]
    top = max(ends) + 50
    draw.text((MARGIN, top), HEADING, INK, ImageFont.truetype(BOLD, 32))
    _table(draw, (MARGIN, top + 70), TABLE, right_edge - MARGIN)
    small = ImageFont.truetype(REGULAR, 20)
    draw.text((MARGIN, SIZE[1] - 100), FOOTER, INK, small)
    draw.text((right_edge, SIZE[1] - 100), PAGE_NUMBER, INK, small, anchor="ra")
    return page


def page_png() -> bytes:
    """The page as a small PNG of sixteen greys, which says its resolution."""
    page = draw_page().quantize(16)
    buffer = io.BytesIO()
    page.save(buffer, "PNG", optimize=True, dpi=(150, 150))
    return buffer.getvalue()


def _paragraphs(draw: ImageDraw.ImageDraw, origin: tuple[int, int], texts: Sequence[str], width: int) -> int:
    """Draws the paragraphs under one another, each with its first line indented; returns where they end."""
    font = ImageFont.truetype(REGULAR, 24)
    x, y = origin
    for text in texts:
        for number, line in enumerate(_wrapped(draw, text, font, width)):
            draw.text((x + (30 if number == 0 else 0), y), line, INK, font)
            y += 36
        y += 16
    return y


def _wrapped(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        indent = 0 if lines else 30
        if draw.textlength(longer, font) > width - indent:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


def _table(draw: ImageDraw.ImageDraw, origin: tuple[int, int], rows: Sequence[Sequence[str]], width: int) -> None:
    """Draws a ruled table: the first row bold, numbers flush right."""
    x0, y0 = origin
    height, column = 50, width // len(rows[0])
    for row, texts in enumerate(rows):
        font = ImageFont.truetype(BOLD if row == 0 else REGULAR, 22)
        for col, text in enumerate(texts):
            box = (x0 + col * column, y0 + row * height, x0 + (col + 1) * column, y0 + (row + 1) * height)
            draw.rectangle(box, outline=INK, width=2)
            end = row > 0 and col > 0
            at = (box[2] - 16 if end else box[0] + 16, (box[1] + box[3]) / 2)
            draw.text(at, text, INK, font, anchor="rm" if end else "lm")


def main() -> None:
    """Writes `test_input.json` at the top of the repository."""
    document = {"id": "sample", "base64": base64.b64encode(page_png()).decode()}
    target = Path(__file__).parents[2] / "test_input.json"
    target.write_text(json.dumps({"input": {"documents": [document]}}) + "\n")


if __name__ == "__main__":
    main()
