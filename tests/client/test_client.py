"""`Client` and `AsyncClient` through a local endpoint with real workers: documents, results, errors, time limits."""

from __future__ import annotations

import asyncio
import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ocr_worker.client import AsyncClient, Client, RemoteEndpoint, ServiceHealth, State
from ocr_worker.endpoint import LocalEndpoint
from ocr_worker.errors import (
    AuthenticationFailed,
    Cancelled,
    InvalidRequest,
    JobExpired,
    JobTimedOut,
    PageFailed,
    SettingsInvalid,
    SourceRejected,
    SourceTooLarge,
    SourceUnavailable,
)
from ocr_worker.wire.schema import PageChunk, ParseResponse, SummaryChunk
from support import doubles
from support.doubles import READING
from support.drawing import WHITE, hexadecimal, png, tiff
from support.endpoint_client import closed
from support.faulty_endpoint import QUEUED, Answer, Server, play
from support.s3_server import S3Server
from support.waiting import PATIENCE_S, eventually
from support.worker_process import HANDLER, LIGHT_START, python_path

pytestmark = pytest.mark.process

RED, GREEN = (240, 16, 16), (16, 240, 16)
INLINE_LIMIT_MB = "0.1"
SETTINGS = {
    **LIGHT_START,
    "PYTHONPATH": python_path(),
    "OCR_ENGINE": "support.doubles:by_colour",
    "DOUBLE_BATCH": "1",
    "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true",
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path. Pages of the color HELD are not parsed before a file exists there."""
    return tmp_path_factory.mktemp("gate") / "gate"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, gate: Path, s3: S3Server) -> Iterator[LocalEndpoint]:
    """A worker with a small inline limit and a bucket."""
    settings = {**SETTINGS, **s3.settings(), "OCR_INLINE_LIMIT_MB": INLINE_LIMIT_MB, "DOUBLE_GATE": str(gate)}
    logs = tmp_path_factory.mktemp("workers")
    with LocalEndpoint(handler=HANDLER, settings=settings, log_dir=logs) as endpoint:
        yield endpoint.wait_ready(PATIENCE_S)


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory, gate: Path) -> Iterator[LocalEndpoint]:
    """A worker that streams."""
    settings = {**SETTINGS, "OCR_STREAM": "true", "DOUBLE_GATE": str(gate)}
    logs = tmp_path_factory.mktemp("workers")
    with LocalEndpoint(handler=HANDLER, settings=settings, log_dir=logs) as endpoint:
        yield endpoint.wait_ready(PATIENCE_S)


@pytest.fixture
def client(endpoint: LocalEndpoint) -> Iterator[Client]:
    with Client(endpoint.url) as client:
        yield client


@pytest.fixture
def stream_client(streaming: LocalEndpoint) -> Iterator[Client]:
    with Client(streaming.url) as client:
        yield client


@pytest.fixture
def closed_gate(gate: Path, endpoint: LocalEndpoint) -> Iterator[Path]:
    """The gate, closed until the test opens it. After the test it is open, and no page waits for it any more."""
    with closed(gate, endpoint):
        yield gate


@pytest.fixture
def file_server(tmp_path: Path) -> Iterator[str]:
    """A server of the files in `tmp_path`. Yields its URL."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def texts(response: ParseResponse) -> list[str | None]:
    """Return the Markdown of all pages."""
    return [page.markdown for document in response.documents for page in document.pages]


def expected_text(color: tuple[int, int, int]) -> str:
    return f"{READING} {hexadecimal(color)}"


# --------------------------------------------------------------------------- documents


def test_documents_of_every_kind(client: Client, file_server: str, tmp_path: Path) -> None:
    """A path, a path as text, bytes, a data URI and a URL are documents of one job, in their order."""
    (tmp_path / "red.png").write_bytes(png(RED))
    data_uri = "data:image/png;base64," + base64.b64encode(png(GREEN)).decode()
    sources = [tmp_path / "red.png", str(tmp_path / "red.png"), png(WHITE), data_uri, f"{file_server}/red.png"]
    response = client.parse(sources)
    assert texts(response) == [expected_text(color) for color in (RED, RED, WHITE, GREEN, RED)]
    assert response.engine.name == "double"


def test_arguments_reach_the_worker(client: Client) -> None:
    """Pages and options are the request's; a job under the idempotency key of an earlier one reads its checkpoints."""
    document = tiff([WHITE, RED, GREEN])
    first = client.parse(document, pages="2-", options={"formats": ["markdown"]}, idempotency_key="client-test")
    assert [page.page for page in first.documents[0].pages] == [2, 3]
    assert first.documents[0].pages[0].blocks is None
    again = client.parse(document, pages="2-", options={"formats": ["markdown"]}, idempotency_key="client-test")
    assert [page.from_checkpoint for page in again.documents[0].pages] == [True, True]


def test_a_file_that_is_too_large_is_not_sent(client: Client, endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """Files that do not fit into a job are an error that names the file and the remedies, and no job is sent."""
    large = tmp_path / "large.pdf"
    large.write_bytes(bytes(8_000_000))
    jobs = set(endpoint.jobs)
    for source, name in (([png(RED), large], str(large)), (bytes(8_000_000), "a file of 8,000,000 bytes")):
        with pytest.raises(SourceTooLarge, match="pass a URL") as caught:
            client.parse(source)
        assert str(caught.value).startswith(f"{name} makes the job larger than 9,500,000 bytes")
    assert set(endpoint.jobs) == jobs


@pytest.mark.parametrize("source", ["no-such-file.pdf", "/", "A" * 5000, "null\0character"])
def test_a_file_that_cannot_be_read(client: Client, source: str) -> None:
    """A missing file, a folder, and text that is no path are errors, which do not repeat a long text."""
    with pytest.raises(SourceRejected, match="cannot be read") as caught:
        client.submit(source)
    assert len(str(caught.value)) < 300


# --------------------------------------------------------------------------- results


def test_a_response_in_the_bucket_is_fetched(client: Client) -> None:
    """A response that is too large inline comes complete from its bucket."""
    response = client.parse(tiff([WHITE, doubles.LARGE_BLOCKS]))
    blocks = response.documents[0].pages[1].blocks
    assert blocks is not None
    assert len(blocks[-1].content) == doubles.LARGE
    assert response.degraded == []
    assert response.delivery is None


def test_a_page_that_fails_is_in_the_response(client: Client) -> None:
    """A job of which some pages were parsed returns; each failed page has its error."""
    response = client.parse(tiff([WHITE, doubles.RAISES]))
    assert response.status == "partial"
    error = response.documents[0].pages[1].error
    assert error is not None
    assert error.code == "PAGE_FAILED"


def test_a_job_that_fails_raises_its_error(client: Client) -> None:
    """The error of the worker is raised as its class, with its code and whether to retry."""
    with pytest.raises(PageFailed, match="nothing was parsed") as failed:
        client.parse(png(doubles.RAISES))
    assert (failed.value.code, failed.value.retryable) == ("PAGE_FAILED", False)
    with pytest.raises(InvalidRequest, match=r"options\.dip"):
        client.parse(png(WHITE), options={"dip": 200})
    with pytest.raises(SourceUnavailable) as unavailable:
        client.parse("http://127.0.0.1:9/report.pdf")
    assert unavailable.value.retryable


def test_submit_then_wait(client: Client) -> None:
    """A job is sent by one call, and its state and response read by others, any number of times."""
    job = client.submit([png(RED)], execution_timeout_s=60, ttl_s=600)
    assert texts(client.wait(job)) == texts(client.wait(job)) == [expected_text(RED)]
    status = client.status(job)
    assert status.state is State.COLLECTED
    assert status.times.execution_s > 0


def test_a_job_that_the_endpoint_does_not_know(client: Client) -> None:
    """An unknown job is JobExpired for `wait` and `stream`; canceling it is no error."""
    with pytest.raises(JobExpired):
        client.wait("unknown")
    with pytest.raises(JobExpired):
        list(client.stream("unknown"))
    client.cancel("unknown")


# --------------------------------------------------------------------------- time


@pytest.mark.usefixtures("closed_gate")
def test_a_job_that_takes_too_long_is_cancelled(client: Client, endpoint: LocalEndpoint) -> None:
    """`parse` cancels a job for which it no longer waits; `wait` and `stream` do not."""
    job = client.submit(png(doubles.HELD))
    for reader in (client.wait, lambda job, timeout_s: list(client.stream(job, timeout_s=timeout_s))):
        with pytest.raises(JobTimedOut, match=job):
            reader(job, timeout_s=0.1)
    assert client.status(job).state in (State.QUEUED, State.RUNNING)
    jobs = set(endpoint.jobs)
    with pytest.raises(JobTimedOut):
        client.parse(png(doubles.HELD), timeout_s=0.1)
    (timed_out,) = set(endpoint.jobs) - jobs
    assert client.status(timed_out).state is State.CANCELLED
    client.cancel(job)
    with pytest.raises(Cancelled):
        client.wait(job)


@pytest.mark.usefixtures("closed_gate")
def test_a_cancelled_task_cancels_its_job(endpoint: LocalEndpoint) -> None:
    """Canceling the task that awaits `parse` cancels the job at the endpoint."""
    jobs = set(endpoint.jobs)

    async def cancel_parse() -> None:
        async with AsyncClient(endpoint.url) as client:
            call = asyncio.create_task(client.parse(png(doubles.HELD)))
            while not set(endpoint.jobs) - jobs or (await client.health()).in_queue:
                await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            (job,) = set(endpoint.jobs) - jobs
            assert (await client.status(job)).state is State.CANCELLED

    asyncio.run(asyncio.wait_for(cancel_parse(), PATIENCE_S))


def test_a_call_that_is_cancelled_while_it_submits_cancels_its_job() -> None:
    """A call of `parse` that is cancelled before it knows the job's id waits for the id and cancels the job."""
    script = {"run": [Answer(body={"id": "job-1"}, after_s=0.5)], "status": [QUEUED], "cancel": [Answer()]}

    async def cancel_early(server: Server, service: RemoteEndpoint) -> None:
        async with AsyncClient(f"{server.url}/local", "key") as client:
            call = asyncio.create_task(client.parse("https://example.com/a.pdf"))
            while not server.count_requests("run"):
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    server = play(cancel_early, script)
    assert [request.path for request in server.requests if "cancel" in request.path] == ["/v2/local/cancel/job-1"]


# --------------------------------------------------------------------------- streams


def test_pages_come_while_the_job_runs(stream_client: Client, closed_gate: Path) -> None:
    """The first page is there before the second is parsed; a page of 5 MB is joined; the summary is the last."""
    job = stream_client.submit(tiff([WHITE, doubles.HELD, doubles.HUGE]))
    chunks = stream_client.stream(job)
    first = next(chunks)
    assert isinstance(first, PageChunk)
    assert (first.document, first.page.page, first.page.markdown) == ("document-1", 1, expected_text(WHITE))
    assert stream_client.status(job).state is State.RUNNING
    closed_gate.touch()
    _, huge, summary = chunks
    assert isinstance(huge, PageChunk)
    assert huge.page.markdown == doubles.HUGE_TEXT
    assert isinstance(summary, SummaryChunk)
    assert summary.summary.coverage.pages_parsed == 3


def test_pages_that_were_lost_on_the_way_come_at_the_end(stream_client: Client, streaming: LocalEndpoint) -> None:
    """Chunks that another reader took are read from the job's result: each page once, then the summary."""
    job = stream_client.submit([tiff([RED, GREEN]), png(WHITE)])
    assert eventually(lambda: stream_client.status(job).state is State.COLLECTED)
    assert requests.get(f"{streaming.url}/stream/{job}", timeout=PATIENCE_S).json()["stream"]
    *pages, summary = stream_client.stream(job)
    names = [(page.document, page.page.page) for page in pages if isinstance(page, PageChunk)]
    assert names == [("document-1", 1), ("document-1", 2), ("document-2", 1)]
    assert isinstance(summary, SummaryChunk)
    assert [chunk.chunk for chunk in [*pages, summary]] == [1, 2, 3, 4]


def test_a_worker_that_does_not_stream(client: Client) -> None:
    """Without OCR_STREAM the pages come when the job has ended."""
    *pages, summary = client.stream(client.submit(tiff([RED, GREEN])))
    assert [page.page.markdown for page in pages if isinstance(page, PageChunk)] == [
        expected_text(RED),
        expected_text(GREEN),
    ]
    assert isinstance(summary, SummaryChunk)
    assert summary.summary.documents[0].pages == []


def test_a_streaming_worker_gives_a_complete_response(stream_client: Client) -> None:
    """`parse` returns the pages of a streaming worker, too; a failed job raises from `parse` and from `stream`."""
    assert texts(stream_client.parse(tiff([RED, GREEN]))) == [expected_text(RED), expected_text(GREEN)]
    with pytest.raises(PageFailed):
        stream_client.parse(png(doubles.RAISES))
    with pytest.raises(PageFailed):
        list(stream_client.stream(stream_client.submit(png(doubles.RAISES))))


def test_a_reader_may_stop_early(stream_client: Client) -> None:
    """A stream that is closed after its first page leaves the job and the client as they are."""
    job = stream_client.submit(tiff([RED, GREEN]))
    chunks = stream_client.stream(job)
    next(chunks)
    chunks.close()
    assert texts(stream_client.wait(job)) == [expected_text(RED), expected_text(GREEN)]


# --------------------------------------------------------------------------- asyncio and threads


def test_the_same_methods_for_asyncio(streaming: LocalEndpoint) -> None:
    """`AsyncClient` parses many documents at once, and streams."""

    async def parse_all() -> None:
        async with AsyncClient(streaming.url) as client:
            responses = await asyncio.gather(*(client.parse(png(color)) for color in (RED, GREEN, WHITE)))
            assert [texts(response) for response in responses] == [
                [expected_text(color)] for color in (RED, GREEN, WHITE)
            ]
            chunks = [chunk async for chunk in client.stream(await client.submit(png(RED)))]
            assert len(chunks) == 2
            assert (await client.health()).workers == 1

    asyncio.run(asyncio.wait_for(parse_all(), PATIENCE_S))


def test_a_client_in_a_thread_with_an_event_loop(client: Client) -> None:
    """`Client` works where a loop is running already, as in a notebook."""

    async def parse() -> list[str | None]:
        return texts(client.parse(png(RED)))

    assert asyncio.run(parse()) == [expected_text(RED)]


def test_a_closed_client(endpoint: LocalEndpoint) -> None:
    """A closed client can be closed again; its calls raise RuntimeError."""
    client = Client(endpoint.url)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.parse(png(RED))


@pytest.mark.usefixtures("closed_gate")
def test_closing_ends_the_calls_of_other_threads(endpoint: LocalEndpoint) -> None:
    """A call that waits in another thread ends when the client is closed, and its job is cancelled."""
    client, jobs = Client(endpoint.url), set(endpoint.jobs)
    errors: list[BaseException] = []

    def parse() -> None:
        try:
            client.parse(png(doubles.HELD))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=parse)
    thread.start()
    assert eventually(lambda: any(endpoint.jobs[job].taken_at for job in set(endpoint.jobs) - jobs))
    client.close()
    thread.join(PATIENCE_S)
    assert len(errors) == 1
    (job,) = set(endpoint.jobs) - jobs
    with Client(endpoint.url) as other:
        assert other.status(job).state is State.CANCELLED


# --------------------------------------------------------------------------- endpoints and keys


def test_where_the_key_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the environment is sent to endpoints below RUNPOD_ENDPOINT_BASE_URL, and to no other server."""
    with LocalEndpoint(0, api_key="secret") as endpoint:
        monkeypatch.setenv("RUNPOD_API_KEY", "secret")
        with Client(endpoint.url) as client, pytest.raises(AuthenticationFailed):
            client.health()
        with Client(endpoint.url, "secret") as client:
            assert client.health() == ServiceHealth(workers=0, in_queue=0)
        with Client(endpoint.url, "wrong") as client, pytest.raises(AuthenticationFailed):
            client.submit("https://example.com/a.pdf")
        monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", endpoint.base_url)
        for name in ("my-endpoint", endpoint.url, f"{endpoint.url}/"):
            with Client(name) as client:
                client.submit("https://example.com/a.pdf")
                assert client.health().in_queue > 0


@pytest.mark.parametrize("url", ["https://api.example.com", "ftp://api.example.com/v2/id", "v2/id"])
def test_a_url_that_is_no_endpoint(url: str) -> None:
    """A URL without an endpoint's name, or of another scheme, is an error with an example."""
    with pytest.raises(SettingsInvalid, match="ENDPOINT_ID"):
        AsyncClient(url)
