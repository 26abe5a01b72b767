"""Lines in regions, and what regions are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.regions import (
    LABELS,
    Detection,
    Region,
    divide_at,
    fill_regions,
    group_lines,
    merge_interleaved,
    split_centered,
    unnest,
)
from ocr_worker.engines.embedded.lines import Line, Word

coordinate = st.floats(0, 900)
box = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), coordinate, coordinate, st.floats(5, 400), st.floats(5, 60))
lines = st.lists(st.builds(Line, st.text("abc DEF.1", min_size=1), box), max_size=15)
detections = st.lists(st.builds(Detection, st.sampled_from(sorted(set(LABELS.values()))), box, st.floats(0.4, 1)))


@given(lines, detections)
def test_every_line_is_in_exactly_one_region(lines: list[Line], detections: list[Detection]) -> None:
    """Nothing that was read vanishes or is doubled, whatever the layout model says."""
    line_ids = [id(line) for region in fill_regions(lines, detections) for line in region.lines]
    assert sorted(line_ids) == sorted(map(id, lines))


def paragraph(top: float, count: int = 6, height: float = 20) -> list[Line]:
    return [Line("words and more words", Box(100, top + 30 * i, 800, top + 30 * i + height)) for i in range(count)]


def test_text_taken_for_a_picture_stays_text() -> None:
    """A figure that is mostly covered by lines is no figure."""
    regions = fill_regions(paragraph(100), [Detection("image", Box(90, 90, 810, 300), 0.9)])
    assert [region.label for region in regions] == ["text"]


def test_leftover_lines_make_paragraphs() -> None:
    """Lines that no region covers are grouped by their nearness."""
    assert [len(group) for group in group_lines(paragraph(100, 3) + paragraph(400, 2))] == [3, 2]


def test_a_title_below_a_paragraph_does_not_take_its_last_line() -> None:
    """A line that is clearly closer to another free line than to the detected text stays with that line."""
    title = Line("CONCEPTS", Box(100, 293, 300, 321))
    regions = fill_regions([*paragraph(100, height=28), title], [Detection("text", Box(95, 293, 305, 321), 0.9)])
    assert sorted(len(region.lines) for region in regions) == [1, 6]
    tight = fill_regions(paragraph(100, 7), [Detection("text", Box(95, 95, 805, 245), 0.9)])
    assert [len(region.lines) for region in tight] == [7]


def _text(*lines: Line, label: str = "text") -> Region:
    return Region(label, Box(0, 0, 1, 1)).with_lines(lines)


def test_texts_whose_rows_alternate_are_one() -> None:
    """Two detections of a text overlap; a short line is in the smaller one, and the longer lines around it are not."""
    first, second, third, fourth = paragraph(100, 4)
    (merged,) = merge_interleaved([_text(first, third, label="reference_content"), _text(second, fourth)])
    assert merged.label == "text"
    assert set(merged.lines) == {first, second, third, fourth}


def test_texts_apart_or_side_by_side_stay_so() -> None:
    first, second, third, fourth = paragraph(100, 4)
    above, below = _text(first, second), _text(third, fourth)
    assert merge_interleaved([above, below]) == [above, below]
    inset = _text(second.moved(lambda box: box._replace(x0=500)))
    around = _text(first, second.moved(lambda box: box._replace(x1=480)), third)
    assert merge_interleaved([around, inset]) == [around, inset]
    other = _text(*(line.moved(lambda box: box._replace(x0=810, x1=1500)) for line in (second, third)))
    assert merge_interleaved([_text(first, fourth), other]) == [_text(first, fourth), other]


def test_a_text_is_divided_at_the_options_within_it() -> None:
    """Two questions that were detected as one text have the options of the first between them."""
    first, second, third, _ = paragraph(100, 4)
    question = _text(first, third)
    assert [part.lines for part in divide_at([question], [second.box])] == [(first,), (third,)]
    assert divide_at([question], [second.box._replace(x0=900, x1=1000)]) == [question]
    assert divide_at([question], []) == [question]


def test_a_title_over_a_paragraph_is_parted_from_it() -> None:
    """A short first line without a stop is a title, though the layout model took it for text."""
    lines = [Line("Stone bridges", Box(100, 70, 300, 90)), *paragraph(100)]
    regions = fill_regions(lines, [Detection("text", Box(90, 60, 810, 300), 0.9)])
    assert [(region.label, len(region.lines)) for region in regions] == [("paragraph_title", 1), ("text", 6)]


def test_a_picture_behind_most_of_the_pages_text_is_no_figure() -> None:
    """A listing that the layout model took for a picture stays text; a chart with its labels stays a figure."""

    def spread(text: str) -> list[Line]:
        return [Line(text, Box(100, 100 + 60 * i, 250, 115 + 60 * i)) for i in range(12)]

    detections = [Detection("image", Box(90, 90, 810, 860), 0.9)]
    assert next(region.label for region in fill_regions(spread("let x = 1"), detections)) == "text"
    assert [region.label for region in fill_regions(spread("2019"), detections)] == ["image"]


def test_the_text_of_a_photographed_note_is_text_beside_the_picture() -> None:
    """Lines below one another that are all text of the page are text; a label or a captioned note is not."""
    note = [
        Line("You must be the change", Box(200, 273, 554, 328)),
        Line("you want to see", Box(245, 315, 700, 390)),
    ]
    photo = [Detection("image", Box(183, 0, 955, 663), 0.7)]
    regions = fill_regions(note, photo)
    assert [region.label for region in regions if not region.lines] == ["image"]
    assert sum(len(region.lines) for region in regions if region.label == "text") == len(note)
    caption = Line("Figure 1. A note.", Box(200, 700, 500, 720))
    assert ("image", 2) in [(region.label, len(region.lines)) for region in fill_regions([*note, caption], photo)]
    assert [len(region.lines) for region in fill_regions(note[:1], photo)] == [1]


def test_a_forms_labels_are_parted_to_stand_before_their_values() -> None:
    """Labels that the layout model took for one text are read each with its value."""
    labels = [Line("Label", Box(100, 100 + 40 * i, 180, 120 + 40 * i)) for i in range(4)]
    values = [Line("Value", Box(400, 100 + 40 * i, 480, 120 + 40 * i)) for i in range(4)]
    regions = fill_regions(labels + values, [Detection("text", Box(90, 90, 190, 250), 0.9)])
    assert [len(region.lines) for region in regions] == [1] * 8


def test_a_line_inside_a_paragraph_joins_it() -> None:
    """A line that the layout model left out of the middle of a text is read in its place."""
    lines = paragraph(100)
    around = Region("text", Box(100, 100, 800, 270), (*lines[:2], *lines[3:]))
    (region,) = unnest([around, Region("text", lines[2].box, (lines[2],))])
    assert sorted(region.lines, key=lambda line: line.box.y0) == lines


def test_a_title_inside_a_text_parts_it() -> None:
    """The text above the title is one region, the text below it another."""
    text, title = (*paragraph(100, 4), *paragraph(290, 4)), Line("Floods", Box(100, 240, 200, 262))
    regions = unnest([Region("text", Box(100, 100, 800, 400), text), Region("paragraph_title", title.box, (title,))])
    ordered = sorted(regions, key=lambda region: region.box.y0)
    assert [region.label for region in ordered] == ["text", "paragraph_title", "text"]
    assert [len(region.lines) for region in ordered] == [4, 1, 4]


@pytest.mark.parametrize("x", [20, 480, 955], ids=["left", "between", "right"])
@pytest.mark.parametrize("has_detections", [True, False])
def test_a_vertical_note_is_no_part_of_a_paragraph(x: float, has_detections: bool) -> None:
    """A note that runs up beside two columns is a region of its own, and the columns stay complete."""
    columns = [
        [Line(f"a line of column {side}", Box(left, 100 + 28 * row, left + 400, 120 + 28 * row)) for row in range(20)]
        for side, left in enumerate((60, 520))
    ]
    note = Line("Downloaded on 3 May", Box(x, 200, x + 18, 400))
    boxes = [Box(10, 90, 470, 700), Box(470, 90, 980, 700)]
    detections = [Detection("text", box, 0.9) for box in boxes] if has_detections else []
    regions = fill_regions([*columns[0], note, *columns[1]], detections)
    assert sorted(len(region.lines) for region in regions) == [1, 20, 20]
    (alone,) = [region for region in regions if len(region.lines) == 1]
    assert alone.lines == (note,)
    assert alone.is_separate


def test_a_vertical_label_stays_in_its_figure() -> None:
    """The title of a chart's axis is a part of the chart."""
    label = Line("Level in cm", Box(110, 200, 128, 400))
    regions = fill_regions([label, *paragraph(600)], [Detection("image", Box(100, 100, 500, 500), 0.95)])
    assert next(region for region in regions if region.label == "image").lines == (label,)


@pytest.mark.parametrize(("step", "height"), [(28, 16), (600, 560)], ids=["letters", "misread as one character"])
def test_a_note_in_the_margin_is_no_value_of_the_lines_beside_it(step: int, height: int) -> None:
    """Two columns of prose stay two texts, though a note in the margin is beside each of their lines."""
    columns = [
        [
            Line("the council of the town met again", Box(left, 100 + 28 * row, left + 400, 120 + 28 * row))
            for row in range(20)
        ]
        for left in (60, 520)
    ]
    note = [Line("r", Box(960, y, 970, y + height)) for y in range(100, 660, step)]
    regions = fill_regions([*columns[0], *columns[1], *note], [])
    assert sorted(len(region.lines) for region in regions) == [*[1] * len(note), 20, 20]


LIGATURE = (("When", 32), ("the", 32), ("first", 43), ("measurements", 32))


def from_layer(*rows: tuple[str, float]) -> tuple[Line, ...]:
    """Return lines of a text layer below one another, from their texts and heights."""
    return tuple(
        Line(text, Box(100, 60 * i, 800, 60 * i + height), is_from_text_layer=True)
        for i, (text, height) in enumerate(rows)
    )


@pytest.mark.parametrize(
    ("label", "rows", "parts"),
    [
        ("text", (("Tables in tables", 26), ("Before the table", 20)), ["text", "text"]),
        (
            "paragraph_title",
            (("On the Mills", 37), ("of the Valley", 36), ("Version 2.2", 31)),
            ["paragraph_title", "text"],
        ),
        (
            "paragraph_title",
            (("Mills", 56), ("The Millers", 40), ("at mills dot org", 28)),
            ["paragraph_title", "text", "text"],
        ),
        ("text", (("a bullet with a tall box", 26), ("and a row", 20), ("with another one", 26)), ["text"]),
    ],
)
def test_rows_of_two_sizes_are_two_regions(label: str, rows: tuple[tuple[str, float], ...], parts: list[str]) -> None:
    """Large rows over smaller ones are a title of their own; what is below them is a text until it is labeled."""
    lines = from_layer(*rows)
    detection = Detection(label, Box(90, -10, 810, 300), 0.9)
    regions = sorted(fill_regions(lines, [detection]), key=lambda region: region.box.y0)
    assert [region.label for region in regions] == parts


def test_a_word_with_a_higher_ligature_makes_no_row_of_another_size() -> None:
    """A ligature from another font may be higher; the usual word of a row decides on its size."""
    high = tuple(Word(text, Box(100 + 90 * i, 0, 180 + 90 * i, height)) for i, (text, height) in enumerate(LIGATURE))
    first = Line("When the first measurements", Box(100, 0, 800, 43), words=high, is_from_text_layer=True)
    second = replace(from_layer(("arrived in the cellar", 32))[0], box=Box(100, 46, 800, 78))
    assert len(fill_regions([first, second], [Detection("text", Box(90, -10, 810, 100), 0.9)])) == 1


def test_outlines_of_read_lines_may_differ_in_height() -> None:
    """A line that was read from the page image is higher with descenders than without."""
    lines = [Line("Gypsy judging", Box(100, 0, 800, 28)), Line("run on a moor", Box(100, 40, 800, 62))]
    assert len(fill_regions(lines, [Detection("text", Box(90, -10, 810, 100), 0.9)])) == 1


def numbered(*rows: tuple[str, float]) -> list[str]:
    """Return the labels of the parts of a text whose rows have these texts and heights."""
    lines = from_layer(*rows)
    regions = fill_regions(lines, [Detection("text", Box(90, -10, 810, 900), 0.9)])
    return [region.label for region in sorted(regions, key=lambda region: region.box.y0)]


def test_a_numbered_row_in_larger_letters_is_a_title() -> None:
    """It may be as wide as the text, and in any script; the text above it stays apart."""
    body = [("그리고 그날 밤 마을 사람들은", 34)] * 2
    assert numbered(("(3) 법률상 해석의 원칙", 37), *body) == ["paragraph_title", "text"]
    assert numbered(*body, ("2.1 The mills of the valley", 37), *body) == ["text", "paragraph_title", "text"]


def test_a_numbered_row_is_no_title_by_its_number() -> None:
    """Items of a list, sentences, and rows that are higher by raised text alone are no titles."""
    assert numbered(("1. The first item", 37), ("2. The second item", 37), ("and its second row", 37)) == ["text"]
    assert numbered(("(1) It ends like a sentence.", 37), ("and continues", 34)) == ["text"]
    words = tuple(Word(word, Box(100 + 60 * i, 0, 150 + 60 * i, 34)) for i, word in enumerate(("1.", "an", "item")))
    first = Line("1. an item\u00b2", Box(100, 0, 800, 39), words=words, is_from_text_layer=True)
    second = replace(from_layer(("and its second row", 34))[0], box=Box(100, 60, 800, 94))
    regions = fill_regions([first, second], [Detection("text", Box(90, -10, 810, 900), 0.9)])
    assert [region.label for region in regions] == ["text"]


def test_prose_around_a_listing_is_divided_there() -> None:
    """A text that the model saw as one is read above and below a listing; what is beside the listing stays whole."""
    text = Region("text", Box(100, 100, 800, 800), tuple(paragraph(100, 3) + paragraph(500, 3)))
    parts = divide_at([text], [Box(120, 250, 600, 450)])
    assert [[line.box.y0 for line in part.lines] for part in parts] == [[100, 130, 160], [500, 530, 560]]
    assert divide_at([text], [Box(900, 250, 1200, 450)]) == [text]


def prose() -> list[Line]:
    text = "The river ran past the mill and the bridge"
    return [Line(text, Box(100, 100 + 30 * i, 800, 120 + 30 * i)) for i in range(9)]


@pytest.mark.parametrize("title", ["FLAT RACES", "ARTICLE PREMIER.", "Of the Mill"])
def test_a_centered_row_within_prose_is_a_text_of_its_own(title: str) -> None:
    rows = prose()
    width = 10 * len(title)
    rows[4] = Line(title, Box(450 - width / 2, 220, 450 + width / 2, 240))
    parts = split_centered(Region("text", bounds(row.box for row in rows), tuple(rows)))
    assert [[line.text for line in part.lines] for part in parts][1] == [title]
    assert [len(part.lines) for part in parts] == [4, 1, 4]


@pytest.mark.parametrize("place", [(100, 400), (130, 430), (600, 800), (130, 770)])
def test_the_last_row_of_a_paragraph_is_no_title(place: tuple[float, float]) -> None:
    rows = prose()
    rows[4] = Line("So it was", Box(place[0], 220, place[1], 240))
    region = Region("text", bounds(row.box for row in rows), tuple(rows))
    assert split_centered(region) == [region]


def test_a_header_detected_within_a_line_has_the_line() -> None:
    """The layout model often boxes only the page number of a row."""
    rows = prose()
    head = Line("10 RIVERS AND MILLS", Box(100, 60, 600, 85))
    detections = [Detection("text", Box(100, 98, 800, 365), 0.9), Detection("header", Box(102, 64, 125, 80), 0.7)]
    regions = fill_regions([head, *rows], detections)
    assert [each.label for each in regions if head in each.lines] == ["header"]
    assert [each.label for each in fill_regions([head, *rows], detections[:1]) if head in each.lines] == ["text"]
