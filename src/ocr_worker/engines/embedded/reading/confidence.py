"""Warnings about a page's text, and the specks that are no text.

The recognizer returns blanks for scripts that it does not know: it reads a long line of Russian as its commas. Its
confidence therefore does not reveal an unknown script, but the number of characters per length of a line does. On an
empty page it reads grain and shadows, which are no text and no reason for a warning. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.engines.text_layer.judge import is_legible
from ocr_worker.engines.text_layer.line_ends import is_hangul
from ocr_worker.ink import has_ink
from ocr_worker.pages import Pixels
from ocr_worker.wire.schema import BBox, PageWarning


def review(lines: Sequence[Line], pixels: Pixels) -> tuple[list[Line], list[PageWarning]]:
    """Return the lines that are believed, and the page's warnings. pixels: the page image that was read."""
    warnings = [*warnings_for(lines), *_warn_of_guesses(lines)]
    if warnings and not has_ink(pixels):
        return [line for line in lines if line.score >= THRESHOLDS.min_confidence], []
    return list(lines), warnings


def warnings_for(lines: Sequence[Line]) -> list[PageWarning]:
    """Return the warnings that these lines require; lines without any legible text count as well."""
    length = sum(_length(line) for line in lines)
    if not length:
        return []
    legible = sum(_length(line) for line in lines if line.is_from_text_layer or _is_legible(line)) / length
    if legible < THRESHOLDS.min_legible:
        message = f"only {legible:.0%} of the text is legible; it may be in a script that this engine does not support"
        return [PageWarning(code="UNSUPPORTED_SCRIPT", message=message)]
    characters = sum(len(line.text) for line in lines)
    if not characters:  # a few outlines, each as short as it is high, and nothing in any of them
        return []
    mean = sum(line.score * len(line.text) for line in lines) / characters
    if mean >= THRESHOLDS.min_confidence:
        return _warn_of_illegible(lines)
    message = f"the mean confidence is {mean:.2f}; compare the text with the page, or scan it at a higher resolution"
    return [PageWarning(code="LOW_CONFIDENCE", message=message)]


def is_illegible(line: Line) -> bool:
    """Return whether the recognizer hardly believes its own reading of a line of some length."""
    return len(line.text) >= THRESHOLDS.min_illegible_text and line.score < THRESHOLDS.legible_side


def _warn_of_illegible(lines: Sequence[Line]) -> list[PageWarning]:
    """Return the warning for a page that reads well but for some lines, such as its small print."""
    illegible = [line for line in lines if is_illegible(line)]
    if len(illegible) < THRESHOLDS.min_illegible_lines:
        return []
    box = bounds(line.box for line in illegible)
    message = f"{len(illegible)} lines are hardly legible, such as {illegible[0].text!r}; compare them with the page"
    return [PageWarning(code="LOW_CONFIDENCE", message=message, bbox=_bbox(box))]


def _warn_of_guesses(lines: Sequence[Line]) -> list[PageWarning]:
    """Return a warning for each line that `remove_specks` leaves out, unless it may be a mark."""
    message = "a line here was left out: its letters are probably in a script or a hand that this engine cannot read"
    return [
        PageWarning(code="LOW_CONFIDENCE", message=message, bbox=_bbox(line.box))
        for line in _guesses(lines)
        if len(line.text) > THRESHOLDS.max_speck
    ]


def is_speck(line: Line) -> bool:
    """Return whether the line is a mark, a part of an image, or dirt that was read as a character or two.

    An underscore alone is a bar or a rule, such as a redacted line, however sure the recognizer is.
    """
    is_bar = not line.is_from_text_layer and not line.text.strip("_")
    return len(line.text) <= THRESHOLDS.max_speck and (is_bar or line.score < THRESHOLDS.speck_confidence)


def remove_specks(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that are text, without specks.

    On a page in another script, a lone Chinese sign is a mark, and an uncertain line of them is a guess at letters that
    the recognizer does not know, such as Korean ones. Both are removed.
    """
    guesses = set(map(id, _guesses(lines)))
    return [line for line in lines if line.text and not is_speck(line) and id(line) not in guesses]


def is_in_other_script(lines: Sequence[Line]) -> bool:
    """Return whether hardly any letter of the page is a Chinese sign, so that the few are misread."""
    text = "".join(line.text for line in lines)
    signs = sum(is_sign(c) and c.isalpha() for c in text if not c.isascii())
    return signs < THRESHOLDS.max_foreign_signs * sum(map(str.isalpha, text))


def is_sign(character: str) -> bool:
    """Return whether the character is wide and no Korean syllable, as Chinese signs are."""
    return is_wide(character) and not is_hangul(character)


def _guesses(lines: Sequence[Line]) -> list[Line]:
    """Return the lines of Chinese signs that are uncertain, or of one or two, on a page in another script."""
    return [line for line in lines if _is_guess(line)] if is_in_other_script(lines) else []


def _is_guess(line: Line) -> bool:
    is_uncertain = len(line.text) <= THRESHOLDS.max_speck or line.score < THRESHOLDS.certain_signs
    return bool(line.text) and is_uncertain and not line.is_from_text_layer and all(map(is_sign, line.text))


def _bbox(box: Box) -> BBox:
    x0, y0, x1, y1 = (round(max(0.0, side)) for side in box)
    return x0, y0, x1, y1


def _is_legible(line: Line) -> bool:
    return is_legible(line.text, line.box.width, line.box.height)


def _length(line: Line) -> float:
    return max(line.box.width, line.box.height)
