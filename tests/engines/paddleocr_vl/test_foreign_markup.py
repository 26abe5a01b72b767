"""Foreign HTML, links and images in PaddleOCR-VL's Markdown, against a real reader of CommonMark."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ocr_worker.engines.paddleocr_vl.foreign_markup import neutralize

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
READER.validateLink = lambda url: True  # type: ignore[method-assign]
FIGURE = "page-1-figure-1.jpg"
PICTURE = f'<div style="text-align: center;"><img src="{FIGURE}" alt="Image" width="37%" /></div>\n'

PIECES = st.sampled_from(
    ["<b>", "</b>", "<br/>", "<!--", "-->", "<?", "?>", "<![CDATA[", "]]>", "<script>", "</script>", "<img src=x", ">",
     "<table>", "<td>", "<div>", "](", ")", "[a]: ", "[", "]", "![", "x", " ", "\n", "\n\n", "`", "```", "~~~", "- ",
     "> ", "1. ", "    ", "$", "$$", "\\", "<x:y>", "<", "a@b.c", "'", '"', "&lt;", "#", "|", PICTURE, "<a href=x>"]
)  # fmt: skip


def foreign(markdown: str) -> list[str]:
    """The HTML, links and images of the Markdown that are not the figure above or a table."""
    findings = []
    for token in READER.parse(markdown):
        for child in [token, *(token.children or [])]:
            if child.type in ("link_open", "image") and FIGURE not in child.attrs.values():
                findings.append(str(child.attrs))
            if child.type in ("html_block", "html_inline"):
                tags = re.findall(r"<[^>]*>?", child.content)
                findings += [
                    tag for tag in tags if not re.match(r"</?(table|tr|td|br|div|img)\b", tag) or "src=x" in tag
                ]
    return findings


@given(st.lists(PIECES, max_size=16).map("".join), st.lists(PIECES, max_size=16).map("".join))
def test_nothing_foreign_is_left(first: str, second: str) -> None:
    """The Markdown of any two pages together has no HTML, link or image but PaddleX's own."""
    assert foreign(f"{neutralize(first, [FIGURE])}\n\n{neutralize(second, [FIGURE])}") == []


@pytest.mark.parametrize(
    "markdown",
    [
        "",
        "# 1. Basin\n\ntext with $ a < b $ and $x<y$ and $ z>w $",
        "* item\n\n> said *he* and `code` [4] (see below)",
        PICTURE,
        f"![]({FIGURE})",
        "\n<table border=1 style='margin: auto; word-wrap: break-word;'><tr>"
        "<td style='text-align: center; word-wrap: break-word;'>a &lt;b&gt;</td><td colspan=\"2\">2</td></tr></table>",
        f'<table><tr><td><img src="{FIGURE}" alt="Image"" /></td></tr></table>',
        "<table border=1 style='margin: auto; width: max-content;'>\n  <thead><tr>"
        "<th style='text-align: center;'>a</th></tr></thead>\n  <tbody>\n  </tbody>\n</table>",
        f'<table><tr><td><img "="" alt="Image" src="{FIGURE}"/></td></tr></table>',
        "H<sub>2</sub>O<br>10<sup>3</sup>",
        "$$ f[x](y) < g $$".replace("](", "] ("),
        "a < b, c > d, &lt; and AT&T",
    ],
)
def test_the_pipelines_own_markup_is_unchanged(markdown: str) -> None:
    """Figures, tables, formulas and emphasis, as PaddleX and its model write them, are the same afterwards."""
    assert neutralize(markdown, [FIGURE]) == markdown


@pytest.mark.parametrize(
    ("markdown", "neutral"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("see <b>this</b>", "see &lt;b>this&lt;/b>"),
        ("see [it](javascript:alert(1))", "see [it\\](javascript:alert(1))"),
        ("![](https://tracker.example/1.png)", "![\\](https://tracker.example/1.png)"),
        ("<https://example.com>", "&lt;https://example.com>"),
        ("[1]: https://example.com\n\n[1]", "\\[1]: https://example.com\n\n[1]"),
        ('<img src="https://tracker.example/1.png" />', '&lt;img src="https://tracker.example/1.png" />'),
        (
            '<div style="text-align: center;">Figure 1 <img src=x onerror=alert(1)></div>\n',
            '<div style="text-align: center;">Figure 1 &lt;img src=x onerror=alert(1)></div>\n',
        ),
        (
            "<table><tr><td onclick=alert(1)>a</td></tr></table>",
            "<table><tr>&lt;td onclick=alert(1)>a</td></tr></table>",
        ),
        ('<div style="position: fixed">', '&lt;div style="position: fixed">'),
        ("$f[x](y)$ and $a<b>c$", "$f[x] (y)$ and $a< b>c$"),
        ("<!-- [it](http://a.example) -->", "&lt;!-- [it\\](http://a.example) -->"),
        ("> " * 30 + "<img src=x>", "> " * 30 + "&lt;img src=x>"),
    ],
)
def test_foreign_markup_becomes_text(markdown: str, neutral: str) -> None:
    """HTML, links and images of a document are text afterwards; in formulas a space takes their effect."""
    assert neutralize(markdown, [FIGURE]) == neutral
    assert foreign(neutral) == []


@pytest.mark.parametrize("sign", ["<a", "<b>", "](", "[a](b)", "\\", "$", "[", "<a a=1 ", "<!--", "[a]:\n", "> "])
def test_long_rows_of_signs_take_no_time(sign: str) -> None:
    """A page full of one sign, as long as the model writes at most, is neutralized: this test ends."""
    assert neutralize(sign * 4096, [FIGURE])
