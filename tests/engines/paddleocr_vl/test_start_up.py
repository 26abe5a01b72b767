"""Starting without what is needed: a message of at most three lines, before Paddle is imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import tinyvl
from support.waiting import PATIENCE_S

pytestmark = [pytest.mark.paddle, pytest.mark.process]

# Ends with code 3 when Paddle was imported on the way: seconds that a worker which cannot start should not take.
START = """
import sys
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import OcrWorkerError
from ocr_worker.settings import load_settings
try:
    settings = load_settings()
    engine_spec(settings.engine).builder(settings)()
except OcrWorkerError as error:
    print(f"{error.code}: {error}")
    sys.exit(3 if "paddle" in sys.modules else 1)
"""


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    environment = tinyvl.environment(**variables)
    return subprocess.run(
        [sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


def half(directory: Path) -> Path:
    shutil.copytree(tinyvl.VL, directory)
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return directory


def nowhere(tmp_path: Path) -> dict[str, str]:
    home = str(tmp_path)
    return {"OCR_VL_WEIGHTS_DIR": "", "OCR_LAYOUT_WEIGHTS_DIR": "", "OCR_WEIGHTS_HOME": home, "OCR_VOLUME_DIR": home}


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        (nowhere, "WEIGHTS_MISSING", "ocr-worker weights fetch --version v1.6"),
        (lambda tmp_path: {"OCR_VL_WEIGHTS_DIR": str(half(tmp_path / "vl"))}, "WEIGHTS_MISSING", "is truncated"),
        (lambda _: {"OCR_VL_WEIGHTS_DIR": str(tinyvl.LAYOUT)}, "WEIGHTS_MISSING", "config.json is missing"),
        (lambda _: {"OCR_LAYOUT_WEIGHTS_DIR": "/nowhere"}, "WEIGHTS_MISSING", "no such directory"),
        (lambda _: {"OCR_VL_VERSION": "v2"}, "SETTINGS_INVALID", "OCR_VL_VERSION"),
        (lambda _: {"OCR_DEVICE": "tpu"}, "SETTINGS_INVALID", "OCR_DEVICE"),
    ],
    ids=["no weights", "half a safetensors", "wrong directory", "no directory", "unknown version", "unknown device"],
)
def test_what_stops_the_start(tmp_path: Path, variables: object, code: str, words: str) -> None:
    """Each error that stops the start has its code and at most three lines, and Paddle is never imported for it."""
    assert callable(variables)
    stopped = start(**variables(tmp_path))
    assert stopped.returncode == 1, stopped.stderr
    assert stopped.stdout.startswith(code)
    assert words in stopped.stdout
    assert len(stopped.stdout.splitlines()) <= 3
    assert stopped.stderr == ""


def test_a_gpu_is_never_replaced_by_the_cpu() -> None:
    """A GPU that is asked for and not there stops the worker; Paddle alone would quietly use the CPU."""
    stopped = start(OCR_DEVICE="gpu:63")
    assert stopped.returncode == 3
    assert stopped.stdout.startswith("SETTINGS_INVALID: OCR_DEVICE=gpu:63")


def test_weights_that_paddle_cannot_build_from(tmp_path: Path) -> None:
    """Whole files with contents Paddle cannot use end in a message, not in a traceback."""
    shutil.copytree(tinyvl.VL, tmp_path / "vl")
    (tmp_path / "vl" / "config.json").write_text("{}")
    stopped = start(OCR_VL_WEIGHTS_DIR=str(tmp_path / "vl"))
    assert stopped.stdout.startswith("ENGINE_UNAVAILABLE: PaddleOCR-VL v1.6 could not be loaded")
    assert len(stopped.stdout.splitlines()) <= 3
    assert "Traceback" not in stopped.stderr
