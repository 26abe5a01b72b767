"""Tables that are not quite level, as on scans that are skewed by less than the page is turned for.

Over the width of a table, a fall of a third of a degree is as much as the height of a narrow row. `measure_fall` takes
it from the pieces of long rules, and `make_level` moves the boxes of rules and lines, so that each row and each column
has one position. All functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.tables.thresholds import THRESHOLDS


def measure_fall(rules: Rules, height: float) -> float:
    """Return how far the rules across fall per pixel to the right: their median; 0 without long rules.

    height: of a line, in pixels.
    """
    chains: list[list[Box]] = []
    for piece in sorted(rules.across):
        end = next((chain for chain in reversed(chains) if _continues(chain[-1], piece, height)), None)
        if end:
            end.append(piece)
        else:
            chains.append([piece])
    long = [chain for chain in chains if chain[-1].x1 - chain[0].x0 > THRESHOLDS.chain_length * height]
    # The longest rules show it best; short ones are often parts of letters.
    falls = sorted((_fall(chain), (chain[-1].x1 - chain[0].x0) ** 2) for chain in long)
    half, passed = sum(weight for _, weight in falls) / 2, 0.0
    for fall, weight in falls:
        passed += weight
        if passed >= half:
            return fall
    return 0.0


def _fall(chain: Sequence[Box]) -> float:
    """Return the fall of a rule per pixel; a rule in a single piece has none."""
    (x0, y0), (x1, y1) = chain[0].center, chain[-1].center
    return (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0


def _continues(left: Box, right: Box, height: float) -> bool:
    """Return whether two pieces are of one rule."""
    is_next = abs(right.x0 - left.x1) < THRESHOLDS.chain_gap * height
    return is_next and abs(right.center[1] - left.center[1]) < THRESHOLDS.chain_step * height


def make_level(box: Box, lines: Sequence[Line], rules: Rules, height: float) -> tuple[list[Line], Rules]:
    """Return the lines and the rules of a table as they are on a level page. box: the table's, which stays."""
    fall = measure_fall(rules, height)
    if abs(fall) * box.width < THRESHOLDS.min_fall * height:
        return list(lines), rules

    def moved(part: Box) -> Box:
        x, y = part.center
        right, down = fall * (y - box.center[1]), -fall * (x - box.center[0])
        return Box(part.x0 + right, part.y0 + down, part.x1 + right, part.y1 + down)

    return [line.moved(moved) for line in lines], Rules(tuple(map(moved, rules.across)), tuple(map(moved, rules.down)))
