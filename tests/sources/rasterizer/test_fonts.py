"""Fonts that are proven by their own tables, and fonts of symbols."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_worker.sources.rasterizer import pdf
from ocr_worker.sources.rasterizer.fonts import _SYMBOLS
from ocr_worker.sources.rasterizer.rendered import RenderedPage
from support import files
from support.born_digital import SERIF, Sheet
from support.text_pdf import Run, text_pdf

RESOURCES = Path(__file__).parents[2] / "resources"


def page_of(data: bytes, number: int = 1) -> RenderedPage:
    document = pdf.PdfDocument(data, files.request(text_layer=True))
    page = document.render(number)
    document.close()
    return page


def fonts_of(page: RenderedPage) -> dict[str, int | list[int]]:
    """Return the fonts of the page's words, by word."""
    return {word: font for _, _, words, *_ in page.text_lines or () for word, _, font in words}


def test_honest_fonts_are_proven() -> None:
    """Fonts of PDFium's own, in place of those that are not embedded, have the shapes that the text says."""
    page = page_of(text_pdf([Run("The gauges rose", 60, 700), Run("4817.20 Quay", 60, 600, font="H")]))
    assert sorted(page.proven_fonts) == sorted({*fonts_of(page).values()})  # type: ignore[type-var]
    assert len(page.proven_fonts) == 2


def test_an_embedded_font_is_proven_in_its_script() -> None:
    """A Cyrillic text is proven by the table of its embedded font, which needs no reader."""
    assert page_of((RESOURCES / "scripts.pdf").read_bytes()).proven_fonts == [1]


def test_a_font_that_lies_is_not_proven() -> None:
    """A font whose text differs from its shapes is not proven, and an honest one beside it is."""
    assert page_of(files.shifted_pdf(["The gauges rose", "in February"])).proven_fonts == []
    page = page_of(
        files.two_fonts_pdf(
            [("Balance", "4817"), ("Wages", "1350")], dict(zip("0123456789", "1032547698", strict=True))
        )
    )
    assert page.proven_fonts == [fonts_of(page)["Balance"]]


def test_a_second_shape_for_a_digit_is_no_proof() -> None:
    """If two codes say that they are one digit and draw two, the wrong one is not proven."""
    page = page_of(
        files.two_fonts_pdf([("Balance", "4817"), ("Wages", "1111")], {"1": "1", "4": "4", "8": "8", "7": "1"})
    )
    fonts = fonts_of(page)
    assert sorted(page.proven_fonts) == [fonts["Balance"], fonts["1111"]]
    assert fonts["4811"] == [fonts["1111"], max(page.proven_fonts) + 1]


def unproven_words(claims: dict[str, str], text: str, size: float = 10, drawing: str = "") -> list[str]:
    """Return the words with a letter that is not proven. claims: see `Sheet`. drawing: drawn below the text."""
    sheet = Sheet(claims=claims)
    sheet.draw(drawing)
    sheet.paragraph(text, size=size, font=SERIF, hyphenate=False)
    page = page_of(sheet.pdf())
    fonts = {word: {font} if isinstance(font, int) else set(font) for word, font in fonts_of(page).items()}
    return [word for word in fonts if not fonts[word] <= set(page.proven_fonts)]


SENTENCE = "The ferry left the northern quay before seven in the morning"


@pytest.mark.parametrize("size", [6, 10])
@pytest.mark.parametrize(
    ("claims", "text", "expected"),
    [
        ({"o": "a"}, SENTENCE, ["narthern", "befare", "marning"]),  # their ink has the same size
        ({"e": "c"}, "The clock of our ship was slow", ["Thc"]),
        ({"p": "q", "q": "p"}, SENTENCE, ["puay"]),
        ({"a": "o", "o": "a"}, SENTENCE, ["narthern", "quoy", "befare", "marning"]),
        ({"H": "N"}, "Nobody in New Haven knew the name of the ferry", ["Naven"]),
        ({"i": "l"}, SENTENCE, ["ln", "mornlng"]),
        ({"\ufb01": "f"}, "The \ufb01rst ferry left the quay before seven", ["frst"]),
        ({"\ufb01": "fl"}, "The \ufb01rst ferry left the quay before seven", ["flrst"]),
        ({"o": "fi"}, "The ferry left the north gate", ["nfirth"]),
        ({"о": "a"}, "The ferry left the nоrthern quay", ["narthern"]),  # a Cyrillic letter is drawn
    ],
)
def test_a_second_shape_for_a_letter(claims: dict[str, str], text: str, expected: list[str], size: float) -> None:
    """Words with a letter that is drawn in the shape of another one are not proven, and the others are."""
    assert unproven_words(claims, text, size) == expected


def test_honest_second_shapes() -> None:
    """Small capitals are another shape of a letter: their words are not proven, and the others are."""
    capitals = dict(zip("ᴄᴏᴜɴᴛʏ", "county", strict=True))
    assert unproven_words(capitals, "The offices of the ᴄᴏᴜɴᴛʏ are closed at this time") == ["county"]
    assert unproven_words({"\ufb01": "fi"}, "The \ufb01rst of the \ufb01ve ferries left at \ufb01ve") == []


@pytest.mark.parametrize(
    "drawing", ["0.8 0.1 0.1 rg", "1 1 0.6 rg 50 740 500 60 re f 0 g", "2 Tr 0.4 w 0 0 0.7 RG", "0.9 0 0.3 0.1 k"]
)
def test_honest_letters_in_other_styles(drawing: str) -> None:
    """Letters in color, on a colored ground and with outlines are proven."""
    assert unproven_words({}, SENTENCE, drawing=drawing) == []


@pytest.mark.parametrize(
    "name",
    ["CMMI10", "ABCDEF+CMSY7", "MSBM10", "Cambria Math", "LMMathItalic10", "Wingdings-Regular", "SymbolMT", "NTXMI"],
)
def test_fonts_of_symbols(name: str) -> None:
    """Fonts of formulas and symbols are recognized by their names."""
    assert _SYMBOLS.search(name)


@pytest.mark.parametrize(
    "name", ["CMR10", "ABCDEF+CMBX12", "Times-Roman", "CMTI10", "Calibri", "LMRoman10-Regular", "EuropeSans", "MTSans"]
)
def test_fonts_of_text(name: str) -> None:
    """Fonts of running text are not taken for fonts of symbols."""
    assert not _SYMBOLS.search(name)
