"""The Hub's files agree with the worker: they name settings that exist, values that are valid, and inputs it takes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocr_worker.engines.registry import engine_spec, read_request
from ocr_worker.settings import load_settings
from support.worker_process import ROOT

HUB = json.loads((ROOT / ".runpod" / "hub.json").read_text(encoding="utf-8"))
TESTS = json.loads((ROOT / ".runpod" / "tests.json").read_text(encoding="utf-8"))
INPUTS = {variable["key"]: variable["input"] for variable in HUB["config"]["env"]}
PRESETS = {preset["name"]: preset["defaults"] for preset in HUB["config"]["presets"]}


def written(value: Any) -> str:
    """As it arrives in the environment."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_makes_valid_settings(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults of all inputs, and the preset's over them, are settings that a worker starts with."""
    chosen = {key: hub_input["default"] for key, hub_input in INPUTS.items()} | PRESETS[preset]
    for key, value in chosen.items():
        monkeypatch.setenv(key, written(value))
    settings = load_settings()
    for key, value in chosen.items():
        setting = getattr(settings, key.removeprefix("OCR_").lower())
        assert written(setting) in (written(value), f"{value}.0")


def test_a_preset_sets_only_what_can_be_chosen() -> None:
    """Every variable of a preset is among the inputs, and its value among their options."""
    for defaults in PRESETS.values():
        assert defaults.keys() <= INPUTS.keys()
        for key, value in defaults.items():
            options = [option["value"] for option in INPUTS[key].get("options", [])]
            assert not options or value in options


@pytest.mark.parametrize("case", TESTS["tests"], ids=lambda case: case["name"])
def test_the_hubs_tests_are_requests_the_worker_takes(case: dict[str, Any]) -> None:
    """Each input passes the check of requests for the default engine."""
    assert read_request(case["input"], engine_spec("paddleocr-vl")).documents


def test_the_hub_builds_the_same_image() -> None:
    """Its Dockerfile is ours, with the stage that serves both presets as the last."""
    ours = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    theirs = (ROOT / ".runpod" / "Dockerfile").read_text(encoding="utf-8")
    assert theirs.startswith(ours)
    assert theirs.removeprefix(ours).splitlines()[-1] == "FROM vllm"


def test_the_stage_that_fetches_weights_has_all_that_it_imports(tmp_path: Path) -> None:
    """The Dockerfile copies few files before it fetches the weights; its command finds every module among them."""
    stage = (ROOT / "Dockerfile").read_text(encoding="utf-8").partition(" AS weights\n")[2].partition("\nFROM ")[0]
    (command,) = re.findall(r"python -c '(.+?)'", stage)
    for copied, target in re.findall(r"^COPY ((?:[^\n]|\\\n)+?) /app/(\S+)$", stage, re.MULTILINE):
        folder = tmp_path / target
        folder.mkdir(parents=True, exist_ok=True)
        for source in copied.replace("\\", "").split():
            shutil.copy(ROOT / source, folder)
    imports = "; ".join(part for part in command.split(";") if part.strip().startswith("from"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run([sys.executable, "-c", imports], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
