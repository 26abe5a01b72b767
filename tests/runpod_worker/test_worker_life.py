"""A worker's life: how it starts, what it says in its log, how it ends."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from support import doubles
from support.doubles import READING
from support.drawing import WHITE, png, request, tiff
from support.processes import descendants, is_alive
from support.waiting import eventually
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker) -> Worker:
    return worker_of(OCR_ENGINE="support.doubles:by_colour", RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS="true").wait_ready()


# --------------------------------------------------------------------------- start and end


def test_the_start_is_reported_in_one_line(worker: Worker) -> None:
    """A line of the log has the seconds of each phase of the start and their sum."""
    (line,) = [line for line in worker.log().splitlines() if "event=ready" in line]
    seconds = {name: float(value) for name, value in re.findall(r"(\w+)=(\d+\.\d+)", line)}
    total = seconds.pop("total")
    assert seconds.keys() == {"sdk", "imports", "bucket", "pipeline", "engine", "warm_up"}
    assert abs(sum(seconds.values()) - total) < 0.1 * total + 0.1


def test_sigterm_lets_the_running_job_finish(worker_of: StartWorker) -> None:
    """After SIGTERM a worker finishes and reports the job it runs, then exits with 0 and leaves no process."""
    worker = worker_of(OCR_ENGINE="support.doubles:by_colour").wait_ready()
    job = worker.plane.submit(request(tiff([doubles.SLOW] * 6)))
    assert worker.started(job)
    rasterizers = descendants(psutil.Process(worker.process.pid))
    worker.terminate()
    assert worker.exit_code() == 0, worker.log()
    assert worker.plane.jobs[job].results[0].output["coverage"]["pages_parsed"] == 6
    worker.plane.assert_each_answered_once()
    assert worker.children() == []
    assert eventually(lambda: not any(map(is_alive, rasterizers)))


def test_an_engine_that_cannot_start_tells_the_platform(worker_of: StartWorker) -> None:
    """The reason reaches the platform through a failed fitness check; the process fails, without a traceback."""
    worker = worker_of(OCR_ENGINE="support.doubles:unstartable")
    assert worker.exit_code() != 0
    assert "WEIGHTS_MISSING" in (worker.plane.unhealthy() or "")
    assert "give it some" in worker.log()
    assert "Traceback" not in worker.log()
    assert worker.plane.polls == 0


# --------------------------------------------------------------------------- logs


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """An HTTP server on loopback: `/page.png` is a white page, everything else is missing."""

    class Origin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path.startswith("/page.png")
            body = png(WHITE) if is_page else b"no such page"
            self.send_response(200 if is_page else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_secrets_and_text_stay_out_of_logs_and_errors(worker: Worker, origin: str) -> None:
    """The query of a URL and the text of a page appear in no log line, and the query in no error."""
    secret = "s3cr3t-signature"
    good = worker.answer({"url": f"{origin}/page.png?token={secret}"})
    assert good.output["documents"][0]["markdown"] == f"{READING} #ffffff"
    missing = worker.answer({"url": f"{origin}/missing.png?token={secret}"})
    assert missing.error is not None
    assert missing.error.startswith("SOURCE_REJECTED: ")
    assert secret not in str(missing.raw)
    wrong = worker.answer({"documents": [{"url": f"{origin}/page.png?token={secret}", "page": 1}]})
    assert wrong.error is not None
    assert secret not in str(wrong.raw)
    log = worker.log()
    assert secret not in log
    assert READING not in log


def test_each_job_has_its_line_in_the_log(worker: Worker) -> None:
    """A job leaves exactly one line of the worker's own log for itself and one for its document, with its id."""
    job = worker.plane.submit(request(png(WHITE)))
    worker.plane.wait(job)
    lines = [line for line in worker.log().splitlines() if f"job={job} " in f"{line} "]
    assert [re.search(r"event=(\w+)", line)[1] for line in lines] == ["document", "job"]  # type: ignore[index]
