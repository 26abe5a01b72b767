"""Lines of a text layer by the angle, the size and the baseline of their characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from ocr_worker.characters import to_markup, to_plain_text
from ocr_worker.sources.rasterizer import pdf
from ocr_worker.sources.rasterizer.rendered import LayerLine
from support import files
from support.files import request

pytestmark = pytest.mark.process

ABOVE = "The ferry left the northern quay at seven"
BELOW = "in the morning and carried fourteen passengers"


def lines_of(content: str, box: str = "0 0 500 400", rotate: int = 0) -> list[LayerLine]:
    """Return the lines of the text layer of a page with this content."""
    document = pdf.PdfDocument(
        files.pages([content], box, f"/Rotate {rotate}"), request(dpi=144, text_layer=True, max_pixels=40_000_000)
    )
    page = document.render(1)
    document.close()
    return page.text_lines or []


def turned(text: str, degrees: float, size: float = 60, x: float = 60, y: float = 60) -> str:
    """Return text at this angle, counter-clockwise."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return f"q 0.8 g BT /F {size} Tf {c:.5f} {s:.5f} {-s:.5f} {c:.5f} {x} {y} Tm ({text}) Tj ET Q "


def sentence(watermark: str) -> str:
    """Return a watermark before two lines of text, and the two lines."""
    return watermark + files.text_page(ABOVE, 40, 210) + " " + files.text_page(BELOW, 40, 195)


@pytest.mark.parametrize("rotate", [0, 90])
@pytest.mark.parametrize("degrees", [45, 30, 60])
def test_text_at_an_angle_is_a_line_of_its_own(degrees: float, rotate: int) -> None:
    """The lines that a watermark crosses are whole, and the watermark is a line with an outline along its letters."""
    lines = lines_of(sentence(turned("CONFIDENTIAL", degrees, 40)), rotate=rotate)
    assert {line[0] for line in lines} == {"CONFIDENTIAL", ABOVE, BELOW}
    corners = lines[0][3]
    assert corners
    assert [line[3] for line in lines[1:]] == [None, None]
    length = math.dist(corners[0], corners[1])
    assert math.dist(corners[0], corners[3]) == pytest.approx(1.1 * 80, abs=1)  # a font of 40 points, at 144 dpi
    assert length > 6 * 80


def test_text_at_an_angle_that_falls_is_a_line_of_its_own() -> None:
    """A watermark from the upper left to the lower right is one line as well."""
    assert [line[0] for line in lines_of(sentence(turned("DO NOT COPY", -35, 40, 60, 380)))] == [
        "DO NOT COPY",
        ABOVE,
        BELOW,
    ]


def test_letters_of_a_curve_are_one_line() -> None:
    """Letters along an arc, each at an angle of its own, are one line."""
    arc = "".join(
        turned(letter, 70 - 4 * i, 30, 60 + 22 * i * math.cos(math.radians(72 - 2 * i)), 60 + 20 * i)
        for i, letter in enumerate("HARBOUR")
    )
    assert "HARBOUR" in [line[0] for line in lines_of(sentence(arc))]


def test_vertical_text_has_no_outline() -> None:
    """Text that runs up the page is a line as before, without an outline."""
    (line,) = lines_of(turned("Yield in tons", 90, 12))
    assert (line[0], line[3]) == ("Yield in tons", None)


def pieces(*parts: tuple[str, float, float]) -> str:
    """Return a line of pieces of text, each with its size and its rise, in points."""
    shown = " ".join(f"/F {size} Tf {rise} Ts ({text}) Tj" for text, size, rise in parts)
    return f"BT 40 200 Td {shown} ET"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        pytest.param(
            [
                ("25 m", 11, 0),
                ("2", 7, 4),
                (" and 10", 11, 0),
                ("6", 7, 4),
                (" cm", 11, 0),
                ("3", 7, 4),
                (" of", 11, 0),
            ],
            "25 m² and 10⁶ cm³ of",
            id="exponents",
        ),
        pytest.param(
            [("H", 11, 0), ("2", 7, -2), ("SO", 11, 0), ("4", 7, -2), (" acid", 11, 0)], "H₂SO₄ acid", id="indices"
        ),
        pytest.param([("SO", 12, 0), ("4", 8, -3), ("2-", 8, 5), (" ions", 12, 0)], "SO₄²⁻ ions", id="both"),
        pytest.param([("[10 m", 11, 0), ("2", 7, 4), ("] x", 11, 0)], "[10 m²] x", id="bracket"),
        pytest.param([("the survey", 11, 0), ("12", 7, 4), (", and", 11, 0)], "the survey¹², and", id="marker"),
        pytest.param([("3", 6, 4), (" Reports of the Reed Society", 9, 0)], "³ Reports of the Reed Society", id="note"),
        pytest.param([("the 19", 11, 0), ("th", 7, 4), (" of May", 11, 0)], "the 19ᵗʰ of May", id="ordinal"),
        pytest.param([("e", 12, 0), ("-x/2", 8, 5), (" + 1", 12, 0)], "e<sup>-x/2</sup> + 1", id="without a form"),
        pytest.param([("V", 12, 0), ("CO", 8, -3), (" = 1", 12, 0)], "V<sub>CO</sub> = 1", id="without a lower form"),
        pytest.param([("U", 12, 0), ("NESCO", 9, 0), (" said", 12, 0)], "UNESCO said", id="small capitals"),
        pytest.param([("text", 11, 0), ("*", 7, 4), (" more", 11, 0)], "text* more", id="asterisk"),
        pytest.param([("price ", 11, 0), ("without the tax", 7, 4), (" here", 11, 0)], None, id="small print"),
        pytest.param([("same", 11, 0), ("2", 11, 4), (" size", 11, 0)], "same2 size", id="same size"),
    ],
)
def test_smaller_characters_off_the_baseline_are_raised_or_lowered(
    parts: Sequence[tuple[str, float, float]], text: str | None
) -> None:
    """Exponents, indices and markers are written in Unicode's forms, or marked where a character has none."""
    lines = [line[0] for line in lines_of(pieces(*parts))]
    plain = "".join(part for part, _, _ in parts)
    assert to_markup(" ".join(lines)) == (text or plain)


def test_a_letter_over_its_neighbor_is_not_raised() -> None:
    """The A in the name of LaTeX, which is set over the L, is a letter of the word."""
    logo = "BT /F 12 Tf 40 200 Td (L) Tj /F 8 Tf 3 Ts [450 (A)] TJ /F 12 Tf 0 Ts [150 (TEX)] TJ ET"
    assert [line[0] for line in lines_of(logo)] == ["LATEX"]


def test_raised_words_have_the_text_of_their_line() -> None:
    """The words of a line are written as the line is, so that tables are, too."""
    ((text, _, words, *_),) = lines_of(pieces(("area in m", 11, 0), ("2", 7, 4), (" now", 11, 0)))
    assert text == " ".join(word for word, _, _ in words) == "area in m² now"


def test_marks_never_come_from_a_document() -> None:
    """A plain text has no marks, and what is raised without a form in Unicode is readable without them."""
    (line,) = lines_of(pieces(("survey", 11, 0), ("1,2", 7, 4), (" here", 11, 0)))
    assert to_markup(line[0]) == "survey<sup>1,2</sup> here"
    assert to_plain_text(line[0]) == "survey¹,² here"


@pytest.mark.parametrize(
    ("before", "upper", "lower", "text"),
    [
        ("Mix ", "1", "[556 (2)]", "Mix 1/2 cups"),
        ("Mix 2", "3", "[556 (4)]", "Mix 2 3/4 cups"),
        ("near ", "22", "[834 (7) -278]", "near 22/7 cups"),
        ("or ", "a+b", "[1084 (n) -528]", "or (a+b)/n cups"),
    ],
)
def test_a_number_over_another_is_a_fraction(before: str, upper: str, lower: str, text: str) -> None:
    """A small number that is centered over another one is written with a slash, and a space after a whole number."""
    small = f"/F 7 Tf 5 Ts ({upper}) Tj -3 Ts {lower} TJ"
    lines = lines_of(f"BT 40 200 Td /F 12 Tf ({before}) Tj {small} /F 12 Tf 0 Ts ( cups) Tj ET")
    assert [line[0] for line in lines] == [text]
    assert " ".join(word for word, *_ in lines[0][2]) == text


def test_a_power_over_an_index_is_no_fraction() -> None:
    """An index and a power behind one letter are both written as such."""
    (line,) = lines_of(
        "BT 40 200 Td /F 12 Tf (x) Tj /F 7 Tf 5 Ts (2) Tj -3 Ts [556 (1)] TJ /F 12 Tf 0 Ts ( ends) Tj ET"
    )
    assert "/" not in line[0]


@pytest.mark.parametrize("code", [0x01, 0x09, 0x0B, 0x0C, 0x1C, 0x1F])
def test_a_drawn_character_with_a_control_code_is_no_space(code: int) -> None:
    """Fonts without a mapping for their ligatures give them such codes; here, a letter has one."""
    data = files.mapped_pdf(files.text_page("an IRS-certiked volunteer", 40, 100), {ord("k"): code})
    document = pdf.PdfDocument(data, request(dpi=144, text_layer=True, max_pixels=40_000_000))
    lines = document.render(1).text_lines or []
    document.close()
    assert [line[0] for line in lines] == ["an IRS-certi\ufffded volunteer"]


@pytest.mark.parametrize("code", [0x09, 0x0B, 0x1F])
def test_a_space_with_a_control_code_is_a_space(code: int) -> None:
    """Programs write tabs between words, which have no ink."""
    data = files.mapped_pdf(files.text_page("a certified volunteer", 40, 100), {ord(" "): code})
    document = pdf.PdfDocument(data, request(dpi=144, text_layer=True, max_pixels=40_000_000))
    lines = document.render(1).text_lines or []
    document.close()
    assert [line[0] for line in lines] == ["a certified volunteer"]
