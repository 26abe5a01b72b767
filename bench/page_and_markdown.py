"""Picture of README: a page of `examples/sample.pdf` beside the Markdown that the embedded engine returns for it.

`python bench/page_and_markdown.py` parses the page through `ocr-worker parse` and draws `docs/page-and-markdown.png`
with Pillow. Nothing in the picture is edited; long lines are wrapped to fit. The file also contains the Markdown as
text, so that a test can tell when the picture is out of date.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pypdfium2
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "examples" / "sample.pdf"
TARGET = ROOT / "docs" / "page-and-markdown.png"

PAGE_HEIGHT, EDGE, GAP, TITLE_HEIGHT = 1080, 28, 28, 44  # pixels
FONT_SIZE, LINE_HEIGHT, LINE_CHARACTERS = 21, 31, 64
BACKGROUND, PAPER, BORDER = "#eaeef2", "#ffffff", "#c8d0d8"
INK, TITLE_INK, HEADING_INK, TABLE_INK = "#1f2328", "#57606a", "#0b5394", "#116329"
COLORS = 64  # of the palette; more do not show, fewer spoil the edges of letters


def parse_first_page() -> str:
    """Return the Markdown of the sample's first page, as the command line returns it."""
    command = [sys.executable, "-m", "ocr_worker.cli", "parse", "--engine", "embedded", "--pages", "1", "--json"]
    completed = subprocess.run([*command, str(SAMPLE)], capture_output=True, text=True, check=True)
    markdown: str = json.loads(completed.stdout)["documents"][0]["pages"][0]["markdown"]
    return markdown


def draw_picture(markdown: str) -> Image.Image:
    """Return the picture: the page at the left, the Markdown at the right."""
    page = render_first_page()
    width = round(LINE_CHARACTERS * ImageFont.truetype("DejaVuSansMono.ttf", FONT_SIZE).getlength("x")) + 2 * EDGE
    size = (EDGE + page.width + GAP + width + EDGE, TITLE_HEIGHT + page.height + EDGE)
    picture = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(picture)
    title_font = ImageFont.truetype("DejaVuSans.ttf", 20)
    left = EDGE + page.width + GAP
    for x, title in ((EDGE, "examples/sample.pdf, page 1"), (left, "Markdown")):
        draw.text((x, TITLE_HEIGHT / 2), title, TITLE_INK, title_font, anchor="lm")
    picture.paste(page, (EDGE, TITLE_HEIGHT))
    for x, card_width in ((EDGE, page.width), (left, width)):
        box = (x - 1, TITLE_HEIGHT - 1, x + card_width, TITLE_HEIGHT + page.height)
        draw.rectangle(box, fill=PAPER if x == left else None, outline=BORDER)
    draw_markdown(draw, markdown, left + EDGE, TITLE_HEIGHT + EDGE)
    return picture


def render_first_page() -> Image.Image:
    """Return the sample's first page as an image of the picture's height."""
    page = pypdfium2.PdfDocument(SAMPLE)[0]
    picture: Image.Image = page.render(scale=PAGE_HEIGHT / page.get_height()).to_pil()
    return picture


def draw_markdown(draw: ImageDraw.ImageDraw, markdown: str, x: int, y: int) -> None:
    """Draw the Markdown's source, headings and tables in colors of their own."""
    for line in markdown.splitlines():
        is_heading = line.startswith("#")
        font = ImageFont.truetype(f"DejaVuSansMono{'-Bold' if is_heading else ''}.ttf", FONT_SIZE)
        color = HEADING_INK if is_heading else TABLE_INK if line.startswith(("|", "![")) else INK
        for part in textwrap.wrap(line, LINE_CHARACTERS) or [""]:
            draw.text((x, y), part, color, font)
            y += LINE_HEIGHT if part else LINE_HEIGHT // 2


def main() -> None:
    """Write the picture."""
    markdown = parse_first_page()
    text = PngInfo()
    text.add_itxt("Markdown", markdown)
    draw_picture(markdown).quantize(COLORS).save(TARGET, optimize=True, pnginfo=text)


if __name__ == "__main__":
    main()
