"""Findings about a page, as the comparison returns them, and the messages of the warnings they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ocr_worker.wire.schema import BBox
from ocr_worker.witness.evidence import Rectangle

FindingCode = Literal["TEXT_MISSED", "TEXT_UNSUPPORTED", "NUMBERS_DIFFER", "REPEATED", "CUT"]
FINDING_CODES: tuple[str, ...] = get_args(FindingCode)

_SHOWN = 60  # characters of a text in a message
_MESSAGES: dict[FindingCode, str] = {
    "TEXT_MISSED": "the page has text that is not in the result: {text}; look at the page",
    "TEXT_UNSUPPORTED": "the result has text without evidence in its place on the page: {text}; look at the page",
    "NUMBERS_DIFFER": "a number differs from what a second reader sees: {text}; look at the page",
    "REPEATED": "the result repeats text more often than the page has it: {text}; look at the page",
    "CUT": "the text of a block ends before the text on the page, which goes on with {text}; look at the page",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a result and the page differ.

    block: index of the block; None for text in no block. text: what differs. bbox: in pixels of the page. size: plain
    characters that it concerns.
    """

    code: FindingCode
    text: str
    bbox: Rectangle
    block: int | None = None
    size: int = 0

    @property
    def message(self) -> str:
        """Message for people: the problem, then the remedy."""
        text = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}…"
        return _MESSAGES[self.code].format(text=f"“{text}”" if text else "text that cannot be read")

    @property
    def box(self) -> BBox:
        """The box in whole pixels."""
        x0, y0, x1, y1 = self.bbox
        return int(x0), int(y0), round(x1), round(y1)
