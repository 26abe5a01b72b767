"""Lines that were taken together across the white between two columns, parted again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, split_at

# All as multiples of a line's height. Spaces of justified text are narrower than GAP, or do not line up.
GAP = 0.55  # least white between two words that may be a gutter
NEAR = 6.0  # how far above and below other lines tell
ALIGNED = 0.6  # how far apart the beginnings of a column's lines may lie
COLUMN = 5.0  # what is narrower is no column: the number of a list item
WITNESSES = 3  # lines nearby that begin at the gutter


def split_at_gutters(lines: Sequence[Line]) -> list[Line]:
    """The lines, each cut where it has a wide gap at which lines above and below begin, and few go on across it."""
    starts = [*(line.box for line in lines), *(right for line in lines for _, right in _gaps(line))]
    return [part for line in lines for part in split_at(line, list(_gutters(line, lines, starts)))]


def _gaps(line: Line) -> Iterator[tuple[Box, Box]]:
    """The words on both sides of the line's wide gaps."""
    for left, right in zip(line.words, line.words[1:], strict=False):
        if right.box.x0 - left.box.x1 > GAP * line.box.height:
            yield left.box, right.box


def _gutters(line: Line, lines: Sequence[Line], starts: Sequence[Box]) -> Iterator[float]:
    height = line.box.height
    for left, right in _gaps(line):
        if min(left.x1 - line.box.x0, line.box.x1 - right.x0) < COLUMN * height:
            continue
        middle = (left.x1 + right.x0) / 2
        begin = sum(_near(box, line.box) and abs(box.x0 - right.x0) < ALIGNED * height for box in starts) - 1
        across = sum(_near(other.box, line.box) and _crosses(other, middle, height) for other in lines)
        if begin >= WITNESSES and across <= begin / 3:
            yield middle


def _near(box: Box, line: Box) -> bool:
    return abs(box.center[1] - line.center[1]) < NEAR * line.height


def _crosses(line: Line, x: float, height: float) -> bool:
    """Whether the line goes on over `x`, and has no wide gap about there."""
    inside = line.box.x0 + 0.5 * height < x < line.box.x1 - 0.5 * height
    return inside and not any(left.x1 - 0.3 * height < x < right.x0 + 0.3 * height for left, right in _gaps(line))
