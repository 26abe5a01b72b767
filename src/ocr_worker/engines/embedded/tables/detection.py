"""Tables of a page: those that the layout model detected, corrected, and those that it missed.

`correct_tables` fits the box of each detected table to the lines and rules of the page (`bounds`). It drops a table
that is only a layout of boxes. Tables that the model missed are grids of rules with text in their cells, and blocks of
lines in columns (`find_tables`); prose, an index, a table of contents and a chart are none. The module reads cells
only to reject layouts. All functions are pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import mean, median

from ocr_worker.engines.embedded.geometry import Box, bounds, covered, x_overlap
from ocr_worker.engines.embedded.layout.charts import has_scale
from ocr_worker.engines.embedded.layout.regions import PROSE, Detection
from ocr_worker.engines.embedded.layout.rules import Rules, grids, levels
from ocr_worker.engines.embedded.lines import Line, is_inside, line_height
from ocr_worker.engines.embedded.tables import Cell, drop_strokes, find_cells
from ocr_worker.engines.embedded.tables.alignment import find_wide_rules
from ocr_worker.engines.embedded.tables.bounds import Rows, extend_box, fit_box, is_prose, is_same_table
from ocr_worker.engines.embedded.tables.columns import count_sums, find_gutters, find_rows, is_number, place, tighten
from ocr_worker.engines.embedded.tables.thresholds import THRESHOLDS

_NUMBERS = re.compile(r"\d[-–,\s\d]*")  # at the end of an entry of an index, read backwards
_COMMA_AND_NUMBER = re.compile(r",\s*\d")
_LETTER = re.compile(r"[^\W\d]")


def correct_tables(detections: Sequence[Detection], rules: Rules, lines: Sequence[Line]) -> list[Detection]:
    """Return the detections with their tables corrected, and with the tables that the layout model missed.

    A table with score 1.0 is certain. rules and lines: those of the page.
    """
    lines = tighten(lines)
    rules = drop_strokes(rules, lines)
    others = [detection for detection in detections if detection.label != "table"]
    # The outermost grid first: a table that it holds in a cell is text of that cell.
    ruled = sorted(grids(rules, THRESHOLDS.grid_margin * line_height(lines)), key=lambda grid: -grid.area)
    columns = _page_columns(others, lines)
    tables = _correct_detected(detections, rules, ruled, columns, lines)
    certain = [table.box for table in tables if table.score == 1.0]
    for box in _find_missed(others, ruled, [*certain, *columns], lines, rules):
        is_taken = any(covered(box, other) > THRESHOLDS.same_table for other in certain)
        if not is_taken and not _is_layout(box, lines, rules):
            overlaid = [
                table for table in tables if table.score < 1.0 and covered(box, table.box) >= THRESHOLDS.same_table
            ]
            main = [table.box for table in overlaid if box.area > THRESHOLDS.main_part * table.box.area]
            certain.append(bounds([box, *main]))
            tables = [*(table for table in tables if table not in overlaid), Detection("table", certain[-1], 1.0)]
    kept = [other for other in others if not any(_is_replaced(other, box, lines) for box in certain)]
    return [*kept, *tables]


def _is_replaced(other: Detection, table: Box, lines: Sequence[Line]) -> bool:
    """Return whether most of another detection, or of the lines of a text, are in a certain table."""
    if covered(other.box, table) > THRESHOLDS.replaced:
        return True
    inside = [line for line in lines if is_inside(line, [other.box])]
    shared = sum(is_inside(line, [table]) for line in inside)
    return other.label in PROSE and len(inside) > 1 and shared > THRESHOLDS.replaced * len(inside)


def _correct_detected(
    detections: Sequence[Detection],
    rules: Rules,
    ruled: Sequence[Box],
    columns: Sequence[Box],
    lines: Sequence[Line],
) -> list[Detection]:
    """Return the detected tables, corrected, without layouts and without those that grew over a clearer table.

    ruled: grids of rules. columns: of the page; their lines belong to a table only inside its detected box.
    """
    tables: list[Detection] = []
    detected = [
        detection
        for detection in detections
        if detection.label == "table" and not _holds_tables(detection.box, ruled, lines)
    ]
    stacks = [_part_stacked(detection, ruled, lines) for detection in detected]
    others = {id(part): [other.box for other in stack if other is not part] for stack in stacks for part in stack}
    by_score = sorted((part for stack in stacks for part in stack), key=lambda part: -part.score)
    for detection in _without_outlines(by_score, ruled):
        foreign = [*columns, *others[id(detection)]]
        free = [line for line in lines if is_inside(line, [detection.box]) or not is_inside(line, foreign)]
        table = _correct_table(detection, rules, free)
        if not _grew_over(detection.box, table.box, tables) and not _is_layout(table.box, lines, rules):
            tables.append(table)
    return _without_inner(tables)


def _without_inner(tables: Sequence[Detection]) -> list[Detection]:
    """Return the tables without a single table within another: it is some rows of that table, detected twice."""
    inner: list[Detection] = []
    for outer in tables:
        inside = [
            table
            for table in tables
            if table is not outer and covered(table.box, outer.box) > THRESHOLDS.part_of_detection
        ]
        inner += inside if len(inside) == 1 and inside[0].box.area < outer.box.area else []
    return [table for table in tables if not any(table is other for other in inner)]


def _part_stacked(detection: Detection, ruled: Sequence[Box], lines: Sequence[Line]) -> list[Detection]:
    """Return the detection, cut where another table begins below the first; a grid of rules is never cut."""
    box = detection.box
    inside = [line for line in lines if is_inside(line, [box])]
    if not inside or any(is_same_table(grid, box) for grid in ruled):
        return [detection]
    parts = [bounds(line.box for row in part for line in row) for part in _part_rows(find_rows(inside))]
    edges = [(above.y1 + below.y0) / 2 for above, below in pairwise(parts)]
    return [replace(detection, box=box._replace(y0=y0, y1=y1)) for y0, y1 in pairwise([box.y0, *edges, box.y1])]


def _part_rows(rows: Rows) -> list[Rows]:
    """Return the rows in parts: below white or sums, a row of headings with numbers below begins another table."""
    height = line_height([line for row in rows for line in row])
    starts = [0]
    for i in range(1, len(rows) - 1):
        above = rows[starts[-1] : i]
        is_apart = _gap(above[-1], rows[i]) > THRESHOLDS.row_gap * height and _is_emphasized(rows[i], rows[i + 1])
        is_full = sum(len(row) > 1 for row in above) > 1
        if is_full and (is_apart or count_sums(above)) and _are_headings(rows[i], rows[i + 1]):
            starts.append(i)
    return [rows[start:end] for start, end in pairwise([*starts, len(rows)])]


def _are_headings(row: Sequence[Line], below: Sequence[Line]) -> bool:
    """Return whether a row is several texts without numbers, unlike the row below."""
    are_texts = len(row) >= THRESHOLDS.min_columns and not any(is_number(line.text) for line in row)
    return are_texts and any(is_number(line.text) for line in below)


def _is_emphasized(row: Sequence[Line], below: Sequence[Line]) -> bool:
    """Return whether all texts of a row are emphasized, unlike those of the row below."""
    return all(line.is_emphasized for line in row) and not all(line.is_emphasized for line in below)


def _without_outlines(detections: Sequence[Detection], ruled: Sequence[Box]) -> list[Detection]:
    """Return the detections without those around one with a clearly higher score, unless they are grids of rules.

    detections: in order of their scores. ruled: grids of rules.
    """
    kept: list[Detection] = []
    for detection in detections:
        inside = [other for other in kept if covered(other.box, detection.box) > THRESHOLDS.part_of_detection]
        is_ruled = any(is_same_table(grid, detection.box) for grid in ruled)
        if is_ruled or all(other.score < detection.score + THRESHOLDS.clear_lead for other in inside):
            kept.append(detection)
    return kept


def _find_missed(
    others: Sequence[Detection], ruled: Sequence[Box], taken: Sequence[Box], lines: Sequence[Line], rules: Rules
) -> list[Box]:
    """Return tables that the layout model missed: grids with text in them, and lines in columns.

    others: detections that are no tables. taken: boxes whose lines are not free. A clear image is searched by itself,
    unless it is a chart.
    """
    height = line_height(lines)
    detected = [other for other in others if other.label == "image"]
    charts = [image.box for image in detected if has_scale(image.box, lines)]
    images = [image for image in detected if image.box in charts or not _is_text(image, lines)]
    clear = [image.box for image in images if image.score > THRESHOLDS.certain and image.box not in charts]
    parts = [[line for line in lines if not is_inside(line, [*taken, *clear, *charts])]]
    parts += [[line for line in lines if is_inside(line, [box])] for box in clear]
    boxes = [box for box in ruled if _holds_text(box, lines, rules, height)]
    boxes = [box for box in boxes if not any(covered(box, chart) > THRESHOLDS.detail_overlap for chart in charts)]
    # A grid with text in its cells is surer than an image that the model doubts.
    boxes = [box for box in boxes if not any(_is_detail(box, image) for image in clear)]
    unruled = [box for part in parts for box in find_tables(part)]
    return boxes + [box for box in unruled if not any(_is_detail(box, image.box) for image in images)]


def _page_columns(detections: Sequence[Detection], lines: Sequence[Line]) -> list[Box]:
    """Return the page's columns: text with a high score, tall, as wide as its lines, and narrower than the page."""
    texts = [other.box for other in detections if other.label in PROSE and other.score > THRESHOLDS.certain]
    page = bounds(line.box for line in lines) if lines else Box(0, 0, 0, 0)
    min_height, max_width = THRESHOLDS.column_height * page.height, THRESHOLDS.column_width * page.width
    tall = [box for box in texts if box.height > min_height and box.width < max_width]
    widths = [[line.box.width for line in lines if box.contains(line.box.center)] for box in tall]
    return [
        box
        for box, line_widths in zip(tall, widths, strict=True)
        if line_widths and median(line_widths) > THRESHOLDS.full_line * box.width
    ]


def _grew_over(before: Box, after: Box, others: Sequence[Detection]) -> bool:
    """Return whether a table that grew covers one with a higher score: it was a caption or a part of that table."""
    return any(covered(other.box, after) > THRESHOLDS.same_table > covered(other.box, before) for other in others)


def _holds_tables(box: Box, ruled: Sequence[Box], lines: Sequence[Line]) -> bool:
    """Return whether the box is several grids, with some text between them but hardly any beside: each is a table."""
    parts = [grid for grid in ruled if covered(grid, box) > THRESHOLDS.part_of_detection]
    inside = [line.box for line in lines if box.contains(line.box.center)]
    others = [line for line in inside if not any(grid.contains(line.center) for grid in parts)]
    has_text_between = any(
        any(grid.y1 < line.center[1] for grid in parts) and any(line.center[1] < grid.y0 for grid in parts)
        for line in others
    )
    return has_text_between and len(others) < (1 - THRESHOLDS.lines_in_grids) * len(inside)


def _is_layout(box: Box, lines: Sequence[Line], rules: Rules) -> bool:
    """Return whether the grid is a page's boxes: it has a long text, and most text is in cells that span others."""
    inside = [line for line in lines if is_inside(line, [box])]
    if sum(len(line.text) for line in inside if len(line.text) > THRESHOLDS.long_line) < THRESHOLDS.long_text:
        return False
    cells = find_cells(box, inside, rules)
    longest = max((len(cell.text) for cell in cells), default=0)
    all_text = sum(len(cell.text) for cell in cells)
    return longest > THRESHOLDS.long_text and _count_spanning(cells) > THRESHOLDS.spanning_text * all_text


def _count_spanning(cells: Sequence[Cell]) -> int:
    """Count the characters in cells over several columns.

    A span that comes again in row after row, beside other columns, is a column that has a table within a cell.
    """
    width = max((cell.column + cell.column_span for cell in cells), default=0)
    spanning = [cell for cell in cells if cell.column_span > 1]
    again = Counter((cell.column, cell.column_span) for cell in spanning if cell.text and cell.column_span < width)
    return sum(
        len(cell.text) for cell in spanning if again[cell.column, cell.column_span] < THRESHOLDS.min_spanning_rows
    )


def _correct_table(detection: Detection, rules: Rules, lines: Sequence[Line]) -> Detection:
    """Return the table in its bounds, with score 1.0 if its rules or columns are certain to be a table's."""
    box = fit_box(detection.box, lines, rules)
    inside = [line for line in lines if box.contains(line.box.center)]
    height = line_height(inside)
    if not find_gutters(find_rows(inside), height) and not rules.within(box.grown(-height), 0.0).down:
        return replace(detection, label="text")  # one column: a listing in a frame, a box of text
    wide_rules = find_wide_rules(box, rules.within(box, height), height)
    is_clear = detection.score > THRESHOLDS.certain
    min_rules = THRESHOLDS.min_wide_rules_certain if is_clear else THRESHOLDS.min_wide_rules
    is_certain = len(wide_rules) >= min_rules or _is_table(find_rows(inside), height)
    return Detection("table", box, 1.0 if is_certain else detection.score)


def _is_text(image: Detection, lines: Sequence[Line]) -> bool:
    """Return whether an image is text: it has sentences, or many and most of the page's lines.

    With a lower score, many or most of the lines are enough.
    """
    inside = [line for line in lines if is_inside(line, [image.box])]
    if sum(map(is_prose, inside)) > THRESHOLDS.max_image_sentences:
        return True
    is_full = sum(line.box.area for line in inside) > THRESHOLDS.max_image_text * image.box.area
    has_most = len(inside) > THRESHOLDS.max_image_lines * len(lines)
    return (is_full and has_most) or (image.score <= THRESHOLDS.certain and (is_full or has_most))


def _is_detail(box: Box, image: Box) -> bool:
    """Return whether the box is only a part of an image, as the numbers along a chart's axis are."""
    return covered(box, image) > THRESHOLDS.detail_overlap and box.area < THRESHOLDS.detail_area * image.area


def find_tables(lines: Sequence[Line]) -> list[Box]:
    """Return the bounds of blocks of lines in columns like a table's, ruled or not.

    A table has at least three rows and three columns, or two columns of which the second has numbers. Prose, an index
    and a table of contents are no tables.
    """
    height = line_height(lines)
    return [
        extend_box(bounds(line.box for row in part for line in row), lines, height)
        for block in _find_blocks(find_rows(lines), height)
        for part in _part_block(block, height)
    ]


def _part_block(block: Rows, height: float) -> list[Rows]:
    """Return the tables of a block of rows that follow each other."""
    parts = _part_rows(block)
    tables = parts if _is_table(block, height) else [part for part in parts if _is_table(part, height)]
    tables = [_without_other_rows(table, height) for table in tables]
    return [side for table in tables for side in _part_sides(table, height)]


def _without_other_rows(rows: Rows, height: float) -> Rows:
    """Return the rows without those at the end, or at the beginning, that no gutter of the others parts.

    Below the amounts of a receipt are rows of other texts and numbers, which are in no columns.
    """
    if find_gutters(rows, height):
        return rows
    starts_and_ends = [(0, end) for end in range(len(rows) - 1, 0, -1)]
    starts_and_ends += [(start, len(rows)) for start in range(1, len(rows))]
    for start, end in starts_and_ends:
        part = _without_single_ends(rows[start:end])
        if len(part) < THRESHOLDS.min_rows:
            continue
        if find_gutters(part, height) and _is_table(part, height):
            return part
    return rows


def _part_sides(rows: Rows, height: float) -> list[Rows]:
    """Return the rows of each of two tables side by side, or the rows if they are of a single table.

    Rows of two tables are not level: each side has rows with a label and a number where the other side has none.
    """
    for gutter in find_gutters(rows, height):
        sides = [
            [part for row in rows if (part := [line for line in row if (line.box.center[0] > gutter) is is_right])]
            for is_right in (False, True)
        ]
        alone = [[row for row in side if _is_entry(row) and row in rows] for side in sides]
        counts = [sum(map(_is_entry, side)) for side in sides]
        if min(map(len, alone)) > 0 and sum(map(len, alone)) >= THRESHOLDS.min_rows and min(counts) > 1:
            return sides
    return [rows]


def _is_entry(row: Sequence[Line]) -> bool:
    """Return whether a row is a label and a number."""
    return len(row) > 1 and not is_number(row[0].text) and is_number(row[-1].text)


def _holds_text(box: Box, lines: Sequence[Line], rules: Rules, height: float) -> bool:
    """Return whether many of the grid's cells have text that stays inside, unlike the grid of a drawing."""
    inside = [line.box for line in lines if box.contains(line.box.center)]
    ruled = rules.within(box, THRESHOLDS.grid_margin * height)
    ys, xs = (
        levels([rule.center[1] for rule in ruled.across], height),
        levels([r.center[0] for r in ruled.down], height),
    )
    filled = {(sum(y < line.center[1] for y in ys), sum(x < line.center[0] for x in xs)) for line in inside}
    enough = max(THRESHOLDS.min_cells_count, THRESHOLDS.min_cells * (len(ys) - 1) * (len(xs) - 1))
    return len(filled) >= enough and not any(line.x0 < box.x0 - height or line.x1 > box.x1 + height for line in inside)


def _find_blocks(rows: Rows, height: float) -> list[Rows]:
    """Return rows that may be a table's and follow each other; single lines, such as section headings, are included."""
    blocks: list[Rows] = []
    open_block: Rows = []
    for row in rows:
        cells = [line for line in row if not is_prose(line)]
        if open_block and not cells and _is_beside(row, open_block[-2:]):
            continue
        if open_block and (not cells or _gap(open_block[-1], cells) > THRESHOLDS.max_row_gap * height):
            blocks.append(open_block)
            open_block = []
        if _may_be_row(cells) or (open_block and len(cells) == len(row) == 1):
            open_block.append(cells)
        elif open_block:
            blocks.append(open_block)
            open_block = []
    blocks.append(open_block)
    return [block for block in map(_without_single_ends, blocks) if len(block) >= THRESHOLDS.min_rows]


def _is_beside(row: Sequence[Line], above: Rows) -> bool:
    """Return whether the row is at the right or left of the rows above: it has nothing to do with their table."""
    return x_overlap(bounds(line.box for line in row), bounds(line.box for other in above for line in other)) < 0


def _may_be_row(row: Sequence[Line]) -> bool:
    """Return whether the fragments may be cells of one row; those of a row of numbers may be close together."""
    words = [word for line in row for word in line.text.split()]
    numbers = sum(any(map(str.isdigit, word)) and is_number(word) for word in words)
    is_numeric = numbers >= THRESHOLDS.min_columns and numbers >= THRESHOLDS.numeric_row * len(words)
    return is_numeric or len(row) >= THRESHOLDS.min_columns or (len(row) == 2 and is_number(row[1].text))


def _gap(above: Sequence[Line], below: Sequence[Line]) -> float:
    return min(line.box.y0 for line in below) - max(line.box.y1 for line in above)


def _without_single_ends(block: Rows) -> Rows:
    several = [i for i, row in enumerate(block) if len(row) > 1 or _may_be_row(row)]
    return block[several[0] : several[-1] + 1] if several else []


def _is_table(block: Rows, height: float) -> bool:
    """Return whether a block of rows, or the block without the sums at its end, is a table."""
    sums = count_sums(block)
    return _has_columns(block, height) or (sums > 0 and _has_columns(block[:-sums], height))


def _has_columns(block: Rows, height: float) -> bool:
    """Return whether the block's columns are filled, and its texts are numbers or short."""
    block = _without_further_lines(block, height)
    rows = [row for row in block if _may_be_row(row)]
    if len(rows) < THRESHOLDS.min_rows or len(rows) < THRESHOLDS.table_rows * len(block):
        return False
    gutters = find_gutters(rows, height)
    # Two email addresses side by side are those of a paper's authors.
    if not gutters or any(sum("@" in line.text for line in row) > 1 for row in rows):
        return False
    placed = [place(row, gutters, height) for row in rows]
    filled = mean(len({piece.first for piece in row}) for row in placed) / (len(gutters) + 1)
    values = [piece.line.text for row in placed for piece in row if piece.first]
    numbers = sum(map(is_number, values)) / max(1, len(values))
    texts = [line.text for row in rows for line in row]
    entries = sum(map(_is_index_entry, texts))
    if entries > THRESHOLDS.max_index_entries * len(texts) or filled < THRESHOLDS.min_filled:
        return False
    last = [piece.line.text for row in placed for piece in row if piece.first == len(gutters)]
    if len(gutters) < THRESHOLDS.max_contents_columns and _counts_up(last):
        return False
    if len(gutters) == 1:
        return numbers > THRESHOLDS.min_numbers_two_columns
    is_short = mean(len(text.split()) for text in texts) < THRESHOLDS.max_mean_words
    is_text_table = is_short and filled > THRESHOLDS.min_filled_text and len(rows) >= THRESHOLDS.min_text_rows
    return numbers >= THRESHOLDS.min_numbers or is_text_table


def _is_index_entry(text: str) -> bool:
    """Return whether the text is a term and, behind a comma, the numbers of its pages."""
    numbers = _NUMBERS.match(text[::-1])  # from the end: the length of a line costs nothing
    if not numbers:
        return False
    start = len(text) - numbers.end()
    return _COMMA_AND_NUMBER.search(text, start) is not None and _LETTER.search(text, 0, start) is not None


def _without_further_lines(block: Rows, height: float) -> Rows:
    """Return the rows without single lines that only continue a cell: they begin where a cell above begins.

    A line at the left edge begins a row.
    """
    kept: Rows = []
    cells: Sequence[Line] = ()
    for row in block:
        starts = [cell.box.x0 for cell in cells[1:]]
        if len(row) == 1 and any(abs(row[0].box.x0 - start) < height / 2 for start in starts):
            continue
        kept.append(row)
        cells = row if len(row) > 1 else cells
    return kept


def _counts_up(texts: Sequence[str]) -> bool:
    """Return whether the texts are page numbers of a table of contents: hardly any two are in the wrong order."""
    numbers = [int(text) for text in texts if text.strip().isdecimal()]
    falls = sum(a > b for a, b in pairwise(numbers))
    has_numbers = len(numbers) > max(THRESHOLDS.min_page_numbers, THRESHOLDS.page_numbers * len(texts))
    return has_numbers and falls < THRESHOLDS.max_falls * len(numbers)
