"""Benchmark of the worker on a GPU: whole worker, model servers alone, bare loops, start and a full memory, in one run.

`python bench/gpu.py --vllm /opt/vllm/bin/vllm [--minutes 15]` on a machine with a GPU; it needs no network.
`python bench/gpu.py --cpu` runs it small, in two minutes, with a double of a model server and small weights.

The weights are random, at full size from the public configuration (`gpu_weights`): no text is right, and every answer
is equally long. A page has twelve blocks (`gpu_pages`). "Whole worker" is `handler.py` under the SDK's loop: a PDF in,
the answer out. "Servers alone" read the same crops without a worker, 200 in flight for each server. "Bare loop" parses
ready pages in processes of the engine alone. "4 x 8" means 4 replicas of 8 pages per call.
The most telling rows come first, and each is printed when it is measured. What no time is left for, or what this worker
has no setting for, is a row that says so. Writes results/gpu.json; with --cpu results/gpu-cpu.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import gpu_load
import gpu_pages
import gpu_weights
from busy_share import PYTHONPATH
from gpu_servers import Server
from gpu_watch import Card, describe_gpu

from ocr_worker.engines.paddleocr_vl.spec import SPEC
from ocr_worker.settings import Settings
from support import tinyvl

HERE = Path(__file__).parent
IN_FLIGHT = 200  # crops, for each server alone
TELLING = ((1, 2, 4), (2, 4, 8))  # servers, replicas, pages per call
GRID = dict.fromkeys((1, 2, 4), ((2, 4), (4, 8), (8, 8)))  # replicas and pages per call, by servers
PROCESSES = (1, 2, 4)
SERVER_SHARE, MAX_SERVER_SHARE, SERVER_MIB = 0.15, 0.5, 10_000  # of the GPU's memory, for each model server
CACHE_BYTES = 6_000_000_000  # of keys and values, of each server that starts with others: 330,000 tokens
CPU_WORDS = 6  # of each answer of the small weights
MIN_OF_SERVERS, MIN_BUSY_PERCENT, MIN_GAIN = 0.8, 60, 3  # wanted
COLUMNS = ("pages/s", "tokens/s", "GPU %", "W", "GPU GB", "cores: main+children", "GB")
UNMEASURED = "unmeasured"

Json = dict[str, Any]


class NotAvailable(Exception):
    """A row that cannot be measured here, with the reason."""


class Table:
    """The rows: each is printed and written as soon as it is there.

    minutes: after which no further row begins. least_s: seconds that a row needs.
    """

    def __init__(self, path: Path, head: Json, minutes: float, least_s: float) -> None:
        self._path = path
        self._head = head
        self._end = time.monotonic() + 60 * minutes
        self._least_s = least_s
        self.rows: dict[str, Json] = {}
        print(_line("", COLUMNS), flush=True)

    def measure(self, name: str, run: Callable[[], Json]) -> Json:
        """Measure a row, unless it is there or no time is left; return it. An error becomes part of the row."""
        if name in self.rows:
            return self.rows[name]
        if time.monotonic() + self._least_s > self._end:
            return self._add(name, {UNMEASURED: "no time left; raise --minutes"})
        try:
            row = run()
        except NotAvailable as reason:
            row = {UNMEASURED: f"not available: {reason}"}
        except Exception as error:
            row = {UNMEASURED: f"failed: {type(error).__name__}: {error}"}
        return self._add(name, row)

    def _add(self, name: str, row: Json) -> Json:
        self.rows[name] = row
        print(_line(name, _cells(row)), flush=True)
        self.write()
        return row

    def write(self, **more: Any) -> None:
        """Write everything that is there so far. more: further members of the head, which are kept."""
        self._head |= more
        self._path.parent.mkdir(exist_ok=True)
        self._path.write_text(json.dumps(self._head | {"rows": self.rows}, indent=2) + "\n", encoding="utf-8")


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:38}" + "".join(f"{cell:>10}" for cell in cells[:5]) + "  " + "  ".join(cells[5:])


def _cells(row: Json) -> Sequence[str]:
    """Return the cells of a row, or the reason why it was not measured."""
    if UNMEASURED in row:
        lines = row[UNMEASURED].splitlines()
        return (
            "",
            "",
            "",
            "",
            "",
            f"{UNMEASURED}: {lines[0][:200]}" + (f" ... {lines[-1][:200]}" if lines[1:] else ""),
        )
    if "pages_per_s" not in row:
        return ("", "", "", "", "", json.dumps(row.get("summary", row), ensure_ascii=False))
    figures = [str(row.get(key, "-")) for key in ("pages_per_s", "tokens_per_s", "busy_percent", "watts", "gpu_gb")]
    used = row["cores"].items()
    cores = ", ".join(f"{name} {use['main']}+{use['children']}" for name, use in used)
    return (*figures, cores, ", ".join(str(use["memory_gb"]) for _, use in used))


class Bench:
    """The measurements on one machine."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, card: Card | None, stack: ExitStack) -> None:
        self._cpu: bool = arguments.cpu
        self._arguments = arguments
        self._folder = folder
        self._card = card
        self._stack = stack
        self._servers: list[Server] = []
        self._has_failed_start = False
        self._words = CPU_WORDS if self._cpu else arguments.words
        self._seconds = 3.0 if self._cpu else arguments.seconds
        self._pages_per_job = 1 if self._cpu else arguments.pages_per_job
        self._weights = arguments.weights or folder
        self.start: Json = {}  # seconds by phase, by row

    # ----------------------------------------------------------------- rows

    def start_servers(self, count: int) -> Json:
        """Start model servers until there are so many; return their times. After a failed start, none is started.

        With `--at-once`, the first ones start side by side.
        """
        starts = {}
        while len(self._servers) < count:
            if self._has_failed_start:
                raise NotAvailable(f"only {len(self._servers)} of {count} model servers started")
            first = len(self._servers) + 1
            servers = [Server(first + i, self._folder) for i in range(max(1, self._arguments.at_once - first + 1))]
            self._has_failed_start = True
            commands = [self._server_command(server) for server in servers]
            with ThreadPoolExecutor(len(servers)) as threads:
                times = list(threads.map(Server.start, servers, commands))
            self._has_failed_start = False
            self._servers += servers
            for number, (server, seconds) in enumerate(zip(servers, times, strict=True), start=first):
                starts[f"server {number}"] = seconds
                self._stack.callback(server.close)
        self.start |= starts
        return {"summary": {name: start["ready_s"] for name, start in starts.items()}, **starts}

    def servers_alone(self, count: int) -> Json:
        """Measure model servers without a worker."""
        servers = self._first_servers(count)
        crops = gpu_pages.crops(gpu_pages.page_images(4))
        loop = gpu_load.ClosedLoop(
            gpu_load.server_callers([server.url for server in servers], gpu_weights.MODEL, crops, IN_FLIGHT)
        )
        watch = gpu_load.watch_processes({"client": os.getpid()} | _pids(servers))
        row = loop.measure(self._seconds, watch, self._card)
        loop.join()  # the next row finds idle servers
        return row

    def worker_on_servers(self, count: int, replicas: int, pages_per_call: int, has_processes: bool) -> Json:
        """Measure the whole worker on model servers. has_processes: each replica is a process of its own."""
        servers = self._first_servers(count)
        settings = self._settings() | server_settings([s.url for s in servers], replicas, pages_per_call)
        name = f"{replicas} x {pages_per_call} on {count}"
        if "engine_processes" in Settings.model_fields:
            settings["OCR_ENGINE_PROCESSES"] = str(has_processes).lower()
        elif has_processes:
            raise NotAvailable("this worker has no OCR_ENGINE_PROCESSES")
        if has_processes:
            name += " in processes"
        return self._worker(name, settings, 2 * replicas * pages_per_call, self._pages_per_job, _pids(servers))

    def worker_natively(self, processes: int) -> Json:
        """Measure the whole worker on the native backend: one-page jobs, or calls of several pages with torch."""
        settings = self._settings() | native_settings(processes) | self._native_weights()
        is_torch = "OCR_NATIVE" in settings
        pages = 2 * processes * (Settings().pages_per_call if is_torch else 1)
        return self._worker(f"native {processes}", settings, pages, self._pages_per_job if is_torch else 1, {})

    def bare_loop(self, processes: int) -> Json:
        """Measure processes that only parse ready pages on the native backend."""
        settings = self._settings() | self._native_weights()
        tokens = gpu_pages.BLOCKS * (self._words + 1)
        with gpu_load.loop_callers(self._folder, settings, processes, tokens) as (loops, callers):
            pids = {f"loop {number}": loop.pid for number, loop in enumerate(loops, start=1)}
            loop = gpu_load.ClosedLoop(callers)
            row = loop.measure(self._seconds, gpu_load.watch_processes(pids), self._card)
            loop.join()
        return row

    def full_memory(self) -> Json:
        """Return what happens to a page for which memory does not suffice."""
        environment = os.environ | {"PYTHONPATH": PYTHONPATH} | self._settings() | self._native_weights()
        command = [sys.executable, str(HERE / "gpu_full_memory.py")]
        process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        lines = [line for line in process.stdout.splitlines() if line.startswith("{")]
        if not lines:
            raise RuntimeError(f"the process ended with {process.returncode}: {process.stderr[-1500:]}")
        report: Json = json.loads(lines[-1])
        classes = [error["classify"] for error in report["library"]]
        return {
            "summary": {"classify": classes, "large page": report["large page"][:60], "next page": report["next page"]},
            **report,
        }

    # ----------------------------------------------------------------- parts

    def _worker(
        self, name: str, settings: Mapping[str, str], open_pages: int, pages_per_job: int, pids: Mapping[str, int]
    ) -> Json:
        with gpu_load.worker_callers(self._folder, settings, open_pages, pages_per_job, self._count_tokens) as (
            worker,
            callers,
        ):
            phases = gpu_load.start_phases(worker)
            self.start[f"worker {name}"] = phases
            watch = gpu_load.watch_processes({"worker": worker.process.pid} | dict(pids))
            return gpu_load.ClosedLoop(callers).measure(self._seconds, watch, self._card) | {"start": phases}

    def _first_servers(self, count: int) -> list[Server]:
        self.start_servers(count)
        return self._servers[:count]

    def _server_command(self, server: Server) -> list[str]:
        if self._cpu:
            return server.double_command()
        if not (program := shutil.which(self._arguments.vllm)):
            raise NotAvailable(f"{self._arguments.vllm} is not a command; install vLLM by itself and name it by --vllm")
        weights = gpu_weights.write(self._weights, gpu_weights.FULL, self._words, has_paddle=False)
        arguments = self._arguments
        more = [*arguments.server_args]
        if arguments.at_once > 1:  # servers that measure the free memory at the same time count each other's
            more += ["--kv-cache-memory-bytes", str(CACHE_BYTES)]
        return server.vllm_command(program, weights, gpu_weights.MODEL, arguments.server_share, more)

    def _settings(self) -> dict[str, str]:
        """Return the settings that all rows share."""
        common = {
            "OCR_ENGINE": "gpu_engine:SPEC",
            "OCR_DEVICE": "cpu" if self._cpu else "gpu",
            "OCR_WARMUP_CHECK": "false",
            "OCR_LAYOUT_WEIGHTS_DIR": str(tinyvl.LAYOUT),
            "OMP_NUM_THREADS": "1",
        }
        if not self._cpu and not has_paddle_gpu():
            if "native" not in Settings.model_fields:
                raise NotAvailable("no GPU build of Paddle is installed, and this worker has no OCR_NATIVE")
            common |= {
                "OCR_NATIVE": "transformers",
                "OCR_LAYOUT_WEIGHTS_DIR": str(gpu_weights.write_layout(self._weights)),
            }
        return common

    def _native_weights(self) -> dict[str, str]:
        size = gpu_weights.SMALL if self._cpu else gpu_weights.FULL
        has_paddle = self._cpu or has_paddle_gpu()
        return {"OCR_VL_WEIGHTS_DIR": str(gpu_weights.write(self._weights, size, self._words, has_paddle))}

    def _count_tokens(self, text: str) -> int | None:
        """Return the tokens of a page of random weights: its words, and the end of each answer. None for the double."""
        words = len(text.split())
        return words + gpu_pages.BLOCKS if words == gpu_pages.BLOCKS * self._words else None


def server_settings(urls: Sequence[str], replicas: int, pages_per_call: int) -> dict[str, str]:
    """Return the settings of a worker on these servers. Raises NotAvailable if this worker has no such settings."""
    settings = {"OCR_BACKEND": "vllm-server", "OCR_SERVER_URL": ",".join(urls), "OCR_REPLICAS": str(replicas)}
    if "pages_per_call" in Settings.model_fields:
        settings["OCR_PAGES_PER_CALL"] = str(pages_per_call)
    elif pages_per_call != 4:
        raise NotAvailable("this worker has no OCR_PAGES_PER_CALL; it sends 4 pages")
    if len(urls) > 1 and isinstance(Settings(server_url=urls[0]).server_url, str):
        raise NotAvailable("OCR_SERVER_URL of this worker takes one address")
    return settings


def native_settings(processes: int) -> dict[str, str]:
    """Return the settings of a worker with engine processes. Raises NotAvailable if this worker has one engine."""
    if processes > 1 and SPEC.replicas(Settings(replicas=processes)) != processes:
        raise NotAvailable("OCR_REPLICAS of this worker has no effect natively")
    return {"OCR_REPLICAS": str(processes)} if processes > 1 else {}


def has_paddle_gpu() -> bool:
    """Return whether a GPU build of Paddle is installed."""
    return _version("paddlepaddle-gpu") is not None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _pids(servers: Sequence[Server]) -> dict[str, int]:
    return {f"server {number}": server.pid for number, server in enumerate(servers, start=1)}


# --------------------------------------------------------------------------- the run


def plan(bench: Bench) -> Iterator[tuple[str, Callable[[], Json]]]:
    """Yield the rows in the order of what they tell."""
    started = 0
    for servers, replicas, pages in TELLING:
        yield from _on_servers(bench, servers, [(replicas, pages)], started)
        started = servers
    for processes in PROCESSES:
        yield f"bare loop, processes: {processes}", partial(bench.bare_loop, processes)
        yield f"worker natively, processes: {processes}", partial(bench.worker_natively, processes)
        if processes == 1:
            yield "a page too large for memory", bench.full_memory
    for servers, sizes in GRID.items():
        yield from _on_servers(bench, servers, sizes, started)
        started = max(started, servers)


def _on_servers(
    bench: Bench, servers: int, sizes: Sequence[tuple[int, int]], started: int
) -> Iterator[tuple[str, Callable[[], Json]]]:
    if servers > started:
        yield f"start of servers {started + 1} to {servers}", partial(bench.start_servers, servers)
    has_processes = servers > 1  # the worker's default
    for size in sizes:
        yield worker_row(servers, *size), partial(bench.worker_on_servers, servers, *size, has_processes)
    yield servers_row(servers), partial(bench.servers_alone, servers)
    if has_processes:
        for size in sizes:
            yield f"{worker_row(servers, *size)}, one process", partial(bench.worker_on_servers, servers, *size, False)


def worker_row(servers: int, replicas: int, pages: int) -> str:
    """Return the name of a row of the whole worker on servers."""
    return f"worker {replicas} x {pages}, servers: {servers}"


def servers_row(servers: int) -> str:
    """Return the name of a row of servers alone."""
    return f"servers alone: {servers}"


def compare(rows: Mapping[str, Json]) -> dict[str, str]:
    """Return what is wanted of the second telling row, each with its figure, or `unmeasured`."""
    (servers, replicas, pages), base = TELLING[1], rows.get(worker_row(*TELLING[0]), {})
    best, alone = rows.get(worker_row(servers, replicas, pages), {}), rows.get(servers_row(servers), {})
    figures = {
        f"worker / same servers alone, wanted >= {MIN_OF_SERVERS}": _ratio(best, alone),
        f"GPU busy, wanted > {MIN_BUSY_PERCENT} %": best.get("busy_percent"),
        f"pages/s over {worker_row(*TELLING[0])}, wanted >= {MIN_GAIN}": _ratio(best, base),
    }
    return {name: UNMEASURED if figure is None else f"{figure:.2f}" for name, figure in figures.items()}


def _ratio(row: Json, base: Json) -> float | None:
    return row["pages_per_s"] / base["pages_per_s"] if "pages_per_s" in row and "pages_per_s" in base else None


def describe_machine(arguments: argparse.Namespace) -> Json:
    """Return what the figures depend on: machine, versions, weights."""
    packages = ("paddleocr", "paddlex", "paddlepaddle", "paddlepaddle-gpu", "torch", "transformers")
    size = gpu_weights.SMALL if arguments.cpu else gpu_weights.FULL
    return {
        "processors": len(os.sched_getaffinity(0)),
        "python": sys.version.split()[0],
        "versions": {name: version for name in packages if (version := _version(name))},
        "model servers": "double (bench/crop_server.py)" if arguments.cpu else f"vLLM, share {arguments.server_share}",
        "parameters of the vision-language model": gpu_weights.count_parameters(size),
        "layout model": "random, full size"
        if not arguments.cpu and not has_paddle_gpu()
        else "test weights, no network",
        "words per block": CPU_WORDS if arguments.cpu else arguments.words,
    }


def server_share(memory_mib: float) -> float:
    """Return the share of the GPU's memory for each server: room for four of them, but what one needs at least."""
    return round(min(MAX_SERVER_SHARE, max(SERVER_SHARE, SERVER_MIB / memory_mib)), 2)


def read_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="run it small, without a GPU")
    parser.add_argument("--minutes", type=float, help="begin no row after these. Default: 15; with --cpu 2")
    parser.add_argument(
        "--only", action="append", help="measure rows with this text in their name, such as `natively`; repeatable"
    )
    parser.add_argument("--vllm", default="vllm", help="command of vLLM, in its own environment")
    parser.add_argument("--server-args", nargs=argparse.REMAINDER, default=[], help="last: further arguments of vLLM")
    parser.add_argument("--at-once", type=int, default=1, help="start so many servers side by side, which saves time")
    parser.add_argument("--server-share", type=float, help="of the GPU's memory, for each server. Default: room for 4")
    parser.add_argument("--weights", type=Path, help="folder that keeps the weights for the next run (4 GB)")
    parser.add_argument("--words", type=int, default=128, help="length of each block's answer, in tokens")
    parser.add_argument("--seconds", type=float, default=20, help="of each row, after its first round")
    parser.add_argument("--pages-per-job", type=int, default=4, help="of the jobs on model servers")
    arguments = parser.parse_args()
    arguments.only = arguments.only or [""]
    arguments.minutes = arguments.minutes or (2 if arguments.cpu else 15)
    return arguments


def main() -> int:
    """Measure all rows; return the exit code."""
    arguments = read_arguments()
    gpu = None if arguments.cpu else describe_gpu()
    if gpu is None and not arguments.cpu:
        print(
            "no GPU: nvidia-smi lists none. `--cpu` runs this small, with a double of a model server", file=sys.stderr
        )
        return 1
    if gpu:
        arguments.server_share = arguments.server_share or server_share(gpu["memory_mib"])
    head = {"gpu": gpu} | describe_machine(arguments)
    print(json.dumps(head, indent=1))
    path = HERE / "results" / ("gpu-cpu.json" if arguments.cpu else "gpu.json")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        card = None if arguments.cpu else Card()
        if card:
            stack.callback(card.close)
        bench = Bench(arguments, folder, card, stack)
        table = Table(path, head, arguments.minutes, least_s=20 if arguments.cpu else 60)
        for name, run in plan(bench):
            if any(text in name for text in arguments.only):
                table.measure(name, run)
        verdict = compare(table.rows)
        table.write(start_s=bench.start, wanted=verdict)
    for name, phases in bench.start.items():
        print(f"start, seconds: {name}: {json.dumps({k: v for k, v in phases.items() if k != 'log'})}")
    for name, figure in verdict.items():
        print(f"{name}: {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
