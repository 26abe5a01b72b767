"""Born-digital pages in PaddleX's own pipeline: true boxes and true answers in place of its models.

The crops that reach the model are exactly those that it must read, and texts of the layer have no wrong character.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl import frameworks
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.sources.rasterizer import pdf
from ocr_worker.sources.rasterizer.document import make_text_line
from support import files, tinyvl
from support.arranged import ArrangedPipeline, Layout, Reader, Region
from support.born_digital import CLASSES, DPI, LANGUAGES, SERIF, Sheet, Truth, tinyvl_sheet
from support.text_pdf import Run, text_pdf

pytestmark = pytest.mark.paddle

PAGES = 10  # of each class


def page_image(data: bytes, number: int = 1) -> PageImage:
    """Return the first page of a PDF with its text layer."""
    document = pdf.PdfDocument(data, files.request(dpi=DPI, max_pixels=40_000_000, text_layer=True))
    page = document.render(1)
    document.close()
    lines = tuple(make_text_line(*line) for line in page.text_lines or ())
    fonts = frozenset(page.proven_fonts), frozenset(page.symbol_fonts)
    return PageImage(number, page.pixels, DPI, (), lines, *fonts)


class Truths:
    """The answers to the crops of these pages, as the pipeline cuts them."""

    def __init__(self) -> None:
        self.answers: dict[bytes, str] = {}
        self.reader = Reader(lambda crop: self.answers[crop["image"].tobytes()])

    def learn(self, page: PageImage, truths: Sequence[Truth], regions: Sequence[Region]) -> None:
        """Remember the answer to each block's crop, which a pipeline of its own cuts."""
        texts = iter(truth.text for truth in truths if truth.label != "image")

        def note(crop: dict[str, Any]) -> str:
            self.answers[crop["image"].tobytes()] = text = next(texts)
            return text

        engine_of(ArrangedPipeline(Layout(regions), Reader(note))).parse(
            [page], PaddleOcrVlOptions(merge_layout_blocks=False)
        )


def engine_of(pipeline: ArrangedPipeline) -> Any:
    from ocr_worker.engines.paddleocr_vl.adapter import PaddleOcrVl

    settings = tinyvl.settings()
    return PaddleOcrVl(pipeline, settings, frameworks.load(settings))


def moved(truths: Iterable[Truth], seed: int) -> list[Region]:
    """Return the blocks as a layout model finds them: each box is moved by up to five pixels."""
    chance = random.Random(seed)
    return [
        (t.label, tuple(edge + shift for edge, shift in zip(t.box, [*pair, *pair], strict=True)))  # type: ignore[misc]
        for t in truths
        for pair in [(chance.uniform(-5, 5), chance.uniform(-5, 5))]
    ]


def parse(sheet: Sheet, seed: int = 0) -> tuple[ParsedPage, ParsedPage, list[str]]:
    """Return the page by `never` and by `auto`, and the answers of the model by `auto`."""
    page = page_image(sheet.pdf())
    regions = moved(sheet.truths, seed)
    truths = Truths()
    truths.learn(page, sheet.truths, regions)
    engine = engine_of(ArrangedPipeline(Layout(regions, regions), truths.reader))
    options = [PaddleOcrVlOptions(text_layer=choice, markdown_ignore_labels=[]) for choice in ("never", "auto")]
    (never,) = engine.parse([page], options[0])
    truths.reader.calls.clear()
    (auto,) = engine.parse([page], options[1])
    return never, auto, [truths.answers[crop["image"].tobytes()] for crop in truths.reader.crops]


def plain(text: str) -> str:
    return " ".join(text.split())


# --------------------------------------------------------------------------- thirty pages


# Of each class, a page with fonts that prove themselves and one with fonts that a reader proves; the others are slow.
@pytest.mark.parametrize(
    "number", [0, 1, *(pytest.param(number, marks=pytest.mark.slow) for number in range(2, PAGES))]
)
@pytest.mark.parametrize("name", CLASSES)
def test_only_what_must_be_read_is_sent(name: str, number: int) -> None:
    """The model reads formulas, tables and lying fonts; all other text is the file's, without a wrong character."""
    sheet = CLASSES[name](number)
    never, auto, sent = parse(sheet, seed=number)
    assert sorted(sent) == sorted(truth.text for truth in sheet.truths if truth.must_read)
    for block, truth in zip(auto.blocks, sheet.truths, strict=True):
        assert block.text_source == ("picture" if truth.must_read else "text_layer")
        assert truth.must_read or plain(block.content) == truth.text
    assert plain(auto.markdown) == plain(never.markdown)
    assert auto.text_source == ("both" if sent else "text_layer")
    assert never.text_source == "picture"


def test_shares_of_crops() -> None:
    """Of running text at most 15 % of the crops are sent, and of all pages at most 40 %; 6 of 10 blocks are text."""
    truths = {
        name: [truth for number in range(PAGES) for truth in make(number).truths] for name, make in CLASSES.items()
    }
    shares = {name: sum(truth.must_read for truth in each) / len(each) for name, each in truths.items()}
    assert shares["running text"] <= 0.15
    every = [truth for each in truths.values() for truth in each]
    assert sum(truth.must_read for truth in every) / len(every) <= 0.4
    assert len(LANGUAGES) == 6


def test_the_real_models_read_the_rest(engine: Engine) -> None:
    """With the real class on test weights, a page is exact by its layer, and read where the layer is left out."""
    page = page_image(tinyvl_sheet(tinyvl.LINES[:3]).pdf())
    options = PaddleOcrVlOptions(text_layer="auto", max_new_tokens=tinyvl.LIMIT, merge_pages=True)
    exact, read = engine.parse([page], options)[0], engine.parse([replace(page, text_lines=None)], options)[0]
    assert [block.content for block in exact.blocks] == list(tinyvl.LINES[:3])
    assert (exact.text_source, read.text_source) == ("text_layer", "picture")
    assert [block.bbox for block in exact.blocks] == [block.bbox for block in read.blocks]
    assert tinyvl.character_error_rate(read.markdown, exact.markdown) < 0.15
    merged = engine.merge_pages([exact, read])
    assert [page and page.text_source for page in merged] == ["text_layer", "picture"]
    assert [page and [block.content for block in page.blocks] for page in merged] == [
        [block.content for block in page.blocks] for page in (exact, read)
    ]


# --------------------------------------------------------------------------- pages of other kinds


def columns(left: str, right: str, *, right_font: str = "DejaVuSans.ttf") -> Sheet:
    """Return a page of two columns, which the pipeline merges into one block."""
    sheet = Sheet()
    sheet.paragraph(left, x=60, width=220)
    bottom = sheet.y
    sheet.y = 60
    sheet.paragraph(right, x=300, width=220, font=right_font)
    sheet.y = max(bottom, sheet.y)
    return sheet


def test_a_merged_group() -> None:
    """The text of a group is that of all its blocks; it is one block, as in the model's reading."""
    first, *others = LANGUAGES["English"].split(". ")
    sheet = columns(f"{first}. {others[0]}", ". ".join(others[1:]))
    page = page_image(sheet.pdf())
    reader = Reader(lambda crop: "read")
    engine = engine_of(ArrangedPipeline(Layout(moved(sheet.truths, 1)), reader))
    (parsed,) = engine.parse([page], PaddleOcrVlOptions(text_layer="auto"))
    assert [plain(block.content) for block in parsed.blocks] == [f"{sheet.truths[0].text} {sheet.truths[1].text}"]
    assert reader.calls == []


def test_a_group_with_a_block_that_must_be_read() -> None:
    """A block that must be read sends its group as one crop."""
    sheet = columns(
        "The ferry left the northern quay at seven in the morning", "where x ≤ 4 is the rate of growth of reeds"
    )
    reader = Reader(lambda crop: "read")
    engine = engine_of(ArrangedPipeline(Layout(moved(sheet.truths, 1)), reader))
    (parsed,) = engine.parse([page_image(sheet.pdf())], PaddleOcrVlOptions(text_layer="auto"))
    assert [(block.content, block.text_source) for block in parsed.blocks] == [("read", "picture")]
    assert len(reader.crops) == 1


LINES = ["The ferry left the northern quay at seven in the", "morning and carried fourteen passengers to the"]


def lines_page(*runs: Run, drawing: str = "") -> tuple[PageImage, list[Region]]:
    """Return a page of two lines with these runs as the third, and its only block."""
    above = [Run(line, 60, 760 - 15 * row, font="H") for row, line in enumerate(LINES)]
    page = page_image(text_pdf([*above, *runs], drawing=drawing))
    return page, [("text", (116, 140, 620, 250))]


def is_sent(page: PageImage, regions: Sequence[Region], **options: Any) -> bool:
    reader = Reader(lambda crop: "read")
    engine = engine_of(ArrangedPipeline(Layout(regions), reader))
    engine.parse([page], PaddleOcrVlOptions(text_layer="auto", **options))
    return bool(reader.calls)


def test_a_block_of_plain_text_is_not_sent() -> None:
    """A block whose third line is text like the others is not sent."""
    assert not is_sent(*lines_page(Run("island of the lamps", 60, 730, font="H")))


@pytest.mark.parametrize(
    "run",
    [
        Run("island", 60, 730, way="invisible mode", font="H"),
        Run("island", 60, 730, way="switched off", font="H"),
        Run("island", 60, 730, way="covered in white", font="H"),
    ],
    ids=lambda run: run.way,
)
def test_hidden_words_are_not_in_the_text(run: Run) -> None:
    """A hidden word is not in the text of its block."""
    page, regions = lines_page(run, Run("of the lamps", 110, 730, font="H"))
    engine = engine_of(ArrangedPipeline(Layout(regions), Reader(lambda crop: "read")))
    (parsed,) = engine.parse([page], PaddleOcrVlOptions(text_layer="auto"))
    assert "island" not in parsed.markdown
    assert plain(parsed.markdown) == f"{LINES[0]} {LINES[1]} of the lamps"


@pytest.mark.parametrize(
    "claims", [{"o": "a"}, {"a": "o", "o": "a"}, {"\ufb01": "f"}], ids=["second", "swapped", "ligature"]
)
def test_a_block_with_a_wrong_letter(claims: dict[str, str]) -> None:
    """A block with a letter that the layer has wrong is sent; one in the same font without such letters is not."""
    sheet = Sheet(claims=claims)
    sheet.paragraph("The \ufb01rst boat has gone north", font=SERIF)
    sheet.paragraph("Kept here in the bright depths", font=SERIF)
    reader = Reader(lambda crop: "read")
    engine = engine_of(ArrangedPipeline(Layout(moved(sheet.truths, 1)), reader))
    options = PaddleOcrVlOptions(text_layer="auto", merge_layout_blocks=False)
    (parsed,) = engine.parse([page_image(sheet.pdf())], options)
    assert [block.content for block in parsed.blocks] == ["read", "Kept here in the bright depths"]


def test_ink_that_is_no_text_of_the_layer() -> None:
    """A block with letters that are drawn as shapes is sent."""
    shapes = " ".join(f"{60 + 9 * i} 730 2 9 re {62 + 9 * i} 737 4 2 re {62 + 9 * i} 733 3 2 re f" for i in range(6))
    assert is_sent(*lines_page(drawing=shapes))


def test_a_watermark_across_a_block() -> None:
    """A block that a slanted word crosses is sent, although the middle of that word is elsewhere."""
    watermark = "q 0.85 g BT /H 60 Tf 0.8 0.6 -0.6 0.8 60 490 Tm (DRAFT COPY) Tj ET Q"
    page, regions = lines_page(drawing=watermark)
    assert any(line.corners for line in page.text_lines or ())
    assert is_sent(page, regions)


def test_an_outline_that_cuts_words() -> None:
    """A block whose outline cuts through words is sent."""
    page, _ = lines_page()
    assert is_sent(page, [("text", (116, 140, 500, 250))])


def test_a_scanned_page_is_sent() -> None:
    """A page with a hidden layer behind its scan is read as without the option."""
    page, regions = lines_page()
    assert is_sent(replace(page, text_lines=()), regions)


def test_labels_that_are_no_running_text() -> None:
    """Listings, vertical text and formulas are sent, whatever the layer says."""
    page, ((_, box),) = lines_page()
    for label in ("algorithm", "vertical_text", "display_formula", "table"):
        assert is_sent(page, [(label, box)]), label


def test_digits_of_a_table() -> None:
    """A digit that the model reads wrongly is corrected by the layer, and the page says so."""
    sheet = Sheet()
    sheet.table([["Item", "Total"], ["Oil", "4,817.20"], ["Wages", "1,350.00"]])
    page = page_image(sheet.pdf())
    wrong = sheet.truths[0].text.replace("4,817.20", "4,877.20")
    engine = engine_of(ArrangedPipeline(Layout(moved(sheet.truths, 2)), Reader(lambda crop: wrong)))
    (parsed,) = engine.parse([page], PaddleOcrVlOptions(text_layer="auto"))
    (block,) = parsed.blocks
    assert "4,817.20" in block.content
    assert "4,877.20" not in parsed.markdown
    assert (block.text_source, parsed.text_source) == ("both", "both")
    assert [warning.code for warning in parsed.warnings] == ["TABLE_FIXED_FROM_LAYER"]


def test_pages_of_one_call() -> None:
    """Of several pages in one call, those whose text is in the file have no crop in it."""
    sheets = [CLASSES["running text"](0), CLASSES["formulas, tables"](0), CLASSES["running text"](2)]
    pages = [page_image(sheet.pdf(), number) for number, sheet in enumerate(sheets, start=1)]
    reader = Reader(lambda crop: "read")
    engine = engine_of(ArrangedPipeline(Layout(*(moved(sheet.truths, 3) for sheet in sheets)), reader))
    parsed = engine.parse(pages, PaddleOcrVlOptions(text_layer="auto"))
    assert [page.text_source for page in parsed] == ["text_layer", "both", "text_layer"]
    assert len(reader.calls) == 1
    assert len(reader.crops) == sum(truth.must_read for truth in sheets[1].truths)


def test_merged_documents_keep_the_origin() -> None:
    """`merge_pages` keeps the origin of pages and blocks."""
    sheet = CLASSES["formulas, tables"](0)
    engine = engine_of(ArrangedPipeline(Layout(moved(sheet.truths, 4)), Reader(lambda crop: "read")))
    (parsed,) = engine.parse([page_image(sheet.pdf())], PaddleOcrVlOptions(text_layer="auto", merge_pages=True))
    (merged,) = engine.merge_pages([parsed])
    assert merged.text_source == "both"
    assert [block.text_source for block in merged.blocks] == [block.text_source for block in parsed.blocks]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_that_is_turned(quarters: int) -> None:
    """A page that the pipeline turns by quarters is written from the layer, and one that it flattens is not."""
    sheet = CLASSES["running text"](0)
    upright = page_image(sheet.pdf())
    height, width = upright.pixels.shape[:2]
    turned = replace(
        upright,
        pixels=np.ascontiguousarray(np.rot90(upright.pixels, -quarters)),
        text_lines=tuple(
            replace(
                line,
                bbox=_turned(line.bbox, quarters, width, height),
                words=tuple(replace(word, bbox=_turned(word.bbox, quarters, width, height)) for word in line.words),
            )
            for line in upright.text_lines or ()
        ),
    )
    for is_flattened in (False, True):
        reader = Reader(lambda crop: "read")
        pipeline = ArrangedPipeline(
            Layout(moved(sheet.truths, 5)), reader, quarters=quarters, is_flattened=is_flattened
        )
        engine = engine_of(pipeline)
        engine._settings = tinyvl.settings(use_doc_orientation_classify=True)
        (parsed,) = engine.parse([turned], PaddleOcrVlOptions(text_layer="auto"))
        assert parsed.text_source == ("picture" if is_flattened else "text_layer")
        if not is_flattened:
            assert [plain(block.content) for block in parsed.blocks] == [truth.text for truth in sheet.truths]


def _turned(box: Any, quarters: int, width: int, height: int) -> Any:
    from ocr_worker.engines.paddleocr_vl.layer_words import turn

    return turn(box, 4 - quarters, width, height)
