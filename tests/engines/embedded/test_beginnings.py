"""Beginnings of paragraphs and of lines of their own."""

from __future__ import annotations

import textwrap

import pytest

from ocr_worker.engines.embedded.beginnings import find_beginnings
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.text import paragraphs


def typeset(*rows: tuple[float, str], advance: float = 10) -> list[Line]:
    """Return rows of text, 20 pixels high and 30 apart, that begin at these x, all characters equally wide."""
    return [Line(text, Box(x, 30 * i, x + advance * len(text), 30 * i + 20)) for i, (x, text) in enumerate(rows)]


STORY = (
    (15, "The boat came in at noon and nobody saw"),
    (0, "it, since the fog was on the water, and the"),
    (0, "bell had been taken down in the spring."),
    (15, "Then the harbour master rang by hand until"),
    (0, "the crew had found the quay and thrown"),
    (0, "their ropes to the boys who waited there."),
    (15, "Nobody spoke of it again, and the bell was"),
    (0, "hung again."),
)


def test_paragraphs_with_a_first_line_indent_are_apart() -> None:
    """An indent of less than a line's height begins each paragraph, also below a row that is full."""
    assert [text[:12] for text in paragraphs(typeset(*STORY))] == ["The boat cam", "Then the har", "Nobody spoke"]


def test_short_speeches_with_an_indent_are_apart() -> None:
    """Paragraphs of one short row each, as in a dialogue, begin at the same indent."""
    rows = [(0, "They met at the gate in the evening, and said:"), (20, "Is it you?"), (20, "It is. Who asks?")]
    rows.append((20, "The keeper of the gate asks, and he has waited"))
    rows.append((0, "for a long time."))
    assert len(paragraphs(typeset(*rows))) == 4


def test_hanging_indents_begin_at_the_margin() -> None:
    """A paragraph begins at the margin if all rows but the first are set in, as in a bibliography."""
    rows = (
        (0, "Abel, Ida. The mills of the upper valley and"),
        (40, "their owners. Saltby, 1902."),
        (0, "Brandt, Jon. On the winter of the wolves, as it"),
        (40, "was told by those who saw it, with two maps and"),
        (40, "a letter. Saltby, 1911."),
        (0, "Cole, Ann. Stones. Saltby, 1920."),
    )
    assert [text[:5] for text in paragraphs(typeset(*rows))] == ["Abel,", "Brand", "Cole,"]


def test_an_indent_among_filled_rows_begins_a_paragraph() -> None:
    """A row that is set in by less than its height is not centered, though all rows are filled."""
    rows = (
        (0, "down with muffled tread, so that they were"),
        (0, "awake, and this was to be atheistical too."),
        (16, "In England, there was scarcely an amount"),
        (0, "of order and protection to justify much of"),
        (0, "the boasting. Burglaries by armed men took"),
    )
    assert [text[:4] for text in paragraphs(typeset(*rows))] == ["down", "In E"]


def test_a_sentence_goes_on_below_a_row_that_leaves_room() -> None:
    """A narrow block below wide rows is no reason to part its sentences."""
    rows = (
        (0, "This manual is for the library of mills and rivers, and of their keepers and owners."),
        (0, "Copyright 2001 The Mills."),
        (30, "Permission is granted to copy a copy that is included"),
        (30, "in the section on copies."),
    )
    assert paragraphs(typeset(*rows))[-1].endswith("included in the section on copies.")


def test_entries_in_small_letters_begin_at_the_margin() -> None:
    """A row in lower case that begins elsewhere than the row above may begin an entry."""
    rows = (
        (0, "abel, ida, the mills of the upper valley and"),
        (40, "their owners"),
        (0, "brandt, jon, on the winter of the wolves as it"),
        (40, "was seen by those who lived there"),
        (0, "cole, ann, stones in the river and in the field"),
    )
    assert [text[:4] for text in paragraphs(typeset(*rows))] == ["abel", "bran", "cole"]


def test_centered_rows_have_no_indents() -> None:
    """A row that is centered is not set in."""
    rows = typeset(
        (40, "On the Growth of Reeds in"), (0, "the Lower Valley, with a Remark on"), (60, "their Harvest by Hand")
    )
    assert len(paragraphs(rows)) == 1


@pytest.mark.parametrize(
    "rows",
    [
        ("1.1 The tenant pays the rent on the first day of", "1.2 The landlord repairs the roof and the windows"),
        ("1.1 the roof of the house and all of its windows,", "1.2 the well, if it falls dry in the summer months"),
        ("(i) after five years of which two were paid, or by", "(ii) the death of the tenant, whichever comes first"),
        ("§ 1 The society has its seat in the town of Saltby", "§ 2 The society serves the study of reeds and grass"),
        ("Art. 4 The seat of the court is in Saltby. It meets", "Art. 5 The court has five members, who are elected."),
        ("Reported by: Ida Fennimore of the northern quay", "Lost on: 14 May 2026 at the platform of the station"),
        ("[1] Abel, I. The mills of the upper valley. Saltby", "[2] Brandt, J. The winter of the wolves. Saltby"),
        ("-c, --check reads the file and writes nothing at", "-o, --output=FILE file for the result that is read"),
        ("※ 주: 2020.1.1. 기준", "※ 자료: 생명보험협회"),
        ("1 The valley before the road ................... 3", "2 The road is built ............................ 19"),
        ("Index of names . . . . . . . . . . . . . . . . . 58", "Index of places . . . . . . . . . . . . . . . . . 61"),
        (
            "\uf0b7 a warm blanket and a candle in a tin, and for",
            "\uf0a7 bread for two days, better for three, since it",
        ),
        ("█ a warm blanket and a candle in a tin, and for two", "█ bread for two days, better for three, since it is"),
        ("▮ a warm blanket and a candle in a tin, and for two", "▮ bread for two days, better for three, since it is"),
        (
            "⬛ a warm blanket and a candle in a tin, and for two",
            "⬛ bread for two days, better for three, since it is",
        ),
        ("! a warm blanket and a candle in a tin, and for two", "! bread for two days, better for three, since it is"),
        ("•a warm blanket and a candle in a tin, and for two", "➢bread for two days, better for three, since it is"),
    ],
)
def test_clauses_entries_and_pairs_begin_a_line(rows: tuple[str, str]) -> None:
    """Each clause, entry, item and pair is by itself, although the row above is full."""
    above, below = rows
    assert len(paragraphs(typeset((0, above), (0, below)))) == 2


@pytest.mark.parametrize(
    "rows",
    [
        ("the whole of the valley was sold for a sum of about", "1.2 million crowns, which was thought to be little."),
        (
            "the buyer may withdraw from the contract according to",
            "§ 433 of the code, as long as he has not been heard.",
        ),
        (
            "There are two reasons, which are given in a later part",
            "Remember: nobody saw the boat when it came in at noon",
        ),
    ],
)
def test_a_mark_within_a_sentence_begins_no_line(rows: tuple[str, str]) -> None:
    """A number, a section or a colon in running text is not taken for the mark of a line."""
    above, below = rows
    assert (
        len(paragraphs(typeset((0, above), (0, below), (0, "and so it went on for many years in that valley.")))) == 1
    )


@pytest.mark.parametrize(
    "rows",
    [
        ("Ida Fennimore", "3 Mill Lane", "Saltby SB4 1AA", "United Kingdom"),
        ("Society for the Study of Reeds", "Northern Quay 7", "4410 Saltby", "Norway"),
        ("Mr. and Mrs. Odo Fennimore", "The Old Mill", "8821 Sandby", "Prof. Ida Marrable"),
        (
            "The river is wide and the evening is late,",
            "The ferryman leans on his pole by the gate,",
            "And nobody comes down the lane to the shore",
            "But the wind that was knocking all day at his door,",
            "He counts up his pennies, he counts what he hears,",
            "and rows to the island and sleeps,",
        ),
        ("Oh,", "the boat came in,", "and", "nobody saw it come,", "not", "even those who waited there"),
    ],
)
def test_rows_that_are_not_filled_are_lines(rows: tuple[str, ...]) -> None:
    """In an address, and in a poem, each row leaves room for the next word and is a line of its own."""
    assert paragraphs(typeset(*((0, row) for row in rows))) == list(rows)


@pytest.mark.parametrize(
    "text",
    [
        "The boat came in at noon and nobody saw it since the fog was on the water",
        "Das Boot kam am Mittag in den Hafen und der Nebel lag so dicht auf dem Wasser",
    ],
)
def test_the_rows_of_a_narrow_column_are_joined(text: str) -> None:
    """A narrow column of prose is filled, and begins some rows with small letters."""
    rows = [(0.0, row) for row in textwrap.wrap(text, 26)]
    assert paragraphs(typeset(*rows)) == [text]


def test_a_clause_keeps_its_set_in_rows() -> None:
    """Rows that are set in below a mark belong to its item."""
    rows = typeset(
        (0, "1.1 The tenant pays the rent on the first day and"), (60, "keeps the receipt for as long as it runs.")
    )
    assert len(paragraphs(rows)) == 1


@pytest.mark.parametrize("rows", [("◆ bread for two days", "▸ a letter"), ("o Bread for two days", "o A letter")])
def test_bullets_of_all_forms_become_markdown(rows: tuple[str, str]) -> None:
    """Diamonds and triangles are bullets, and so is the letter o if another item has one."""
    assert paragraphs(typeset(*((0, row) for row in rows))) == [f"- {row[2:]}" for row in rows]


@pytest.mark.parametrize("rows", [("✓ the quay was swept", "✓ the bell was rung"), ("→ turn left", "→ knock twice")])
def test_signs_with_a_meaning_begin_a_line_and_stay(rows: tuple[str, str]) -> None:
    """A check or an arrow before each item is text."""
    assert paragraphs(typeset(*((0, row) for row in rows))) == list(rows)


def test_a_filled_square_among_empty_ones_is_no_bullet() -> None:
    """It is the box that somebody ticked."""
    assert paragraphs(typeset((0, "■ Summer"), (0, "□ Winter"))) == ["■ Summer", "□ Winter"]
    assert paragraphs(typeset((0, "■ Summer"), (0, "■ Winter"))) == ["- Summer", "- Winter"]


def test_an_o_in_a_sentence_is_no_bullet() -> None:
    """A single letter o begins no list."""
    assert (
        len(paragraphs(typeset((0, "They bring Ida the bread and the milk"), (0, "o Ana and the others come later."))))
        == 1
    )


def test_symbol_bullets_become_markdown() -> None:
    """Bullets of symbol fonts, which are characters for private use, are written as bullets."""
    assert paragraphs(typeset((0, "\uf0b7 bread"), (0, "\uf0fc a letter"))) == ["- bread", "- a letter"]


@pytest.mark.parametrize("text", ["June 1929.", "Yours truly,", "J. B. Marrable"])
def test_a_row_set_far_right_is_a_line_of_its_own(text: str) -> None:
    widths = [(0, 600), (0, 580), (0, 120), (380, 380 + 9 * len(text)), (0, 590), (0, 600)]
    texts = [
        "the river ran past the mill",
        "and past the bridge where",
        "it ends.",
        text,
        "Then it was",
        "another one.",
    ]
    rows = [
        [Line(t, Box(x0, 30 * i, x1, 30 * i + 20))] for i, (t, (x0, x1)) in enumerate(zip(texts, widths, strict=True))
    ]
    assert find_beginnings(rows) == [True, False, False, True, True, False]


def test_the_rows_beside_a_picture_are_one_paragraph() -> None:
    widths = [(0, 600), (0, 600), (200, 600), (200, 600), (200, 600), (0, 600)]
    rows = [
        [Line("the river ran past the mill and on", Box(x0, 30 * i, x1, 30 * i + 20))]
        for i, (x0, x1) in enumerate(widths)
    ]
    assert find_beginnings(rows)[3:5] == [False, False]


def spaced(height: float, *rows: tuple[float, str]) -> list[Line]:
    """Return filled rows of this height, each at this distance below the top of the row above."""
    lines, y = [], 0.0
    for step, text in rows:
        y += step
        lines.append(Line(text, Box(0, y, 10 * len(text), y + height)))
    return lines


@pytest.mark.parametrize(
    ("height", "step", "white"),
    [
        pytest.param(24, 24, 34, id="half a row of white, letters that touch the next row"),
        pytest.param(20, 26, 33, id="a little more white than usual"),
        pytest.param(20, 44, 60, id="rows that are two spaces apart"),
    ],
)
def test_more_white_than_usual_begins_a_paragraph(height: float, step: float, white: float) -> None:
    """No row leaves room and none is set in: only the white between paragraphs is wider."""
    rows = (
        (0, "The boat came in at noon and nobody saw it come"),
        (step, "since the fog was on the water and all of us sat"),
        (step, "at the fire, where it was warm and we were dry."),
        (white, "Then the harbour master rang by hand until those"),
        (step, "who slept had found the quay and thrown the lines"),
        (step, "to the boys who waited there for half the night."),
    )
    assert [text[:4] for text in paragraphs(spaced(height, *rows))] == ["The ", "Then"]


@pytest.mark.parametrize(
    "below",
    [
        pytest.param(((36, "since the fog was on the water and all of us sat"),), id="within a sentence"),
        pytest.param(((26, "Then we went to sleep. The fog was on the water."),), id="no wider white"),
        pytest.param(((30, "Then we went to sleep. The fog was on the water."),), id="hardly wider"),
    ],
)
def test_other_white_begins_none(below: tuple[tuple[float, str], ...]) -> None:
    """Below a formula, a sentence continues, and rows are a little uneven."""
    rows = (
        (0, "The boat came in at noon and nobody saw it come."),
        (26, "Nobody heard the bell, which was taken down again"),
        (26, "in spring, and those who knew of it did not talk" + ("." if below[0][1][0] == "T" else "")),
    )
    assert len(paragraphs(spaced(24, *rows, *below))) == 1
