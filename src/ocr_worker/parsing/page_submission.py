"""Hand the pages of a document to the engine, in order, and wait for their outcomes.

A page that an earlier run or another job has parsed comes from the checkpoints or the content cache. Every other page
goes through the scheduler to the engine and, with the option `verify`, to a second reader. `PageSubmitter.pages` runs
on the thread that feeds the document, and hands out a function for each page, which the document's own thread calls to
wait for the page. So pages are rendered while earlier ones are parsed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ocr_worker.delivery.checkpoints import DocumentCheckpoint
from ocr_worker.delivery.page_cache import Claim, JobCache, NoCache
from ocr_worker.pages import PageImage, PageOutcome, ParsedPage
from ocr_worker.parsing.rendering import OpenDocument
from ocr_worker.parsing.rereading import HeldPages, Rereader
from ocr_worker.parsing.scheduler import ParseOutcome, ScheduledJob
from ocr_worker.parsing.stages import Stages
from ocr_worker.parsing.stopwatch import Stopwatch
from ocr_worker.parsing.verification import verified
from ocr_worker.sources.rasterizer import FailedPage
from ocr_worker.wire.schema import Block, ParseOptions
from ocr_worker.witness.evidence import Evidence

PendingPage = Callable[[], PageOutcome]


@dataclass(frozen=True, slots=True)
class JobResources:
    """The parts that all documents of one job share. count_unparsed: adds to the number of pages in the engine."""

    stages: Stages
    options: ParseOptions
    scheduled_job: ScheduledJob
    cache: JobCache | NoCache
    stopwatch: Stopwatch
    count_unparsed: Callable[[int], None]

    def is_stopped(self) -> bool:
        """Return whether the job was stopped."""
        return self.scheduled_job.stop_error is not None

    def result_inputs(self) -> dict[str, Any]:
        """Return everything besides the file's bytes that changes a parsed page. Part of the checkpoint key.

        All of the engine's own options count: pages that will be merged carry the data that merging needs.
        """
        return {
            "engine": self.stages.engine.info.model_dump(),
            "options": self.options.model_dump(exclude={"delivery", "formats", "page_separator", "timeout_s"}),
            "dpi": self.stages.spec.preferred_dpi,
            "max_page_mpx": self.stages.settings.max_page_mpx,
        }


class PageSubmitter:
    """The pages of one document on their way to the engine.

    document_key: names the document among those of all jobs, for the second readers. held_pages: pages whose pixels are
    kept until they are compared. It does not hold the document, whose bytes would stay as long as a page waits.
    """

    def __init__(
        self,
        job: JobResources,
        document_key: str,
        checkpoint: DocumentCheckpoint,
        held_pages: HeldPages,
    ) -> None:
        self._job = job
        self._stages = job.stages
        self._document_key = document_key
        self._checkpoint = checkpoint
        self._held_pages = held_pages

    def pages(self, document: OpenDocument) -> Iterator[PendingPage]:
        """Yield each page in order: stored by an earlier run, or rendered and submitted to the engine."""
        stored_pages = self._checkpoint.pages
        document.skip(stored_pages)
        page_images = self._page_images(document)
        for number in document.numbers:
            if number in stored_pages:
                yield partial(stored_pages.__getitem__, number)
            elif page := next(page_images, None):
                yield self._submit(page, document)
        next(page_images, None)  # tells the rasterizer process that the document is done

    def _page_images(self, document: OpenDocument) -> Iterator[PageImage | FailedPage]:
        pages = iter(document)
        while True:
            with self._job.stopwatch.measure("rasterize"):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _submit(self, page: PageImage | FailedPage, document: OpenDocument) -> PendingPage:
        if isinstance(page, FailedPage):
            failure = PageOutcome(page.number, page.error)
            return lambda: failure
        claim = self._claim(page)
        if claim.outcome:
            stored_outcome = claim.outcome
            self._checkpoint.store(stored_outcome)
            return lambda: stored_outcome
        try:
            future, evidence, rereader = self._hand_over(page, document)
        except BaseException:
            claim.done(None)
            raise
        self._job.count_unparsed(1)
        future.add_done_callback(lambda _: self._job.count_unparsed(-1))
        parsed_at: list[float] = []  # the page may wait for earlier ones of its document, and for its second reading
        future.add_done_callback(lambda _: parsed_at.append(time.monotonic()))
        number, dpi, warnings = page.number, page.dpi, page.warnings  # `wait` must not keep the pixels in memory

        def outcome_of(parse_outcome: ParseOutcome) -> PageOutcome:
            return PageOutcome(number, parse_outcome.result, dpi, warnings, parse_outcome.engine_s)

        # On the engine's thread: another document may wait for this page, and this one may never ask for it.
        future.add_done_callback(lambda future: claim.done(outcome_of(future.result())))

        def wait() -> PageOutcome:
            parse_outcome = future.result()
            self._job.stopwatch.add("wait", parse_outcome.wait_s)
            self._job.stopwatch.add("engine", parse_outcome.engine_s)
            outcome = outcome_of(parse_outcome)
            if evidence:
                # The callback runs right after the result is set, perhaps a moment after this thread has it.
                waited_s = time.monotonic() - parsed_at[0] if parsed_at else 0.0
                wait_s = max(0.0, self._stages.settings.verify_wait_s - waited_s)
                outcome = self._verified(outcome, evidence, wait_s, rereader)
            if rereader:
                self._held_pages.release(rereader)
            self._checkpoint.store(outcome)
            return outcome

        return wait

    def _verified(
        self, outcome: PageOutcome, evidence: Future[Evidence | None], wait_s: float, rereader: Rereader | None
    ) -> PageOutcome:
        outcome = verified(outcome, evidence, wait_s, rereader)
        if rereader:
            self._job.stopwatch.add("engine", rereader.engine_s)
        if isinstance(outcome.result, ParsedPage) and not self._stages.spec.merges_pages(self._job.options):
            outcome = replace(outcome, result=replace(outcome.result, raw=None))  # it was for the repair alone
        return outcome

    def _rewritten(self, page: ParsedPage) -> ParsedPage:
        """Return the page with Markdown that follows from its blocks; the document may be merged later."""
        (merged_page,) = self._stages.engine.merge_pages([page])
        return replace(merged_page or page, raw=page.raw)

    def _hand_over(
        self, page: PageImage, document: OpenDocument
    ) -> tuple[Future[ParseOutcome], Future[Evidence | None] | None, Rereader | None]:
        """Hand the page to the engine and, with `verify`, to the witness. Waits for room for its pixels.

        With `verify: repair`, the pixels are held until the page is compared, unless the witness has no time for it.
        """
        options, spec = self._job.options, self._stages.spec
        page_of_engine = page if spec.wants_text_layer(options) else replace(page, text_lines=None)
        if options.verify == "off":
            return self._job.scheduled_job.submit(page_of_engine, options), None, None
        if not spec.keeps_pixels(options):
            return self._job.scheduled_job.submit(page_of_engine, options), _unread(), None
        if options.verify == "auto" or spec.block_repair is None:
            future, release = self._job.scheduled_job.submit_shared(page_of_engine, options)
            return future, self._offer(page, document, release, future), None
        future, release = self._job.scheduled_job.submit_shared(page_of_engine, options, readers=2)
        rereader = Rereader(
            page,
            options,
            self._stages.settings,
            spec.block_repair,
            self._job.scheduled_job,
            self._rewritten,
            release,
        )
        self._held_pages.add(rereader)
        evidence = self._offer(page, document, release, future)
        evidence.add_done_callback(lambda report: None if report.result() else self._held_pages.release(rereader))
        return future, evidence, rereader

    def _offer(
        self,
        page: PageImage,
        document: OpenDocument,
        release: Callable[[], None],
        parse_outcome: Future[ParseOutcome],
    ) -> Future[Evidence | None]:
        """Offer the page, with its text layer, to the witness, which learns when the engine has parsed it."""
        with self._job.stopwatch.measure("rasterize"):
            page_with_layer = document.with_layer(page)
        if page_with_layer is None:
            release()
            return _unread()
        blocks: Future[Sequence[Block] | None] = Future()
        evidence = self._stages.witnesses.offer(page_with_layer, self._document_key, release, blocks)

        def pass_on(outcome: Future[ParseOutcome]) -> None:
            result = outcome.result().result
            blocks.set_result(result.blocks if isinstance(result, ParsedPage) else None)

        parse_outcome.add_done_callback(pass_on)
        return evidence

    def _claim(self, page: PageImage) -> Claim:
        """Claim the page in the content cache, which has no second readings and so is not used with `verify`."""
        if self._job.options.verify != "off":
            return Claim()
        return self._job.cache.claim(page, self._cache_inputs(page), self._job.is_stopped)

    def _cache_inputs(self, page: PageImage) -> dict[str, Any]:
        """Return everything besides a page that changes its result. Part of the key in the content cache.

        Pages that will be merged carry data with their number in it.
        """
        number = page.number if self._stages.spec.merges_pages(self._job.options) else None
        return {**self._job.result_inputs(), "number": number}


def _unread() -> Future[Evidence | None]:
    """Return the evidence of a page that the second reader does not get."""
    unread: Future[Evidence | None] = Future()
    unread.set_result(None)
    return unread
