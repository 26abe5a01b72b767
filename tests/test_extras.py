"""Without an extra, what needs it stops with one message: what is missing, and the command that installs it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ocr_worker import extras
from ocr_worker.errors import SettingsInvalid
from support import tinyvl
from support.worker_process import ROOT, environment

pytestmark = pytest.mark.process

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Python raises ModuleNotFoundError for a module that is None, as for one that is not installed.
WITHOUT = "import sys, runpy; sys.modules[sys.argv.pop(1)] = None; sys.argv.pop(0); "
CLI = "runpy.run_module('ocr_worker.cli', run_name='__main__', alter_sys=True)"
HANDLER = "runpy.run_path('handler.py', run_name='__main__')"
BUCKET = {
    "BUCKET_ENDPOINT_URL": "http://127.0.0.1:1/answers",
    "BUCKET_ACCESS_KEY_ID": "key",
    "BUCKET_SECRET_ACCESS_KEY": "secret",
}
IMPORTED_AT_START = {
    "serve": {
        "fastapi",
        "fastapi_swagger",
        "latex2mathml",
        "markdown_it",
        "nh3",
        "prometheus_client",
        "python_multipart",
        "starlette",
        "uvicorn",
    },
    "batch": {"aiolimiter"},
    "endpoint": {"aiohttp"},
}


DOCUMENT = str(ROOT / "tests" / "resources" / "scripts.pdf")
PARQUET = ["batch", "run", DOCUMENT, "--out", "/nowhere/out", "--local", "--format", "parquet"]


def run_without(module: str, program: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a Python that does not have the module."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + program, module, "program", *arguments],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.process
@pytest.mark.parametrize(
    ("extra", "module", "user", "program", "arguments", "settings"),
    [
        ("http", "uvicorn", "the HTTP app", CLI, ["serve"], {}),
        ("http", "nh3", "the HTTP app", CLI, ["serve"], {}),
        ("batch", "aiolimiter", "the client of an endpoint", CLI, ["batch", "status", "out"], {}),
        ("endpoint", "aiohttp", "the local endpoint", CLI, ["endpoint"], {}),
        ("parquet", "pyarrow", "--format parquet", CLI, PARQUET, {"OCR_ENGINE": "embedded"}),
        ("s3", "boto3", "BUCKET_ENDPOINT_URL", HANDLER, [], {"OCR_ENGINE": "embedded", **BUCKET}),
        ("embedded", "rapidocr", "OCR_ENGINE=embedded", HANDLER, [], {"OCR_ENGINE": "embedded"}),
        ("embedded", "cv2", "OCR_ENGINE=embedded", HANDLER, [], {"OCR_ENGINE": "embedded"}),
        ("embedded", "onnxruntime", "OCR_ENGINE=embedded", CLI, ["parse", "LICENSE"], {"OCR_ENGINE": "embedded"}),
        ("paddle", "paddlex", "the download of weights", CLI, ["weights", "fetch"], {"OCR_WEIGHTS_HOME": "/nowhere"}),
        ("paddle", "paddleocr", "OCR_ENGINE=paddleocr-vl", HANDLER, [], tinyvl.environment()),
        ("paddle", "paddle", "OCR_ENGINE=paddleocr-vl", HANDLER, [], tinyvl.environment()),
    ],
)
def test_what_needs_an_extra_names_it(
    extra: str, module: str, user: str, program: str, arguments: list[str], settings: dict[str, str]
) -> None:
    """A command, engine or bucket without its extra ends with code 1, the reason and the remedy, and no traceback."""
    stopped = run_without(module, program, *arguments, **settings)
    assert stopped.returncode == 1, stopped.stderr
    assert f"SETTINGS_INVALID: {user} needs {module!r}" in stopped.stderr
    assert f"[{extra}]" in stopped.stderr
    assert extras.install_command(extra) in stopped.stderr
    assert "Traceback" not in stopped.stderr


@pytest.mark.process
@pytest.mark.parametrize("command", IMPORTED_AT_START)
def test_a_command_imports_its_extra_at_start(command: str) -> None:
    """A command imports all packages of its extra at its start, so that none is missed later."""
    program = f"import sys, ocr_worker.cli.{command}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) >= IMPORTED_AT_START[command]


def test_a_missing_module_of_ours_is_no_missing_extra() -> None:
    """A wrong import inside the package stays what it is."""
    with pytest.raises(ModuleNotFoundError), extras.needed_by("a test", "http"):
        import ocr_worker.no_such_module  # noqa: F401


@pytest.mark.parametrize("extra", PYPROJECT["project"]["optional-dependencies"])
def test_the_command_installs_what_exists(extra: str) -> None:
    """Each extra has a command that works in a clone: its files exist, its pins are those of the project."""
    command = extras.install_command(extra)
    assert command.startswith(".venv/bin/python -m pip install ")
    assert f"-e '.[{extra}]'" in command or "-r requirements/light.txt" in command
    for word in command.split():
        if word.startswith("requirements/"):
            assert Path(ROOT, word).is_file()
        if "==" in word:
            assert word in PYPROJECT["dependency-groups"]["dev"]


def test_no_message_names_a_package_of_the_index() -> None:
    """The name `ocr-worker` on the package index is not this project: no text of the package says to install it."""
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")}
    assert [str(path) for path, text in texts.items() if re.search(r"pip install\s+['\"]?ocr.worker", text)] == []


def test_the_message_for_people() -> None:
    """The message says who needs what, where it belongs, and what to run."""
    with pytest.raises(SettingsInvalid) as caught, extras.needed_by("the HTTP app", "http"):
        import no_such_module  # noqa: F401
    assert str(caught.value) == (
        "the HTTP app needs 'no_such_module', which is not installed; it belongs to the extra [http],"
        " so run in the repository: .venv/bin/python -m pip install -e '.[http]'"
    )
