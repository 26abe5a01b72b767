"""The engine of `examples/own_engine`, installed as a user would: it gets all that our own engines get."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from support.app_process import App, health, serving
from support.drawing import document, png, request, tiff
from support.worker_process import ROOT, dry_run, environment, python_path

pytestmark = pytest.mark.process

ENGINE = "own_engine:SPEC"
RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a worker with this engine, installed from a copy of its folder into one of its own."""
    folder = tmp_path_factory.mktemp("own_engine")
    source, site = folder / "source", folder / "site"
    shutil.copytree(ROOT / "examples" / "own_engine", source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([*pip, *options, str(source)], check=True, timeout=120)
    return {"OCR_ENGINE": ENGINE, "PYTHONPATH": os.pathsep.join((python_path(), str(site)))}


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`ocr-worker ARGUMENTS`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ocr_worker.cli", *arguments],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_its_option_has_an_effect(settings: dict[str, str], tmp_path: Path) -> None:
    """A dry run lists as many colors of each page as the request asks for, and names the engine."""
    page = two_colors()
    for colors, expected in ((2, "- blue: 75 %\n- red: 25 %"), (1, "100 %")):
        job_input = {"documents": [document(page)], "options": {"colors": colors}}
        done = dry_run(["--test_input", json.dumps({"input": job_input})], tmp_path, **settings)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
        assert done.stdout.count(" %") == colors
        assert "by own-engine 0.1.0 (pillow)" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colours": 2}, "input.options.colours: is unknown; did you mean 'colors'?"),
        ({"colors": 0}, "input.options.colors: should be greater than or equal to 1"),
        ({"merge_pages": True}, "merge_pages: is an option of the engine paddleocr-vl; this worker runs own-engine"),
    ],
    ids=["misspelt", "out of range", "of another engine"],
)
def test_wrong_options_are_rejected_by_name(
    settings: dict[str, str], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    """The request check knows the engine's options, and says so."""
    job = {"input": request(png(RED), **options)}
    done = dry_run(["--test_input", json.dumps(job)], tmp_path, **settings)
    assert done.returncode == 1
    assert message in done.stdout + done.stderr


def test_its_option_is_in_the_schema(settings: dict[str, str], tmp_path: Path) -> None:
    """`ocr-worker schema` writes the request of this engine beside those of ours."""
    done = command("schema", str(tmp_path), **settings)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        "request.own-engine.schema.json",
        *(path.name for path in (ROOT / "docs").glob("*.json")),
    }
    schema = json.loads((tmp_path / "request.own-engine.schema.json").read_text(encoding="utf-8"))
    assert not_null(schema["$defs"]["ColorOptions"]["properties"]["colors"])["maximum"] == 16


def test_the_doctor_asks_it(settings: dict[str, str], tmp_path: Path) -> None:
    """`ocr-worker doctor` prints the engine's findings and variables, and exits with 1 when the engine cannot start."""
    ready = command("doctor", **settings)
    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert "color names: Pillow's" in ready.stdout
    assert "reads COLOR_NAMES: JSON file of color names" in ready.stdout
    not_ready = command("doctor", **settings, COLOR_NAMES=str(tmp_path / "names.json"))
    assert not_ready.returncode == 1
    assert f"not ready: COLOR_NAMES={tmp_path / 'names.json'} is no file; correct it" in not_ready.stdout


def test_it_has_no_weights(settings: dict[str, str]) -> None:
    """`ocr-worker weights` says that this engine has none, instead of fetching another engine's."""
    done = command("weights", "fetch", **settings)
    assert done.returncode == 1
    assert "the engine own-engine has no weights to fetch" in done.stderr


@pytest.fixture(scope="module")
def app(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    log = tmp_path_factory.mktemp("app") / "log"
    with serving(log, **settings, OCR_RASTER_WORKERS="3") as started:
        yield started.wait(200)


def test_its_option_is_in_openapi(app: App) -> None:
    """The HTTP app's OpenAPI shows the option with its description, and the app honors it."""
    paths = requests.get(f"{app.url}/openapi.json", timeout=10).json()["paths"]
    body = paths["/v1/parse"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    colors = not_null(body["properties"]["options"])["properties"]["colors"]
    assert colors["description"].startswith("number of colors")
    job_input = {"documents": [document(two_colors())], "options": {"colors": 2}}
    response = requests.post(f"{app.url}/v1/parse", json=job_input, timeout=30).json()
    assert response["documents"][0]["markdown"] == "- blue: 75 %\n- red: 25 %"


def test_as_many_replicas_run_as_it_declares(app: App) -> None:
    """The spec asks for as many replicas as processes render pages, here three, and all of them live."""
    assert health(app)["replicas"] == {"alive": 3, "total": 3}
    response = requests.post(f"{app.url}/v1/parse", json=request(tiff([RED, BLUE] * 20)), timeout=60).json()
    assert response["coverage"]["pages_parsed"] == 40


def not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a member without the alternative null."""
    return next(alternative for alternative in schema["anyOf"] if alternative != {"type": "null"})


def two_colors() -> bytes:
    """A page of which a quarter is red and the rest blue, as a PNG."""
    image = Image.new("RGB", (40, 40), BLUE)
    image.paste(RED, (0, 0, 20, 20))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
