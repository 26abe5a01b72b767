"""The stages for Ray Data, called as Ray calls them: with tables. On a cluster, they run by hand (tests/by_hand)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy
import pyarrow
import pytest

from ocr_worker.errors import InvalidRequest
from ocr_worker.pages import PageImage, TextLine, TextWord
from ocr_worker.ray import PageParser, PageRenderer
from ocr_worker.ray.tables import RENDERED_COLUMNS, decode_page, encode_page
from ocr_worker.wire.page_rows import PAGE_COLUMNS
from ocr_worker.wire.schema import PageWarning
from support.drawing import pdf, png, tiff

ENGINE = "support.doubles:by_colour"
OPTIONS = {"dpi": 72}
COLOURS = [(200, 120, 40), (40, 120, 200), (120, 200, 40)]


@pytest.fixture(scope="module")
def parser() -> Iterator[PageParser]:
    stage = PageParser(ENGINE, OPTIONS)
    yield stage
    stage._pipeline.close()


@pytest.fixture(scope="module")
def renderer() -> Iterator[PageRenderer]:
    stage = PageRenderer(ENGINE, OPTIONS)
    yield stage
    stage._rasters.close()


def documents() -> pyarrow.Table:
    """Return documents of one and three pages, one with pages to choose, a damaged one, and one that is no document."""
    rows = [
        {"name": "one.png", "bytes": png(COLOURS[0])},
        {"name": "three.pdf", "bytes": pdf(COLOURS)},
        {"name": "chosen.tiff", "bytes": tiff(COLOURS), "pages": "2-3"},
        {"name": "bad.pdf", "bytes": b"%PDF-1.7 damaged"},
        {"name": "wrong", "bytes": png(COLOURS[0]), "pages": "x"},
        {"name": "empty", "bytes": None},
    ]
    return pyarrow.Table.from_pylist([{"pages": None, **row} for row in rows])


@pytest.mark.process
def test_a_page_is_the_same_wherever_it_was_rendered(parser: PageParser, renderer: PageRenderer) -> None:
    """With and without `PageRenderer`, `PageParser` returns a row per page, and errors as rows, in the same order."""
    table = documents()
    direct = parser(table)
    rendered = renderer(table)
    assert {field.name: str(field.type) for field in rendered.schema} == RENDERED_COLUMNS
    assert {field.name: str(field.type) for field in direct.schema} == PAGE_COLUMNS
    staged = parser(rendered)
    assert staged.drop_columns(["seconds"]).to_pylist() == direct.drop_columns(["seconds"]).to_pylist()
    keys = [(row["name"], row["page"], row["status"]) for row in direct.to_pylist()]
    parsed = [("one.png", 1), *(("three.pdf", page) for page in (1, 2, 3)), ("chosen.tiff", 2), ("chosen.tiff", 3)]
    assert keys[:6] == [(*key, "succeeded") for key in parsed]
    assert keys[6:] == [(name, 0, "failed") for name in ("bad.pdf", "wrong", "empty")]
    assert direct.column("page_count").to_pylist()[:6] == [1, 3, 3, 3, 3, 3]
    assert "#c87828" in direct.column("markdown")[0].as_py()


def test_a_rendered_page_keeps_its_text_layer() -> None:
    """Pixels, resolution, warnings, lines, words and fonts come out unchanged; anything else is rejected."""
    word = TextWord("Ünde", (1.25, 2, 3, 4), 7, (8,))
    lines = (TextLine("Ünde", (0, 0, 5.5, 6), (word,), ((0, 0), (1, 0), (1, 1), (0, 1)), True, True),)
    pixels = numpy.arange(5 * 4 * 3, dtype=numpy.uint8).reshape(5, 4, 3)
    warnings = (PageWarning(code="DPI_LOWERED", message="m"),)
    page = PageImage(3, pixels, 150.0, warnings, lines, frozenset({7}), frozenset({8}), True)
    copy = decode_page(encode_page(page))
    assert (copy.pixels == pixels).all()
    for field in {field.name for field in fields(PageImage)} - {"pixels"}:
        assert getattr(copy, field) == getattr(page, field), field
    with pytest.raises(InvalidRequest, match="is not a rendered page"):
        decode_page({**encode_page(page), "pixels": b"short"})


def test_a_renderer_needs_a_resolution() -> None:
    """It loads no engine that prefers one; and pages that are merged later must stay with their document."""
    with pytest.raises(InvalidRequest, match="dpi"):
        PageRenderer(ENGINE)
    with pytest.raises(InvalidRequest, match="merge_pages"):
        PageRenderer("support.doubles:merging", {"dpi": 72, "merge_pages": True})
