"""Text that nobody sees on a PDF page is nowhere in the parsed page: covered names, old prices, layers that are off."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.embedded.engine import EmbeddedEngine
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.sources.rasterizer import pdf
from ocr_worker.sources.rasterizer.document import make_text_line
from support import files
from support.born_digital import Sheet
from support.text_pdf import Run, text_pdf

pytestmark = pytest.mark.process

ABOVE = "The ferry left the northern quay at seven in the morning,"
BELOW = "and the captain slowed down so that all could look at it."


def parsed(engine: EmbeddedEngine, data: bytes, text_layer: str = "auto") -> ParsedPage:
    """Return the first page at 200 dpi, parsed."""
    document = pdf.PdfDocument(data, files.request(dpi=200, max_pixels=40_000_000, text_layer=True))
    page = document.render(1)
    document.close()
    lines = tuple(make_text_line(*line) for line in page.text_lines or ())
    options = EmbeddedOptions.model_validate({"text_layer": text_layer})
    return engine.parse([PageImage(1, page.pixels, text_lines=lines, text_turn=page.text_turn)], options)[0]


def sentence(before: str, words: Sequence[tuple[str, str]], after: str) -> list[Run]:
    """Return three lines; the one in the middle has all of `words`, each with its way, at one place."""
    middle = Run(before, 60, 745)
    x = middle.x + middle.width + 6.6
    width = max(Run(word, x, 745).width for word, _ in words)
    gap = [Run(word, x, 745, way=way) for word, way in words]
    return [Run(ABOVE, 60, 760), middle, Run(after, x + width + 6.6, 745), *gap, Run(BELOW, 60, 730)]


@pytest.mark.parametrize("in_form", [False, True])
@pytest.mark.parametrize("way", ["covered", "covered in white", "behind a picture"])
def test_a_covered_name_does_not_come_out(engine: EmbeddedEngine, way: str, in_form: bool) -> None:
    """A name under a box or a picture is not in the page, and the sentence around it is."""
    page = parsed(
        engine, text_pdf(sentence("Payment was received by", [("Osterfeld", way)], "on the last day"), in_form)
    )
    text = " ".join(page.markdown.split())
    assert "Osterfeld" not in str(page)
    assert "Payment was received by" in text
    assert "on the last day" in text


@pytest.mark.parametrize("prices", [("18,750", "21,300"), ("9 May", "3 June"), ("10,000", "12,500", "14,900")])
def test_only_the_last_price_is_in_the_sentence(engine: EmbeddedEngine, prices: Sequence[str]) -> None:
    """Words that were whited out and overwritten are gone, and the new ones are at its place in the sentence."""
    words = [(price, "covered in white") for price in prices[:-1]] + [(prices[-1], "plain")]
    page = parsed(engine, text_pdf(sentence("The total price is", words, "for the whole work")))
    assert f"The total price is {prices[-1]} for the whole work" in " ".join(page.markdown.split())
    assert not any(price in str(page) for price in prices[:-1])


@pytest.mark.parametrize("way", ["switched off", "transparent", "clipped away"])
def test_a_hidden_translation_does_not_come_out(engine: EmbeddedEngine, way: str) -> None:
    """Sentences in another language at the place of those that are shown are not in the page."""
    hidden = [Run(text, 60, 760 - 15 * row, way=way) for row, text in enumerate(("Das Ventil bleibt zu", "bis Mittag"))]
    page = parsed(engine, text_pdf([Run(ABOVE, 60, 760), *hidden, Run(BELOW, 60, 745)]))
    assert " ".join(page.markdown.split()) == f"{ABOVE} {BELOW}"
    assert page.text_source == "text_layer"


def test_similar_text_below_a_scan_is_not_exact(engine: EmbeddedEngine) -> None:
    """A scanner's own reading below the scan is not taken for exact, however few letters are wrong."""
    scan = Image.new("L", (1389, 556), 255)
    for row, line in enumerate(("The invoice number is 70518,", "and the amount is 1,863 crowns.")):
        ImageDraw.Draw(scan).text((80, 110 + 56 * row), line, 0, ImageFont.truetype("DejaVuSerif.ttf", 34))
    page = parsed(engine, files.covered_pdf(scan, ("The invoice number is 705l8,", "and the arnount is 1,368 crowns.")))
    assert page.markdown == "The invoice number is 70518, and the amount is 1,863 crowns."
    assert page.text_source == "picture"


MARKED_LINES = ("The ferry left the northern quay at seven", "in the morning and carried fourteen passengers,") * 5


@pytest.mark.parametrize("text_layer", ["auto", "never"])
def test_sentences_under_a_watermark_are_whole(engine: EmbeddedEngine, text_layer: str) -> None:
    """A pale word across the page is an aside, not a part of the sentences, on pictures as well."""
    watermark = "q 0.82 g BT /F 60 Tf 0.7071 0.7071 -0.7071 0.7071 110 330 Tm (CONFIDENTIAL) Tj ET Q "
    lines = " ".join(files.text_page(line, 60, 700 - 16 * row) for row, line in enumerate(MARKED_LINES))
    page = parsed(engine, files.pages([watermark + lines], "0 0 595 842"), text_layer)
    assert " ".join(page.markdown.split()) == " ".join(MARKED_LINES)
    if text_layer == "auto":
        assert [block.content for block in page.blocks if block.label == "aside_text"] == ["CONFIDENTIAL"]


QUESTIONS = {"Do you own a bicycle?": ("yes+", "no"), "Heating of the house:": ("coal", "gas", "wood+")}


@pytest.mark.parametrize("text_layer", ["auto", "never"])
def test_each_question_has_its_options_once(engine: EmbeddedEngine, text_layer: str) -> None:
    """Drawn squares are marks with their state before their options, and nothing is read twice beside the layer."""
    content = ""
    for row, (question, options) in enumerate(QUESTIONS.items()):
        y = 700 - 26 * row
        content += files.text_page(question, 60, y) + " "
        for i, option in enumerate(options):
            x = 280 + 80 * i
            tick = f"{x} {y} m {x + 11} {y + 11} l {x} {y + 11} m {x + 11} {y} l S " if option.endswith("+") else ""
            content += f"{x} {y} 11 11 re S {tick}" + files.text_page(option.removesuffix("+"), x + 16, y) + " "
    page = parsed(engine, files.pages([content], "0 0 595 842"), text_layer)
    assert page.markdown.split("\n\n") == [
        "Do you own a bicycle? ☑ yes ☐ no",
        "Heating of the house: ☐ coal ☐ gas ☑ wood",
    ]


@pytest.mark.parametrize("rotate", [90, 180, 270])
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((ABOVE, BELOW), id="English"),
        pytest.param(("המעבורת עזבה את הרציף הצפוני", "בשבע בבוקר והסיעה נוסעים"), id="Hebrew"),
        pytest.param(("Паром отошёл от северного причала", "в семь часов и перевёз всех"), id="Russian"),
    ],
)
def test_a_turned_page_is_read_as_its_letters_are(engine: EmbeddedEngine, lines: Sequence[str], rotate: int) -> None:
    """A page on its side or upside down has its lines in order, also in scripts that the recognizer does not read."""
    sheet = Sheet(has_tables=False)
    for row, line in enumerate(lines):
        is_rtl = "א" <= line[0] <= "ת"
        sheet.line(line[::-1] if is_rtl else line, 300 if is_rtl else 60, 100 + 16 * row, 11)
    data = sheet.pdf().replace(b"/MediaBox", f"/Rotate {rotate} /MediaBox".encode())
    page = parsed(engine, data)
    assert page.markdown.split() == " ".join(lines).split()
    assert page.text_source == "text_layer"
