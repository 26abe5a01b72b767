"""Blocks as HTML: what they look like, and that nothing in them can run."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_worker.app.render import _WRITERS, block_html
from ocr_worker.wire.schema import Block

LABELS = [*sorted(_WRITERS), "text", "reference", "never_heard_of"]

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<style>body{display:none}</style>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "[x](javascript:alert(1)) [y](data:text/html;base64,PHNjcmlwdD4=) [z](vbscript:x)",
    "![x](https://tracker.example/pixel.png)",
    "<form action=https://evil.example><input name=key><button>Go</button></form>",
    "<p style='position:fixed;inset:0' onclick=alert(1) id=job class=primary>x</p>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>",
    "<math href='javascript:alert(1)'><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<base href=https://evil.example><meta http-equiv=refresh content=0><link rel=stylesheet href=//evil.example>",
    r"$\text{<script>alert(1)</script>}\href{javascript:alert(1)}{x}\style{position:fixed}{y}\class{job}{z}$",
    r"\(\text{</mtext></math><img src=x onerror=alert(1)>}\)",
]
FORBIDDEN = {
    *("script", "style", "iframe", "img", "svg", "form", "input", "button", "object", "embed", "link", "meta", "base"),
    *("template", "noscript", "textarea", "annotation-xml", "mglyph", "maction", "video", "audio"),
}
ATTRIBUTES = {"href", "rel", "target", "colspan", "rowspan", "start", "display", "displaystyle", "scriptlevel", "form"}
ATTRIBUTES |= {"stretchy", "fence", "minsize", "maxsize", "movablelimits", "lspace", "rspace", "accent", "width"}
ATTRIBUTES |= {"linethickness", "columnalign", "rowspacing", "columnspacing", "mathvariant"}


class Harmless(HTMLParser):
    """Raises AssertionError for what could run, load, send or cover something."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in FORBIDDEN
        for name, value in attrs:
            assert name in ATTRIBUTES
            assert name != "href" or (value or "").startswith(("https://", "http://", "mailto:"))


def assert_harmless(written: str) -> None:
    parser = Harmless()
    parser.feed(written)
    parser.close()


def html(content: str, label: str = "text") -> str:
    return block_html(Block(label=label, content=content, bbox=(0, 0, 10, 10))).strip()


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_in_a_document_can_run(attack: str) -> None:
    """No label lets scripts, handlers, dangerous links, styles, forms or pictures from elsewhere through."""
    for content in (attack, f"words {attack} words", f"<table><tr><td>{attack}</td></tr></table>", f"$${attack}$$"):
        for label in LABELS:
            assert_harmless(html(content, label))


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.characters(codec="utf-8") | st.sampled_from("<>&\"'$\\{}[]()|*_-#`\n=^"), max_size=200),
    st.sampled_from(LABELS),
)
def test_whatever_was_read_can_be_written(content: str, label: str) -> None:
    """No text whatsoever makes an error, or anything that is not harmless."""
    assert_harmless(html(content, label))


@pytest.mark.parametrize(
    ("label", "content", "written"),
    [
        ("doc_title", "Water *Levels*", "<h3>Water <em>Levels</em></h3>"),
        ("paragraph_title", "# 3. Results", "<h4># 3. Results</h4>"),
        ("text", "one\ntwo\n\nthree <b>", "<p>one<br>\ntwo</p>\n<p>three &lt;b&gt;</p>"),
        ("text", "Total\n---", "<p>Total<br>\n---</p>"),
        ("header", "Annual report", "<p><small>Annual report</small></p>"),
        ("number", "17", "<p><small>17</small></p>"),
        ("algorithm", "for x:\n    f(x)", "<pre>for x:\n    f(x)</pre>"),
        ("image", "", "<figure></figure>"),
        ("image", '<div style="text-align: center;"><img src="page-1-figure-1.jpg"></div>', "<figure></figure>"),
        ("image", "a < b", "<figure><figcaption>a &lt; b</figcaption></figure>"),
        ("table", "no table", "<p>no table</p>"),
        ("table", "", ""),
        ("doc_title", "", ""),
    ],
)
def test_labels_tell_what_a_block_is(label: str, content: str, written: str) -> None:
    """Titles, text, furniture, code and figures are what they are in HTML; text that looks like markup stays text."""
    assert html(content, label) == written


def test_tables_keep_their_spans_and_nothing_else() -> None:
    """`colspan` and `rowspan` are kept where they are sane numbers; styles and borders go."""
    written = html(
        "<table border=1 style='color:red'><tr><td colspan=2 rowspan='3' onclick=x>a</td>"
        "<td colspan=99999 rowspan=-1>b</td></tr></table>",
        "table",
    )
    assert written == '<table><tbody><tr><td colspan="2" rowspan="3">a</td><td>b</td></tr></tbody></table>'


def test_charts_that_were_read_are_tables() -> None:
    """Rows of `a | b` become a table; a chart that was only seen is a figure."""
    rows = "<tr><td>Year</td><td>m</td></tr><tr><td>2025</td><td>&lt;3</td></tr>"
    assert html("Year | m\n--- | ---\n2025 | <3", "chart") == f"<table><tbody>{rows}</tbody></table>"
    assert html("", "chart") == "<figure></figure>"


@pytest.mark.parametrize("content", [r"$$ \frac{a}{b} $$", r"\[\frac{a}{b}\]", r"$\frac{a}{b}$", r"\frac{a}{b}"])
def test_formulas_are_mathml(content: str) -> None:
    """LaTeX becomes MathML with any kind of delimiter."""
    fraction = "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>"
    assert html(content, "display_formula") == f'<p><math display="block"><mrow>{fraction}</mrow></math></p>'


@pytest.mark.parametrize(
    "content", [r"\frac{a", r"a_1_2", r"\nosuchcommand{x}", r"\left( x", "x^{" * 2000, r"\sqrt{" * 5000]
)
def test_formulas_that_cannot_be_converted_are_shown_as_they_are(content: str) -> None:
    """Truncated, invalid, unknown or oversized formulas are shown as their source, or as far as they convert."""
    written = html(content, "display_formula")
    assert written.startswith("<p><code>") or "<math" in written
    assert html(r"\nosuchcommand{x}", "formula") == r"<p><code>\nosuchcommand{x}</code></p>"


@pytest.mark.parametrize("content", ["where the sum = 3", "E = mc2", "P(y|x) = 1/2 (1)"])
def test_a_formula_without_latex_is_text(content: str) -> None:
    """A formula that an engine read as text, without LaTeX or delimiters, is no row of italic letters."""
    assert html(content, "display_formula") == f"<p>{content}</p>"


@pytest.mark.parametrize(
    ("content", "formulas"),
    [
        (r"so \(x^2\) and \[y\] and $a_1$ and $$b$$", 4),
        (r"as PaddleOCR-VL writes  $ ^{1} $ and  $ x $ it", 2),
        ("$5 and $10, or $ 5 and $ 6, or US$", 0),
        ("costs 5$ or 6$ each", 0),
    ],
)
def test_formulas_in_text_and_in_cells(content: str, formulas: int) -> None:
    """Formulas are found between dollars and brackets, in text as in tables; amounts of money are none."""
    assert html(content).count("<math") == formulas
    assert html(f"<table><tr><td>{content}</td></tr></table>", "table").count("<math") == formulas
