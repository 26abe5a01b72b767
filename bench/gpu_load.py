"""Loads of bench/gpu.py: the whole worker, model servers alone, and bare loops, each as callers in a closed loop.

A caller sends its next job as soon as the last one is answered. The rate is the slope of the answers over the time,
from the end of the first round on: so neither the filling nor the end of the run counts, and answers may come in
bursts.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import gpu_pages
from busy_share import read_seconds, run_worker, start_loop
from gpu_watch import Card, Usage, cores, usage

from ocr_worker.engines.paddleocr_vl.options import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS
from support.worker_process import Worker

_POLL_S = 0.05
_MIN_ANSWERS = 3  # after the first round
_MIN_ROUNDS = 3  # of all callers, for a rate that is a slope; else it is a mean up to the last answer
_MAX_S = 90.0  # for a second round that takes longer than planned
_FIRST_ROUND_S = 240.0
_MAX_NEW_TOKENS = 4096


@dataclass(frozen=True, slots=True, order=True)
class Answer:
    """Outcome of one call: pages (a crop is a part of a page), and tokens of the text, if they can be counted."""

    pages: float
    tokens: int | None = None


Send = Callable[[], Answer]


class ClosedLoop:
    """Callers, each on its thread."""

    def __init__(self, callers: Sequence[Send]) -> None:
        self._callers = callers
        self._stopped = threading.Event()
        self._answers: list[tuple[float, Answer]] = []
        self._error: Exception | None = None
        self._threads = [threading.Thread(target=self._call, args=(send,), daemon=True) for send in callers]

    def measure(
        self, seconds: float, watch: Callable[[], Mapping[str, Usage | None]], card: Card | None
    ) -> dict[str, Any]:
        """Run the load. Return pages and tokens per second, the GPU's use, and cores by process. Raises its error.

        seconds: from the end of the first round to the end; longer if few answers came. watch: returns the usage of the
        processes to report.
        """
        for thread in self._threads:
            thread.start()
        try:
            start = self._wait_for_answers(len(self._callers), 0, _FIRST_ROUND_S)
            before = watch()
            answers = len(self._callers) + max(_MIN_ANSWERS, len(self._callers))  # a second round
            end = self._wait_for_answers(answers, seconds, max(seconds, _MAX_S))
            after = watch()
        finally:
            self._stopped.set()
        return (
            self._rates(start, end)
            | (card.between(start, end) if card else {})
            | {"cores": cores(before, after, end - start)}
        )

    def join(self) -> None:
        """Wait until the last calls are answered."""
        for thread in self._threads:
            thread.join()

    def _call(self, send: Send) -> None:
        while not self._stopped.is_set():
            try:
                answer = send()
            except Exception as error:
                self._error = self._error or error
                self._stopped.set()
                return
            self._answers.append((time.monotonic(), answer))

    def _wait_for_answers(self, count: int, least_s: float, most_s: float) -> float:
        """Wait for so many answers and seconds, but not longer than `most_s`; return the time."""
        started = time.monotonic()
        while (now := time.monotonic()) < started + most_s:
            if self._error:
                raise self._error
            if len(self._answers) >= count and now >= started + least_s:
                break
            time.sleep(_POLL_S)
        return now

    def _rates(self, start: float, end: float) -> dict[str, Any]:
        """Return what was answered per second between these times."""
        counted = sorted((at, answer) for at, answer in self._answers if start < at <= end)
        if len(counted) < 2:
            raise TimeoutError(f"{len(counted)} answers in {end - start:.0f} s: too slow to measure")
        times = [at for at, _ in counted]
        sums = list(accumulate(answer.pages for _, answer in counted))
        is_coarse = len(counted) < _MIN_ROUNDS * len(self._callers)  # a line through few bursts has any slope
        rate = sums[-1] / (times[-1] - start) if is_coarse else statistics.linear_regression(times, sums).slope
        tokens = [answer.tokens for _, answer in counted if answer.tokens is not None]
        rates = {"pages_per_s": round(rate, 3), "pages": round(sums[-1], 1), "seconds": round(end - start, 1)}
        return rates | ({"tokens_per_s": round(rate * sum(tokens) / sums[-1], 1)} if tokens else {})


# --------------------------------------------------------------------------- the whole worker


@contextmanager
def worker_callers(
    folder: Path, settings: Mapping[str, str], open_pages: int, pages_per_job: int, count: Callable[[str], int | None]
) -> Iterator[tuple[Worker, list[Send]]]:
    """Start a worker under the SDK's loop; yield it and callers that send PDFs and wait for the answers.

    open_pages: pages that are with the worker at any time. count: returns the tokens of a Markdown text.
    """
    jobs = max(1, -(-open_pages // pages_per_job))
    inputs = [
        {"documents": [{"base64": base64.b64encode(gpu_pages.document(pages_per_job, index)).decode()}]}
        for index in range(jobs)
    ]
    with run_worker(folder, **settings) as worker:

        def send(job_input: Any) -> Answer:
            result = worker.plane.wait(worker.plane.submit(job_input), 600)
            coverage = (result.output or {}).get("coverage", {})
            if coverage.get("pages_parsed") != pages_per_job:
                raise RuntimeError(f"a job of {pages_per_job} pages was answered with {str(result.raw)[:1000]}")
            texts = [page["markdown"] for page in result.output["documents"][0]["pages"]]
            tokens = [count(text) for text in texts]
            return Answer(pages_per_job, None if None in tokens else sum(filter(None, tokens)))

        yield worker, [partial(send, job) for job in inputs]


def start_phases(worker: Worker) -> dict[str, Any]:
    """Return the seconds of each phase of the worker's start, and of its slowest engine's, from its log."""
    events: dict[str, dict[str, float]] = {}
    for name, line in re.findall(r"event=(ready|engine) (.*)", worker.log()):
        phases = {phase: float(seconds) for phase, seconds in re.findall(r"(\w+)=([\d.]+)", line)}
        events[name] = max(events.get(name, {}), phases, key=lambda event: sum(event.values()))
    return events


# --------------------------------------------------------------------------- model servers alone


def server_callers(urls: Sequence[str], model: str, crops: Sequence[str], in_flight: int) -> list[Send]:
    """Return callers that send crops to the servers, `in_flight` for each server, as the pipeline sends them."""
    bodies = [json.dumps(_request(model, crop)).encode() for crop in crops]
    return [_crop_caller(url, bodies, number) for url in urls for number in range(in_flight)]


def _crop_caller(url: str, bodies: Sequence[bytes], number: int) -> Send:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
    turn = number

    def send() -> Answer:
        nonlocal turn
        turn += 1
        connection.request(
            "POST", f"{parts.path}/chat/completions", bodies[turn % len(bodies)], {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"the model server answers {response.status}: {body[:500]!r}")
        tokens = json.loads(body).get("usage", {}).get("completion_tokens")
        return Answer(1 / gpu_pages.BLOCKS, tokens)

    return send


def _request(model: str, crop: str) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{crop}"}}
    return {
        "model": model,
        "messages": [{"role": "user", "content": [image, {"type": "text", "text": "OCR:"}]}],
        "temperature": 0,
        "max_completion_tokens": _MAX_NEW_TOKENS,
        "mm_processor_kwargs": {"min_pixels": DEFAULT_MIN_PIXELS, "max_pixels": DEFAULT_MAX_PIXELS},
    }


# --------------------------------------------------------------------------- bare loops


@contextmanager
def loop_callers(
    folder: Path, settings: dict[str, str], processes: int, tokens_per_page: int | None
) -> Iterator[tuple[list[subprocess.Popen[str]], list[Send]]]:
    """Start processes that parse one ready page again and again; yield them and their callers."""
    document = folder / "page.pdf"
    document.write_bytes(gpu_pages.document(1))
    with ExitStack() as stack:
        loops = [stack.enter_context(start_loop(document, {}, settings)) for _ in range(processes)]

        def send(loop: subprocess.Popen[str]) -> Answer:
            assert loop.stdin is not None
            loop.stdin.write("\n")
            loop.stdin.flush()
            read_seconds(loop)
            return Answer(1, tokens_per_page)

        yield loops, [partial(send, loop) for loop in loops]


def watch_processes(pids: Mapping[str, int]) -> Callable[[], dict[str, Usage | None]]:
    """Return a function that returns the usage of each process by name."""
    return lambda: {name: usage(pid) for name, pid in pids.items()}
