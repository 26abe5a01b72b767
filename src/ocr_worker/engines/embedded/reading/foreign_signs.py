"""Chinese signs in lines of another script, which are misread letters and digits.

The recognizer knows far more Chinese signs than letters, and takes a stained or boxed character for such a sign: "0.00"
becomes "日.00". On a page in another script, such a line is read once more without these signs. The second reading
counts if the recognizer is at least as sure of it. Lines of Chinese signs alone are left to `confidence`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.confidence import is_in_other_script, is_sign
from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.pages import Pixels


def reread_foreign_signs(models: Models, pixels: Pixels, lines: Sequence[Line]) -> list[Line]:
    """Return the lines; those with Chinese signs among other characters as they read without, if that is better."""
    mixed = [line for line in lines if _is_mixed(line)]
    if not mixed or not is_in_other_script(lines):
        return list(lines)
    quads = quads_of([line.box for line in mixed])
    better = {
        id(line): reading
        for line, reading in zip(mixed, models.read_lines(pixels, quads, with_signs=False), strict=True)
        if reading.score >= line.score and _length(reading) >= _length(line)
    }
    return [better.get(id(line), line) for line in lines]


def _is_mixed(line: Line) -> bool:
    """Return whether the upright line was read, and has Chinese signs among characters of other scripts."""
    signs = sum(map(is_sign, line.text))
    return 0 < signs < len(line.text) and not line.is_from_text_layer and not line.outline


def _length(line: Line) -> int:
    """Return the number of characters without spaces, which a sign may have around it."""
    return len("".join(line.text.split()))
