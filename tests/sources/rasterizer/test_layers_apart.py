"""Text layers that come after their page images: the same layers, whoever asks for them, and whatever happens."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ocr_worker.errors import RasterizerCrashed
from ocr_worker.pages import PageImage
from ocr_worker.sources.rasterizer import FailedPage, RasterDocument, RasterPool
from support import files
from support.born_digital import form, mixed_text, running_text, sheets_pdf
from support.files import RED

pytestmark = pytest.mark.process

TOGETHER = files.request(text_layer=True, dpi=100)
APART = replace(TOGETHER, is_layer_apart=True)
SHEETS = sheets_pdf((running_text(0), form(1), mixed_text(2), running_text(3)))


def with_layers(document: RasterDocument) -> Iterator[PageImage | FailedPage | None]:
    for page in document:
        yield document.with_layer(page) if isinstance(page, PageImage) else page


@pytest.mark.parametrize("data", [SHEETS, files.form_pdf("4711"), files.saved(Image.new("RGB", (60, 40), RED), "PNG")])
def test_layers_are_the_same_together_and_apart(pool: RasterPool, data: bytes) -> None:
    """Pages of a PDF, also with form fields, and of an image, are equal in each field."""
    with pool.open(data, TOGETHER) as document:
        together = list(document)
    with pool.open(data, APART) as document:
        apart = list(with_layers(document))
    assert len(together) == len(apart)
    for page, other in zip(together, apart, strict=True):
        assert isinstance(page, PageImage)
        assert isinstance(other, PageImage)
        assert np.array_equal(page.pixels, other.pixels)
        assert replace(page, pixels=other.pixels) == other


def test_a_layer_that_nobody_asks_for_is_skipped(pool: RasterPool) -> None:
    """Pages come in order, without their layers, and the process serves the next document."""
    with pool.open(SHEETS, APART) as document:
        assert [(page.number, getattr(page, "text_lines", None)) for page in document] == [
            (number, None) for number in (1, 2, 3, 4)
        ]
    with pool.open(SHEETS, APART) as document:
        assert all(getattr(page, "text_lines", None) for page in with_layers(document))


def test_a_process_that_dies_at_a_layer_costs_the_pages_after_it() -> None:
    """The page itself is delivered without its layer; the error comes with the next page."""
    pool = RasterPool(workers=1, memory_bytes=1_000_000_000, page_timeout_s=60)
    with pool.open(SHEETS, APART) as document:
        pages = iter(document)
        page = next(pages)
        assert isinstance(page, PageImage)
        os.kill(document._process.pid, signal.SIGSEGV)
        while document._process.is_alive():
            pass
        document.with_layer(page)  # complete or missing: it may have been sent before
        with pytest.raises(RasterizerCrashed):
            next(pages)
    pool.close()


def test_a_process_that_is_killed_at_a_layer_costs_the_layer() -> None:
    """Another process continues at the next page."""
    pool = RasterPool(workers=1, memory_bytes=1_000_000_000, page_timeout_s=60)
    with pool.open(SHEETS, APART) as document:
        pages = iter(document)
        page = next(pages)
        assert isinstance(page, PageImage)
        os.kill(document._process.pid, signal.SIGKILL)
        document.with_layer(page)
        assert [page.number for page in pages] == [2, 3, 4]
    pool.close()


def test_a_layer_that_is_not_wanted_is_not_read(pool: RasterPool) -> None:
    """The owner decides for each page; a page without its layer is none for the second reader."""
    with pool.open(SHEETS, APART) as document:
        document.wants_layer = iter((True, False, False, True)).__next__
        pages = [document.with_layer(page) for page in document if isinstance(page, PageImage)]
    assert [page and bool(page.text_lines) for page in pages] == [True, None, None, True]
