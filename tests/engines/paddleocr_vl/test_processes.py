"""The real `PaddleOCRVL` in processes of its own, on test weights: in a worker, and with a double of a model server."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.paddleocr_vl.spec import SPEC
from ocr_worker.engines.process.engine import engine_builders
from ocr_worker.errors import EngineCrashed
from support import tinyvl, vllm_command
from support.drawing import request
from support.model_server import TEXT
from support.processes import command_line, descendants, is_alive
from support.waiting import PATIENCE_S, eventually
from support.worker_process import StartWorker, Worker

pytestmark = [pytest.mark.paddle, pytest.mark.process]

WAIT_S = 2 * PATIENCE_S
DEADLINE_S = 20  # of a page, which takes a second
DOCUMENT = [tinyvl.LINES[number : number + 2] for number in range(5)]


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker) -> Worker:
    """A worker with two native engine processes."""
    variables = {"OCR_WARMUP_CHECK": "false", "OCR_REPLICAS": "2", "OCR_ENGINE_TIMEOUT_S": str(DEADLINE_S)}
    return worker_of(**tinyvl.environment(OCR_RETRY_REPETITION="false", **variables)).wait_ready(WAIT_S)


def engine_processes(worker: Worker) -> list[psutil.Process]:
    """Return the worker's engine processes, the oldest first."""
    family = descendants(psutil.Process(worker.process.pid))
    processes = [process for process in family if "ocr_worker.engines.process.child" in command_line(process)]
    return sorted(filter(is_alive, processes), key=lambda process: process.create_time())


def answer_of(worker: Worker, job: str) -> list[dict[str, Any]]:
    """Return the page entries of a job's response."""
    pages: list[dict[str, Any]] = worker.plane.wait(job, WAIT_S).output["documents"][0]["pages"]
    return pages


def job_of(pages: Sequence[Sequence[str]], **options: Any) -> dict[str, Any]:
    return request(tinyvl.tiff(pages), max_new_tokens=tinyvl.LIMIT, **options)


def wait_until_at_work(process: psutil.Process) -> None:
    """Return once the process has used a part of a second since now."""
    so_far = process.cpu_times().user
    assert eventually(lambda: process.cpu_times().user > so_far + 0.3)


def test_two_processes_read_the_text_of_one_in_this_process(worker: Worker, engine: Engine) -> None:
    """Each page has the text that the same engine reads in the tests' own process."""
    options = PaddleOcrVlOptions(max_new_tokens=tinyvl.LIMIT)
    expected = [engine.parse([tinyvl.page(lines)], options)[0].markdown for lines in DOCUMENT]
    assert len(engine_processes(worker)) == 2
    entries = answer_of(worker, worker.plane.submit(job_of(DOCUMENT)))
    assert [page["markdown"] for page in entries] == expected


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGABRT, marks=pytest.mark.slow),
        pytest.param(signal.SIGSTOP, marks=pytest.mark.slow),
    ],
)
def test_an_engine_process_that_ends_at_work_costs_no_job(worker: Worker, number: signal.Signals) -> None:
    """Killed and aborted, its page is read in the next process; stopped, the page is ENGINE_TIMED_OUT. All others are
    read, of both jobs, and no job asks for another worker."""
    jobs = [worker.plane.submit(job_of(DOCUMENT)) for _ in range(2)]
    process = engine_processes(worker)[0]
    wait_until_at_work(process)
    process.send_signal(number)
    codes = [page["error"]["code"] for job in jobs for page in answer_of(worker, job) if "error" in page]
    assert codes == (["ENGINE_TIMED_OUT"] if number == signal.SIGSTOP else []), worker.log()
    assert not any(worker.plane.wait(job).stop_pod for job in jobs)
    assert eventually(lambda: len(engine_processes(worker)) == 2 and not is_alive(process))


@pytest.mark.slow
def test_pages_are_merged_although_a_process_was_killed(worker: Worker) -> None:
    """A document is merged right after the first engine's process was killed."""
    engine_processes(worker)[0].kill()
    entries = answer_of(worker, worker.plane.submit(job_of(DOCUMENT[:2], merge_pages=True)))
    assert ["error" in page for page in entries] == [False, False]


def test_engine_processes_die_with_their_worker(worker: Worker) -> None:
    """After SIGKILL to the worker, no engine process is left. The last test that uses this worker."""
    assert eventually(lambda: len(engine_processes(worker)) == 2)
    processes = engine_processes(worker)
    worker.process.kill()
    assert eventually(lambda: not any(map(is_alive, processes)))


@pytest.mark.slow
def test_the_end_of_an_engine_process_leaves_its_server_up(tmp_path: Path) -> None:
    """The end of the engine process leaves the model server up.

    After a hang, the server is replaced only if it does not read a crop. It ends with the engine.
    """
    settings = tinyvl.settings(**vllm_command.fields(tmp_path, engine_processes=True, replicas=1))
    engine: Any = engine_builders(SPEC, settings)[0]()
    server, process = vllm_command.server(tmp_path), engine._process.pid
    assert read(engine) == TEXT

    psutil.Process(process).kill()
    with pytest.raises(EngineCrashed):
        read(engine)
    engine.revive()
    assert read(engine) == TEXT
    assert vllm_command.server(tmp_path) == server
    assert engine._process.pid != process

    process = engine._process.pid
    vllm_command.freeze(tmp_path)
    assert engine.abandon() is None  # as the watchdog does, which cannot tell who hangs
    engine.revive()
    assert read(engine) == TEXT
    assert vllm_command.server(tmp_path) != server
    assert engine._process.pid != process
    engine.close()
    assert eventually(lambda: vllm_command.processes(tmp_path) == [])


def read(engine: Engine) -> str:
    (block,) = engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())[0].blocks
    return block.content
