"""Page furniture: heads, feet, numbers, notes, and text that only looks like them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.embedded.furniture import FURNITURE, label_by_place
from ocr_worker.engines.embedded.furniture.bands import find_bands
from ocr_worker.engines.embedded.furniture.words import (
    has_page_word,
    is_number,
    is_published_matter,
    is_running_matter,
    is_salutation,
    is_section_heading,
)
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.regions import LABELS, Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line

WIDTH, HEIGHT = 1000, 1400
NO_RULES = Rules((), ())

coordinate = st.floats(0, 900)
box = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), coordinate, coordinate, st.floats(5, 400), st.floats(5, 60))
lines = st.lists(st.builds(Line, st.text("abc DEF.1", min_size=1), box), min_size=1, max_size=5)
regions = st.lists(
    st.builds(
        lambda label, lines: Region(label, bounds(line.box for line in lines), tuple(lines)),
        st.sampled_from(sorted(set(LABELS.values()))),
        lines,
    ),
    max_size=8,
)


@given(regions, st.lists(box, max_size=4))
def test_labels_change_no_text(regions: list[Region], across: list[Box]) -> None:
    """Labelling by place neither drops nor doubles a line."""
    labelled = label_by_place(regions, WIDTH, HEIGHT, Rules(tuple(across), ()))
    assert sorted(id(line) for region in labelled for line in region.lines) == sorted(
        id(line) for region in regions for line in region.lines
    )


def line(text: str, x: float, y: float, width: float | None = None, height: float = 20) -> Line:
    return Line(text, Box(x, y, x + (width or 10 * len(text)), y + height))


def region(*lines: Line, label: str = "text", score: float = 0.0) -> Region:
    return Region(label, bounds(line.box for line in lines), lines, score)


def paragraph(top: float, count: int = 20) -> Region:
    return region(*(line("words and more words of it", 100, top + 30 * i, 700) for i in range(count)))


def labels(*more: Region, rules: Rules = NO_RULES, body: Region | None = None) -> dict[str, str]:
    """The labels, by their text, of the lines of these regions on a page with a paragraph at 300 to 900."""
    regions = label_by_place([*more, body or paragraph(300)], WIDTH, HEIGHT, rules)
    return {line.text: region.label for region in regions for line in region.lines}


HEADS = {
    "number": [line("17", 480, 100)],
    "number-and-title": [line("22", 100, 140), line("1 Introduction", 640, 140)],
    "journal-near-the-edge": [line("Annual Report, Vol. 26", 100, 60)],
    "capitals-close-to-the-text": [line("214", 100, 202), line("HISTOIRE", 400, 202)],
    "two-lines": [line("JOURNAL OF BRIDGES", 400, 60), line("Vol. 3, May 2003", 400, 84)],
    "three-parts": [line("BASH(1)", 100, 90), line("General Commands", 400, 90), line("BASH(1)", 730, 90)],
    "page-of": [line("Smith v. Jones, Page 3 of 10", 500, 150)],
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_running_heads_are_found(head: list[Line]) -> None:
    """A page number, typical words or equal ends prove a head, alone or in a region with others."""
    label_of = labels(*(region(head_line) for head_line in head), body=paragraph(230))
    assert {label_of[head_line.text] for head_line in head} <= {"header", "number"}


FEET = {
    "number": [line("- 17 -", 480, 1200)],
    "out-of": [line("River Council", 100, 1310), line("Page 1 sur 3", 700, 1310)],
    "rights": [line("© 2024 The River Council. All rights reserved", 200, 1340)],
    "read-twice": [line("6", 490, 1200, 20), line("6", 485, 1200, 30)],
}


@pytest.mark.parametrize("foot", FEET.values(), ids=FEET)
def test_feet_are_found(foot: list[Line]) -> None:
    """A page's foot, with its number or without."""
    label_of = labels(*(region(foot_line) for foot_line in foot))
    assert {label_of[foot_line.text] for foot_line in foot} <= {"footer", "number"}


def test_a_head_glued_to_the_text_is_parted_from_it() -> None:
    """A region that begins too high loses the line that is the page's, and nothing else."""
    body = region(line("Rivers, Page 17", 600, 60), *paragraph(300).lines)
    parts = label_by_place([body], WIDTH, HEIGHT, NO_RULES)
    assert [(part.label, len(part.lines)) for part in parts] == [("header", 1), ("text", 20)]


def test_a_rule_sets_a_head_off() -> None:
    """Text smaller than the body, above a rule as wide as the page's text, is its head; a title above a rule stays."""
    head, title = region(line("Reports on the river", 100, 130, height=16)), region(line("Reports", 100, 130, 200))
    rule = Rules((Box(100, 156, 800, 158),), ())
    assert labels(head, body=paragraph(185))["Reports on the river"] == "text"
    assert labels(head, body=paragraph(185), rules=rule)["Reports on the river"] == "header"
    assert labels(title, body=paragraph(185), rules=rule)["Reports"] not in FURNITURE


def again(text: str, x: float, y: float, width: float | None = None, height: float = 20) -> Line:
    """A line that comes again on other pages."""
    return replace(line(text, x, y, width, height), is_repeated=True)


COMES_AGAIN = {
    "head": [again("Upper River Council", 100, 60)],
    "two-parts": [again("Upper River Council", 100, 60), again("Annual report", 650, 60)],
    "beside-a-changing-part": [again("Upper River Council", 100, 60), line("The ferry", 700, 60)],
    "foot": [again("Upper River Council", 100, 1330)],
    "foot-of-two-lines": [
        again("This report may be copied for the use of members", 100, 1310),
        again("and of nobody else but members", 100, 1336),
    ],
    "larger-head": [again("Upper River Council", 100, 60, 600, 26)],
    "head-of-a-font-that-states-twice-its-height": [again("Upper River Council", 100, 50, height=40)],
    "foot-close-to-the-text": [again("Upper River Council", 100, 920)],
}


@pytest.mark.parametrize("furniture", COMES_AGAIN.values(), ids=COMES_AGAIN)
@pytest.mark.parametrize("is_merged", [False, True])
def test_what_comes_again_is_furniture(furniture: list[Line], is_merged: bool) -> None:
    """A line in the body's size without a number is a head or foot if other pages have it, in a paragraph or not."""
    is_near = furniture[0].box.y0 == 920
    body = region(*paragraph(300).lines, *furniture) if is_merged else paragraph(300)
    parts = label_by_place(
        [*map(region, [] if is_merged else furniture), body], WIDTH, 980 if is_near else HEIGHT, NO_RULES
    )
    labels_of = {part_line.text: part.label for part in parts for part_line in part.lines}
    assert {labels_of[furniture_line.text] for furniture_line in furniture} <= {"header", "footer"}


STAYS_THOUGH_REPEATED = {
    "large-title": [again("Invoice", 100, 80, 300, 30)],
    "heading-of-a-table": [
        again("Gauge", 100, 250),
        again("Level", 400, 250),
        line("814", 100, 280),
        line("2", 400, 280),
    ],
}


@pytest.mark.parametrize("kept", STAYS_THOUGH_REPEATED.values(), ids=STAYS_THOUGH_REPEATED)
def test_titles_and_table_headings_that_come_again_stay(kept: list[Line]) -> None:
    """A reader takes "Invoice" in large letters for each page's title, and a row above columns for their heading."""
    label_of = labels(*map(region, kept), body=paragraph(310))
    assert not {label_of[kept_line.text] for kept_line in kept} & set(FURNITURE)
    table = labels(region(*kept, label="table"))
    assert {table[kept_line.text] for kept_line in kept} == {"table"}


def layer_line(text: str, x: float, y: float, height: float = 17) -> Line:
    """A line of a text layer in small letters, whose size is exact."""
    return replace(line(text, x, y, height=height), is_from_text_layer=True)


SMALL = {
    "head": [layer_line("Levels at the lower gauges", 100, 60)],
    "head-farther-in": [layer_line("Levels at the lower gauges", 100, 100)],
    "two-parts": [layer_line("Upper River Council", 100, 60), layer_line("Spring 2025", 690, 60)],
    "two-rows": [layer_line("Upper River Council", 100, 50), layer_line("Report of the year", 100, 72)],
    "foot": [layer_line("Quay Street, Szeged", 400, 1330)],
    "read": [line("Levels at the lower gauges", 100, 60, height=15)],
}


@pytest.mark.parametrize("furniture", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("is_merged", [False, True])
def test_small_letters_between_the_edge_and_white_are_furniture(furniture: list[Line], is_merged: bool) -> None:
    """No title is smaller than the body; the sizes of a text layer are exact, those of letters read are less so."""
    body = region(*paragraph(300, 33).lines, *furniture) if is_merged else paragraph(300, 33)
    label_of = labels(*([] if is_merged else map(region, furniture)), body=body)
    assert {label_of[furniture_line.text] for furniture_line in furniture} <= {"header", "footer"}


def in_margin(*furniture: Line, label: str, number: str, rules: Rules = NO_RULES) -> set[str]:
    """The labels of these lines of one region, on a full page with a number at its foot."""
    number_line = line(number, 490, 1355)
    head = region(*furniture, label=label, score=0.95)
    label_of = labels(head, region(number_line), rules=rules, body=paragraph(150, 38))
    return {label_of[each.text] for each in furniture}


SET_OFF = {
    "head": [line("Findings of the council", 100, 50)],
    "head-slightly-larger": [line("Findings of the council", 400, 50, height=24)],
    "head-in-parts": [line("Findings", 100, 50), line("Upper River", 690, 50)],
}


@pytest.mark.parametrize("head", SET_OFF.values(), ids=SET_OFF)
def test_a_running_head_of_a_later_page_may_be_as_large_as_the_body(head: list[Line]) -> None:
    """The layout model is sure, white sets the line off, and it is not bold; a first page has its title there."""
    assert in_margin(*head, label="header", number="17") == {"header"}
    assert in_margin(*head, label="header", number="1").isdisjoint(FURNITURE)
    assert in_margin(*head, label="text", number="17").isdisjoint(FURNITURE)
    bold = [replace(each, is_bold=True) for each in head]
    assert in_margin(*bold, label="header", number="17").isdisjoint(FURNITURE)


def test_a_line_over_a_rule_at_the_head_of_a_later_page_is_furniture() -> None:
    """The rule is enough: the layout model may have seen text."""
    rules, head = Rules((Box(100, 95, 800, 97),), ()), line("Findings of the council", 100, 70)
    assert in_margin(head, label="text", number="17", rules=rules) == {"header"}
    assert in_margin(head, label="text", number="1", rules=NO_RULES).isdisjoint(FURNITURE)


SET_OFF_AT_FOOT = {
    "number-at-its-end": (line("Monthly Review of Labor 65", 500, 1280), "text"),
    "number-at-its-beginning": (line("180 The Journal of Gauges", 100, 1280), "footer"),
    "labeled": (line("Registered in Szeged", 100, 1330), "footer"),
    "facing-pages": (line("Global Study of Rivers", 100, 1330), "footer"),
}


@pytest.mark.parametrize(("foot", "label"), SET_OFF_AT_FOOT.values(), ids=SET_OFF_AT_FOOT)
def test_a_line_set_off_at_the_foot_is_furniture(foot: Line, label: str) -> None:
    """No title is there, so its letters may be those of the body, or a little larger."""
    for height in (20, 23):
        large = replace(foot, box=foot.box._replace(y1=foot.box.y0 + height))
        label_of = labels(region(large, label=label, score=0.5), body=paragraph(150, 32))
        assert label_of[foot.text] == "footer"


def test_a_line_far_below_all_text_is_furniture() -> None:
    """Without the layout model, the white must be wide; the last line of a text, and a source, are near to it."""
    far = line("Registered in Szeged", 100, 1340)
    assert labels(region(far), body=paragraph(150, 20))[far.text] == "footer"
    for text in ("Registered in Szeged:", "Source: the council", "Signature ______"):
        assert labels(region(line(text, 100, 1340)), body=paragraph(150, 20))[text] not in FURNITURE
    assert labels(region(far), body=paragraph(150, 37))[far.text] not in FURNITURE


@pytest.mark.parametrize("text", ["Total 1200", "Amount due", "Gesamtbetrag 950", "合計 1200"])
def test_the_sum_of_a_bill_stays(text: str) -> None:
    """A row at the foot with a word for a sum may look as a foot with a page number does."""
    row = [line(text, 100, 1340, 200), line("950", 760, 1340)]
    assert {labels(*map(region, row))[each.text] for each in row}.isdisjoint(FURNITURE)
    assert labels(region(row[0]))[text] not in FURNITURE


BANDS = {
    "large-at-one-end": (
        [line("APPENDIX A", 100, 60, 200, 34), line("Highlights from 2011", 700, 66)],
        "A-8",
        "header",
    ),
    "reversed": ([line("Harbor lamps", 100, 60), line("Chapter 4", 790, 60)], "41", "header"),
    "first-page": ([line("Harbor lamps", 100, 60), line("Chapter 4", 790, 60)], "1", "text"),
    "title": ([line("Harbor lamps", 100, 60, 300, 34)], "41", "title"),
}


@pytest.mark.parametrize(("head", "number", "label"), BANDS.values(), ids=BANDS)
def test_text_at_both_ends_of_a_band_at_the_head_of_a_later_page_is_furniture(
    head: list[Line], number: str, label: str
) -> None:
    """Light letters on a colored band are a running head if they are at both its ends; a title is alone."""
    pixels = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    pixels[50:105, 80:920] = (160, 90, 40)
    for part in head:
        pixels[int(part.box.y0) + 4 : int(part.box.y1) - 4, int(part.box.x0) : int(part.box.x1) : 3] = 255
    bands = find_bands([*head, line("words and more words", 100, 300)], pixels)
    assert bands == [Box(80, 50, 919, 105)]
    regions = [*map(region, head), paragraph(300), region(line(number, 480, 1330))]
    labeled = label_by_place(regions, WIDTH, HEIGHT, NO_RULES, bands=bands)
    label_of = {line.text: region.label for region in labeled for line in region.lines}
    assert all(label_of[part.text].endswith(label) for part in head)


@pytest.mark.parametrize(
    ("number", "has_title", "label"), [("41", True, "header"), ("41", False, "_title"), ("1", True, "_title")]
)
def test_a_band_with_one_text_is_furniture_above_a_title_of_a_later_page(
    number: str, has_title: bool, label: str
) -> None:
    """The page's title is then another, as large as the text of the band; else the text may be the title."""
    head = line("Yearly Report of the Mill", 300, 60, height=36)
    title = line("Chapter of the Gates", 100, 200, height=36)
    regions = [
        region(head, label="paragraph_title"),
        *([region(title, label="paragraph_title")] if has_title else []),
        paragraph(300),
        region(line(number, 480, 1330)),
    ]
    labeled = label_by_place(regions, WIDTH, HEIGHT, NO_RULES, bands=[Box(0, 40, WIDTH, 110)])
    labels_of = {each.text: part.label for part in labeled for each in part.lines}
    assert labels_of[head.text].endswith(label)
    assert not has_title or labels_of[title.text].endswith("_title")


def test_the_first_row_of_a_table_on_a_band_stays() -> None:
    """The rows of the table follow closely."""
    cells = [line("Lamp", 100, 60), line("Price", 790, 60)]
    bands = [Box(80, 50, 919, 105)]
    regions = [*map(region, cells), paragraph(95), region(line("41", 480, 1330))]
    labeled = label_by_place(regions, WIDTH, HEIGHT, NO_RULES, bands=bands)
    assert not any(region.label in FURNITURE for region in labeled for line in region.lines if line in cells)


def test_a_colored_page_and_a_colored_box_are_no_bands() -> None:
    """A band is narrow, and runs across most of the page."""
    lines = [line("Harbor lamps", 100, 60)]
    page, panel, button = (np.full((HEIGHT, WIDTH, 3), color, np.uint8) for color in (90, 255, 255))
    panel[:300] = 90
    button[50:105, 80:400] = 90
    assert [find_bands(lines, pixels) for pixels in (page, panel, button)] == [[], [], []]


def test_the_numbers_of_two_facing_pages_are_page_numbers() -> None:
    """Both pages are one picture; the years of a title are not in order."""
    row = [line("208", 100, 1330), line("Study of Rivers", 130, 1330), line("Annex", 690, 1330), line("209", 800, 1330)]
    assert {labels(*map(region, row))[each.text] for each in row} <= {"footer", "number"}


@pytest.mark.parametrize("text", ["2.", "4."])
def test_the_number_of_a_section_is_no_page_number(text: str) -> None:
    """It has a stop, and the title of the section follows."""
    row = [line(text, 100, 100), line("Intended Readers", 150, 100)]
    assert {labels(region(*row))[each.text] for each in row}.isdisjoint(FURNITURE)


def test_the_caption_of_a_table_beside_a_number_is_no_header() -> None:
    """Its number is that of the table, and the page's number is elsewhere."""
    row = [line("Table S-4. Levels by Category", 100, 100), line("208", 790, 100)]
    assert labels(region(row[0], label="header", score=0.92), region(row[1]))[row[0].text] not in FURNITURE


def test_a_footnote_near_the_edge_is_no_footer() -> None:
    """A caller may keep footnotes in the Markdown, and leave footers out."""
    notes = [layer_line("1 See the survey of 1842, held at Szeged.", 100, 1310), layer_line("It is lost.", 100, 1330)]
    assert {labels(region(*notes), body=paragraph(300, 32))[note.text] for note in notes} == {"footnote"}


def test_small_letters_elsewhere_stay() -> None:
    """A caption, small print next to the text, and letters that may be small by chance."""
    assert labels(region(layer_line("Source: the council", 100, 1320)))["Source: the council"] == "text"
    assert labels(region(layer_line("Of the first survey", 100, 908)))["Of the first survey"] == "text"
    assert labels(region(line("Levels at the gauges", 100, 60, height=17)))["Levels at the gauges"] == "text"


APART = {
    "white": [line("River Report of the Council", 400, 1000)],
    "parts": [line("River Report", 100, 912), line("Spring", 740, 912)],
    "small": [layer_line("River Report of the Council", 400, 905)],
}


@pytest.mark.parametrize("rows", APART.values(), ids=APART)
def test_a_row_that_may_be_a_foot_is_no_part_of_the_paragraph(rows: list[Line]) -> None:
    """White, parts at both margins or smaller letters set a row off: it stays, in a paragraph of its own."""
    parts = label_by_place([region(*paragraph(300).lines, *rows)], WIDTH, 1080, NO_RULES)
    (holder,) = [part for part in parts if rows[0] in part.lines]
    assert (holder.lines, holder.label, holder.is_separate) == (tuple(rows), "text", True)


def test_the_last_lines_of_columns_stay_in_their_paragraphs() -> None:
    """The last row of a page with two columns is no row in two parts, and small print has many small lines."""
    columns = [region(*(line("words and words", x, 300 + 30 * i, 330) for i in range(20))) for x in (100, 470)]
    note = region(*(layer_line(f"{word} words and more of them", 100, 940 + 22 * i) for i, word in enumerate("abcde")))
    for page in (columns, [*columns, note]):
        parts = label_by_place(page, WIDTH, 1100, NO_RULES)
        assert [len(part.lines) for part in parts] == [len(part.lines) for part in page]


TITLES_AT_HEAD = {
    "larger-at-the-left": line("Timber Saffron Kernel", 100, 60, height=23),
    "centered": line("Water Levels of the Tisza", 325, 60, 250),
    "two-lines-high": line("Examination in Physics, Grade 10", 100, 120, height=40),
    "centered-year": line("Annual Report 2026", 360, 60),
    "centered-capitals": line("NOTICE", 410, 70),
}


@pytest.mark.parametrize("title", TITLES_AT_HEAD.values(), ids=TITLES_AT_HEAD)
def test_a_title_at_the_head_is_the_documents_heading(title: Line) -> None:
    """A first line above white, larger or centered, is a title, however sure the layout model is of a header."""
    label_of = labels(region(title, label="header", score=0.95))
    assert label_of[title.text] in ("doc_title", "paragraph_title")


@pytest.mark.parametrize("text", ["Annual Report", "Closed on Monday", "Szeged, 3 March 2021", "12.05.2021"])
@pytest.mark.parametrize("height", [16, 20, 26])
def test_a_line_without_evidence_stays(text: str, height: float) -> None:
    """Nothing but its place makes a line furniture; a header that the layout model is sure of must be small, too."""
    alone = line(text, 100, 60, height=height)
    assert labels(region(alone))[text] not in FURNITURE
    is_small = height < 20 and text != "12.05.2021"  # the size of digits says nothing
    assert (labels(region(alone, label="header", score=0.9))[text] in FURNITURE) == is_small
    assert labels(region(alone, label="header", score=0.5))[text] not in FURNITURE


MERGED = {
    "foot-with-page": [line("River Report 2020 | Page 7", 100, 910)],
    "number": [line("42", 480, 905)],
    "rights": [line("© 2020 River Council. All rights reserved.", 250, 908, height=16)],
}


@pytest.mark.parametrize("foot", MERGED.values(), ids=MERGED)
def test_a_foot_close_to_the_text_is_no_part_of_its_paragraph(foot: list[Line]) -> None:
    """A foot that the layout model took for the last line of a paragraph is furniture, or a region of its own."""
    body = region(*paragraph(300).lines, *foot)
    page = label_by_place([body], WIDTH, 1050, NO_RULES)
    (holder,) = [part for part in page if foot[0] in part.lines]
    assert len(holder.lines) == len(foot)
    assert holder.label in FURNITURE or holder.is_separate


STAYS = {
    "title": line("Water Levels of the Tisza", 200, 100, 600, height=40),
    "chapter": line("CHAPTER IX", 450, 140),
    "last-line": line("and so it ended in the", 100, 915),
    "equation-number": line("(12)", 760, 960),
    "heading": line("Readings", 100, 245),
    "head-without-evidence": line("Annual Report 2026", 100, 60),
    "large-number": line("1984", 450, 100, height=40),
}


@pytest.mark.parametrize("kept", STAYS.values(), ids=STAYS)
def test_text_at_the_edges_stays(kept: Line) -> None:
    """Titles, headings, and the first and last lines of the text are no furniture."""
    assert labels(region(kept))[kept.text] not in FURNITURE


def test_a_letters_head_stays() -> None:
    """Lines above a letter's salutation belong to the letter: sender, place, date."""
    head = [line("Office of the Surveyor", 350, 90), line("Szeged, March 3, 1871", 560, 150)]
    dear = line("Dear Mr. Vásárhelyi:", 100, 260)
    label_of = labels(*map(region, [*head, dear]))
    assert [label_of[head_line.text] for head_line in head] == ["text", "text"]


def test_a_sparse_page_keeps_its_lines() -> None:
    """On a page of a few lines only clear furniture goes."""
    label_of = labels(region(line("Contents", 100, 95)), region(line("Page 2", 480, 1340)), body=paragraph(200, 3))
    assert (label_of["Contents"] in FURNITURE, label_of["Page 2"]) == (False, "number")


def test_a_tables_first_row_stays() -> None:
    """A row of numbers at the top is a table's, even where white sets it off."""
    cells = [line(text, 100 + 200 * i, 110) for i, text in enumerate(("12", "Szeged", "814", "2.5"))]
    table = region(
        *cells, *(line(cell.text, cell.box.x0, 150 + 30 * i) for i in range(9) for cell in cells), label="table"
    )
    parts = label_by_place([table, paragraph(600)], WIDTH, HEIGHT, NO_RULES)
    assert [part.label for part in parts] == ["table", "text"]


def test_the_numbers_of_lines_stand_aside() -> None:
    """Numbers that count the lines left of the text are not read with it."""
    numbers = [line(str(i + 1), 50, 300 + 30 * i) for i in range(20)]
    label_of = labels(*map(region, numbers))
    assert {label_of[number.text] for number in numbers} == {"aside_text"}


def test_text_up_the_margin_stands_aside() -> None:
    """A stamp that runs up the margin is no text; a column of single digits there is."""
    stamp = region(line("arXiv:2206.01062v1", 20, 400, 30, height=500))
    digits = region(*(line("2", 950, 400 + 60 * i, 12) for i in range(4)))
    assert labels(stamp)["arXiv:2206.01062v1"] == "aside_text"
    assert labels(digits)["2"] == "text"


NOTE = [
    line("1 See the survey of 1842, held at Szeged.", 100, 940, height=16),
    line("It is lost.", 100, 962, height=16),
]


def test_small_print_with_a_mark_is_a_footnote() -> None:
    """Set off by white, smaller than the text, beginning with a mark, at the foot."""
    assert set(labels(region(*NOTE)).values()) == {"text", "footnote"}


def test_a_footnote_under_a_short_rule_is_parted_from_its_text() -> None:
    """A short rule sets a note off, though the layout model took it and the text for one."""
    body = region(*paragraph(300).lines, line("* See the survey.", 100, 905))
    rules = Rules((Box(100, 896, 350, 898),), ())
    parts = label_by_place([body], WIDTH, HEIGHT, rules)
    assert [(part.label, len(part.lines)) for part in parts] == [("text", 20), ("footnote", 1)]


@pytest.mark.parametrize(
    ("texts", "starts"),
    [
        (("1 Reports of the Society, volume", "12 to the end", "2 Letters to the editor"), (0, 2)),
        (("¹ Reports of the Society", "² Letters to the editor", "³ A third one"), (0, 1, 2)),
        (("* Reports of the Society", "1994 and later", "† Letters to the editor"), (0, 2)),
    ],
)
def test_each_footnote_begins_with_its_mark(texts: tuple[str, ...], starts: tuple[int, ...]) -> None:
    """Notes below one another are regions of their own, and a number that begins a note's second row is no mark."""
    notes = region(*(line(text, 100, 1250 + 20 * i, height=14) for i, text in enumerate(texts)))
    parts = label_by_place([paragraph(100), notes], WIDTH, HEIGHT, NO_RULES)
    footnotes = [part.lines[0].text for part in parts if part.label == "footnote"]
    assert footnotes == [texts[i] for i in starts]


@pytest.mark.parametrize("mark", ["1", "1)", "(1)", "[1]", "*"])
def test_marks_of_footnotes(mark: str) -> None:
    """Small print at the foot is a footnote with every usual mark."""
    note = line(f"{mark} See the survey of 1842, held at Szeged.", 100, 940, height=16)
    assert set(labels(region(note)).values()) == {"text", "footnote"}


@pytest.mark.parametrize("heading", ["(2) Levels of the rivers", "2 Levels of the rivers", "2) Levels of the rivers"])
def test_the_stroke_of_a_letter_sets_no_section_off(heading: str) -> None:
    """A numbered heading below white is no note for strokes of letters in it, which are found as rules."""
    section = region(line(heading, 100, 930), line("They fell in March, and rose again in May.", 100, 960))
    rules = Rules((Box(100, 924, 122, 925), Box(140, 932, 220, 933)), ())
    parts = label_by_place([paragraph(300), section], WIDTH, HEIGHT, rules)
    assert {part.label for part in parts} == {"text"}


def test_a_note_that_quotes_is_a_footnote() -> None:
    """A quotation mark may follow the mark of the note."""
    note = region(line("5) “The valley”, appendix", 100, 1200, height=15))
    assert labels(note)["5) “The valley”, appendix"] == "footnote"


@pytest.mark.parametrize(
    ("height", "rules", "label"), [(15, True, "footnote"), (20, True, "text"), (15, False, "text")]
)
def test_a_note_continues_at_the_foot_of_the_next_column(height: float, rules: bool, label: str) -> None:
    """Small letters without a mark, under a short rule, are the end of a note of the column at the left."""
    left = region(*(line("words and more words", 100, 300 + 30 * i, 380) for i in range(20)))
    right = region(*(line("words and more words", 520, 300 + 30 * i, 380) for i in range(20)))
    note = region(line("1 See the letters of the miller of", 100, 1200, 380, height=15), label="text")
    end = region(line("Saltby to his sister", 520, 1200, 300, height=height))
    across = (Box(100, 1180, 250, 1182), Box(520, 1180, 670, 1182))
    parts = label_by_place([left, right, note, end], WIDTH, HEIGHT, Rules(across if rules else across[:1], ()))
    assert {row.text: part.label for part in parts for row in part.lines}["Saltby to his sister"] == label


def test_a_number_in_a_box_belongs_to_its_title() -> None:
    """A lone number close beside a title is the number of its section, however the model labels the two."""
    number = region(line("2", 100, 250, 20, height=40))
    title = region(replace(line("보험 현황", 170, 250, height=40), is_bold=True))
    regions = label_by_place([number, title, paragraph(320)], WIDTH, HEIGHT, NO_RULES)
    assert ["doc_title", 2] in [[part.label, len(part.lines)] for part in regions]


@pytest.mark.parametrize(
    ("text", "is_bold", "label"),
    [("3.1 Title", True, "paragraph_title"), ("3.1 Title", False, "text"), ("3 Title", True, "text")],
)
def test_a_bold_line_with_the_number_of_a_part_is_a_title(text: str, is_bold: bool, label: str) -> None:
    """It needs no text right below, which may begin in the margin or be a listing."""
    title = region(
        *(replace(part, is_bold=is_bold) for part in (line(text[:3].strip(), 200, 950), line("Title", 300, 950)))
    )
    below = region(line("a line in the margin, and words", 100, 1010, 700))
    parts = label_by_place([title, below, paragraph(200)], WIDTH, HEIGHT, NO_RULES)
    assert next(part.label for part in parts if part.lines[-1].text == "Title") == label


@pytest.mark.parametrize(("second", "count"), [("plaster of the valley", 1), ("Plaster of the valley", 2)])
def test_a_title_that_continues_in_lower_case_is_one(second: str, count: int) -> None:
    """The second row of a title that was taken for a title of its own belongs to the first."""
    rows = [
        region(line(text, 100, y, 500, height=55)) for text, y in (("Festival and the pigment", 100), (second, 160))
    ]
    titles = label_by_place([*rows, paragraph(300)], WIDTH, HEIGHT, NO_RULES)
    assert sum("title" in part.label for part in titles) == count


def test_a_bold_title_may_have_another_one_below() -> None:
    """A numbered title right above the title of its first part is a title, too."""
    chapter = region(line("3", 100, 900, 20, height=24), replace(line("문제점", 170, 900, height=24), is_bold=True))
    part = region(line("(1) 보험약관의 해석", 100, 950, 600, height=22), label="paragraph_title")
    text = region(*(line("words and more words of it", 100, 1000 + 30 * i, 700) for i in range(4)))
    assert labels(chapter, part, text, body=paragraph(200))["문제점"] == "paragraph_title"


def test_a_numbered_list_is_no_footnote() -> None:
    """Of the text's size and close to it."""
    assert labels(region(line("1 Measure the level", 100, 905)))["1 Measure the level"] == "text"


def test_titles_by_their_size() -> None:
    """Large letters make a title, the largest in the upper part the document's; a box to tick makes none."""
    label_of = labels(
        region(line("Water Levels", 100, 160, height=60)),
        region(line("Readings", 100, 250, height=30)),
        region(line("□ Yes □ No", 100, 1000, height=40)),
    )
    assert (label_of["Water Levels"], label_of["Readings"]) == ("doc_title", "paragraph_title")
    assert label_of["□ Yes □ No"] == "text"


def test_the_title_of_a_section_is_not_that_of_the_document() -> None:
    """A number before the largest title of the page makes it that of a section."""
    assert labels(region(line("2. Water Levels", 100, 160, height=60)))["2. Water Levels"] == "paragraph_title"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Ida Abel (ida@mills.org)", "text"),
        ("Mills Group (http://www.mills.org)", "text"),
        ("a² + 8 = 12", "display_formula"),
        ("Why x = 3 matters", "doc_title"),
    ],
)
def test_addresses_and_formulas_are_no_titles(text: str, label: str) -> None:
    """An author with an address is no heading, and neither is a formula, however large or whatever the model says."""
    title = region(line(text, 100, 250, height=30), label="paragraph_title")
    assert labels(title)[text] == label
    if label == "text":
        assert labels(region(*title.lines))[text] == label


@pytest.mark.parametrize(
    ("first", "width", "label"),
    [
        ("WE went along a path amongst", 700.0, "text"),
        ("The path", 700.0, "doc_title"),
        ("WE went along a path amongst", 400.0, "doc_title"),
    ],
)
def test_the_first_row_of_a_text_is_no_title(first: str, width: float, label: str) -> None:
    """A filled row over a text that begins in mid-sentence is its first row, even in larger capitals."""
    title = region(line(first, 100, 266, width, height=24), label="paragraph_title")
    body = paragraph(300)
    if first == "The path":
        rows = (replace(body.lines[0], text="Words and more words of it"), *body.lines[1:])
        body = replace(body, lines=rows)
    assert labels(title, body=body)[first] == label


@pytest.mark.parametrize(
    "text",
    [
        "Page 3 of 10",
        "Seite 4",
        "p. 17",
        "12 | Page",
        "Report, Page 1 of 2",
        "Page 1 sur 3",
        "Rivers | 12",
        "12 • Rivers",
    ],
)
def test_page_words(text: str) -> None:
    """A page's number with its word, in the usual languages."""
    assert has_page_word(text)


@pytest.mark.parametrize(
    "text", ["1 | Introduction", "see page 32.", "Page 30 lists what follows", "pages", "4 of them"]
)
def test_no_page_words(text: str) -> None:
    """A sentence that speaks of pages."""
    assert not has_page_word(text)


def test_words() -> None:
    """Examples of what the words tell, and of what they do not."""
    assert all(map(is_number, ["17", "- 17 -", "[ 17 ]", "iv", "A-3", "7-45", "3/10", "L 123/45", "XIV"]))
    assert not any(map(is_number, ["(12)", "23.3", "mid", "1,250", "Level"]))
    assert all(
        map(
            is_running_matter,
            ["© 2022 X", "www.river.org", "Vol. 3", "Smith et al.", "March 2021", "Version 2", "CONFIDENTIAL"],
        )
    )
    assert all(map(is_published_matter, ["River Research 12 (2020) 114–129", "A/RES/66/288", "Company confidential"]))
    assert not any(
        map(is_published_matter, ["A confidential report", "The Secret", "Yes/No/Maybe", "In 12 (2020) houses"])
    )
    assert not any(map(is_running_matter, ["The river rose", "Copyright Office Summary", "No. of gauges"]))
    assert all(map(is_section_heading, ["CHAPTER IX", "Part 2", "Kapitel 3.", "2.3 Levels"]))
    assert all(map(is_salutation, ["Dear Sir:", "My dear Anna,", "Sehr geehrter Herr Nagy,", "TO: Mr. Rusk"]))
    assert not is_salutation("Dearth of water in the upper reaches")


@pytest.mark.parametrize(
    ("head", "is_head"),
    [
        pytest.param([line("Letters of a ferryman", 300, 130, 270, 26), line("17", 780, 130)], True, id="right page"),
        pytest.param([line("16", 100, 130), line("N. Fisk and O. Lund", 300, 130, 250, 26)], True, id="left page"),
        pytest.param(
            [line("Three bells, two boats and a bridge: notes of", 200, 130, 540, 27), line("9", 780, 130, 20)],
            True,
            id="close to the number",
        ),
        pytest.param([line("Letters of a ferryman", 300, 130, 270, 26), line("1", 780, 130)], False, id="page 1"),
        pytest.param([line("Letters of a ferryman", 300, 130, 350, 34), line("17", 780, 130)], False, id="large"),
        pytest.param([line("Letters of a ferryman", 300, 130, 270, 26), line("17", 620, 130)], False, id="within"),
        pytest.param(
            [replace(line("Letters of a ferryman", 300, 130, 270, 26), is_bold=True), line("17", 780, 130)],
            False,
            id="bold",
        ),
    ],
)
def test_a_larger_head_beside_the_number_of_a_later_page(head: list[Line], is_head: bool) -> None:
    """The running head of a journal may be larger than its small print; the number is at the margin of the text."""
    title, number = sorted(head, key=lambda each: -len(each.text))
    regions = (region(title, label="paragraph_title"), region(number, label="header"))
    row = "words and more words, as they are set in a row of the small print here"
    labelled = labels(*regions, body=region(*(line(row, 100, 190 + 30 * i, 700) for i in range(36))))
    assert (labelled[title.text] == "header") == is_head


@pytest.mark.parametrize(
    ("text", "is_published"),
    [
        ("MNRAS 000, 1–15 (2026)", True),
        ("River Sci. Lett. 26, 104-117 (1998)", True),
        ("Annals of Bridges 3, 12 – 30 (2003)", True),
        ("the bridges, 12 to 30 (2003)", False),
        ("Table 3, 12-30 (2003) shows the bridges of the town", False),
    ],
)
def test_a_volume_with_its_pages_is_running_matter(text: str, is_published: bool) -> None:
    """Journals print at the foot where the article is found."""
    assert is_published_matter(text) == is_published


def page_text(first: str, last: str = "where the river Tarn ends.", top: float = 130, count: int = 38) -> Region:
    """A page of filled rows that begins and ends with these texts."""
    texts = [first, *("In May the river Tarn was high" for _ in range(count - 2)), last]
    return region(*(line(text, 100, top + 30 * i, 700) for i, text in enumerate(texts)))


RUNNING_TITLES = {
    "capitals": [line("THE RIVER BOOK", 330, 92)],
    "capitals-with-a-stop": [line("RIVERS AND MILLS.", 330, 92)],
    "number-in-the-line": [line("10 THE LOWER RIVER", 330, 92)],
    "wide-capitals": [line("THE HISTORY OF THE LOWER RIVER", 160, 92, 580)],
}


@pytest.mark.parametrize("is_merged", [True, False])
@pytest.mark.parametrize("head", RUNNING_TITLES.values(), ids=RUNNING_TITLES)
def test_what_is_over_the_rest_of_a_sentence_is_no_title(head: list[Line], is_merged: bool) -> None:
    """It may be as close to the text as its rows are to one another."""
    for first, expected in (("ing to the sea, and the mills", "header"), ("The river Tarn and the mills", "text")):
        body = page_text(first)
        if is_merged:
            body = region(*head, *body.lines)
            label_of = labels(body=body)
        else:
            label_of = labels(region(*head), body=body)
        assert label_of[head[0].text] == expected or (expected == "text" and label_of[head[0].text] not in FURNITURE)


@pytest.mark.parametrize(
    ("first", "label", "x", "width"),
    [
        ("In that year the river carried a flood of 48", "text", 100, 660),
        ("In that year the river carried floods in 1948", "header", 100, 560),
        ("THE RIVER ROSE IN MAY AND ITS LOWER MEADOWS", "text", 140, 640),
        ("In that year the river carried a flood and the", "header", 100, 690),
    ],
)
@pytest.mark.parametrize("is_merged", [True, False])
def test_the_first_row_of_a_text_is_no_running_title(
    first: str, label: str, x: float, width: float, is_merged: bool
) -> None:
    """The next row begins in lower case because it continues the row, which is filled."""
    row, body = line(first, x, 100, width), page_text("parts of the meadow and the mills")
    regions = [region(row, *body.lines)] if is_merged else [region(row, label=label, score=0.6), region(*body.lines)]
    labelled = {
        each.text: block.label for block in label_by_place(regions, WIDTH, HEIGHT, NO_RULES) for each in block.lines
    }
    assert labelled[first] not in FURNITURE


def test_a_title_over_a_text_without_capitals_stays() -> None:
    body = region(*(line("the river and the mills", 100, 130 + 30 * i, 700) for i in range(38)))
    assert labels(region(line("THE RIVER BOOK", 330, 92)), body=body)["THE RIVER BOOK"] not in FURNITURE


def test_a_row_of_capitals_over_the_middle_of_a_text_is_no_part_of_its_first_paragraph() -> None:
    head, body = line("THE RIVER BOOK", 380, 102), page_text("The river Tarn and the mills")
    regions = label_by_place([region(head, *body.lines)], WIDTH, HEIGHT, NO_RULES)
    assert [each.lines for each in regions if head in each.lines] == [(head,)]


@pytest.mark.parametrize("number", ["15", "( 13 )", "(5)", "- 7 -"])
def test_a_number_close_below_the_middle_of_a_text_is_that_of_the_page(number: str) -> None:
    body = page_text("The river Tarn and the mills", top=60)
    close = line(number, 450 - 5 * len(number), 60 + 30 * 38)
    assert labels(region(*body.lines, close))[number] == "number"


def test_a_number_at_the_margin_of_a_text_is_its_last_word() -> None:
    body = page_text("The river Tarn and the mills", top=60)
    assert (
        labels(region(*body.lines, line("1915", 100, 60 + 30 * 38)), body=region(line("A", 100, 20)))["1915"] == "text"
    )


CATCHWORDS = {
    "lower-case": [line("what", 760, 1200, 40)],
    "capital": [line("Sir", 765, 1200, 35)],
    "beside-the-number-of-a-sheet": [line("A 5", 430, 1200), line("todos", 750, 1200)],
}


@pytest.mark.parametrize("foot", CATCHWORDS.values(), ids=CATCHWORDS)
def test_the_first_word_of_the_next_page_is_furniture(foot: list[Line]) -> None:
    """After a sentence, a lone word at the right may be a signature; at the left, it is the last word of the text."""
    for last, is_furniture in (("nor is it of importance,", True), ("nor is it of importance.", False)):
        body = page_text("The river Tarn and the mills", last, top=60)
        assert (labels(region(*body.lines, *foot))[foot[-1].text] in FURNITURE) == is_furniture
    body = page_text("The river Tarn and the mills", "nor is it of importance,", top=60)
    last_word = replace(foot[-1], box=Box(100, 1200, 150, 1220))
    assert labels(region(*body.lines, last_word))[last_word.text] not in FURNITURE


def test_a_number_between_two_footers_is_furniture() -> None:
    foot = [line("Rivers", 100, 1340), line("28", 170, 1336, height=28), line("June 1993", 205, 1340)]
    regions = [region(foot[0], label="footer", score=0.8), region(foot[1]), region(foot[2], label="footer", score=0.8)]
    label_of = labels(*regions, body=paragraph(150, 36))
    assert {label_of[each.text] for each in foot} <= {"footer", "number"}


@pytest.mark.parametrize("text", ["MORE ABOUT THE MILL.", "ARTICLE PREMIER", "UNABLE TO GO"])
def test_centered_capitals_over_a_text_are_its_title(text: str) -> None:
    title = line(text, 450 - 5 * len(text), 700)
    body, below = page_text("The river Tarn and the mills", count=15), page_text("The mill was old", top=735, count=10)
    assert labels(region(title), below, body=body)[text] == "paragraph_title"
    aside = line(text, 110, 700)
    assert labels(region(aside), below, body=body)[text] != "doc_title"


def test_the_second_row_of_a_head_that_the_model_calls_a_title() -> None:
    """The number of a case below the stamp of a court comes again on each page."""
    stamp = replace(
        line("Case: 26-104 Document: 17 Page: 3 Date Filed: 11/27/2026", 100, 30, 560, 18), is_repeated=True
    )
    number = replace(line("No. 26-104", 400, 138, 100, 17), is_repeated=True)
    labelled = labels(region(stamp, label="header"), region(number, label="paragraph_title"), body=paragraph(200, 36))
    assert labelled[number.text] == "header"
    alone = replace(number, is_repeated=False)
    labelled = labels(region(stamp, label="header"), region(alone, label="paragraph_title"), body=paragraph(200, 36))
    assert labelled[number.text] != "header"
