"""Whole PDFs through a rendering child and the engine: every script by its own text, forms, and layers that lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.embedded.engine import EmbeddedEngine
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.sources.rasterizer import RasterPool, RasterRequest
from resources.make_scripts import TEXTS
from support import files

pytestmark = pytest.mark.process

LINES = ("The gauges rose in February, not in April,", "and the meadows stood under water for nine days.")


def parsed(pool: RasterPool, engine: EmbeddedEngine, data: bytes, by: str = "auto") -> list[ParsedPage]:
    """The document's pages at 200 dpi, as a job reads them; `by`: option `text_layer`."""
    raster_request = RasterRequest(None, None, 200, 40_000_000, 100, by == "auto")
    with pool.open(data, raster_request) as document:
        pages = [page for page in document if isinstance(page, PageImage)]
    return engine.parse(pages, EmbeddedOptions.model_validate({"text_layer": by}))


SCRIPTS = (Path(__file__).parents[2] / "resources" / "scripts.pdf").read_bytes()


def test_born_digital_pages_are_exact_in_every_script(pool: RasterPool, engine: EmbeddedEngine) -> None:
    """Russian, Arabic and Korean come out to the letter, the letters of Arabic words in their order."""
    pages = parsed(pool, engine, SCRIPTS)
    assert [page.markdown for page in pages] == ["\n\n".join(sentences) for sentences in TEXTS.values()]
    assert [(page.text_source, page.warnings) for page in pages] == [("text_layer", [])] * 3


def test_scans_in_these_scripts_are_no_clean_success(pool: RasterPool, engine: EmbeddedEngine) -> None:
    """The same pages as pictures cannot be read, and say so."""
    pages = parsed(pool, engine, SCRIPTS, by="never")
    assert [[warning.code for warning in page.warnings] for page in pages] == [["UNSUPPORTED_SCRIPT"]] * 3
    assert {page.text_source for page in pages} == {"picture"}


@pytest.mark.parametrize("by", ["auto", "never"])
def test_a_filled_form_shows_its_values(pool: RasterPool, engine: EmbeddedEngine, by: str) -> None:
    """The values of form fields are in the text, from the text layer as from the picture."""
    (page,) = parsed(pool, engine, files.form_pdf("Ada Lovelace"), by)
    assert "Ada Lovelace" in page.markdown
    assert page.text_source == ("text_layer" if by == "auto" else "picture")


def test_a_shifted_encoding_is_caught(pool: RasterPool, engine: EmbeddedEngine) -> None:
    """A font that tells other letters than it draws is not believed: the page is read from its picture."""
    (page,) = parsed(pool, engine, files.shifted_pdf(LINES))
    assert (page.markdown, page.text_source) == (" ".join(LINES), "picture")


ROWS = [
    ("Opening balance of the year", "4817.20"),
    ("Wages of the two keepers", "1350.00"),
    ("Oil and wicks for the lamp", "286.45"),
    ("Repairs of the gallery", "68.16"),
    ("Balance carried forward", "3180.75"),
]


@pytest.mark.parametrize(
    "mapping",
    [
        pytest.param(dict(zip("0123456789", "3648712095", strict=True)), id="all"),
        pytest.param({**{digit: digit for digit in "0123456789"}, "6": "8", "8": "6"}, id="two-swapped"),
        pytest.param({**{digit: digit for digit in "0123456789"}, "0": "9"}, id="one"),
    ],
)
def test_a_font_that_lies_about_digits_alone_is_caught(
    pool: RasterPool, engine: EmbeddedEngine, mapping: dict[str, str]
) -> None:
    """Figures in a lying font are read from the picture, and the words in the honest font stay."""
    (page,) = parsed(pool, engine, files.two_fonts_pdf(ROWS, mapping))
    assert all(text in page.markdown and figures in page.markdown for text, figures in ROWS)
    assert page.text_source == "both"


def test_figures_of_an_honest_font_stay(pool: RasterPool, engine: EmbeddedEngine) -> None:
    """The same page with honest fonts is taken from the text layer alone."""
    (page,) = parsed(pool, engine, files.two_fonts_pdf(ROWS, {digit: digit for digit in "0123456789"}))
    assert all(text in page.markdown and figures in page.markdown for text, figures in ROWS)
    assert page.text_source == "text_layer"


def test_a_lying_word_within_a_line_is_read_from_the_picture(pool: RasterPool, engine: EmbeddedEngine) -> None:
    """Only the words of the lying font are replaced; the line keeps its other words and their order."""
    content = "".join(
        f"BT /G 12 Tf 30 {y} Td (Paid to) Tj /F 12 Tf ( {name} ) Tj /G 12 Tf (on Monday) Tj ET "
        for y, name in ((150, "Marion Keeper"), (110, "Harold Warden"), (70, "Louise Boatman"))
    )
    (page,) = parsed(pool, engine, files.mapped_pdf(content, {code: code + 1 for code in range(97, 122)}))
    for name in ("Marion Keeper", "Harold Warden", "Louise Boatman"):
        assert f"Paid to {name} on Monday" in page.markdown


def test_wrong_text_under_a_scan_is_caught(pool: RasterPool, engine: EmbeddedEngine) -> None:
    """Text under a scan that the scan does not show is ignored."""
    scan = Image.new("L", (1389, 556), 255)
    draw = ImageDraw.Draw(scan)
    for row, line in enumerate(LINES):
        draw.text((80, 110 + 56 * row), line, 0, ImageFont.truetype("DejaVuSerif.ttf", 34))
    (page,) = parsed(pool, engine, files.covered_pdf(scan, ("Tho qauges nose im Fehruary mot in Apnil",) * 2))
    assert (page.markdown, page.text_source) == (" ".join(LINES), "picture")
