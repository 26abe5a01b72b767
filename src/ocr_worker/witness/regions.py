"""The regions of a page that the engine reads once more: blocks with a finding, and text in no block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocr_worker.wire.schema import BBox, Block
from ocr_worker.witness.findings import Finding

MAX_REGIONS = 12  # of a page; one with more is to be read by a person anyway
_MIN_SIDE = 8  # pixels of a region
_FIGURE = "<img"  # a table with a figure in a cell: a crop alone cannot name the figure


@dataclass(frozen=True, slots=True)
class Region:
    """A place to read once more. block: index of its block; None for text in no block."""

    label: str
    bbox: BBox
    block: int | None


def regions_of(blocks: Sequence[Block], findings: Sequence[Finding]) -> list[Region]:
    """Return the regions to read once more, those with most text in doubt first; at most MAX_REGIONS."""
    sizes: dict[Region, int] = {}
    for finding in findings:
        region = region_of(blocks, finding)
        if min(region.bbox[2] - region.bbox[0], region.bbox[3] - region.bbox[1]) >= _MIN_SIDE:
            sizes[region] = sizes.get(region, 0) + finding.size
    return sorted(sizes, key=lambda region: -sizes[region])[:MAX_REGIONS]


def region_of(blocks: Sequence[Block], finding: Finding) -> Region:
    """Return the place of a finding: its block, or its own box if it concerns text in no block."""
    if finding.block is None:
        return Region("text", finding.box, None)
    block = blocks[finding.block]
    return Region(block.label, block.bbox, finding.block)


def can_reread(region: Region, blocks: Sequence[Block]) -> bool:
    """Return whether a crop of the region can be read like the region itself."""
    return region.block is None or _FIGURE not in blocks[region.block].content
