"""Options of the embedded engine: what a request may set beside the options of all engines.

This module imports no engine library, so that requests can be checked without one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ocr_worker.wire.schema import ParseOptions


class EmbeddedOptions(ParseOptions):
    """Options of the embedded CPU engine."""

    text_layer: Literal["auto", "never"] = Field(
        "auto",
        description="`auto`: use a PDF page's own text where the picture does not contradict it. `never`: always read.",
    )
    markdown_escape: bool = Field(
        True,
        description="Put a backslash in `markdown` before signs of the document's text that a reader of Markdown would"
        " take for markup. `false`: the text as it was read. `blocks` are never escaped.",
    )
