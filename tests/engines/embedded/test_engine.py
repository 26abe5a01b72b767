"""The engine with its real models."""

from __future__ import annotations

import base64
import io
import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.embedded.engine import EmbeddedEngine
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.pages import PageImage, ParsedPage, Pixels, TextLine
from resources.make_page import FOOTER, HEADING, INTRO, LEFT, PAGE_NUMBER, RIGHT, TABLE, TITLE, page_png

pytestmark = pytest.mark.process

MARKDOWN_TABLE = "\n".join(f"| {' | '.join(row)} |" for row in (TABLE[0], ["---"] * 4, *TABLE[1:]))
MARKDOWN = "\n\n".join([f"# {TITLE}", INTRO, *LEFT, *RIGHT, f"## {HEADING}", MARKDOWN_TABLE])
FOOT_TOP = 711  # below the columns
FOOT_MARKDOWN = f"# {HEADING}\n\n{MARKDOWN_TABLE}"
RUSSIAN = (
    "Все счастливые семьи похожи друг на друга, каждая",
    "несчастливая семья несчастлива по-своему. Все",
    "смешалось в доме Облонских.",
)


def parse(engine: EmbeddedEngine, pixels: Pixels, **fields: object) -> ParsedPage:
    (page,) = engine.parse([PageImage(1, pixels, text_lines=fields.pop("text_lines", None))], EmbeddedOptions(**fields))
    return page


def image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def drawn(lines: tuple[str, ...], size: int = 32) -> tuple[Pixels, tuple[TextLine, ...]]:
    """A page with these lines, and the text layer it would have as a PDF."""
    image = Image.new("RGB", (1000, 400), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype("DejaVuSerif.ttf", size)
    layer = []
    for number, line in enumerate(lines):
        at = (60, 60 + 56 * number)
        draw.text(at, line, "black", font)
        layer.append(TextLine(line, tuple(map(float, draw.textbbox(at, line, font)))))
    return np.ascontiguousarray(np.asarray(image)[:, :, ::-1]), tuple(layer)


def codes(page: ParsedPage) -> list[str]:
    return [warning.code for warning in page.warnings]


@pytest.fixture(scope="module")
def foot(own_page: Pixels) -> Pixels:
    """The lower half of the own page: its second title, its table and its foot, read in half the time."""
    return np.ascontiguousarray(own_page[FOOT_TOP:])


@pytest.fixture(scope="module")
def own_result(engine: EmbeddedEngine, own_page: Pixels) -> ParsedPage:
    """The repository's own page as it is read; reading it takes seconds."""
    return parse(engine, own_page)


def test_the_own_page_reads_exactly(own_result: ParsedPage) -> None:
    """Title, both columns in order, and the table's numbers come back to the letter, the page's furniture apart."""
    assert own_result.markdown == MARKDOWN
    assert {(b.label, b.content) for b in own_result.blocks} >= {("footer", FOOTER), ("number", PAGE_NUMBER)}
    assert own_result.warnings == []


def test_all_labels_can_be_kept(engine: EmbeddedEngine, foot: Pixels) -> None:
    """With an empty `markdown_ignore_labels` the Markdown ends with the page's foot; the blocks are the same."""
    complete, usual = parse(engine, foot, markdown_ignore_labels=[]), parse(engine, foot)
    assert usual.markdown == FOOT_MARKDOWN
    assert complete.markdown == "\n\n".join([FOOT_MARKDOWN, FOOTER, PAGE_NUMBER])
    assert complete.blocks == usual.blocks


def test_much_text_that_is_left_out_is_reported(engine: EmbeddedEngine, foot: Pixels) -> None:
    """A page of which more than a tenth is not in the Markdown has a warning with the share and the labels."""
    page = parse(engine, foot, markdown_ignore_labels=["table"])
    (warning,) = page.warnings
    assert warning.code == "TEXT_LEFT_OUT"
    assert "table" in warning.message
    assert "|" not in page.markdown


@pytest.mark.parametrize(
    ("size", "is_bold", "is_centered"),
    [
        (28, True, False),
        pytest.param(36, False, False, marks=pytest.mark.slow),
        (24, False, True),
        pytest.param(32, True, True, marks=pytest.mark.slow),
    ],
)
def test_a_title_at_the_head_is_read(engine: EmbeddedEngine, size: int, is_bold: bool, is_centered: bool) -> None:
    """A title alone above the text, in its size or a little larger, is the page's heading."""
    title, text = "Timber Saffron Kernel", "ember willow quartz timber umber velvet yonder basil onyx raven marble"
    font = ImageFont.truetype("DejaVuSans-Bold.ttf" if is_bold else "DejaVuSans.ttf", size)
    text_font = ImageFont.truetype("DejaVuSans.ttf", 24)
    width = int(text_font.getlength(text)) + 180
    page = Image.new("RGB", (width, 700), "white")
    draw = ImageDraw.Draw(page)
    draw.text(((width - font.getlength(title)) / 2 if is_centered else 90, 80), title, "black", font)
    for row in range(8):
        draw.text((90, 200 + 44 * row), text, "black", text_font)
    parsed = parse(engine, np.ascontiguousarray(np.asarray(page)[:, :, ::-1]))
    assert parsed.markdown.startswith((f"# {title}\n", f"## {title}\n"))


def test_the_tables_block_is_html(own_result: ParsedPage) -> None:
    """The ruled table's block holds every cell of it as HTML."""
    (table,) = [block for block in own_result.blocks if block.label == "table"]
    assert (
        table.content
        == "<table>"
        + "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in TABLE)
        + "</table>"
    )


def test_the_dry_runs_document_is_the_page_drawn_here() -> None:
    """`test_input.json` holds the page that `make_page.py` draws, in the platform's form."""
    job = json.loads((Path(__file__).parents[3] / "test_input.json").read_text())
    (document,) = job["input"]["documents"]
    stored, drawn = image(base64.b64decode(document["base64"])), image(page_png())
    assert (stored.size, stored.tobytes()) == (drawn.size, drawn.tobytes())


@pytest.mark.parametrize("quarters", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_turned_pages_read_like_upright_ones(engine: EmbeddedEngine, foot: Pixels, quarters: int) -> None:
    """A page on its side or on its head gives the same Markdown, and its size as it was turned."""
    page = parse(engine, np.ascontiguousarray(np.rot90(foot, quarters)))
    assert page.markdown == FOOT_MARKDOWN
    assert (page.height, page.width) == foot.shape[:2]


def test_a_page_that_leans_is_levelled(engine: EmbeddedEngine, own_page: Pixels) -> None:
    """Two degrees of skew change neither the order nor the table."""
    height, width = own_page.shape[:2]
    lean = cv2.getRotationMatrix2D((width / 2, height / 2), 2, 1)
    leaning = cv2.warpAffine(own_page, lean, (width, height), borderValue=(255, 255, 255))
    page = parse(engine, np.asarray(leaning, np.uint8))
    assert MARKDOWN_TABLE in page.markdown
    assert [page.markdown.index(text[:20]) for text in (*LEFT, *RIGHT)] == sorted(
        page.markdown.index(text[:20]) for text in (*LEFT, *RIGHT)
    )


def test_a_blank_page_is_empty(engine: EmbeddedEngine) -> None:
    """A blank page succeeds, with no text, no blocks and no warnings."""
    page = parse(engine, np.full((800, 600, 3), 255, np.uint8))
    assert (page.markdown, page.blocks, page.figures, page.warnings) == ("", [], [], [])


def test_a_poor_scan_is_not_clean_success(engine: EmbeddedEngine) -> None:
    """Text that was read without confidence carries a warning."""
    pixels, _ = drawn(("Nobody can tell what stands here", "and nobody should pretend to know"), 14)
    blurred = cv2.GaussianBlur(pixels, (0, 0), 3.2)
    noise = np.random.default_rng(1).normal(0, 12, pixels.shape)
    page = parse(engine, np.clip(blurred + noise, 0, 255).astype(np.uint8))
    assert not page.blocks or codes(page)


def test_a_script_that_cannot_be_read_is_reported(engine: EmbeddedEngine) -> None:
    """A scan in Russian never looks like success."""
    assert codes(parse(engine, drawn(RUSSIAN)[0])) == ["UNSUPPORTED_SCRIPT"]


GREEK = ("Η συνέλευση των ενοίκων γίνεται την Κυριακή", "Παρακαλούμε φέρτε τα κλειδιά του υπογείου")
ARMENIAN = ("Գետը բարձրացավ փետրվարին, ոչ թե ապրիլին", "Մարգագետինները ջրի տակ էին ինը օր")
CZECH = ("Příliš žluťoučký kůň úpěl ďábelské ódy", "Řeka stoupla v únoru a louky byly pod vodou")


def test_a_text_layer_is_exact_in_every_script(engine: EmbeddedEngine) -> None:
    """The same page with its text layer comes out to the letter, without a warning."""
    pixels, layer = drawn(RUSSIAN)
    page = parse(engine, pixels, text_lines=layer)
    assert page.markdown == " ".join(RUSSIAN)
    assert page.warnings == []


@pytest.mark.parametrize("lines", [GREEK, ARMENIAN, CZECH])
def test_a_reading_with_gaps_does_not_refute_the_layer(engine: EmbeddedEngine, lines: tuple[str, ...]) -> None:
    """The layer counts where the recognizer leaves out or mistakes letters."""
    pixels, layer = drawn(lines)
    page = parse(engine, pixels, text_lines=layer)
    assert all(line in page.markdown for line in lines)
    assert (page.text_source, page.warnings) == ("text_layer", [])


ENGLISH = ("The gauges rose in February instead of April,", "and the meadows stood under water for nine days.")


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(lambda text: "".join(chr(ord(c) + 3) if c.isalpha() else c for c in text), id="shifted"),
        pytest.param(lambda text: "Buy the very best shoes in our shop today"[: len(text)], id="other-text"),
        pytest.param(lambda text: "".join(chr(0xE000 + ord(c)) for c in text), id="private-use"),
        pytest.param(lambda text: "".join(chr(0x430 + ord(c) % 32) for c in text), id="wrong-script"),
    ],
)
def test_a_text_layer_that_lies_is_not_believed(engine: EmbeddedEngine, lie: object) -> None:
    """If the text layer contradicts the picture, the picture counts."""
    pixels, layer = drawn(ENGLISH)
    false = tuple(TextLine(lie(line.text), line.bbox) for line in layer)  # type: ignore[operator]
    assert parse(engine, pixels, text_lines=false).markdown == " ".join(ENGLISH)


def test_what_the_layer_lacks_is_read(engine: EmbeddedEngine) -> None:
    """A line that is only in the picture, as a field filled in, comes from the picture."""
    pixels, layer = drawn(ENGLISH)
    assert parse(engine, pixels, text_lines=layer[:1]).markdown == " ".join(ENGLISH)


def test_the_text_layer_is_not_used_with_never(engine: EmbeddedEngine) -> None:
    """With `text_layer: never` the picture alone is read."""
    pixels, layer = drawn(RUSSIAN)
    assert codes(parse(engine, pixels, text_lines=layer, text_layer="never")) == ["UNSUPPORTED_SCRIPT"]


def test_figures_are_crops(engine: EmbeddedEngine, foot: Pixels) -> None:
    """A picture on the page is a figure with a name the Markdown refers to; its bytes come only when asked for."""
    pixels = foot.copy()
    y, x = np.mgrid[:400, :600]
    pixels[439:839, 300:900] = np.stack((x * 255 / 600, y * 255 / 400, (x + y) * 0.2), axis=2).astype(np.uint8)
    cv2.circle(pixels, (500, 639), 120, (40, 90, 200), -1)
    cv2.circle(pixels, (720, 599), 90, (200, 60, 60), -1)
    cv2.rectangle(pixels, (560, 699), (860, 819), (30, 160, 60), -1)
    page = parse(engine, pixels, figures="inline")
    (figure,) = page.figures
    crop = image(base64.b64decode(figure.base64 or ""))
    assert f"]({figure.name})" in page.markdown
    assert crop.size == (figure.bbox[2] - figure.bbox[0], figure.bbox[3] - figure.bbox[1])
    assert parse(engine, pixels).figures[0].base64 is None


def test_the_models_packages_are_quiet(engine: EmbeddedEngine, capfd: pytest.CaptureFixture[str]) -> None:
    """Loading and running the models writes nothing below WARNING to the terminal."""
    from ocr_worker.engines.embedded.reading.models import Models

    Models()
    logging.getLogger("rapid_layout.inference_engine.base").info("a note")
    assert capfd.readouterr() == ("", "")


def test_warming_up_reads_a_word(engine: EmbeddedEngine) -> None:
    """The warm-up passes with the real models."""
    engine.warm_up()


def test_a_line_is_not_read_twice(engine: EmbeddedEngine, own_page: Pixels, own_result: ParsedPage) -> None:
    """A line of the text layer is not read from the picture again, though its outline there is larger."""
    number = next(block for block in own_result.blocks if block.label == "number")
    x0, y0, x1, y1 = map(float, number.bbox)
    layer = [
        TextLine(block.content, tuple(map(float, block.bbox))) for block in own_result.blocks if block.label == "text"
    ]
    again = parse(engine, own_page, text_lines=(*layer, TextLine(PAGE_NUMBER, (x0 + 4, y0 + 4, x1 - 4, y1 - 4))))
    assert [block.content for block in again.blocks].count(PAGE_NUMBER) == 1
