"""The Markdown in the two other ways in which PaddleX's server writes it: without HTML around figures, tables and
captions (`prettifyMarkdown: false`), and with formulas that carry their numbers (`showFormulaNumber: true`). Pure.

What the pipeline wrote for a block is known from the block, so that it can be found in the text and exchanged. In the
text of an engine that writes plain Markdown nothing is found, and it stays as it is.
"""

from __future__ import annotations

import re
from itertools import pairwise

from ocr_worker.app.paddlex.numbering import Blocks

_CAPTIONS = ("figure_title", "table_title", "chart_title")
_FORMULAS = ("display_formula", "formula")
_PICTURE = re.compile(
    r'<div style="text-align: center;"><img src="([^"]+)" alt="Image" width="\d+%" />(\n\n.*?\n\n)?</div>\n', re.DOTALL
)
_WRAPPING = re.compile(r"</?(?:html|body)>")
_CENTRED = {
    "<table>": "<table border=1 style='margin: auto; word-wrap: break-word;'>",
    "<th>": "<th style='text-align: center; word-wrap: break-word;'>",
    "<td>": "<td style='text-align: center; word-wrap: break-word;'>",
}


def as_asked(text: str, blocks: Blocks, pretty: bool, formula_numbers: bool) -> str:
    """A page's Markdown. blocks: of the page, in order, as in `parsing_res_list`."""
    if formula_numbers:
        text = _exchanged(text, [_with_number(one, after) for one, after in pairwise(blocks)])
    if not pretty:
        text = _exchanged(text, [_plain(block) for block in blocks])
        text = _PICTURE.sub(lambda found: f"![]({found[1]}){found[2] or ''}", text)
    return text


def _exchanged(text: str, pairs: list[tuple[str, str]]) -> str:
    """The text with each first exchanged for its second, in order; only where it is a paragraph of its own."""
    place, parts = 0, []
    for old, new in pairs:
        if not old:
            continue
        found = re.compile(rf"(?:\A|(?<=\n\n)){re.escape(old)}(?=\n\n|\Z)").search(text, place)
        if found:
            parts += [text[place : found.start()], new]
            place = found.end()
    return "".join([*parts, text[place:]])


def _plain(block: dict[str, str]) -> tuple[str, str]:
    label, content = block["block_label"], block["block_content"]
    if label == "table":
        centred = content
        for bare, styled in _CENTRED.items():
            centred = centred.replace(bare, styled)
        return "\n" + centred, "\n\n" + _WRAPPING.sub("", content)
    if label in _CAPTIONS:
        line = content.replace("-\n", "").replace("\n", " ")
        return f'<div style="text-align: center;">{line}</div>\n', content
    return "", ""


def _with_number(block: dict[str, str], after: dict[str, str]) -> tuple[str, str]:
    if block["block_label"] not in _FORMULAS or after["block_label"] != "formula_number":
        return "", ""
    formula = block["block_content"]
    return formula, rf"$${formula.replace('$$', '')} \tag*{{{after['block_content']}}}$$"
