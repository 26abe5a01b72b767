"""The client of one endpoint for programs without an event loop.

Each method runs the method of `AsyncClient` with the same name, on an event loop in a daemon thread of the client. So
it can be called from any thread, also from one that runs an event loop of its own, such as a notebook's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from ocr_worker import threads
from ocr_worker.client.async_client import AsyncClient, Chunk, JobArguments
from ocr_worker.client.service import JobStatus, ServiceHealth
from ocr_worker.sources.documents import Source
from ocr_worker.wire.schema import ParseResponse

Value = TypeVar("Value")


class Client:
    """Client of an endpoint: `with Client("ENDPOINT_ID") as client`. `AsyncClient` has the same methods for asyncio.

    endpoint, api_key, patience_s, errors: see `AsyncClient`. Methods may be called from several threads at once. An
    exception in the calling thread, such as KeyboardInterrupt, cancels the call.
    """

    def __init__(self, endpoint: str, api_key: str | None = None, *, patience_s: float = 60.0) -> None:
        self._client = AsyncClient(endpoint, api_key, patience_s=patience_s)
        self._calls: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threads.start(self._loop.run_forever, "client")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel calls that other threads have not finished, and close the connections. Jobs continue."""
        if self._loop.is_closed():
            return
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.result()
        self._loop.close()

    def parse(
        self, source: Source | Sequence[Source], *, timeout_s: float | None = None, **arguments: Unpack[JobArguments]
    ) -> ParseResponse:
        """Parse documents in one job and return its response. See `AsyncClient.parse`."""
        return self._run(self._client.parse(source, timeout_s=timeout_s, **arguments))

    def submit(self, source: Source | Sequence[Source], **arguments: Unpack[JobArguments]) -> str:
        """Send a job and return its id. See `AsyncClient.submit`."""
        return self._run(self._client.submit(source, **arguments))

    def wait(self, job_id: str, *, timeout_s: float | None = None) -> ParseResponse:
        """Wait until the job has ended and return its response. See `AsyncClient.wait`."""
        return self._run(self._client.wait(job_id, timeout_s=timeout_s))

    def stream(self, job_id: str, *, timeout_s: float | None = None) -> Iterator[Chunk]:
        """Yield each page of the job as soon as it is parsed, then a summary. See `AsyncClient.stream`."""
        chunks = self._client.stream(job_id, timeout_s=timeout_s)
        try:
            while (chunk := self._run(anext(chunks, None))) is not None:
                yield chunk
        finally:
            if not self._loop.is_closed():
                self._run(chunks.aclose())

    def status(self, job_id: str) -> JobStatus:
        """Return the state of the job. See `AsyncClient.status`."""
        return self._run(self._client.status(job_id))

    def cancel(self, job_id: str) -> None:
        """Cancel the job. An unknown or ended job is no error."""
        self._run(self._client.cancel(job_id))

    def health(self) -> ServiceHealth:
        """Return the numbers of the endpoint's workers and of the jobs in its queue."""
        return self._run(self._client.health())

    def _run(self, work: Awaitable[Value]) -> Value:
        """Await `work` on the client's event loop and return its result. Raises RuntimeError: the client is closed."""
        if self._loop.is_closed():
            if asyncio.iscoroutine(work):
                work.close()  # else Python warns that nobody awaits it
            raise RuntimeError("the client is closed")

        async def run() -> Value:
            task = asyncio.current_task()
            assert task
            self._calls.add(task)
            try:
                return await work
            finally:
                self._calls.discard(task)

        call = asyncio.run_coroutine_threadsafe(run(), self._loop)
        try:
            return call.result()
        except BaseException:
            call.cancel()
            raise

    async def _close(self) -> None:
        calls = [call for call in self._calls if call is not asyncio.current_task()]
        for call in calls:
            if not call.cancelling():  # a call of `parse` that is cancelled already cancels its job at the endpoint
                call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._client.aclose()
