"""Pages on their way through a job: page images, parsed pages, and page outcomes.

The rasterizer produces page images, an engine turns them into parsed pages, and the pipeline turns those into outcomes,
which checkpoints store and results are built from. The types are here, below all of these rooms, so that none of them
imports another one for the sake of a type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr_worker.errors import OcrWorkerError
from ocr_worker.wire.schema import Block, Figure, PageWarning, TextSource

Pixels = NDArray[np.uint8]  # [height, width, 3], BGR


@dataclass(frozen=True, slots=True)
class TextWord:
    """A word of a PDF page's text layer. `bbox`: x0, y0, x1, y1 in pixels of the page image, not rounded."""

    text: str
    bbox: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a PDF page's text layer. `bbox` as for words; `words` may be empty."""

    text: str
    bbox: tuple[float, float, float, float]
    words: tuple[TextWord, ...] = ()


@dataclass(frozen=True, slots=True)
class PageImage:
    """One rendered page.

    number: 1-based. dpi: of the rendering; None for images that do not state one.
    text_lines: the page's text layer; None when it has none, or when the engine did not ask for it.
    """

    number: int
    pixels: Pixels
    dpi: float | None = None
    warnings: tuple[PageWarning, ...] = ()
    text_lines: tuple[TextLine, ...] | None = None


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """The content of one page, as an engine returns it.

    width, height: pixels of the page as it was processed, which is after an engine has turned it upright.
    markdown: refers to figures by `Figure.name`. figures: with base64 only where `options.figures` is "inline".
    image: base64 JPEG of the page as it was processed, where `options.page_images` is "inline".
    raw: JSON for the engine's own `merge_pages`; nothing else reads it.
    """

    width: int
    height: int
    markdown: str
    blocks: list[Block]
    figures: list[Figure] = field(default_factory=list)
    warnings: list[PageWarning] = field(default_factory=list)
    text_source: TextSource = "picture"
    raw: dict[str, Any] | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """The end of one page: its content, or the error it failed with.

    warnings: of the rendering. seconds: of engine time. from_checkpoint: parsed by an earlier run of the job.
    """

    number: int
    result: ParsedPage | OcrWorkerError
    dpi: float | None = None
    warnings: Sequence[PageWarning] = ()
    seconds: float = 0.0
    from_checkpoint: bool = False


def figure_name(page: int, index: int) -> str:
    """Return the name of figure `index` (1-based) of page `page`; it is unique in the document."""
    return f"page-{page}-figure-{index}.jpg"
