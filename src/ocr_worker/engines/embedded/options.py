"""Options of the embedded engine: what a request may set beside the options of all engines.

This module imports no engine library, so that requests can be checked without one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ocr_worker.wire.schema import ParseOptions

# The labels of PaddleOCR-VL's layout model (PP-DocLayoutV3), so that one list suits both engines. This engine gives a
# region one of: aside_text, display_formula, doc_title, figure_title, footer, footnote, header, image, number,
# paragraph_title, reference_content, table, text.
Label = Literal[
    "abstract",
    "algorithm",
    "aside_text",
    "chart",
    "content",
    "display_formula",
    "doc_title",
    "figure_title",
    "footer",
    "footer_image",
    "footnote",
    "formula_number",
    "header",
    "header_image",
    "image",
    "inline_formula",
    "number",
    "paragraph_title",
    "reference",
    "reference_content",
    "seal",
    "table",
    "text",
    "vertical_text",
    "vision_footnote",
]
# PaddleOCR-VL's own default.
IGNORED_LABELS: tuple[Label, ...] = (
    "number",
    "footnote",
    "header",
    "header_image",
    "footer",
    "footer_image",
    "aside_text",
)


class EmbeddedOptions(ParseOptions):
    """Options of the embedded CPU engine."""

    text_layer: Literal["auto", "never"] = Field(
        "auto",
        description="`auto`: use a PDF page's own text where the picture does not contradict it. `never`: always read.",
    )
    markdown_ignore_labels: list[Label] = Field(
        list(IGNORED_LABELS),
        max_length=64,
        description="Labels left out of the Markdown. They stay in `blocks`. `[]`: keep everything, footnotes and page"
        " furniture included. Default: those of PaddleOCR-VL.",
    )
    markdown_escape: bool = Field(
        True,
        description="Put a backslash in `markdown` before signs of the document's text that a reader of Markdown would"
        " take for markup. `false`: the text as it was read. `blocks` are never escaped.",
    )
