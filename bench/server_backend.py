"""How much of a model server's room is used: our worker against PaddleX's own serving, on the same double of a server.

`python bench/server_backend.py [--paddlex PYTHON] [--pages 200]`. The double (crop_server.py) takes 400 ms a crop and
has room for 64 at once: at most 160 crops a second, 16 pages of ten lines. 16 callers send a page each, and the next
when it is answered. Layout by the test weights, for real, in all; ours is the whole worker under the SDK's loop.
--paddlex: a Python with `paddlex[serving]` beside Paddle (`pip install bce-python-sdk filetype` makes one); without it
that side is left out. Also: other numbers of replicas and jobs at once. Writes results/model_server.json.
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
CALLERS = 16
LINES = len(tinyvl.LINES)
FULL = ROOM / SECONDS / LINES  # pages a second

Send = Callable[[], None]


def page() -> str:
    buffer = io.BytesIO()
    tinyvl.draw(tinyvl.LINES).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(command: list[str], up: str, **options: Any) -> Iterator[None]:
    """A server, until it answers at `up`, and its end."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                requests.get(up, timeout=2)
                break
            assert running.poll() is None, f"{command} ended with {running.returncode}"
            time.sleep(0.2)
        yield
    finally:
        running.terminate()
        running.wait(20)


def pages_per_second(send: Send, pages: int) -> float:
    """CALLERS threads in a closed loop; the first round is not counted."""
    waiting: queue.SimpleQueue[bool] = queue.SimpleQueue()
    done: list[float] = []

    def call() -> None:
        while waiting.get():
            send()
            done.append(time.monotonic())

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for _ in range(pages):
        waiting.put(True)
    for _ in threads:
        waiting.put(False)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = sorted(done)[CALLERS:]
    return len(counted) / (counted[-1] - sorted(done)[CALLERS - 1])


def ours(server: str, pages: int, **settings: str) -> float:
    chosen = tinyvl.environment(OCR_BACKEND="vllm-server", OCR_SERVER_URL=server, OCR_WARMUP_CHECK="false") | settings
    job = {"documents": [{"base64": page()}]}
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        worker = start_worker(plane, Path(folder) / "log", **chosen).wait_ready()

        def send() -> None:
            answer = plane.wait(plane.submit(job), 120)
            assert answer.output["coverage"]["pages_parsed"] == 1, answer.raw

        try:
            return pages_per_second(send, pages)
        finally:
            worker.kill()


@contextmanager
def paddlex_serving(server: str, python: str) -> Iterator[str]:
    """PaddleX's own server on its own configuration, with our weights and the double; its address."""
    found = subprocess.run(
        [python, "-c", "import paddlex; print(paddlex.__path__[0])"], capture_output=True, text=True, check=True
    )
    source = Path(found.stdout.splitlines()[-1]) / "configs" / "pipelines" / "PaddleOCR-VL-1.6.yaml"
    config = yaml.safe_load(source.read_text(encoding="utf-8"))
    config["SubModules"]["LayoutDetection"]["model_dir"] = str(tinyvl.LAYOUT)
    config["SubModules"]["VLRecognition"]["genai_config"] = {"backend": "vllm-server", "server_url": server}
    config["Serving"] = {"extra": {"max_num_input_imgs": None}}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "pipeline.yaml"
        written.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [python, "-m", "paddlex", "--serve", "--pipeline", str(written), "--device", "cpu"]
        with process([*command, "--host", "127.0.0.1", "--port", str(port)], f"{url}/health", cwd=folder):
            yield url


def paddlex(server: str, python: str, pages: int) -> float:
    body = {"file": page(), "fileType": 1, "visualize": False}
    with paddlex_serving(server, python) as url:

        def send() -> None:
            answer = requests.post(f"{url}/layout-parsing", json=body, timeout=300)
            assert answer.ok, answer.text[:500]

        return pages_per_second(send, pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paddlex")
    parser.add_argument("--pages", type=int, default=200)
    given = parser.parse_args()
    port = free_port()
    server = f"http://127.0.0.1:{port}/v1"
    found: dict[str, float] = {}

    def note(name: str, rate: float) -> None:
        found[name] = round(rate, 2)
        print(f"{name}: {rate:.2f} pages/s, {rate / FULL:.0%} of the room", flush=True)

    with process([sys.executable, str(HERE / "crop_server.py"), str(port)], f"{server}/models"):
        if given.paddlex:
            note("PaddleX serving", paddlex(server, given.paddlex, max(4 * CALLERS, given.pages // 4)))
        note("ours, as it comes", ours(server, given.pages))
        for replicas, jobs in ((1, 8), (2, 2), (2, 4), (2, 16), (3, 16), (4, 16)):
            rate = ours(server, given.pages, OCR_REPLICAS=str(replicas), OCR_CONCURRENCY=str(jobs))
            note(f"ours, {replicas} replicas, {jobs} jobs at once", rate)
    if given.paddlex:
        ratio = found["ours, as it comes"] / found["PaddleX serving"]
        print(f"ours / PaddleX serving: {ratio:.1f}, wanted >= 10; of the room wanted >= 65%")
    RESULTS.write_text(json.dumps({"full_pages_per_second": FULL, "pages_per_second": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
