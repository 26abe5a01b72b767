"""Paragraphs from lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import group_lines
from ocr_worker.engines.embedded.lines import Line, Word, rows, split_at, trim_symbols
from ocr_worker.engines.embedded.text import paragraphs, row_text
from ocr_worker.engines.text_layer.joins import joined, words_of


def stacked(*texts: str, x0: float = 0, width: float = 400) -> list[Line]:
    """Full lines under one another, 20 pixels high, 30 apart."""
    return [Line(text, Box(x0, 30 * i, x0 + width, 30 * i + 20)) for i, text in enumerate(texts)]


def test_a_broken_word_is_whole_again() -> None:
    """A hyphen at the end of a line goes when the next line begins in lower case."""
    assert paragraphs(stacked("a broken sen-", "tence goes on")) == ["a broken sentence goes on"]


@pytest.mark.parametrize(
    ("above", "below", "text"),
    [
        ("rules are well-", "known here", "rules are well-known here"),
        ("he pays twenty-", "five crowns", "he pays twenty-five crowns"),
        ("a non-", "profit body", "a non-profit body"),
        ("sends an e-", "mail", "sends an e-mail"),
        ("after re-", "entry", "after re-entry"),
        ("they re-", "turned", "they returned"),
        ("the soft dis\u00ad", "cretion", "the soft discretion"),
        ("die Wohnungs-", "eigentümer", "die Wohnungseigentümer"),
        ("die Vor-", "und Nachteile", "die Vor- und Nachteile"),
        ("the pre-", "and post-war years", "the pre- and post-war years"),
        ("a thous-", "and miles", "a thousand miles"),
        ("state-of-the-", "art saws", "state-of-the-art saws"),
        ("self-govern-", "ment", "self-government"),
        ("утра из-", "за тумана", "утра из-за тумана"),
        ("птицы из-", "вестны", "птицы известны"),
        ("the trans\u00ac", "port", "the transport"),
        ("յո\u058a", "թին", "յոթին"),
        ("of high-", "quality paper", "of high-quality paper"),
        ("the high-", "lights of", "the highlights of"),
        ("on a large-", "scale map", "on a large-scale map"),
        ("in real-", "ity it is", "in reality it is"),
        ("an evidence-", "based rule", "an evidence-based rule"),
        ("it is cor-", "related with", "it is correlated with"),
        ("two inde-", "pendent units", "two independent units"),
        ("they are inter-", "related here", "they are interrelated here"),
        ("all DocLayNet-", "trained models", "all DocLayNet-trained models"),
        ("of an FAA-", "approved kind", "of an FAA-approved kind"),
        ("by Mr. McDon-", "ald himself", "by Mr. McDonald himself"),
        ("viendra peut-", "être demain", "viendra peut-être demain"),
    ],
)
def test_hyphens_of_compounds_stay(above: str, below: str, text: str) -> None:
    """A hyphen that belongs to the word stays at a line's end, and one that breaks the word goes."""
    assert joined(above, below) == text


def test_the_text_around_decides_on_a_hyphen() -> None:
    """A word that occurs elsewhere in the paragraph keeps that form, with or without its hyphen."""
    assert paragraphs(stacked("the ferry-man met a ferry-", "man again")) == ["the ferry-man met a ferry-man again"]
    assert paragraphs(stacked("this nonsense is non-", "sense again")) == ["this nonsense is nonsense again"]


def test_the_page_decides_on_a_hyphen() -> None:
    """A word that occurs elsewhere on the page keeps the form that it has there."""
    lines = stacked("a grant of ferry-", "men and others")
    assert paragraphs(lines) == ["a grant of ferrymen and others"]
    assert paragraphs(lines, words_of(["Two ferry-men came"])) == ["a grant of ferry-men and others"]


def test_a_short_line_that_ends_in_a_hyphen_ends_no_paragraph() -> None:
    """A line that breaks a word is followed by the word's rest, however early it ends."""
    lines = [Line("a sen-", Box(0, 0, 100, 20)), Line("tence that fills all of the width", Box(0, 30, 400, 50))]
    assert paragraphs(lines) == ["a sentence that fills all of the width"]


@pytest.mark.parametrize(
    ("above", "below", "text"),
    [
        ("from 1914\u2013", "1918 on", "from 1914\u20131918 on"),
        ("the river\u2014", "that is", "the river\u2014that is"),
        ("he said \u2013", "and left", "he said \u2013 and left"),
    ],
)
def test_a_dash_at_a_word_has_no_space(above: str, below: str, text: str) -> None:
    """A dash right behind a word or number at a line's end is right before what follows, too."""
    assert joined(above, below) == text


def test_a_hyphen_between_names_stays() -> None:
    """A hyphen before a capital is part of the name, and no space comes after it."""
    assert joined("the Document-", "Layout Analysis") == "the Document-Layout Analysis"


def test_chinese_lines_join_without_a_space() -> None:
    """Scripts without spaces get none where a line ends."""
    assert joined("水位在二月", "上升") == "水位在二月上升"


def test_an_indent_begins_a_paragraph() -> None:
    """A line that is set in begins a new paragraph."""
    lines = stacked("first paragraph runs on", "and on until here", "and ends somewhere")
    indented = Line("Second paragraph", Box(30, 90, 400, 110))
    assert paragraphs([*lines, indented]) == [
        "first paragraph runs on and on until here and ends somewhere",
        "Second paragraph",
    ]


def test_list_items_stand_by_themselves() -> None:
    """Bullets begin items, in Markdown's form, and their second lines belong to them."""
    assert paragraphs(stacked("• one", "and more", "• two")) == ["- one and more", "- two"]


def test_a_line_that_ended_early_ended_its_paragraph() -> None:
    """A line with room for the next word ends its paragraph."""
    lines = [Line("It ended.", Box(0, 0, 150, 20)), Line("Next one runs over all the width", Box(0, 30, 400, 50))]
    assert paragraphs(lines) == ["It ended.", "Next one runs over all the width"]


def test_right_to_left_fragments_join_from_the_right() -> None:
    """Of two fragments in one row of Arabic or Hebrew the right one is read first."""
    assert row_text([Line("עולם", Box(0, 0, 40, 20)), Line("שלום", Box(50, 0, 90, 20))]) == "שלום עולם"


def test_right_to_left_paragraphs_end_on_the_left() -> None:
    """A line of Hebrew that stops far from the left margin ends its paragraph; one that fills its width does not."""
    full, short = Box(0, 0, 400, 20), Box(250, 30, 400, 50)
    lines = [Line("שלום עולם רחב", full), Line("סוף.", short), Line("פסקה חדשה כאן", Box(0, 60, 400, 80))]
    assert paragraphs(lines) == ["שלום עולם רחב סוף.", "פסקה חדשה כאן"]


def test_rows_hold_lines_side_by_side() -> None:
    """Lines at about the same height are one row, from left to right."""
    a, b, c = Line("a", Box(50, 2, 90, 22)), Line("b", Box(0, 0, 40, 20)), Line("c", Box(0, 30, 40, 50))
    assert rows([a, b, c]) == [[b, a], [c]]


def test_a_line_splits_between_its_words() -> None:
    """A line over two cells is cut where the cells meet, and keeps every character."""
    words = (Word("Old", Box(0, 0, 30, 20)), Word("Mill", Box(40, 0, 80, 20)), Word("0.65", Box(120, 0, 160, 20)))
    parts = split_at(Line("Old Mill 0.65", Box(0, 0, 160, 20), words=words), [100])
    assert [part.text for part in parts] == ["Old Mill", "0.65"]


def test_a_line_without_word_boxes_splits_at_a_space() -> None:
    """A text layer's line has no words; its characters are taken as equally wide."""
    parts = split_at(Line("abcd    efgh", Box(0, 0, 120, 20)), [60])
    assert [part.text for part in parts] == ["abcd", "efgh"]


@pytest.mark.parametrize("text", ["from 1 \u20444 inch", "from 1\u2044 4 inch", "from 1 \u2044 4 inch"])
def test_a_fraction_has_no_spaces(text: str) -> None:
    """A numerator and a denominator are written with the fraction slash between them."""
    assert paragraphs(stacked(text)) == ["from 1\u20444 inch"]
    assert row_text(stacked(text)) == "from 1\u20444 inch"


def with_symbol(symbol: str, text: str, *, is_last: bool = False) -> Line:
    """Return a line of a text layer, 20 pixels high, with a symbol of 44 pixels at one of its ends."""
    tall, words = Word(symbol, Box(0, 0, 12, 44)), Word(text, Box(30, 14, 400, 34))
    if is_last:
        tall = Word(symbol, Box(410, 0, 422, 44))
    parts = (words, tall) if is_last else (tall, words)
    return Line(" ".join(part.text for part in parts), Box(0, 0, 422, 44), words=parts, is_from_text_layer=True)


@pytest.mark.parametrize(("symbol", "is_last"), [("\uf0b7", False), ("\x99", False), ("®", True)])
def test_a_symbol_makes_its_line_no_higher(symbol: str, is_last: bool) -> None:
    """The font of a bullet states more height than its words have; the next line continues the item all the same."""
    line = with_symbol(symbol, "The lamps of the harbor and", is_last=is_last)
    below = Line("those of the ships", Box(30, 44, 300, 64), is_from_text_layer=True)
    assert len(group_lines([line, below])) == 2
    trimmed = trim_symbols(line)
    assert (trimmed.box, trimmed.text) == (line.box._replace(y0=14, y1=34), line.text)
    assert len(group_lines([trimmed, below])) == 1


def test_other_lines_keep_their_height() -> None:
    """Large words, marks alone, and text up the margin."""
    large = Line(
        "The lamps", Box(0, 0, 90, 44), words=(Word("The", Box(0, 14, 30, 34)), Word("lamps", Box(40, 0, 90, 44)))
    )
    alone = Line("•", Box(0, 0, 12, 44), words=(Word("•", Box(0, 0, 12, 44)),))
    upwards = Line("I •", Box(0, 0, 20, 60), words=(Word("I", Box(0, 0, 20, 20)), Word("•", Box(0, 40, 20, 60))))
    for line in (large, alone, upwards):
        line = replace(line, is_from_text_layer=True)
        assert trim_symbols(line) == line


@pytest.mark.parametrize("symbol", ["\x84", "\x99"])
def test_control_characters_of_symbol_fonts_are_bullets(symbol: str) -> None:
    """Some files have the code of a bullet's shape in its font as its character."""
    assert paragraphs(stacked(f"{symbol} one", "and more", f"{symbol} two")) == ["- one and more", "- two"]


def test_a_quote_in_an_old_encoding_is_no_bullet() -> None:
    """It is close to its word."""
    assert paragraphs(stacked("\x93Lamps\x94 was all", "\x84Lampen\x93 they said")) == [
        "\x93Lamps\x94 was all \x84Lampen\x93 they said"
    ]
