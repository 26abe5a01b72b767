"""Benchmark of engine use: our worker against the plain handler, and against the limit of a real engine.

`python bench/busy_share.py [--jobs 16] [--longest 30] [--rounds 2] [--full]`: measures the share of the time in which
the engine works, in our worker and in bench/naive_handler.py. Each is a process under the SDK's loop; they take turns.
PDFs of 1 to 30 pages come from a server that takes 300 ms. An engine double takes 250 ms per page without holding the
interpreter. --full: 40 jobs, once.
`python bench/busy_share.py --engine embedded` (or paddleocr-vl, on the test weights) measures pages per second. Our
complete worker runs against a bare loop in one process, which sends ready pages through the same engine. The sides take
turns, with the same settings. Each run writes results/busy_share.json, under its engine's name.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
from bench_engines import SECONDS_PREFIX
from soak import text_pdf

from support import tinyvl
from support.control_plane import ControlPlane
from support.http_handler import Answering
from support.worker_process import HANDLER, ROOT, Worker, start_worker

BENCH = Path(__file__).parent
RESULTS = BENCH / "results" / "busy_share.json"
PYTHONPATH = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests", BENCH)))
MIN_SHARE = 0.95
LATENCY_S = 0.3
PAGE_S = 0.25
DPI = 144
LONGEST = 30
LIMIT_PAGES = 6
JOBS_PAGES = (9, 6, 6, 3)  # of the jobs against the limit: every page occurs equally often
PAGES = sum(JOBS_PAGES)

Json = dict[str, Any]


@contextmanager
def run_worker(folder: Path, handler: Path = HANDLER, /, **settings: str) -> Iterator[Worker]:
    """Start a worker that polls for jobs, yield it, and kill it."""
    with ControlPlane() as plane:
        log = folder / f"{handler.stem}.log"
        worker = start_worker(plane, log, handler, **({"PYTHONPATH": PYTHONPATH} | settings))
        try:
            yield worker.wait_ready(180)
        finally:
            worker.kill()


def run_jobs(plane: ControlPlane, inputs: Sequence[Json]) -> tuple[float, list[Json]]:
    """Return the seconds from the first job's submission to the last job's answer, and the outputs."""
    started = time.monotonic()
    jobs = [plane.submit(job_input) for job_input in inputs]
    results = [plane.wait(job, 1200) for job in jobs]
    assert not any(result.error for result in results), results
    return max(result.at for result in results) - started, [result.output for result in results]


# --------------------------------------------------------------------------- against the plain handler


class SlowSource(Answering):
    """A source server that answers `/<pages>` with a PDF of this number of pages, after LATENCY_S."""

    def do_GET(self) -> None:
        """Answer with the PDF."""
        time.sleep(LATENCY_S)
        self.answer(text_pdf(int(self.path[1:])))


@contextmanager
def serve_documents() -> Iterator[str]:
    """Start the source server, yield its address, and stop it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), SlowSource)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@dataclass(slots=True)
class Side:
    """A worker whose engine writes its calls to a file."""

    worker: Worker
    calls_file: Path

    def run(self, inputs: Sequence[Json], pages: int) -> Json:
        """Run these jobs. Return their wall time, the busy share, and the longest gaps between two calls."""
        before = len(self._calls())
        wall, _ = run_jobs(self.worker.plane, inputs)
        calls = self._calls()[before:]
        assert len(calls) == pages, f"{len(calls)} calls for {pages} pages"
        busy = sum(end - start for start, end in calls)
        gaps = sorted((b[0] - a[1] for a, b in pairwise(calls)), reverse=True)
        return {
            "wall_s": round(wall, 2),
            "busy_share": round(busy / (calls[-1][1] - calls[0][0]), 4),
            "idle_s": round(sum(gaps), 2),
            "median_gap_ms": round(1000 * statistics.median(gaps), 2),
            "longest_gaps_s": [round(gap, 3) for gap in gaps[:8]],
        }

    def _calls(self) -> list[tuple[float, float]]:
        lines = self.calls_file.read_text().split("\n")[:-1] if self.calls_file.exists() else []
        return [(float(start), float(end)) for start, end in (line.split() for line in lines)]


def compare_with_plain(jobs: int, longest: int, rounds: int) -> Json:
    """Measure both sides on the same jobs, `rounds` times."""
    chance = random.Random(1)
    pages = [chance.randint(1, longest) for _ in range(jobs)]
    print(f"{jobs} jobs, {sum(pages)} pages: {pages}")
    runs: dict[str, list[Json]] = {"ours": [], "plain": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(serve_documents())
        inputs = [{"documents": [{"url": f"{url}/{count}"}], "options": {"dpi": DPI}} for count in pages]
        sides = {}
        for name, handler in (("ours", HANDLER), ("plain", BENCH / "naive_handler.py")):
            environment = {
                "OCR_ENGINE": "bench_engines:timed",
                "BENCH_PAGE_S": str(PAGE_S),
                "BENCH_CALLS": str(folder / name),
                "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true",
            }
            sides[name] = Side(stack.enter_context(run_worker(folder, handler, **environment)), folder / name)
        for index in range(rounds):
            for name, side in list(sides.items())[:: -1 if index % 2 else 1]:
                runs[name].append(side.run(inputs, sum(pages)))
                print(f"{name:6} {runs[name][-1]}", flush=True)
    shares = {name: [run["busy_share"] for run in metrics] for name, metrics in runs.items()}
    ratios = [a["wall_s"] / b["wall_s"] for a, b in zip(runs["ours"], runs["plain"], strict=True)]
    ratio = round(statistics.median(ratios), 3)
    print(f"busy share: ours {shares['ours']}, wanted >= {MIN_SHARE}; plain {shares['plain']}")
    print(f"wall time, ours / plain: {ratio}")
    return {"pages_by_job": pages, "page_s": PAGE_S, **runs, "wall_ratio": ratio, "wanted_busy_share": MIN_SHARE}


# --------------------------------------------------------------------------- against the limit


@contextmanager
def start_loop(document: Path, options: Json, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start the process of the bare loop, and yield it once its pages are ready."""
    command = [sys.executable, str(BENCH / "bench_engines.py"), str(document), json.dumps(options)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": PYTHONPATH} | environment,
    ) as process:
        read_seconds(process)
        yield process
        process.kill()


def read_seconds(process: subprocess.Popen[str]) -> float:
    """Wait for the next line with seconds, and return them."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(SECONDS_PREFIX):
            return float(line.removeprefix(SECONDS_PREFIX))
    raise AssertionError(f"the bare loop ended with {process.wait()}")


def run_loop(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Run the bare loop once. Return the seconds per page, by the wall clock and of the processor."""
    assert process.stdin is not None
    before = cpu_s(process.pid)
    process.stdin.write("\n")
    process.stdin.flush()
    seconds = read_seconds(process)
    return seconds / LIMIT_PAGES, (cpu_s(process.pid) - before) / LIMIT_PAGES


def cpu_s(pid: int) -> float:
    """Return the processor seconds that the process has used, without its children."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def create_document(engine: str, pages: int) -> bytes:
    """Return a document that the engine can parse, with this number of pages."""
    if engine == "embedded":
        return text_pdf(pages)
    return tinyvl.tiff([tinyvl.LINES[index % 3 : index % 3 + 4] for index in range(pages)])


def choose_settings(engine: str) -> tuple[dict[str, str], Json]:
    """Return the environment of both sides, and the options of their pages."""
    if engine == "embedded":
        return {"OCR_ENGINE": engine, "OMP_NUM_THREADS": "1"}, {"dpi": DPI, "text_layer": "never"}
    return tinyvl.environment(OCR_WARMUP_CHECK="false"), {"max_new_tokens": tinyvl.LIMIT}


def compare_with_limit(engine: str, rounds: int) -> Json:
    """Measure our worker and the bare loop in turn.

    The result separates the losses: idle time of the engine (`engine_busy_share`), pages that take longer inside the
    worker (`engine_page_s_over_bare`), and the work of the worker's process beside the engine (`cpu_of_limit`). The
    last is processor time and does not depend on the load of the machine.
    """
    environment, options = choose_settings(engine)
    runs: list[Json] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "document").write_bytes(create_document(engine, LIMIT_PAGES))
        loop = stack.enter_context(start_loop(folder / "document", options, environment))
        ours = stack.enter_context(run_worker(folder, **environment))
        inputs = [
            {"documents": [{"base64": base64.b64encode(create_document(engine, pages)).decode()}], "options": options}
            for pages in JOBS_PAGES
        ]
        run_loop(loop)
        run_jobs(ours.plane, inputs[:1])  # both are warm
        for _ in range(rounds):
            before, cpu = run_loop(loop), cpu_s(ours.process.pid)
            wall, outputs = run_jobs(ours.plane, inputs)
            used_s, after = cpu_s(ours.process.pid) - cpu, run_loop(loop)
            limit, limit_cpu = (
                (a + b) / 2 for a, b in zip(before, after, strict=True)
            )  # the load of the machine changes
            runs.append(compare(limit, wall, outputs) | {"cpu_of_limit": round(limit_cpu * PAGES / used_s, 4)})
            print(runs[-1], flush=True)
    medians = {name: round(statistics.median(run[name] for run in runs), 4) for name in runs[0]}
    print(f"{engine}, medians: {medians}; of the limit: {medians['of_limit']}, wanted >= {MIN_SHARE}")
    return {"pages_by_job": JOBS_PAGES, "rounds": runs, "medians": medians, "wanted": MIN_SHARE}


def compare(limit: float, wall: float, outputs: Sequence[Json]) -> Json:
    """Return the metrics of one round. limit: seconds per page of the bare loop. wall: seconds of all jobs."""
    pages = [page for output in outputs for page in output["documents"][0]["pages"]]
    assert all(page["status"] == "succeeded" for page in pages)
    engine = sum(page["seconds"] for page in pages)
    return {
        "limit_pages_per_s": round(1 / limit, 4),
        "our_pages_per_s": round(len(pages) / wall, 4),
        "of_limit": round(limit * len(pages) / wall, 4),
        "engine_busy_share": round(engine / wall, 4),
        "engine_page_s_over_bare": round(engine / len(pages) / limit, 4),
    }


def main() -> None:
    """Measure the chosen engine, print and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("double", "embedded", "paddleocr-vl"), default="double")
    parser.add_argument("--jobs", type=int, default=16, help="of the double")
    parser.add_argument("--longest", type=int, default=LONGEST, help="pages of the double's longest jobs")
    parser.add_argument("--rounds", type=int, help="default: 2 of the double, 5 of an engine")
    parser.add_argument("--full", action="store_true", help="40 jobs, once")
    arguments = parser.parse_args()
    if arguments.engine == "double":
        jobs, rounds = (40, 1) if arguments.full else (arguments.jobs, arguments.rounds or 2)
        metrics = compare_with_plain(jobs, arguments.longest, rounds)
    else:
        metrics = compare_with_limit(arguments.engine, arguments.rounds or 5)
    name = arguments.engine if arguments.longest == LONGEST else f"{arguments.engine}, 1 to {arguments.longest} pages"
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results | {name: metrics}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
