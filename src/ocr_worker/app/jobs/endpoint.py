"""The jobs of the PaddleOCR job API at a RunPod endpoint, without any state in this process.

The id of a job and the address of its result are tokens (`tokens`) with the endpoint's id of the job and the request.
So another process with the same key serves them, too. A result is translated when a client fetches it: from the
endpoint, which keeps it for some time, or from the bucket, if there is one. The bucket also holds what no token can:
the list of jobs in a batch, and files that are too large for a job's input. The results of the last jobs stay in
memory, because clients fetch the pictures right after the lines.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from ocr_worker.app.jobs import results
from ocr_worker.app.jobs.results import JobResult
from ocr_worker.app.jobs.service import JobReport, JobState, unknown_batch, unknown_job, unknown_result
from ocr_worker.app.jobs.submission import JobRequest, Submission, parse_request
from ocr_worker.app.jobs.tokens import Tokens
from ocr_worker.app.problems import HttpError
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import JobStatus, State, error_of_job
from ocr_worker.delivery.keys import batch_folder, response_key, upload_key
from ocr_worker.errors import BucketRejected, JobExpired, SourceTooLarge
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ParseResponse

if TYPE_CHECKING:
    from ocr_worker.delivery.bucket import Bucket

_JOB, _RESULT = "job", "result"  # purposes of tokens
_STATES: dict[State, JobState] = {State.QUEUED: "pending", State.RUNNING: "running", State.COLLECTED: "done"}
_ENVELOPE_BYTES = 10_000  # of a job's input, beside the file
_CACHED_BYTES = 200_000_000  # of results in memory; the last stays, whatever its size
_CACHED_REPORTS = 10_000
_BATCH_READS_AT_ONCE = 8


class EndpointJobs:
    """A `JobService` in front of an endpoint. bucket: the same as the endpoint's workers have, or None. See the module.

    remote: the endpoint. It belongs to this object, which closes it.
    """

    def __init__(self, remote: RemoteEndpoint, settings: Settings, tokens: Tokens, bucket: Bucket | None) -> None:
        self._remote = remote
        self._settings = settings
        self._tokens = tokens
        self._bucket = bucket
        self._reports: OrderedDict[str, JobReport] = OrderedDict()  # of jobs that have ended, by id
        self._results: OrderedDict[str, asyncio.Task[JobResult]] = OrderedDict()  # by the endpoint's id

    async def start(self) -> None:
        """See `JobService`. There is nothing to do."""

    async def stop(self) -> None:
        """See `JobService`. The endpoint continues its jobs."""
        await self._remote.close()

    # ----------------------------------------------------------------- jobs

    async def submit(self, submission: Submission) -> str:
        """See `JobService`. Raises HttpError (400) for a batch without a bucket, SourceTooLarge for a large file."""
        request, bucket = submission.request, self._bucket
        if submission.batch_id and not bucket:
            raise HttpError(
                HTTPStatus.BAD_REQUEST,
                "batchId: this server keeps lists of jobs in a bucket, and has none; set BUCKET_ENDPOINT_URL and the"
                " other settings of a bucket, or submit without a batch",
            )
        if request.options.get("visualize") is None:  # page images would not fit into the endpoint's response
            request = request.model_copy(update={"options": {**request.options, "visualize": False}})
        job_input = self._job_input(request)
        job_input["documents"][0] |= await self._source(submission)
        endpoint_id = await self._remote.submit(job_input)
        content = {"id": endpoint_id, **request.model_dump(exclude={"url"}, exclude_defaults=True)}
        job_id = self._tokens.sign(_JOB, content)
        if submission.batch_id and bucket:
            key = f"{batch_folder(submission.batch_id)}{time.time():017.3f}-{uuid.uuid4().hex}.txt"
            await run_in_threadpool(bucket.put, key, job_id.encode(), "text/plain")
        return job_id

    def _job_input(self, request: JobRequest) -> dict[str, Any]:
        """Return the `input` of a job, with a document that has no source yet."""
        options = parse_request(request, self._settings).options.model_dump(mode="json", exclude_unset=True)
        if self._bucket:
            options["delivery"] = "bucket"  # where results last longer than at the endpoint
        return {"documents": [{"pages": request.pages} if request.pages else {}], "options": options}

    async def _source(self, submission: Submission) -> dict[str, str]:
        """Return the source of a job's document: a URL, the file itself, or its address in the bucket."""
        if submission.content is None:
            return {"url": submission.request.url or ""}
        data = await run_in_threadpool(submission.content.read)
        limit = (self._remote.payload_bytes - _ENVELOPE_BYTES) * 3 // 4  # base64 makes four bytes of three
        if len(data) <= limit:
            return {"base64": (await run_in_threadpool(base64.b64encode, data)).decode()}
        if self._bucket is None:
            raise SourceTooLarge(
                f"the file has {len(data):,} bytes, and a job of the endpoint takes {limit:,}; larger files go through"
                " a bucket, and this server has none: set BUCKET_ENDPOINT_URL and the other settings of a bucket, or"
                " send a URL"
            )
        key = upload_key(uuid.uuid4().hex)
        await run_in_threadpool(self._bucket.put, key, data, "application/octet-stream")
        return {"url": self._bucket.link(key)}

    async def report(self, job_id: str) -> JobReport:
        """See `JobService`."""
        content = self._tokens.read(_JOB, job_id)
        if content is None:
            raise unknown_job()
        if job_id in self._reports:
            return self._reports[job_id]
        try:
            status = await self._remote.status(content["id"])
        except JobExpired:
            status = JobStatus(State.COLLECTED, await self._stored_response(content["id"]))
        report = self._make_report(job_id, content, status)
        if report.state in ("done", "failed"):
            self._keep_report(report)
        return report

    def _make_report(self, job_id: str, content: dict[str, Any], status: JobStatus) -> JobReport:
        state, response = _STATES.get(status.state, "failed"), status.response
        if state in ("pending", "running"):
            return JobReport(job_id, state, pages_done=status.pages_done, pages_expected=status.pages_expected)
        if response is None or not response.documents:
            info = error_of_job(status)
            return JobReport(job_id, "failed", f"{info.code}: {info.message}", ended_at=status.times.ended_at)
        error, has_result = results.error_of(response), results.has_pages(response)
        if has_result:
            self._keep_result(content["id"], asyncio.create_task(self._translate(response, content)))
        return JobReport(
            id=job_id,
            state="failed" if error else "done",
            error=error,
            result_key=self._tokens.sign(_RESULT, content) if has_result else None,
            pages_expected=response.coverage.pages_expected,
            pages_done=response.coverage.pages_parsed,
            ended_at=status.times.ended_at,
        )

    def _keep_report(self, report: JobReport) -> None:
        self._reports[report.id] = report
        while len(self._reports) > _CACHED_REPORTS:
            self._reports.popitem(last=False)

    async def batch(self, batch_id: str) -> list[JobReport]:
        """See `JobService`."""
        if self._bucket is None:
            raise unknown_batch()
        bucket, slots = self._bucket, asyncio.Semaphore(_BATCH_READS_AT_ONCE)

        async def report(key: str) -> JobReport:
            async with slots:
                job_id = (await run_in_threadpool(bucket.get, key)).decode()
                try:
                    return await self.report(job_id)
                except JobExpired as error:
                    return JobReport(job_id, "failed", f"{error.code}: {error}")

        keys = sorted(await run_in_threadpool(bucket.keys, batch_folder(batch_id)))
        if not keys:
            raise unknown_batch()
        return list(await asyncio.gather(*map(report, keys)))

    # ----------------------------------------------------------------- results

    async def lines(self, result_key: str) -> Iterable[str]:
        """See `JobService`."""
        return (await self._result(result_key)).lines

    async def picture(self, result_key: str, name: str) -> bytes:
        """See `JobService`."""
        pictures = (await self._result(result_key)).pictures
        if name not in pictures:
            raise unknown_result()
        return pictures[name]

    async def _result(self, result_key: str) -> JobResult:
        content = self._tokens.read(_RESULT, result_key)
        if content is None:
            raise unknown_result()
        task = self._results.get(content["id"])
        if task is None:
            task = asyncio.create_task(self._load(content))
            self._keep_result(content["id"], task)
        self._results.move_to_end(content["id"])
        try:
            return await asyncio.shield(task)  # a client that disconnects must not cancel it for the others
        except Exception:
            self._results.pop(content["id"], None)
            raise

    async def _load(self, content: dict[str, Any]) -> JobResult:
        try:
            response = (await self._remote.status(content["id"])).response
        except JobExpired:
            response = await self._stored_response(content["id"])
        if response is None or not results.has_pages(response):
            raise unknown_result()
        return await self._translate(response, content)

    async def _stored_response(self, endpoint_id: str) -> ParseResponse:
        """Return a response that the endpoint no longer has from the bucket. Raises JobExpired."""
        if self._bucket:
            with suppress(BucketRejected, ValidationError, ValueError):
                body = await run_in_threadpool(self._bucket.get, response_key(endpoint_id))
                return await run_in_threadpool(lambda: ParseResponse.read(json.loads(body)))
        raise JobExpired("the endpoint no longer has the job; its result has expired")

    async def _translate(self, response: ParseResponse, content: dict[str, Any]) -> JobResult:
        request = JobRequest.model_validate(content)
        return await run_in_threadpool(results.translate, response, request, self._settings)

    def _keep_result(self, endpoint_id: str, task: asyncio.Task[JobResult]) -> None:
        """Keep a result in memory, and drop the oldest ones when they are too large together."""
        self._results[endpoint_id] = task
        while len(self._results) > 1 and sum(map(_size, self._results.values())) > _CACHED_BYTES:
            self._results.popitem(last=False)


def _size(task: asyncio.Task[JobResult]) -> int:
    return task.result().size if task.done() and not task.cancelled() and not task.exception() else 0
