"""Words on progress, from a real worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocr_worker.runpod_worker.progress import Progress
from ocr_worker.wire.schema import PageResult
from support import doubles
from support.drawing import png, request, tiff
from support.worker_process import StartWorker, dry_run


@pytest.mark.process
def test_a_long_job_tells_how_far_it_is(worker_of: StartWorker) -> None:
    """Every few seconds a job says how many of its pages are done; the words stop before the end, and a short job says
    nothing; none comes after the answer."""
    worker = worker_of(OCR_ENGINE="support.doubles:by_colour", DOUBLE_SECONDS="1").wait_ready()
    plane = worker.plane
    short = plane.submit(request(png(doubles.SLOW)))
    plane.wait(short)
    long = plane.submit(request(tiff([doubles.SLOW] * 14)))
    result = plane.wait(long)
    words = [update["output"] for update in plane.jobs[long].progress]
    assert [(word["stage"], word["pages_expected"]) for word in words] == [("parsing", 14)] * len(words)
    done = [word["pages_done"] for word in words]
    assert 1 <= len(done) <= 2
    assert done == sorted(done)
    assert done[-1] < 11
    assert result.error is None
    assert not plane.jobs[short].progress
    plane.assert_each_answered_once()


@pytest.mark.process
def test_a_dry_run_has_nobody_to_tell(tmp_path: Path) -> None:
    """A job that takes long in a dry run says nothing to an address that is not there."""
    job_input = json.dumps({"input": request(png(doubles.SLOW))})
    done = dry_run(["--test_input", job_input], tmp_path, OCR_ENGINE="support.doubles:by_colour", DOUBLE_SECONDS="6")
    assert done.returncode == 0, done.stderr
    assert "Failed to return" not in done.stdout + done.stderr


def test_the_word_before_the_end_is_not_said() -> None:
    """No page yet: opening. Half of them: parsing. When the rest takes less than a pause, nothing."""
    progress = Progress({"id": "a"})
    assert progress.message(6) == {"stage": "opening", "pages_done": 0}
    page = PageResult(page=1, status="succeeded")
    for _ in range(5):
        progress.on_page("a", 10, page)
    assert progress.message(10) == {"stage": "parsing", "pages_done": 5, "pages_expected": 10}
    assert progress.message(4) is None
    for _ in range(5):
        progress.on_page("a", 10, page)
    assert progress.message(100) is None
