"""Blocks as HTML, for the page to try the worker.

Documents are untrusted: their content is shown and must never run. So a writer for each label makes HTML of a block's
content, and everything that leaves `block_html` passes the sanitizer. Pure: no input or output, no state.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

import nh3
from markdown_it import MarkdownIt

from ocr_worker.app.formulas import formula_html, formula_plugin, is_latex, render_formulas, strip_fences
from ocr_worker.wire.schema import Block

_MATHML = {
    "math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts",
    "mroot", "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr",
    "munder", "munderover", "none",
}  # fmt: skip
_TABLE = {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"}
_TEXT = {
    "a", "b", "blockquote", "br", "code", "em", "figcaption", "figure", "h3", "h4", "i", "li", "ol", "p", "pre", "s",
    "small", "strong", "sub", "sup", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "a": {"href"},
    "ol": {"start"},
    "math": {"display"},
    "mo": {"stretchy", "fence", "form", "minsize", "maxsize", "movablelimits", "lspace", "rspace", "accent"},
    "mspace": {"width"},
    "mfrac": {"linethickness"},
    "mover": {"accent"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mtable": {"columnalign", "displaystyle", "rowspacing", "columnspacing"},
    "mtd": {"columnalign"},
    "mi": {"mathvariant"},
    "mn": {"mathvariant"},
    "mtext": {"mathvariant"},
}
_COUNT = re.compile(r"[1-9]\d{0,2}")
_WORD = re.compile(r"[\w .%+-]{1,40}")


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":  # the sanitizer has checked it
        return value
    return value if (_COUNT if name in ("colspan", "rowspan", "start") else _WORD).fullmatch(value) else None


_SANITIZER = nh3.Cleaner(
    tags=_TEXT | _TABLE | _MATHML,
    attributes=_ATTRIBUTES,
    attribute_filter=_filter_attribute,
    clean_content_tags={"script", "style", "iframe", "object", "template", "textarea", "title", "noscript"},
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer nofollow",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)
# Images would be loaded from other hosts. On a scan, indented text is not code, and dashes under a line are no title.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True})
_MARKDOWN.enable("table").disable(["image", "code", "heading", "lheading", "hr", "html_block", "html_inline"])
_MARKDOWN.use(formula_plugin)
_TAG = re.compile(r"(<[^>]*>)")
_PICTURE = re.compile(r"</?(?:div|img)\b[^>]*>", re.IGNORECASE)


def block_html(block: Block) -> str:
    """Return the block's content as safe HTML, or an empty string for a block without content.

    A figure becomes an empty frame, into which the page puts the crop.
    """
    return _SANITIZER.clean(_WRITERS.get(block.label, _text)(block.content.strip()))


def _text(content: str) -> str:
    return str(_MARKDOWN.render(content))


def _line(tag: str) -> Callable[[str], str]:
    opening, closing = "".join(f"<{name}>" for name in tag.split()), "".join(f"</{name}>" for name in tag.split()[::-1])

    def write(content: str) -> str:
        return f"{opening}{_MARKDOWN.renderInline(content)}{closing}" if content else ""

    return write


def _table(content: str) -> str:
    """Return a table as HTML, with the formulas of its cells as MathML."""
    if "<t" not in content.lower():
        return _text(content)
    parts = _TAG.split(_SANITIZER.clean(content))
    return "".join(part if part.startswith("<") else render_formulas(part) for part in parts)


def _chart(content: str) -> str:
    """Return a chart as a table when it was read as rows of `a | b`, else as a figure."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in content.splitlines()]
    if "<t" in content.lower():
        return _table(content)
    if not any(len(row) > 1 for row in rows):
        return _figure(content)
    table_rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows if not _is_rule(row))
    return f"<table><tbody>{''.join(f'<tr>{cells}</tr>' for cells in table_rows)}</tbody></table>"


def _is_rule(row: list[str]) -> bool:
    return all(re.fullmatch(r":?-+:?", cell) for cell in row)


def _formula(content: str) -> str:
    latex = strip_fences(content)
    if not latex:
        return ""
    return f"<p>{formula_html(latex, is_displayed=True)}</p>" if is_latex(content) else _text(content)


def _figure(content: str) -> str:
    """Return a figure's frame, with the words read from the figure as its caption."""
    words = escape(_PICTURE.sub("", content).strip())
    return f"<figure>{f'<figcaption>{words}</figcaption>' if words else ''}</figure>"


def _verbatim(content: str) -> str:
    return f"<pre>{escape(content)}</pre>" if content else ""


_FURNITURE = _line("p small")
_WRITERS: dict[str, Callable[[str], str]] = {
    "doc_title": _line("h3"),
    "paragraph_title": _line("h4"),
    "table": _table,
    "chart": _chart,
    "formula": _formula,
    "display_formula": _formula,
    "inline_formula": _formula,
    "algorithm": _verbatim,
    **dict.fromkeys(("image", "seal", "header_image", "footer_image"), _figure),
    **dict.fromkeys(("header", "footer", "number", "footnote", "aside_text", "formula_number"), _FURNITURE),
}
