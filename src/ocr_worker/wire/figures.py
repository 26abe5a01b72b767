"""References to figures in a page's Markdown, rewritten to another address or to the form of another API. Pure.

The embedded engine writes a figure as `![text in the figure](name)`, and PaddleOCR-VL as an `img` in a centered `div`,
which may contain a caption. An API wants another address, or no picture. Its form must not lose the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from ocr_worker.wire.schema import Figure

_MARKDOWN_IMAGE = re.compile(r"!\[((?:\\.|[^\[\]\\])*)\]\(([^()\s]+)\)")
_HTML_IMAGE = re.compile(r'<div style="text-align: center;"><img src="([^"]+)"[^>]*>(.*?)</div>\n?', re.DOTALL)
_MARKDOWN_ADDRESS = re.compile(r"(!\[(?:\\.|[^\[\]\\])*\]\()([^()\s]+)(\))")
_HTML_ADDRESS = re.compile(r'(<img src=")([^"]+)(")')


def replace_figures(markdown: str, figures: Iterable[Figure], reference: Callable[[Figure], str]) -> str:
    """Return the Markdown with each reference to a figure replaced by `reference(figure)`.

    Text in the figure, and a caption, become paragraphs of their own after it. Other images are not changed.
    """
    by_name = {figure.name: figure for figure in figures}

    def replacement(match: re.Match[str], name: str, text: str) -> str:
        figure = by_name.get(name)
        if figure is None:
            return match[0]
        return "\n\n".join(part for part in (reference(figure), text.strip()) if part)

    markdown = _HTML_IMAGE.sub(lambda match: replacement(match, match[1], match[2]), markdown)
    return _MARKDOWN_IMAGE.sub(lambda match: replacement(match, match[2], match[1]), markdown)


def move_figures(markdown: str, addresses: Mapping[str, str]) -> str:
    """Return the Markdown with another address for each image whose address is a key of `addresses`."""

    def moved(match: re.Match[str]) -> str:
        return f"{match[1]}{addresses.get(match[2], match[2])}{match[3]}"

    return _HTML_ADDRESS.sub(moved, _MARKDOWN_ADDRESS.sub(moved, markdown))


def data_uri(figure: Figure) -> str:
    """Return the crop as a data URI; empty without a crop."""
    return f"data:{figure.media_type};base64,{figure.base64}" if figure.base64 else ""


def embedded_image(figure: Figure) -> str:
    """Return the crop as an image in Markdown, with its bytes as a data URI. Without a crop, refer to it by name."""
    return f"![]({data_uri(figure) or figure.name})"
