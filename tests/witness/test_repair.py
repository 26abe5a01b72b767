"""The choice between two readings of a region, and the place of text that was missed."""

from __future__ import annotations

import numpy as np

from ocr_worker.pages import PageImage
from ocr_worker.parsing.rereading import HeldPages, Rereader, crop
from ocr_worker.wire.schema import BBox, Block
from ocr_worker.witness.evidence import Evidence, EvidenceLine, EvidenceWord
from ocr_worker.witness.regions import MAX_REGIONS, can_reread, regions_of
from ocr_worker.witness.repair import apply_readings, changed_words, insertion_index
from ocr_worker.witness.verdict import judge
from support.evidence import TEXT, evidence_of, line_of, text_block

SECOND = "A silent copper valley absorbed the winter ledger of 1907."


def repaired(blocks: list[Block], evidence: Evidence, *texts: str) -> list[tuple[str, str | None]]:
    """Return content and mark of each block after the regions of all findings were read as `texts`."""
    verdict = judge(blocks, evidence)
    readings = dict(zip(regions_of(blocks, verdict.findings), texts, strict=True))
    result = apply_readings(blocks, evidence, verdict, readings)
    assert {finding for finding, _ in result.findings} >= set(verdict.findings)
    return [(block.content, block.repair) for block in result.blocks]


def test_the_reading_with_more_evidence_wins() -> None:
    """A second reading replaces an invented sentence; one that invents as much, or drops more, does not."""
    evidence = evidence_of(line_of(TEXT, 100, 100))
    invented = f"{TEXT} Every brittle pigment replaced a silent valley."
    assert repaired([text_block(invented)], evidence, TEXT) == [(TEXT, "replaced")]
    other = f"{TEXT} Some hollow committees surround the municipal estuary."
    assert repaired([text_block(invented)], evidence, other) == [(invented, None)]
    assert repaired([text_block(invented)], evidence, "The narrow harbour") == [(invented, None)]


def test_missed_text_is_inserted_in_its_place() -> None:
    """Text between two blocks becomes a block between them, if the evidence supports what was read."""
    blocks = [text_block(TEXT), text_block(TEXT, 300)]
    evidence = evidence_of(line_of(TEXT, 100, 100), line_of(SECOND, 100, 200), line_of(TEXT, 100, 300))
    assert repaired(blocks, evidence, SECOND) == [(TEXT, None), (SECOND, "inserted"), (TEXT, None)]
    assert repaired(blocks, evidence, "Nothing of that kind") == [(TEXT, None), (TEXT, None)]


def test_missed_text_in_an_unknown_script_is_inserted() -> None:
    """Ink of several letters that the witness cannot read contradicts nothing that the engine reads there."""
    line = EvidenceLine((100, 300, 400, 320), (EvidenceWord("2.", (100, 300, 120, 320), 0.95),), 0.95)
    letters = tuple((100.0 + 20 * number, 302.0, 112.0 + 20 * number, 318.0) for number in range(12))
    assert repaired([], Evidence(1000, 1000, (line,), letters), "В тихой гавани") == [("В тихой гавани", "inserted")]


def test_what_remains_wrong_is_reported_as_well() -> None:
    """A new reading that repairs a sentence and misreads a number has both findings."""
    evidence = evidence_of(line_of(TEXT, 100, 100))
    block = text_block(f"{TEXT} Every brittle pigment replaced a silent valley.")
    verdict = judge([block], evidence)
    (region,) = regions_of([block], verdict.findings)
    result = apply_readings([block], evidence, verdict, {region: TEXT.replace("1,482", "1,432")})
    assert [(finding.code, repair and repair.outcome) for finding, repair in result.findings] == [
        ("TEXT_UNSUPPORTED", "replaced"),
        ("NUMBERS_DIFFER", None),
    ]


def test_regions_are_bounded_and_readable() -> None:
    """A page has at most MAX_REGIONS, the largest first; a table with a figure in a cell is left alone."""
    blocks = [text_block("Nothing of that kind at all", 100 + 60 * number) for number in range(20)]
    evidence = evidence_of(*(line_of(TEXT, 100, 100 + 60 * number) for number in range(20)))
    regions = regions_of(blocks, judge(blocks, evidence).findings)
    assert len(regions) == MAX_REGIONS
    table = Block(label="table", content='<table><tr><td><img src="x"></td></tr></table>', bbox=(0, 0, 9, 9))
    assert not can_reread(regions[0].__class__("table", (0, 0, 9, 9), 0), [table])


def test_the_place_of_a_block_is_in_its_column() -> None:
    """In two columns, a block is after the one above it; without one, before the first below it."""
    boxes: list[BBox] = [(0, 0, 400, 100), (0, 300, 400, 400), (500, 100, 900, 200)]
    blocks = [Block(label="text", content="x", bbox=box) for box in boxes]
    assert insertion_index(blocks, (0, 150, 400, 250)) == 1
    assert insertion_index(blocks, (500, 250, 900, 350)) == 3
    assert insertion_index(blocks, (500, 0, 900, 50)) == 2
    assert insertion_index(blocks, (420, 50, 480, 90)) == 1
    assert insertion_index([], (0, 0, 9, 9)) == 0


def test_changed_words_are_those_of_each_side() -> None:
    """Words that both readings have are left out, and so are the tags of a table."""
    first = Block(label="table", content="<table><tr><td>net</td><td>12 EUR</td></tr></table>", bbox=(0, 0, 9, 9))
    second = first.model_copy(update={"content": "<table><tr><td>net</td><td>72 EUR</td></tr></table>"})
    assert changed_words(first, second) == ("12", "72")


def test_a_crop_has_another_resolution_and_ends_at_the_page() -> None:
    """A small region is enlarged, a large one reduced, and the margin does not leave the page."""
    page = PageImage(3, np.zeros((2000, 1500, 3), np.uint8), 100.0)
    small, large = crop(page, (0, 0, 100, 50)), crop(page, (0, 0, 1500, 2000))
    assert small.pixels.shape == (76, 146, 3)
    assert (small.number, small.dpi) == (3, 140.0)
    assert large.pixels.shape == (1500, 1125, 3)


def test_each_held_page_is_released_once() -> None:
    """A page is let go when it was compared, when its document ends, or at once after that."""
    released: list[str] = []

    def rereader(name: str) -> Rereader:
        page = PageImage(1, np.zeros((1, 1, 3), np.uint8))
        unused: object = None
        return Rereader(page, unused, unused, unused, unused, unused, lambda: released.append(name))  # type: ignore[arg-type]

    held_pages = HeldPages()
    first, second = rereader("first"), rereader("second")
    held_pages.add(first)
    held_pages.add(second)
    held_pages.release(first)
    held_pages.release(first)
    assert released == ["first"]
    held_pages.close()
    held_pages.release(second)
    held_pages.add(rereader("late"))
    assert released == ["first", "second", "late"]
