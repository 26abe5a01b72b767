"""Cards: texts in frames or on fills of their own, side by side, which are read row by row.

Columns of prose are read down, one after the other. The lines of cards look the same, but their frames say that each is
complete. `find_frames` finds the frames from the page's rules, where the edges of fills count as rules, too, and
`find_cards` those that are cards. `split_at_frames` separates texts that are not in the same frame. All functions are
pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import Box, covered, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.regions import PROSE, Region, group_lines
from ocr_worker.engines.embedded.layout.rules import Rules, ruled_length
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.lines import Line, line_height


def find_cards(frames: Sequence[Box], height: float) -> list[Box]:
    """Return the frames that have another one at their side, level with their upper edge and apart from them.

    Cells of a table touch their neighbors, and are no cards. height: of a line.
    """
    return [frame for frame in frames if any(_is_beside(frame, other, height) for other in frames)]


def frames_of_texts(frames: Sequence[Box], others: Sequence[Box], lines: Sequence[Line]) -> list[Box]:
    """Return the frames whose texts are read in one, such as advertisements: no cells of a table.

    Cells touch their neighbors, and have few lines or a neighbor of their height at the side, or they are in one of the
    others: boxes of tables and pictures.
    """
    apart = [frame for frame in frames if not any(covered(frame, box) > THRESHOLDS.framed_cell for box in others)]
    margin = THRESHOLDS.min_card_gap * line_height(lines)
    return [frame for frame in apart if not _is_cell(frame, frames, lines, margin)]


def _is_cell(frame: Box, frames: Sequence[Box], lines: Sequence[Line], margin: float) -> bool:
    neighbors = [other for other in frames if _touches(frame, other, margin)]
    count = sum(frame.contains(line.box.center) for line in lines)
    is_in_row = any(max(abs(frame.y0 - other.y0), abs(frame.y1 - other.y1)) < margin for other in neighbors)
    return is_in_row or (len(neighbors) > 0 and count < THRESHOLDS.min_framed_text)


def _touches(frame: Box, other: Box, margin: float) -> bool:
    """Return whether two frames have an edge in common, side by side or one above the other."""
    x, y = x_overlap(frame, other), y_overlap(frame, other)
    return other is not frame and min(x, y) > -margin and min(abs(x), abs(y)) < margin


def split_at_frames(regions: Sequence[Region], frames: Sequence[Box]) -> list[Region]:
    """Return the regions, each text in several frames, or inside and outside of a frame, in a part for each."""
    parts: list[Region] = []
    for region in regions:
        by_frame: dict[Box | None, list[Line]] = {}
        for line in region.lines:
            by_frame.setdefault(innermost(frames, line.box), []).append(line)
        if len(by_frame) > 1 and region.label in PROSE:
            outside = group_lines(by_frame.pop(None, []))
            groups = [*by_frame.values(), *outside]
            parts += [region.with_lines(tuple(group)) for group in groups]
        else:
            parts.append(region)
    return parts


def innermost(frames: Sequence[Box], box: Box) -> Box | None:
    """Return the smallest frame around the middle of the box; None outside of all frames."""
    around = [frame for frame in frames if frame.contains(box.center)]
    return min(around, key=lambda frame: frame.area, default=None)


def find_frames(rules: Rules, height: float) -> list[Box]:
    """Return the rectangles that rules close on all sides; corners may be round. height: of a line."""
    margin, min_side = THRESHOLDS.frame_corner * height, THRESHOLDS.min_card_side * height
    edges = sorted((rule for rule in rules.across if rule.width > min_side), key=lambda rule: rule.y0)
    frames: list[Box] = []
    for i, upper in enumerate(edges):
        if any(_is_on_frame(upper, frame, margin) for frame in frames):
            continue  # the lower edge of that frame, or the inner side of its thick edge
        # Most rules are the edge of no frame: this is seen at their ends.
        left, right = (_near(rules.down, x, 2 * margin) for x in (upper.x0, upper.x1))
        if not left or not right:
            continue
        for lower in edges[i + 1 :]:
            box = Box(min(upper.x0, lower.x0), upper.center[1], max(upper.x1, lower.x1), lower.center[1])
            is_matching = abs(upper.x0 - lower.x0) <= margin and abs(upper.x1 - lower.x1) <= margin
            if is_matching and box.height > min_side and _is_closed(box, left, right, margin):
                frames.append(box)
                break
    return frames


def _is_on_frame(edge: Box, frame: Box, margin: float) -> bool:
    """Return whether the rule is the upper or lower edge of the frame; another frame may be close below."""
    is_matching = abs(edge.x0 - frame.x0) <= margin and abs(edge.x1 - frame.x1) <= margin
    return is_matching and min(abs(edge.center[1] - y) for y in (frame.y0, frame.y1)) <= margin / 2


def _near(down: Sequence[Box], x: float, margin: float) -> list[Box]:
    return [rule for rule in down if abs(rule.center[0] - x) <= margin]


def _is_closed(box: Box, left: Sequence[Box], right: Sequence[Box], margin: float) -> bool:
    """Return whether rules run down both sides of the box, apart from its corners. left, right: the rules there."""
    along = (box.y0 + margin, box.y1 - margin)
    min_length = THRESHOLDS.frame_side * (along[1] - along[0])
    return all(ruled_length(side, 1, x, along, margin) >= min_length for side, x in ((left, box.x0), (right, box.x1)))


def _is_beside(a: Box, b: Box, height: float) -> bool:
    """Return whether two frames are side by side, apart, with level upper edges."""
    is_apart = x_overlap(a, b) < -THRESHOLDS.min_card_gap * height
    return a is not b and is_apart and y_overlap(a, b) > 0 and abs(a.y0 - b.y0) <= THRESHOLDS.card_level * height
