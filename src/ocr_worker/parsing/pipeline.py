"""One job, start to end: fetch each document, rasterise it, have its pages parsed, put the answer together.

Faults become entries: a page's on the page, a document's on the document. Threads are plain; the engine is reached
through the scheduler, together with the pages of every other job.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol

from ocr_worker import threads
from ocr_worker.delivery.checkpoints import Checkpoints, KeptPages, NoCheckpoints
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import Cancelled, DeadlineExceeded, OcrWorkerError, typed
from ocr_worker.log import event
from ocr_worker.pages import PageImage, PageOutcome, ParsedPage
from ocr_worker.parsing import results
from ocr_worker.parsing.replicas import Replicas
from ocr_worker.parsing.results import DocumentFacts
from ocr_worker.parsing.scheduler import Scheduler
from ocr_worker.parsing.stopwatch import Stopwatch
from ocr_worker.settings import MEGABYTE, Settings
from ocr_worker.sources.fetch import Fetcher
from ocr_worker.sources.rasterizer import FailedPage, RasterDocument, RasterPool, RasterRequest
from ocr_worker.wire.page_ranges import parse_page_ranges
from ocr_worker.wire.schema import DocumentRequest, DocumentResult, PageResult, ParseRequest, ParseResponse, default_id

log = logging.getLogger(__name__)

PendingPage = Callable[[], PageOutcome]


class OnPage(Protocol):
    """Receives the pages of a job as they are done.

    Called on the thread of the page's document, which is no event loop's: once per page, in the document's order, and
    before the job has its response. The threads of a job's documents call at the same time, so a receiver must be
    thread-safe; it should return soon, since the document's next page waits for it. What it raises fails the document.
    """

    def __call__(self, document_id: str, pages_expected: int, page: PageResult, /) -> None:
        """Receive one page. pages_expected: number of pages that were asked for of the document."""
        ...


class Pipeline:
    """What all jobs of a worker share: the fetcher, the rendering children, the scheduler with its engine."""

    def __init__(
        self, settings: Settings, on_engine_lost: Callable[[OcrWorkerError], None] = lambda error: None
    ) -> None:
        self.settings = settings
        self.spec = engine_spec(settings.engine)
        self.fetcher = Fetcher(
            max_bytes=int(settings.max_source_mb * MEGABYTE),
            timeout_s=settings.fetch_timeout_s,
            allowed_hosts=settings.allowed_hosts,
        )
        self.scheduler = Scheduler(int(settings.page_memory_mb * MEGABYTE))
        self.engine = Replicas(
            self.scheduler,
            [self.spec.builder(settings)] * self.spec.replicas(settings),
            call_timeout_s=settings.engine_timeout_s,
            page_timeout_s=settings.engine_page_timeout_s,
            start_timeout_s=settings.start_timeout_s,
            on_lost=on_engine_lost,
        )
        # Rendering is shared out so that no job can hold every child: a short job need not wait for a long document.
        self.documents_rendered_per_job = max(1, settings.raster_workers // settings.jobs_at_once)
        self.rasters = RasterPool(
            workers=self.documents_rendered_per_job * settings.jobs_at_once,
            memory_bytes=int(settings.raster_memory_mb * MEGABYTE),
            page_timeout_s=settings.raster_page_timeout_s,
        )

    def start(self) -> dict[str, float]:
        """Loads and warms the engine; seconds by phase. Raises what the engine raises."""
        return self.engine.start()

    def job(
        self,
        request: ParseRequest,
        job_id: str,
        on_page: OnPage | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> ParseJob:
        """Return a job that is ready to run.

        Raises InvalidRequest for options that this worker, as it was started, would have to ignore.
        """
        self.spec.check_options(request.options, self.settings)
        return ParseJob(self, request, job_id, on_page or (lambda *told: None), checkpoints or NoCheckpoints())

    def close(self) -> None:
        """Ends the children and lets the engine's thread go."""
        self.engine.close()
        self.rasters.close()


class ParseJob:
    """One request under way. `run` blocks until the answer is there; `stop` may be called meanwhile from any thread."""

    def __init__(
        self, pipeline: Pipeline, request: ParseRequest, job_id: str, on_page: OnPage, checkpoints: Checkpoints
    ) -> None:
        self.id = job_id
        self._pipeline = pipeline
        self._request = request
        self._on_page = on_page
        self._checkpoints = checkpoints
        self._stopwatch = Stopwatch()
        self._place = pipeline.scheduler.admit()
        self._rendering = threading.Semaphore(pipeline.documents_rendered_per_job)

    def stop(self, error: OcrWorkerError) -> None:
        """Ends the job soon: pages without a result get `error`."""
        self._place.stop(error)

    def run(self) -> ParseResponse:
        """The answer, with an entry for every document and page. Raises Cancelled when the job was cancelled."""
        started = time.monotonic()
        with closing(self._checkpoints), self._place, self._deadline():
            numbered = list(enumerate(self._request.documents, start=1))
            limit = self._pipeline.settings.fetch_concurrency
            documents = threads.map_bounded(self._document, numbered, limit, f"document-{self.id}")
            if isinstance(self._place.stopped, Cancelled):
                event(log, "job", job=self.id, status="cancelled")
                raise self._place.stopped
        seconds = {**self._stopwatch.seconds, "total": time.monotonic() - started}
        response = results.response(self._pipeline.engine.info, documents, seconds)
        event(log, "job", job=self.id, status=response.status, **response.coverage.model_dump(), **seconds)
        return response

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        limits = (self._request.options.timeout_s, self._pipeline.settings.job_timeout_s)
        seconds = min((limit for limit in limits if limit is not None), default=None)
        if seconds is None:
            yield
            return
        told = f"the job's {seconds:g} s were up before this page was parsed; send these pages again"
        timer = threading.Timer(seconds, self.stop, [DeadlineExceeded(told)])
        timer.name = f"deadline-{self.id}"
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    # ----------------------------------------------------------------- one document

    def _document(self, numbered: tuple[int, DocumentRequest]) -> DocumentResult:
        number, source = numbered
        name = source.id or default_id(number)
        try:
            result = self._parsed(name, source)
        except Exception as error:
            result = results.failed_document(name, self._reason(error))
            error.__traceback__ = None  # it holds the document's bytes, in a circle that only a collection would end
        faults = (fault.code for fault in (result.error, *(page.error for page in result.pages)) if fault)
        event(
            log,
            "document",
            job=self.id,
            document=number,
            status=result.status,
            pages=len(result.pages),
            error=next(faults, None),
        )
        return result

    def _parsed(self, name: str, source: DocumentRequest) -> DocumentResult:
        """Waits for the pages in their order, while another thread fetches, renders and submits them."""
        pending: SimpleQueue[tuple[DocumentFacts, PendingPage] | None] = SimpleQueue()
        feeding = threads.start(lambda: self._feed(name, source, pending), f"feed-{self.id}")
        outcomes: dict[int, PageOutcome] = {}
        while (entry := pending.get()) is not None:
            facts, wait_for_page = entry
            outcome = wait_for_page()
            outcomes[outcome.number] = outcome
            self._on_page(name, len(facts.numbers), results.page(outcome, self._request.options))
        facts, fault = feeding.result()
        if len(outcomes) == len(facts.numbers):
            fault = None  # a child that dies after its last page costs nothing
        if self._pipeline.spec.merges_pages(self._request.options):
            outcomes = self._merged(facts, outcomes)
        return results.document(name, facts, outcomes, fault, self._request.options)

    def _merged(self, facts: DocumentFacts, outcomes: dict[int, PageOutcome]) -> dict[int, PageOutcome]:
        """The outcomes after the engine has looked over the document as a whole."""
        found = [outcomes.get(number) for number in facts.numbers]
        parsed = [one.result if one and isinstance(one.result, ParsedPage) else None for one in found]
        with self._stopwatch.measure("engine"):
            merged = self._pipeline.engine.merge_pages(parsed)
        pairs = zip(found, merged, strict=True)
        return outcomes | {one.number: replace(one, result=page) for one, page in pairs if one and page}

    def _feed(
        self, name: str, source: DocumentRequest, pending: SimpleQueue[tuple[DocumentFacts, PendingPage] | None]
    ) -> tuple[DocumentFacts, OcrWorkerError | None]:
        """Puts every page that can be had into `pending`; returns the reason when the document ended early."""
        try:
            data = self._fetched(source)
            with self._rendering, self._opened(data, source) as document:
                facts = DocumentFacts(document.page_count, document.numbers, document.warnings)
                kept = self._checkpoints.document(name, data, document.numbers, self._decides())
                del data  # the child has it now
                try:
                    for page in self._pages(document, kept):
                        pending.put((facts, page))
                except Exception as error:
                    return facts, self._reason(error)
                return facts, None
        finally:
            pending.put(None)

    def _fetched(self, source: DocumentRequest) -> bytes:
        with self._stopwatch.measure("fetch"):
            return self._pipeline.fetcher.fetch(source, self._is_stopped)

    def _opened(self, data: bytes, source: DocumentRequest) -> RasterDocument:
        settings, options = self._pipeline.settings, self._request.options
        request = RasterRequest(
            pages=parse_page_ranges(source.pages) if source.pages else None,
            password=source.password,
            dpi=options.dpi or self._pipeline.engine.preferred_dpi,
            max_pixels=int(settings.max_page_mpx * 1_000_000),
            max_pages=settings.max_pages,
            text_layer=self._pipeline.spec.wants_text_layer(options),
        )
        with self._stopwatch.measure("rasterize"):
            return self._pipeline.rasters.open(data, request, self._is_stopped)

    def _decides(self) -> dict[str, Any]:
        """Return everything besides the file's bytes that changes a parsed page. Part of the checkpoint key.

        The engine's own options all do: pages that will be merged carry what merging needs.
        """
        engine, options = self._pipeline.engine, self._request.options
        return {
            "engine": engine.info.model_dump(),
            "options": options.model_dump(exclude={"delivery", "formats", "timeout_s"}),
            "dpi": engine.preferred_dpi,
            "max_page_mpx": self._pipeline.settings.max_page_mpx,
        }

    def _pages(self, document: RasterDocument, kept: KeptPages) -> Iterator[PendingPage]:
        """Each page in its turn: kept by an earlier run, or rendered and on its way to the engine."""
        document.skip(kept.pages)
        rendered = self._rendered(document)
        for number in document.numbers:
            if number in kept.pages:
                yield partial(kept.pages.__getitem__, number)
            elif page := next(rendered, None):
                yield self._submitted(page, kept)
        next(rendered, None)  # the child is told that the document is done

    def _rendered(self, document: RasterDocument) -> Iterator[PageImage | FailedPage]:
        pages = iter(document)
        while True:
            with self._stopwatch.measure("rasterize"):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _submitted(self, page: PageImage | FailedPage, kept: KeptPages) -> PendingPage:
        if isinstance(page, FailedPage):
            failed = PageOutcome(page.number, page.error)
            return lambda: failed
        future = self._place.submit(page, self._request.options)
        number, dpi, warnings = page.number, page.dpi, page.warnings  # and not its pixels, which may go

        def wait() -> PageOutcome:
            settled = future.result()
            self._stopwatch.add("wait", settled.waited)
            self._stopwatch.add("engine", settled.engine)
            outcome = PageOutcome(number, settled.result, dpi, warnings, settled.engine)
            kept.keep(outcome)
            return outcome

        return wait

    def _is_stopped(self) -> bool:
        return self._place.stopped is not None

    def _reason(self, error: Exception) -> OcrWorkerError:
        """Why a document ended early: the job's own reason first, since every stage gives up when a job is stopped."""
        if self._place.stopped:
            return self._place.stopped
        if not isinstance(error, OcrWorkerError):
            log.exception("unexpected error job=%s", self.id)
        return typed(error)
