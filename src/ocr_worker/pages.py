"""Define a page in its three forms on the way through a job: page image, parsed page, page outcome.

The rasterizer renders page images, an engine turns them into parsed pages, and the pipeline turns those into outcomes.
Checkpoints store outcomes, and results are built from them. The types are here, below all of these packages, so that
none of them imports another for a type. They are not sent to callers: the models of responses are in `wire.schema`.
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
    """A word of a PDF page's text layer.

    bbox: x0, y0, x1, y1 in pixels of the page image, not rounded. font: number of the font that sets most of the word,
    the same for all words of this page in that font; its value has no other meaning. other_fonts: of its other letters.
    """

    text: str
    bbox: tuple[float, float, float, float]
    font: int = 0
    other_fonts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a PDF page's text layer.

    bbox: as for words. words: may be empty. corners: of a line at an angle to the page, four (x, y), clockwise from the
    beginning of its upper side; None for a line along the page, or up or down. Raised and lowered text is written as in
    `characters`. has_space_after: whether the file has a space at the line's end. is_repeated: the line is near the
    upper or lower edge of the page, and the file repeats it in the same place one or two pages before or after, as a
    running head. Numbers may count the pages. False on pages that are made from one form. Does not depend on the pages
    that are requested.
    """

    text: str
    bbox: tuple[float, float, float, float]
    words: tuple[TextWord, ...] = ()
    corners: tuple[tuple[float, float], ...] | None = None
    has_space_after: bool = False
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class PageImage:
    """The pixels of one page, with its text layer.

    number: page number, 1-based. pixels: [height, width, 3], BGR. dpi: resolution of the pixels; None for image files
    that do not state one. warnings: of the rendering. text_lines: the page's text layer; None if it has none, or if the
    engine did not ask for it. proven_fonts: numbers of the fonts whose own tables prove that they set what the text
    layer says. symbol_fonts: numbers of the fonts of formulas and symbols. text_turn: quarter turns, counter-clockwise,
    that set nearly all letters of the text layer upright; None if they are drawn in several directions.
    """

    number: int
    pixels: Pixels
    dpi: float | None = None
    warnings: tuple[PageWarning, ...] = ()
    text_lines: tuple[TextLine, ...] | None = None
    proven_fonts: frozenset[int] = frozenset()
    symbol_fonts: frozenset[int] = frozenset()
    text_turn: int | None = None


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """The content of one page, as an engine returns it.

    width, height: pixels of the page as it was processed, that is after an engine turned it upright.
    markdown: refers to figures by `Figure.name`. figures: with base64 only if `options.figures` is "inline".
    image: base64 JPEG of the page as it was processed, if `options.page_images` is "inline".
    raw: JSON for the engine's own `merge_pages`; no other code reads it.
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
class Verification:
    """The comparison of a page with a second reading. The confidence of its blocks is on the blocks.

    is_verified: whether the second reading was ready in time; else there is nothing else. ink_coverage: see
    `PageResult`. warnings: the findings. regions_reread: number of places that the engine read once more; None without
    `verify: repair`.
    """

    is_verified: bool
    ink_coverage: float | None = None
    warnings: Sequence[PageWarning] = ()
    regions_reread: int | None = None


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """The outcome of one page: its content, or its error.

    number: page number, 1-based. dpi: resolution of the page image. warnings: of the rendering. seconds: engine time.
    from_checkpoint: whether the page was stored, by an earlier run of the job or in the content cache. verification:
    None without `verify`.
    """

    number: int
    result: ParsedPage | OcrWorkerError
    dpi: float | None = None
    warnings: Sequence[PageWarning] = ()
    seconds: float = 0.0
    from_checkpoint: bool = False
    verification: Verification | None = None


def figure_name(page: int, index: int) -> str:
    """Return the name of figure `index` (1-based) of page `page`. It is unique in the document."""
    return f"page-{page}-figure-{index}.jpg"
