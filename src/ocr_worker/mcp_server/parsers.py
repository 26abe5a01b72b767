"""Places where the MCP server's jobs run: in this process, at an HTTP app (`ocr-worker serve`), or at an endpoint.

Each parser has `parse`, which returns the response of a job with one document and reports its pages meanwhile. All
errors are those of `ocr_worker.errors`.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import httpx
from pydantic import ValidationError

from ocr_worker import threads
from ocr_worker.errors import EndpointUnavailable, JobFailed, OcrWorkerError, SettingsInvalid
from ocr_worker.parsing.job_host import JobHost, typed_errors
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import Settings
from ocr_worker.sources.documents import Source, make_documents
from ocr_worker.wire.results import error_of
from ocr_worker.wire.schema import ErrorInfo, PageResult, ParseResponse

Progress = Callable[[int, int], Awaitable[None]]
"""Called with the number of pages that are done, and of all pages."""

_PAUSE_S = 0.5  # between two requests for the state of a job at an endpoint
_CONNECT_S = 10.0
_SILENCE_S = 600.0  # longest time between two pages; a page may wait for those of other jobs


class Parser(Protocol):
    """A place where jobs run."""

    async def parse(
        self, source: Source, *, pages: str | None, password: str | None, options: Mapping[str, Any], progress: Progress
    ) -> ParseResponse:
        """Parse one document and return the response, also of a job of which no page was parsed.

        Raises OcrWorkerError: the job did not run, or has no response.
        """
        ...


# --------------------------------------------------------------------------- in this process


class LocalParser:
    """Runs jobs on a pipeline in this process, which loads while the first job waits for it."""

    def __init__(self, settings: Settings) -> None:
        self._pipeline = Pipeline(settings)
        self._start = threads.start(self._pipeline.start, "load")

    def close(self) -> None:
        """Close the pipeline, unless it is still loading: its threads and processes end with this process."""
        if self._start.done():
            self._pipeline.close()

    async def parse(
        self, source: Source, *, pages: str | None, password: str | None, options: Mapping[str, Any], progress: Progress
    ) -> ParseResponse:
        """See `Parser`."""
        with typed_errors("mcp"):
            await asyncio.shield(asyncio.wrap_future(self._start))
        host, loop = JobHost(self._pipeline), asyncio.get_running_loop()
        documents = await asyncio.to_thread(make_documents, source, pages=pages, password=password)
        request = await host.read({"documents": documents, "options": dict(options)})
        done_count = 0

        def on_page(document_id: str, pages_expected: int, page: PageResult) -> None:
            nonlocal done_count
            done_count += 1
            asyncio.run_coroutine_threadsafe(_call(progress, done_count, pages_expected), loop)

        return await host.run(request, uuid.uuid4().hex, on_page)


async def _call(progress: Progress, done_count: int, total_count: int) -> None:
    await progress(done_count, total_count)


# --------------------------------------------------------------------------- at an HTTP app


class HttpParser:
    """Sends jobs to an HTTP app and reads its pages as they come. url: of the app, without a path."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        headers = {"Accept": "application/x-ndjson"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        timeout = httpx.Timeout(_SILENCE_S, connect=_CONNECT_S)
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def parse(
        self, source: Source, *, pages: str | None, password: str | None, options: Mapping[str, Any], progress: Progress
    ) -> ParseResponse:
        """See `Parser`."""
        documents = await asyncio.to_thread(make_documents, source, pages=pages, password=password)
        body = {"documents": documents, "options": dict(options)}
        page_entries: list[Any] = []
        try:
            async with self._client.stream("POST", f"{self._url}/v1/parse", json=body) as reply:
                if reply.status_code != httpx.codes.OK:
                    raise _problem_error(await reply.aread(), reply.status_code)
                async for line in reply.aiter_lines():
                    ((name, event),) = json.loads(line).items()
                    if name == "error":
                        raise _error_in(event)
                    if name == "summary":
                        return _whole_response(event, page_entries)
                    page_entries.append(event["page"])
                    await progress(len(page_entries), event["expected"])
        except httpx.HTTPError as error:
            raise EndpointUnavailable(f"{self._url} cannot be reached ({error or type(error).__name__})") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise JobFailed(f"{self._url} is not the HTTP app of this worker; check --server") from None
        raise EndpointUnavailable(f"{self._url} ended its response before the last page")


def _problem_error(body: bytes, status: int) -> OcrWorkerError:
    """Return the error in a response with an error's status."""
    try:
        return _error_in(json.loads(body))
    except (ValueError, KeyError, TypeError):
        return JobFailed(
            f"the server answered {status}, which is not a response of this worker's HTTP app; check --server"
        )


def _error_in(problem: Mapping[str, Any]) -> OcrWorkerError:
    return error_of(ErrorInfo(code=problem["code"], message=problem["detail"], retryable=problem["retryable"]))


def _whole_response(summary: dict[str, Any], pages: list[Any]) -> ParseResponse:
    """Return the response with its pages. Raises ValueError: it is not valid."""
    summary["documents"][0]["pages"] = pages
    try:
        return ParseResponse.read(summary)
    except ValidationError as error:
        raise ValueError(str(error)) from None


# --------------------------------------------------------------------------- at an endpoint


class EndpointParser:
    """Sends jobs to an endpoint. endpoint: its id, or its URL."""

    def __init__(self, endpoint: str, api_key: str | None = None) -> None:
        from ocr_worker import client  # the extra [batch], which the other parsers do not need

        self._client = client.AsyncClient(endpoint, api_key)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def parse(
        self, source: Source, *, pages: str | None, password: str | None, options: Mapping[str, Any], progress: Progress
    ) -> ParseResponse:
        """See `Parser`. A job that is cancelled here is cancelled at the endpoint."""
        from ocr_worker.client.service import ENDED_STATES, response_of

        fields = {name: value for name, value in (("pages", pages), ("password", password)) if value is not None}
        job_id = await self._client.submit(source, options=options, **fields)  # type: ignore[arg-type]
        try:
            while True:
                status = await self._client.status(job_id)
                if status.pages_expected:
                    await progress(status.pages_done, status.pages_expected)
                if status.state in ENDED_STATES:
                    return response_of(status)
                await asyncio.sleep(_PAUSE_S)
        except asyncio.CancelledError:
            await asyncio.shield(self._client.cancel(job_id))
            raise


# --------------------------------------------------------------------------- choice


@asynccontextmanager
async def local_parser(settings: Settings) -> AsyncIterator[Parser]:
    """Run a LocalParser in the block."""
    parser = LocalParser(settings)
    try:
        yield parser
    finally:
        await asyncio.to_thread(parser.close)


@asynccontextmanager
async def remote_parser(parser: HttpParser | EndpointParser) -> AsyncIterator[Parser]:
    """Close the parser after the block."""
    try:
        yield parser
    finally:
        await parser.aclose()


def choose_parser(
    settings: Settings, *, server: str | None, endpoint: str | None, api_key: str | None
) -> AbstractAsyncContextManager[Parser]:
    """Return the parser of the arguments of `ocr-worker mcp`. Raises SettingsInvalid: `server` is not a URL."""
    if server is not None:
        if not server.startswith(("http://", "https://")):
            raise SettingsInvalid(f"--server {server} is not a URL; write it like http://127.0.0.1:8000")
        return remote_parser(HttpParser(server, api_key))
    if endpoint is not None:
        return remote_parser(EndpointParser(endpoint, api_key))
    return local_parser(settings)
