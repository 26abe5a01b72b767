"""The pipeline in this process, where a fault must strike at a moment that no file can choose."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocr_worker import threads
from ocr_worker.engines.registry import read_request
from ocr_worker.pages import PageImage, TextLine
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.parsing.rendering import RenderedDocument
from ocr_worker.settings import Settings
from ocr_worker.sources.rasterizer import RasterDocument
from ocr_worker.wire.schema import Block, PageResult
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.pool import Witnesses
from support.drawing import WHITE, pdf, request
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.process


def kill_before(monkeypatch: pytest.MonkeyPatch, page_count: int) -> None:
    """Let each rasterizer process be killed when it has rendered so many pages of a document."""
    ask = RasterDocument._request_page

    def dying(self: RasterDocument, index: int) -> None:
        if index == page_count:
            os.kill(self._process.pid, signal.SIGKILL)
            while self._process.is_alive():
                pass
        ask(self, index)

    monkeypatch.setattr(RasterDocument, "_request_page", dying)


def test_a_child_that_dies_after_its_last_page_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages are parsed, so the document carries no error."""
    kill_before(monkeypatch, page_count=2)
    pipeline = Pipeline(Settings(engine="support.doubles:reading"))
    pipeline.start()
    (document,) = pipeline.job(read_request(request(pdf([WHITE] * 2)), pipeline.spec), "job").run().documents
    pipeline.close()
    assert [page.status for page in document.pages] == ["succeeded", "succeeded"]
    assert document.status == "succeeded"
    assert document.error is None


def test_a_job_opens_its_documents_while_the_engine_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document is open before the engine is loaded, and its page is parsed afterwards."""
    gate, opened = tmp_path / "gate", threading.Event()
    monkeypatch.setenv("DOUBLE_GATE", str(gate))
    pipeline = Pipeline(Settings(engine="support.doubles:slow_to_load"))
    pipeline.begin()
    job = pipeline.job(read_request(request(pdf([WHITE])), pipeline.spec), "job", on_open=lambda *_: opened.set())
    response = threads.start(job.run, "job")
    assert opened.wait(PATIENCE_S)
    assert not response.done()
    gate.touch()
    pipeline.wait()
    assert response.result(PATIENCE_S).status == "succeeded"
    pipeline.close()


@pytest.mark.parametrize("last_page", [0, 1, 2])
def test_pages_of_a_document_that_ends_early_are_told(monkeypatch: pytest.MonkeyPatch, last_page: int) -> None:
    """A rasterizer process that dies after some pages: `on_page` receives every page of the document, in order."""
    kill_before(monkeypatch, page_count=last_page)
    pipeline = Pipeline(Settings(engine="support.doubles:reading"))
    pipeline.start()
    pages: list[PageResult] = []
    job = pipeline.job(
        read_request(request(pdf([WHITE] * 4)), pipeline.spec), "job", lambda name, expected, page: pages.append(page)
    )
    (document,) = job.run().documents
    pipeline.close()
    assert [page.page for page in pages] == ([1, 2, 3, 4] if document.pages else [])
    assert [page.status for page in pages] == [page.status for page in document.pages]
    assert document.status == ("failed" if last_page == 0 else "partial")


class LayerAfterwards(RenderedDocument):
    """A document whose text layer is ready only after the engine has parsed the page."""

    def __init__(self, pages: Sequence[PageImage]) -> None:
        super().__init__(pages, len(pages))
        self.is_parsed = threading.Event()

    def with_layer(self, page: PageImage) -> PageImage:
        """Return the page with a line."""
        assert self.is_parsed.wait(PATIENCE_S)
        return replace(page, text_lines=(TextLine("harbour", (0, 0, 3, 1)),))


class Offers(Witnesses):
    """A pool that reads nothing and keeps the pages."""

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.pages: list[PageImage] = []

    def offer(
        self,
        page: PageImage,
        document: str,
        release: Callable[[], None] = lambda: None,
        parsed: Future[Sequence[Block] | None] | None = None,
    ) -> Future[Evidence | None]:
        """Keep the page."""
        self.pages.append(page)
        release()
        future: Future[Evidence | None] = Future()
        future.set_result(None)
        return future


def test_the_engine_does_not_wait_for_the_layer_that_only_verify_needs() -> None:
    """The page is parsed before its text layer is there, and offered to the second reader with it."""
    document = LayerAfterwards([PageImage(1, np.full((20, 20, 3), 255, np.uint8))])
    pipeline = Pipeline(Settings(engine="support.doubles:reading"))
    pipeline.start()
    pipeline.witnesses = offers = Offers()
    requested = read_request(request(pdf([WHITE]), verify="auto"), pipeline.spec)
    job = pipeline.job(requested, "job", rendered={"document-1": document})
    settle = pipeline.scheduler.settle

    def note(*arguments: Any) -> None:
        settle(*arguments)
        document.is_parsed.set()

    pipeline.scheduler.settle = note  # type: ignore[method-assign]
    (result,) = job.run().documents
    pipeline.close()
    assert [page.status for page in result.pages] == ["succeeded"]
    assert [page.text_lines and page.text_lines[0].text for page in offers.pages] == ["harbour"]
    assert pipeline.scheduler._held_bytes == 0
