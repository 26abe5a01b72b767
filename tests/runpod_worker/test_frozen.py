"""A worker that is frozen and continues on another day: stopped, its connections cut, its clock moved.

The platform may freeze a worker with all its processes. FROZEN_S says for how long it is stopped here; by hand, a
minute (`FROZEN_S=60`). The clock is moved as Python sees it, by a `sitecustomize` on the worker's path.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from support.control_plane import ControlPlane
from support.cut_proxy import CutProxy
from support.doubles import SLOW
from support.drawing import WHITE, png, request, tiff
from support.processes import descendants
from support.worker_process import python_path, start_worker

pytestmark = pytest.mark.process

FROZEN_S = float(os.environ.get("FROZEN_S", "4"))
DAYS = 3
CLOCK = """
import os, time
_real, _offset = time.time, os.environ["CLOCK_OFFSET_FILE"]
def moved():
    with open(_offset) as file:
        return _real() + float(file.read() or 0)
time.time = moved
"""


def port_of(plane: ControlPlane) -> int:
    return int(urlsplit(plane.url).port or 0)


def signal_all(process: psutil.Process, number: signal.Signals) -> None:
    """Send the signal to the process and all its descendants, parents first."""
    for member in (process, *descendants(process)):
        member.send_signal(number)


def test_a_frozen_worker_continues(tmp_path: Path) -> None:
    """A worker that was stopped twice as long as a page may take parses the page in hand and the next job."""
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    offset = tmp_path / "offset"
    offset.write_text("0")
    with ControlPlane() as plane, CutProxy(port_of(plane)) as proxy:
        variables = {
            name: value.replace(f":{port_of(plane)}", f":{proxy.port}")
            for name, value in plane.environment("worker-1").items()
        }
        settings = {
            "OCR_ENGINE": "support.doubles:by_colour",
            "OCR_ENGINE_TIMEOUT_S": f"{FROZEN_S / 2:g}",
            "PYTHONPATH": f"{tmp_path}:{python_path()}",
            "CLOCK_OFFSET_FILE": str(offset),
        }
        worker = start_worker(plane, tmp_path / "log", **variables, **settings)
        try:
            worker.wait_ready()
            job = plane.submit(request(tiff([SLOW] * 4)))
            assert worker.started(job)
            process = psutil.Process(worker.process.pid)
            signal_all(process, signal.SIGSTOP)
            assert proxy.cut() > 0
            offset.write_text(str(DAYS * 86400))
            time.sleep(FROZEN_S)
            signal_all(process, signal.SIGCONT)
            assert plane.wait(job).output["coverage"]["pages_parsed"] == 4, worker.log()
            assert worker.answer(request(png(WHITE))).output["status"] == "succeeded", worker.log()
            assert worker.logged("stood still")
            plane.assert_each_answered_once()
        finally:
            worker.kill()
