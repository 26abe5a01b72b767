"""Blocks as HTML, for the page to try the worker. What a document says is shown and can never run: everything that
leaves here has gone through the sanitiser. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

import nh3
from markdown_it import MarkdownIt

from ocr_worker.app.formulas import formula_html, formulas, in_text, is_latex, without_fences
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


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":  # the sanitiser has checked it
        return value
    return value if (_COUNT if name in ("colspan", "rowspan", "start") else _WORD).fullmatch(value) else None


_SANITISER = nh3.Cleaner(
    tags=_TEXT | _TABLE | _MATHML,
    attributes=_ATTRIBUTES,
    attribute_filter=_attribute,
    clean_content_tags={"script", "style", "iframe", "object", "template", "textarea", "title", "noscript"},
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer nofollow",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)
# Pictures would be fetched from elsewhere; indented text is no code, and dashes under a line make no title, on a scan.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True})
_MARKDOWN.enable("table").disable(["image", "code", "heading", "lheading", "hr", "html_block", "html_inline"])
_MARKDOWN.use(formulas)
_TAG = re.compile(r"(<[^>]*>)")
_PICTURE = re.compile(r"</?(?:div|img)\b[^>]*>", re.IGNORECASE)


def block_html(block: Block) -> str:
    """The block's content as safe HTML; empty where it has none. Into a figure's frame the page puts the crop."""
    return _SANITISER.clean(_WRITERS.get(block.label, _text)(block.content.strip()))


def _text(content: str) -> str:
    return str(_MARKDOWN.render(content))


def _line(tag: str) -> Callable[[str], str]:
    opening, closing = "".join(f"<{one}>" for one in tag.split()), "".join(f"</{one}>" for one in tag.split()[::-1])

    def write(content: str) -> str:
        return f"{opening}{_MARKDOWN.renderInline(content)}{closing}" if content else ""

    return write


def _table(content: str) -> str:
    """A table's HTML, in whose cells formulas may stand."""
    if "<t" not in content.lower():
        return _text(content)
    parts = _TAG.split(_SANITISER.clean(content))
    return "".join(part if part.startswith("<") else in_text(part) for part in parts)


def _chart(content: str) -> str:
    """A chart that was read as rows of `a | b`, or only seen, as a figure."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in content.splitlines()]
    if "<t" in content.lower():
        return _table(content)
    if not any(len(row) > 1 for row in rows):
        return _figure(content)
    written = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows if not _is_rule(row))
    return f"<table><tbody>{''.join(f'<tr>{cells}</tr>' for cells in written)}</tbody></table>"


def _is_rule(row: list[str]) -> bool:
    return all(re.fullmatch(r":?-+:?", cell) for cell in row)


def _formula(content: str) -> str:
    latex = without_fences(content)
    if not latex:
        return ""
    return f"<p>{formula_html(latex, displayed=True)}</p>" if is_latex(latex) else _text(content)


def _figure(content: str) -> str:
    """A figure's frame; the words that stand in the picture are told under it."""
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
