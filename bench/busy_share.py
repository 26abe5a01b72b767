"""How busy is the engine kept? Our worker against the plain handler, and against the limit of a real engine.

`python bench/busy_share.py [--jobs 16] [--longest 30] [--rounds 2] [--full]`: the share of the time in which the engine
works, of our worker and of bench/naive_handler.py, each a process under the SDK's loop, in turn. PDFs of 1 to 30 pages
come from a server that takes 300 ms; an engine double takes 250 ms a page without holding the interpreter. --full: 40
jobs, once.
`python bench/busy_share.py --engine embedded` (or paddleocr-vl, on the test weights): pages a second of our whole
worker against a bare loop over ready pages through the same engine in one process, in turn, with the same settings.
Each writes results/busy_share.json, under its engine's name.
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
from bench_engines import TOLD
from soak import text_pdf

from support import tinyvl
from support.control_plane import ControlPlane
from support.http_handler import Answering
from support.worker_process import HANDLER, ROOT, Worker, start_worker

BENCH = Path(__file__).parent
RESULTS = BENCH / "results" / "busy_share.json"
PYTHONPATH = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests", BENCH)))
WANTED = 0.95
LATENCY_S = 0.3
PAGE_S = 0.25
DPI = 144
LONGEST = 30
LIMIT_PAGES = 6
JOBS_PAGES = (9, 6, 6, 3)  # of the jobs that are measured against the limit: the same pages as often
PAGES = sum(JOBS_PAGES)

Json = dict[str, Any]


@contextmanager
def worker(folder: Path, handler: Path = HANDLER, **settings: str) -> Iterator[Worker]:
    """A worker that asks for jobs."""
    with ControlPlane() as plane:
        log = folder / f"{handler.stem}.log"
        started = start_worker(plane, log, handler, **({"PYTHONPATH": PYTHONPATH} | settings))
        try:
            yield started.wait_ready(180)
        finally:
            started.kill()


def wall_s(plane: ControlPlane, inputs: Sequence[Json]) -> tuple[float, list[Json]]:
    """Seconds from the first job's submission to the last one's answer, and the answers."""
    started = time.monotonic()
    jobs = [plane.submit(given) for given in inputs]
    results = [plane.wait(job, 1200) for job in jobs]
    assert not any(result.error for result in results), results
    return max(result.at for result in results) - started, [result.output for result in results]


# --------------------------------------------------------------------------- against the plain handler


class Slow(Answering):
    """Answers `/<pages>` with a PDF of so many, after LATENCY_S."""

    def do_GET(self) -> None:
        time.sleep(LATENCY_S)
        self.answer(text_pdf(int(self.path[1:])))


@contextmanager
def documents_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@dataclass(slots=True)
class Side:
    """A worker whose engine writes its calls to a file."""

    worker: Worker
    calls_file: Path

    def run(self, inputs: Sequence[Json], pages: int) -> Json:
        """Wall time and busy share of these jobs; the longest gaps between two calls."""
        before = len(self._calls())
        wall, _ = wall_s(self.worker.plane, inputs)
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


def against_plain(jobs: int, longest: int, rounds: int) -> Json:
    """Both sides on the same jobs, `rounds` times."""
    chance = random.Random(1)
    pages = [chance.randint(1, longest) for _ in range(jobs)]
    print(f"{jobs} jobs, {sum(pages)} pages: {pages}")
    runs: dict[str, list[Json]] = {"ours": [], "plain": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(documents_server())
        inputs = [{"documents": [{"url": f"{url}/{count}"}], "options": {"dpi": DPI}} for count in pages]
        sides = {}
        for name, handler in (("ours", HANDLER), ("plain", BENCH / "naive_handler.py")):
            environment = {
                "OCR_ENGINE": "bench_engines:timed",
                "BENCH_PAGE_S": str(PAGE_S),
                "BENCH_CALLS": str(folder / name),
                "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true",
            }
            sides[name] = Side(stack.enter_context(worker(folder, handler, **environment)), folder / name)
        for index in range(rounds):
            for name, side in list(sides.items())[:: -1 if index % 2 else 1]:
                runs[name].append(side.run(inputs, sum(pages)))
                print(f"{name:6} {runs[name][-1]}", flush=True)
    shares = {name: [run["busy_share"] for run in found] for name, found in runs.items()}
    ratios = [a["wall_s"] / b["wall_s"] for a, b in zip(runs["ours"], runs["plain"], strict=True)]
    ratio = round(statistics.median(ratios), 3)
    print(f"busy share: ours {shares['ours']}, wanted >= {WANTED}; plain {shares['plain']}")
    print(f"wall time, ours / plain: {ratio}")
    return {"pages_by_job": pages, "page_s": PAGE_S, **runs, "wall_ratio": ratio, "wanted_busy_share": WANTED}


# --------------------------------------------------------------------------- against the limit


@contextmanager
def bare_loop(document: Path, options: Json, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The process that has the pages ready."""
    command = [sys.executable, str(BENCH / "bench_engines.py"), str(document), json.dumps(options)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": PYTHONPATH} | environment,
    ) as process:
        told_s(process)
        yield process
        process.kill()


def told_s(process: subprocess.Popen[str]) -> float:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(TOLD):
            return float(line.removeprefix(TOLD))
    raise AssertionError(f"the bare loop ended with {process.wait()}")


def loop_s(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Seconds a page of the bare loop, and of the processor."""
    assert process.stdin is not None
    before = cpu_s(process.pid)
    process.stdin.write("\n")
    process.stdin.flush()
    told = told_s(process)
    return told / LIMIT_PAGES, (cpu_s(process.pid) - before) / LIMIT_PAGES


def cpu_s(pid: int) -> float:
    """Of the processor, that the process has used, without its children."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def document_of(engine: str, pages: int) -> bytes:
    if engine == "embedded":
        return text_pdf(pages)
    return tinyvl.tiff([tinyvl.LINES[index % 3 : index % 3 + 4] for index in range(pages)])


def setting_of(engine: str) -> tuple[dict[str, str], Json]:
    """The environment of both sides, and the options of their pages."""
    if engine == "embedded":
        return {"OCR_ENGINE": engine, "OMP_NUM_THREADS": "1"}, {"dpi": DPI, "text_layer": "never"}
    return tinyvl.environment(OCR_WARMUP_CHECK="false"), {"max_new_tokens": tinyvl.LIMIT}


def against_limit(engine: str, rounds: int) -> Json:
    """Both sides in turn.

    What is lost is told apart: idle time of the engine (`engine_busy_share`), pages that take it longer inside the
    worker (`engine_page_s_over_bare`), and the work of the worker's process beside the engine, which is measured by the
    processor's time and so does not depend on what else the machine does (`cpu_of_limit`).
    """
    environment, options = setting_of(engine)
    runs: list[Json] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "document").write_bytes(document_of(engine, LIMIT_PAGES))
        loop = stack.enter_context(bare_loop(folder / "document", options, environment))
        ours = stack.enter_context(worker(folder, **environment))
        inputs = [
            {"documents": [{"base64": base64.b64encode(document_of(engine, pages)).decode()}], "options": options}
            for pages in JOBS_PAGES
        ]
        loop_s(loop)
        wall_s(ours.plane, inputs[:1])  # both are warm
        for _ in range(rounds):
            before, cpu = loop_s(loop), cpu_s(ours.process.pid)
            wall, answers = wall_s(ours.plane, inputs)
            spent, after = cpu_s(ours.process.pid) - cpu, loop_s(loop)
            limit, limit_cpu = ((a + b) / 2 for a, b in zip(before, after, strict=True))  # the machine's mood changes
            runs.append(compared(limit, wall, answers) | {"cpu_of_limit": round(limit_cpu * PAGES / spent, 4)})
            print(runs[-1], flush=True)
    medians = {name: round(statistics.median(run[name] for run in runs), 4) for name in runs[0]}
    print(f"{engine}, medians: {medians}; of the limit: {medians['of_limit']}, wanted >= {WANTED}")
    return {"pages_by_job": JOBS_PAGES, "rounds": runs, "medians": medians, "wanted": WANTED}


def compared(limit: float, wall: float, answers: Sequence[Json]) -> Json:
    """Of one round; limit: seconds a page of the bare loop."""
    pages = [page for answer in answers for page in answer["documents"][0]["pages"]]
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("double", "embedded", "paddleocr-vl"), default="double")
    parser.add_argument("--jobs", type=int, default=16, help="of the double")
    parser.add_argument("--longest", type=int, default=LONGEST, help="pages of the double's longest jobs")
    parser.add_argument("--rounds", type=int, help="default: 2 of the double, 5 of an engine")
    parser.add_argument("--full", action="store_true", help="40 jobs, once")
    given = parser.parse_args()
    if given.engine == "double":
        jobs, rounds = (40, 1) if given.full else (given.jobs, given.rounds or 2)
        found = against_plain(jobs, given.longest, rounds)
    else:
        found = against_limit(given.engine, given.rounds or 5)
    name = given.engine if given.longest == LONGEST else f"{given.engine}, 1 to {given.longest} pages"
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known | {name: found}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
