"""Fonts of a text layer that the engine's reading confirms."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ocr_worker.pages import TextLine, TextWord
from ocr_worker.wire.schema import Block, TextSource
from ocr_worker.witness.confirmation import confirmed_fonts, needs_confirmation, readings_of

TEXT = "The narrow harbour describes 1482 ledgers and 3590 boats and 76 cranes"


def layer(text: str, font: int = 1) -> list[TextLine]:
    """One line of words 20 pixels high in this font."""
    words = tuple(
        TextWord(word, (100 * index, 100, 100 * index + 90, 120), font) for index, word in enumerate(text.split())
    )
    return [TextLine(text, (0, 100, 1500, 120), words)]


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
