"""The two other forms of Markdown that PaddleX's server writes.

With `prettifyMarkdown: false`, figures, tables and captions have no HTML around them. With `showFormulaNumber: true`,
formulas contain their numbers. A block determines the paragraph that the pipeline writes for it, so `convert_markdown`
searches for that paragraph and replaces it. The text of an engine that writes plain Markdown has no such paragraphs and
is not changed. Pure: no input or output, no state.
"""

from __future__ import annotations

import re
from itertools import pairwise

from ocr_worker.app.paddlex.numbering import Blocks

_CAPTION_LABELS = ("figure_title", "table_title", "chart_title")
_FORMULA_LABELS = ("display_formula", "formula")
_FIGURE = re.compile(
    r'<div style="text-align: center;"><img src="([^"]+)" alt="Image" width="\d+%" />(\n\n.*?\n\n)?</div>\n', re.DOTALL
)
_DOCUMENT_TAG = re.compile(r"</?(?:html|body)>")
_CENTERED_TAGS = {
    "<table>": "<table border=1 style='margin: auto; word-wrap: break-word;'>",
    "<th>": "<th style='text-align: center; word-wrap: break-word;'>",
    "<td>": "<td style='text-align: center; word-wrap: break-word;'>",
}


def convert_markdown(text: str, blocks: Blocks, is_pretty: bool, has_formula_numbers: bool) -> str:
    """Return a page's Markdown in another form. blocks: the page's, in order, as in `parsing_res_list`."""
    if has_formula_numbers:
        text = _replace_paragraphs(text, [_numbered_pair(block, successor) for block, successor in pairwise(blocks)])
    if not is_pretty:
        text = _replace_paragraphs(text, [_plain_pair(block) for block in blocks])
        text = _FIGURE.sub(lambda match: f"![]({match[1]}){match[2] or ''}", text)
    return text


def center_table(html: str) -> str:
    """Return a table with the styles that the pipeline adds in Markdown."""
    for tag, styled_tag in _CENTERED_TAGS.items():
        html = html.replace(tag, styled_tag)
    return html


def _replace_paragraphs(text: str, pairs: list[tuple[str, str]]) -> str:
    """Return the text with the first text of each pair replaced by the second, in order.

    Only whole paragraphs are replaced. A pair with an empty first text is skipped.
    """
    position, parts = 0, []
    for paragraph, replacement in pairs:
        if not paragraph:
            continue
        match = re.compile(rf"(?:\A|(?<=\n\n)){re.escape(paragraph)}(?=\n\n|\Z)").search(text, position)
        if match:
            parts += [text[position : match.start()], replacement]
            position = match.end()
    return "".join([*parts, text[position:]])


def _plain_pair(block: dict[str, str]) -> tuple[str, str]:
    label, content = block["block_label"], block["block_content"]
    if label == "table":
        return "\n" + center_table(content), "\n\n" + _DOCUMENT_TAG.sub("", content)
    if label in _CAPTION_LABELS:
        line = content.replace("-\n", "").replace("\n", " ")
        return f'<div style="text-align: center;">{line}</div>\n', content
    return "", ""


def _numbered_pair(block: dict[str, str], next_block: dict[str, str]) -> tuple[str, str]:
    if block["block_label"] not in _FORMULA_LABELS or next_block["block_label"] != "formula_number":
        return "", ""
    formula = block["block_content"]
    return formula, rf"$${formula.replace('$$', '')} \tag*{{{next_block['block_content']}}}$$"
