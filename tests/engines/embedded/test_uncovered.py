"""Areas in which lines are looked for beside a text layer: those with ink that the layer does not cover."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.strips import map_areas
from ocr_worker.engines.embedded.reading.text_layer import line_quads
from ocr_worker.engines.embedded.reading.uncovered import is_plain, uncovered_areas
from ocr_worker.engines.embedded.reading.upright import skew
from ocr_worker.pages import Pixels

SIDE = 800
LAYER = [Line("The gauges rose in February", Box(200, y, 900, y + 40)) for y in range(200, 1200, 100)]


def page(ground: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    """A page with the lines of LAYER and a ruled table around them, in pixels of 200 dpi."""
    pixels = np.full((2339, 1654, 3), ground, np.uint8)
    for line in LAYER:
        origin = int(line.box.x0), int(line.box.y1) - 8
        cv2.putText(pixels, line.text, origin, cv2.FONT_HERSHEY_SIMPLEX, 1.3, (0, 0, 0), 3)
        cv2.line(pixels, (150, int(line.box.y1) + 30), (1500, int(line.box.y1) + 30), (0, 0, 0), 2)
    cv2.rectangle(pixels, (150, 150), (1500, 1170), (90, 90, 90), 3)
    return pixels


def test_a_page_whose_ink_the_layer_covers_has_no_uncovered_area() -> None:
    """Neither text of the layer nor a rule, a frame or a dotted line is ink that the layer lacks."""
    pixels = page()
    for x in range(200, 1400, 20):
        cv2.circle(pixels, (x, 1400), 2, (0, 0, 0), -1)
    assert uncovered_areas(pixels, LAYER, SIDE) == []


@pytest.mark.parametrize(
    ("text", "color", "ground"),
    [
        ("Total 4,817.20", (0, 0, 0), (255, 255, 255)),
        ("1", (0, 0, 0), (255, 255, 255)),
        ("light on dark", (250, 250, 250), (90, 40, 20)),
        ("as light as its ground", (0, 126, 0), (0, 0, 247)),
        ("pale", (225, 225, 225), (255, 255, 255)),
    ],
)
def test_text_outside_the_layer_is_in_an_area(
    text: str, color: tuple[int, int, int], ground: tuple[int, int, int]
) -> None:
    """Text that only the picture shows is found in every color, on every ground, down to a single figure."""
    pixels = page(ground)
    cv2.putText(pixels, text, (700, 1700), cv2.FONT_HERSHEY_SIMPLEX, 1.3, color, 3)
    (area,) = uncovered_areas(pixels, LAYER, SIDE)
    assert area.contains((705, 1690))
    assert area.height < 400


def test_areas_far_apart_stay_apart() -> None:
    """A stamp at the top and a signature at the bottom do not make the page between them uncovered."""
    pixels = page()
    for y in (80, 2200):
        cv2.putText(pixels, "stamp", (700, y), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (0, 0, 200), 3)
    assert len(uncovered_areas(pixels, LAYER, SIDE)) == 2


def test_the_map_is_that_of_the_areas_and_empty_elsewhere() -> None:
    """Each area is mapped on a grid of 32 pixels around it; the rest of the map is 0."""
    image = np.ones((1, 3, 320, 256), np.float32)
    line_map = map_areas(lambda part: part[:, :1], image, [Box(40, 70, 60, 90), Box(0, 300, 256, 320)])
    rows, columns = np.nonzero(line_map[0, 0])
    assert (set(rows[rows < 256]), set(rows[rows >= 256])) == (set(range(64, 96)), set(range(288, 320)))
    assert set(columns[rows < 256]) == set(range(32, 64))


def test_a_bullet_at_the_start_of_a_line_is_no_skew() -> None:
    """The direction of a layer's line is that of its full words; words that fall show a skew."""
    level = [Line("• word word", Box(0, y, 600, y + 30), words=words(y, bullet=12, fall=0)) for y in (0, 50, 100)]
    falling = [Line("• word word", Box(0, y, 600, y + 60), words=words(y, bullet=0, fall=25)) for y in (0, 50, 100)]
    assert skew(line_quads(level)) == 0
    assert skew(line_quads(falling)) > 1


def words(y: float, bullet: float, fall: float) -> tuple[Word, ...]:
    """Three words of a line, the first lower by `bullet` pixels at its top, the last one `fall` pixels farther down."""
    return (
        Word("•", Box(0, y + bullet, 10, y + 30 - bullet)),
        Word("word", Box(20, y, 100, y + 30)),
        Word("word", Box(500, y + fall, 600, y + 30 + fall)),
    )


def test_a_ground_behind_lines_is_plain() -> None:
    """Lines on a ground of any color have no picture behind them; a rule or a drawing beside them is one."""
    box = Box(150, 210, 1200, 1180)
    plain = np.full((2339, 1654, 3), (60, 20, 10), np.uint8)
    for line in LAYER:
        cv2.putText(plain, line.text, (200, int(line.box.y1) - 8), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (255, 255, 255), 3)
    assert is_plain(plain, box, LAYER)
    assert not is_plain(plain, box, LAYER[:-1])
    cv2.circle(plain, (1050, 700), 60, (90, 200, 200), 4)
    assert not is_plain(plain, box, LAYER)
