"""The regions of a page that the engine reads once more: blocks with a finding, and text in no block.

`blocks_at` and `blocks_around` return the blocks at places of the page, to assign words or findings to blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ocr_worker.wire.schema import BBox, Block
from ocr_worker.witness.findings import Finding

_TIGHT = 4  # pixels that a block's box may be too small
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


def block_at(blocks: Sequence[Block], bbox: Sequence[float]) -> int | None:
    """Return the index of the smallest block that contains the middle of the box, or None."""
    (index,) = blocks_at([block.bbox for block in blocks], [bbox])
    return int(index) if index >= 0 else None


def blocks_at(blocks: Sequence[BBox], boxes: Sequence[Sequence[float]]) -> NDArray[np.intp]:
    """Return for each box the index of the smallest of the blocks' boxes that contains its middle; -1: none does.

    A block whose box may be too small comes after all that contain the middle as they are.
    """
    x0, y0, x1, y1 = np.asarray(boxes, np.float64).reshape(-1, 4).T
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    indices = np.full(len(x), -1, np.intp)
    by_area = sorted(range(len(blocks)), key=lambda index: (-_area(blocks[index]), -index))
    for margin, index in product((_TIGHT, 0), by_area):
        left, top, right, bottom = blocks[index]
        is_inside = (x >= left - margin) & (x <= right + margin) & (y >= top - margin) & (y <= bottom + margin)
        indices[is_inside] = index  # a smaller block comes later
    return indices


def blocks_around(blocks: Sequence[BBox], box: Sequence[float]) -> list[int]:
    """Return the indices of the blocks' boxes that contain the middle of the box or nearly do, the smallest first."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    around = [
        index
        for index, (left, top, right, bottom) in enumerate(blocks)
        if left - _TIGHT <= x <= right + _TIGHT and top - _TIGHT <= y <= bottom + _TIGHT
    ]
    return sorted(around, key=lambda index: _area(blocks[index]))


def _area(bbox: BBox) -> int:
    return (bbox[2] - bbox[0]) * (bbox[3] - bbox[1])


def can_reread(region: Region, blocks: Sequence[Block]) -> bool:
    """Return whether a crop of the region can be read like the region itself."""
    return region.block is None or _FIGURE not in blocks[region.block].content
