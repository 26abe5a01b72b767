"""What a reader should be warned of: text that was read without confidence, scripts that cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.engines.embedded.lines import Line
from ocr_worker.schema import PageWarning

MIN_CONFIDENCE = 0.85


def warnings_for(lines: Sequence[Line]) -> list[PageWarning]:
    """The warnings these lines call for."""
    letters = sum(len(line.text) for line in lines)
    if not letters:
        return []
    mean = sum(line.score * len(line.text) for line in lines) / letters
    if mean >= MIN_CONFIDENCE:
        return []
    message = f"mean confidence is {mean:.2f}: the scan is poor, or its script is one this engine does not read"
    return [PageWarning(code="LOW_CONFIDENCE", message=message)]
