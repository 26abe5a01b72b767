"""Listings in fonts whose characters are equally wide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from ocr_worker.engines.embedded.escaping import escape_text
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.listings import LISTING, separate_listings, write_listing
from ocr_worker.engines.embedded.markdown import join_passages, write_regions
from ocr_worker.pages import Pixels

PYTHON = """def weight(hold):
    total = 0
    for crate in hold:
        if crate.sealed:
            total += crate.kg
    return total

print(weight([]))"""
C = """int main(void) {
  int *p = `x`;   /* a */
  return 0;

}"""
SHELL = """$ make install
# a comment on what follows here
cp -r src/* /srv
``` = $?"""
LETTER = """Dear Sir, I write to you on
behalf of the society (see:
below) for the study of all
reeds; we ask for = or more
boats."""
MEMORANDUM = """TO: The harbor master
FROM: J. Reed
DATE: 3/12/1961
SUBJECT: Lamps (oil)
Please order:
(a) six lamps;"""
USAGE = """usage: sealpack [-v] FILE
  -c, --check      check the seal only
  -o, --output=F   write to this file
  -v, --version    show the version"""
PROSE = """The keeper of the lighthouse wrote
each evening which vessel had passed"""


PITCH, ROW = 12.0, 30.0  # pixels


def mono(text: str, top: float = 0, left: float = 100, is_read: bool = False) -> list[Line]:
    """Return the text's lines as set in a font whose characters are `PITCH` pixels wide.

    is_read: from a picture: the boxes are larger than the text, and a part of a row apart is a line of its own.
    """
    lines = []
    for i, row in enumerate(text.split("\n")):
        for part in re.finditer(r"\S+(?: {1,4}\S+)*" if is_read else r"\S.*", row):
            words = [
                Word(
                    word.group(),
                    Box(left + PITCH * x, top + ROW * i, left + PITCH * (x + len(word.group())), top + ROW * i + 22),
                )
                for word in re.finditer(r"\S+", part.group())
                for x in [part.start() + word.start()]
            ]
            box = bounds(word.box for word in words)
            if is_read:
                box = Box(box.x0 - 4.6, box.y0, box.x1 + 4.6, box.y1)
            lines.append(
                Line(" ".join(word.text for word in words), box, words=tuple(words), is_from_text_layer=not is_read)
            )
    return lines


def drawn(lines: Sequence[Line], size: tuple[int, int] = (1200, 1000)) -> Pixels:
    """Return a picture in which the ink of each character is in the middle of its cell. size: height and width."""
    pixels = np.full((*size, 3), 255, np.uint8)
    for word in (word for line in lines for word in line.words):
        cell = word.box.width / len(word.text)
        for i in range(len(word.text)):
            x = word.box.x0 + cell * i
            pixels[int(word.box.y0 + 3) : int(word.box.y1 - 3), int(x + 0.2 * cell) : int(x + 0.8 * cell)] = 0
    return pixels


def prose(text: str, top: float, left: float = 100) -> list[Line]:
    """Return the text's lines as read from a picture, in a font of which wide and narrow characters take turns."""
    lines = []
    for i, row in enumerate(text.split("\n")):
        x, words = left, []
        for text_word in row.split():
            start = x
            x += sum(6.0 if c in "filjrt.,:" else 15.0 for c in text_word)
            words.append(Word(text_word, Box(start, top + ROW * i, x, top + ROW * i + 22)))
            x += 8
        lines.append(Line(row, bounds(word.box for word in words), words=tuple(words)))
    return lines


def ink_of(lines: Sequence[Line]) -> Pixels:
    """Return a picture of `prose`."""
    pixels = np.full((1200, 1000, 3), 255, np.uint8)
    for word in (word for line in lines for word in line.words):
        x = word.box.x0
        for c in word.text:
            width = 6.0 if c in "filjrt.,:" else 15.0
            pixels[int(word.box.y0 + 3) : int(word.box.y1 - 3), int(x + 0.2 * width) : int(x + 0.8 * width)] = 0
            x += width
    return pixels


def write(lines: Sequence[Line], pixels: Pixels, tables: Sequence[Box] = ()) -> list[str]:
    """Return the Markdown of each listing on the page."""
    _, listings = separate_listings(lines, pixels, tables, Rules((), ()))
    regions = [Region(LISTING, bounds(line.box for line in lines), lines) for lines in listings]
    return [join_passages(write_regions([region], Rules((), ()), 1, ()), escape_text) for region in regions]


@pytest.mark.parametrize("text", [PYTHON, C])
@pytest.mark.parametrize("is_read", [False, True])
def test_a_listing_is_kept_as_it_is_set(text: str, is_read: bool) -> None:
    """Rows, indents and empty rows are those of the page, in a fence, and nothing is escaped; on pictures, too."""
    lines = mono(text, is_read=is_read)
    assert write(lines, drawn(lines)) == [f"```\n{text}\n```"]


def test_the_fence_is_longer_than_any_in_the_listing() -> None:
    """Backticks of the listing do not end it."""
    lines = mono(SHELL)
    assert write(lines, drawn(lines)) == [f"````\n{SHELL}\n````"]


@pytest.mark.parametrize("is_read", [False, True])
def test_a_typewritten_letter_is_no_listing(is_read: bool) -> None:
    """Rows of one pitch that are filled are prose, and those of a memorandum have no clear signs of code."""
    for text in (LETTER, MEMORANDUM):
        lines = mono(text, is_read=is_read)
        assert write(lines, drawn(lines)) == []


@pytest.mark.parametrize("is_read", [False, True])
def test_a_listing_is_apart_from_the_prose_around_it(is_read: bool) -> None:
    """Close prose above and below, in letters of about the same width, is no part of it."""
    code = mono(PYTHON, 90, is_read=is_read)
    around = [*prose(PROSE, 0), *prose(PROSE, 90 + 8 * ROW)]
    pixels = np.minimum(drawn(code), ink_of(around))
    others, (listing,) = separate_listings([*around, *code], pixels, (), Rules((), ()))
    assert others == around
    assert set(listing) == set(code)


@pytest.mark.parametrize("is_read", [False, True])
def test_the_columns_of_a_usage_are_kept(is_read: bool) -> None:
    """Parts of a row with white between them are in their columns, even if the layout model takes them for a table."""
    lines = mono(USAGE, is_read=is_read)
    around = prose("\n".join([PROSE] * 5), 400)
    table = bounds(line.box for line in lines)
    assert write([*lines, *around], np.minimum(drawn(lines), ink_of(around)), [table]) == [f"```\n{USAGE}\n```"]


def test_rows_of_a_skewed_picture_keep_their_indents() -> None:
    """Rows that begin farther and farther right by less than a character have one indent."""
    lines = [
        replace(line, box=line.box._replace(x0=line.box.x0 + 2 * i, x1=line.box.x1 + 2 * i))
        for i, line in enumerate(mono(PYTHON, is_read=True))
    ]
    assert write_listing(lines) == PYTHON


def test_a_table_in_a_typewriter_font_stays_a_table() -> None:
    """Rules between the rows divide cells."""
    lines = mono(USAGE)
    box = bounds(line.box for line in lines)
    rules = Rules(tuple(Box(box.x0, y, box.x1, y + 1) for y in (26, 56)), ())
    assert separate_listings(lines, drawn(lines), (), rules) == (lines, [])


def test_the_table_of_a_typewritten_report_stays_a_table() -> None:
    """Its numbers may have signs of code; the page's other text has the same pitch."""
    lines = [*mono(USAGE), *mono("\n".join([LETTER] * 3), 300)]
    table = bounds(line.box for line in lines[:4])
    assert separate_listings(lines, drawn(lines), [table], Rules((), ())) == (lines, [])


def test_the_strokes_of_letters_below_one_another_are_no_rule() -> None:
    """They are in words; a rule between the columns of a table is in white."""
    lines = mono(USAGE)
    stroke, between = (Rules((), (Box(x, 26, x + 2, 110),)) for x in (180, 300))
    assert separate_listings(lines, drawn(lines), (), stroke) == ([], [tuple(lines)])
    assert separate_listings(lines, drawn(lines), (), between) == (lines, [])


def test_figures_in_columns_are_no_listing() -> None:
    """Digits are equally wide in most fonts."""
    lines = mono("1999 / 1204\n2000 / 1180\n2001 / 1544\n2002 / 1300")
    assert write(lines, drawn(lines)) == []


PLACED = """function add(a, b) {
    return a + b;
}
console.log(add(3, 5));"""
MENU = """Soup      4.50
Bread (2) 1.00
Fish; rice 9.00"""


def placed(text: str, share: float, top: float = 0, left: float = 100) -> list[Line]:
    """Return the text's lines, each character in the middle of a place that is wider. share: of the character in it."""
    lines = []
    for i, row in enumerate(text.split("\n")):
        words = []
        for word in re.finditer(r"\S+", row):
            room = (1 - share) * len(word.group()) / (len(word.group()) + 1)  # the white is shared with both ends
            x0, x1 = (left + PITCH * x for x in word.span())
            words.append(
                Word(word.group(), Box(x0 + room * PITCH, top + ROW * i, x1 - room * PITCH, top + ROW * i + 22))
            )
        box = bounds(word.box for word in words)
        lines.append(Line(" ".join(word.text for word in words), box, words=tuple(words), is_from_text_layer=True))
    return lines


@pytest.mark.parametrize("share", [0.85, 0.9, 0.95])
@pytest.mark.parametrize("text", [PLACED, PYTHON, C])
def test_characters_in_places_of_their_own(text: str, share: float) -> None:
    """Programs that print code set the letters of any font at equal distances."""
    text = text.replace("\n\n", "\n")
    lines = [*prose(PROSE, 0), *placed(text, share, 200)]
    assert write(lines, ink_of(prose(PROSE, 0))) == [f"```\n{text}\n```"]


@pytest.mark.parametrize(
    "text",
    ["-- WRONG HERE\nVersion ::=INTEGER", "\\author{First \\and\nSecond\\inst{2}}", "x_one = 4;\ny_two = x_one;"],
)
def test_two_rows_are_a_listing_if_both_are_clear(text: str) -> None:
    """They are alone and close below one another; two rows of other signs, or with text beside them, are none."""
    page = prose(PROSE, 0)
    assert write([*page, *mono(text, 200)], ink_of(page)) == [f"```\n{text}\n```"]
    first, second = mono(text, 200)
    assert (
        write([*page, first, second.moved(lambda box: box._replace(y0=box.y0 + 60, y1=box.y1 + 60))], ink_of(page))
        == []
    )
    beside = prose("words beside the rows", 200, 600)
    assert write([*page, *beside, *mono(text, 200)], ink_of([*page, *beside])) == []


def test_two_rows_of_prices_are_no_listing() -> None:
    """Brackets and signs of money are not only in code."""
    page = prose(PROSE, 0)
    assert write([*page, *mono("Total: $ 12.00\nTax (7%): $ 1.00", 200)], ink_of(page)) == []


def test_the_feet_of_capitals_are_no_rules() -> None:
    """In a font of one width, the feet of capitals touch and look like a rule within the row."""
    page, text = prose(PROSE, 0), "INTEGER ::= INTEGER;\nEIGHTEEN ::= INTEGER;"
    code = mono(text, 200)
    foot, rule = Box(100, 218, 320, 220), Box(100, 224, 340, 226)
    for across, expected in (((foot,), 1), ((rule,), 0)):
        _, listings = separate_listings([*page, *code], ink_of(page), (), Rules(across, ()))
        assert len(listings) == expected


def test_addresses_of_the_web_in_letters_of_any_width_are_no_listing() -> None:
    """A word alone does not show that its characters are in places of their own."""
    names = "www.SearchTheReeds.org\nwww.Lamps.org\nwww.MillsAndGates.org\nwww.DataOfRain.org"
    page = [*prose(PROSE, 0), *prose(names, 200)]
    layer = [replace(line, is_from_text_layer=True) for line in page]
    assert write(layer, ink_of(page)) == []
