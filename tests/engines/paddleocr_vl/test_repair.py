"""Blocks of the real PaddleOCRVL pipeline that are read once more, and the Markdown that follows from them."""

from __future__ import annotations

import pytest

from ocr_worker.engines.base import Engine, MergesPages
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions, block_options
from ocr_worker.engines.paddleocr_vl.spec import SPEC
from ocr_worker.pages import ParsedPage
from ocr_worker.parsing.rereading import crop
from ocr_worker.wire.schema import Block
from support import tinyvl

OPTIONS = PaddleOcrVlOptions(verify="repair", max_new_tokens=tinyvl.LIMIT)


def rewritten(engine: Engine, page: ParsedPage, blocks: list[Block]) -> ParsedPage:
    """Return the page with these blocks, as the pipeline writes it anew."""
    assert SPEC.block_repair
    assert isinstance(engine, MergesPages)
    (result,) = engine.merge_pages([SPEC.block_repair.with_blocks(page, blocks)])
    assert result
    return result


@pytest.mark.paddle
def test_the_markdown_follows_from_the_blocks(engine: Engine) -> None:
    """Without a change it is the same, figures included; a new text and a new block are in their places."""
    (page,) = engine.parse([tinyvl.page(tinyvl.LINES[:3], bar=True)], OPTIONS)
    assert rewritten(engine, page, page.blocks).markdown == page.markdown
    replaced = page.blocks[1].model_copy(update={"content": "Quite another line", "repair": "replaced"})
    inserted = Block(label="text", content="A line that was missed", bbox=(0, 90, 900, 100), repair="inserted")
    result = rewritten(engine, page, [page.blocks[0], inserted, replaced, *page.blocks[2:]])
    first, second, *others = page.markdown.split("\n\n")
    assert result.markdown.split("\n\n") == [first, inserted.content, replaced.content, *others]
    assert second not in result.markdown
    assert result.blocks[1].repair == "inserted"
    assert result.figures == page.figures


@pytest.mark.paddle
def test_a_crop_is_read_as_a_page_of_its_own(engine: Engine) -> None:
    """The crop of a block comes back as one block, whatever the label of the block is."""
    page = tinyvl.page(tinyvl.LINES[:2])
    for label, expected in (("text", "ocr"), ("table", "table"), ("display_formula", "formula")):
        options = block_options(OPTIONS, label, tinyvl.settings())
        (parsed,) = engine.parse([crop(page, (0, 20, 1000, 56))], options)
        assert [block.label for block in parsed.blocks] == [expected]
        assert parsed.raw is None


def test_a_second_reading_differs_from_the_first_and_ends_there() -> None:
    """It has other pixel limits, or samples with a model server, and is neither merged nor verified again."""
    first = OPTIONS.model_copy(update={"merge_pages": True, "text_layer": "auto", "relevel_titles": True})
    native = block_options(first, "text", tinyvl.settings())
    assert (native.verify, native.merge_pages, native.text_layer, native.temperature) == ("off", False, "never", None)
    assert native.min_pixels
    assert native.max_pixels
    served = block_options(
        first, "text", tinyvl.settings(backend="vllm-server", server_url="http://127.0.0.1:1/v1", text_layer="never")
    )
    assert served.temperature
    assert served.max_pixels is None
    for options in (native, served):
        PaddleOcrVlOptions.model_validate(options.model_dump(exclude_unset=True))
