"""`ocr-worker`: Markdown on stdout, faults on stderr, exit codes a script can rely on."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocr_worker import cli
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's own page as a file."""
    job = json.loads((ROOT / "test_input.json").read_text(encoding="utf-8"))
    file = tmp_path_factory.mktemp("files") / "page.png"
    file.write_bytes(base64.b64decode(job["input"]["documents"][0]["base64"]))
    return file


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ocr_worker.cli", *map(str, arguments)]
    variables = {**os.environ, **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False)


def test_markdown_goes_to_stdout_and_nothing_else(page: Path) -> None:
    """One good file: its Markdown, exit code 0, and a quiet stderr where that is no terminal."""
    done = run("parse", "--engine", "embedded", page)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Water Levels of the Upper Basin")
    assert "| Old Mill | 0.65 | 4.10 | 19 |" in done.stdout
    assert done.stderr == ""


def test_one_bad_file_among_good_ones_is_exit_code_1(page: Path, tmp_path: Path) -> None:
    """The good file's answer is there, the bad one's code too."""
    bad = tmp_path / "bad.pdf"
    bad.write_text("this is no PDF")
    done = run("parse", "--engine", "embedded", "--json", page, bad)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["status"] == "partial"
    assert "bad.pdf: DOCUMENT_UNSUPPORTED_TYPE: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["parse"], "usage:"),
        (["parse", "no-such-file.pdf"], "no-such-file.pdf: No such file or directory"),
        (["parse", "--pages", "0", str(ROOT / "LICENSE")], "page numbers start at 1"),
        (["dance"], "usage:"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], message: str) -> None:
    """A wrong call is reported, and nothing is started."""
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_weights_the_default_engine_says_how_to_get_them(tmp_path: Path) -> None:
    """`parse`, `weights verify` and `doctor` all end with exit code 1 and the command that fetches weights."""
    for command in (["parse", str(ROOT / "LICENSE")], ["weights", "verify"], ["doctor"]):
        done = run(*command, OCR_WEIGHTS_HOME=str(tmp_path), OCR_DEVICE="cpu", OCR_ENGINE="paddleocr-vl")
        assert done.returncode == 1
        assert "ocr-worker weights fetch --version v1.6" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_schema_writes_what_docs_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`ocr-worker schema FOLDER` writes a schema for each engine's request and one for the answer."""
    assert cli.main(["schema", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in (ROOT / "docs").glob("*.json")
    )
