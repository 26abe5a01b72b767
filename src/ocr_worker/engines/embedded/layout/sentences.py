"""Sentences that continue from one region into the region right below.

The layout model often cuts a paragraph in two. `group_sentences` keeps its parts together for the reading order, so
that no heading or float from elsewhere on the page comes between the halves of a sentence. Both functions are pure;
lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import bounds, intersection, x_overlap
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.lines import line_height, rows
from ocr_worker.engines.text_layer.joins import HYPHENS


def group_sentences(units: Sequence[list[Region]]) -> list[list[Region]]:
    """Return the units, two texts as a single unit if a sentence continues from the one to the other right below.

    A unit that another unit would be inside is left in its parts.
    """
    grouped: list[list[Region]] = []
    for unit in sorted(units, key=lambda unit: unit[0].box.y0):
        above = next((other for other in grouped if continues_below(other[-1], unit[0])), None)
        box = bounds(region.box for region in (*(above or ()), *unit))
        others = (
            region.box for other in units for region in other if other is not unit and region not in (above or ())
        )
        if above is None or any(intersection(box, other).area > 0 for other in others):
            grouped.append(list(unit))
        else:
            above.extend(unit)
    return grouped


def continues_below(upper: Region, lower: Region) -> bool:
    """Return whether the upper text ends within a sentence that continues in the lower text, right below it."""
    if not (upper.label == lower.label == "text") or upper.is_separate or lower.is_separate:
        return False
    height = line_height(upper.lines)
    shared = x_overlap(upper.box, lower.box)
    is_below = shared > THRESHOLDS.stacked_width * min(upper.box.width, lower.box.width)
    is_near = -height < lower.box.y0 - upper.box.y1 < THRESHOLDS.sentence_gap * height
    if not is_below or not is_near:
        return False
    end, begin = rows(upper.lines)[-1][-1].text.rstrip(), rows(lower.lines)[0][0].text
    return (end[-1:].isalpha() or end.endswith((",", *HYPHENS))) and begin[:1].islower()
