"""Align a block's text with the evidence in its box, and tell where they differ.

Both texts are compared as plain characters (`words`), because the small reader joins words. Stretches of the block
without a counterpart are unsupported or repeated, stretches of the evidence without one are missed or cut, and numbers
whose digits differ are findings of their own. What the reader misreads is short and scattered: a stretch counts from
so many characters on, and only if the reader is certain there. Scripts that it does not know are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from ocr_worker.engines.text_layer.scripts import is_readable
from ocr_worker.witness.evidence import EvidenceWord, Rectangle
from ocr_worker.witness.findings import Finding, FindingCode
from ocr_worker.witness.words import NUMBER, Flat, digits, plain

MIN_READABLE = 0.9  # share of a block's letters that are of scripts the reader knows
MIN_STRETCH = 6  # plain characters of a stretch; shorter ones are misreadings
MIN_DENSITY = 0.6  # share of a stretch that has no counterpart
MIN_TAIL = 4
MIN_SCORE = 0.75  # certainty of a word whose text counts as evidence against the result
MIN_NUMBER_SCORE = 0.9  # certainty of a line whose digits do
_ALIKE = frozenset("il1")  # strokes that the reader tells apart by their surroundings only
JOIN = 3  # matching characters between two stretches that do not part them: chance finds as many


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a block and its evidence agree.

    similarity: 0 to 1, of plain characters. score: mean certainty of the evidence. numbers: share of the block's
    numbers that the evidence has. length: plain characters of the block. is_exact: a reliable text layer has all of the
    block's text, and nothing else in its box.
    """

    similarity: float
    score: float
    numbers: float
    length: int
    is_exact: bool = False
    findings: tuple[Finding, ...] = field(default=())


def is_comparable(text: str) -> bool:
    """Return whether the reader knows the scripts of most letters of the text."""
    letters = [character for character in plain(text) if not character.isdigit()]
    return not letters or sum(map(is_readable, letters)) >= MIN_READABLE * len(letters)


def compare_text(index: int, text: str, bbox: Rectangle, words: Sequence[EvidenceWord], others: str = "") -> Agreement:
    """Return the agreement of block `index` with the words of the evidence in its box, which are in reading order.

    others: the plain text of all other blocks, for text that is repeated across blocks.
    """
    block_words = text.split()
    block, evidence = Flat.of(block_words), Flat.of([word.text for word in words])
    opcodes = Levenshtein.opcodes(block.text, evidence.text)
    pairs = [(op.tag, op.src_start, op.src_end, op.dest_start, op.dest_end) for op in opcodes]
    matched = sum(end - start for tag, start, end, _, _ in pairs if tag == "equal")
    matched += sum(_count_alike(block.text[a:b], evidence.text[c:d]) for tag, a, b, c, d in pairs if tag == "replace")
    score = _mean(words)
    findings = [
        *_number_findings(index, text, block, bbox, words, evidence, pairs),
        *_unsupported(index, block_words, block, bbox, words, evidence, pairs, others),
        *_missed(index, block, words, evidence, pairs),
    ]
    longest = max(len(block.text), len(evidence.text))
    return Agreement(
        similarity=matched / longest if longest else 1.0,
        score=score,
        numbers=_shared_numbers(text, words),
        length=len(block.text),
        is_exact=block.text == evidence.text and bool(words) and all(word.is_from_layer for word in words),
        findings=tuple(findings),
    )


def _count_alike(text: str, reading: str) -> int:
    """Return how many characters differ only as those do which the reader confuses; numbers are compared elsewhere."""
    if len(text) != len(reading):
        return 0
    return sum({a, b} <= _ALIKE for a, b in zip(text, reading, strict=True))


Pairs = Sequence[tuple[str, int, int, int, int]]


def _mean(words: Sequence[EvidenceWord]) -> float:
    length = sum(len(word.text) for word in words)
    return sum(word.score * len(word.text) for word in words) / length if length else 0.0


# --------------------------------------------------------------------------- stretches


def _stretches(pairs: Pairs, is_source: bool) -> list[tuple[int, int, int, int]]:
    """Return the stretches without a counterpart as start, end, position in the other text, and number of characters.

    Stretches with at most `JOIN` matching characters between them are one. A replaced stretch counts by the characters
    that it has more than its counterpart: the rest may be misread.
    """
    stretches: list[list[int]] = []
    for tag, source_start, source_end, dest_start, dest_end in pairs:
        start, end, other_start, other_end = source_start, source_end, dest_start, dest_end
        if not is_source:
            start, end, other_start, other_end = dest_start, dest_end, source_start, source_end
        if tag == "equal" or start == end:
            continue
        alone = end - start - (other_end - other_start)
        if stretches and start - stretches[-1][1] <= JOIN:
            stretches[-1][1], stretches[-1][3] = end, stretches[-1][3] + alone
        else:
            stretches.append([start, end, other_start, alone])
    return [(start, end, other, alone) for start, end, other, alone in stretches]


def _unsupported(
    index: int,
    block_words: Sequence[str],
    block: Flat,
    bbox: Rectangle,
    words: Sequence[EvidenceWord],
    evidence: Flat,
    pairs: Pairs,
    others: str,
) -> Iterable[Finding]:
    if words and _mean(words) < MIN_SCORE:
        return
    for start, end, _, alone in _stretches(pairs, is_source=True):
        stretch = block.text[start:end]
        if alone < MIN_STRETCH or alone < MIN_DENSITY * len(stretch):
            continue
        shown = " ".join(block_words[block.owners[start] : block.owners[end - 1] + 1])
        rest = block.text[:start] + "\n" + block.text[end:]
        is_repeated = contains(rest, stretch) or contains(others, stretch)
        if not is_repeated and len(words) and contains(evidence.text, stretch) and len(stretch) >= 2 * MIN_STRETCH:
            continue  # it is on the page, in another order
        code: FindingCode = "REPEATED" if is_repeated else "TEXT_UNSUPPORTED"
        yield Finding(code, shown, bbox, index, len(stretch))


def contains(text: str, stretch: str) -> bool:
    """Return whether the text has the stretch, with few differences. Both are plain."""
    return len(text) >= len(stretch) and fuzz.partial_ratio(stretch, text, score_cutoff=85) >= 85


def _missed(index: int, block: Flat, words: Sequence[EvidenceWord], evidence: Flat, pairs: Pairs) -> Iterable[Finding]:
    for start, end, position, alone in _stretches(pairs, is_source=False):
        stretch_words = words[evidence.owners[start] : evidence.owners[end - 1] + 1]
        is_tail = position >= len(block.text) - JOIN and end >= len(evidence.text) - JOIN
        if alone < (MIN_TAIL if is_tail else MIN_STRETCH) or alone < MIN_DENSITY * (end - start):
            continue
        if _mean(stretch_words) < MIN_SCORE:
            continue
        if contains(block.text, evidence.text[start:end]):
            continue  # the block has it, in another order
        text = " ".join(word.text for word in stretch_words)
        yield Finding("CUT" if is_tail and position else "TEXT_MISSED", text, bounds(stretch_words), index, end - start)


def bounds(words: Sequence[EvidenceWord]) -> Rectangle:
    """Return the smallest box around the words."""
    x0, y0, x1, y1 = zip(*(word.bbox for word in words), strict=True)
    return min(x0), min(y0), max(x1), max(y1)


# --------------------------------------------------------------------------- numbers


def _shared_numbers(text: str, words: Sequence[EvidenceWord]) -> float:
    """Return the share of the text's numbers whose digits are in the evidence; 1 for a text without numbers."""
    numbers = [digits(match[0]) for match in NUMBER.finditer(text)]
    if not numbers:
        return 1.0
    witnessed = " ".join(digits(word.text) for word in words)
    joined = witnessed.replace(" ", "")
    return sum(number in joined for number in numbers) / len(numbers)


def _number_findings(
    index: int,
    text: str,
    block: Flat,
    bbox: Rectangle,
    words: Sequence[EvidenceWord],
    evidence: Flat,
    pairs: Pairs,
) -> Iterable[Finding]:
    """Yield the numbers whose aligned digits differ, and are digits on both sides."""
    for start, end in _digit_runs(block):
        number = block.text[start:end]
        span = _counterpart(pairs, start, end)
        if span is None:
            continue
        other_start, other_end = span
        other = evidence.text[other_start:other_end]
        # Letters that look like digits are misreadings of the reader.
        if other == number or not other.isdigit() or abs(len(other) - len(number)) > 2:
            continue
        around = words[evidence.owners[other_start] : evidence.owners[other_end - 1] + 1]
        if min(word.score for word in around) < MIN_NUMBER_SCORE:
            continue
        yield Finding("NUMBERS_DIFFER", f"{number} / {other}", bounds(around), index, end - start)


def _digit_runs(flat: Flat) -> Iterable[tuple[int, int]]:
    """Yield start and end of the digits in a row within a word: numbers of two words are not one."""
    for match in re.finditer(r"\d+", flat.text):
        for _, places in groupby(range(*match.span()), key=lambda place: flat.owners[place]):
            run = list(places)
            yield run[0], run[-1] + 1


def _counterpart(pairs: Pairs, start: int, end: int) -> tuple[int, int] | None:
    """Return the stretch of the evidence that is aligned with these characters of the block; None if nothing is."""
    first: int | None = None
    last = 0
    for tag, source_start, source_end, dest_start, dest_end in pairs:
        if tag == "insert" and not start < source_start < end:
            continue
        if (source_end <= start and tag != "insert") or source_start >= end:
            continue
        if tag == "equal" or (tag == "replace" and source_end - source_start == dest_end - dest_start):
            low, high = max(start, source_start), min(end, source_end)
            begin, finish = dest_start + low - source_start, dest_start + high - source_start
        else:
            begin, finish = dest_start, dest_end
        if finish > begin:
            first = begin if first is None else first
            last = finish
    return None if first is None else (first, last)
