"""Fixtures: real workers in real processes, each with its own control plane, rasterizer processes, and Chromium."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ocr_worker.sources.rasterizer import RasterPool
from support.control_plane import ControlPlane
from support.waiting import PATIENCE_S
from support.worker_process import HANDLER, StartWorker, Worker, start_worker

# A property holds or does not, whatever else the machine does meanwhile.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# A shell starts what it runs in the background with SIGINT ignored, which all child processes would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")  # while it lives, this thread has a running event loop
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[RasterPool]:
    """One rasterizer process, with usual limits."""
    pool = RasterPool(workers=1, memory_bytes=1_000_000_000, page_timeout_s=PATIENCE_S)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def worker_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Start workers with `worker_of(handler, answer_limit=..., hold_s=..., OCR_ENGINE=...)`; kill them at the end."""
    with ExitStack() as stack:

        def start(
            handler: Path = HANDLER, answer_limit: int = 10_000_000, hold_s: float = 1.0, **settings: str
        ) -> Worker:
            plane = stack.enter_context(ControlPlane(hold_s=hold_s, answer_limit=answer_limit))
            log_file = tmp_path_factory.mktemp("worker") / "worker.log"
            worker = start_worker(plane, log_file, handler, **settings)
            stack.callback(worker.kill)
            return worker

        yield start
