"""Load test of the HTTP app: mixed-up responses, latency, and a comparison with PaddleX's own serving.

`python bench/http_load.py [--requests 2000] [--served 320] [--paddlex PYTHON]`; 64 callers send requests in a closed
loop. First, our app gets documents of 1 to 8 pages (PNG, TIFF, PDF; JSON and forms), with an engine double that takes
5 ms per page. Each page has a color that no other page of the run has, and the double reads colors. This detects a
response that belongs to another request. Then our app and PaddleX's serving get pages of ten lines, one after the
other, on the same double of a model server (crop_server.py: 400 ms per crop, room for 64), with layout by the test
weights. --paddlex: see server_backend.py; without it that side is left out. Writes results/http_load.json.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import queue
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from PIL import Image
from server_backend import FULL, HERE, free_port, paddlex_serving, page, process

from support import tinyvl
from support.app_process import App, serving

RESULTS = HERE / "results" / "http_load.json"
CALLERS = 64
SECONDS = "0.005"  # of the double per page
SIZES = ((310, 438), (620, 877))
STEP, NEAR = 8, 3  # of colors: their distance, and the change that a JPEG inside a PDF may cause

Color = tuple[int, ...]
Outcome = tuple[int, bool]  # status, and whether the response is right
Send = Callable[[requests.Session], Outcome]


@dataclass(frozen=True)
class Document:
    """A file with pages of these colors, sent as JSON or as a form."""

    data: bytes
    colors: tuple[Color, ...]
    is_form: bool


def create_documents(count: int) -> list[Document]:
    """Return documents of all kinds and sizes; no color occurs twice."""
    chance = random.Random(7)
    levels = range(STEP // 2, 256, STEP)
    colors = list(itertools.product(levels, levels, levels))
    chance.shuffle(colors)
    documents = []
    for _ in range(count):
        kind = chance.choice(["PNG", "TIFF", "PDF"])
        pages = 1 if kind == "PNG" else chance.randint(1, 8)
        page_colors = tuple(colors.pop() for _ in range(pages))
        data = _encode(page_colors, chance.choice(SIZES), kind)
        documents.append(Document(data, page_colors, chance.random() < 0.5))
    return documents


def _encode(colors: Sequence[Color], size: tuple[int, int], kind: str) -> bytes:
    images = [Image.new("RGB", size, color) for color in colors]
    options: dict[str, Any] = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
    if len(images) > 1:
        options |= {"save_all": True, "append_images": images[1:]}
    buffer = io.BytesIO()
    images[0].save(buffer, kind, **options)
    return buffer.getvalue()


# --------------------------------------------------------------------------- a closed loop


def apply_load(sends: Sequence[Send]) -> dict[str, Any]:
    """Send all requests by CALLERS threads. Return the statuses, the wrong responses and the seconds."""
    waiting: queue.SimpleQueue[Send | None] = queue.SimpleQueue()
    seconds: list[float] = []
    statuses: Counter[str] = Counter()
    wrong: Counter[str] = Counter()

    def call() -> None:
        with requests.Session() as session:
            while send := waiting.get():
                began = time.monotonic()
                try:
                    status, is_right = send(session)
                except requests.RequestException as error:
                    wrong[type(error).__name__] += 1
                    continue
                seconds.append(time.monotonic() - began)
                statuses[str(status)] += 1
                wrong["another's answer"] += status == 200 and not is_right

    for send in (*sends, *[None] * CALLERS):
        waiting.put(send)
    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = time.monotonic() - began
    cuts = statistics.quantiles(seconds, n=100)
    return {
        "requests": len(sends),
        "statuses": dict(statuses),
        "wrong": dict(+wrong),
        "p50_s": round(cuts[49], 3),
        "p99_s": round(cuts[98], 3),
        "requests_per_s": round(len(seconds) / total, 2),
        "took_s": round(total, 2),
    }


# --------------------------------------------------------------------------- whose answer


def measure_mixed(count: int) -> dict[str, Any]:
    """Measure our app with the double that reads colors."""
    documents = create_documents(count)
    pages = sum(len(document.colors) for document in documents)
    settings = {"OCR_ENGINE": "support.doubles:reading", "DOUBLE_SECONDS": SECONDS}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "log", **settings) as app:
        app.wait(200)
        with sample_memory(app) as memory:
            metrics = apply_load([create_send(app, document) for document in documents])
        metrics["errors_in_log"] = app.log().count("ERROR") + app.log().count("Traceback")
    return {**metrics, "pages": pages, "pages_per_s": round(pages / metrics["took_s"], 1), "memory_mb": max(memory)}


def create_send(app: App, document: Document) -> Send:
    """Return a function that sends the document and checks the response."""
    url = f"{app.url}/v1/parse"

    def send(session: requests.Session) -> Outcome:
        if document.is_form:
            response = session.post(url, files={"file": document.data}, timeout=120)
        else:
            body = {"documents": [{"base64": base64.b64encode(document.data).decode()}]}
            response = session.post(url, json=body, timeout=120)
        return response.status_code, response.ok and is_response_to(document, response.json())

    return send


def is_response_to(document: Document, body: dict[str, Any]) -> bool:
    """Return whether every page was read, in its position, as the color that it has."""
    pages = body["documents"][0]["pages"]
    parsed = [[int(part, 16) for part in re.findall("..", page["markdown"].rpartition("#")[2])] for page in pages]
    return len(parsed) == len(document.colors) and all(
        abs(read - sent) <= NEAR
        for page, color in zip(parsed, document.colors, strict=True)
        for read, sent in zip(page, color, strict=True)
    )


@contextmanager
def sample_memory(app: App) -> Iterator[list[int]]:
    """Yield a list that collects the megabytes of the app and its children, every half second."""
    main, stop, samples = psutil.Process(app.process.pid), threading.Event(), [0]

    def watch() -> None:
        while not stop.wait(0.5):
            samples.append(sum(process.memory_info().rss for process in (main, *main.children())) // 10**6)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield samples
    finally:
        stop.set()
        watching.join()


# --------------------------------------------------------------------------- beside PaddleX's serving


def measure_ours(server: str, count: int) -> dict[str, Any]:
    """Measure our app on the double of a model server."""
    settings = tinyvl.environment(OCR_BACKEND="vllm-server", OCR_SERVER_URL=server, OCR_WARMUP_CHECK="false")
    body = {"documents": [{"base64": page()}]}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "log", **settings) as app:
        app.wait(200)

        def send(session: requests.Session) -> Outcome:
            response = session.post(f"{app.url}/v1/parse", json=body, timeout=300)
            return response.status_code, response.ok and response.json()["coverage"]["pages_parsed"] == 1

        return apply_load([send] * count)


def measure_paddlex(server: str, python: str, count: int) -> dict[str, Any]:
    """Measure PaddleX's serving on the double of a model server."""
    body = {"file": page(), "fileType": 1, "visualize": False}
    with paddlex_serving(server, python) as url:

        def send(session: requests.Session) -> Outcome:
            response = session.post(f"{url}/layout-parsing", json=body, timeout=300)
            return response.status_code, response.ok and len(response.json()["result"]["layoutParsingResults"]) == 1

        return apply_load([send] * count)


def compare_sides(python: str | None, count: int) -> dict[str, Any]:
    """Measure both sides on one double of a model server.

    Each request has one page, so requests per second are pages per second.
    """
    port = free_port()
    server = f"http://127.0.0.1:{port}/v1"
    with process([sys.executable, str(HERE / "crop_server.py"), str(port)], f"{server}/models"):
        metrics: dict[str, Any] = {"room_pages_per_s": FULL, "ours": report("ours", measure_ours(server, count))}
        if python:
            theirs = metrics["paddlex"] = report("PaddleX serving", measure_paddlex(server, python, count))
            for name in ("requests_per_s", "p50_s", "p99_s"):
                metrics[f"{name}_ours_over_theirs"] = round(metrics["ours"][name] / theirs[name], 3)
    return metrics


def report(name: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """Print the metrics of one side and return them."""
    print(name, json.dumps(metrics), flush=True)
    return metrics


def main() -> None:
    """Run both tests, print and write their metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--served", type=int, default=320)
    parser.add_argument("--paddlex")
    arguments = parser.parse_args()
    metrics = {"callers": CALLERS, "mixed": report("mixed", measure_mixed(arguments.requests))}
    metrics["model_server"] = compare_sides(arguments.paddlex, arguments.served)
    print(json.dumps(metrics, indent=2))
    RESULTS.write_text(json.dumps(metrics, indent=2) + "\n")


if __name__ == "__main__":
    main()
