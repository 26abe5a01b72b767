"""Text of a document as Markdown, against a real reader of CommonMark with GitHub's tables and strikethrough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ocr_worker.engines.embedded.escaping import Place, escape_text, keep_text
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.markdown import join_passages, write_regions
from ocr_worker.engines.embedded.tables import Cell, to_markdown
from ocr_worker.parsing.in_process import parse_file

RESOURCES = Path(__file__).parents[2] / "resources"
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# A disallowed address is text for this reader, and a link for others.
READER.validateLink = lambda _url: True  # type: ignore[method-assign]

SIGNS = st.sampled_from([*"\\`*_{}[]()<>#+-.!|~&;:=$%/@'\"^?, \t\n\u00a0\u20ac", "a", "b", "Z", "1", "23", "é"])
PIECES = st.sampled_from(
    ["<b>", "</b>", "<br/>", "<!--", "-->", "<?", "<![CDATA[", "]]>", "<script", "](", "[a]: ", "&amp;", "&#60;", "1. ",
     "1) ", "- ", "---", "***", "```", "~~~", "~~", "| --- |", "a | b", "\n===", "\n---", "> ", "# ", " ##", "    "]
)  # fmt: skip
STARS_IN_WORDS = re.compile(r"(?<=[^\W_])\*+(?=[^\W_])")
# Two runs of stars within words are emphasis in Markdown, and are not escaped (see `test_stars_within_words`).
TEXTS = (
    st.one_of(st.lists(SIGNS, max_size=24), st.lists(st.one_of(SIGNS, PIECES), max_size=12))
    .map("".join)
    .filter(lambda text: len(STARS_IN_WORDS.findall(f"x{text}")) < 2)
)
WORDS = st.text(st.characters(categories=["L", "N"], max_codepoint=0x2FFF), min_size=1)
PROSE = st.lists(
    st.one_of(WORDS, st.sampled_from([",", ".", "?", "a.", "(b)", "5 %", "– x"])), min_size=1, max_size=9
).map(" ".join)
IDENTIFIERS = st.lists(WORDS, min_size=2, max_size=4).map("_".join)
AMOUNTS = st.from_regex(r"\A[$€]?\d{1,3}(,\d{3})*(\.\d\d)?[%*]?\Z")


def shown(tokens: list[Token]) -> Iterator[str]:
    """Yield the text that a reader of the Markdown sees, and fail for anything else."""
    for token in tokens:
        if token.type == "text":
            yield token.content
        elif token.type == "softbreak":
            yield "\n"
        else:
            raise AssertionError(f"{token.type} {token.markup} {token.content!r}")


def lines_of(text: str) -> list[str]:
    """The lines of a text without white space at their ends, which Markdown does not keep."""
    return [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]


def shown_at(markdown: str, kind: str, *path: str) -> str:
    """The text of the only block, which must be of this kind, inside the blocks of the path."""
    tokens = [token for token in READER.parse(markdown) if token.nesting >= 0]
    assert [token.type for token in tokens] == [*path, f"{kind}_open", "inline"], markdown
    return "".join(shown(tokens[-1].children or []))


@given(TEXTS)
def test_a_paragraph_is_shown_as_it_was_read(text: str) -> None:
    """Whatever a paragraph says, a reader of the Markdown sees exactly that, and no markup."""
    paragraph = "\n".join(lines_of(text))  # without blank lines, at which another paragraph would begin
    if not paragraph:
        return
    markdown = escape_text(paragraph, "paragraph")
    assert lines_of(shown_at(markdown, "paragraph")) == lines_of(paragraph)
    assert lines_of(
        shown_at(f"- {escape_text(paragraph, 'paragraph')}", "paragraph", "bullet_list_open", "list_item_open")
    ) == lines_of(paragraph)


@given(TEXTS)
def test_a_heading_is_shown_as_it_was_read(text: str) -> None:
    """Whatever a heading says, a reader of the Markdown sees exactly that, and no markup."""
    title = " ".join(lines_of(text))
    if title:
        assert shown_at(f"# {escape_text(title, 'heading')}", "heading") == title


@given(TEXTS)
def test_a_figure_has_the_words_in_it_as_its_text(text: str) -> None:
    """Whatever the words inside a picture are, they are its text and its target stays the file."""
    words = " ".join(lines_of(text))
    (paragraph,) = [token for token in READER.parse(f"![{escape_text(words, 'alt')}](figure.jpg)") if token.children]
    (image,) = paragraph.children or []
    assert (image.type, image.attrs["src"]) == ("image", "figure.jpg")
    assert "".join(shown(image.children or [])) == words


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=3))
def test_cells_are_shown_as_they_were_read(rows: list[list[str]]) -> None:
    """Whatever the cells of a table say, a reader of the Markdown sees as many cells with exactly that."""
    texts = [["x" + " ".join(lines_of(text)) for text in row] for row in rows]
    cells = [Cell(i, j, text) for i, row in enumerate(texts) for j, text in enumerate(row)]
    tokens = READER.parse(to_markdown(cells))
    inlines = [token for token in tokens if token.type == "inline"]
    assert tokens[0].type == "table_open"
    assert ["".join(shown(token.children or [])) for token in inlines] == [text for row in texts for text in row]


def test_stars_within_words() -> None:
    """Stars within words and amounts are never escaped; a star at the end of a word is, if it would pair with them."""
    assert escape_text("2*3*4 and a*b*c", "paragraph") == "2*3*4 and a*b*c"
    assert escape_text("2*3*", "paragraph") == "2*3\\*"


@given(PROSE)
def test_text_without_special_signs_is_unchanged(text: str) -> None:
    """Text of letters, digits and sentence marks is the same in the Markdown, everywhere."""
    places: tuple[Place, ...] = ("heading", "cell", "alt")
    assert {escape_text(text, place) for place in places} == {text}
    assert escape_text(f"The {text}", "paragraph") == f"The {text}"


@given(st.lists(st.one_of(IDENTIFIERS, AMOUNTS), min_size=1, max_size=5))
def test_amounts_and_identifiers_are_unchanged(words: list[str]) -> None:
    """Identifiers with underscores and amounts with `$`, `%` or a footnote's star are the same in the Markdown."""
    text = f"from {' to '.join(words)} or so"
    assert escape_text(text, "paragraph") == text


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("$5 to $10", "$5 to $10"),
        ("5 * 3 = 15 and 2*3", "5 * 3 = 15 and 2*3"),
        ("file_name_here, 50 %, a < b && c > d", "file_name_here, 50 %, a < b && c > d"),
        ("#1 in sales, AT&T; C# and -5 degrees", "#1 in sales, AT&T; C# and -5 degrees"),
        ("in C:\\Users, section [4] (see below)", "in C:\\Users, section [4] (see below)"),
        ("1.5 million", "1.5 million"),
        ("it's `quoted' in TeX's way", "it's `quoted' in TeX's way"),
        ("*important*", "\\*important\\*"),
        ("__init__", "\\_\\_init\\_\\_"),
        ("1986. That was the year", "1986\\. That was the year"),
        ("+ 5 degrees", "\\+ 5 degrees"),
        ("> quoted", "\\> quoted"),
        ("# 1 is the best", "\\# 1 is the best"),
        ("<script>alert(1)</script>", "\\<script>alert(1)\\</script>"),
        ("<script src=x", "\\<script src=x"),
        ("see [it](is)", "see [it\\](is)"),
        ("![x](http://tracker.example/1.png)", "![x\\](http://tracker.example/1.png)"),
        ("[1]: javascript:alert(1)", "\\[1]: javascript:alert(1)"),
        ("&lt;b&gt;", "\\&lt;b\\&gt;"),
        ("`code`", "\\`code`"),
        ("- - -", "\\- - -"),
        ("~~gone~~", "\\~\\~gone\\~\\~"),
    ],
)
def test_only_what_would_be_markup_is_escaped(text: str, markdown: str) -> None:
    """A backslash is put where the text would be taken for markup, and nowhere else."""
    assert escape_text(text, "paragraph") == markdown
    assert keep_text(text, "paragraph") == text


@pytest.mark.parametrize(
    "sign", ["<a", "`", "*", "_a ", "[", "](", "&#", "\\", "\\|", "~", "@", "<!--", "[a]:\n", "# "]
)
def test_long_rows_of_signs_take_no_time(sign: str) -> None:
    """A page full of one sign, which a stranger may send, is escaped in linear time: this test ends."""
    places: tuple[Place, ...] = ("paragraph", "heading", "cell", "alt")
    for place in places:
        assert escape_text(sign * 100_000, place)


# --------------------------------------------------------------------------- pages


def region(label: str, *texts: str, top: float = 0) -> Region:
    lines = [Line(text, Box(0, top + 30 * i, 400, top + 30 * i + 20)) for i, text in enumerate(texts)]
    return Region(label, Box(0, top, 400, top + 30 * len(texts)), tuple(lines))


def markdown_of(*regions: Region) -> str:
    return join_passages(write_regions(regions, Rules((), ()), 1, ()), escape_text)


def test_headings_captions_and_figures_are_escaped() -> None:
    """Every kind of region is escaped by what is markup at its place; a heading's number and a bullet stay."""
    assert markdown_of(region("doc_title", "1. <b>Basin</b> #")) == "# 1. \\<b>Basin\\</b> \\#"
    assert markdown_of(region("figure_title", "> Figure 1")) == "\\> Figure 1"
    assert markdown_of(region("image", "see [it](is)")) == "![see \\[it\\](is)](page-1-figure-1.jpg)"
    assert markdown_of(region("text", "• # of gauges")) == "- \\# of gauges"


def test_markup_does_not_form_from_two_columns() -> None:
    """A tag whose halves are in two columns is escaped once the sentence is joined."""
    columns = [region("text", "as in <img alt"), region("text", "src=https://tracker.example/1.png>", top=200)]
    assert markdown_of(*columns) == "as in \\<img alt src=https://tracker.example/1.png>"


def test_blocks_are_raw() -> None:
    """The content of blocks is the text as it was read."""
    (passage,) = write_regions([region("text", "# 1 is <b>the best</b>")], Rules((), ()), 1, ())
    assert passage.content == "# 1 is <b>the best</b>"


# --------------------------------------------------------------------------- a document

SIGNS_PDF = RESOURCES / "markdown-signs.pdf"


@pytest.mark.process
def test_a_page_of_signs_is_shown_as_it_was_printed() -> None:
    """A printed page whose text looks like markup has that text in its Markdown, and no markup of its own."""
    (document,) = parse_file(SIGNS_PDF, engine="embedded").documents
    markdown = document.markdown or ""
    inlines = [token for token in READER.parse(markdown) if token.type == "inline"]
    texts = ["".join(shown(token.children or [])) for token in inlines]
    assert [token.type for token in READER.parse(markdown) if token.nesting > 0] == ["heading_open"] + [
        "paragraph_open"
    ] * (len(inlines) - 1)
    blocks = [block.content for block in document.pages[0].blocks or []]
    assert texts == [text for content in blocks for text in content.split("\n\n")]
    assert "$5 to $10" in markdown
    assert "file_name_here" in markdown
    assert "\\*important\\*" in markdown


@pytest.mark.process
def test_escaping_can_be_switched_off() -> None:
    """With `markdown_escape: false` the Markdown has the text as it was read."""
    (document,) = parse_file(SIGNS_PDF, engine="embedded", options={"markdown_escape": False}).documents
    assert "*important*" in (document.markdown or "")
    assert "\\" not in (document.markdown or "")
