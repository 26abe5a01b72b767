"""Listings: code in a font whose characters are equally wide, kept as it is set.

`separate_listings` finds them among the lines of the page, before anything else can take them apart or join them with
the text around them. Its evidence is the pitch (`pitches`), which is the same in all rows, and the signs of code. A
typewritten letter has one pitch, too, but few of these signs. `write_listing` puts each word into its column. All
functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, pairwise
from statistics import median, median_low
from typing import NamedTuple

from ocr_worker.engines.embedded.geometry import Box, bounds, covered, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.regions import Detection
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line, line_height, rows
from ocr_worker.engines.embedded.pitches import has_places, mean_width, measure_pitch, pitch_of_places, text_box
from ocr_worker.engines.embedded.tables.detection import find_tables
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

LISTING = "algorithm"
_ONLY_CODE = re.compile(
    r"[{}=<>#$\\|├└│]|\w_\w|[a-z]{2}\.[a-z]{2}|;$|\(\)|(?:^|\s)--?\w|^--\s|^//|/\*|\*/"
)  # hardly in letters
# Signs that only code has: prices, and blanks to fill in, have some of those above.
_PURE_CODE = re.compile(r"[{}\\=]|\w_\w|;$|\(\)|^//|^--\s|/\*|\*/")
_CODE = re.compile(rf"{_ONLY_CODE.pattern}|[()\[\];/:]")
_BULLETS = "•◦▪●○■□–*·"


class _Row(NamedTuple):
    """A line, with its pitch; see `measure_pitch`."""

    line: Line
    pitch: float | None


def separate_listings(
    lines: Sequence[Line], pixels: Pixels, figures: Sequence[Box], rules: Rules
) -> tuple[list[Line], list[tuple[Line, ...]]]:
    """Return the lines of other text, and the lines of each listing, from top to bottom.

    figures: tables and pictures as the layout model detected them; a listing in columns looks like one of them, and its
    signs must decide.
    """
    signed = (line for line in lines if _CODE.search(line.text) and not line.outline)
    if sum(bool(measure_pitch(line, pixels)) for line in signed) < THRESHOLDS.min_shown_lines:
        return list(lines), []
    upright = sorted((line for line in lines if not line.outline), key=lambda line: line.box.y0)
    measured = [_Row(line, measure_pitch(line, pixels)) for line in upright]
    seeds = [i for i, row in enumerate(measured) if row.pitch and _has_letters(row.line)]
    taken: set[int] = set()
    listings: list[tuple[Line, ...]] = []
    for i in sorted(seeds, key=lambda i: (len(upright[i].words) < THRESHOLDS.min_placed_words, -len(upright[i].text))):
        if id(upright[i]) in taken:
            continue
        listing = [line for line in _grow(measured, i) if id(line) not in taken]
        if (
            len(listing) >= THRESHOLDS.min_pure_lines
            and _is_listing(listing, measured, figures)
            and not _has_rules(listing, rules)
        ):
            listings.append(tuple(listing))
            taken |= set(map(id, listing))
    return [line for line in lines if id(line) not in taken], listings


def drop_listed(
    detections: Sequence[Detection], listings: Sequence[Sequence[Line]], others: Sequence[Line]
) -> list[Detection]:
    """Return the detections without the tables of which most is in listings. others: lines of other text."""
    listed = list(chain.from_iterable(listings))
    return [each for each in detections if each.label != "table" or not _is_listed(each.box, listed, others)]


def _is_listed(box: Box, listed: Sequence[Line], others: Sequence[Line]) -> bool:
    inside, outside = (
        sum(len(line.text) for line in lines if box.contains(line.box.center)) for lines in (listed, others)
    )
    return inside > THRESHOLDS.listed_detection * (inside + outside)


def write_listing(lines: Sequence[Line]) -> str:
    """Return the rows with their indents and empty rows, as they are on the page."""
    stacked = rows(lines)
    pitch = _pitch(lines)
    steps = [below[0].box.center[1] - above[0].box.center[1] for above, below in pairwise(stacked)]
    usual = min(steps, default=0.0) * THRESHOLDS.single_step
    step = median_low([step for step in steps if step <= usual]) if steps else 0.0
    written: list[str] = []
    for row, indent, distance in zip(stacked, _indents(stacked, pitch), [step, *steps], strict=True):
        written += [""] * (round(distance / step) - 1 if step else 0)
        words = [placed for line in row for placed in _words(line, pitch)]
        text, left = " " * indent, words[0][0]
        for x, word in words:
            text = f"{text} ".ljust(indent + round((x - left) / pitch)) if text.strip() else text
            text += word
        written.append(text)
    return "\n".join(written)


def _indents(stacked: Sequence[Sequence[Line]], pitch: float) -> list[int]:
    """Return the characters of white at the left of each row.

    A row is compared with the nearest row above that begins at the same place, else with the row above: rows of a page
    that is a little askew begin farther and farther left or right.
    """
    lefts = [text_box(row[0]).x0 for row in stacked]
    columns = [0]
    for i, left in enumerate(lefts[1:], 1):
        same = (j for j in reversed(range(i)) if abs(left - lefts[j]) < THRESHOLDS.same_indent * pitch)
        above = next(same, i - 1)
        columns.append(columns[above] + round((left - lefts[above]) / pitch))
    return [column - min(columns) for column in columns]


def _words(line: Line, pitch: float) -> list[tuple[float, str]]:
    """Return where the line's words begin, and the words; a line that was read is one if its characters fill it."""
    is_filled = not line.is_from_text_layer and _misfit(line, pitch) < 1
    if not is_filled and line.words and "".join(word.text for word in line.words) == line.text.replace(" ", ""):
        return [(word.box.x0, word.text) for word in line.words]
    return [(text_box(line).x0, line.text)]


def _pitch(lines: Iterable[Line]) -> float:
    """Return the mean width of a character of these lines, of which the long ones count.

    White in a row that was read makes its characters too wide, so only those near the lower quartile are used. Where
    lines show the places of their characters, only these count.
    """
    lines = list(lines)
    placed = [line for line in lines if line.is_from_text_layer and pitch_of_places(line.words)]
    widths = sorted(mean_width(line) for line in placed or lines for _ in line.text)
    limit = widths[len(widths) // 4] * (1 + THRESHOLDS.pitch_tolerance_read)
    return median(width for width in widths if width <= limit)


def _misfit(line: Line, pitch: float) -> float:
    """Return by how many characters the line is wider or narrower than its text would be with this pitch."""
    return abs(text_box(line).width / pitch - len(line.text))


def _has_letters(line: Line) -> bool:
    """Return whether the line may be code and has letters: in most fonts, all digits are equally wide."""
    letters, digits = (sum(map(is_kind, line.text)) for is_kind in (str.isalpha, str.isdigit))
    return letters >= THRESHOLDS.min_pitch_text and letters > digits and line.text[0] not in _BULLETS


def _is_placed(line: Line, pitch: float) -> bool:
    """Return whether the line shows that its characters are in places of this pitch."""
    is_clear = line.is_from_text_layer and len(line.words) >= THRESHOLDS.min_placed_words
    return is_clear and has_places(line.words, pitch)


def _fits(row: _Row, pitch: float, *, is_placed: bool = False) -> bool | None:
    """Return whether the line has this pitch; None: it does not show. is_placed: the characters are in places."""
    if row.pitch is None:
        return _misfit(row.line, pitch) < THRESHOLDS.max_misfit or None
    is_exact = row.line.is_from_text_layer
    tolerance = THRESHOLDS.pitch_tolerance if is_exact else THRESHOLDS.pitch_tolerance_read
    if abs(row.pitch - pitch) < tolerance * pitch:
        return True
    if is_exact:  # one word or two hardly show the pitch of their places
        return is_placed and has_places(row.line.words, pitch)
    return None if _ONLY_CODE.search(row.line.text) else False


def _grow(ordered: Sequence[_Row], seed: int) -> list[Line]:
    """Return the lines of one pitch below, above and beside the seed. ordered: from top to bottom, as the result."""
    first, pitch = ordered[seed]
    assert pitch
    block, is_placed = [first], _is_placed(first, pitch)
    for others in (ordered[seed + 1 :], ordered[:seed][::-1]):
        block += _grow_to(others, bounds(line.box for line in block), pitch, is_placed=is_placed)
    box, members = bounds(line.box for line in block), set(map(id, block))
    beside = [row for row in ordered if id(row.line) not in members and _is_beside(row.line, box, pitch)]
    block += [row.line for row in beside if _fits(row, pitch, is_placed=is_placed)]
    return sorted(block, key=lambda line: line.box.y0)


def _grow_to(others: Sequence[_Row], box: Box, pitch: float, *, is_placed: bool) -> list[Line]:
    """Return the lines that continue the box in one direction. others: the nearest first. is_placed: see `_fits`."""
    grown: list[Line] = []
    pending: list[Line] = []
    for row in others:
        line = row.line
        if -y_overlap(line.box, box) > THRESHOLDS.listing_gap * line.box.height:
            break
        fits = _fits(row, pitch, is_placed=is_placed)
        if x_overlap(line.box, box) <= 0 and not (fits and _is_near(line, box, pitch)):
            continue
        if fits is False or len(pending) > THRESHOLDS.max_pending:
            break
        pending.append(line)
        if fits:
            grown += pending
            box, pending = bounds([box, *(each.box for each in pending)]), []
    return grown


def _is_near(line: Line, box: Box, pitch: float) -> bool:
    """Return whether only white as wide as that in a row of code is between the line and the box."""
    return -x_overlap(line.box, box) < THRESHOLDS.column_white * pitch


def _is_beside(line: Line, box: Box, pitch: float) -> bool:
    """Return whether the line is in the rows of the box and only white apart from it."""
    return _is_near(line, box, pitch) and y_overlap(line.box, box) > THRESHOLDS.row_overlap * line.box.height


def _has_rules(block: Sequence[Line], rules: Rules) -> bool:
    """Return whether rules divide the block: it is a table. A frame does not divide it.

    In rows of one pitch, the strokes of letters are below one another and look like a rule, but are in words. So are
    the feet of wide capitals beside one another.
    """
    box = bounds(line.box for line in block)
    inner = box.grown(-THRESHOLDS.frame_slack * line_height(block))
    across = [rule for rule in rules.across if inner.contains(rule.center) and 2 * rule.width > box.width]
    down = [rule for rule in rules.down if inner.contains(rule.center) and 2 * rule.height > box.height]
    words = [word.box for line in block for word in line.words]
    feet = [
        rule
        for rule in across
        if any(word.y0 < rule.center[1] < word.y1 and x_overlap(word, rule) > 0 for word in words)
    ]
    strokes = [rule for rule in down if any(y_overlap(word, rule) > 0 < x_overlap(word, rule) for word in words)]
    return len(across) + len(down) > len(feet) + len(strokes)


def _is_listing(block: Sequence[Line], ordered: Sequence[_Row], figures: Sequence[Box]) -> bool:
    """Return whether the rows are set as code is: full of its signs, or with some of them and not filled.

    On a page that is typewritten throughout, as letters and forms are, only the clear signs count, and in more rows.
    ordered: all lines of the page. figures: see `separate_listings`.
    """
    stacked, pitch = rows(block), _pitch(block)
    is_placed = any(_is_placed(line, pitch) for line in block)
    lettered = [row for row in ordered if _has_letters(row.line) and _fits(row, pitch, is_placed=is_placed)]
    fitting, shown = ({id(row.line) for row in part} for part in (lettered, [row for row in lettered if row.pitch]))
    counts = [sum(any(id(line) in lines for line in row) for row in stacked) for lines in (fitting, shown)]
    if counts[1] < THRESHOLDS.min_shown_lines:
        return False
    if counts[0] < THRESHOLDS.min_listing_lines and not _is_pure(block, shown, ordered):
        return False
    signed, clear = (
        sum(any(signs.search(line.text) for line in row) for row in stacked) for signs in (_CODE, _ONLY_CODE)
    )
    if signed < THRESHOLDS.rows_with_signs * len(stacked):
        return False
    is_unlike, box = _is_unlike(pitch, ordered), bounds(line.box for line in block)
    is_clear = clear >= THRESHOLDS.rows_only_of_code * len(stacked)
    if any(covered(box, figure) > THRESHOLDS.listing_in_figure for figure in figures):
        return is_clear and is_unlike
    if is_clear and clear >= THRESHOLDS.min_clear_rows:
        return is_unlike or not find_tables(block)  # the table of a typewritten report stays a table
    return is_unlike and (is_clear or _is_unfilled(stacked, box))


def _is_pure(block: Sequence[Line], shown: Collection[int], ordered: Sequence[_Row]) -> bool:
    """Return whether the rows are close below one another, alone, and each of them shows that it is code.

    Each shows its pitch and has a sign that only code has. shown: ids of the lines that show it.
    """
    stacked, members, box = rows(block), set(map(id, block)), bounds(line.box for line in block)
    if not all(any(id(line) in shown and _PURE_CODE.search(line.text) for line in row) for row in stacked):
        return False
    if any(id(row.line) not in members and y_overlap(row.line.box, box) > 0 for row in ordered):
        return False
    return all(-y_overlap(a[0].box, b[0].box) < THRESHOLDS.pure_gap * a[0].box.height for a, b in pairwise(stacked))


def _is_unfilled(stacked: Sequence[Sequence[Line]], box: Box) -> bool:
    """Return whether many rows end before the right edge, unlike those of a paragraph."""
    room = THRESHOLDS.listing_room * box.width
    unfilled = sum(box.x1 - max(line.box.x1 for line in row) > room for row in stacked)
    return unfilled >= THRESHOLDS.unfilled_listing * len(stacked)


def _is_unlike(pitch: float, ordered: Sequence[_Row]) -> bool:
    """Return whether most of the page's text does not have this pitch: the page is not typewritten."""
    shown = [row for row in ordered if row.pitch is not None]
    alike = sum(len(row.line.text) for row in shown if _fits(row, pitch))
    return alike < THRESHOLDS.typewritten * sum(len(row.line.text) for row in shown)
