"""Compare a parsed page with its evidence: agreement of each block, findings, and the share of ink in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_worker.wire.schema import BBox, Block
from ocr_worker.witness.comparison import MIN_SCORE, Agreement, bounds, compare_text, contains, is_comparable
from ocr_worker.witness.evidence import Evidence, EvidenceLine, EvidenceWord, Rectangle
from ocr_worker.witness.findings import Finding
from ocr_worker.witness.regions import blocks_around, blocks_at
from ocr_worker.witness.tables import compare_table
from ocr_worker.witness.words import plain, table_cells, text_of

_MIN_MISSED = 4  # plain characters of lines in no block; shorter ones are marks
_UNLIKE_ITS_TEXT = ("chart", "seal")  # whose numbers need not be printed, and whose letters are on a curve
_MAX_SHARED = 0.5  # width of the narrower one that two lines of a row may have in common
_LEGIBLE = 0.6  # certainty of a line that is read rather than guessed
_MIN_LEGIBLE = 0.5  # share of such lines, by length, on a page that can be compared


@dataclass(frozen=True, slots=True)
class Verdict:
    """The comparison of a page. agreements: of the blocks, in order; None for those that are left alone.

    ink_coverage: share of the ink that looks like text inside blocks, 0 to 1; None for a page without such ink.
    """

    agreements: tuple[Agreement | None, ...]
    findings: tuple[Finding, ...]
    ink_coverage: float | None


def is_legible(evidence: Evidence) -> bool:
    """Return whether the witness can read the page: it is not on its side, upside down or in an unknown script.

    A page without lines is legible: nothing is written on it.
    """
    lengths = [line.bbox[2] - line.bbox[0] for line in evidence.lines]
    certain = sum(length for length, line in zip(lengths, evidence.lines, strict=True) if line.score >= _LEGIBLE)
    return certain >= _MIN_LEGIBLE * sum(lengths)


def judge(blocks: Sequence[Block], evidence: Evidence) -> Verdict:
    """Return the comparison of the blocks with the evidence of their page."""
    plain_texts = _plain_texts(blocks)
    assigned = _assign(blocks, evidence, plain_texts)
    agreements = [
        _agreement(index, block, plain_texts, words)
        for index, (block, words) in enumerate(zip(blocks, assigned, strict=True))
    ]
    findings = [finding for agreement in agreements if agreement for finding in agreement.findings]
    findings += _missed_lines(blocks, evidence)
    return Verdict(tuple(agreements), tuple(findings), _coverage(blocks, evidence))


def agreement_of(index: int, blocks: Sequence[Block], evidence: Evidence) -> Agreement | None:
    """Return the agreement of one of the blocks, as `judge` does for all."""
    plain_texts = _plain_texts(blocks)
    return _agreement(index, blocks[index], plain_texts, _assign(blocks, evidence, plain_texts)[index])


def _plain_texts(blocks: Sequence[Block]) -> list[str]:
    return [plain(text_of(block.label, block.content)) for block in blocks]


def _agreement(index: int, block: Block, plain_texts: Sequence[str], words: Sequence[EvidenceWord]) -> Agreement | None:
    """Return the agreement of block `index` with the words in it. plain_texts: of all blocks."""
    bbox: Rectangle = block.bbox
    text = text_of(block.label, block.content)
    others = "\n".join((*plain_texts[:index], *plain_texts[index + 1 :]))
    if not plain_texts[index] or not is_comparable(plain_texts[index]) or block.label in _UNLIKE_ITS_TEXT:
        return None
    if block.label == "table" and (cells := table_cells(block.content)):
        return compare_table(index, cells, bbox, words)
    agreement = compare_text(index, text, bbox, words, others)
    # The reader knows no fractions or roots, and the texts of a picture have no order.
    if "formula" in block.label or "image" in block.label:
        return Agreement(agreement.similarity, agreement.score, agreement.numbers, agreement.length)
    return agreement


def _assign(blocks: Sequence[Block], evidence: Evidence, plain_texts: Sequence[str]) -> list[list[EvidenceWord]]:
    """Return the words in each block, in reading order. plain_texts: of the blocks.

    The words of a line in several boxes belong to the smallest whose block has them, or else to the smallest.
    """
    words_of: list[list[list[EvidenceWord]]] = [[] for _ in blocks]
    lines = _in_rows(evidence.lines)
    boxes = _boxes(blocks)
    indices = iter(blocks_at(boxes, [word.bbox for line in lines for word in line.words]).tolist())
    for line in lines:
        parts: dict[int, list[EvidenceWord]] = {}
        for word in line.words:
            parts.setdefault(next(indices), []).append(word)
        for index, part in parts.items():
            if index >= 0:
                words_of[_owner(index, part, boxes, plain_texts)].append(part)
    return [[word for part in parts for word in part] for parts in words_of]


def _owner(index: int, words: Sequence[EvidenceWord], boxes: Sequence[BBox], plain_texts: Sequence[str]) -> int:
    """Return the block that has these words of a line, where boxes overlap, as those of a skewed page do.

    index: the smallest block around them, which has them if no other one does.
    """
    around = blocks_around(boxes, bounds(words))
    if len(around) < 2:
        return index
    text = "".join(plain(word.text) for word in words)
    return next((each for each in (index, *around) if contains(plain_texts[each], text)), index)


def _in_rows(lines: Sequence[EvidenceLine]) -> list[EvidenceLine]:
    """Return the lines row by row, from left to right."""
    rows: list[list[EvidenceLine]] = []
    for line in sorted(lines, key=lambda line: line.bbox[1] + line.bbox[3]):
        middle = (line.bbox[1] + line.bbox[3]) / 2
        is_level = bool(rows) and rows[-1][0].bbox[1] <= middle <= rows[-1][0].bbox[3]
        if is_level and not any(_is_over(line, other) for other in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.bbox[0])]


def _is_over(line: EvidenceLine, other: EvidenceLine) -> bool:
    """Return whether one of two lines at nearly the same height is above the other, as in small print."""
    shared = min(line.bbox[2], other.bbox[2]) - max(line.bbox[0], other.bbox[0])
    return shared > _MAX_SHARED * min(line.bbox[2] - line.bbox[0], other.bbox[2] - other.bbox[0])


def _missed_lines(blocks: Sequence[Block], evidence: Evidence) -> list[Finding]:
    """Return the text in no block: neighboring lines are one finding.

    A line that cannot be read counts, too: it may be in a script that the reader does not know.
    """
    runs: list[list[EvidenceWord]] = []
    is_line_outside = blocks_at(_boxes(blocks), [line.bbox for line in evidence.lines]) < 0
    is_word_outside = iter(blocks_at(_boxes(blocks), [word.bbox for line in evidence.lines for word in line.words]) < 0)
    marks = _edges(evidence)
    for line, is_outside in zip(evidence.lines, is_line_outside, strict=True):
        words = [word for word in line.words if next(is_word_outside)]
        if is_outside and _is_unreadable(line, marks):
            words = [EvidenceWord("", line.bbox, line.score)]
        elif line.score < MIN_SCORE or _length(words) < _MIN_MISSED:
            continue
        if runs and _continues(runs[-1], words):
            runs[-1] += words
        else:
            runs.append(words)
    return [
        Finding("TEXT_MISSED", " ".join(word.text for word in words), bounds(words), None,
                _length(words))
        for words in runs
    ]  # fmt: skip


def _length(words: Sequence[EvidenceWord]) -> int:
    return sum(len(plain(word.text)) for word in words)


def _is_unreadable(line: EvidenceLine, marks: NDArray[np.float64]) -> bool:
    """Return whether the line has ink of several letters, but is read as less than half as many, or not with certainty.

    For a script that it does not know, the reader returns a few characters, and is often sure of them. marks: the
    edges of the page's marks.
    """
    count = _count_marks(line.bbox, marks)
    return count >= _MIN_MISSED and (line.score < MIN_SCORE or count >= 2 * _length(line.words))


def _count_marks(bbox: Rectangle, marks: NDArray[np.float64]) -> int:
    """Return the number of marks in the box that are at least a third as high as it."""
    x0, y0, x1, y1 = bbox
    x, y = (marks[0] + marks[2]) / 2, (marks[1] + marks[3]) / 2
    is_high = marks[3] - marks[1] >= (y1 - y0) / 3
    return int((is_high & (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)).sum())


def _boxes(blocks: Sequence[Block]) -> list[BBox]:
    return [block.bbox for block in blocks]


def _edges(evidence: Evidence) -> NDArray[np.float64]:
    """Return the edges of the marks: left, top, right, bottom, each [n]."""
    return np.asarray(evidence.marks, np.float64).reshape(-1, 4).T


def _continues(above: Sequence[EvidenceWord], words: Sequence[EvidenceWord]) -> bool:
    """Return whether the words are right below those above, or beside them."""
    x0, _, x1, y1 = bounds(above)
    left, top, right, bottom = bounds(words)
    return top - y1 < bottom - top and left < x1 and x0 < right


def _coverage(blocks: Sequence[Block], evidence: Evidence) -> float | None:
    x0, y0, x1, y1 = _edges(evidence)
    areas = (x1 - x0) * (y1 - y0)
    inside = areas[blocks_at(_boxes(blocks), evidence.marks) >= 0]
    return round(float(inside.sum() / areas.sum()), 4) if areas.size else None
