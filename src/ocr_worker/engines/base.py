"""What an engine is: pages in, parsed pages out.

An engine lives on one thread of its own, from construction to its last page; nobody else calls it. It may raise: the
worker then tries the pages of the batch one by one, so that a fault costs the page it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from ocr_worker.errors import OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.wire.schema import EngineInfo, ParseOptions


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
        """The document's pages in order, None for one that failed; the same number comes back. On any thread."""
        ...


def options_of(options: ParseOptions) -> dict[str, Any]:
    """The engine's own options that were given, without the common ones."""
    common = ParseOptions.model_fields
    return {name: value for name, value in options.model_dump(exclude_unset=True).items() if name not in common}
