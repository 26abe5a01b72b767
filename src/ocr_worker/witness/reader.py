"""Read a page as the witness does: by the small reader, or from its reliable text layer.

The only module of this package that uses the embedded engine's models. It must not turn or straighten the page: the
boxes of the evidence are compared with those of an engine that processed the same pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.engines.embedded.reading.text_layer import drop_covered, honest_lines, layer_lines, layer_quads
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.reading.uncovered import uncovered_areas
from ocr_worker.engines.embedded.thresholds import THRESHOLDS as PAGE
from ocr_worker.pages import Pixels, TextLine
from ocr_worker.witness.evidence import Evidence, EvidenceLine, EvidenceWord, Rectangle
from ocr_worker.witness.marks import find_marks


def read_evidence(
    models: Models, pixels: Pixels, text_lines: Sequence[TextLine] = (), proven_fonts: Collection[int] = ()
) -> Evidence:
    """Return the evidence of a page. text_lines, proven_fonts: see `PageImage`."""
    lines = _read_layer(models, pixels, text_lines, proven_fonts) or models.read_lines(
        pixels, models.find_lines(pixels)
    )
    height, width = pixels.shape[:2]
    ordered = sorted(lines, key=lambda line: (line.box.y0, line.box.x0))
    return Evidence(width, height, tuple(map(_evidence_line, ordered)), find_marks(pixels))


def _read_layer(
    models: Models, pixels: Pixels, text_lines: Sequence[TextLine], proven_fonts: Collection[int]
) -> list[Line]:
    """Return the lines of a reliable text layer and those read beside it; none if the layer is missing or wrong."""
    drawn = layer_lines(text_lines, layer_quads(text_lines), pixels, proven_fonts) if text_lines else []
    layer = honest_lines(models, pixels, drawn, proven_fonts) if drawn else []
    if not layer:
        return []
    areas = uncovered_areas(pixels, [line for line in layer if not line.outline], PAGE.layer_side)
    quads = models.find_lines_in(pixels, areas, THRESHOLDS.detection_side)
    return [*layer, *models.read_lines(pixels, np.asarray(drop_covered(quads, layer), np.float32))]


def _evidence_line(line: Line) -> EvidenceLine:
    words: list[tuple[str, Rectangle]] = [(word.text, word.box) for word in line.words]
    # The reader's words may lack characters that its line has; then the words follow from the line.
    if "".join(text for text, _ in words) != "".join(line.text.split()):
        words = _equal_words(line)
    return EvidenceLine(
        line.box,
        tuple(EvidenceWord(text, box, line.score, line.is_from_text_layer) for text, box in words),
        line.score,
    )


def _equal_words(line: Line) -> list[tuple[str, Rectangle]]:
    """Return the words of the line's text, with boxes as if all its characters were equally wide."""
    step, start, words = line.box.width / max(1, len(line.text)), 0, []
    for text in line.text.split():
        start = line.text.index(text, start)
        end = start + len(text)
        words.append((text, (line.box.x0 + start * step, line.box.y0, line.box.x0 + end * step, line.box.y1)))
        start = end
    return words
