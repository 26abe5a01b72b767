"""Cards: texts in frames or on fills of their own, side by side, which are read row by row.

Columns of prose are read down, one after the other. The lines of cards look the same, but their frames say that each is
complete. `find_frames` finds the frames from the page's rules, where the edges of fills count as rules, too, and
`find_cards` those that are cards. Both are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import Box, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.rules import Rules, ruled_length
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS


def find_cards(frames: Sequence[Box], height: float) -> list[Box]:
    """Return the frames that have another one at their side, level with their upper edge and apart from them.

    Cells of a table touch their neighbors, and are no cards. height: of a line.
    """
    return [frame for frame in frames if any(_is_beside(frame, other, height) for other in frames)]


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
