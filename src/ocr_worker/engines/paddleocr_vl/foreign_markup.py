"""HTML, links and images that PaddleOCR-VL read from a document, made harmless in the page's Markdown.

The model's text is Markdown already, with formulas and tables, so it cannot be escaped like plain text. Only what could
act in a browser is shown as text instead: HTML that PaddleX did not write itself, and links and images whose target is
not a figure of the page. A parser of CommonMark finds the paragraphs and HTML blocks that have any; all others are
unchanged. In these, a sign is kept only as part of a tag in exactly the form that PaddleX writes. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial

from markdown_it import MarkdownIt
from markdown_it.token import Token

# As paddlex 3.7.2 writes tags: `markdown_format_funcs.py` in `inference/common/result/converter`, and
# `export_to_html` and `untokenize_figure_of_table` in `inference/pipelines/paddleocr_vl/uilts.py`.
_STYLES = {
    "text-align: center;",
    "margin: auto; word-wrap: break-word;",
    "text-align: center; word-wrap: break-word;",
    "margin: auto; width: max-content;",
}
_ATTRIBUTES: dict[str, set[str]] = {
    "div": {"style"},
    "img": {"src", "alt", "width"},
    "table": {"border", "style"},
    "td": {"style", "rowspan", "colspan"},
    "th": {"style", "rowspan", "colspan"},
    **{name: set() for name in ("thead", "tbody", "tr", "br", "sub", "sup")},
}
# The lone quotation mark is in the tag of a figure in a table, and `"=""` is what BeautifulSoup makes of it.
_TAG = r"""</?(?P<name>[a-z]+)(?:\s+"="")?(?P<attributes>(?:\s+[a-z]+=(?:"[^"<>]*"|'[^'<>]*'|\d+))*)"?\s*/?>"""
_ATTRIBUTE = re.compile(r"""([a-z]+)=(?:"([^"]*)"|'([^']*)'|(\d+))""")
_VALUE = re.compile(r"[\w %]*")
_ANGLE = re.compile(rf"{_TAG}|<")
_ANGLE_OR_LINK = re.compile(rf"(?<!\\)(?P<backslashes>(?:\\\\)*)(?:{_TAG}|<|\]\((?=(?P<target>[^()\s]*\))?))")
_DOLLARS = re.compile(r"(\${1,2})")
# `[name]: target`, also in a quotation or list.
_DEFINITION = re.compile(r"^([ \t>*+.)0-9-]*)\[(?=(?:[^\[\]\\]|\\.){1,999}\]:)", re.MULTILINE | re.DOTALL)

# Code is read as text: whether it is code for a reader depends on the pages before, which may leave it open.
_PARSER = MarkdownIt("commonmark").disable(["code", "fence", "backticks"])
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]  # all links count, not just those it allows


def neutralize(markdown: str, figures: Collection[str]) -> str:
    """Return a page's Markdown without foreign HTML, links and images. figures: names of the page's figures."""
    text = _DEFINITION.sub(r"\1\\[", markdown.replace("\r\n", "\n").replace("\r", "\n"))
    # Text in an HTML block that is none any more becomes a paragraph, which may have links.
    while (revised_text := _revise_blocks(text, figures)) != text:
        text = revised_text
    return text


def _revise_blocks(markdown: str, figures: Collection[str]) -> str:
    lines, tokens = markdown.split("\n"), _PARSER.parse(markdown)
    if max((token.level for token in tokens), default=0) >= _PARSER.options.maxNesting - 1:
        return _revise_text(_ANGLE.sub(partial(_revise_angle, figures), markdown), figures)  # the parser gave up
    for token in reversed(tokens):  # from the end, so that the numbers of lines stay right
        if token.map is None:
            continue
        start, end = token.map
        text = "\n".join(lines[start:end])
        if token.type == "html_block":
            lines[start:end] = [_ANGLE.sub(partial(_revise_angle, figures), text)]
        elif token.type == "inline" and any(_is_foreign(child, figures) for child in token.children or ()):
            lines[start:end] = [_revise_text(text, figures)]
    return "\n".join(lines)


def _is_foreign(token: Token, figures: Collection[str]) -> bool:
    """Return whether the token of a paragraph is HTML, a link or an image that is not the page's own."""
    if token.type == "html_inline":
        tag = _ANGLE.fullmatch(token.content)
        return tag is None or not _is_own_tag(tag, figures)
    target = token.attrs.get("href") if token.type == "link_open" else token.attrs.get("src")
    return target is not None and target not in figures


def _is_own_tag(tag: re.Match[str], figures: Collection[str]) -> bool:
    """Return whether PaddleX writes such a tag."""
    if tag["name"] is None or tag["name"] not in _ATTRIBUTES:
        return False
    for name, *values in _ATTRIBUTE.findall(tag["attributes"]):
        if name not in _ATTRIBUTES[tag["name"]] or not _is_own_value(name, "".join(values), figures):
            return False
    return True


def _is_own_value(name: str, value: str, figures: Collection[str]) -> bool:
    match name:
        case "style":
            return value in _STYLES
        case "src":
            return value in figures
        case _:
            return _VALUE.fullmatch(value) is not None


def _revise_angle(figures: Collection[str], match: re.Match[str]) -> str:
    return match[0] if _is_own_tag(match, figures) else f"&lt;{match[0][1:]}"


def _revise_text(text: str, figures: Collection[str]) -> str:
    """Return a paragraph without foreign markup: as entities and backslashes, but in formulas as spaces."""
    pieces = _DOLLARS.split(text)  # text, dollars, text, dollars ...; every second text is a formula
    for i in range(0, len(pieces), 2):
        is_formula = i % 4 == 2 and i + 1 < len(pieces)
        pieces[i] = _ANGLE_OR_LINK.sub(partial(_revise_sign, figures, is_formula), pieces[i])
    return "".join(pieces)


def _revise_sign(figures: Collection[str], is_formula: bool, match: re.Match[str]) -> str:
    backslashes, sign = match["backslashes"], match[0][len(match["backslashes"]) :]
    if sign.startswith("<"):
        if _is_own_tag(match, figures):
            return match[0]
        return backslashes + ("< " if is_formula else "&lt;") + sign[1:]
    if (match["target"] or "").removesuffix(")") in figures:
        return match[0]
    return backslashes + ("] (" if is_formula else r"\](") + sign[2:]
