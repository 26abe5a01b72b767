"""The client programs in `examples/`, each as a process, against a local endpoint with a real worker that streams."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr_worker import LocalEndpoint
from support import doubles
from support.doubles import READING
from support.drawing import WHITE, png, request, tiff
from support.endpoint_client import closed
from support.waiting import PATIENCE_S, eventually
from support.worker_process import HANDLER, LIGHT_START, ROOT, environment, python_path

pytestmark = pytest.mark.process

WHITE_TEXT = f"{READING} #ffffff"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path. Pages of the color HELD are not parsed before a file exists there."""
    return tmp_path_factory.mktemp("gate") / "gate"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, gate: Path) -> Iterator[LocalEndpoint]:
    settings = {
        **LIGHT_START,
        "PYTHONPATH": python_path(),
        "OCR_ENGINE": "support.doubles:by_colour",
        "OCR_STREAM": "true",
        "DOUBLE_BATCH": "1",
        "DOUBLE_GATE": str(gate),
    }
    logs = tmp_path_factory.mktemp("workers")
    with LocalEndpoint(handler=HANDLER, settings=settings, log_dir=logs) as endpoint:
        yield endpoint.wait_ready(PATIENCE_S)


@pytest.fixture
def closed_gate(gate: Path, endpoint: LocalEndpoint) -> Iterator[Path]:
    """The gate, closed until the test opens it. After the test it is open, and no page waits for it any more."""
    with closed(gate, endpoint):
        yield gate


def start_example(name: str, *arguments: str | Path, **settings: str) -> subprocess.Popen[str]:
    """Start a program of `examples/`."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)],
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_reader(endpoint: LocalEndpoint, folder: Path, job_input: dict[str, Any]) -> subprocess.Popen[str]:
    """Start the stream reader on a job."""
    body = folder / "body.json"
    body.write_text(json.dumps({"input": job_input}))
    return start_example("stream_reader.py", body, ENDPOINT_URL=endpoint.url)


@pytest.mark.parametrize("flags", [[], ["--async"]])
def test_the_client_prints_the_markdown(endpoint: LocalEndpoint, tmp_path: Path, flags: list[str]) -> None:
    """`client.py` prints the pages of a file, names a page that failed, and exits with 1 for it."""
    file = tmp_path / "report.tif"
    file.write_bytes(tiff([WHITE, doubles.RAISES]))
    program = start_example("client.py", endpoint.url, file, *flags)
    output, errors = program.communicate(timeout=PATIENCE_S)
    assert output.splitlines() == [WHITE_TEXT, ""]
    assert errors.startswith("page 2: PAGE_FAILED: ")
    assert program.returncode == 1


def test_the_client_finds_its_endpoint_by_id(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """`client.py` takes an endpoint's id, below RUNPOD_ENDPOINT_BASE_URL, and exits with 0."""
    file = tmp_path / "scan.png"
    file.write_bytes(png(WHITE))
    program = start_example("client.py", "my-endpoint", file, RUNPOD_ENDPOINT_BASE_URL=endpoint.base_url)
    assert program.communicate(timeout=PATIENCE_S) == (f"{WHITE_TEXT}\n", "")
    assert program.returncode == 0


def test_the_client_prints_an_error(endpoint: LocalEndpoint) -> None:
    """`client.py` prints the code and message of an error, and exits with 1."""
    program = start_example("client.py", endpoint.url, "no-such-file.pdf")
    output, errors = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, output) == (1, "")
    assert errors == "SOURCE_REJECTED: no-such-file.pdf cannot be read: No such file or directory\n"


@pytest.mark.usefixtures("closed_gate")
@pytest.mark.parametrize("flags", [[], ["--async"]])
def test_an_interrupted_client_cancels_its_job(endpoint: LocalEndpoint, tmp_path: Path, flags: list[str]) -> None:
    """Ctrl-C ends `client.py` and cancels the job that it waits for, so that nobody pays for it."""
    file = tmp_path / "scan.png"
    file.write_bytes(png(doubles.HELD))
    earlier_jobs = set(endpoint.jobs)
    program = start_example("client.py", endpoint.url, file, *flags)
    assert eventually(lambda: any(endpoint.jobs[job].taken_at for job in set(endpoint.jobs) - earlier_jobs))
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=PATIENCE_S)
    (job,) = set(endpoint.jobs) - earlier_jobs
    assert endpoint.jobs[job].status == "CANCELLED"


def test_the_stream_reader_prints_pages_as_they_come(
    endpoint: LocalEndpoint, closed_gate: Path, tmp_path: Path
) -> None:
    """`stream_reader.py` prints the first page while the job runs, joins a page of 5 MB, and ends with the coverage."""
    reader = start_reader(endpoint, tmp_path, request(tiff([WHITE, doubles.HUGE, doubles.HELD, WHITE, WHITE])))
    assert reader.stdout is not None
    first_lines = [reader.stdout.readline() for _ in range(2)]
    job = list(endpoint.jobs.values())[-1]
    assert not job.is_ended
    closed_gate.touch()
    output, errors = reader.communicate(timeout=PATIENCE_S)
    assert first_lines == ["--- document-1, page 1: succeeded\n", f"{WHITE_TEXT}\n"]
    assert f"--- document-1, page 2: succeeded\n{doubles.HUGE_TEXT}\n--- document-1, page 3" in output
    assert json.loads(output.splitlines()[-1].removeprefix("--- "))["pages_parsed"] == 5
    assert (reader.returncode, errors) == (0, "")


def test_the_stream_reader_prints_an_error(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """A job that fails ends `stream_reader.py` with the job's error."""
    reader = start_reader(endpoint, tmp_path, {"documents": []})
    _, errors = reader.communicate(timeout=PATIENCE_S)
    assert reader.returncode == 1
    assert errors.startswith("INVALID_REQUEST: ")
