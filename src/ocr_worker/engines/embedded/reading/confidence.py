"""What a reader should be warned of: text read without confidence, scripts that cannot be read. Pure.

The recogniser answers scripts it does not know with blanks: a long line of Russian comes back as its commas. So what
tells is not its confidence, but how little text came from how much line.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.wire.schema import PageWarning

MIN_CONFIDENCE = 0.95  # mean over characters; clean scans reach 0.98, and at 0.95 one word in six is wrong
SPECK, SPECK_CONFIDENCE = 2, 0.4  # characters at most, and what they are read with less than
MAX_ALIEN = 0.02  # share of a page's letters; more of them are no accident
MIN_LEGIBLE = 0.7  # share of the lines' length
MIN_DENSITY = 0.7  # characters on a stretch as long as the line is high; Chinese has about 1, Latin scripts 2


def warnings_for(lines: Sequence[Line]) -> list[PageWarning]:
    """The warnings these lines call for; lines in which nothing could be read count, too."""
    length = sum(_length(line) for line in lines)
    if not length:
        return []
    legible = sum(_length(line) for line in lines if line.own or is_legible(line)) / length
    if legible < MIN_LEGIBLE:
        message = f"only {legible:.0%} of the text is legible: it may be in a script that this engine does not read"
        return [PageWarning(code="UNSUPPORTED_SCRIPT", message=message)]
    characters = sum(len(line.text) for line in lines)
    mean = sum(line.score * len(line.text) for line in lines) / characters
    if mean >= MIN_CONFIDENCE:
        return []
    message = f"mean confidence is {mean:.2f}: check the text against the page, or scan it at a higher resolution"
    return [PageWarning(code="LOW_CONFIDENCE", message=message)]


def is_speck(line: Line) -> bool:
    """Whether this is no text but a mark, a part of a picture, or dirt that was taken for a character or two."""
    return len(line.text) <= SPECK and line.score < SPECK_CONFIDENCE


def without_specks(lines: Sequence[Line]) -> list[Line]:
    """The lines that are text: no specks, and no lone Chinese sign on a page in another script, where it is a mark."""
    letters = [c for line in lines for c in line.text if c.isalpha()]
    alien = sum(map(is_wide, letters)) < MAX_ALIEN * len(letters)
    return [line for line in lines if line.text and not is_speck(line) and not (alien and _is_sign(line))]


def _is_sign(line: Line) -> bool:
    return not line.own and len(line.text) <= SPECK and all(map(is_wide, line.text))


def is_legible(line: Line) -> bool:
    """Whether about as many characters came from the line as fit on it, and not one and the same again and again."""
    text = line.text.replace(" ", "")
    if len(text) > 8 and len(set(text)) < 3:
        return set(text) <= set(".-_=*·…")
    height = min(line.box.width, line.box.height)
    return bool(height) and len(text) >= MIN_DENSITY * (_length(line) / height - 1)


def _length(line: Line) -> float:
    return max(line.box.width, line.box.height)
