"""Fault injection into a whole worker: every job and every page must still end in exactly one way.

`python bench/chaos.py [--jobs 300] [--seed 1]`; writes results/chaos.json; exits 1 when any count
disagrees. The workers are real, the engine is a double. Pages fail, engines die or hang, hosts fail, files are broken,
jobs are cancelled, and rasterizer processes are killed at random moments. `Platform` replaces a worker whose engine is
gone, as the platform does. `Account` compares the result of every job and page with the plan. The seed decides the
jobs; the time at which something happens to them depends on the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil

from support import doubles, stranger_server
from support.control_plane import ControlPlane, JobRecord, Json, Result
from support.doubles import Colour
from support.drawing import document, pdf, png, tiff
from support.worker_process import Worker, start_worker

RESULTS = Path(__file__).parent / "results" / "chaos.json"
SETTINGS = {
    "OCR_ENGINE": "support.doubles:by_colour",
    "OCR_CONCURRENCY": "4",
    "OCR_ENGINE_TIMEOUT_S": "1.5",
    "OCR_ENGINE_PAGE_TIMEOUT_S": "0.5",
    "OCR_FETCH_TIMEOUT_S": "2",
    "DOUBLE_SECONDS": "0.1",
    "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true",
}
TICK_S, CANCELS_A_S, KILLS_A_S = 0.05, 0.3, 1.0
DEADLY = 30  # one job in so many kills the engine, or hangs it
LIMIT_S = (60, 3)  # for all, and for each job; a job that has not ended by then is lost
A4 = (595, 842)

# Error codes that a page or a source causes itself; those of FATES may happen to any page beside it.
FAILING_COLORS = dict.fromkeys((doubles.RAISES, doubles.BABBLES, doubles.TOO_FEW, doubles.NAN), "PAGE_FAILED")
FAILING_COLORS[doubles.OUT_OF_MEMORY] = "ENGINE_OUT_OF_MEMORY"
COVERAGE = ("documents_expected", "documents_failed", "pages_expected", "pages_parsed", "pages_failed")
DEATHS = (doubles.ENGINE_DIES, doubles.HANGS)
SOURCES = dict.fromkeys(("/busy", "/short"), "SOURCE_UNAVAILABLE")
SOURCES |= {"/missing": "SOURCE_REJECTED", "/drip": "SOURCE_TIMED_OUT"}
FATES = {"ENGINE_UNAVAILABLE", "ENGINE_TIMED_OUT", "DOCUMENT_RASTERIZER_CRASHED"}
# Far enough from each other to detect a page mistaken for another, even after the changes of a JPEG.
PALETTE = [(red, green, blue) for red in range(48, 256, 32) for green in range(48, 256, 32) for blue in (80, 144, 208)]


@dataclass(frozen=True)
class PlannedDocument:
    """A document of a job: its request and the expected result."""

    name: str
    colors: list[Colour]  # of all its pages
    numbers: list[int]  # of the requested pages
    code: str | None  # error code with which it fails, if it does
    entry: Json  # of the request


@dataclass(frozen=True)
class Job:
    """A job: its documents, its options and the expected error."""

    documents: list[PlannedDocument]
    options: Json
    code: str | None  # error code with which the job is rejected, if it is


class Server(stranger_server.Server):
    """A source server that is busy as well."""

    def serve_busy(self) -> None:
        """Answer with status 503."""
        self.answer(b"not now", 503)


class QuietServer(ThreadingHTTPServer):
    """A server for which a client that gave up is no error."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


def plan_jobs(count: int, chance: random.Random, host: str) -> list[Job]:
    """Return random jobs, about 1 in DEADLY of which kills or hangs the engine."""
    jobs: list[Job] = []
    deaths = dict(zip(chance.sample(range(count), max(1, count // DEADLY)), DEATHS * count, strict=False))
    for number in range(count):
        death, documents = deaths.get(number), range(chance.choice([1, 1, 1, 2, 3]))
        plans = [plan_document(f"{number + 1}-{index + 1}", chance, host, death) for index in documents]
        option, code = ("dip", "INVALID_REQUEST") if not death and chance.random() < 0.03 else ("dpi", None)
        jobs.append(Job(plans, {option: chance.choice([72, 72, 144])}, code))
    return jobs


def plan_document(name: str, chance: random.Random, host: str, death: Colour | None) -> PlannedDocument:
    """Return a random document, from a source server or in the request, perhaps broken."""
    colors = plan_colors(chance, death)
    data = png(colors[0]) if len(colors) == 1 else chance.choice([tiff(colors), pdf(colors), pdf(colors, A4)])
    code, luck = None, 1 if death else chance.random()
    if luck < 0.05:
        data, code = data[:8] + chance.randbytes(500), "DOCUMENT_CORRUPT"
    elif luck < 0.07:
        data, code = b"no document at all", "DOCUMENT_UNSUPPORTED_TYPE"
    numbers, fields = list(range(1, len(colors) + 1)), {"id": name}
    if chance.random() < 0.3:
        numbers = sorted(chance.sample(numbers, chance.randint(1, len(numbers))))
        fields["pages"] = ",".join(map(str, [*numbers, len(colors) + 3]))  # the last one is past the end
    if death or chance.random() < 0.6:
        return PlannedDocument(name, colors, numbers, code, document(data, **fields))
    path = chance.choice([f"/{name}", f"/{name}", f"/{name}", *SOURCES])
    stranger_server.FILES[f"/{name}"] = data
    return PlannedDocument(name, colors, numbers, SOURCES.get(path, code), {"url": host + path, **fields})


def plan_colors(chance: random.Random, death: Colour | None) -> list[Colour]:
    """Return the colors of a document's pages, some of them slow or faulty."""
    slow_share, count = chance.choice([0.05, 0.05, 0.5]), chance.randint(1, 12)
    kinds = chance.choices([PALETTE, [doubles.SLOW], list(FAILING_COLORS)], [1 - slow_share, slow_share, 0.05], k=count)
    colors = [chance.choice(kind) for kind in kinds]
    if death:
        colors[chance.randrange(count)] = death
    return colors


class Platform:
    """A platform that keeps one worker alive, while it cancels jobs and kills rasterizer processes."""

    def __init__(self, plane: ControlPlane, folder: Path, chance: random.Random) -> None:
        self._plane, self._folder, self._chance = plane, folder, chance
        self._lost: set[str] = set()
        self.wrong: list[str] = []
        self.figures: Counter[str] = Counter()
        self.worker = self._start_worker()

    def run(self, jobs: list[Job]) -> dict[str, Job]:
        """Submit the jobs, wait until all have ended, and return them by their ids."""
        submitted: dict[str, Job] = {}
        left = 0  # jobs that are open when more are submitted
        deadline = time.monotonic() + LIMIT_S[0] + LIMIT_S[1] * len(jobs)
        while (len(submitted) < len(jobs) or self._open()) and time.monotonic() < deadline:
            burst = 0
            if len(self._open()) <= left:  # sometimes there is nothing to do, and a poll stays open
                burst, left = self._chance.randint(1, 16), self._chance.choice([0, 4, 8])
            for job in jobs[len(submitted) : len(submitted) + burst]:
                documents = [planned.entry for planned in job.documents]
                submitted[self._plane.submit({"documents": documents, "options": job.options})] = job
            for act, times_a_second in ((self._cancel_job, CANCELS_A_S), (self._kill_rasterizer, KILLS_A_S)):
                if self._chance.random() < times_a_second * TICK_S:
                    act()
            is_draining = any(result.stop_pod for result in self._results())
            if is_draining or self.worker.process.poll() is not None:
                self._end_worker("asked to be replaced" if is_draining else "ended by itself")
                self.worker = self._start_worker()
            time.sleep(TICK_S)
        self.worker.wait_ready()  # a worker that is stopped before it is ready does not end in order
        self._end_worker("had nothing left to do")
        return submitted

    def _start_worker(self) -> Worker:
        self.figures["workers"] += 1
        self._since, self._plane.polls = time.monotonic(), 0
        return start_worker(self._plane, self._folder / f"{self.figures['workers']}.log", **SETTINGS)

    def _open(self) -> list[str]:
        return [n for n, job in self._plane.jobs.items() if not (job.results or job.is_cancelled or n in self._lost)]

    def _cancel_job(self) -> None:
        target, log = self._chance.choice(["queued", "running", "running"]), self.worker.log()
        states = {name: "running" if f"{name} | Started." in log else "queued" for name in self._open()}
        if names := [name for name, state in states.items() if state == target]:
            self._plane.cancel(self._chance.choice(names))
            self.figures[f"jobs cancelled while {target}"] += 1

    def _kill_rasterizer(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.worker.process.pid).children()
            if rasterizers := [c for c in children if "ocr_worker.sources.rasterizer.child" in c.cmdline()]:
                self._chance.choice(rasterizers).kill()
                self.figures["rendering children killed"] += 1

    def _end_worker(self, reason: str) -> None:
        """Stop the worker in order. A job that it took and never answered is lost."""
        self.worker.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.worker.exit_code()
        if (code := self.worker.process.poll()) != 0:
            self.wrong.append(f"a worker ended with {code}:\n{self.worker.log()[-3000:]}")
        if any(result.stop_pod for result in self._results()[:-1]):
            self.wrong.append("a worker answered after it had asked to be replaced")
        self.worker.kill()
        self._lost |= {name for name in self._open() if self._plane.jobs[name].worker}
        self.figures[f"workers that {reason}"] += 1
        print(f"worker {self.figures['workers']} {reason}, after {len(self._results())} answers", flush=True)

    def _results(self) -> list[Result]:
        """Return the results of this worker, in their order."""
        results = (result for record in self._plane.jobs.values() for result in record.results)
        return sorted((result for result in results if result.at > self._since), key=lambda result: result.at)


class Account:
    """Counts of the ends of all jobs and pages; `wrong` lists each disagreement with the plan."""

    def __init__(self) -> None:
        self.jobs = Counter({"answered once": 0, "cancelled": 0, "lost": 0, "twice": 0})
        self.pages: Counter[str] = Counter()
        self.wrong: list[str] = []

    def enter(self, name: str, job: Job, record: JobRecord) -> None:
        """Check the result of one job, and count its end and the ends of its pages."""
        unanswered = "cancelled" if record.is_cancelled else "lost"
        end = (unanswered, "answered once", "twice")[min(len(record.results), 2)]
        self.jobs[end] += 1
        self._check(not record.rejected_results, name, f"refused by the platform: {record.rejected_results}")
        page_count = sum(len(planned.numbers) for planned in job.documents)
        if not record.results:
            self.pages[end] += page_count
        elif "documents" in (record.results[0].output or {}):
            self._check_documents(name, job, record.results[0])
        else:
            code = str(record.results[0].error).partition(":")[0]
            self.pages[f"job failed: {code}"] += page_count
            self._check(code == job.code or code in FATES, name, f"failed with {code}")

    def _check(self, is_right: bool, name: str, message: str) -> None:
        if not is_right:
            self.wrong.append(f"{name}: {message}")

    def _check_documents(self, name: str, job: Job, result: Result) -> None:
        entries = result.output["documents"]
        self._check(
            [entry["id"] for entry in entries] == [planned.name for planned in job.documents], name, "other documents"
        )
        self._check((result.output["status"] == "failed") == bool(result.error), name, "status and error disagree")
        self._check(job.code is None, name, f"not refused with {job.code}")
        parsed = [page["status"] == "succeeded" for entry in entries for page in entry["pages"]]
        failed = sum(entry["status"] == "failed" for entry in entries)
        counted = [len(entries), failed, len(parsed), sum(parsed), len(parsed) - sum(parsed)]
        coverage = [result.output["coverage"][field] for field in COVERAGE]
        self._check(coverage == counted, name, f"coverage tells {coverage}, the entries {counted}")
        for planned, entry in zip(job.documents, entries, strict=False):
            self._check_document(f"{name} {planned.name}", planned, entry)

    def _check_document(self, name: str, planned: PlannedDocument, entry: Json) -> None:
        code = entry.get("error", {}).get("code")
        if not entry["pages"]:
            self.pages[f"document failed: {code}"] += len(planned.numbers)
            self._check(code is not None and (code == planned.code or code in FATES), name, f"failed with {code}")
            return
        numbers, states = [page["page"] for page in entry["pages"]], {page["status"] for page in entry["pages"]}
        status = states.pop() if len(states) == 1 else "partial"
        self._check(planned.code is None, name, f"did not fail with {planned.code}")
        self._check(entry["page_count"] == len(planned.colors), name, f"has {entry['page_count']} pages")
        self._check(entry["status"] == status, name, f"is {entry['status']}, not {status}")
        self._check(status != "succeeded" or not code, name, f"succeeded with the error {code}")
        self._check(numbers == planned.numbers, name, f"has pages {numbers}, not {planned.numbers}")
        for page in entry["pages"] if numbers == planned.numbers else ():
            self._check_page(f"{name} page {page['page']}", planned.colors[page["page"] - 1], page)

    def _check_page(self, name: str, color: Colour, page: Json) -> None:
        if page["status"] == "succeeded":
            self.pages["parsed"] += 1
            parsed = bytes.fromhex(page["markdown"].removeprefix(f"{doubles.READING} #"))
            is_right = all(abs(a - b) <= 8 for a, b in zip(parsed, color, strict=True))
            self._check(
                is_right and color not in (*FAILING_COLORS, *DEATHS), name, f"{color} was read as {tuple(parsed)}"
            )
        else:
            code = page["error"]["code"]
            self.pages[f"page failed: {code}"] += 1
            self._check(code in FATES or code == FAILING_COLORS.get(color), name, f"{color} failed with {code}")


def main() -> None:
    """Run the jobs, check their results, print and write the counts, and exit with 1 if any disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started, account = time.monotonic(), Account()
    server = QuietServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    planned = plan_jobs(arguments.jobs, random.Random(arguments.seed), f"http://127.0.0.1:{server.server_port}")
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        platform = Platform(plane, Path(folder), random.Random(arguments.seed + 1))
        try:
            for name, job in platform.run(planned).items():
                account.enter(name, job, plane.jobs[name])
        finally:
            platform.worker.kill()
    wrong, jobs, happened = [*platform.wrong, *account.wrong], account.jobs, platform.figures
    page_count, accounted = sum(len(d.numbers) for job in planned for d in job.documents), account.pages.total()
    outcome = {"seed": arguments.seed, "seconds": round(time.monotonic() - started), "jobs": jobs}
    outcome |= {
        "pages_asked": page_count,
        "pages_accounted": accounted,
        "pages": account.pages,
        "happened": happened,
        "wrong": wrong,
    }
    RESULTS.write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
    for title, counts in (("what happened", happened), ("jobs", jobs), ("pages", account.pages)):
        print(f"\n{title}", *(f"{count:6}  {end}" for end, count in counts.most_common()), sep="\n")
    print(*wrong, sep="\n")
    ends = "; ".join(f"{end} {count}" for end, count in jobs.items())
    print(f"pages: {page_count} asked, {accounted} accounted for; jobs: {ends}; workers used {happened['workers']}")
    sys.exit(arguments.jobs != jobs["answered once"] + jobs["cancelled"] or page_count != accounted or bool(wrong))


if __name__ == "__main__":
    main()
