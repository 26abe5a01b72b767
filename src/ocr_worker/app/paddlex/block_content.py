"""The Markdown of a single block: `block_content` with `formatBlockContent: true`.

PaddleX then writes each block as it appears in the page's Markdown: titles with hashes, tables and captions centered,
figures as HTML. Levels of titles come from the page's Markdown, where the engine has decided them. Pure: no input or
output, no state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ocr_worker.app.paddlex.markdown import center_table

FIGURE_LABELS = ("image", "chart", "seal", "header_image", "footer_image")
_TITLE_LABELS = ("paragraph_title", "abstract_title", "reference_title", "content_title")
_CAPTION_LABELS = ("table_title", "figure_title", "chart_title")
_TEXT_LABELS = ("text", "ocr", "vertical_text", "reference_content", "vision_footnote")
_HEADINGS = {"abstract": ((" "), ("abstract", "摘要"), "\n"), "reference": ("\n", ("references", "参考文献"), "")}
_TITLE = re.compile(r"^(#{1,6}) +(.+?)\s*$", re.MULTILINE)


def formatted_content(
    block: Mapping[str, Any], path: str | None, page_width: int, page_markdown: str, settings: Mapping[str, Any]
) -> str:
    """Return the Markdown of a block, as PaddleX's pipeline writes it.

    block: of `parsing_res_list`. path: of its picture in the Markdown, None if it has none. page_width: in pixels.
    settings: `model_settings`. Blocks with a label that the Markdown leaves out keep their content.
    """
    label, content = block["block_label"], str(block["block_content"])
    if label in settings["markdown_ignore_labels"]:
        return content
    if label == "chart" and settings["use_chart_recognition"]:
        return _chart_table(content)
    if label == "seal" and not settings["use_layout_detection"]:
        return _centered(_joined(content))
    if label in FIGURE_LABELS:
        is_read = settings["use_seal_recognition" if label == "seal" else "use_ocr_for_image_block"]
        return _figure(block["block_bbox"], path, page_width, content if is_read else None)
    if label in _TITLE_LABELS:
        return _title(content, page_markdown)
    if label in _TEXT_LABELS and content in page_markdown:
        return content  # of an engine that writes lines as they are, such as those of code
    writer = _WRITERS.get(label)
    return writer(content) if writer else _with_heading(label, content)


def _joined(text: str) -> str:
    """Return text on one line, without the hyphens at the ends of its lines."""
    return text.replace("-\n", "").replace("\n", " ")


def _centered(html: str) -> str:
    return f'<div style="text-align: center;">{html}</div>\n'


def _figure(box: list[int], path: str | None, page_width: int, text: str | None) -> str:
    percent = int((box[2] - box[0]) / page_width * 100)
    tag = f'<img src="{path}" alt="Image" width="{percent}%" />' if path else ""
    return _centered(tag if text is None or not path else f"{tag}\n\n{text}\n\n")


def _title(content: str, page_markdown: str) -> str:
    """Return a title with the hashes that it has in the page's Markdown, else with two."""
    line = _joined(content)
    for match in _TITLE.finditer(page_markdown):
        if _letters(match[2]) == _letters(line):
            return match[0].rstrip()
    return f"## {line}"


def _letters(text: str) -> str:
    return re.sub(r"[\s.]", "", text)


def _chart_table(content: str) -> str:
    """Return the table of a chart, whose lines have cells divided by `|`, as the pipeline's HTML."""
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in content.split("\n")]
    center = "style='text-align: center;'"
    lines = ["<table border=1 style='margin: auto; width: max-content;'>"]
    lines.append(f"  <thead><tr>{''.join(f'<th {center}>{cell}</th>' for cell in head)}</tr></thead>")
    lines.append("  <tbody>")
    lines += [f"    <tr>{''.join(f'<td {center}>{cell}</td>' for cell in row)}</tr>" for row in rows]
    return "\n".join([*lines, "  </tbody>", "</table>"])


def _with_heading(label: str, content: str) -> str:
    """Return the content with its first part as a heading, if that says `Abstract` or `References`."""
    if label not in _HEADINGS:
        return content
    separator, headings, end = _HEADINGS[label]
    parts = content.split(separator)
    index = next((index for index, part in enumerate(parts) if part.strip()), None)
    if index is not None and parts[index].lower() in headings:
        parts[index] = f"## {parts[index]}{end}"
    return separator.join(parts)


def _paragraphs(content: str) -> str:
    return content.replace("\n\n", "\n").replace("\n", "\n\n")


_WRITERS: dict[str, Callable[[str], str]] = {
    "doc_title": lambda content: _joined(f"# {content}"),
    "table": lambda content: "\n" + center_table(content),
    "content": lambda content: content.replace("-\n", "  \n").replace("\n", "  \n"),
    "algorithm": lambda content: content.strip("\n"),
    **dict.fromkeys(_CAPTION_LABELS, lambda content: _centered(_joined(content))),
    **dict.fromkeys(_TEXT_LABELS, _paragraphs),
}
