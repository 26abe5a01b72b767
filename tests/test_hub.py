"""The Hub's files agree with the worker: they name settings that exist, values that are valid, and inputs it takes."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocr_worker.engines.registry import engine_spec, read_request
from ocr_worker.settings import Settings, load_settings, variable_name
from support.worker_process import ROOT

HUB = json.loads((ROOT / ".runpod" / "hub.json").read_text(encoding="utf-8"))
TESTS = json.loads((ROOT / ".runpod" / "tests.json").read_text(encoding="utf-8"))
README = (ROOT / ".runpod" / "README.md").read_text(encoding="utf-8")
INPUTS = {variable["key"]: variable["input"] for variable in HUB["config"]["env"]}
PRESETS = {preset["name"]: preset["defaults"] for preset in HUB["config"]["presets"]}
SETTINGS = {variable_name(name): name for name in Settings.model_fields}
DEFAULTS = {key: definition["default"] for key, definition in INPUTS.items()}


def as_text(value: Any) -> str:
    """Return a value of hub.json as the platform writes it into the environment."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def load(monkeypatch: pytest.MonkeyPatch, variables: dict[str, Any]) -> Settings:
    """Return the settings of a worker with these variables."""
    for key, value in variables.items():
        monkeypatch.setenv(key, as_text(value))
    return load_settings()


def test_every_input_is_a_setting() -> None:
    """Each input has the name of a variable that a setting is read from, and a description."""
    assert INPUTS.keys() <= SETTINGS.keys()
    for definition in INPUTS.values():
        assert definition["description"].endswith(".")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_makes_valid_settings(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults of all inputs, and the preset's over them, are settings that a worker starts with."""
    variables = DEFAULTS | PRESETS[preset]
    settings = load(monkeypatch, variables)
    for key, value in variables.items():
        loaded = getattr(settings, SETTINGS[key])
        assert as_text("" if loaded is None else loaded) in (as_text(value), f"{value}.0"), key


def test_the_model_server_follows_from_the_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No preset chooses who starts the model server, and neither does the image: with vLLM it is the worker."""
    assert "OCR_SERVER" not in INPUTS
    assert "OCR_SERVER=" not in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert load(monkeypatch, DEFAULTS | PRESETS["vLLM"]).has_managed_server


@pytest.mark.parametrize("key", [key for key, definition in INPUTS.items() if definition["type"] != "boolean"])
def test_every_value_that_an_input_allows_is_valid(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option of an input, and the ends of its range, are values that a worker starts with."""
    definition = INPUTS[key]
    values = [option["value"] for option in definition.get("options", [])]
    values += [definition[end] for end in ("min", "max") if end in definition]
    for value in values:
        load(monkeypatch, DEFAULTS | {key: value})


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


def test_the_hubs_tests_have_an_entry_for_each_preset() -> None:
    """An entry's name begins with its preset's; all of them run in the environment of the first preset."""
    slugs = [name.lower().replace(" ", "_") for name in PRESETS]
    assert sorted(slugs) == sorted(
        next(slug for slug in slugs if case["name"].startswith(slug)) for case in TESTS["tests"]
    )
    environment = {variable["key"]: variable["value"] for variable in TESTS["config"]["env"]}
    first = next(iter(PRESETS.values()))
    assert environment == {key: as_text(value) for key, value in first.items()}


def test_the_machines_have_the_cuda_that_vllm_is_built_for() -> None:
    """The listing and its tests allow CUDA 13 alone, and the Hub's README says how older machines are used."""
    versions = HUB["config"]["allowedCudaVersions"]
    assert versions == TESTS["config"]["allowedCudaVersions"] == ["13.0", "13.1"]
    assert "CUDA 12.6 to 12.9" in README
    assert " AS native\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]


def test_the_hubs_readme_names_what_can_be_set() -> None:
    """Every variable that the Hub's README names in full is a setting, or the platform's own key."""
    names = set(re.findall(r"\b((?:OCR|BUCKET|RUNPOD)_[A-Z_]*[A-Z])\b", README))
    assert names - SETTINGS.keys() <= {"RUNPOD_API_KEY"}
    assert {"OCR_BACKEND", "OCR_STREAM", "OCR_VL_VERSION"} <= names


def test_the_icon_is_ours() -> None:
    """`iconUrl` holds docs/icon.png, a square picture."""
    kind, _, content = HUB["iconUrl"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content) == (ROOT / "docs" / "icon.png").read_bytes()
    with Image.open(ROOT / "docs" / "icon.png") as icon:
        assert icon.size == (256, 256)


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
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder, dirs_exist_ok=True)
            else:
                shutil.copy(ROOT / source, folder)
    imports = "; ".join(part for part in command.split(";") if part.strip().startswith("from"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run([sys.executable, "-c", imports], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
