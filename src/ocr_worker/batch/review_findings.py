"""The findings of a page for a review: their numbers, kinds and places among the blocks, and confidences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocr_worker.batch.doubts import findings_of, is_repaired
from ocr_worker.wire.schema import BBox, Block, PageResult, PageWarning
from ocr_worker.witness.regions import block_at

NAMES = {
    "TEXT_MISSED": ("missing", "Not in the result"),
    "CUT": ("missing", "Cut off"),
    "TEXT_UNSUPPORTED": ("extra", "Not on the page"),
    "REPEATED": ("extra", "Repeated"),
    "NUMBERS_DIFFER": ("differs", "Number differs"),
}
_LOW = 0.5  # a confidence below it is colored
_MARGIN = 4  # pixels that a block's box may be too small


@dataclass(frozen=True, slots=True)
class PlacedFinding:
    """A finding of a page. number: in the page, from 1. block: index of its block; None: it is in none."""

    number: int
    warning: PageWarning
    block: int | None

    @property
    def css(self) -> str:
        """CSS class of its kind, which decides the color."""
        return "repaired" if is_repaired(self.warning) else NAMES[self.warning.code][0]

    @property
    def words(self) -> str:
        """Words of the result that it is about: after a repair, those of the new reading."""
        if self.warning.repair and is_repaired(self.warning):
            return self.warning.repair.after
        text = self.warning.text or ""
        return text.partition(" / ")[0] if self.warning.code == "NUMBERS_DIFFER" else text

    @property
    def is_absent(self) -> bool:
        """True if it is about text that the result lacks."""
        return self.css == "missing"


def place_findings(page: PageResult) -> list[PlacedFinding]:
    """Return the findings of the page with their numbers and blocks."""
    return [
        PlacedFinding(number, warning, _block_of(warning, page.blocks or ()))
        for number, warning in enumerate(findings_of(page), 1)
    ]


def _block_of(warning: PageWarning, blocks: Sequence[Block]) -> int | None:
    """Return the index of the block that the finding is about: with its box, or the smallest around its middle."""
    if warning.bbox is None:
        return None
    same = (index for index, block in enumerate(blocks) if block.bbox == warning.bbox)
    return next(same, block_at(blocks, warning.bbox))


def block_above(bbox: BBox | None, blocks: Sequence[Block]) -> int | None:
    """Return the block whose lower edge is nearest above the box, beside it if it can be; None: there is none."""
    if bbox is None:
        return None
    above = [index for index, block in enumerate(blocks) if block.bbox[3] <= bbox[1] + _MARGIN]
    beside = [index for index in above if blocks[index].bbox[0] < bbox[2] and bbox[0] < blocks[index].bbox[2]]
    return max(beside or above, key=lambda index: blocks[index].bbox[3], default=None)


def is_low(block: Block) -> bool:
    """Return whether the block has a low confidence."""
    return block.confidence is not None and block.confidence < _LOW


def confidence_text(confidence: float | None) -> str:
    """Return a confidence as it is shown: two digits, `1` only for 1, and a dash for a block that was not compared."""
    return "–" if confidence is None else "1" if confidence == 1 else f"{confidence:.2f}"


def badge_html(rank: int, finding: PlacedFinding) -> str:
    """Return the number of a finding, which links to its box on the picture. rank: of the page in the review."""
    return f'<a class="badge" href="#p{rank}-b{finding.number}">{finding.number}</a>'
