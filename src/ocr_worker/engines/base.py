"""What an engine is: pages in, parsed pages out.

An engine lives on one thread of its own, from construction to its last page; nobody else calls it. It may raise: the
worker then tries the pages of the batch one by one, so that a fault costs the page it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ocr_worker.errors import OcrWorkerError
from ocr_worker.wire.schema import Block, EngineInfo, Figure, PageWarning, ParseOptions, TextSource

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TextWord:
    """A word of a born-digital page's own text; `bbox` as floats in pixels of the page's raster."""

    text: str
    bbox: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a born-digital page's own text; `bbox` as for words, which may be empty."""

    text: str
    bbox: tuple[float, float, float, float]
    words: tuple[TextWord, ...] = ()


@dataclass(frozen=True, slots=True)
class PageImage:
    """One rendered page.

    pixels: uint8 [height, width, 3], BGR. dpi: of the rendering; None for images that do not say.
    text_lines: the page's own text layer, when it has one and it was asked for.
    """

    number: int
    pixels: Pixels
    dpi: float | None = None
    warnings: tuple[PageWarning, ...] = ()
    text_lines: tuple[TextLine, ...] | None = None


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """What an engine read on one page. `width`, `height`: pixels of the page as it was processed (after turning it).

    image: base64 JPEG of the page as it was processed, where `options.page_images` is "inline".
    raw: JSON that the engine's own `merge_pages` reads, opaque to everybody else.
    Figures carry base64 only where `options.figures` is "inline". Markdown names them by `Figure.name`.
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


class Engine(Protocol):
    """The adapter of one model; see CONTRIBUTING for how to add one."""

    info: EngineInfo
    preferred_dpi: int
    batch_size: int

    def warm_up(self) -> None:
        """Parses a page of its own, so that the first job finds everything loaded.

        Raises EngineUnavailable when the known text of that page does not come back.
        """
        ...

    def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> Sequence[ParsedPage]:
        """Parses the pages, one result for each, in their order.

        `options` is an instance of this engine's own options model. Raises anything; `EngineUnavailable` says that
        the engine cannot go on, and the worker then drains and asks for a replacement.
        """
        ...

    def close(self) -> None:
        """Frees what the engine holds; called on its thread, once."""
        ...


@runtime_checkable
class Revives(Protocol):
    """An engine part of whose work is done by another process, which may die, freeze, and be started again."""

    def revive(self) -> None:
        """Returns as soon as that process can be used. On the engine's thread, before each call.

        Raises EngineUnavailable when it will not be back.
        """
        ...

    def abandon(self) -> OcrWorkerError | None:
        """Ends that process, which failed or hangs in this engine's call; why it will not be back, if so. From any
        thread, and more than once for one call."""
        ...

    def lost(self) -> OcrWorkerError | None:
        """Why that process will not be back, if so. From any thread."""
        ...


@runtime_checkable
class MergesPages(Protocol):
    """An engine that can look over a whole document again: tables over a page break joined, titles levelled anew."""

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
        """Return the document's pages, merged. `pages`: in order, None for one that failed; as many come back.

        Called on a job's thread while the engine's own thread parses, several at once, and after the engine was lost
        or closed: it depends on `pages` alone and uses none of the engine's state.
        """
        ...


def figure_name(page: int, index: int) -> str:
    """The name of the page's figure number `index` (from 1): unique in its document."""
    return f"page-{page}-figure-{index}.jpg"


def options_of(options: ParseOptions) -> dict[str, Any]:
    """The engine's own options that were given, without the common ones."""
    common = ParseOptions.model_fields
    return {name: value for name, value in options.model_dump(exclude_unset=True).items() if name not in common}
