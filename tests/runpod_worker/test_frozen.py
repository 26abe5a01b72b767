"""A worker that is frozen and continues on another day: stopped, its connections cut, its clocks moved.

The platform may freeze a worker with all its processes, and the clocks run on meanwhile. Here they are moved as Python
sees them, by a `sitecustomize` on the path of the worker and its processes. FROZEN_S says for how long they are really
stopped; by hand, a minute (`FROZEN_S=60`).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import psutil
import pytest
from botocore.config import Config

from support.control_plane import ControlPlane
from support.cut_proxy import CutProxy
from support.doubles import HELD, is_held
from support.drawing import WHITE, png, request, tiff
from support.processes import command_line, descendants
from support.s3_server import BUCKET, FaultyProxy, S3Server
from support.waiting import eventually
from support.worker_process import Worker, python_path, start_worker

pytestmark = pytest.mark.process

FROZEN_S = float(os.environ.get("FROZEN_S", "1.5"))
DAYS = 3
CLOCKS = """
import datetime, os, time
real, monotonic, moved_file = time.time, time.monotonic, os.environ["CLOCK_OFFSET_FILE"]
def offset():
    with open(moved_file) as file:
        return float(file.read() or 0)
class Moved(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
    @classmethod
    def utcnow(cls):
        return cls.now(datetime.timezone.utc).replace(tzinfo=None)
time.time = lambda: real() + offset()
time.monotonic = lambda: monotonic() + offset()
datetime.datetime = Moved
"""


def port_of(plane: ControlPlane) -> int:
    return int(urlsplit(plane.url).port or 0)


def signal_all(process: psutil.Process, number: signal.Signals) -> None:
    """Send the signal to the process and all its descendants, parents first."""
    for member in (process, *descendants(process)):
        member.send_signal(number)


class Clocks:
    """The clocks of a worker, which the test moves. variables: of the worker's environment."""

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(CLOCKS)
        self._offset = folder / "offset"
        self.days = 0
        self.move(0)
        self.variables = {"PYTHONPATH": f"{folder}:{python_path()}", "CLOCK_OFFSET_FILE": str(self._offset)}

    def move(self, days: int) -> None:
        """Move the clocks forward. In one step, since the worker's processes read the file all the time."""
        self.days += days
        following = self._offset.with_suffix(".next")
        following.write_text(str(self.days * 86_400))
        following.replace(self._offset)

    def date(self) -> str:
        """Return the worker's date as it is in a signature."""
        return (datetime.now(UTC) + timedelta(days=self.days)).strftime("%Y%m%d")


@dataclass
class Stage:
    """A worker, with proxies to the platform and to the bucket."""

    worker: Worker
    polls: CutProxy
    s3: S3Server
    bucket: FaultyProxy
    clocks: Clocks
    gate: Path  # of a page that the engine holds

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the worker and its processes, and let them continue three days later, by their clocks."""
        process = psutil.Process(self.worker.process.pid)
        signal_all(process, signal.SIGSTOP)
        yield
        self.clocks.move(DAYS)
        time.sleep(FROZEN_S)
        signal_all(process, signal.SIGCONT)

    def stop_rasterizers(self) -> None:
        """Stop the rasterizer processes, so that a document that comes now is opened after the pause."""
        for process in descendants(psutil.Process(self.worker.process.pid)):
            if "ocr_worker.sources.rasterizer.child" in command_line(process):
                process.suspend()

    def link(self) -> str:
        """Return a signed link to a page in the bucket, through the proxy."""
        self.s3.put("page.png", png(WHITE))
        keys = self.s3.settings()
        session = boto3.session.Session(
            keys["BUCKET_ACCESS_KEY_ID"], keys["BUCKET_SECRET_ACCESS_KEY"], region_name="us-east-1"
        )
        client = session.client("s3", endpoint_url=self.bucket.url, config=Config(signature_version="s3v4"))
        return str(client.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "page.png"}))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("frozen")
    clocks, gate = Clocks(folder), folder / "gate"
    with ControlPlane() as plane, CutProxy(port_of(plane)) as polls, S3Server() as s3, FaultyProxy(s3.url) as bucket:
        variables = {
            name: value.replace(f":{port_of(plane)}", f":{polls.port}")
            for name, value in plane.environment("worker-1").items()
        }
        settings = {
            "OCR_ENGINE": "support.doubles:by_colour",
            "OCR_ENGINE_PROCESSES": "true",
            "OCR_CONCURRENCY": "4",
            "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true",
            "DOUBLE_GATE": str(gate),
        }
        settings |= variables | s3.settings(bucket.url) | clocks.variables
        worker = start_worker(plane, folder / "log", **settings)
        try:
            yield Stage(worker.wait_ready(), polls, s3, bucket, clocks, gate)
        finally:
            worker.kill()


def test_a_worker_that_is_frozen_at_work_continues(stage: Stage) -> None:
    """A worker is stopped in the midst of a page, of opening a document, of a download and of an upload.

    Its clocks are three days later then, and its connections are lost. No deadline ends a job, and the upload and its
    link are signed after the pause.
    """
    worker, plane, bucket = stage.worker, stage.worker.plane, stage.bucket
    bucket.hang()
    upload = plane.submit(request(png(WHITE), delivery="bucket"))
    assert eventually(lambda: bucket.answered["hanging"] == 1), worker.log()
    download = plane.submit({"documents": [{"url": stage.link()}]})
    assert eventually(lambda: bucket.answered["hanging"] == 2), worker.log()
    page = plane.submit(request(tiff([HELD] * 4)))
    assert eventually(lambda: is_held(stage.gate)), worker.log()
    stage.stop_rasterizers()
    document = plane.submit(request(png(WHITE)))
    assert worker.started(document)
    with stage.frozen():
        assert stage.polls.cut() > 0
        bucket.go_away()
        bucket.come_back()
    stage.gate.touch()
    results = {
        name: plane.wait(job) for name, job in {"page": page, "document": document, "download": download}.items()
    }
    coverages = {name: result.output["coverage"]["pages_parsed"] for name, result in results.items()}
    assert coverages == {"page": 4, "document": 1, "download": 1}, worker.log()
    delivered = plane.wait(upload).output["delivery"]
    assert parse_qs(urlsplit(delivered["url"]).query)["X-Amz-Date"][0].startswith(stage.clocks.date())
    assert bucket.dates[-1].startswith(stage.clocks.date())
    assert worker.logged("stood still")
    plane.assert_each_answered_once()


def test_a_worker_that_is_frozen_while_it_is_idle_continues(stage: Stage) -> None:
    """The next job is answered, and what it stores is signed at that time."""
    with stage.frozen():
        stage.polls.cut()
    result = stage.worker.answer(request(png(WHITE), delivery="bucket"))
    assert result.output["status"] == "succeeded", stage.worker.log()
    assert stage.bucket.dates[-1].startswith(stage.clocks.date())
