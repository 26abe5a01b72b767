"""Markdown from regions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ocr_worker.characters import write_raised
from ocr_worker.engines.embedded.escaping import escape_text, keep_text
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.markdown import formula_warnings, join_passages, write_regions


def write(*regions: tuple[str, str], frames: Sequence[Box] = ()) -> str:
    """Return the Markdown of regions of one line each, from their labels and texts."""
    filled = [
        Region(label, Box(0, 50 * i, 400, 50 * i + 20), (Line(text, Box(0, 50 * i, 400, 50 * i + 20)),))
        for i, (label, text) in enumerate(regions)
    ]
    return join_passages(write_regions(filled, Rules((), ()), 1, ()), keep_text, frames)


def test_a_figure_comes_after_the_sentence_around_it() -> None:
    """A sentence that continues below a figure and its caption is whole, and the figure follows it."""
    markdown = write(
        ("text", "the boat came"), ("image", "Bow"), ("figure_title", "Figure 1: A bow"), ("text", "in late.")
    )
    assert markdown == "the boat came in late.\n\n![Bow](page-1-figure-1.jpg)\n\nFigure 1: A bow"


def test_a_table_comes_after_the_sentence_around_it() -> None:
    """A sentence continues below a table, too."""
    assert write(("text", "the boat came"), ("table", "1"), ("text", "in late.")).startswith("the boat came in late.\n")


def test_a_text_in_a_frame_is_joined_with_nothing_outside() -> None:
    """A sentence continues below a framed advertisement, and the text of the advertisement is joined with no other."""
    texts = ("text", "the boat came"), ("paragraph_title", "Ices"), ("text", "by the pier"), ("text", "in late.")
    frame = Box(-10, 40, 410, 130)
    assert write(*texts, frames=[frame]) == "the boat came in late.\n\n## Ices\n\nby the pier"
    assert write(*texts) == "the boat came\n\n## Ices\n\nby the pier in late."


@pytest.mark.parametrize("hyphen", "-\u2010\u00ad")
def test_a_word_that_is_broken_between_two_texts_is_whole(hyphen: str) -> None:
    """A hyphen of any kind at the end of a text is that of a word which the next text continues."""
    assert write(("text", f"unless the wea{hyphen}"), ("text", "ther turns.")) == "unless the weather turns."


def column(x: float, *rows: tuple[float, str]) -> Region:
    """Return a text of 400 pixels, whose rows begin at these distances from its left edge and end at its right."""
    lines = tuple(Line(text, Box(x + a, 40 * i, x + 400, 40 * i + 30)) for i, (a, text) in enumerate(rows))
    return Region("text", Box(x, 0, x + 400, 40 * len(lines)), lines)


KOREAN_COLUMN = ((28, "강물이 불어나서 마을 사람들이"), (0, "모두 언덕으로 올라가"))


@pytest.mark.parametrize(
    ("left", "right", "continues"),
    [
        (KOREAN_COLUMN, ((0, "아침까지 기다렸다."), (28, "그날 밤")), True),
        (((28, "水位在二月上涨"), (0, "村民都上了")), ((0, "山坡等到早晨。"), (28, "那天晚上")), True),
        (KOREAN_COLUMN, ((28, "아침까지 기다"), (0, "렸다.")), False),
        (((28, "강물이 불어나서 마을 사람들이"), (0, "모두 올라갔다.")), ((0, "아침까지 기다"), (0, "렸다.")), False),
        (((0, "강물이 불어나서"),), ((0, "아침까지 기다"), (0, "렸다.")), False),
    ],
    ids=["korean", "chinese", "set-in", "sentence-end", "title"],
)
def test_a_sentence_without_capitals_continues_in_the_next_column(
    left: tuple[tuple[float, str], ...], right: tuple[tuple[float, str], ...], continues: bool
) -> None:
    """In Korean and Chinese the rows decide: the column ends with a filled row, and the next begins at its margin."""
    passages = write_regions([column(0, *left), column(450, *right)], Rules((), ()), 1, ())
    first = join_passages(passages, keep_text).split("\n\n")[0]
    assert first.endswith(right[0][1]) is continues


def test_a_caption_over_a_text_is_no_part_of_its_sentence() -> None:
    """A single row that is centered over a text in small letters, such as a listing, is a paragraph of its own."""
    caption = Region("text", Box(250, 0, 700, 26), (Line("Listing 1: A simple program", Box(250, 0, 700, 26)),))
    code = Region("text", Box(0, 50, 300, 76), (Line("function add(a, b) {", Box(0, 50, 300, 76)),))
    markdown = join_passages(write_regions([caption, code], Rules((), ()), 1, ()), keep_text)
    assert markdown == "Listing 1: A simple program\n\nfunction add(a, b) {"


@pytest.mark.parametrize("label", ["paragraph_title", "display_formula"])
def test_a_sentence_ends_at_a_title_or_formula(label: str) -> None:
    """A text that follows a title or a formula is not moved above it."""
    assert write(("text", "the boat came"), (label, "Late"), ("text", "in late.")).endswith("\n\nin late.")


@pytest.mark.parametrize(("labels", "codes"), [(["text"], []), (["display_formula", "text"], ["FORMULA_AS_TEXT"])])
def test_a_page_with_formulas_warns(labels: list[str], codes: list[str]) -> None:
    """Formulas are not recognized, and the page says so once."""
    regions = [Region(label, Box(0, 0, 400, 20)) for label in labels]
    assert [warning.code for warning in formula_warnings(regions * 2)] == codes


def test_raised_text_without_a_form_in_unicode_is_markup_in_markdown_alone() -> None:
    """<sup> is around what is raised, the page's own tags stay text, and contents of blocks are plain."""
    text = f"the survey{''.join(write_raised('1,2'))} of <sup>x</sup>"
    box = Box(0, 0, 400, 20)
    labels = ("text", "image", "paragraph_title", "table")
    passages = write_regions([Region(label, box, (Line(text, box),)) for label in labels], Rules((), ()), 1, ())
    assert join_passages(passages, escape_text).split("\n\n")[:3] == [
        r"the survey<sup>1,2</sup> of \<sup>x\</sup>",
        r"![the survey¹,² of \<sup>x\</sup>](page-1-figure-1.jpg)",
        r"## the survey<sup>1,2</sup> of \<sup>x\</sup>",
    ]
    assert {passage.content for passage in passages[:3]} == {"the survey¹,² of <sup>x</sup>"}
    assert "the survey<sup>1,2</sup> of &lt;sup&gt;x" in passages[3].content


@pytest.mark.parametrize(
    ("title", "heading"),
    [
        ("1. Introduction", "## 1. Introduction"),
        ("2 Structure", "## 2 Structure"),
        ("1.1. Version", "### 1.1. Version"),
        ("2.2.1 Names", "#### 2.2.1 Names"),
        ("A.1 License", "### A.1 License"),
        ("(1) 법률 개정", "### (1) 법률 개정"),
        ("Summary", "## Summary"),
        ("2019.5 was a year", "## 2019.5 was a year"),
    ],
)
def test_the_number_of_a_section_is_its_level(title: str, heading: str) -> None:
    """A numbered heading is as many levels down as its number has parts."""
    assert write(("paragraph_title", title)) == heading
