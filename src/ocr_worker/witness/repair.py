"""Choose between the readings of a page's regions (`regions`), of which the engine has read some once more.

The new reading of a block takes the place of the first one only if the evidence contradicts less of it, or agrees with
more. Text that was missed becomes a block of its own, in its place in the reading order. Every finding stays, with what
became of it. All functions are pure: the reading itself is in `parsing.rereading`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from ocr_worker.wire.schema import BBox, Block, Repair
from ocr_worker.witness.comparison import Agreement
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.findings import Finding
from ocr_worker.witness.regions import Region, region_of
from ocr_worker.witness.verdict import Verdict, agreement_of, judge
from ocr_worker.witness.words import text_of

_MAX_LOSS = 0.02  # by which a second reading may be less similar to the evidence, if less of it is contradicted
_MIN_SIMILARITY = 0.5  # of a missed text's reading to the evidence, from which on it becomes a block
_SHOWN = 300  # characters of changed words


@dataclass(frozen=True, slots=True)
class Repaired:
    """A page after its repair.

    blocks: in reading order. verdict: of these blocks. findings: of the first verdict, each with what became of its
    place, then those of the second verdict that are new.
    """

    blocks: tuple[Block, ...]
    verdict: Verdict
    findings: tuple[tuple[Finding, Repair | None], ...]


def apply_readings(
    blocks: Sequence[Block], evidence: Evidence, verdict: Verdict, readings: Mapping[Region, str]
) -> Repaired:
    """Return the page with the readings that have more evidence than the first ones.

    verdict: of `blocks`. readings: the new text of each region that was read.
    """
    current = list(blocks)
    repairs: dict[Region, Repair] = {}
    additions: list[tuple[Block, Region]] = []
    for region, text in readings.items():
        if region.block is None:
            block = Block(label=region.label, content=text, bbox=region.bbox, repair="inserted")
            if is_supported := _is_supported(agreement_of(len(current), [*current, block], evidence)):
                additions.append((block, region))
            repairs[region] = Repair(outcome="inserted" if is_supported else "kept", after=_shortened(text))
            continue
        first = current[region.block]
        second = first.model_copy(update={"content": text, "repair": "replaced"} | _picture(first))
        before, after = changed_words(first, second)
        candidates = [*current[: region.block], second, *current[region.block + 1 :]]
        agreement = agreement_of(region.block, candidates, evidence)
        if has_more_evidence(agreement, verdict.agreements[region.block]):
            current[region.block] = second
            repairs[region] = Repair(outcome="replaced", before=before, after=after)
        else:
            repairs[region] = Repair(outcome="kept", before=before, after=after)
    return _finished(blocks, evidence, verdict, (current, additions), repairs)


def _picture(block: Block) -> dict[str, str]:
    """Return the change of a block's `text_source`: a second reading is one of the picture."""
    return {"text_source": "picture"} if block.text_source else {}


def has_more_evidence(second: Agreement | None, first: Agreement | None) -> bool:
    """Return whether the evidence contradicts less of the second reading, or equally much and agrees with more."""
    if second is None or first is None or second.similarity < first.similarity - _MAX_LOSS:
        return False
    return _support(second) > _support(first)


def _support(agreement: Agreement) -> tuple[int, float, float]:
    return -sum(finding.size for finding in agreement.findings), agreement.similarity, agreement.numbers


def _is_supported(agreement: Agreement | None) -> bool:
    """Return whether the reading of missed text may become a block.

    In a script that the witness cannot read, there is ink, and nothing that contradicts the reading.
    """
    return agreement is None or agreement.similarity >= _MIN_SIMILARITY


def _finished(
    first_blocks: Sequence[Block],
    evidence: Evidence,
    verdict: Verdict,
    parts: tuple[Sequence[Block], Sequence[tuple[Block, Region]]],
    repairs: Mapping[Region, Repair],
) -> Repaired:
    """Return the result of these repairs. parts: the blocks, and those that are to be inserted."""
    blocks = list(parts[0])
    numbers: list[int | None] = list(range(len(blocks)))  # of each block before the insertions
    for block, _ in sorted(parts[1], key=lambda part: (part[0].bbox[1], part[0].bbox[0])):
        position = insertion_index(blocks, block.bbox)
        blocks.insert(position, block)
        numbers.insert(position, None)
    unread = Repair(outcome="unread")
    findings: list[tuple[Finding, Repair | None]] = [
        (finding, repairs.get(region_of(first_blocks, finding), unread)) for finding in verdict.findings
    ]
    final = judge(blocks, evidence)
    reported = {(finding.code, finding.block) for finding in verdict.findings if finding.block is not None}
    missed = [finding.bbox for finding in verdict.findings if finding.block is None]
    for finding in final.findings:
        number = None if finding.block is None else numbers[finding.block]
        is_reported = (finding.code, number) in reported or any(_overlap(finding.bbox, bbox) for bbox in missed)
        if not is_reported:
            findings.append((finding, None))
    return Repaired(tuple(blocks), final, tuple(findings))


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def insertion_index(blocks: Sequence[Block], bbox: BBox) -> int:
    """Return the place of a new block in the reading order: after the block above it in its column.

    Without one it is before the first block below it in its column, and else after all blocks that begin above it.
    """
    x0, y0, x1, y1 = bbox
    column = [index for index, block in enumerate(blocks) if min(block.bbox[2], x1) > max(block.bbox[0], x0)]
    middle = (y0 + y1) / 2
    above = [index for index in column if (blocks[index].bbox[1] + blocks[index].bbox[3]) / 2 <= middle]
    if above:
        return max(above, key=lambda index: (blocks[index].bbox[3], index)) + 1
    if column:
        return min(column, key=lambda index: (blocks[index].bbox[1], index))
    return sum(block.bbox[1] <= y0 for block in blocks)


def changed_words(first: Block, second: Block) -> tuple[str, str]:
    """Return the words that only the first of two readings has, and those that only the second has, shortened."""
    words = [text_of(block.label, block.content).split() for block in (first, second)]
    changes = [op for op in Levenshtein.opcodes(*words) if op.tag != "equal"]
    before = " … ".join(" ".join(words[0][op.src_start : op.src_end]) for op in changes if op.src_end > op.src_start)
    after = " … ".join(" ".join(words[1][op.dest_start : op.dest_end]) for op in changes if op.dest_end > op.dest_start)
    return _shortened(before), _shortened(after)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
