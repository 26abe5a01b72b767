"""Listings in fonts whose characters are equally wide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_worker.engines.embedded.escaping import escape_text
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.listings import label_listings
from ocr_worker.engines.embedded.markdown import join_passages, write_regions

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


def mono(text: str, pitch: float = 12) -> Region:
    """Return the text as set in a font whose characters are `pitch` pixels wide."""
    lines = []
    for i, row in enumerate(text.split("\n")):
        words, at = [], 0
        for word in row.split():
            at = row.index(word, at)
            words.append(Word(word, Box(100 + pitch * at, 30 * i, 100 + pitch * (at + len(word)), 30 * i + 22)))
            at += len(word)
        if words:
            lines.append(Line(" ".join(row.split()), bounds(word.box for word in words), words=tuple(words)))
    return Region("text", bounds(line.box for line in lines), tuple(lines))


def write(region: Region) -> str:
    return join_passages(write_regions(label_listings([region]), Rules((), ()), 1, ()), escape_text)


@pytest.mark.parametrize("text", [PYTHON, C])
def test_a_listing_is_kept_as_it_is_set(text: str) -> None:
    """Rows, indents and empty rows are those of the page, in a fence, and nothing is escaped."""
    assert write(mono(text)) == f"```\n{text}\n```"


def test_the_fence_is_longer_than_any_in_the_listing() -> None:
    """Backticks of the listing do not end it."""
    assert write(mono(SHELL)) == f"````\n{SHELL}\n````"


def test_a_typewritten_letter_is_no_listing() -> None:
    """Rows of one pitch that are filled are prose."""
    assert write(mono(LETTER)) == " ".join(LETTER.split())


@pytest.mark.parametrize(("widths", "is_listing"), [((12, 12, 12), True), ((8, 16, 12), False)])
def test_rows_of_prose_that_are_as_wide_by_chance_are_no_listing(widths: tuple[int, ...], is_listing: bool) -> None:
    """Each word of a text layer has the pitch in a font of one width; in others, only their mean may have it."""
    region = mono(PYTHON)
    lines = []
    for line in region.lines:
        words = [
            replace(word, box=word.box._replace(x1=word.box.x0 + widths[i % 3] * len(word.text)))
            for i, word in enumerate(line.words)
        ]
        scale = sum(word.box.width for word in line.words) / sum(word.box.width for word in words)
        words = [replace(word, box=word.box._replace(x1=word.box.x0 + scale * word.box.width)) for word in words]
        lines.append(replace(line, words=tuple(words), is_from_text_layer=True))
    prose = replace(region, lines=tuple(line for line in lines if len(line.words) > 1))
    assert (label_listings([prose])[0].label == "algorithm") is is_listing
