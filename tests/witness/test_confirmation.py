"""Fonts of a text layer that the engine's reading confirms."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ocr_worker.pages import TextLine, TextWord
from ocr_worker.wire.schema import Block, TextSource
from ocr_worker.witness.confirmation import Reading, confirm, needs_confirmation, readings_of

TEXT = "The narrow harbour describes 1482 ledgers and 3590 boats and 76 cranes"


def layer(text: str, font: int = 1) -> list[TextLine]:
    """One line of words 20 pixels high in this font."""
    words = tuple(
        TextWord(word, (100 * index, 100, 100 * index + 90, 120), font) for index, word in enumerate(text.split())
    )
    return [TextLine(text, (0, 100, 1500, 120), words)]


def confirmed_fonts(lines: Sequence[TextLine], readings: Sequence[Reading]) -> set[int]:
    """Return the fonts that are confirmed with all their words."""
    confirmed_lines, fonts = confirm(lines, (), readings)
    return fonts if confirmed_lines == lines else set()


def blocks(text: str, source: TextSource | None = None) -> list[Block]:
    return [Block(label="text", content=text, bbox=(0, 90, 1500, 130), text_source=source)]


@pytest.mark.parametrize(
    ("text", "is_confirmed"),
    [
        (TEXT, True),
        (TEXT.replace("harbour describes", "harbor describe"), False),  # a quarter of the letters
        (TEXT.replace("The", "Tho"), True),
        (TEXT.replace("76", "78"), False),  # no other number has a 6
        (TEXT.replace("1482", "1483") + " 8412", False),  # in another place
        ("A hidden text that is not drawn", False),
    ],
)
def test_a_font_is_confirmed_where_the_engine_reads_the_same(text: str, is_confirmed: bool) -> None:
    """Most letters must be in words that agree, and every digit in a number that does."""
    assert confirmed_fonts(layer(TEXT), readings_of(blocks(text))) == ({1} if is_confirmed else set())


def test_the_layer_does_not_confirm_itself() -> None:
    """A block whose text the engine took from the layer is no reading of the page."""
    for source, fonts in (("picture", {1}), ("text_layer", set()), ("both", set())):
        assert confirmed_fonts(layer(TEXT), readings_of(blocks(TEXT, source))) == fonts


def test_the_places_count() -> None:
    """The same words elsewhere on the page confirm nothing."""
    elsewhere = Block(label="text", content=TEXT, bbox=(0, 500, 1500, 540))
    assert confirmed_fonts(layer(TEXT), readings_of([elsewhere])) == set()


@pytest.mark.parametrize(("fonts", "is_needed"), [([1], False), ([2], True), ([], True)])
def test_only_fonts_without_proof_need_it(fonts: Sequence[int], is_needed: bool) -> None:
    """A page whose fonts are all proven, or that has no words, needs no engine for it."""
    assert needs_confirmation(layer(TEXT), fonts) is is_needed
    assert not needs_confirmation([], fonts)


def test_letters_are_confirmed_apart_from_digits() -> None:
    """Only words with digits are to be read where a number differs; they have a font number of their own."""
    (line,), fonts = confirm(layer(TEXT, font=4), {7}, readings_of(blocks(TEXT.replace("76", "78"))))
    assert fonts == {4, 7}
    assert {word.text for word in line.words if word.font not in fonts} == {"1482", "3590", "76"}
    assert len({word.font for word in line.words}) == 2
    assert line.text == TEXT


def test_a_word_in_two_fonts_is_confirmed_with_both() -> None:
    """A digit in a font whose numbers differ keeps its word from being believed."""
    word = TextWord("A4", (0, 100, 90, 120), 7, (4,))
    lines = [TextLine("A4", word.bbox, (word,)), *layer(TEXT, font=4)]
    (line, _), fonts = confirm(lines, {7}, readings_of(blocks(TEXT.replace("76", "78"))))
    assert not {line.words[0].font, *line.words[0].other_fonts} <= fonts
