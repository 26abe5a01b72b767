"""The comparison of blocks with what the witness reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ocr_worker.wire.schema import BBox, Block
from ocr_worker.witness.evidence import Evidence, EvidenceLine
from ocr_worker.witness.verdict import judge
from support.evidence import TEXT, evidence_of, line_of, text_block

ROWS = [["", "2023", "2024"], ["harbour", "120.50", "9,318.00"], ["ledger", "77.20", "4,005.10"]]


def table_block(rows: Sequence[Sequence[str]]) -> Block:
    html = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return Block(label="table", content=f"<table>{html}</table>", bbox=(90, 90, 700, 250))


def table_evidence() -> Evidence:
    lines = [
        line_of(cell, 100 + 200 * column, 100 + 40 * row)
        for row, cells in enumerate(ROWS)
        for column, cell in enumerate(cells)
        if cell
    ]
    return evidence_of(*lines)


def codes(blocks: Sequence[Block], evidence: Evidence) -> list[str]:
    return [finding.code for finding in judge(blocks, evidence).findings]


def test_a_right_block_has_no_finding() -> None:
    """Text that the witness reads without spaces, accents and one letter is no finding."""
    assert codes([text_block(TEXT)], evidence_of(line_of(TEXT, 100, 100))) == []
    misread = TEXT.replace("The narrow", "Thenarrow").replace("coastal", "coostal")
    assert codes([text_block(TEXT.replace("harbour", "hárbour"))], evidence_of(line_of(misread, 100, 100))) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (f"{TEXT} Every brittle pigment replaced a silent valley.", "TEXT_UNSUPPORTED"),
        (TEXT.replace("1,482", "1,432"), "NUMBERS_DIFFER"),
        (f"{TEXT} the coastal archive", "REPEATED"),
        (TEXT.removesuffix(" the coastal archive."), "CUT"),
        (TEXT.replace("harbour describes ", ""), "TEXT_MISSED"),
    ],
)
def test_an_error_of_a_block_is_a_finding_on_it(content: str, code: str) -> None:
    """An invented sentence, a changed digit, a repetition, a cut tail and missing words each have their code."""
    verdict = judge([text_block(content)], evidence_of(line_of(TEXT, 100, 100)))
    assert [(finding.code, finding.block) for finding in verdict.findings] == [(code, 0)]


def test_numbers_beside_each_other_are_not_joined() -> None:
    """If the witness misses the second of two numbers, as at the end of a line, the first does not differ."""
    text = "The harbour of the coast lost in 1986 42 ledgers and archives."
    read = text.replace(" 42", "")
    assert codes([text_block(text)], evidence_of(line_of(read, 100, 100))) == []
    wrong = text.replace("1986", "1936")
    (finding,) = judge([text_block(wrong)], evidence_of(line_of(text, 100, 100))).findings
    assert (finding.code, finding.text) == ("NUMBERS_DIFFER", "1936 / 1986")


def test_text_in_no_block_is_a_finding_with_its_box() -> None:
    """Neighboring lines in no block are one finding, in their place, and the ink in blocks is counted."""
    evidence = evidence_of(line_of(TEXT, 100, 100), line_of(TEXT, 100, 300), line_of(TEXT, 100, 325))
    verdict = judge([text_block(TEXT)], evidence)
    (finding,) = verdict.findings
    assert (finding.code, finding.block, finding.box) == ("TEXT_MISSED", None, (100, 300, 800, 345))
    assert verdict.ink_coverage == pytest.approx(1 / 3, abs=0.01)


def test_a_line_that_cannot_be_read_is_missed_if_it_has_letters_of_ink() -> None:
    """A line in an unknown script in no block is a finding without text; a line of dots is none."""
    line = EvidenceLine((100, 300, 400, 320), line_of("2.", 100, 300).words, 0.95)
    letters = tuple((100.0 + 20 * number, 302.0, 112.0 + 20 * number, 318.0) for number in range(12))
    (finding,) = judge([], Evidence(1000, 1000, (line,), letters)).findings
    assert (finding.code, finding.box) == ("TEXT_MISSED", (100, 300, 400, 320))
    assert "cannot be read" in finding.message
    dots = tuple((x0, 316.0, x1, 318.0) for x0, _, x1, _ in letters)
    assert judge([], Evidence(1000, 1000, (line,), dots)).findings == ()


@pytest.mark.parametrize(
    ("boxes", "y", "owner"),
    [
        (((90, 60, 900, 124), (90, 122, 500, 150)), 108, 0),  # the smaller box begins below the middle of the line
        (((90, 60, 900, 115), (90, 117, 500, 150)), 104, 0),
        (((90, 85, 300, 112), (90, 115, 900, 150)), 106, 1),  # the smaller box ends above it
    ],
)
def test_a_line_between_two_blocks_is_in_the_block_around_its_middle(
    boxes: tuple[BBox, BBox], y: int, owner: int
) -> None:
    """Boxes may be a few pixels too small, but one that holds the middle of a line goes before such a one."""
    lines = "The narrow harbour", "describes the ledgers", "beside the archive"
    evidence = evidence_of(line_of(lines[0], 100, 86), line_of(lines[1], 100, y), line_of(lines[2], 100, 130))
    texts = [" ".join(lines[: 2 - owner]), " ".join(lines[2 - owner :])]
    blocks = [Block(label="text", content=text, bbox=box) for text, box in zip(texts, boxes, strict=True)]
    assert codes(blocks, evidence) == []


@pytest.mark.parametrize("misread", ["Simple, easy to learn", "To record a sequence", "rhytmic value."])
def test_where_boxes_overlap_a_line_is_in_the_block_that_has_its_words(misread: str) -> None:
    """On a skewed page, a line begins in the box of the heading above it, which is the smaller one."""
    text = misread.replace("rhytmic", "rhythmic")
    blocks = [
        Block(label="paragraph_title", content="Additional features", bbox=(90, 90, 400, 130)),
        Block(label="text", content=f"{text} and to repeat any held notes", bbox=(90, 115, 900, 170)),
    ]
    lines = line_of("Additional features", 100, 92), line_of(misread, 100, 112)
    evidence = evidence_of(*lines, line_of("and to repeat any held notes", 120 + 10 * len(misread), 122))
    assert codes(blocks, evidence) == []
    without = blocks[1].model_copy(update={"content": "and to repeat any held notes"})
    assert codes([blocks[0], without], evidence) == ["CUT"]


@pytest.mark.parametrize(
    "text", [r"the macro \title{<Your contribution title>} is set", "<author name>, <place>", "a <b and c> d beside it"]
)
def test_text_in_angle_brackets_is_text(text: str) -> None:
    """Only what engines write as markup is left out of a comparison."""
    evidence = evidence_of(line_of(text, 100, 100))
    (agreement,) = judge([text_block(f"<div>{text}</div>")], evidence).agreements
    assert agreement is not None
    assert (agreement.similarity, agreement.findings) == (1, ())


@pytest.mark.parametrize(
    ("label", "content", "has_confidence"),
    [
        ("image", "Harbour map Buoys Legend 300,000", True),
        ("chart", "year | value\n2019 | 41.5\n2020 | 43.25", False),
        ("seal", "RECEIVED AT THE HARBOUR 2021", False),
    ],
)
def test_text_of_a_picture_has_no_findings(label: str, content: str, has_confidence: bool) -> None:
    """Texts of a picture have no order, numbers of a chart need not be printed, letters of a seal are on a curve."""
    evidence = evidence_of(line_of("Buoys Harbour map", 100, 100), line_of("75,000 150,000 300,000 Scale", 100, 130))
    verdict = judge([Block(label=label, content=content, bbox=(90, 90, 900, 160))], evidence)
    assert [agreement is not None for agreement in verdict.agreements] == [has_confidence]
    assert verdict.findings == ()


def test_lines_below_one_another_are_no_row() -> None:
    """Outlines of small print overlap: a line is not read after the one below it, which begins farther left."""
    texts = "the narrow harbour describes a silent valley", "every brittle pigment of the coastal archive"
    upper, lower = (
        replace(line_of(text, 100 + shift, y), bbox=(100 + shift, y, 540 + shift, y + 22))
        for text, shift, y in zip(texts, (4, 0), (100, 110), strict=True)
    )
    (agreement,) = judge([text_block(" ".join(texts))], evidence_of(upper, lower)).agreements
    assert agreement is not None
    assert agreement.similarity == 1


def test_swapped_cells_are_findings_and_the_right_table_is_none() -> None:
    """Two cells in each other's place differ from the page, although all their text is on it."""
    assert codes([table_block(ROWS)], table_evidence()) == []
    numbers = [ROWS[0], [*ROWS[1][:2], ROWS[2][2]], [*ROWS[2][:2], ROWS[1][2]]]
    assert set(codes([table_block(numbers)], table_evidence())) == {"NUMBERS_DIFFER"}
    words = [ROWS[0], [ROWS[2][0], *ROWS[1][1:]], [ROWS[1][0], *ROWS[2][1:]]]
    assert set(codes([table_block(words)], table_evidence())) == {"TEXT_UNSUPPORTED"}


NUMBERS = [["Oil", "2", "12.50"], ["Wicks", "11", "7.45"], ["Lamps", "105", "1,890.99"]]
RIGHT_EDGES = (0, 420, 700)  # of the columns of numbers


def numbers_evidence(headings: Sequence[tuple[str, float]]) -> Evidence:
    """The rows of `NUMBERS` with the numbers on the right of their columns, under headings at these places."""
    lines = [line_of(text, x, 100) for text, x in headings]
    for row, cells in enumerate(NUMBERS, 1):
        lines += [
            line_of(cell, RIGHT_EDGES[column] - 10 * len(cell) if column else 100, 100 + 40 * row)
            for column, cell in enumerate(cells)
        ]
    return evidence_of(*lines)


@pytest.mark.parametrize("price", [440, 500, 650])
def test_a_heading_on_the_other_side_of_its_column_is_none(price: float) -> None:
    """A heading on the left of a column of numbers on the right is in it, until it is in the column before."""
    evidence = numbers_evidence([("Goods", 100), ("Count", 330), ("Price", price)])
    assert codes([table_block([["Goods", "Count", "Price"], *NUMBERS])], evidence) == []
    swapped = [["Goods", "Price", "Count"], *NUMBERS]
    assert set(codes([table_block(swapped)], evidence)) == {"TEXT_UNSUPPORTED"}
    shifted = [["Goods", "Count", "Price"], ["Oil", "12.50", "2"], *NUMBERS[1:]]
    assert set(codes([table_block(shifted)], evidence)) == {"NUMBERS_DIFFER"}


def test_cells_that_span_columns_or_rows_are_compared_in_their_places() -> None:
    """The cells after one that spans are in the columns that they have on the page."""
    evidence = numbers_evidence([("Goods", 100), ("Autumn", 450)])
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in NUMBERS)
    heading = '<tr><th rowspan="1">Goods</th><th colspan="2">Autumn</th></tr>'
    block = Block(label="table", content=f"<table>{heading}{rows}</table>", bbox=(90, 90, 710, 250))
    assert codes([block], evidence) == []
    tall = rows.replace("<td>Oil</td>", '<td rowspan="2">Oil Wicks</td>').replace("<td>Wicks</td>", "")
    tall_block = block.model_copy(update={"content": f"<table>{heading}{tall}</table>"})
    assert codes([tall_block], evidence) == []


def test_a_changed_digit_of_a_table_is_a_finding() -> None:
    """A digit of a cell that the witness reads otherwise is a finding in the cell's place."""
    changed = [ROWS[0], ["harbour", "120.80", "9,318.00"], ROWS[2]]
    (finding,) = judge([table_block(changed)], table_evidence()).findings
    assert (finding.code, finding.box) == ("NUMBERS_DIFFER", (300, 140, 360, 160))


def test_an_uncertain_reader_contradicts_nothing() -> None:
    """An uncertain reading is no evidence against the result."""
    assert codes([text_block(TEXT)], evidence_of(line_of("lhc narrwv barboor 1,842 xx", 100, 100, 0.5))) == []
    assert codes([text_block(TEXT)], evidence_of(line_of(TEXT.replace("1,482", "1,432"), 100, 100, 0.8))) == []


def test_scripts_that_the_reader_does_not_know_are_left_alone() -> None:
    """A block in Russian has no agreement and no finding, whatever the witness reads there."""
    verdict = judge([text_block("В тихой гавани старая библиотека")], evidence_of(line_of("B THXON raBaHN", 100, 100)))
    assert verdict.agreements == (None,)
    assert verdict.findings == ()


def test_only_an_honest_layer_is_exact() -> None:
    """Agreement is exact if every word comes from an honest text layer, and no word is missing."""
    layer = evidence_of(line_of(TEXT, 100, 100, 1.0, is_from_layer=True))
    (agreement,) = judge([text_block(TEXT)], layer).agreements
    assert agreement
    assert agreement.is_exact
    (read,) = judge([text_block(TEXT)], evidence_of(line_of(TEXT, 100, 100, 1.0))).agreements
    assert read
    assert not read.is_exact
    assert read.similarity == 1


def test_evidence_survives_its_json() -> None:
    """The report of a witness is the same after it was sent between processes."""
    evidence = table_evidence()
    assert Evidence.from_json(evidence.to_json()) == evidence
