"""Everything goes wrong at once, and the books must still balance: every job and every page ends in exactly one way.

`python bench/chaos.py [--jobs 300] [--seed 1]`; writes results/chaos.json; exits 1 when anything does not add up. Real
workers, an engine double: pages that fail, engines that die or hang, hosts that fail, broken files, cancelled jobs, and
rendering children killed at random moments. A worker whose engine is gone is replaced, as the platform does it. The
jobs are the seed's; when what happens to them is up to the machine.
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
DEADLY = 30  # every so many jobs there is one that kills the engine, or hangs it
LIMIT_S = (60, 3)  # for all, and for each job; what has not ended then is lost
A4 = (595, 842)

# What a page or a source comes to by its own fault; FATES may befall any page that is near.
FAULTS = dict.fromkeys((doubles.RAISES, doubles.BABBLES, doubles.TOO_FEW, doubles.NAN), "PAGE_FAILED")
FAULTS[doubles.OUT_OF_MEMORY] = "ENGINE_OUT_OF_MEMORY"
COVERAGE = ("documents_expected", "documents_failed", "pages_expected", "pages_parsed", "pages_failed")
DEATHS = (doubles.ENGINE_DIES, doubles.HANGS)
SOURCES = dict.fromkeys(("/busy", "/short"), "SOURCE_UNAVAILABLE")
SOURCES |= {"/missing": "SOURCE_REJECTED", "/drip": "SOURCE_TIMED_OUT"}
FATES = {"ENGINE_UNAVAILABLE", "ENGINE_TIMED_OUT", "DOCUMENT_RASTERIZER_CRASHED"}
# Far enough from each other that a page that was taken for another is seen, behind a JPEG's changes, too.
PALETTE = [(red, green, blue) for red in range(48, 256, 32) for green in range(48, 256, 32) for blue in (80, 144, 208)]


@dataclass(frozen=True)
class Planned:
    name: str
    colours: list[Colour]  # of all its pages
    asked: list[int]  # the pages that were asked for
    code: str | None  # why it cannot be opened, if it can't
    entry: Json  # of the request


@dataclass(frozen=True)
class Job:
    documents: list[Planned]
    options: Json
    code: str | None  # why it is refused as a whole, if it is


class Server(stranger_server.Server):
    def serve_busy(self) -> None:
        self.answer(b"not now", 503)


def planned_jobs(count: int, chance: random.Random, host: str) -> list[Job]:
    jobs: list[Job] = []
    deaths = dict(zip(chance.sample(range(count), max(1, count // DEADLY)), DEATHS * count, strict=False))
    for number in range(count):
        death, documents = deaths.get(number), range(chance.choice([1, 1, 1, 2, 3]))
        drawn = [planned_document(f"{number + 1}-{one + 1}", chance, host, death) for one in documents]
        option, code = ("dip", "INVALID_REQUEST") if not death and chance.random() < 0.03 else ("dpi", None)
        jobs.append(Job(drawn, {option: chance.choice([72, 72, 144])}, code))
    return jobs


def planned_document(name: str, chance: random.Random, host: str, death: Colour | None) -> Planned:
    colours = planned_colours(chance, death)
    data = png(colours[0]) if len(colours) == 1 else chance.choice([tiff(colours), pdf(colours), pdf(colours, A4)])
    code, broken = None, 1 if death else chance.random()
    if broken < 0.05:
        data, code = data[:8] + chance.randbytes(500), "DOCUMENT_CORRUPT"
    elif broken < 0.07:
        data, code = b"no document at all", "DOCUMENT_UNSUPPORTED_TYPE"
    asked, fields = list(range(1, len(colours) + 1)), {"id": name}
    if chance.random() < 0.3:
        asked = sorted(chance.sample(asked, chance.randint(1, len(asked))))
        fields["pages"] = ",".join(map(str, [*asked, len(colours) + 3]))  # the last one is past the end
    if death or chance.random() < 0.6:
        return Planned(name, colours, asked, code, document(data, **fields))
    path = chance.choice([f"/{name}", f"/{name}", f"/{name}", *SOURCES])
    stranger_server.FILES[f"/{name}"] = data
    return Planned(name, colours, asked, SOURCES.get(path, code), {"url": host + path, **fields})


def planned_colours(chance: random.Random, death: Colour | None) -> list[Colour]:
    slow, count = chance.choice([0.05, 0.05, 0.5]), chance.randint(1, 12)
    kinds = chance.choices([PALETTE, [doubles.SLOW], list(FAULTS)], [1 - slow, slow, 0.05], k=count)
    colours = [chance.choice(kind) for kind in kinds]
    if death:
        colours[chance.randrange(count)] = death
    return colours


class Platform:
    """Keeps one worker alive until every job has ended, while it cancels jobs and kills rendering children."""

    def __init__(self, plane: ControlPlane, folder: Path, chance: random.Random) -> None:
        self._plane, self._folder, self._chance = plane, folder, chance
        self._lost: set[str] = set()
        self.wrong: list[str] = []
        self.figures: Counter[str] = Counter()
        self.worker = self._fresh()

    def run(self, jobs: list[Job]) -> dict[str, Job]:
        """The jobs by their ids, once all have ended."""
        given: dict[str, Job] = {}
        left = 0  # jobs that are open when more come
        deadline = time.monotonic() + LIMIT_S[0] + LIMIT_S[1] * len(jobs)
        while (len(given) < len(jobs) or self._open()) and time.monotonic() < deadline:
            burst = 0
            if len(self._open()) <= left:  # now and then there is nothing to do, and a poll stays open
                burst, left = self._chance.randint(1, 16), self._chance.choice([0, 4, 8])
            for job in jobs[len(given) : len(given) + burst]:
                documents = [planned.entry for planned in job.documents]
                given[self._plane.submit({"documents": documents, "options": job.options})] = job
            for happen, times_a_second in ((self._cancel_one, CANCELS_A_S), (self._kill_a_child, KILLS_A_S)):
                if self._chance.random() < times_a_second * TICK_S:
                    happen()
            asked = any(one.stop_pod for one in self._answers())
            if asked or self.worker.process.poll() is not None:
                self._end_worker("asked to be replaced" if asked else "ended by itself")
                self.worker = self._fresh()
            time.sleep(TICK_S)
        self.worker.wait_ready()  # told to stop before, it would not end in order
        self._end_worker("had nothing left to do")
        return given

    def _fresh(self) -> Worker:
        self.figures["workers"] += 1
        self._since, self._plane.polls = time.monotonic(), 0
        return start_worker(self._plane, self._folder / f"{self.figures['workers']}.log", **SETTINGS)

    def _open(self) -> list[str]:
        return [n for n, job in self._plane.jobs.items() if not (job.results or job.is_cancelled or n in self._lost)]

    def _cancel_one(self) -> None:
        wanted, log = self._chance.choice(["queued", "running", "running"]), self.worker.log()
        states = {name: "running" if f"{name} | Started." in log else "queued" for name in self._open()}
        if names := [name for name, state in states.items() if state == wanted]:
            self._plane.cancel(self._chance.choice(names))
            self.figures[f"jobs cancelled while {wanted}"] += 1

    def _kill_a_child(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.worker.process.pid).children()
            if rendering := [one for one in children if "ocr_worker.sources.rasterizer.child" in one.cmdline()]:
                self._chance.choice(rendering).kill()
                self.figures["rendering children killed"] += 1

    def _end_worker(self, why: str) -> None:
        """Stops it in order; a job it took and never answered is lost."""
        self.worker.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.worker.exit_code()
        if (code := self.worker.process.poll()) != 0:
            self.wrong.append(f"a worker ended with {code}:\n{self.worker.log()[-3000:]}")
        if any(one.stop_pod for one in self._answers()[:-1]):
            self.wrong.append("a worker answered after it had asked to be replaced")
        self.worker.kill()
        self._lost |= {name for name in self._open() if self._plane.jobs[name].worker}
        self.figures[f"workers that {why}"] += 1
        print(f"worker {self.figures['workers']} {why}, after {len(self._answers())} answers", flush=True)

    def _answers(self) -> list[Result]:
        """Of this worker, in their order."""
        results = (one for record in self._plane.jobs.values() for one in record.results)
        return sorted((one for one in results if one.at > self._since), key=lambda one: one.at)


class Account:
    """What became of every job and of every page; `wrong` tells what does not add up."""

    def __init__(self) -> None:
        self.jobs = Counter({"answered once": 0, "cancelled": 0, "lost": 0, "twice": 0})
        self.pages: Counter[str] = Counter()
        self.wrong: list[str] = []

    def enter(self, name: str, job: Job, record: JobRecord) -> None:
        unanswered = "cancelled" if record.is_cancelled else "lost"
        end = (unanswered, "answered once", "twice")[min(len(record.results), 2)]
        self.jobs[end] += 1
        self._check(not record.rejected_results, name, f"refused by the platform: {record.rejected_results}")
        asked = sum(len(planned.asked) for planned in job.documents)
        if not record.results:
            self.pages[end] += asked
        elif "documents" in (record.results[0].output or {}):
            self._entries(name, job, record.results[0])
        else:
            code = str(record.results[0].error).partition(":")[0]
            self.pages[f"job failed: {code}"] += asked
            self._check(code == job.code or code in FATES, name, f"failed with {code}")

    def _check(self, holds: bool, name: str, told: str) -> None:
        if not holds:
            self.wrong.append(f"{name}: {told}")

    def _entries(self, name: str, job: Job, result: Result) -> None:
        entries = result.output["documents"]
        self._check([one["id"] for one in entries] == [one.name for one in job.documents], name, "other documents")
        self._check((result.output["status"] == "failed") == bool(result.error), name, "status and error disagree")
        self._check(job.code is None, name, f"not refused with {job.code}")
        parsed = [page["status"] == "succeeded" for entry in entries for page in entry["pages"]]
        failed = sum(entry["status"] == "failed" for entry in entries)
        counted = [len(entries), failed, len(parsed), sum(parsed), len(parsed) - sum(parsed)]
        told = [result.output["coverage"][what] for what in COVERAGE]
        self._check(told == counted, name, f"coverage tells {told}, the entries {counted}")
        for planned, entry in zip(job.documents, entries, strict=False):
            self._document(f"{name} {planned.name}", planned, entry)

    def _document(self, name: str, planned: Planned, entry: Json) -> None:
        code = entry.get("error", {}).get("code")
        if not entry["pages"]:
            self.pages[f"document failed: {code}"] += len(planned.asked)
            self._check(code is not None and (code == planned.code or code in FATES), name, f"failed with {code}")
            return
        numbers, states = [page["page"] for page in entry["pages"]], {page["status"] for page in entry["pages"]}
        status = states.pop() if len(states) == 1 else "partial"
        self._check(planned.code is None, name, f"did not fail with {planned.code}")
        self._check(entry["page_count"] == len(planned.colours), name, f"has {entry['page_count']} pages")
        self._check(entry["status"] == status, name, f"is {entry['status']}, not {status}")
        self._check(status != "succeeded" or not code, name, f"succeeded with the error {code}")
        self._check(numbers == planned.asked, name, f"has pages {numbers}, not {planned.asked}")
        for page in entry["pages"] if numbers == planned.asked else ():
            self._page(f"{name} page {page['page']}", planned.colours[page["page"] - 1], page)

    def _page(self, name: str, colour: Colour, page: Json) -> None:
        if page["status"] == "succeeded":
            self.pages["parsed"] += 1
            found = bytes.fromhex(page["markdown"].removeprefix(f"{doubles.READING} #"))
            right = all(abs(one - other) <= 8 for one, other in zip(found, colour, strict=True))
            self._check(right and colour not in (*FAULTS, *DEATHS), name, f"{colour} was read as {tuple(found)}")
        else:
            code = page["error"]["code"]
            self.pages[f"page failed: {code}"] += 1
            self._check(code in FATES or code == FAULTS.get(colour), name, f"{colour} failed with {code}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started, account = time.monotonic(), Account()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.handle_error = lambda *args: None  # a client that gave up is none
    threading.Thread(target=server.serve_forever, daemon=True).start()
    planned = planned_jobs(given.jobs, random.Random(given.seed), f"http://127.0.0.1:{server.server_port}")
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        platform = Platform(plane, Path(folder), random.Random(given.seed + 1))
        try:
            for name, job in platform.run(planned).items():
                account.enter(name, job, plane.jobs[name])
        finally:
            platform.worker.kill()
    wrong, jobs, happened = [*platform.wrong, *account.wrong], account.jobs, platform.figures
    asked, accounted = sum(len(one.asked) for job in planned for one in job.documents), account.pages.total()
    found = {"seed": given.seed, "seconds": round(time.monotonic() - started), "jobs": jobs, "pages_asked": asked}
    found |= {"pages_accounted": accounted, "pages": account.pages, "happened": happened, "wrong": wrong}
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for title, counts in (("what happened", happened), ("jobs", jobs), ("pages", account.pages)):
        print(f"\n{title}", *(f"{count:6}  {what}" for what, count in counts.most_common()), sep="\n")
    print(*wrong, sep="\n")
    told = "; ".join(f"{what} {count}" for what, count in jobs.items())
    print(f"pages: {asked} asked, {accounted} accounted for; jobs: {told}; workers used {happened['workers']}")
    sys.exit(given.jobs != jobs["answered once"] + jobs["cancelled"] or asked != accounted or bool(wrong))


if __name__ == "__main__":
    main()
