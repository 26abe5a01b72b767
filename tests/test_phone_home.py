"""No library reports on this machine: a run connects to nothing, and writes nothing into the user's home.

`tests/by_hand/phone_home.py` records the same from outside, with strace, for more runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocr_worker.settings import disable_telemetry, model_server_environment
from support.sample import page_png
from support.worker_process import ROOT, dry_run, python_path

SWITCHES = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK")

# Python imports it in every process at its start. It appends what is connected to, resolved, and opened for writing.
RECORDER = """
import os, sys

def record(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        line = f"{event} {arguments}"
    elif event == "open" and isinstance(arguments[0], (str, os.PathLike)) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        line = f"open {os.path.abspath(os.fspath(arguments[0]))}"
    else:
        return
    os.write(log, (line + "\\n").encode())

log = os.open(os.environ["RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
sys.addaudithook(record)
"""


@pytest.fixture
def recorded(tmp_path: Path) -> dict[str, str]:
    """Environment of a process that is recorded: an empty home, none of the switches, the recorder on Python's path."""
    for folder in ("home", "recorder", "work", "tmp"):
        (tmp_path / folder).mkdir()
    (tmp_path / "recorder" / "sitecustomize.py").write_text(RECORDER)
    return {
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": "",
        "TMPDIR": str(tmp_path / "tmp"),
        "RECORD": str(tmp_path / "record.txt"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "recorder"), python_path()]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def record(tmp_path: Path) -> list[str]:
    """Return the recorded events, without files in the working or the temporary folder and without devices."""
    allowed = tuple(f"open {folder}/" for folder in (tmp_path / "work", tmp_path / "tmp", "/dev"))
    return [line for line in (tmp_path / "record.txt").read_text().splitlines() if not line.startswith(allowed)]


@pytest.mark.process
def test_a_dry_run_reports_to_nobody(tmp_path: Path, recorded: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run of the embedded engine opens no connection, resolves no name, and leaves the user's home empty."""
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work" / "test_input.json").write_bytes((ROOT / "test_input.json").read_bytes())
    done = dry_run([], tmp_path / "work", OCR_ENGINE="embedded", **recorded)
    assert done.returncode == 0, done.stderr
    assert "answer.json" in (tmp_path / "record.txt").read_text()  # the recorder works
    assert record(tmp_path) == []
    assert list((tmp_path / "home").rglob("*")) == []


@pytest.mark.process
def test_a_program_reports_to_nobody(tmp_path: Path, recorded: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that calls `parse_file` has no telemetry either, though nothing of ours starts its process."""
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work" / "page.png").write_bytes(page_png())
    program = "import ocr_worker; print(ocr_worker.parse_file('page.png', engine='embedded').status)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "work",
        env={**os.environ, **recorded},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "succeeded", done.stderr
    assert record(tmp_path) == []
    assert list((tmp_path / "home").rglob("*")) == []


def test_the_operator_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Telemetry is switched off unless the operator set the library's variable, here and for a managed model server."""
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    assert {model_server_environment(tmp_path)[name] for name in SWITCHES} == {"1"}
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    disable_telemetry()
    assert [os.environ[name] for name in SWITCHES] == ["0", "1", "1", "1"]


@pytest.mark.parametrize("name", ["VLLM_CACHE_ROOT", "TRITON_CACHE_DIR"])
def test_what_vllm_compiles_is_kept_on_the_volume(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """A managed vLLM keeps its compiled code on the volume, unless there is none or the operator named a place."""
    monkeypatch.delenv(name, raising=False)
    assert Path(model_server_environment(tmp_path)[name]).is_relative_to(tmp_path)
    assert name not in model_server_environment(tmp_path / "missing")
    monkeypatch.setenv(name, "/elsewhere")
    assert model_server_environment(tmp_path)[name] == "/elsewhere"
