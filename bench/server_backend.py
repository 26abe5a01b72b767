"""Benchmark of model server use: our worker and PaddleX's own serving on the same double of a model server.

`python bench/server_backend.py [--paddlex PYTHON] [--pages 200]`. The double (crop_server.py) takes 400 ms per crop
and has room for 64 at once: at most 160 crops per second, or 16 pages of ten lines. Each of 16 callers sends a page,
and the next one after its answer. All sides run the layout model on the test weights. Ours is the complete worker under
the SDK's loop. --paddlex: a Python with `paddlex[serving]` beside Paddle (add it by `pip install bce-python-sdk
filetype`); without it that side is left out. Other numbers of replicas and of pages per call are measured as well.
Writes results/model_server.json.

`--two` measures two doubles instead: one-page jobs from 32 callers, and one long PDF. These doubles are slow, so that
two processor cores can fill both: 1.6 s per crop and room for 32, which is 2 pages per second each. Writes
results/two_model_servers.json.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import requests
import yaml
from crop_server import ROOM, SECONDS

from support import tinyvl
from support.control_plane import ControlPlane
from support.worker_process import start_worker

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "model_server.json"
RESULTS_OF_TWO = HERE / "results" / "two_model_servers.json"
CALLERS = 16
LINES = len(tinyvl.LINES)
FULL = ROOM / SECONDS / LINES  # pages per second
SLOW_SECONDS, SLOW_ROOM = 1.6, 32
WANTED_SHARE = 0.7  # of the room of each of two servers

Send = Callable[[], None]


def page() -> str:
    """Return a page of ten lines as a PNG in base64."""
    buffer = io.BytesIO()
    tinyvl.draw(tinyvl.LINES).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def long_pdf(pages: int) -> str:
    """Return a PDF with the same page `pages` times, in base64; it is rendered to the pixels of `page`."""
    buffer = io.BytesIO()
    image = tinyvl.draw(tinyvl.LINES)
    image.save(buffer, "PDF", save_all=True, append_images=[image] * (pages - 1), resolution=144)
    return base64.b64encode(buffer.getvalue()).decode()


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(command: list[str], ready_url: str, **options: Any) -> Iterator[None]:
    """Start a server, wait until it answers at `ready_url`, and stop it in the end."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                requests.get(ready_url, timeout=2)
                break
            assert server.poll() is None, f"{command} ended with {server.returncode}"
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait(20)


def measure_rate(send: Send, pages: int, callers: int = CALLERS) -> float:
    """Send the pages by threads in a closed loop, and return pages per second without the first round."""
    turns: queue.SimpleQueue[bool] = queue.SimpleQueue()
    ends: list[float] = []

    def call() -> None:
        while turns.get():
            send()
            ends.append(time.monotonic())

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for _ in range(pages):
        turns.put(True)
    for _ in threads:
        turns.put(False)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = sorted(ends)[callers:]
    return len(counted) / (counted[-1] - sorted(ends)[callers - 1])


def measure_ours(server: str, pages: int, **settings: str) -> float:
    """Return the pages per second of our worker. settings: changes of its environment."""
    environment = (
        tinyvl.environment(OCR_BACKEND="vllm-server", OCR_SERVER_URL=server, OCR_WARMUP_CHECK="false") | settings
    )
    job = {"documents": [{"base64": page()}]}
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        worker = start_worker(plane, Path(folder) / "log", **environment).wait_ready()

        def send() -> None:
            result = plane.wait(plane.submit(job), 120)
            assert result.output["coverage"]["pages_parsed"] == 1, result.raw

        try:
            return measure_rate(send, pages)
        finally:
            worker.kill()


@dataclass
class Load:
    """A load for two servers: sends `pages` pages to a worker, and returns when all are parsed."""

    name: str
    pages: int
    send: Callable[[ControlPlane, int], None]


def send_one_page_jobs(plane: ControlPlane, pages: int) -> None:
    """Send one-page jobs from twice CALLERS callers."""
    job = {"documents": [{"base64": page()}]}

    def send() -> None:
        result = plane.wait(plane.submit(job), 120)
        assert result.output["coverage"]["pages_parsed"] == 1, result.raw

    measure_rate(send, pages, 2 * CALLERS)


def send_long_pdf(plane: ControlPlane, pages: int) -> None:
    """Send one document with all pages."""
    result = plane.wait(plane.submit({"documents": [{"base64": long_pdf(pages)}]}), 600)
    assert result.output["coverage"]["pages_parsed"] == pages, result.raw


def measure_two(servers: list[str], load: Load, **settings: str) -> list[float]:
    """Return the share of its room that each server was used to, over the whole load, its start and end included."""
    environment = (
        tinyvl.environment(OCR_BACKEND="vllm-server", OCR_SERVER_URL=",".join(servers), OCR_WARMUP_CHECK="false")
        | settings
    )
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        worker = start_worker(plane, Path(folder) / "log", **environment).wait_ready()
        try:
            counts, start = crops_read(servers), time.monotonic()
            load.send(plane, load.pages)
            seconds = time.monotonic() - start
            crops = [after - before for after, before in zip(crops_read(servers), counts, strict=True)]
            return [count * SLOW_SECONDS / SLOW_ROOM / seconds for count in crops]
        finally:
            worker.kill()


def crops_read(servers: list[str]) -> list[int]:
    """Return the number of crops that each server has read."""
    return [requests.get(f"{server.removesuffix('/v1')}/read", timeout=5).json()["read"] for server in servers]


def compare_two(pages: int) -> None:
    """Measure two servers with both loads, by the earlier defaults and by today's."""
    ports = [free_port(), free_port()]
    servers = [f"http://127.0.0.1:{port}/v1" for port in ports]
    loads = [Load("one-page jobs", pages, send_one_page_jobs), Load("one long PDF", pages, send_long_pdf)]
    sides = {"2 replicas x 4 pages": {"OCR_REPLICAS": "2", "OCR_PAGES_PER_CALL": "4"}, "as it comes": {}}
    shares: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        for port, server in zip(ports, servers, strict=True):
            command = [sys.executable, str(HERE / "crop_server.py"), str(port), str(SLOW_SECONDS), str(SLOW_ROOM)]
            stack.enter_context(process(command, f"{server}/models"))
        for load in loads:
            for side, settings in sides.items():
                name = f"{load.name}, {side}"
                shares[name] = [round(share, 3) for share in measure_two(servers, load, **settings)]
                print(f"{name}: {' and '.join(f'{share:.0%}' for share in shares[name])} of the room", flush=True)
    print(f"wanted as it comes: each at least {WANTED_SHARE:.0%}")
    RESULTS_OF_TWO.write_text(json.dumps({"wanted": WANTED_SHARE, "shares": shares}, indent=2) + "\n")


@contextmanager
def paddlex_serving(server: str, python: str) -> Iterator[str]:
    """Start PaddleX's serving on its default configuration, with our weights and the double; yield its address."""
    process_output = subprocess.run(
        [python, "-c", "import paddlex; print(paddlex.__path__[0])"], capture_output=True, text=True, check=True
    )
    source = Path(process_output.stdout.splitlines()[-1]) / "configs" / "pipelines" / "PaddleOCR-VL-1.6.yaml"
    config = yaml.safe_load(source.read_text(encoding="utf-8"))
    config["SubModules"]["LayoutDetection"]["model_dir"] = str(tinyvl.LAYOUT)
    config["SubModules"]["VLRecognition"]["genai_config"] = {"backend": "vllm-server", "server_url": server}
    config["Serving"] = {"extra": {"max_num_input_imgs": None}}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        config_path = Path(folder) / "pipeline.yaml"
        config_path.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [python, "-m", "paddlex", "--serve", "--pipeline", str(config_path), "--device", "cpu"]
        with process([*command, "--host", "127.0.0.1", "--port", str(port)], f"{url}/health", cwd=folder):
            yield url


def measure_paddlex(server: str, python: str, pages: int) -> float:
    """Return the pages per second of PaddleX's serving."""
    body = {"file": page(), "fileType": 1, "visualize": False}
    with paddlex_serving(server, python) as url:

        def send() -> None:
            response = requests.post(f"{url}/layout-parsing", json=body, timeout=300)
            assert response.ok, response.text[:500]

        return measure_rate(send, pages)


def main() -> None:
    """Measure all sides, print and write their rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paddlex")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--two", action="store_true")
    arguments = parser.parse_args()
    if arguments.two:
        compare_two(arguments.pages)
        return
    port = free_port()
    server = f"http://127.0.0.1:{port}/v1"
    rates: dict[str, float] = {}

    def report(name: str, rate: float) -> None:
        rates[name] = round(rate, 2)
        print(f"{name}: {rate:.2f} pages/s, {rate / FULL:.0%} of the room", flush=True)

    with process([sys.executable, str(HERE / "crop_server.py"), str(port)], f"{server}/models"):
        if arguments.paddlex:
            pages = max(4 * CALLERS, arguments.pages // 4)
            report("PaddleX serving", measure_paddlex(server, arguments.paddlex, pages))
        report("ours, as it comes", measure_ours(server, arguments.pages))
        for replicas, pages_per_call in ((1, 8), (2, 4), (2, 8), (4, 4), (8, 8)):
            feed = {"OCR_REPLICAS": str(replicas), "OCR_PAGES_PER_CALL": str(pages_per_call)}
            rate = measure_ours(server, arguments.pages, **feed)
            report(f"ours, {replicas} replicas, {pages_per_call} pages per call", rate)
    if arguments.paddlex:
        ratio = rates["ours, as it comes"] / rates["PaddleX serving"]
        print(f"ours / PaddleX serving: {ratio:.1f}, wanted >= 10; of the room wanted >= 65%")
    RESULTS.write_text(json.dumps({"full_pages_per_second": FULL, "pages_per_second": rates}, indent=2) + "\n")


if __name__ == "__main__":
    main()
