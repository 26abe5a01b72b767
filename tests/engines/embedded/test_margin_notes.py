"""Notes in the margins: out of the sentences beside them, and before their paragraphs."""

from __future__ import annotations

from dataclasses import replace

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.margin_notes import place_notes, separate_notes
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.lines import Line
from support.typeset import typeset

_ROWS = (
    "The keeper opens both gates of the mill",
    "when the water is above the mark that is",
    "cut into the wall at the upper bridge.",
    "Nobody else may touch the wheel of a gate",
    "which is locked with a key of its own and",
    "is looked after by the keeper of the mill.",
    "In summer the gates stay closed, and boats",
    "are carried over the weir by their owners.",
    "They leave the key in the box at the door,",
    "where it is found again in the next spring.",
)


def _text(left: float = 200) -> list[Line]:
    return [typeset(text, left, 100 + 25 * i) for i, text in enumerate(_ROWS)]


def _note(text: str, row: int, x: float = 60) -> Line:
    return typeset(text, x, 100 + 25 * row)


def test_a_note_within_a_line_of_the_text_is_cut_off() -> None:
    """A command in the margin is no part of the sentence beside it."""
    lines = _text()
    lines[4] = typeset(f"--key {_ROWS[4]}", lines[4].box.x0 - 56, 200)
    words = (replace(lines[4].words[0], box=lines[4].words[0].box._replace(x1=185)), *lines[4].words[1:])
    lines[4] = replace(lines[4], words=words)
    rest, notes = separate_notes(lines, [])
    assert [[line.text for line in note] for note in notes] == [["--key"]]
    assert sorted(line.text for line in rest) == sorted(_ROWS)


def test_notes_are_separate_if_one_of_them_is_within_a_sentence() -> None:
    """Notes at the left and at the right, of one row and of two."""
    notes = [_note("Gates", 0), _note("Key of", 4), _note("the gate", 5), _note("Boats", 7, 640)]
    _, groups = separate_notes([*_text(), *notes], [])
    assert [[line.text for line in group] for group in groups] == [["Gates"], ["Key of", "the gate"], ["Boats"]]


def test_labels_at_beginnings_stay_in_their_lines() -> None:
    """Terms with their explanations begin the sentence beside them."""
    lines = [*_text(), _note("Gates", 0), _note("Keys", 3), _note("Boats", 6)]
    assert separate_notes(lines, []) == (lines, [])


def test_running_heads_beside_the_text_are_notes_without_a_sentence() -> None:
    """A line that comes again on other pages is no label."""
    lines = [*_text(), replace(_note("Chapter 3", 0), is_repeated=True), _note("Keys", 3)]
    _, groups = separate_notes(lines, [])
    assert [line.text for group in groups for line in group] == ["Chapter 3"]


def test_columns_numbers_and_words_of_pictures_are_no_notes() -> None:
    """A column has many lines, numbers have no words, and a picture has words of its own."""
    column = [_note("a b c", row, 60) for row in range(8)]
    numbers = [_note("4", 4), _note("(12)", 7, 640)]
    label = [_note("Mill", 4)]
    assert separate_notes([*_text(), *column], [])[1] == []
    assert separate_notes([*_text(), *numbers], [])[1] == []
    assert separate_notes([*_text(), *label], [Box(50, 190, 150, 230)])[1] == []


def test_bold_words_above_their_paragraphs_are_titles() -> None:
    """They are notes if they are in line with a note that is within a sentence."""
    title = replace(_note("Boats", 6), is_bold=True)
    _, groups = separate_notes([*_text(), title, _note("Keys", 4, 90)], [])
    assert [line.text for group in groups for line in group] == ["Keys"]
    _, groups = separate_notes([*_text(), title, _note("Keys", 4)], [])
    assert [line.text for group in groups for line in group] == ["Keys", "Boats"]


def test_a_note_is_before_the_paragraph_beside_it() -> None:
    """The region is divided at the beginning of the paragraph."""
    rows = [
        line.moved(lambda box: Box(box.x0, box.y0 + 30, box.x1, box.y1 + 30)) if line.box.y0 > 160 else line
        for line in _text()
    ]
    region = Region("text", bounds(line.box for line in rows), tuple(rows))
    note = Region("text", (line := _note("Key", 5)).box, (line,), is_separate=True)
    placed = place_notes([region], [note])
    assert [part.lines[0].text for part in placed] == [_ROWS[0], "Key", _ROWS[3]]
