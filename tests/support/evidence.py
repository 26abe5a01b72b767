"""Evidence of a page and blocks, made by hand, for tests of the witness."""

from __future__ import annotations

from ocr_worker.wire.schema import Block
from ocr_worker.witness.evidence import Evidence, EvidenceLine, EvidenceWord

TEXT = "The narrow harbour describes 1,482 ledgers beside the coastal archive."


def line_of(text: str, x: float, y: float, score: float = 0.98, is_from_layer: bool = False) -> EvidenceLine:
    """A line of evidence whose characters are 10 pixels wide and 20 high."""
    words, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        box = (x + 10 * start, y, x + 10 * (start + len(word)), y + 20)
        words.append(EvidenceWord(word, box, score, is_from_layer))
        start += len(word)
    return EvidenceLine((x, y, x + 10 * len(text), y + 20), tuple(words), score)


def evidence_of(*lines: EvidenceLine) -> Evidence:
    marks = tuple(word.bbox for line in lines for word in line.words)
    return Evidence(1000, 1000, lines, marks)


def text_block(content: str, y: int = 100) -> Block:
    return Block(label="text", content=content, bbox=(90, y - 5, 900, y + 25))
