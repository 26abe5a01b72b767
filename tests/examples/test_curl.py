"""`examples/curl.sh` against the HTTP app and the local endpoint, with the embedded engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_worker.endpoint import LocalEndpoint
from support.app_process import App, serving
from support.endpoint_client import ready
from support.examples import EXAMPLES
from support.waiting import PATIENCE_S
from support.worker_process import HANDLER, LIGHT_START, environment

pytestmark = pytest.mark.process

KEY = "secret"
EMBEDDED = {**LIGHT_START, "OCR_ENGINE": "embedded"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    log = tmp_path_factory.mktemp("app") / "log"
    with serving(log, **EMBEDDED, OCR_API_KEYS=json.dumps([KEY])) as started:
        yield started.wait(200)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    """An endpoint whose worker returns whole results."""
    with LocalEndpoint(handler=HANDLER, settings=EMBEDDED, log_dir=tmp_path_factory.mktemp("workers")) as endpoint:
        yield ready(endpoint)


@pytest.fixture(scope="module")
def streaming_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    """An endpoint whose worker streams its results."""
    settings = {**EMBEDDED, "OCR_STREAM": "true"}
    with LocalEndpoint(handler=HANDLER, settings=settings, log_dir=tmp_path_factory.mktemp("workers")) as endpoint:
        yield ready(endpoint)


def curl(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    return subprocess.run(
        [str(EXAMPLES / "curl.sh"), *arguments],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )


def test_the_app_returns_markdown(app: App) -> None:
    """`parse` prints the Markdown of the sample's three pages."""
    completed = curl("parse", APP_URL=app.url, OCR_API_KEY=KEY)
    assert completed.returncode == 0, completed.stderr
    for heading in ("# Low Water at Four Gauges", "# Where the water went", "# The ferry"):
        assert heading in completed.stdout


def test_the_app_sends_pages_as_lines(app: App) -> None:
    """`pages` prints a JSON object per page, and then the summary."""
    completed = curl("pages", APP_URL=app.url, OCR_API_KEY=KEY)
    assert completed.returncode == 0, completed.stderr
    *pages, summary = map(json.loads, completed.stdout.splitlines())
    assert [line["page"]["page"]["page"] for line in pages] == [1, 2, 3]
    assert summary["summary"]["coverage"]["pages_parsed"] == 3


def test_an_error_of_the_app_is_shown(app: App) -> None:
    """A wrong key ends the script with curl's exit code, and with the app's explanation."""
    completed = curl("parse", APP_URL=app.url, OCR_API_KEY="wrong")
    assert completed.returncode == 22
    assert json.loads(completed.stdout)["code"] == "UNAUTHORIZED"


def test_a_job_is_submitted_and_polled(endpoint: LocalEndpoint) -> None:
    """`run` prints the status of the completed job, with its output."""
    completed = curl("run", ENDPOINT_URL=endpoint.url)
    assert completed.returncode == 0, completed.stderr
    status = json.loads(completed.stdout)
    assert status["status"] == "COMPLETED"
    assert "Low Water at Four Gauges" in completed.stdout


def test_a_stream_is_read_to_its_end(streaming_endpoint: LocalEndpoint) -> None:
    """`stream` prints each chunk once, the summary last."""
    completed = curl("stream", ENDPOINT_URL=streaming_endpoint.url)
    assert completed.returncode == 0, completed.stderr
    chunks = [piece["output"] for line in completed.stdout.splitlines() for piece in json.loads(line)["stream"]]
    assert [chunk["chunk"] for chunk in chunks] == [1, 2, 3, 4]
    assert "summary" in chunks[-1]


def test_the_stream_of_an_endpoint_that_does_not_stream_ends(endpoint: LocalEndpoint) -> None:
    """`stream` prints nothing there, and ends when the job does."""
    completed = curl("stream", ENDPOINT_URL=endpoint.url)
    assert (completed.returncode, completed.stdout) == (0, "")


def test_a_failed_job_fails_the_script(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """`run` with a file that is no document prints the job's error and exits with 1."""
    file = tmp_path / "text.pdf"
    file.write_text("no document")
    completed = curl("run", str(file), ENDPOINT_URL=endpoint.url)
    assert completed.returncode == 1
    assert "DOCUMENT_UNSUPPORTED_TYPE" in json.loads(completed.stdout)["error"]


def test_without_arguments_it_explains_itself() -> None:
    """The script prints its own comment and exits with 2."""
    completed = curl()
    assert completed.returncode == 2
    assert completed.stdout.startswith("One document through the HTTP app")
    assert "curl.sh stream [FILE]" in completed.stdout
