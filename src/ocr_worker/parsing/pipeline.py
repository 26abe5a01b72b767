"""Run a job from start to end: fetch each document, render it, have its pages parsed, and build the response.

`Pipeline` holds what all jobs of a worker share; `ParseJob` is one job. A job uses plain threads, two for each
document: one fetches and renders the document and submits its pages, the other waits for their outcomes in order. The
pages of all jobs reach the engine through the scheduler. An error becomes part of the response: a page's error is on
the page, a document's error on the document. This module knows nothing of the platform, of HTTP, or of how a response
leaves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from types import MappingProxyType
from typing import Any, Protocol

from ocr_worker import threads
from ocr_worker.delivery import open_cache
from ocr_worker.delivery.checkpoints import Checkpoints, DocumentCheckpoint, NoCheckpoints
from ocr_worker.delivery.page_cache import Claim, JobCache, NoCache, PageCache
from ocr_worker.engines.process.engine import engine_builders
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import Cancelled, DeadlineExceeded, OcrWorkerError, as_worker_error
from ocr_worker.log import event
from ocr_worker.memory import garbage_kept
from ocr_worker.pages import PageImage, PageOutcome, ParsedPage
from ocr_worker.parsing import results
from ocr_worker.parsing.rendering import OpenDocument, raster_request
from ocr_worker.parsing.replicas import Replicas
from ocr_worker.parsing.rereading import HeldPages, Rereader
from ocr_worker.parsing.results import DocumentFacts
from ocr_worker.parsing.scheduler import ParseOutcome, Scheduler
from ocr_worker.parsing.stopwatch import Stopwatch
from ocr_worker.parsing.verification import check_verify, verified
from ocr_worker.settings import MEGABYTE, Settings, unknown_variables
from ocr_worker.sources.fetch import Fetcher
from ocr_worker.sources.rasterizer import FailedPage, RasterDocument, RasterPool
from ocr_worker.wire.schema import (
    Block,
    DocumentRequest,
    DocumentResult,
    PageResult,
    ParseRequest,
    ParseResponse,
    document_id,
)
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.pool import Witnesses, default_workers
from ocr_worker.witness.process import WitnessProcess

log = logging.getLogger(__name__)

_NOT_RENDERED: Mapping[str, OpenDocument] = MappingProxyType({})

PendingPage = Callable[[], PageOutcome]


class OnPage(Protocol):
    """A receiver of a job's pages, called as soon as each page is done.

    It is called on the thread of the page's document, never on an event loop's: once per page, in the document's order,
    and before the job has its response. The threads of a job's documents call at the same time, so that a receiver must
    be thread-safe. It should return soon, since the document's next page waits for it. An exception that it raises
    fails the document.
    """

    def __call__(self, document_id: str, pages_expected: int, page: PageResult, /) -> None:
        """Receive a page. pages_expected: number of pages of the document that the request selects."""
        ...


class OnOpen(Protocol):
    """A receiver of a job's documents, called once for each as soon as it is open, before its first page.

    It is called on the thread that feeds the document, several at the same time. Otherwise as `OnPage`.
    """

    def __call__(self, document_id: str, pages_expected: int, /) -> None:
        """Receive a document. pages_expected: number of its pages that the request selects."""
        ...


class Pipeline:
    """The parts that all jobs of a worker share: the fetcher, the rasterizer processes, the scheduler, the engine.

    on_engine_lost: called for each engine replica that is lost, with the error. on_last_engine_lost: called after that
    for the last one, without which no page is parsed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_engine_lost: Callable[[OcrWorkerError], None] = lambda error: None,
        on_last_engine_lost: Callable[[OcrWorkerError], None] = lambda error: None,
    ) -> None:
        def on_lost(error: OcrWorkerError) -> None:
            on_engine_lost(error)
            if not self.engine.alive_count:
                on_last_engine_lost(error)

        self.settings = settings
        self.spec = engine_spec(settings.engine)
        self.fetcher = Fetcher(
            max_bytes=int(settings.max_source_mb * MEGABYTE),
            timeout_s=settings.fetch_timeout_s,
            allowed_hosts=settings.allowed_hosts,
            private_hosts=settings.private_hosts,
        )
        self.scheduler = Scheduler(int(settings.page_room_mb * MEGABYTE))
        self.engine = Replicas(
            self.scheduler,
            engine_builders(self.spec, settings),
            call_timeout_s=settings.engine_timeout_s,
            page_timeout_s=settings.engine_page_timeout_s,
            start_timeout_s=settings.start_timeout_s,
            on_lost=on_lost,
        )
        self.cache: PageCache | None = None  # set by `start`
        # Rasterizer processes are divided among the jobs, so that a short job need not wait for a long document.
        self.documents_rendered_per_job = max(1, settings.raster_workers // settings.jobs_at_once)
        self.rasters = RasterPool(
            workers=self.documents_rendered_per_job * settings.jobs_at_once,
            idle_workers=settings.raster_workers,
            memory_bytes=int(settings.raster_memory_mb * MEGABYTE),
            page_timeout_s=settings.raster_page_timeout_s,
        )
        # Half of the page memory stays free of pages that only wait for a second reading. No process starts before it
        # is needed.
        self.witnesses = Witnesses(
            settings.verify_processes or default_workers(),
            int(settings.page_room_mb * MEGABYTE / 2),
            wait_s=settings.verify_wait_s,
            process=partial(WitnessProcess, settings.verify_niceness),
        )
        self._verifying_jobs: set[ParseJob] = set()
        self._lock = threading.Lock()  # of that set

    @property
    def jobs_verifying(self) -> int:
        """Number of jobs whose pages are parsed and wait for their second reading only, at most as many as may run.

        As many other jobs may run meanwhile, since the engine would be idle.
        """
        with self._lock:
            return min(len(self._verifying_jobs), self.settings.jobs_at_once)

    def note_verifying(self, job: ParseJob, is_verifying: bool) -> None:
        """Count a job among those that wait for their second reading, until it has ended."""
        with self._lock:
            if is_verifying and not job.has_ended:
                self._verifying_jobs.add(job)
            else:
                self._verifying_jobs.discard(job)

    def start(self, *, is_for_one_job: bool = False) -> dict[str, float]:
        """Load and warm the engine, and open the content cache. Return the seconds by phase.

        is_for_one_job: whether only one job comes, so that a warm-up that proves nothing is left out.
        Raises any error of the engine, and of the bucket's settings.
        """
        self.begin(is_for_one_job=is_for_one_job)
        return self.wait()

    def begin(self, *, is_for_one_job: bool = False) -> None:
        """Begin what `start` does; `wait` must follow. A job may run meanwhile, and render its first page.

        Raises any error of the bucket's settings.
        """
        for name in unknown_variables(self.spec.variables):
            log.warning("%s is not a setting of this worker, and has no effect", name)
        self.cache = open_cache(self.settings, self.spec.weights)
        self.engine.begin(warm_up=self.spec.proves_by_warm_up or not is_for_one_job)

    def wait(self) -> dict[str, float]:
        """Wait until the engine is loaded. Return the seconds by phase. Raises any error of the engine."""
        with garbage_kept():  # a tenth of the time in which an engine's packages are imported goes into looking for it
            return self.engine.wait()

    def job(
        self,
        request: ParseRequest,
        job_id: str,
        on_page: OnPage | None = None,
        checkpoints: Checkpoints | None = None,
        on_open: OnOpen = lambda document_id, pages_expected: None,
        rendered: Mapping[str, OpenDocument] = _NOT_RENDERED,
    ) -> ParseJob:
        """Return a job that is ready to run.

        on_page: receiver of each page. on_open: receiver of each open document. checkpoints: store of pages; by default
        nothing is stored. rendered: documents by id that need not be fetched and rendered. Raises InvalidRequest for
        options that this worker, as it was started, would have to ignore.
        """
        self.spec.check_options(request.options, self.settings)
        check_verify(request.options, self.spec)
        request = request.model_copy(update={"options": self.spec.fill_options(request.options, self.settings)})
        receive_page = on_page or (lambda *page: None)
        return ParseJob(self, request, job_id, receive_page, checkpoints or NoCheckpoints(), on_open, rendered)

    def close(self) -> None:
        """End the rasterizer processes, and let the engine's threads end after their current calls."""
        self.engine.close()
        self.rasters.close()
        self.witnesses.close()


class ParseJob:
    """One job. `run` blocks until the response is complete; `stop` and `interrupt` may be called from any thread."""

    def __init__(
        self,
        pipeline: Pipeline,
        request: ParseRequest,
        job_id: str,
        on_page: OnPage,
        checkpoints: Checkpoints,
        on_open: OnOpen,
        rendered: Mapping[str, OpenDocument],
    ) -> None:
        self.id = job_id
        self._rendered = rendered
        self._pipeline = pipeline
        self._request = request
        self._on_page = on_page
        self._on_open = on_open
        self._checkpoints = checkpoints
        self._cache: JobCache = pipeline.cache.job() if pipeline.cache else NoCache()
        self._stopwatch = Stopwatch()
        self._scheduled_job = pipeline.scheduler.admit()
        self._rendering_slots = threading.Semaphore(pipeline.documents_rendered_per_job)
        self._fetch_slots = threading.Semaphore(pipeline.settings.fetch_concurrency)
        self._is_interrupted = False
        self.has_ended = False
        self._unparsed = len(request.documents)  # documents whose pages are not all submitted, and pages not parsed
        self._unparsed_lock = threading.Lock()
        self.on_parsed: Callable[[], None] = lambda: None

    def _count_unparsed(self, change: int) -> None:
        """Count pages that are submitted or parsed, and documents that are submitted.

        When none is left, `on_parsed` is called, on any thread, if the pages still wait for their second reading.
        """
        with self._unparsed_lock:
            self._unparsed += change
            is_parsed = not self._unparsed
        if is_parsed and self._request.options.verify != "off":
            self._pipeline.note_verifying(self, True)
            self.on_parsed()

    def stop(self, error: OcrWorkerError) -> None:
        """End the job soon: pages without a result get `error`."""
        self._scheduled_job.stop(error)

    def interrupt(self) -> None:
        """End the job soon, and let `run` return the pages that are parsed; the others get Cancelled."""
        self._is_interrupted = True
        self.stop(Cancelled("the job was stopped before this page was parsed"))

    def run(self) -> ParseResponse:
        """Return the response, with an entry for every document and page.

        Raises Cancelled when the job was cancelled, but not when it was interrupted.
        """
        started_at = time.monotonic()
        with self._counted(), closing(self._checkpoints), closing(self._cache), self._scheduled_job, self._deadline():
            sources = list(enumerate(self._request.documents, start=1))
            # A document has a place while it is fetched and rendered; all wait for their pages at the same time.
            documents = threads.map_bounded(self._document, sources, len(sources), f"document-{self.id}")
            if isinstance(self._scheduled_job.stop_error, Cancelled) and not self._is_interrupted:
                event(log, "job", job=self.id, status="cancelled")
                raise self._scheduled_job.stop_error
        seconds = {**self._stopwatch.seconds, "total": time.monotonic() - started_at}
        response = results.response(self._pipeline.engine.info, documents, seconds)
        event(log, "job", job=self.id, status=response.status, **response.coverage.model_dump(), **seconds)
        return response

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.has_ended = True
            self._pipeline.note_verifying(self, False)

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        limits = (self._request.options.timeout_s, self._pipeline.settings.job_timeout_s)
        seconds = min((limit for limit in limits if limit is not None), default=None)
        if seconds is None:
            yield
            return
        message = f"the job's time limit of {seconds:g} s passed before this page was parsed; send the page again"
        timer = threading.Timer(seconds, self.stop, [DeadlineExceeded(message)])
        timer.name = f"deadline-{self.id}"
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    # ----------------------------------------------------------------- one document

    def _document(self, numbered_source: tuple[int, DocumentRequest]) -> DocumentResult:
        number, source = numbered_source
        name, held_pages = document_id(source, number), HeldPages()
        try:
            result = self._parse(name, source, held_pages)
        except Exception as error:
            result = results.failed_document(name, self._document_error(error))
            error.__traceback__ = (
                None  # it refers to the document's bytes in a cycle, which only a collection would free
            )
        finally:
            self._pipeline.witnesses.forget(f"{self.id}/{name}")
            held_pages.close()
        codes = (error.code for error in (result.error, *(page.error for page in result.pages)) if error)
        event(
            log,
            "document",
            job=self.id,
            document=number,
            status=result.status,
            pages=len(result.pages),
            error=next(codes, None),
        )
        return result

    def _parse(self, name: str, source: DocumentRequest, held_pages: HeldPages) -> DocumentResult:
        """Wait for the pages in order, while another thread fetches, renders and submits them."""
        page_queue: SimpleQueue[tuple[DocumentFacts, PendingPage] | None] = SimpleQueue()
        self._fetch_slots.acquire()
        feeder = threads.start(lambda: self._feed(name, source, page_queue, held_pages), f"feed-{self.id}")
        outcomes: dict[int, PageOutcome] = {}
        while (entry := page_queue.get()) is not None:
            facts, wait_for_page = entry
            outcome = wait_for_page()
            outcomes[outcome.number] = outcome
            self._on_page(name, len(facts.numbers), results.page(outcome, self._request.options))
        facts, error = feeder.result()
        if len(outcomes) == len(facts.numbers):
            error = None  # a rasterizer process that dies after the last page costs nothing
        for outcome in results.missing_outcomes(facts, outcomes, error):
            outcomes[outcome.number] = outcome
            self._on_page(name, len(facts.numbers), results.page(outcome, self._request.options))
        if self._pipeline.spec.merges_pages(self._request.options):
            outcomes = self._merge(facts, outcomes)
        return results.document(name, facts, outcomes, error, self._request.options)

    def _merge(self, facts: DocumentFacts, outcomes: dict[int, PageOutcome]) -> dict[int, PageOutcome]:
        """Return the outcomes after the engine has revised the document's pages together."""
        ordered_outcomes = [outcomes.get(number) for number in facts.numbers]
        pages = [entry.result if entry and isinstance(entry.result, ParsedPage) else None for entry in ordered_outcomes]
        with self._stopwatch.measure("engine"):
            merged_pages = self._pipeline.engine.merge_pages(pages)
        pairs = zip(ordered_outcomes, merged_pages, strict=True)
        return outcomes | {outcome.number: replace(outcome, result=page) for outcome, page in pairs if outcome and page}

    def _feed(
        self,
        name: str,
        source: DocumentRequest,
        page_queue: SimpleQueue[tuple[DocumentFacts, PendingPage] | None],
        held_pages: HeldPages,
    ) -> tuple[DocumentFacts, OcrWorkerError | None]:
        """Put every page into `page_queue`, then None. Return the facts, and the error if the document ended early."""
        try:
            rendered = self._rendered.get(name)
            data = b"" if rendered else self._fetch(source)
            with self._rendering_slots, rendered or self._open(data, source, name) as document:
                facts = DocumentFacts(document.page_count, document.numbers, document.warnings)
                self._on_open(name, len(facts.numbers))
                checkpoint = self._checkpoints.document(name, data, document.numbers, self._result_inputs)
                try:
                    for page in self._pages(name, document, checkpoint, held_pages):
                        page_queue.put((facts, page))
                except Exception as error:
                    return facts, self._document_error(error)
                return facts, None
        finally:
            page_queue.put(None)
            self._fetch_slots.release()
            self._count_unparsed(-1)

    def _fetch(self, source: DocumentRequest) -> bytes:
        with self._stopwatch.measure("fetch"):
            return self._pipeline.fetcher.fetch(source, self._is_stopped)

    def _open(self, data: bytes, source: DocumentRequest, name: str) -> RasterDocument:
        pipeline, options = self._pipeline, self._request.options
        request = raster_request(source, options, pipeline.settings, pipeline.spec)
        # The engine gets a page image before the text layer is read that only the second reading needs.
        request = replace(request, is_layer_apart=request.text_layer and not pipeline.spec.wants_text_layer(options))
        with self._stopwatch.measure("rasterize"):
            document = pipeline.rasters.open(data, request, self._is_stopped)
        document.wants_layer = lambda: pipeline.witnesses.has_time(f"{self.id}/{name}")
        return document

    def _result_inputs(self) -> dict[str, Any]:
        """Return everything besides the file's bytes that changes a parsed page. Part of the checkpoint key.

        All of the engine's own options count: pages that will be merged carry the data that merging needs.
        """
        engine, options = self._pipeline.engine, self._request.options
        return {
            "engine": engine.info.model_dump(),
            "options": options.model_dump(exclude={"delivery", "formats", "page_separator", "timeout_s"}),
            "dpi": self._pipeline.spec.preferred_dpi,
            "max_page_mpx": self._pipeline.settings.max_page_mpx,
        }

    def _pages(
        self, name: str, document: OpenDocument, checkpoint: DocumentCheckpoint, held_pages: HeldPages
    ) -> Iterator[PendingPage]:
        """Yield each page in order: stored by an earlier run, or rendered and submitted to the engine."""
        document.skip(checkpoint.pages)
        page_images = self._page_images(document)
        for number in document.numbers:
            if number in checkpoint.pages:
                yield partial(checkpoint.pages.__getitem__, number)
            elif page := next(page_images, None):
                yield self._submit(name, page, checkpoint, held_pages, document)
        next(page_images, None)  # tells the rasterizer process that the document is done

    def _page_images(self, document: OpenDocument) -> Iterator[PageImage | FailedPage]:
        pages = iter(document)
        while True:
            with self._stopwatch.measure("rasterize"):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _submit(
        self,
        name: str,
        page: PageImage | FailedPage,
        checkpoint: DocumentCheckpoint,
        held_pages: HeldPages,
        document: OpenDocument,
    ) -> PendingPage:
        if isinstance(page, FailedPage):
            failure = PageOutcome(page.number, page.error)
            return lambda: failure
        claim = self._claim(page)
        if claim.outcome:
            stored_outcome = claim.outcome
            checkpoint.store(stored_outcome)
            return lambda: stored_outcome
        try:
            future, evidence, rereader = self._hand_over(name, page, held_pages, document)
        except BaseException:
            claim.done(None)
            raise
        self._count_unparsed(1)
        future.add_done_callback(lambda _: self._count_unparsed(-1))
        parsed_at: list[float] = []  # the page may wait for earlier ones of its document, and for its second reading
        future.add_done_callback(lambda _: parsed_at.append(time.monotonic()))
        number, dpi, warnings = page.number, page.dpi, page.warnings  # `wait` must not keep the pixels in memory

        def outcome_of(parse_outcome: ParseOutcome) -> PageOutcome:
            return PageOutcome(number, parse_outcome.result, dpi, warnings, parse_outcome.engine_s)

        # On the engine's thread: another document may wait for this page, and this one may never ask for it.
        future.add_done_callback(lambda future: claim.done(outcome_of(future.result())))

        def wait() -> PageOutcome:
            parse_outcome = future.result()
            self._stopwatch.add("wait", parse_outcome.wait_s)
            self._stopwatch.add("engine", parse_outcome.engine_s)
            outcome = outcome_of(parse_outcome)
            if evidence:
                # The callback runs right after the result is set, perhaps a moment after this thread has it.
                waited_s = time.monotonic() - parsed_at[0] if parsed_at else 0.0
                wait_s = max(0.0, self._pipeline.settings.verify_wait_s - waited_s)
                outcome = self._verified(outcome, evidence, wait_s, rereader)
            if rereader:
                held_pages.release(rereader)
            checkpoint.store(outcome)
            return outcome

        return wait

    def _verified(
        self, outcome: PageOutcome, evidence: Future[Evidence | None], wait_s: float, rereader: Rereader | None
    ) -> PageOutcome:
        outcome = verified(outcome, evidence, wait_s, rereader)
        if rereader:
            self._stopwatch.add("engine", rereader.engine_s)
        if isinstance(outcome.result, ParsedPage) and not self._pipeline.spec.merges_pages(self._request.options):
            outcome = replace(outcome, result=replace(outcome.result, raw=None))  # it was for the repair alone
        return outcome

    def _rewritten(self, page: ParsedPage) -> ParsedPage:
        """Return the page with Markdown that follows from its blocks; the document may be merged later."""
        (merged_page,) = self._pipeline.engine.merge_pages([page])
        return replace(merged_page or page, raw=page.raw)

    def _hand_over(
        self, name: str, page: PageImage, held_pages: HeldPages, document: OpenDocument
    ) -> tuple[Future[ParseOutcome], Future[Evidence | None] | None, Rereader | None]:
        """Hand the page to the engine and, with `verify`, to the witness. Waits for room for its pixels.

        With `verify: repair`, the pixels are held until the page is compared, unless the witness has no time for it.
        """
        options, spec = self._request.options, self._pipeline.spec
        page_of_engine = page if spec.wants_text_layer(options) else replace(page, text_lines=None)
        if options.verify == "off":
            return self._scheduled_job.submit(page_of_engine, options), None, None
        if not spec.keeps_pixels(options):
            return self._scheduled_job.submit(page_of_engine, options), _unread(), None
        if options.verify == "auto" or spec.block_repair is None:
            future, release = self._scheduled_job.submit_shared(page_of_engine, options)
            return future, self._offer(name, page, document, release, future), None
        future, release = self._scheduled_job.submit_shared(page_of_engine, options, readers=2)
        rereader = Rereader(
            page,
            options,
            self._pipeline.settings,
            spec.block_repair,
            self._scheduled_job,
            self._rewritten,
            release,
        )
        held_pages.add(rereader)
        evidence = self._offer(name, page, document, release, future)
        evidence.add_done_callback(lambda report: None if report.result() else held_pages.release(rereader))
        return future, evidence, rereader

    def _offer(
        self,
        name: str,
        page: PageImage,
        document: OpenDocument,
        release: Callable[[], None],
        parse_outcome: Future[ParseOutcome],
    ) -> Future[Evidence | None]:
        """Offer the page, with its text layer, to the witness, which learns when the engine has parsed it."""
        with self._stopwatch.measure("rasterize"):
            page_with_layer = document.with_layer(page)
        if page_with_layer is None:
            release()
            return _unread()
        blocks: Future[Sequence[Block] | None] = Future()
        evidence = self._pipeline.witnesses.offer(page_with_layer, f"{self.id}/{name}", release, blocks)

        def pass_on(outcome: Future[ParseOutcome]) -> None:
            result = outcome.result().result
            blocks.set_result(result.blocks if isinstance(result, ParsedPage) else None)

        parse_outcome.add_done_callback(pass_on)
        return evidence

    def _claim(self, page: PageImage) -> Claim:
        """Claim the page in the content cache, which has no second readings and so is not used with `verify`."""
        if self._request.options.verify != "off":
            return Claim()
        return self._cache.claim(page, self._cache_inputs(page), self._is_stopped)

    def _cache_inputs(self, page: PageImage) -> dict[str, Any]:
        """Return everything besides a page that changes its result. Part of the key in the content cache.

        Pages that will be merged carry data with their number in it.
        """
        number = page.number if self._pipeline.spec.merges_pages(self._request.options) else None
        return {**self._result_inputs(), "number": number}

    def _is_stopped(self) -> bool:
        return self._scheduled_job.stop_error is not None

    def _document_error(self, error: Exception) -> OcrWorkerError:
        """Return why a document ended early.

        The error that stopped the job comes first, because every stage gives up when its job is stopped.
        """
        if self._scheduled_job.stop_error:
            return self._scheduled_job.stop_error
        if not isinstance(error, OcrWorkerError):
            log.exception("unexpected error job=%s", self.id)
        return as_worker_error(error)


def _unread() -> Future[Evidence | None]:
    """Return the evidence of a page that the second reader does not get."""
    unread: Future[Evidence | None] = Future()
    unread.set_result(None)
    return unread
