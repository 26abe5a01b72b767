"""Fonts that are proven by their own tables, and fonts of symbols."""

from __future__ import annotations

import ctypes
import io
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
import pytest
from PIL import ImageFont

from ocr_worker.sources.rasterizer import pdf
from ocr_worker.sources.rasterizer.fonts import _SYMBOLS
from ocr_worker.sources.rasterizer.rendered import RenderedPage
from support import files
from support.born_digital import SERIF, Sheet
from support.text_pdf import Run, text_pdf

SIZES = [(8, "F"), (10, "H"), (12, "F"), (21, "H"), (40, "F")]
RESOURCES = Path(__file__).parents[2] / "resources"


def page_of(data: bytes, number: int = 1) -> RenderedPage:
    document = pdf.PdfDocument(data, files.request(text_layer=True, dpi=200))
    page = document.render(number)
    document.close()
    return page


def fonts_of(page: RenderedPage) -> dict[str, int | list[int]]:
    """Return the fonts of the page's words, by word."""
    return {word: font for _, _, words, *_ in page.text_lines or () for word, _, font in words}


def embedded_pdf(text: str, font_name: str) -> bytes:
    """Return a page with a line in this font, which is embedded completely."""
    document = pdfium.PdfDocument.new()
    page = document.new_page(400, 100)
    font_file = Path(ImageFont.truetype(font_name).path).read_bytes()
    buffer = (ctypes.c_uint8 * len(font_file)).from_buffer_copy(font_file)
    font = pdfium_c.FPDFText_LoadFont(document, buffer, len(font_file), pdfium_c.FPDF_FONT_TRUETYPE, True)
    line = pdfium_c.FPDFPageObj_CreateTextObj(document, font, 12)
    characters = ctypes.create_string_buffer((text + "\0").encode("utf-16-le"))
    pdfium_c.FPDFText_SetText(line, ctypes.cast(characters, pdfium_c.FPDF_WIDESTRING))
    pdfium_c.FPDFPageObj_Transform(line, 1, 0, 0, 1, 30, 40)
    pdfium_c.FPDFPage_InsertObject(page, line)
    page.gen_content()
    data = io.BytesIO()
    document.save(data)
    document.close()
    return data.getvalue()


def test_honest_fonts_are_proven() -> None:
    """Fonts of PDFium's own, in place of those that are not embedded, have the shapes that the text says."""
    page = page_of(text_pdf([Run("The gauges rose", 60, 700), Run("4817.20 Quay", 60, 600, font="H")]))
    assert sorted(page.proven_fonts) == sorted({*fonts_of(page).values()})  # type: ignore[type-var]
    assert len(page.proven_fonts) == 2


def test_an_embedded_font_is_proven_in_its_script() -> None:
    """A Cyrillic text is proven by the table of its embedded font, which needs no reader."""
    assert page_of((RESOURCES / "scripts.pdf").read_bytes()).proven_fonts == [1]


@pytest.mark.parametrize("text", ["arbor 1359", "Hamburger 42", "Quay, 7 of 86"])
def test_a_font_that_fits_its_lines_to_pixels_is_proven(text: str) -> None:
    """DejaVu Sans makes the arch of its letter r thinner on coarse pixels, and is the same font."""
    page = page_of(embedded_pdf(text, "DejaVuSans.ttf"))
    assert page.proven_fonts == [1]


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


def test_a_shape_for_several_digits_is_no_proof() -> None:
    """A font that maps a digit to two is not proven for figures: the shape of two digits is never one."""
    lies = {**{code: chr(code) for code in range(33, 127)}, **{ord(digit): 2 * digit for digit in "0123456789"}}
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 6 0 R >>"
    characters = "".join(f"<{code:02x}> <{text.encode('utf-16-be').hex()}>\n" for code, text in lies.items())
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def "
        f"1 begincodespacerange <00> <ff> endcodespacerange {len(lies)} beginbfchar\n{characters}endbfchar "
        "endcmap end end"
    )
    resources = "/Resources << /Font << /F 3 0 R >> >>"
    content = files.text_page("Rent of the hall") + files.text_page("4,817.20", y=20)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        font,
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 5 0 R {resources} >>",
        files.stream(content),
        files.stream(to_unicode),
    ]
    page = page_of(files.pdf(objects))
    fonts = fonts_of(page)
    assert fonts["Rent"] in page.proven_fonts
    (figure_fonts,) = [font for word, font in fonts.items() if "8" in word]
    assert {*np.atleast_1d(figure_fonts)} - {*page.proven_fonts}


def test_figures_are_proven_where_the_page_shows_them() -> None:
    """Digits in fonts of two kinds and several sizes are compared with the page image and proven."""
    runs = [Run("4817.20 of 3,956", 60, 700 - 40 * row, size=size, font=font) for row, (size, font) in enumerate(SIZES)]
    page = page_of(text_pdf(runs))
    assert page.proven_fonts == [1, 2]


@pytest.mark.parametrize("drawn", ["8", "3", "0", "9"])
def test_a_second_shape_of_the_same_size_is_no_proof_for_figures(drawn: str) -> None:
    """If two codes claim to be a 6, and one draws another digit of its size, the wrong one is not proven."""
    codes = {drawn: "6", "6": "6", "4": "4", "1": "1"}
    page = page_of(files.two_fonts_pdf([("Balance", f"416{drawn}"), ("Wages", "4666")], codes))
    fonts = fonts_of(page)
    assert fonts["4666"] in page.proven_fonts
    assert fonts["4166"] == [fonts["4666"], max(page.proven_fonts) + 1]
    honest = page_of(files.two_fonts_pdf([("Balance", "4166"), ("Wages", "4666")], {each: each for each in "146"}))
    assert fonts_of(honest)["4166"] == fonts_of(honest)["4666"]
    assert fonts_of(honest)["4666"] in honest.proven_fonts


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
