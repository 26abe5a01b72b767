"""Watermarks, stamps and other text at an angle, from lines alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.regions import Detection, fill_regions
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.models import is_slanted
from ocr_worker.engines.embedded.reading.text_layer import drop_covered, quads_of
from ocr_worker.engines.embedded.watermarks import separate_watermarks
from ocr_worker.pages import Pixels

BODY = [Line("words and more words of it", Box(100, 100 + 40 * i, 900, 120 + 40 * i)) for i in range(12)]


def slanted(text: str, x: float, y: float, length: float, height: float, degrees: float = 45) -> Line:
    """Return a line that rises at this angle from its lower left corner."""
    along = np.array([np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))])
    up = np.array([along[1], -along[0]]) * height
    start = np.array([x, y])
    corners = [start + up, start + up + along * length, start + along * length, start]
    outline = tuple((float(px), float(py)) for px, py in corners)
    xs, ys = zip(*outline, strict=True)
    return Line(text, Box(min(xs), min(ys), max(xs), max(ys)), outline=outline)


def page(*inked: tuple[Line, int]) -> Pixels:
    """Return a white page with the boxes of lines half filled with this gray."""
    pixels = np.full((700, 1000, 3), 255, np.uint8)
    for line, gray in inked:
        x0, y0, x1, y1 = (int(value) for value in line.box)
        pixels[y0:y1:2, x0:x1] = gray
    return pixels


def test_large_text_across_lines_is_a_watermark() -> None:
    """Slanted text over the lines of the page is apart from them, however dark it is."""
    draft = slanted("DRAFT", 200, 520, 500, 100)
    assert separate_watermarks([draft, *BODY], page((draft, 0))) == (BODY, [draft])


def test_pale_text_at_an_angle_is_a_watermark_wherever_it_is() -> None:
    """Small pale words all over the page are watermarks, beside the text as well as on it."""
    copies = [slanted("COPY", x, 680, 60, 20) for x in (100, 400, 700)]
    assert separate_watermarks([*BODY, *copies], page(*((line, 200) for line in copies))) == (BODY, copies)


def test_a_pale_upright_word_over_lines_is_a_watermark() -> None:
    """A large pale word behind the text is a watermark although it is not turned."""
    sample = Line("SAMPLE", Box(200, 150, 800, 350))
    assert separate_watermarks([sample, *BODY], page((sample, 220))) == (BODY, [sample])


def test_a_stamp_beside_the_text_is_text() -> None:
    """Dark text at an angle that covers no lines stays, in a region of its own."""
    stamp = slanted("PAID 4 June", 500, 690, 120, 25, degrees=20)
    lines, watermarks = separate_watermarks([*BODY, stamp], page((stamp, 30)))
    assert (lines, watermarks) == ([*BODY, stamp], [])
    regions = fill_regions(lines, [Detection("text", Box(90, 90, 910, 700), 0.9)])
    assert [region.lines for region in regions if stamp in region.lines] == [(stamp,)]


def test_slanted_labels_stay_in_their_figure() -> None:
    """The slanted labels of a chart belong to the figure, not to the text beside it."""
    labels = [slanted("April", 200 + 100 * i, 690, 50, 15) for i in range(3)]
    regions = fill_regions([*BODY, *labels], [Detection("image", Box(100, 590, 900, 700), 0.9)])
    (figure,) = (region for region in regions if region.label == "image")
    assert [line.text for line in figure.lines] == ["April"] * 3


def test_a_page_that_leans_has_no_slanted_lines() -> None:
    """Lines at an angle are the page's text if most lines are."""
    lines = [slanted("words and more words of it", 100, 300 + 40 * i, 600, 20, degrees=20) for i in range(8)]
    kept, watermarks = separate_watermarks(lines, page())
    assert ([line.text for line in kept], watermarks) == ([line.text for line in lines], [])
    assert not any(line.outline for line in kept)


def test_text_of_a_picture_under_a_slanted_line_of_the_layer_is_read() -> None:
    """A letter of a watermark that is detected again is dropped, and another line on it is kept."""
    mark = slanted("DRAFT", 200, 520, 500, 100)
    letter = bounds([Box(300, 340, 370, 410)])
    other = Box(300, 360, 700, 380)
    assert len(drop_covered(quads_of([letter, other]), [mark])) == 1


@pytest.mark.parametrize("count", [3, 8, 20])
@pytest.mark.parametrize("length", [40, 130])
@pytest.mark.parametrize("degrees", [30, 45, 60])
def test_names_below_an_axis_do_not_cover_one_another(degrees: float, length: int, count: int) -> None:
    """The upright box around a slanted name has the ends of its neighbors, but its outline has not."""
    names = [slanted("Jeremiah", 100 + 60 * i, 500, length, 24, degrees) for i in range(count)]
    quads = np.asarray([line.outline for line in names], np.float32)
    box = names[1].box
    short = [Line("Ann", box._replace(x0=box.center[0] + 4, y1=box.center[1] - 4))]
    assert len(drop_covered(quads, short)) == count


def test_a_title_up_an_axis_is_not_covered_by_the_numbers_beside_it() -> None:
    """It is if most of its outline is."""
    title = quads_of([Box(100, 100, 130, 500)])
    numbers = [Line(str(i), Box(128, 100 + 40 * i, 160, 120 + 40 * i), is_from_text_layer=True) for i in range(10)]
    assert len(drop_covered(title, numbers)) == 1
    assert not len(drop_covered(title, [Line("Rain in mm", Box(102, 110, 128, 490))]))


@pytest.mark.parametrize(
    ("size", "degrees", "expected"),
    [
        ((300, 60), 45, True),
        ((300, 60), 30, True),
        ((300, 60), 90, False),
        ((300, 60), 10, False),
        ((70, 60), 45, False),
    ],
)
def test_an_outline_is_slanted_if_it_is_long_and_at_an_angle(
    size: tuple[int, int], degrees: float, expected: bool
) -> None:
    """Vertical text, the skew of a page and outlines of single letters are not slanted."""
    quad = np.asarray(cv2.boxPoints(((500.0, 500.0), size, degrees)), np.float32)
    assert is_slanted(quad) == expected
