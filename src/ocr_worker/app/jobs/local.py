"""The jobs of the PaddleOCR job API on the engine of this process, kept on disk (`store`).

A task takes jobs in the order of submission, as many at once as the engine takes. Pages are stored as they are parsed,
so that a job whose process was killed continues with the next page. Results are deleted when their time is over. All
methods, and the database, run on the app's event loop; files are written and read on threads.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool

from ocr_worker.app.jobs import results
from ocr_worker.app.jobs.service import JobReport, unknown_batch, unknown_job, unknown_result
from ocr_worker.app.jobs.store import JobStore, StoredJob
from ocr_worker.app.jobs.submission import Submission, parse_request
from ocr_worker.app.problems import HttpError
from ocr_worker.app.worker import AppWorker
from ocr_worker.delivery.checkpoints import BucketCheckpoints, Folder
from ocr_worker.errors import Cancelled, Internal, OcrWorkerError, QueueFull, SettingsInvalid
from ocr_worker.log import event
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import PageResult, ParseRequest, ParseResponse, UploadedDocument

log = logging.getLogger(__name__)

_TICK_S = 1.0  # between two looks for an engine that has loaded, and for results that have expired
_MAX_STARTS = 5  # a job whose process ended this often is what ends it


class LocalJobs:
    """A `JobService` on the engine of this process. See the module."""

    def __init__(self, worker: AppWorker) -> None:
        self._worker = worker
        self._settings = worker.settings
        self._open_store: JobStore | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, tuple[int, int]] = {}  # pages done and expected of a running job
        self._polled_at: dict[str, float] = {}
        self._wakeup = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None

    @property
    def open_count(self) -> int:
        """Number of jobs that have not ended: those on disk that wait, and those that run."""
        return self._open_store.count_open() if self._open_store else 0

    async def start(self) -> None:
        """See `JobService`. A directory that cannot be used is logged; then submissions fail."""
        if JobStore.exists(self._settings.state_dir.expanduser()):
            try:
                self._store()
            except SettingsInvalid as error:
                log.error("the jobs of /api/v2/ocr/jobs are not available: %s", error)

    async def stop(self) -> None:
        """See `JobService`. Running jobs go back to the queue on disk."""
        tasks = [*self._running.values(), *([self._dispatcher] if self._dispatcher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._open_store:
            for job in self._open_store.open_jobs():
                self._open_store.return_to_queue(job.id)
            self._open_store.close()
            self._open_store = None

    def _store(self) -> JobStore:
        """Return the store, which is opened for the first job. Raises SettingsInvalid when it cannot be used."""
        if self._open_store is None:
            self._open_store = JobStore(self._settings.state_dir.expanduser())
            self._open_store.recover()
            self._dispatcher = asyncio.create_task(self._dispatch(self._open_store))
        return self._open_store

    # ----------------------------------------------------------------- requests

    async def submit(self, submission: Submission) -> str:
        """See `JobService`. The job is on disk when this returns."""
        parse_request(submission.request, self._settings)
        if self._worker.state == "dead":
            self._worker.pipeline()  # raises the error of the load
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the engine is dead; try again after a restart")
        try:
            store = self._store()
        except SettingsInvalid as error:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), error.code) from None
        if store.count_open() >= self._settings.waiting_jobs:
            raise QueueFull(f"{self._settings.waiting_jobs} jobs wait (OCR_WAITING_JOBS); submit the job again later")
        job_id = f"job-{secrets.token_hex(16)}"
        try:
            if submission.content:
                await run_in_threadpool(store.write_source, job_id, submission.content)
            store.add(job_id, submission.request, submission.batch_id)
        except (OSError, sqlite3.Error) as error:  # such as a full disk
            await run_in_threadpool(store.delete_files, job_id)
            message = f"the job cannot be stored in OCR_STATE_DIR ({error.__class__.__name__}); try again later"
            log.error("%s: %s", message, error)
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, message, Internal.code) from None
        self._wakeup.set()
        return job_id

    async def report(self, job_id: str) -> JobReport:
        """See `JobService`."""
        job = self._existing(self._open_store.job(job_id) if self._open_store else None)
        if job is None:
            raise unknown_job()
        return self._report(job)

    async def batch(self, batch_id: str) -> list[JobReport]:
        """See `JobService`."""
        jobs = self._open_store.batch(batch_id) if self._open_store else ()
        reports = [self._report(job) for job in jobs if self._existing(job)]
        if not reports:
            raise unknown_batch()
        return reports

    async def lines(self, result_key: str) -> Iterable[str]:
        """See `JobService`."""
        store, job = self._job_of_result(result_key)
        return store.lines(job.id)

    async def picture(self, result_key: str, name: str) -> bytes:
        """See `JobService`."""
        store, job = self._job_of_result(result_key)
        picture = await run_in_threadpool(store.picture, job.id, name)
        if picture is None:
            raise unknown_result()
        return picture

    def _job_of_result(self, result_key: str) -> tuple[JobStore, StoredJob]:
        job = self._existing(self._open_store.job_of_result(result_key) if self._open_store else None)
        if self._open_store is None or job is None:
            raise unknown_result()
        return self._open_store, job

    def _existing(self, job: StoredJob | None) -> StoredJob | None:
        """Return the job unless its result has expired."""
        is_expired = job and job.ended_at and job.ended_at + self._settings.result_keep_s < time.time()
        return None if is_expired else job

    def _report(self, job: StoredJob) -> JobReport:
        self._polled_at[job.id] = time.monotonic()
        done, expected = self._progress.get(job.id, (job.pages_done, job.pages_expected))
        return replace(job.report(), pages_done=done, pages_expected=expected)

    # ----------------------------------------------------------------- work

    async def _dispatch(self, store: JobStore) -> None:
        """Start jobs, and delete those that have expired, until this task is cancelled."""
        while True:
            self._wakeup.clear()
            try:
                await self._clean(store)
                while self._has_free_place() and self._worker.state == "ready":
                    job = store.start_next()
                    if job is None:
                        break
                    self._running[job.id] = asyncio.create_task(self._run(store, job))
            except Exception:  # such as a full disk: the next look may succeed
                log.exception("the queue of jobs cannot be read")
            # `wait_for` of Python 3.11 loses a cancellation that comes with the event: `stop` would wait forever.
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._wakeup.wait()

    def _has_free_place(self) -> bool:
        return len(self._running) < self._settings.jobs_at_once + self._worker.jobs_verifying

    async def _clean(self, store: JobStore) -> None:
        """Delete jobs whose time is over, and cancel those whose client no longer asks for them."""
        for job in store.ended_before(time.time() - self._settings.result_keep_s):
            store.delete(job.id)
            await run_in_threadpool(store.delete_files, job.id)
        limit_s = self._settings.abandoned_job_s
        if limit_s is None:
            return
        for job in store.open_jobs():
            if time.monotonic() - self._polled_at.setdefault(job.id, time.monotonic()) > limit_s:
                self._end(store, job.id, f"cancelled, because no client asked for its state for {limit_s:g} s")
                if task := self._running.get(job.id):
                    task.cancel()
                await run_in_threadpool(store.delete_input, job.id)

    async def _run(self, store: JobStore, job: StoredJob) -> None:
        """Run a job to its end, unless it has to wait again."""
        try:
            if job.starts > _MAX_STARTS:
                message = f"the server ended {_MAX_STARTS} times while this job ran; the file may be the cause"
                self._end(store, job.id, message)
            else:
                await self._parse(store, job)
            await run_in_threadpool(store.delete_input, job.id)
        except _NotNow:
            store.return_to_queue(job.id)
            await asyncio.sleep(_TICK_S)
        except Exception as error:
            log.exception("unexpected error job=%s", job.id)
            self._end(store, job.id, f"INTERNAL: {type(error).__name__}")
        finally:
            self._running.pop(job.id, None)
            self._progress.pop(job.id, None)
            self._wakeup.set()

    async def _parse(self, store: JobStore, job: StoredJob) -> None:
        """Parse a job's pages, write its result and end it. Raises _NotNow when the engine cannot take it."""
        with ExitStack() as files:
            try:
                request = self._parse_request(store, job, files)
                response = await self._worker.parse(
                    request,
                    job_id=job.id,
                    on_open=lambda document, expected: self._on_open(job.id, expected),
                    on_page=lambda document, expected, page: self._on_page(job.id, expected, page),
                    checkpoints=BucketCheckpoints(Folder(store.folder(job.id) / "pages"), job.id),
                )
            except HttpError as error:  # the settings changed since the job was accepted
                self._end(store, job.id, str(error))
                return
            except OcrWorkerError as error:
                if isinstance(error, QueueFull | Cancelled) or self._worker.state != "ready":
                    raise _NotNow from None
                info = error_info(error)
                self._end(store, job.id, f"{info.code}: {info.message}")
                return
        await self._end_with(store, job, response)

    def _parse_request(self, store: JobStore, job: StoredJob, files: ExitStack) -> ParseRequest:
        request = parse_request(job.request, self._settings)
        if job.request.url:
            return request
        content = files.enter_context((store.folder(job.id) / "source").open("rb"))
        return request.model_copy(update={"documents": [UploadedDocument(content=content, pages=job.request.pages)]})

    async def _end_with(self, store: JobStore, job: StoredJob, response: ParseResponse) -> None:
        error = results.error_of(response)
        if error and self._worker.state != "ready":  # the engine died: the next process finishes the job
            raise _NotNow
        has_result = results.has_pages(response)
        if has_result:
            result = await run_in_threadpool(results.translate, response, job.request, self._settings)
            await run_in_threadpool(store.write_result, job.id, result)
        counts = response.coverage
        self._end(store, job.id, error, has_result=has_result, pages=(counts.pages_parsed, counts.pages_expected))

    def _end(
        self,
        store: JobStore,
        job_id: str,
        error: str | None,
        *,
        has_result: bool = False,
        pages: tuple[int, int] = (0, 0),
    ) -> None:
        done, expected = pages
        store.end(job_id, error, has_result=has_result, pages_done=done, pages_expected=expected)
        self._polled_at.pop(job_id, None)
        event(log, "wire_job", job=job_id, status="failed" if error else "done")

    def _on_open(self, job_id: str, expected: int) -> None:
        self._progress[job_id] = (0, expected)

    def _on_page(self, job_id: str, expected: int, page: PageResult) -> None:
        done, _ = self._progress.get(job_id, (0, expected))
        self._progress[job_id] = (done + 1, expected)


class _NotNow(Exception):
    """A signal that a job has to wait: the engine or its queue cannot take it at the moment."""
