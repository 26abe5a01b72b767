"""Whole documents that the engine once read wrongly, through a rendering child and the engine.

The documents were drawn for this project. Each has texts that must be in the Markdown once, and one that must not.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_worker.engines.embedded.engine import EmbeddedEngine
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.sources.rasterizer import RasterPool, RasterRequest

pytestmark = pytest.mark.process

DOCUMENTS = Path(__file__).parents[2] / "resources" / "cases"
CODE = ["def weight(hold):", "    total = 0", "    for crate in hold:", "        if crate.sealed:", "    return total"]
CLAUSES = [
    "1.2 The landlord repairs",
    "(c) the well, if it falls dry.",
    "(i) after five years, or",
    "(ii) when the house",
]
BULLETS = ["- a warm blanket and a candle in a tin", "- bread for two days, better for three"]
TICKS = ["☑ Beginner class on Monday", "☐ Advanced class on Thursday", "☑ I bring my own instrument"]
ANSWERS = ["Do you own a bicycle? ☑ yes ☐ no", "Heating of the house: ☐ coal ☐ gas ☑ wood"]
COMBS = ["Number of the policy AB20388107", "Date of birth (DDMMYYYY) 04061988", "Post code 4410"]
AMOUNTS = ["4817.20", "1350.00", "286.45", "3180.75"]
PRICE = ["The total price of the work is 21,300 crowns, payable in June."]
SCANNED = ["planted in the year 1871", "The invoice number is 70518 and the amount due is 1,863 crowns."]
LIGHT_ON_NOTHING = ["The lamp in the tower was lit at dusk by two keepers.", "Oil was brought up in cans, eleven steps"]


def parsed(pool: RasterPool, engine: EmbeddedEngine, name: str) -> list[ParsedPage]:
    """The document's pages at 200 dpi, as a job reads them."""
    raster_request = RasterRequest(None, None, 200, 40_000_000, 100, True)
    with pool.open((DOCUMENTS / name).read_bytes(), raster_request) as document:
        return engine.parse([page for page in document if isinstance(page, PageImage)], EmbeddedOptions())


@pytest.mark.parametrize(
    ("name", "texts", "never"),
    [
        ("texaccents.pdf", ["The café serves soup über rice", "Müller and Renée asked for the déjà vu"], "´"),
        ("code.pdf", CODE, "def weight(hold): total"),
        ("comb.pdf", COMBS, "A B 2"),
        ("redact.pdf", ["was received by on the last day of May."], "Osterfeld"),
        (
            "dropcap.pdf",
            ["When the last boat had come in, the harbour master closed the gate"],
            " W ",
        ),
        ("greek.pdf", ["Η συνέλευση των ενοίκων γίνεται την Κυριακή το βράδυ"], "\ufffd"),
        ("hyphens.pdf", ["non-profit", "well-known", "twenty-five", "e-mail", "Re-entry"], "wellknown"),
        ("softhyphen.pdf", ["A discretionary hyphen inside a word"], "\u00ad"),
        ("layers.pdf", ["Keep the valve closed while the boiler is under steam."], "Ventil"),
        ("clauses.pdf", [f"\n{line}" for line in CLAUSES], "repairs (a)"),
        (
            "keycolon.pdf",
            ["\nReported by: Ida Fennimore\n", "\nStreet: 3 Mill Lane\n"],
            "Fennimore Street",
        ),
        ("toc.pdf", ["\n1.1 Mills and their owners", "\n2.1 Stones from the upper quarry"], "3 1.1"),
        ("digitlie.pdf", AMOUNTS, "7140.53"),
        ("behind.pdf", SCANNED, "705l8"),
        ("whiteout.pdf", PRICE, "18,750"),
        (
            "bigtext.png",
            ["# The Keepers of the Tower", "On clear nights the beam was seen"],
            "\ufffd",
        ),
        ("superscript.pdf", ["25 m² and the volume 10⁶ cm³ of H₂O at noon"], "106 cm3"),
        ("checkbox.pdf", TICKS, "\ufffd"),
        ("checkdrawn.pdf", ANSWERS, "□"),
        ("multi_thumb.tif", ["# First sheet", "# Second sheet"], "D5048"),
        ("t01.png", ["# Timber Saffron Kernel"], "\ufffd"),
        pytest.param("t06.png", ["# Lagoon Harbor Pepper"], "\ufffd", marks=pytest.mark.slow),
        pytest.param("t21.png", ["# Garnet Nectar Velvet"], "\ufffd", marks=pytest.mark.slow),
        ("userunit.pdf", ["# Plan of the Lower Town", "Wells are marked with a circle, mills with a cross."], "\ufffd"),
        ("watermark.pdf", ["# Minutes of the Spring Meeting"], "and CONFIDENTIAL"),
        ("white_on_transparent.png", LIGHT_ON_NOTHING, "]("),
        ("wingbullets.pdf", [f"\n{line}\n" for line in BULLETS], "\uf0b7"),
    ],
)
def test_the_markdown_is_what_a_reader_sees(
    pool: RasterPool, engine: EmbeddedEngine, name: str, texts: list[str], never: str
) -> None:
    """The Markdown has each text once, and none that the page does not show."""
    markdown = "\n".join(page.markdown for page in parsed(pool, engine, name))
    assert {text: f"\n{markdown}\n".count(text) for text in texts} == dict.fromkeys(texts, 1)
    assert never not in markdown


@pytest.mark.slow
def test_a_tall_receipt_is_read_to_its_end(pool: RasterPool, engine: EmbeddedEngine) -> None:
    """A picture of 600 x 12,000 pixels stays upright, and all its 252 items are read, in order."""
    (page,) = parsed(pool, engine, "receipt12k.png")
    assert (page.width, page.height) == (600, 12000)
    numbers = [cell.split()[1] for cell in page.markdown.splitlines() if cell.startswith("| ")]
    assert [number for number in numbers if number.isdigit()] == [f"{i:03}" for i in range(1, 253)]
