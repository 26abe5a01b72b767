"""The real PaddleOCRVL pipeline on test weights: what comes back, and what each option does to it."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import asdict
from typing import Any

import pytest
from PIL import Image

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.errors import EngineUnavailable, InvalidRequest
from ocr_worker.pages import PageImage, ParsedPage
from support import tinyvl

pytestmark = pytest.mark.paddle

THREE, FIVE = tinyvl.LINES[:3], tinyvl.LINES[:5]


def parse(engine: Engine, page: PageImage, **options: Any) -> ParsedPage:
    """One page; lines out of range must not run on for thousands of tokens."""
    chosen = PaddleOcrVlOptions.model_validate({"max_new_tokens": tinyvl.LIMIT} | options)
    (parsed,) = engine.parse([page], chosen)
    return parsed


def test_text_comes_back(engine: Engine) -> None:
    """A drawn page comes back with a character error rate under 0.15, in Markdown and in blocks."""
    parsed = parse(engine, tinyvl.page(tinyvl.LINES))
    assert tinyvl.character_error_rate(parsed.markdown, "\n\n".join(tinyvl.LINES)) < 0.15
    assert parsed.markdown == "\n\n".join(block.content for block in parsed.blocks)


def test_boxes_lie_on_the_lines(engine: Engine) -> None:
    """Each block's box is a strip over the line it was read from, in pixels of the page."""
    parsed = parse(engine, tinyvl.page(THREE))
    assert (parsed.width, parsed.height) == (1000, 240)
    for index, block in enumerate(parsed.blocks):
        x0, y0, x1, y1 = block.bbox
        assert (x0, x1) == (0, 1000)
        assert y0 <= tinyvl.LINE * index + 40 <= y1
        assert y1 - y0 == pytest.approx(36, abs=3)


def test_pages_of_one_call_keep_their_own_text(engine: Engine) -> None:
    """Several pages in one call give one result each, in their order."""
    pages = [tinyvl.page([line], number=number) for number, line in enumerate(FIVE, start=1)]
    parsed = engine.parse(pages, PaddleOcrVlOptions(max_new_tokens=tinyvl.LIMIT))
    for page, line in zip(parsed, FIVE, strict=True):
        nearest = min(tinyvl.LINES, key=lambda other: tinyvl.character_error_rate(page.markdown, other))
        assert nearest == line


def test_blank_page(engine: Engine) -> None:
    """A blank page is a page without blocks, not an error."""
    parsed = parse(engine, tinyvl.page([]))
    assert (parsed.markdown, parsed.blocks, parsed.figures) == ("", [], [])


def test_everything_is_json(engine: Engine) -> None:
    """No type of numpy or Paddle leaves the engine: the whole result is JSON, the raw part included."""
    parsed = parse(engine, tinyvl.page(THREE, bar=True), merge_pages=True)
    values = asdict(parsed) | {"blocks": [block.model_dump() for block in parsed.blocks], "figures": []}
    json.dumps(values, allow_nan=False)
    assert all(type(value) is int for block in parsed.blocks for value in block.bbox)


def test_figures_are_named_by_page(engine: Engine) -> None:
    """Pages with a figure at the same place name it differently, and Markdown refers to it by that name."""
    names = []
    for number in (4, 5):
        parsed = parse(engine, tinyvl.page(THREE, number=number, bar=True))
        (figure,) = parsed.figures
        assert figure.name in parsed.markdown
        assert "imgs/" not in parsed.markdown
        assert figure.base64 is None
        assert figure.bbox in [block.bbox for block in parsed.blocks if block.label == "image"]
        names.append(figure.name)
    assert names == ["page-4-figure-1.jpg", "page-5-figure-1.jpg"]


def test_inline_figures_are_crops(engine: Engine) -> None:
    """With `figures: inline` the crop comes as a JPEG of its box's size, in the page's colours."""
    (figure,) = parse(engine, tinyvl.page(THREE, bar=True), figures="inline").figures
    assert figure.base64 is not None
    crop = Image.open(io.BytesIO(base64.b64decode(figure.base64)))
    x0, y0, x1, y1 = figure.bbox
    assert crop.format == "JPEG"
    assert crop.size == (x1 - x0, y1 - y0)
    red, green, blue = crop.convert("RGB").getpixel((crop.width // 2, crop.height // 2))
    assert red < green < blue


# --------------------------------------------------------------------------- options


def test_max_new_tokens_bounds_blocks_and_says_so(engine: Engine) -> None:
    """A block stops at `max_new_tokens`, and the page warns that its text may be cut."""
    parsed = parse(engine, tinyvl.page(THREE), max_new_tokens=6)
    assert max(len(block.content) for block in parsed.blocks) == 6
    assert [warning.code for warning in parsed.warnings] == ["REPETITION"]
    assert parse(engine, tinyvl.page(THREE)).warnings == []


def test_without_layout_detection_the_page_is_one_block(engine: Engine) -> None:
    """`use_layout_detection: false` reads the page as one block, labelled by `prompt_label`."""
    for label in ("ocr", "table", "formula", "chart", "seal"):
        parsed = parse(engine, tinyvl.page(THREE[:1]), use_layout_detection=False, prompt_label=label)
        assert [(block.label, block.bbox) for block in parsed.blocks] == [(label, (0, 0, 1000, 120))]


def test_layout_threshold_drops_boxes(engine: Engine) -> None:
    """Boxes whose score is under `layout_threshold` are dropped (the test layout scores 0.95)."""
    assert len(parse(engine, tinyvl.page(THREE), layout_threshold=0.9).blocks) == 3
    assert parse(engine, tinyvl.page(THREE), layout_threshold=0.99).blocks == []


def test_ignored_labels_stay_in_blocks(engine: Engine) -> None:
    """`markdown_ignore_labels` leaves labels out of the Markdown and keeps them in the blocks."""
    parsed = parse(engine, tinyvl.page(THREE), markdown_ignore_labels=["text"])
    assert parsed.markdown == ""
    assert len(parsed.blocks) == 3


def test_pixel_limits_reach_the_model(engine: Engine) -> None:
    """`min_pixels` changes what the model sees, and with these weights what it reads."""
    usual = parse(engine, tinyvl.page(THREE)).markdown
    assert parse(engine, tinyvl.page(THREE), min_pixels=300_000).markdown != usual


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("temperature", 0.5, "model server"),
        ("top_p", 0.9, "model server"),
        ("repetition_penalty", 1.1, "model server"),
        ("use_doc_orientation_classify", True, "OCR_USE_DOC_ORIENTATION_CLASSIFY=true"),
        ("use_doc_unwarping", True, "OCR_USE_DOC_UNWARPING=true"),
    ],
)
def test_options_that_would_be_ignored_are_rejected(engine: Engine, option: str, value: object, words: str) -> None:
    """Options that the native backend or the loaded models do not support are rejected by name, with the remedy."""
    with pytest.raises(InvalidRequest, match=option) as refusal:
        parse(engine, tinyvl.page(THREE), **{option: value})
    assert words in str(refusal.value)


def test_submodels_may_be_rejected_outright(engine: Engine) -> None:
    """Saying false to a model that is not loaded is fine."""
    parsed = parse(engine, tinyvl.page(THREE), use_doc_orientation_classify=False, use_doc_unwarping=False)
    assert len(parsed.blocks) == 3


# --------------------------------------------------------------------------- warm-up


def test_warm_up_reads_its_page(engine: Engine) -> None:
    """The engine's own page reads right on weights that read."""
    engine.warm_up()


def test_warm_up_rejects_weights_that_do_not_read(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the known text does not come back the engine is unavailable, unless the check is off."""
    monkeypatch.setattr("ocr_worker.engines.paddleocr_vl.warmup.LINES", ("X" * 40, "Y" * 40))
    monkeypatch.setattr("ocr_worker.engines.paddleocr_vl.warmup.draw_page", lambda: tinyvl.page(THREE))
    with pytest.raises(EngineUnavailable, match="was read wrongly"):
        engine.warm_up()
    monkeypatch.setattr(engine, "_settings", tinyvl.settings(warmup_check=False))
    engine.warm_up()


def test_nothing_is_printed(
    engine: Engine, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Parsing writes nothing, neither to the terminal nor to the log: what is read belongs to the caller."""
    parse(engine, tinyvl.page(THREE, bar=True), merge_pages=True)
    assert tuple(capfd.readouterr()) == ("", "")
    assert caplog.text == ""
