"""The HTTP app under load: whose answer is it, how long did it take, and how does PaddleX's own serving do beside it?

`python bench/http_load.py [--requests 2000] [--served 320] [--paddlex PYTHON]`; all by 64 callers in a closed loop.
First, documents of 1 to 8 pages (PNG, TIFF, PDF; JSON and forms) at our app with an engine double that takes 5 ms a
page. Each page has a colour that no other page of the run has, and the double reads colours, so that an answer that
belongs to another request is seen. Then, pages of ten lines at our app and at PaddleX's serving, one after the other,
on the same double of a model server (crop_server.py: 400 ms a crop, room for 64), layout by the test weights.
--paddlex: see server_backend.py; without it that side is left out. Writes results/http_load.json.
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
SECONDS = "0.005"  # that the double takes for a page
SIZES = ((310, 438), (620, 877))
STEP, NEAR = 8, 3  # of colours: how far apart, and what a JPEG inside a PDF may change

Colour = tuple[int, ...]
Answered = tuple[int, bool]  # status, and whether the answer is the right one
Send = Callable[[requests.Session], Answered]


@dataclass(frozen=True)
class Document:
    """A file of pages of these colours, sent as JSON or as a form."""

    data: bytes
    colours: tuple[Colour, ...]
    as_form: bool


def documents(count: int) -> list[Document]:
    """Documents of all kinds and sizes; no colour comes twice."""
    chance = random.Random(7)
    levels = range(STEP // 2, 256, STEP)
    colours = list(itertools.product(levels, levels, levels))
    chance.shuffle(colours)
    made = []
    for _ in range(count):
        kind = chance.choice(["PNG", "TIFF", "PDF"])
        pages = 1 if kind == "PNG" else chance.randint(1, 8)
        chosen = tuple(colours.pop() for _ in range(pages))
        made.append(Document(_file(chosen, chance.choice(SIZES), kind), chosen, chance.random() < 0.5))
    return made


def _file(colours: Sequence[Colour], size: tuple[int, int], kind: str) -> bytes:
    images = [Image.new("RGB", size, colour) for colour in colours]
    options: dict[str, Any] = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
    if len(images) > 1:
        options |= {"save_all": True, "append_images": images[1:]}
    buffer = io.BytesIO()
    images[0].save(buffer, kind, **options)
    return buffer.getvalue()


# --------------------------------------------------------------------------- a closed loop


def loaded(sends: Sequence[Send]) -> dict[str, Any]:
    """What came of the requests: statuses, answers that were not right, seconds."""
    waiting: queue.SimpleQueue[Send | None] = queue.SimpleQueue()
    seconds: list[float] = []
    statuses: Counter[str] = Counter()
    wrong: Counter[str] = Counter()

    def call() -> None:
        with requests.Session() as session:
            while send := waiting.get():
                began = time.monotonic()
                try:
                    status, right = send(session)
                except requests.RequestException as error:
                    wrong[type(error).__name__] += 1
                    continue
                seconds.append(time.monotonic() - began)
                statuses[str(status)] += 1
                wrong["another's answer"] += status == 200 and not right

    for send in (*sends, *[None] * CALLERS):
        waiting.put(send)
    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    cuts = statistics.quantiles(seconds, n=100)
    return {
        "requests": len(sends),
        "statuses": dict(statuses),
        "wrong": dict(+wrong),
        "p50_s": round(cuts[49], 3),
        "p99_s": round(cuts[98], 3),
        "requests_per_s": round(len(seconds) / took, 2),
        "took_s": round(took, 2),
    }


# --------------------------------------------------------------------------- whose answer


def mixed(count: int) -> dict[str, Any]:
    """Our app on the double that reads colours."""
    made = documents(count)
    pages = sum(len(one.colours) for one in made)
    settings = {"OCR_ENGINE": "support.doubles:reading", "DOUBLE_SECONDS": SECONDS}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "log", **settings) as app:
        app.wait(200)
        with highest_memory(app) as memory:
            found = loaded([sends(app, one) for one in made])
        found["errors_in_log"] = app.log().count("ERROR") + app.log().count("Traceback")
    return {**found, "pages": pages, "pages_per_s": round(pages / found["took_s"], 1), "memory_mb": max(memory)}


def sends(app: App, one: Document) -> Send:
    url = f"{app.url}/v1/parse"

    def send(session: requests.Session) -> Answered:
        if one.as_form:
            answer = session.post(url, files={"file": one.data}, timeout=120)
        else:
            body = {"documents": [{"base64": base64.b64encode(one.data).decode()}]}
            answer = session.post(url, json=body, timeout=120)
        return answer.status_code, answer.ok and is_of(one, answer.json())

    return send


def is_of(one: Document, answer: dict[str, Any]) -> bool:
    """Whether every page has been read, in its place, as the colour that it has."""
    pages = answer["documents"][0]["pages"]
    found = [[int(part, 16) for part in re.findall("..", page["markdown"].rpartition("#")[2])] for page in pages]
    return len(found) == len(one.colours) and all(
        abs(read - sent) <= NEAR
        for page, colour in zip(found, one.colours, strict=True)
        for read, sent in zip(page, colour, strict=True)
    )


@contextmanager
def highest_memory(app: App) -> Iterator[list[int]]:
    """Megabytes of the app and its children, again and again."""
    main, over, seen = psutil.Process(app.process.pid), threading.Event(), [0]

    def watch() -> None:
        while not over.wait(0.5):
            seen.append(sum(one.memory_info().rss for one in (main, *main.children())) // 10**6)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


# --------------------------------------------------------------------------- beside PaddleX's serving


def ours(server: str, count: int) -> dict[str, Any]:
    settings = tinyvl.environment(OCR_BACKEND="vllm-server", OCR_SERVER_URL=server, OCR_WARMUP_CHECK="false")
    body = {"documents": [{"base64": page()}]}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "log", **settings) as app:
        app.wait(200, 120)

        def send(session: requests.Session) -> Answered:
            answer = session.post(f"{app.url}/v1/parse", json=body, timeout=300)
            return answer.status_code, answer.ok and answer.json()["coverage"]["pages_parsed"] == 1

        return loaded([send] * count)


def paddlex(server: str, python: str, count: int) -> dict[str, Any]:
    body = {"file": page(), "fileType": 1, "visualize": False}
    with paddlex_serving(server, python) as url:

        def send(session: requests.Session) -> Answered:
            answer = session.post(f"{url}/layout-parsing", json=body, timeout=300)
            return answer.status_code, answer.ok and len(answer.json()["result"]["layoutParsingResults"]) == 1

        return loaded([send] * count)


def beside(python: str | None, count: int) -> dict[str, Any]:
    """Both sides on one double of a model server; a page a request, so requests a second are pages a second."""
    port = free_port()
    server = f"http://127.0.0.1:{port}/v1"
    with process([sys.executable, str(HERE / "crop_server.py"), str(port)], f"{server}/models"):
        found: dict[str, Any] = {"room_pages_per_s": FULL, "ours": told("ours", ours(server, count))}
        if python:
            theirs = found["paddlex"] = told("PaddleX serving", paddlex(server, python, count))
            for name in ("requests_per_s", "p50_s", "p99_s"):
                found[f"{name}_ours_over_theirs"] = round(found["ours"][name] / theirs[name], 3)
    return found


def told(name: str, found: dict[str, Any]) -> dict[str, Any]:
    print(name, json.dumps(found), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--served", type=int, default=320)
    parser.add_argument("--paddlex")
    given = parser.parse_args()
    found = {"callers": CALLERS, "mixed": told("mixed", mixed(given.requests))}
    found["model_server"] = beside(given.paddlex, given.served)
    print(json.dumps(found, indent=2))
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
