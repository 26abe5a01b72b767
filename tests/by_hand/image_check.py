"""The image, built from the Dockerfile and run for real (`make image-check`), with Paddle for the CPU and no weights.

buildah needs no daemon. Its chroot isolation shows that the image builds, starts, works and ends; not that python is
PID 1, and no GPU. Not collected by `make test`.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
import requests

from support import tinyvl
from support.app_process import App, free_port
from support.control_plane import ControlPlane
from support.worker_process import ROOT

TAG = "ocr-worker:check"
ARGUMENTS = ("--build-arg", "PADDLE=paddlepaddle==3.3.1", "--build-arg", "WEIGHTS=none")
CERTIFICATES = ("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro")
TINY = ("--volume", f"{tinyvl.HOME}:/tiny:ro")
REAL_ENGINE = {
    "OCR_DEVICE": "cpu",
    "OCR_LAYOUT_WEIGHTS_DIR": "/tiny/layout_strip",
    "OCR_VL_WEIGHTS_DIR": "/tiny/vl_trained",
}
os.environ |= {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A container of the image, which is built first; prints the time and the layers."""
    began = time.monotonic()
    environment = ("--env", "PIP_CERT=/etc/ssl/certs/ca-certificates.crt")
    buildah("build", "--pull-never", "--layers", *CERTIFICATES, *environment, *ARGUMENTS, "--tag", TAG, str(ROOT))
    print(f"built in {time.monotonic() - began:.0f} s (layers that are there already are not built again)")
    image = json.loads(buildah("inspect", "--type", "image", TAG))
    sizes = [layer["size"] for layer in json.loads(image["Manifest"])["layers"]]
    made_by = [entry["created_by"] for entry in image["OCIv1"]["history"] if not entry.get("empty_layer")]
    for size, command in zip(sizes, made_by[-len(sizes) :], strict=True):
        print(f"{size / 1e6:8.1f} MB  {command.replace('/bin/sh -c ', '')[:90]}")
    print(f"{sum(sizes) / 1e6:8.1f} MB  in all")
    name = buildah("from", "--pull-never", TAG).strip()
    yield name
    buildah("rm", name)


def buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def command(container: str, program: Sequence[str], environment: dict[str, str]) -> list[str]:
    variables = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    return ["buildah", "run", *CERTIFICATES, *TINY, *variables, container, "--", *program]


def run(container: str, *program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in the container, to its end."""
    return subprocess.run(
        command(container, program, environment), capture_output=True, text=True, check=False, timeout=180
    )


def page() -> dict[str, object]:
    buffer = io.BytesIO()
    tinyvl.draw(tinyvl.LINES[:3]).save(buffer, "PNG")
    return {"documents": [{"base64": base64.b64encode(buffer.getvalue()).decode()}]}


def is_read(markdown: str) -> bool:
    return tinyvl.character_error_rate(markdown, "\n\n".join(tinyvl.LINES[:3])) < 0.2


def test_the_dry_run_with_the_embedded_engine(container: str) -> None:
    """`test_input.json`, which is in the image, is read."""
    done = run(container, "python", "-u", "handler.py", OCR_ENGINE="embedded")
    assert done.returncode == 0, done.stderr
    assert "# Water Levels of the Upper Basin" in done.stdout
    assert "1 page parsed" in done.stdout
    print(done.stdout[-200:])


def test_the_real_engine_on_mounted_weights(container: str) -> None:
    """The default engine, on the test weights, reads a page; the warm-up page reads right, too."""
    done = run(container, "python", "-u", "handler.py", "--test_input", json.dumps({"input": page()}), **REAL_ENGINE)
    assert done.returncode == 0, done.stderr
    answer = json.loads(run(container, "cat", "answer.json").stdout)
    assert is_read(answer["documents"][0]["markdown"])
    print("\n".join(line for line in done.stderr.splitlines() if "event=" in line))


def test_the_clear_stop_without_weights(container: str) -> None:
    """No weights in the image and none mounted: the reason and the remedy, no traceback."""
    done = run(container, "python", "-u", "handler.py", OCR_DEVICE="cpu")
    assert done.returncode == 1
    assert "WEIGHTS_MISSING: weights of PaddleOCR-VL v1.6 are missing" in done.stderr
    assert "Traceback" not in done.stderr
    print(done.stderr[-600:])


def test_a_job_is_taken_answered_and_the_worker_stopped(container: str, tmp_path: Path) -> None:
    """The image's own command, against a control plane: a job is answered; after SIGTERM it ends with 0."""
    with ControlPlane() as plane, (tmp_path / "log").open("w") as log:
        # The SDK's own checks want free memory, the internet and CUDA.
        checks = {"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true", "RUNPOD_SKIP_GPU_CHECK": "true"}
        environment = plane.environment("worker-1") | checks | REAL_ENGINE
        image_command = json.loads(buildah("inspect", "--type", "image", TAG))["OCIv1"]["config"]["Cmd"]
        process = subprocess.Popen(command(container, image_command, environment), stdout=log, stderr=subprocess.STDOUT)
        try:
            answer = plane.wait(plane.submit(page()), 90)
            assert is_read(answer.output["documents"][0]["markdown"])
            running = psutil.Process(process.pid).children(recursive=True)
            worker = next(child for child in running if Path(child.exe()).name.startswith("python"))
            assert worker.uids().real == 1000
            stopped_at = time.monotonic()
            worker.terminate()
            assert process.wait(30) == 0, (tmp_path / "log").read_text()
        finally:
            for child in running_below(process):
                child.kill()
        seconds = time.monotonic() - stopped_at
        print(f"answered {answer.output['coverage']}; ended {seconds:.1f} s after SIGTERM, exit code 0")


def test_a_load_balancing_endpoint(container: str, tmp_path: Path) -> None:
    """The app in the image: `/ping` is 204 while the real engine loads, then 200; a page is parsed; SIGTERM ends it."""
    port = free_port()
    serve = ("ocr-worker", "serve", "--host", "0.0.0.0", "--open")
    environment = REAL_ENGINE | {"PORT": str(port)}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command(container, serve, environment), stdout=log, stderr=subprocess.STDOUT)
        try:
            app = App(process, port, tmp_path / "log")
            began = time.monotonic()
            app.wait(204)
            loading = time.monotonic() - began
            app.wait(200, 120)
            ready = time.monotonic() - began
            answer = requests.post(f"{app.url}/v1/parse", json=page(), timeout=60)
            assert is_read(answer.json()["documents"][0]["markdown"])
            running = psutil.Process(process.pid).children(recursive=True)
            next(child for child in running if Path(child.exe()).name.startswith("python")).terminate()
            process.wait(30)
        finally:
            for child in running_below(process):
                child.kill()
    print(f"/ping 204 after {loading:.1f} s, 200 after {ready:.1f} s; one page parsed")


def running_below(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes that a container's command has started and not ended."""
    return psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []


def test_the_command_line_is_there(container: str) -> None:
    """`ocr-worker doctor` in the image prints the obstacles to a start."""
    done = run(container, "ocr-worker", "doctor")
    assert done.returncode == 1
    assert "not ready: OCR_DEVICE=gpu needs paddlepaddle-gpu" in done.stdout
