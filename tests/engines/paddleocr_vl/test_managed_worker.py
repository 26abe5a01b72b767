"""A whole worker that starts its own model server: what the server's deaths look like to callers, and what is left when
the worker itself is killed. With a double of vLLM; `make test-vllm` runs the same with a real one (VLLM_UNDER_TEST)."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from support import tinyvl, vllm_command
from support.drawing import request
from support.processes import is_alive
from support.waiting import PATIENCE_S, eventually
from support.worker_process import StartWorker, dry_run

pytestmark = [pytest.mark.paddle, pytest.mark.process]

REAL = os.environ.get("VLLM_UNDER_TEST")
WAIT_S = 2 * PATIENCE_S
PAGES = 24 if REAL else 80  # the double reads eight at once, in half a second
FEED = {"OCR_REPLICAS": "2", "OCR_PAGES_PER_CALL": "4"}
IN_HAND = 8  # pages at most: two replicas' calls of four
LINES = len(tinyvl.LINES) if REAL else 1  # of a page: it takes about a second with either

Environment = dict[str, str]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Settings of a worker with a managed server."""
    if not REAL:
        double = {"DOUBLE_VLLM": "slow", "DOUBLE_VLLM_SECONDS": "4", "DOUBLE_JOURNAL": str(tmp_path / "journal")}
        return vllm_command.environment(tmp_path, OCR_ENGINE_TIMEOUT_S="8", **double | FEED)
    return vllm_command.real_environment(Path(REAL), OCR_ENGINE_TIMEOUT_S="20", **FEED)


def weights(environment: Environment) -> str:
    """The directory that the server's processes name."""
    return environment["OCR_VL_WEIGHTS_DIR"]


def pages(count: int) -> dict[str, Any]:
    return request(tinyvl.tiff([tinyvl.LINES[:LINES]] * count))


def codes(answer: Any) -> Counter[str]:
    """How many pages of the answer succeeded, and how many failed with each code."""
    pages = [page for document in answer["documents"] for page in document["pages"]]
    return Counter(page["error"]["code"] if "error" in page else "ok" for page in pages)


def wait_until_pages_are_read(environment: Environment) -> None:
    """Returns once more crops have come from now on than pages can be in hand, so that a page has been read whole."""
    if REAL:  # which tells nobody how far it is
        time.sleep(2)
        return
    journal = Path(environment["DOUBLE_JOURNAL"])

    def crops() -> int:
        return len(journal.read_text().split()) if journal.exists() else 0

    so_far = crops()
    assert eventually(lambda: crops() > so_far + IN_HAND * LINES)


def test_a_killed_server_costs_the_pages_it_read(worker_of: StartWorker, environment: Environment) -> None:
    """Killed in the midst of a job: the pages it had in hand are ENGINE_UNAVAILABLE, all others are parsed, before its
    death and after its new start; the next job is fine, and nobody asks for another worker. Then the worker is killed
    with SIGKILL, and no process of the server is left."""
    worker = worker_of(**environment).wait_ready(WAIT_S)
    job = worker.plane.submit(pages(PAGES))
    assert worker.started(job)
    wait_until_pages_are_read(environment)
    vllm_command.server(weights(environment)).kill()
    answer = worker.plane.wait(job, WAIT_S)
    page_codes = codes(answer.output)
    assert 1 <= page_codes["ENGINE_UNAVAILABLE"] <= IN_HAND, worker.log()
    assert page_codes["ok"] == PAGES - page_codes["ENGINE_UNAVAILABLE"]
    assert answer.output["engine"]["backend"] == "vllm-server"

    again = worker.plane.wait(worker.plane.submit(pages(2)), WAIT_S)
    assert codes(again.output) == {"ok": 2}
    assert not again.stop_pod

    family = vllm_command.processes(weights(environment))
    assert len(family) >= 3
    killed = time.monotonic()
    worker.process.kill()
    assert ended(family)
    print(f"{len(family)} processes of the server ended {time.monotonic() - killed:.1f} s after the worker's SIGKILL")


@pytest.mark.slow  # a frozen server is a deadline in test_model_server_worker, too
def test_a_frozen_server_is_a_deadline_and_its_second_death_the_last(
    worker_of: StartWorker, environment: Environment
) -> None:
    """Stopped, with its health still good: ENGINE_TIMED_OUT, a new server, and the next job is fine. Killed then: that
    page is ENGINE_UNAVAILABLE, the worker takes no other job and ends or asks for a replacement, its server gone."""
    worker = worker_of(**environment).wait_ready(WAIT_S)
    vllm_command.freeze(weights(environment))
    frozen = worker.plane.wait(worker.plane.submit(pages(1)), WAIT_S)
    assert str(frozen.error).startswith("ENGINE_TIMED_OUT"), worker.log()
    assert not frozen.stop_pod

    job = worker.plane.submit(pages(PAGES))
    assert worker.started(job)
    assert worker.logged("starting the model server again", WAIT_S)
    assert eventually(lambda: len(re.findall(r"model server at \S+: model ", worker.log())) == 2, WAIT_S), worker.log()
    wait_until_pages_are_read(environment)
    vllm_command.server(weights(environment)).kill()
    partial = worker.plane.wait(job, WAIT_S)
    page_codes = codes(partial.output)
    assert page_codes["ok"] >= 1, worker.log()
    assert page_codes["ok"] + page_codes["ENGINE_UNAVAILABLE"] == PAGES
    assert "event=drain" in worker.log()
    time.sleep(2)  # a poll that was open may bring a job yet
    assert not worker.plane.taken(worker.plane.submit(pages(1)), 3)
    if partial.stop_pod:
        worker.terminate()
    assert worker.exit_code(WAIT_S) == 0, worker.log()
    assert ended(vllm_command.processes(weights(environment)))


@pytest.mark.slow
@pytest.mark.skipif(bool(REAL), reason="two real servers do not fit beside each other on a small machine")
def test_one_of_two_servers_dies(worker_of: StartWorker, environment: Environment, tmp_path: Path) -> None:
    """The worker takes jobs before the second server is up. Killed in the midst of a job, one of the two costs the
    pages it read. The other one reads the rest while the dead server cannot start. That one joins again later, and
    nobody asks for another worker."""
    starts, later = tmp_path / "starts", tmp_path / "later"
    variables = {"OCR_SERVERS": "2", "DOUBLE_STARTS": str(starts), "DOUBLE_LATER": str(later)}
    worker = worker_of(**environment | variables).wait_ready(WAIT_S)
    assert codes(worker.plane.wait(worker.plane.submit(pages(2)), WAIT_S).output) == {"ok": 2}
    assert starts.read_text().count("ready") == 1
    later.touch()
    assert eventually(lambda: starts.read_text().count("ready") == 2, WAIT_S)
    job = worker.plane.submit(pages(PAGES))
    assert worker.started(job)
    wait_until_pages_are_read(environment)
    later.unlink()
    vllm_command.servers(weights(environment))[0].kill()
    answer = worker.plane.wait(job, WAIT_S)
    page_codes = codes(answer.output)
    assert page_codes["ENGINE_UNAVAILABLE"] <= IN_HAND, worker.log()
    assert page_codes["ok"] == PAGES - page_codes["ENGINE_UNAVAILABLE"]
    assert not answer.stop_pod
    assert starts.read_text().count("ready") == 2
    later.touch()
    assert eventually(lambda: starts.read_text().count("ready") == 3, WAIT_S)
    assert codes(worker.plane.wait(worker.plane.submit(pages(2)), WAIT_S).output) == {"ok": 2}


@pytest.mark.skipif(bool(REAL), reason="the double is told to fail; a real server is not")
def test_a_server_that_does_not_come_up_stops_the_worker(worker_of: StartWorker, environment: Environment) -> None:
    """The reason reaches the platform through a fitness check, without a traceback, and nothing is left running."""
    worker = worker_of(**environment | {"DOUBLE_VLLM": "fails"})
    assert worker.exit_code() != 0
    assert "No available memory for the cache blocks" in (worker.plane.unhealthy() or "")
    assert "Traceback" not in worker.log()
    assert ended(vllm_command.processes(weights(environment)))


@pytest.mark.slow  # the error is in test_start_up, its way to the platform in the test above
@pytest.mark.skipif(bool(REAL), reason="has no server to start")
def test_a_gpu_that_is_not_there_stops_the_worker(worker_of: StartWorker) -> None:
    """OCR_DEVICE=gpu on a machine without one: a fitness check says so."""
    worker = worker_of(**tinyvl.environment(OCR_DEVICE="gpu"))
    assert worker.exit_code() != 0
    assert "SETTINGS_INVALID: OCR_DEVICE=gpu" in (worker.plane.unhealthy() or "")


def test_a_dry_run_ends_its_server(environment: Environment, tmp_path: Path) -> None:
    """`python handler.py` with a managed server: the page is read, and nothing is left running."""
    run = dry_run(["--test_input", json.dumps({"input": pages(1)})], tmp_path, **environment)
    assert run.returncode == 0, run.stderr
    assert "1 page parsed" in run.stdout
    assert ended(vllm_command.processes(weights(environment)))


def ended(family: list[psutil.Process]) -> bool:
    """Return whether all of the processes end."""
    return eventually(lambda: not any(map(is_alive, family)))
