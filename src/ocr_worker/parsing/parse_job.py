"""One job from start to end: fetch each document, render it, have its pages parsed, and build the response.

A job uses plain threads, two for each document: one fetches and renders the document and submits its pages, the other
waits for their outcomes in order. The pages of all jobs reach the engine through the scheduler. An error becomes part
of the response: a page's error is on the page, a document's error on the document.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import Protocol

from ocr_worker import threads
from ocr_worker.delivery.checkpoints import Checkpoints
from ocr_worker.delivery.page_cache import NoCache
from ocr_worker.errors import Cancelled, DeadlineExceeded, OcrWorkerError, as_worker_error
from ocr_worker.log import event
from ocr_worker.pages import PageOutcome, ParsedPage
from ocr_worker.parsing import results
from ocr_worker.parsing.page_submission import JobResources, PageSubmitter, PendingPage
from ocr_worker.parsing.rendering import OpenDocument, raster_request
from ocr_worker.parsing.rereading import HeldPages
from ocr_worker.parsing.results import DocumentFacts
from ocr_worker.parsing.stages import Stages
from ocr_worker.parsing.stopwatch import Stopwatch
from ocr_worker.sources.rasterizer import RasterDocument
from ocr_worker.wire.schema import DocumentRequest, DocumentResult, PageResult, ParseRequest, ParseResponse, document_id

log = logging.getLogger(__name__)


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


class ParseJob:
    """One job. `run` blocks until the response is complete; `stop` and `interrupt` may be called from any thread."""

    def __init__(
        self,
        stages: Stages,
        request: ParseRequest,
        job_id: str,
        on_page: OnPage,
        checkpoints: Checkpoints,
        on_open: OnOpen,
        rendered: Mapping[str, OpenDocument],
    ) -> None:
        self.id = job_id
        self._rendered = rendered
        self._stages = stages
        self._request = request
        self._on_page = on_page
        self._on_open = on_open
        self._checkpoints = checkpoints
        self._cache = stages.cache.job() if stages.cache else NoCache()
        self._stopwatch = Stopwatch()
        self._scheduled_job = stages.scheduler.admit()
        self._rendering_slots = threading.Semaphore(stages.documents_rendered_per_job)
        self._fetch_slots = threading.Semaphore(stages.settings.fetch_concurrency)
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
            self._stages.note_verifying(self, True)
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
        response = results.response(self._stages.engine.info, documents, seconds)
        event(log, "job", job=self.id, status=response.status, **response.coverage.model_dump(), **seconds)
        return response

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.has_ended = True
            self._stages.note_verifying(self, False)

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        limits = (self._request.options.timeout_s, self._stages.settings.job_timeout_s)
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
            self._stages.witnesses.forget(self._document_key(name))
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
        if self._stages.spec.merges_pages(self._request.options):
            outcomes = self._merge(facts, outcomes)
        return results.document(name, facts, outcomes, error, self._request.options)

    def _merge(self, facts: DocumentFacts, outcomes: dict[int, PageOutcome]) -> dict[int, PageOutcome]:
        """Return the outcomes after the engine has revised the document's pages together."""
        ordered_outcomes = [outcomes.get(number) for number in facts.numbers]
        pages = [entry.result if entry and isinstance(entry.result, ParsedPage) else None for entry in ordered_outcomes]
        with self._stopwatch.measure("engine"):
            merged_pages = self._stages.engine.merge_pages(pages)
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
                resources = self._resources()
                checkpoint = self._checkpoints.document(name, data, document.numbers, resources.result_inputs)
                submitter = PageSubmitter(resources, self._document_key(name), checkpoint, held_pages)
                try:
                    for page in submitter.pages(document):
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
            return self._stages.fetcher.fetch(source, self._is_stopped)

    def _open(self, data: bytes, source: DocumentRequest, name: str) -> RasterDocument:
        stages, options = self._stages, self._request.options
        request = raster_request(source, options, stages.settings, stages.spec)
        # The engine gets a page image before the text layer is read that only the second reading needs.
        request = replace(request, is_layer_apart=request.text_layer and not stages.spec.wants_text_layer(options))
        with self._stopwatch.measure("rasterize"):
            document = stages.rasters.open(data, request, self._is_stopped)
        document.wants_layer = lambda: stages.witnesses.has_time(self._document_key(name))
        return document

    def _resources(self) -> JobResources:
        """Return what the job's pages share. The job does not keep it: the cycle would keep the request's bytes."""
        return JobResources(
            self._stages,
            self._request.options,
            self._scheduled_job,
            self._cache,
            self._stopwatch,
            self._count_unparsed,
        )

    def _is_stopped(self) -> bool:
        return self._scheduled_job.stop_error is not None

    def _document_key(self, name: str) -> str:
        """Return the name of a document among those of all jobs, for the second readers."""
        return f"{self.id}/{name}"

    def _document_error(self, error: Exception) -> OcrWorkerError:
        """Return why a document ended early.

        The error that stopped the job comes first, because every stage gives up when its job is stopped.
        """
        if self._scheduled_job.stop_error:
            return self._scheduled_job.stop_error
        if not isinstance(error, OcrWorkerError):
            log.exception("unexpected error job=%s", self.id)
        return as_worker_error(error)
