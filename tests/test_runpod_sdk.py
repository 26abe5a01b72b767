"""Contract tests: one for each use of RunPod's SDK in `ocr_worker.runpod_sdk`, on the behavior that it relies on.

They run against the pinned 1.12.0 and, by hand, against 2.0.0rc2. A failure names the function to change and the place
in the SDK to read. They call the SDK itself; only its HTTP client is replaced, by lists or a server of this machine.
"""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import ThreadingHTTPServer
from importlib import import_module
from importlib.metadata import version
from queue import SimpleQueue
from typing import Any

import pytest

from ocr_worker import runpod_sdk
from ocr_worker.settings import is_on_platform, keep_logs_from_callers
from support.contracts import contract
from support.http_handler import Answering

pytestmark = pytest.mark.process

IS_2 = int(version("runpod").partition(".")[0]) >= 2
JOB = {"id": "a-job", "input": {}}


def module(name: str) -> Any:
    """Return a module of the SDK's worker."""
    runpod_sdk.load()
    return import_module(f"runpod.serverless.{name}")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process of its own, outside the platform."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def rp_scale(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the loop, as it was after the test."""
    sdk_module = module("modules.rp_scale")
    monkeypatch.setattr(sdk_module, "get_job", sdk_module.get_job)
    return sdk_module


@pytest.fixture
def posts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the posts of `rp_job`: chunks unchanged, then the result."""
    posted: list[Any] = []

    async def post(session: Any, data: Any, job: Any, is_stream: bool = False) -> None:
        posted.append(data)

    for name in ("send_result", "stream_result"):
        monkeypatch.setattr(module("modules.rp_job"), name, post)
    return posted


class Receiver(Answering):
    """Takes what is posted to it."""

    bodies: SimpleQueue[bytes]

    def do_POST(self) -> None:
        self.bodies.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(b"{}")


@pytest.fixture
def receiver() -> Iterator[str]:
    """The URL of a server whose bodies are `Receiver.bodies`."""
    Receiver.bodies = SimpleQueue()
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# --------------------------------------------------------------------------- start


def test_our_module_imports_nothing_of_the_sdk() -> None:
    """`import ocr_worker.runpod_sdk` leaves `runpod` for later, so that commands without the SDK start fast."""
    code = "import sys, ocr_worker.runpod_sdk; sys.exit(any(name.split('.')[0] == 'runpod' for name in sys.modules))"
    assert run_python(code).returncode == 0


def test_the_sdk_starts_without_measuring_the_processor() -> None:
    """1.12.0 asks py-cpuinfo once when it is imported, and takes an empty answer; 2.0 does not ask."""
    code = (
        "import cpuinfo, sys; calls = []\n"
        "cpuinfo.get_cpu_info = lambda: calls.append(1) or {}\n"
        "import runpod.serverless.utils.rp_debugger, runpod.serverless\n"
        "sys.exit(10 + len(calls))"
    )
    advice = "how `serverless/utils/rp_debugger.py` calls py-cpuinfo; without that call the measure can be deleted"
    with contract("runpod", "runpod_sdk.load", advice):
        done = run_python(code)
        assert done.returncode == 10 + (0 if IS_2 else 1), done.stderr
        assert callable(runpod_sdk.load().serverless.start)


def test_the_sdk_starts_without_paramiko() -> None:
    """Its command line alone calls paramiko, and whoever imports it later gets the real one."""
    code = (
        "import sys\n"
        "from ocr_worker import runpod_sdk\n"
        "assert callable(runpod_sdk.load().serverless.start)\n"
        "assert 'paramiko' not in sys.modules\n"
        "import paramiko\n"
        "paramiko.SSHClient()"
    )
    advice = "which modules import paramiko, and whether `runpod.serverless` calls it now"
    with contract("runpod", "runpod_sdk.load", advice):
        done = run_python(code)
        assert done.returncode == 0, done.stderr


def test_the_log_level_is_one_for_all() -> None:
    """Every `RunPodLogger()` is the same object, so that the level set once holds everywhere."""
    with contract("runpod", "runpod_sdk.set_log_level", "`RunPodLogger.__new__` and `set_level`"):
        logger = module("modules.rp_logger").RunPodLogger
        before = logger().level
        runpod_sdk.set_log_level("WARN")
        assert logger().level == "WARN"
        runpod_sdk.set_log_level(before)


def test_a_failed_start_ends_the_worker_with_its_reason() -> None:
    """A fitness check that raises ends the process with exit code 1, after its reason was logged."""
    code = (
        "import asyncio, os\n"
        "os.environ |= {'RUNPOD_SKIP_AUTO_SYSTEM_CHECKS': 'true', 'RUNPOD_SKIP_GPU_CHECK': 'true'}\n"
        "from ocr_worker import runpod_sdk\n"
        "runpod_sdk.report_failed_start('WEIGHTS_MISSING: fetch them')\n"
        "from runpod.serverless.modules.rp_fitness import run_fitness_checks\n"
        "asyncio.run(run_fitness_checks())"
    )
    with contract(
        "runpod", "runpod_sdk.report_failed_start", "`register_fitness_check` and `run_fitness_checks` in rp_fitness"
    ):
        done = run_python(code)
        assert done.returncode == 1, done.stderr
        assert "WEIGHTS_MISSING: fetch them" in done.stdout + done.stderr


@pytest.mark.parametrize("is_queue", [True, False])
@pytest.mark.parametrize("arguments", [[], ["--test_input", '{"input": {}}'], ['--test_input={"input": {}}']])
def test_jobs_come_from_the_platform_by_the_sdks_rule(
    monkeypatch: pytest.MonkeyPatch, is_queue: bool, arguments: list[str]
) -> None:
    """`settings.is_on_platform` agrees with the SDK: jobs come from an endpoint, or one from `--test_input`."""
    monkeypatch.setattr(sys, "argv", ["handler.py", *arguments])
    if is_queue:
        monkeypatch.setenv("RUNPOD_WEBHOOK_GET_JOB", "http://127.0.0.1/job-take/")
    else:
        monkeypatch.delenv("RUNPOD_WEBHOOK_GET_JOB", raising=False)
    ours = is_on_platform()
    with contract("runpod", "settings.is_on_platform", "`_is_local` in `serverless/worker.py`"):
        config = runpod_sdk.load().serverless._set_config_args({})
        assert module("worker")._is_local(config) is not ours


def test_logs_are_not_attached_to_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 2.0 on the SDK can send the log's end to callers; our setting switches that off. Before, it cannot."""
    monkeypatch.setenv("RUNPOD_LOG_CAPTURE", "")  # so that the variable is as before after the test
    monkeypatch.delenv("RUNPOD_LOG_CAPTURE")
    keep_logs_from_callers()
    with contract("runpod", "settings.keep_logs_from_callers", "`serverless/modules/rp_capture.py` and who calls it"):
        runpod_sdk.load()
        assert (importlib.util.find_spec("runpod.serverless.modules.rp_capture") is not None) is IS_2
        if IS_2:
            streams = (sys.stdout, sys.stderr)
            module("modules.rp_capture").install(hooks_registered=True)
            assert (sys.stdout, sys.stderr) == streams
            assert not module("modules.rp_capture").handler_capture_enabled()


# --------------------------------------------------------------------------- the loop that fetches jobs


def test_the_loop_fetches_jobs_through_our_wrapper(rp_scale: Any) -> None:
    """A loop made after `wrap_job_fetcher` awaits the wrapper with its session and the number of jobs it has room for,
    and takes the jobs that the wrapper returns."""
    calls: list[Any] = []

    class Session:
        """A double of the session that the SDK's own fetcher would call."""

        def get(self, url: str) -> None:
            scaler.kill_worker()

    session, scaler = Session(), None

    async def scenario() -> None:
        nonlocal scaler

        async def fetch(session: Any, number: int) -> list[runpod_sdk.JobDict] | None:
            calls.append((session, number))
            scaler.kill_worker()
            return [dict(JOB)]

        runpod_sdk.wrap_job_fetcher(lambda original: fetch)
        scaler = rp_scale.JobScaler({"concurrency_modifier": lambda current: 3})
        await scaler.get_jobs(session)
        assert scaler.jobs_queue.get_nowait() == JOB
        scaler.job_progress.remove(JOB)

    advice = "how `JobScaler.__init__` finds `get_job` and how `JobScaler.get_jobs` calls it, in rp_scale"
    with contract("runpod", "runpod_sdk.wrap_job_fetcher", advice):
        asyncio.run(scenario())
        assert calls == [(session, 3)]


def test_the_sdk_never_finds_itself_full(rp_scale: Any) -> None:
    """With as many jobs as may run, each in the queue and in progress, the loop still has room for another."""
    jobs = [{"id": f"job-{number}", "input": {}} for number in range(3)]

    async def scenario() -> int:
        concurrency = runpod_sdk.unreachable_concurrency(len(jobs))
        scaler = rp_scale.JobScaler({"concurrency_modifier": lambda current: concurrency})
        await scaler.set_scale()
        for job in jobs:
            await scaler.jobs_queue.put(job)
            scaler.job_progress.add(job)
        room: int = scaler.current_concurrency - scaler.current_occupancy()
        for job in jobs:
            scaler.job_progress.remove(job)
        return room

    with contract(
        "runpod", "runpod_sdk.unreachable_concurrency", "`JobScaler.current_occupancy` and `get_jobs` in rp_scale"
    ):
        assert asyncio.run(scenario()) > 0


def test_a_job_is_in_progress_until_it_was_handled(rp_scale: Any) -> None:
    """The count goes up when a job is taken and down after the job's result was sent."""
    counts: list[int] = []

    async def scenario() -> None:
        async def handle(session: Any, config: Any, job: Any) -> None:
            counts.append(runpod_sdk.jobs_in_progress())

        scaler = rp_scale.JobScaler({})
        scaler.jobs_handler = handle  # it runs the handler and posts its result
        scaler.job_progress.add(JOB)
        await scaler.jobs_queue.put(JOB)
        await scaler.handle_job(None, await scaler.jobs_queue.get())

    advice = "`JobsProgress` in worker_state, and where `JobScaler` adds to it and removes from it"
    with contract("runpod", "runpod_sdk.jobs_in_progress", advice):
        before = runpod_sdk.jobs_in_progress()
        asyncio.run(scenario())
        assert [*counts, runpod_sdk.jobs_in_progress()] == [before + 1, before]


def test_the_loop_ends_when_it_is_asked_to() -> None:
    """`stop_fetching` lets `JobScaler.start` return, and the process go on."""
    code = (
        "import asyncio\n"
        "from ocr_worker import runpod_sdk\n"
        "async def fetch(session, number):\n"
        "    runpod_sdk.stop_fetching()\n"
        "    await asyncio.sleep(0.1)\n"
        "runpod_sdk.wrap_job_fetcher(lambda original: fetch)\n"
        "from runpod.serverless.modules import rp_scale\n"
        "rp_scale.JobScaler({}).start()\n"
        "print('the loop has ended')"
    )
    with contract(
        "runpod", "runpod_sdk.stop_fetching", "the signal handlers that `JobScaler.start` in rp_scale installs"
    ):
        done = run_python(code)
        assert done.returncode == 0, done.stderr
        assert "the loop has ended" in done.stdout


def test_a_stopped_job_is_cancelled(rp_scale: Any) -> None:
    """A job that the platform stops is cancelled as a task: its handler gets CancelledError where it waits."""

    async def scenario() -> bool:
        is_started, is_cancelled = asyncio.Event(), False

        async def handle(session: Any, config: Any, job: Any) -> None:
            nonlocal is_cancelled
            is_started.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                is_cancelled = True
                raise

        scaler = rp_scale.JobScaler({})
        scaler.jobs_handler = handle
        scaler.job_progress.add(JOB)
        await scaler.jobs_queue.put(JOB)
        loop = asyncio.ensure_future(scaler.run_jobs(None))
        await asyncio.wait_for(is_started.wait(), 30)
        assert await scaler.stop_job(JOB["id"])
        scaler.kill_worker()
        await asyncio.wait_for(loop, 30)
        return is_cancelled

    with contract("runpod", "parsing.job_host", "`JobScaler.stop_job` in rp_scale"):
        assert asyncio.run(scenario())


# --------------------------------------------------------------------------- what a job returns


def test_an_output_asks_for_replacement() -> None:
    """`refresh_worker` leaves the output and becomes `stopPod` of the result."""

    async def handler(job: Any) -> runpod_sdk.JobDict:
        return runpod_sdk.with_replacement({"text": "a"})

    with contract("runpod", "runpod_sdk.with_replacement", "`run_job` in rp_job"):
        result = asyncio.run(module("modules.rp_job").run_job(handler, JOB))
        assert result == {"output": {"text": "a"}, "stopPod": True}


def test_a_generator_asks_for_replacement_and_shortens_what_was_sent(posts: list[Any]) -> None:
    """The configuration is read after the generator ended; what it yielded is collected by reference, so that an
    object emptied after it was sent is empty in the result."""

    async def handler(job: Any) -> AsyncIterator[runpod_sdk.JobDict]:
        chunk = {"page": "a long text"}
        yield chunk
        chunk.clear()
        runpod_sdk.replace_after_stream(config)
        yield {"summary": "b"}

    config = {"handler": handler, "return_aggregate_stream": True}
    with contract("runpod", "runpod_sdk.replace_after_stream", "`handle_job` in rp_job"):
        asyncio.run(module("modules.rp_job").handle_job(None, config, JOB))
        assert posts[-1] == {"output": [{}, {"summary": "b"}], "stopPod": True}
        assert len(posts) == 3


def test_an_error_at_a_chunks_top_fails_the_job(posts: list[Any]) -> None:
    """A yielded object with `error` is the job's result, so that a page's error must be wrapped."""

    async def handler(job: Any) -> AsyncIterator[runpod_sdk.JobDict]:
        yield {"page": {"error": "of this page only"}}
        yield {"error": "of the job"}
        yield {"summary": "never sent"}

    with contract("runpod", "runpod_worker.stream", "`handle_job` in rp_job"):
        config = {"handler": handler, "return_aggregate_stream": True}
        asyncio.run(module("modules.rp_job").handle_job(None, config, JOB))
        assert posts[0] == {"output": {"page": {"error": "of this page only"}}}
        assert posts[-1] == {"error": "of the job"}


def test_progress_is_posted_as_the_sdk_posts_it(receiver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`post_progress` has posted when it returns, and sends what the SDK's own `progress_update` sends."""
    with contract("runpod", "runpod_sdk.post_progress", "`rp_progress` and `send_result` in rp_http"):
        monkeypatch.setattr(module("modules.rp_http"), "JOB_DONE_URL", f"{receiver}/$ID?worker=a")
        asyncio.run(runpod_sdk.post_progress(JOB, {"pages_done": 1}))
        assert not Receiver.bodies.empty()
        ours = Receiver.bodies.get()
        runpod_sdk.load().serverless.progress_update(JOB, {"pages_done": 1})
        assert ours == Receiver.bodies.get(timeout=30)
