"""The client of one endpoint for programs that use asyncio.

A call of `parse` is a call of `submit` and a call of `wait`. `stream` takes the place of `wait` when pages are needed
before the job has ended. All requests go through `client.remote`, which paces and repeats them, follows links into a
bucket, and validates what comes back. `client.sync_client` offers the same methods to programs without an event loop.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from ocr_worker import threads
from ocr_worker.client.chunks import ChunkReader
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import ENDED_STATES, JobStatus, ServiceHealth, response_of
from ocr_worker.errors import JobTimedOut, OcrWorkerError, SettingsInvalid
from ocr_worker.settings import load_client_settings
from ocr_worker.sources.documents import Source, make_documents
from ocr_worker.wire.response import without_pages
from ocr_worker.wire.schema import PageChunk, ParseResponse, SummaryChunk

Chunk = PageChunk | SummaryChunk

_ENDPOINT_URL = re.compile(r"(https?://[^/]+.*)/([^/]+)/?")
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.2, 5.0  # between two requests for the state of a job
_CANCEL_S = 10.0  # longest time for the request that cancels a job


class JobArguments(TypedDict, total=False):
    """Arguments of a job, all optional.

    pages: 1-based ranges such as `1-3,8`, of every document; default: all. password: for encrypted PDFs. options:
    `options` of the request, such as `{"figures": "inline", "dpi": 200}`. idempotency_key: with a bucket at the
    endpoint, a job that is sent again with the same key parses only the pages that are missing. execution_timeout_s,
    ttl_s: seconds that the job may run, and seconds from its submission until the endpoint deletes it; default: the
    endpoint's settings.
    """

    pages: str
    password: str
    options: Mapping[str, Any]
    idempotency_key: str
    execution_timeout_s: float
    ttl_s: float


class AsyncClient:
    """Client of an endpoint, for asyncio: `async with AsyncClient("ENDPOINT_ID") as client`.

    endpoint: the id of an endpoint of the platform, or the URL of an endpoint, such as `LocalEndpoint.url`. An id is
    looked up below RUNPOD_ENDPOINT_BASE_URL, by default `https://api.runpod.ai/v2`. api_key: default: RUNPOD_API_KEY,
    which is sent only to endpoints below RUNPOD_ENDPOINT_BASE_URL. patience_s: seconds after a request's first failure
    during which it is repeated.

    Raises SettingsInvalid: it is not the URL of an endpoint; AuthenticationFailed: the key has characters that no key
    has. All methods raise errors of `ocr_worker.errors`: AuthenticationFailed, EndpointUnavailable, and others that
    they name.
    """

    def __init__(self, endpoint: str, api_key: str | None = None, *, patience_s: float = 60.0) -> None:
        self._remote = _make_remote(endpoint, api_key, patience_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Jobs at the endpoint continue."""
        await self._remote.close()

    async def parse(
        self, source: Source | Sequence[Source], *, timeout_s: float | None = None, **arguments: Unpack[JobArguments]
    ) -> ParseResponse:
        """Parse documents in one job and return its response, complete also where a bucket holds it.

        source: a path, an http(s) URL, a data URI, the bytes of a file, or a list of these. timeout_s: seconds to wait
        for the job after it is sent; None: no limit. If the time is over or the task is cancelled, the job is
        cancelled, too.

        Raises the errors of `submit` and `wait`. After EndpointUnavailable the job may still run.
        """
        # A separate task: a call that is cancelled while it submits the job needs the job's id to cancel it.
        submission = asyncio.create_task(self.submit(source, **arguments))
        try:
            job_id = await asyncio.shield(submission)
            return await self.wait(job_id, timeout_s=timeout_s)
        except (JobTimedOut, asyncio.CancelledError):
            await self._cancel_quietly(submission)
            raise

    async def submit(self, source: Source | Sequence[Source], **arguments: Unpack[JobArguments]) -> str:
        """Send a job and return its id.

        source: see `parse`. Raises SourceRejected: a file cannot be read; SourceTooLarge: the files do not fit into a
        job; JobFailed: the endpoint rejects the job; EndpointUnavailable: it may have the job nevertheless;
        SettingsInvalid: the endpoint does not exist.
        """
        return await self._remote.submit(
            await asyncio.wrap_future(threads.start(lambda: self._make_input(source, arguments), "documents")),
            execution_timeout_s=arguments.get("execution_timeout_s"),
            ttl_s=arguments.get("ttl_s"),
        )

    async def wait(self, job_id: str, *, timeout_s: float | None = None) -> ParseResponse:
        """Wait until the job has ended and return its response.

        timeout_s: seconds to wait; None: no limit. The job continues after them.

        Raises JobTimedOut: the time is over, or the job ran into the endpoint's execution timeout; Cancelled;
        JobExpired: the endpoint does not know the job, or no longer; DeliveryFailed: the response cannot be fetched
        from its bucket; JobFailed: the response is not from this worker. A job of which no page was parsed raises
        the error that the worker reports, with its `code` and `retryable`; `status` has the error of each page.
        """
        deadline = _deadline(timeout_s)
        pause_s = _FIRST_PAUSE_S
        while True:
            async with _time_limit(job_id, deadline):
                status = await self._remote.status(job_id)
                if status.state in ENDED_STATES:
                    return response_of(status)
                await asyncio.sleep(_jittered(pause_s))
            pause_s = min(1.5 * pause_s, _MAX_PAUSE_S)

    async def stream(self, job_id: str, *, timeout_s: float | None = None) -> AsyncGenerator[Chunk, None]:
        """Yield each page of the job as soon as it is parsed, then a summary: the response without its pages.

        The pages of a document come in their order. Without `OCR_STREAM` at the endpoint, and if chunks are lost on
        the way, the pages that did not come before are yielded when the job has ended. timeout_s: see `wait`.

        Raises the errors of `wait`.
        """
        deadline = _deadline(timeout_s)
        reader, pages = ChunkReader(), set[tuple[str, int]]()
        pause_s = _FIRST_PAUSE_S
        while True:
            async with _time_limit(job_id, deadline):
                update = await self._remote.stream(job_id)
            for chunk in reader.read(update.chunks):
                if isinstance(chunk, PageChunk):
                    pages.add((chunk.document, chunk.page.page))
                    yield chunk
                elif reader.is_complete:
                    yield chunk
                    return
            if update.chunks:  # there may be more of them, also of a job that has ended
                pause_s = _FIRST_PAUSE_S
                continue
            if update.state in ENDED_STATES:
                break
            async with _time_limit(job_id, deadline):
                await asyncio.sleep(_jittered(pause_s))
            pause_s = min(1.5 * pause_s, _MAX_PAUSE_S)
        async with _time_limit(job_id, deadline):
            response = await self.wait(job_id)
        for chunk in _chunks_of(response, pages, reader.last_number):
            yield chunk

    async def status(self, job_id: str) -> JobStatus:
        """Return the state of the job, its progress, and the response or error of an ended job.

        Raises JobExpired, DeliveryFailed, JobFailed, as `wait` does.
        """
        return await self._remote.status(job_id)

    async def cancel(self, job_id: str) -> None:
        """Cancel the job. An unknown or ended job is no error."""
        await self._remote.cancel(job_id)

    async def health(self) -> ServiceHealth:
        """Return the numbers of the endpoint's workers and of the jobs in its queue."""
        return await self._remote.health()

    def _make_input(self, source: Source | Sequence[Source], arguments: JobArguments) -> dict[str, Any]:
        job_input: dict[str, Any] = {
            "documents": make_documents(
                source,
                pages=arguments.get("pages"),
                password=arguments.get("password"),
                max_bytes=self._remote.payload_bytes,
            )
        }
        if "options" in arguments:
            job_input["options"] = dict(arguments["options"])
        if "idempotency_key" in arguments:
            job_input["idempotency_key"] = arguments["idempotency_key"]
        return job_input

    async def _cancel_quietly(self, submission: asyncio.Task[str]) -> None:
        with suppress(OcrWorkerError, TimeoutError):
            async with asyncio.timeout(_CANCEL_S):
                await self.cancel(await submission)


def _make_remote(endpoint: str, api_key: str | None, patience_s: float) -> RemoteEndpoint:
    settings = load_client_settings()
    default_base_url = settings.base_url.rstrip("/")
    base_url, name = default_base_url, endpoint
    if "/" in endpoint:
        match = _ENDPOINT_URL.fullmatch(endpoint)
        if not match:
            raise SettingsInvalid(
                f"{endpoint!r} is not the URL of an endpoint; write it like {default_base_url}/ENDPOINT_ID"
            )
        base_url, name = match.groups()
    # The platform's key must not reach a server that only the caller named.
    key = settings.api_key if api_key is None and base_url == default_base_url else api_key
    return RemoteEndpoint(base_url, name, key, patience_s=patience_s)


def _chunks_of(response: ParseResponse, known_pages: set[tuple[str, int]], last_number: int) -> Iterator[Chunk]:
    """Yield chunks of the pages that are not among `known_pages`, then the summary, numbered after `last_number`."""
    pages = [
        (document.id, page)
        for document in response.documents
        for page in document.pages
        if (document.id, page.page) not in known_pages
    ]
    for number, (document_id, page) in enumerate(pages, start=last_number + 1):
        yield PageChunk(chunk=number, document=document_id, page=page)
    yield SummaryChunk(chunk=last_number + len(pages) + 1, summary=without_pages(response, response.delivery))


def _deadline(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s


@asynccontextmanager
async def _time_limit(job_id: str, deadline: float | None) -> AsyncIterator[None]:
    """Raise JobTimedOut when the block is not done at the deadline, in seconds of the event loop."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise JobTimedOut(f"job {job_id} did not end within the time that its client waits") from None


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.7, 1.3)
