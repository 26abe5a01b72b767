"""README: short, its links lead somewhere, and its commands run as they are written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ocr_worker.engines.registry import engine_spec, read_request
from support.app_process import serving
from support.waiting import PATIENCE_S
from support.worker_process import ROOT, environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
# Not run by these tests: the gate runs `make run`; the others install packages, or need a registry or the platform.
NOT_RUN = ("make run", "pip install", "docker build", "api.runpod.ai")


def code_blocks(language: str) -> list[str]:
    """Return the code blocks of README in this language, without their indentation."""
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in blocks]


def commands() -> list[str]:
    """Return the commands of README's shell blocks; lines that a backslash continues are joined."""
    return [line for block in code_blocks("sh") for line in block.replace("\\\n", " ").splitlines()]


RUN_COMMANDS = [command for command in commands() if not any(text in command for text in NOT_RUN)]
SERVE = next(command for command in RUN_COMMANDS if command.endswith("ocr-worker serve"))
CURL = next(command for command in RUN_COMMANDS if "127.0.0.1:8000" in command)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like a clone after `make run`: the files that README's commands name, and `.venv`."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def run(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of README in a shell. Returns its output; raises AssertionError with it when the command fails."""
    process = subprocess.run(
        ["bash", "-euc", command],
        cwd=directory,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process


def test_the_readme_is_short() -> None:
    """README has at most 150 lines of at most 120 characters."""
    lines = README.splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120] == []


def test_links_lead_somewhere() -> None:
    """Every relative link and picture of README exists."""
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert len(targets) > 20
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_job_is_valid() -> None:
    """README's job is one that both engines take."""
    (job,) = code_blocks("json")
    for engine in ("embedded", "paddleocr-vl"):
        read_request(json.loads(job)["input"], engine_spec(engine))


@pytest.mark.process
def test_parsing_a_file_on_the_command_line(clone: Path) -> None:
    """The command writes the pages' Markdown to the file that it names."""
    (command,) = [command for command in RUN_COMMANDS if "ocr-worker parse" in command]
    run(command, clone)
    assert "# Low Water at Four Gauges" in (clone / "sample.md").read_text(encoding="utf-8")


@pytest.mark.process
def test_parsing_a_file_over_http(clone: Path) -> None:
    """`serve` responds to the curl command with Markdown; the port alone is another one here."""
    settings = dict(assignment.split("=", 1) for assignment in SERVE.split() if re.match(r"[A-Z_]+=", assignment))
    with serving(clone / "serve.log", **settings) as app:
        app.wait(200)
        output = run(CURL.replace("127.0.0.1:8000", app.url.removeprefix("http://")), clone).stdout
    assert "# Low Water at Four Gauges" in output


@pytest.mark.process
def test_parsing_a_file_in_python(clone: Path) -> None:
    """The program prints the document's Markdown."""
    (program,) = code_blocks("python")
    (clone / "program.py").write_text(program, encoding="utf-8")
    assert "# Low Water at Four Gauges" in run(".venv/bin/python program.py", clone).stdout


@pytest.mark.process
def test_parsing_a_folder(clone: Path) -> None:
    """The batch's folder holds the document's Markdown."""
    start = next(number for number, command in enumerate(RUN_COMMANDS) if "scans" in command)
    run("\n".join(RUN_COMMANDS[start : start + 2]), clone)
    assert "# Low Water at Four Gauges" in (clone / "out" / "sample.pdf" / "document.md").read_text(encoding="utf-8")


def test_every_command_is_run_or_named_as_not_run() -> None:
    """No command of README escapes these tests: four are run above, the rest is in `NOT_RUN`."""
    assert len(RUN_COMMANDS) == 5
