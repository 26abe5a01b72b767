"""The text layer has what a reader of the page sees, once, and nothing else; whatever hides the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings

from ocr_worker.sources.rasterizer import pdf, visibility
from ocr_worker.sources.rasterizer.characters import Character
from support import files
from support.files import request
from support.text_pdf import HIDDEN, UNSEEN_WORDS, VISIBLE, Page, Run, join_hyphens, random_pages, text_pdf

pytestmark = pytest.mark.process

SENTENCE = (Run("before", 72, 700), Run("behind", 200, 700), Run("below", 72, 686))


def lines_of(data: bytes, dpi: int = 200) -> list[str]:
    """Return the lines of the first page's text layer, as a rasterizer process reads them."""
    document = pdf.PdfDocument(data, request(dpi=dpi, text_layer=True, max_pixels=40_000_000))
    page = document.render(1)
    document.close()
    return [line for line, *_ in page.text_lines or ()]


def words_of(data: bytes, dpi: int = 200) -> Counter[str]:
    return Counter(" ".join(lines_of(data, dpi)).split())


@pytest.mark.parametrize("in_form", [False, True])
@pytest.mark.parametrize("way", VISIBLE)
def test_visible_words_are_in_the_layer(way: str, in_form: bool) -> None:
    """A word that is seen is in the layer once, in whichever way it is drawn."""
    data = text_pdf([*SENTENCE, Run("Margit", 130, 700, way=way)], in_form)
    assert words_of(data) == Counter(("before", "Margit", "behind", "below"))


@pytest.mark.parametrize("in_form", [False, True])
@pytest.mark.parametrize("way", HIDDEN)
def test_hidden_words_are_not_in_the_layer(way: str, in_form: bool) -> None:
    """A word that nobody sees is not in the layer; its neighbors are."""
    data = text_pdf([*SENTENCE, Run("Margit", 130, 700, way=way)], in_form)
    assert words_of(data) == Counter(("before", "behind", "below"))


@pytest.mark.parametrize("in_form", [False, True])
def test_a_letter_that_a_hidden_word_has_at_its_place_stays(in_form: bool) -> None:
    """PDFium reads letters at one place once: those of a visible word stay where another word is invisible."""
    words = [Run("secret", 130, 700, way="invisible mode"), Run("orchard", 130, 700, way="marked")]
    runs = [*SENTENCE, *words, Run("white", 72, 650, way="white")]
    assert words_of(text_pdf(runs, in_form)) == Counter(("before", "orchard", "behind", "below"))


@pytest.mark.parametrize("way", sorted(set(HIDDEN) - {"invisible mode", "tiny", "half a point", "flat", "narrow"}))
def test_only_the_renderings_hide_them(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the comparison of renderings, each of these words is in the layer: no other check hides it."""

    def find_all(page: object, objects: object, characters: Sequence[Character], *_: object) -> set[int]:
        return {character.index for character in characters}

    monkeypatch.setattr(visibility, "_find_visible", find_all)
    data = text_pdf([*SENTENCE, Run("Margit", 130, 700, way=way)])
    assert "Margit" in words_of(data)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(random_pages())
def test_the_words_of_any_page_are_those_that_are_seen(page: Page) -> None:
    """On pages of any words, columns and ways of drawing, the layer has the visible words and no others."""
    lines = lines_of(page.pdf())
    assert Counter(join_hyphens(" ".join(lines)).split()) == Counter(page.words)
    assert not any(word in line for word in UNSEEN_WORDS for line in lines)


@pytest.mark.parametrize("page", ["", "/Rotate 90", "/Rotate 180", "/Rotate 270", "/UserUnit 2"])
def test_words_beyond_the_crop_box_are_not_in_the_layer(page: str) -> None:
    """Of a page that is cropped, the layer has what is within the crop box; a word that it cuts has its rest."""
    runs = [Run("inside", 130, 700), Run("outside", 400, 700), Run("above", 130, 800), Run("Margit", 76, 640, 40)]
    data = text_pdf(runs, page=f"/CropBox [100 600 350 750] {page}")
    assert words_of(data) == Counter(("inside", "argit"))


@pytest.mark.parametrize("way", ["flat", "narrow"])
def test_letters_squeezed_to_a_hairline_are_not_drawn(way: str) -> None:
    """PDFium draws such letters large; the page image that comes with the layer has none of them."""
    document = pdf.PdfDocument(text_pdf([Run("Margit", 130, 700, way=way)]), request(text_layer=True))
    assert document.render(1).pixels.min() == 255
    document.close()


def test_a_price_over_an_old_price_replaces_it() -> None:
    """Of two prices at one place, only the later one is in the layer; also if it is set in bold by drawing it twice."""
    old, new = Run("18,750", 130, 700, way="covered in white"), Run("21,300", 130, 700, way="twice")
    assert words_of(text_pdf([*SENTENCE, old, new])) == Counter(("before", "21,300", "behind", "below"))


def test_two_old_prices_are_both_gone() -> None:
    """A price that was replaced twice appears in its last version only."""
    first, second = (Run(price, 130, 700, way="covered in white") for price in ("10,000", "12,500"))
    data = text_pdf([*SENTENCE, first, second, Run("14,900", 130, 700)])
    assert words_of(data) == Counter(("before", "14,900", "behind", "below"))


def test_half_a_covered_word_is_cut() -> None:
    """Of a word whose beginning is covered, the rest is in the layer, as it is seen."""
    word, cover = "BT /F 40 Tf 30 50 Td (Margit) Tj ET", "20 30 66 60 re f"  # M is 33 points wide, and a 22
    assert lines_of(files.pages([f"{word} {cover}"])) == ["rgit"]


def test_a_patch_that_cuts_descenders_costs_no_letters() -> None:
    """Letters whose lower part is below a white patch stay in their words."""
    patch = "q 1 g 0 0 500 49 re f Q"
    assert lines_of(files.pages([f"BT /F 20 Tf 30 50 Td (happy pages) Tj ET {patch}"])) == ["happy pages"]


@pytest.mark.parametrize("offset", [0.0, 0.3, 0.9])
def test_a_word_drawn_twice_at_one_place_is_written_once(offset: float) -> None:
    """A heading that is drawn again after other text, to look bold, is in the layer once."""
    heading = [Run("Annual", 72, 740, 14), Run("report", 130, 740, 14)]
    again = [Run(run.text, run.x + offset, run.y, run.size) for run in heading]
    others = [Run(f"line{number}", 72, 600 - 14 * number) for number in range(12)]
    assert words_of(text_pdf([*heading, *others, *again])) == words_of(text_pdf([*heading, *others]))


@pytest.mark.parametrize("in_form", [False, True])
def test_a_word_with_a_halo_beside_the_same_word_stays(in_form: bool) -> None:
    """A word over its own outline, which is larger, is no copy of the same word before it."""
    words = [Run("ferry", 72, 700), Run("secret", 112, 700, way="white"), Run("ferry", 112, 700, way="with a halo")]
    assert words_of(text_pdf(words, in_form)) == Counter({"ferry": 2})


def test_words_repeated_side_by_side_stay() -> None:
    """The same word twice in a line, and in the line below, is there three times."""
    runs = [Run("bye", 72, 700), Run("bye", 98, 700), Run("bye", 72, 686)]
    assert words_of(text_pdf(runs)) == Counter({"bye": 3})


def test_double_letters_of_single_objects_stay() -> None:
    """Letters that are drawn one by one are no copies of each other, be they narrow and alike."""
    runs = [Run(letter, 72 + 6.6 * place, 700) for place, letter in enumerate("illicit")]
    assert lines_of(text_pdf(runs)) == ["illicit"]


@pytest.mark.parametrize("dpi", [72, 200, 300])
def test_small_print_is_seen_at_every_resolution(dpi: int) -> None:
    """Words of 5 points, with their points and colons, are in the layer at every resolution of the page image."""
    sentence = "The price: 3.50, (net) - see the list; it is final; no more."
    assert lines_of(text_pdf([Run(sentence, 72, 700, 5)]), dpi) == [sentence]


@pytest.mark.parametrize("size", [5, 6, 8, 11])
def test_dashes_are_seen_at_every_height(size: float) -> None:
    """A dash, which may be thinner than a pixel, stays in its word wherever on the page it is."""
    runs = [Run("1914\\2261918 re-entry _", 72, 780 - 18.037 * row, size) for row in range(38)]
    assert set(lines_of(text_pdf(runs))) == {"1914\u20131918 re-entry _"}


@pytest.mark.parametrize("name", ["u110000", "uFFFFFF", "uniD800"])
def test_a_code_point_beyond_unicode_fails_no_page(name: str) -> None:
    """A font that names a glyph with a code that does not exist costs that character, not the page."""
    data = files.pages([files.text_page("h\\101llo") + files.text_page("plain words", y=20)]).replace(
        b"/BaseFont /Helvetica", f"/BaseFont /Helvetica /Encoding << /Differences [65 /{name}] >>".encode()
    )
    assert "plain words" in lines_of(data)
