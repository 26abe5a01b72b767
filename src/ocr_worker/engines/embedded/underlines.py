"""Underlined lines: those with a rule right below them that begins and ends as they do.

Titles on a typewriter are underlined, as titles in print are bold. A rule that is longer than the text is a blank to
fill in, or parts the page. All functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from ocr_worker.engines.embedded.geometry import Box, x_overlap
from ocr_worker.engines.embedded.layout.rules import Rules, ruled_length
from ocr_worker.engines.embedded.lines import Line, is_vertical
from ocr_worker.engines.embedded.thresholds import THRESHOLDS


def mark_underlined(lines: Sequence[Line], rules: Rules) -> list[Line]:
    """Return the lines, marked where they are underlined from end to end."""
    across = _from_top(rules)
    return [
        replace(line, is_underlined=True)
        if not line.outline and not is_vertical(line) and _is_underlined(line.box, across)
        else line
        for line in lines
    ]


def without_underlines(rules: Rules, lines: Sequence[Line]) -> Rules:
    """Return the rules without those that underline a line, which separate nothing. lines: marked."""
    across = _from_top(rules)
    under = {rule for line in lines if line.is_underlined for rule in _rules_below(line.box, across)}
    return replace(rules, across=tuple(rule for rule in rules.across if rule not in under))


def _from_top(rules: Rules) -> list[Box]:
    return sorted(rules.across, key=_level)


def _level(rule: Box) -> float:
    return rule.center[1]


def _is_underlined(box: Box, across: Sequence[Box]) -> bool:
    reach = THRESHOLDS.underline_reach * box.height
    below = _rules_below(box, across)
    if not below or any(rule.x0 < box.x0 - reach or rule.x1 > box.x1 + reach for rule in below):
        return False
    length = ruled_length(below, 0, box.y1, (box.x0, box.x1), box.height / 2)
    return length >= THRESHOLDS.underlined_share * box.width


def _rules_below(box: Box, across: Sequence[Box]) -> list[Box]:
    """Return the rules right below a line, or in the lower half of its box. across: the rules from top to bottom."""
    start = bisect_right(across, box.center[1], key=_level)
    end = bisect_left(across, box.y1 + THRESHOLDS.underline_reach * box.height, key=_level)
    return [rule for rule in across[start:end] if x_overlap(rule, box) > 0]
