"""Raised and lowered text: smaller characters off the baseline of the text beside them.

Runs only in a rasterizer process. Exponents, indices and the markers of footnotes are set like that.
`write_raised_text` compares each stretch of characters of one size with the text beside it, at its left if it is joined
to it, else at its right. What is smaller on the same baseline, such as small capitals, stays as it is. So do numerators
and denominators of fractions with a fraction slash, signs that are raised by themselves, such as an asterisk, and long
texts. A small number over another one is a fraction, and is written with a slash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Literal

from ocr_worker.characters import write_raised
from ocr_worker.sources.rasterizer.letters import Baseline, Letter

_SMALLEST, LARGEST = 0.4, 0.9  # size of raised and lowered text, in ems of the text beside it
_RAISED = 0.15, 1.0  # height of the baseline above that of the text beside it, in ems
_LOWERED = 0.05, 0.6  # the same for lowered text, below
_SAME_SIZE, _SAME_HEIGHT = 0.06, 0.04  # in ems; characters that differ less are of one stretch
_MAX_LENGTH = 12  # characters of raised text; more are a text in small print
_MAX_LETTERS = 5
_MAX_OVERLAP = 0.2  # ems that an exponent may begin before the end of its base
_MAX_APART = 3  # digits of a marker that is set apart from the text
_OVER = 0.85, 2.0  # height of a numerator's baseline above that of its denominator, in ems of the two
_CENTERED = 0.25  # ems between their middles
_MAX_FRACTION = 6  # characters of each
_OPERATORS = frozenset("+-−–±·⋅×*/ ")  # a sum above or below needs parentheses
_FRACTION_SLASH = "\u2044"
_RAISED_SIGNS = frozenset("*∗†‡§¶°º'\"′″‘’“”™®©")

_Kind = Literal["raised", "lowered"] | None


@dataclass(slots=True)
class _Stretch:
    """Characters of one size on one baseline. start, end: positions in the line. kind: whether they are raised."""

    start: int
    end: int
    baseline: Baseline
    kind: _Kind = None


def write_raised_text(letters: Sequence[Letter]) -> list[Letter]:
    """Return the letters of a line, with the raised and lowered ones, and fractions, in such a form."""
    letters = _write_fractions(letters)
    stretches = _stretches(letters)
    if len(stretches) < 2:
        return list(letters)
    for index, stretch in enumerate(stretches):
        stretch.kind = _kind(letters, stretches, index)
    written = list(letters)
    for start, end, kind in _joined(stretches):
        texts = [letter.text for letter in letters[start:end]]
        if _is_written(texts, "".join(letter.text for letter in letters[max(0, start - 1) : end + 1])):
            forms = write_raised(texts, is_lowered=kind == "lowered")
            written[start:end] = [
                letter._replace(text=text) for letter, text in zip(letters[start:end], forms, strict=True)
            ]
    return written


def is_denominator(letters: Sequence[Letter], letter: Letter) -> bool:
    """Return whether the letter is below the last text of the line, in the same small size: below a fraction's rule."""
    last = letters[-1].baseline
    if not last or not letter.baseline or abs(last.em - letter.baseline.em) > _SAME_SIZE * last.em:
        return False
    if not letters[-1].box:
        return False
    upper = list(takewhile(lambda other: other.baseline and _is_alike(last, other.baseline), reversed(letters)))
    largest = max(other.baseline.em for other in letters if other.baseline)
    boxes = [other.box for other in upper if other.box]
    start, end = (last.position(x, last.y)[0] for x in (min(box[0] for box in boxes), max(box[2] for box in boxes)))
    along, above = last.position(letter.baseline.x, letter.baseline.y)
    is_below = _OVER[0] <= -above <= _OVER[1] and start - _MAX_FRACTION / 4 < along < end
    return last.em <= LARGEST * largest and is_below and len(upper) <= _MAX_FRACTION


def _write_fractions(letters: Sequence[Letter]) -> list[Letter]:
    """Return the letters, numbers over one another with a slash between them; their baselines are left out."""
    stretches = _stretches(letters)
    largest = max((stretch.baseline.em for stretch in stretches), default=0.0)
    written = list(letters)
    for upper, lower in reversed(list(pairwise(stretches))):
        between = letters[upper.end : lower.start]
        if any(letter.box for letter in between) or not _is_fraction(letters, upper, lower, largest):
            continue
        parts = [_in_parentheses(letters[stretch.start : stretch.end]) for stretch in (upper, lower)]
        parts[1][0] = parts[1][0]._replace(text=f"/{parts[1][0].text}")
        before = letters[upper.start - 1].text[-1:] if upper.start else ""
        space = [Letter(" ", None)] if before.isalnum() else []
        written[upper.start : lower.end] = [*space, *parts[0], *parts[1]]
    return written


def _is_fraction(letters: Sequence[Letter], upper: _Stretch, lower: _Stretch, largest: float) -> bool:
    """Return whether the first stretch is centered over the second one, and no letter's index or mass number."""
    em = upper.baseline.em
    if em > LARGEST * largest or abs(em - lower.baseline.em) > _SAME_SIZE * em:
        return False
    _, above = lower.baseline.position(upper.baseline.x, upper.baseline.y)
    texts = ["".join(letter.text for letter in letters[part.start : part.end]) for part in (upper, lower)]
    if not _OVER[0] <= above <= _OVER[1] or not all(0 < len(text.strip()) <= _MAX_FRACTION for text in texts):
        return False
    middles = [_middle(letters, part, lower.baseline) for part in (upper, lower)]
    beside = [letters[i].text for i in (upper.start - 1, lower.end) if 0 <= i < len(letters)]
    is_bare = not any(text[-1:].isalpha() for text in beside)
    return (
        is_bare and not any(_OPERATORS.issuperset(text) for text in texts) and abs(middles[0] - middles[1]) < _CENTERED
    )


def _middle(letters: Sequence[Letter], stretch: _Stretch, baseline: Baseline) -> float:
    """Return where the middle of the stretch is along the baseline, in ems."""
    boxes = [letter.box for letter in letters[stretch.start : stretch.end] if letter.box]
    x0, x1 = min(box[0] for box in boxes), max(box[2] for box in boxes)
    return baseline.position((x0 + x1) / 2, boxes[0][3])[0]


def _in_parentheses(letters: Sequence[Letter]) -> list[Letter]:
    """Return the letters without baselines, in parentheses if they are a sum or a product."""
    part = [letter._replace(baseline=None) for letter in letters]
    if not _OPERATORS.isdisjoint("".join(letter.text for letter in part).strip()):
        part[0] = part[0]._replace(text=f"({part[0].text}")
        part[-1] = part[-1]._replace(text=f"{part[-1].text})")
    return part


def is_raised_beside(a: Baseline, b: Baseline) -> bool:
    """Return whether one of the two is raised or lowered text beside the other."""
    small, large = sorted((a, b), key=lambda baseline: baseline.em)
    return _compare(small, large) is not None


def _stretches(letters: Sequence[Letter]) -> list[_Stretch]:
    stretches: list[_Stretch] = []
    for position, letter in enumerate(letters):
        if not letter.box or not letter.baseline:
            continue
        last = stretches[-1] if stretches and stretches[-1].end == position else None
        if last and _is_alike(last.baseline, letter.baseline):
            last.end = position + 1
        else:
            stretches.append(_Stretch(position, position + 1, letter.baseline))
    return stretches


def _is_alike(a: Baseline, b: Baseline) -> bool:
    _, above = a.position(b.x, b.y)
    return abs(a.em - b.em) < _SAME_SIZE * a.em and abs(above) < _SAME_HEIGHT


def _compare(small: Baseline, large: Baseline) -> _Kind:
    """Return whether text on the first baseline is raised or lowered beside text on the second one."""
    size = small.em / large.em
    _, above = large.position(small.x, small.y)
    if not _SMALLEST <= size <= LARGEST:
        return None
    if _RAISED[0] <= above <= _RAISED[1]:
        return "raised"
    return "lowered" if _LOWERED[0] <= -above <= _LOWERED[1] else None


def _kind(letters: Sequence[Letter], stretches: Sequence[_Stretch], index: int) -> _Kind:
    """Return how the stretch is set beside the text that it belongs to. Those before it are decided already."""
    stretch = stretches[index]
    before = next((other for other in reversed(stretches[:index]) if not other.kind), None)
    after = stretches[index + 1] if index + 1 < len(stretches) else None
    if index and stretches[index - 1].end == stretch.start and before:
        if _is_over(letters[stretch.start], letters[before.end - 1]):
            return None
        return _compare(stretch.baseline, before.baseline)
    if after and after.start == stretch.end:
        return _compare(stretch.baseline, after.baseline)
    if sum(letter.text.isdecimal() for letter in letters[stretch.start : stretch.end]) == stretch.end - stretch.start:
        beside = before or after
        is_short = stretch.end - stretch.start <= _MAX_APART
        kind = _compare(stretch.baseline, beside.baseline) if beside and is_short else None
        return kind if kind == "raised" else None
    return None


def _is_over(letter: Letter, before: Letter) -> bool:
    """Return whether the letter is set over the one before it, as the A of LaTeX's name is."""
    if not letter.baseline or not before.baseline or not before.box:
        return False
    x0, y0, x1, y1 = before.box
    end = max(before.baseline.position(x, y)[0] for x in (x0, x1) for y in (y0, y1))
    return end - before.baseline.position(letter.baseline.x, letter.baseline.y)[0] > _MAX_OVERLAP


def _joined(stretches: Sequence[_Stretch]) -> list[tuple[int, int, _Kind]]:
    """Return start, end and kind of the raised and the lowered text; neighbors of one kind are one."""
    joined: list[tuple[int, int, _Kind]] = []
    for stretch in stretches:
        if not stretch.kind:
            continue
        if joined and joined[-1][1:] == (stretch.start, stretch.kind):
            joined[-1] = (joined[-1][0], stretch.end, stretch.kind)
        else:
            joined.append((stretch.start, stretch.end, stretch.kind))
    return joined


def _is_written(texts: Sequence[str], around: str) -> bool:
    """Return whether raised text is written so. around: the text with the characters beside it."""
    is_short = len(texts) <= _MAX_LENGTH and sum(map(str.isalpha, texts)) <= _MAX_LETTERS
    return is_short and _FRACTION_SLASH not in around and not _RAISED_SIGNS.issuperset(texts)
