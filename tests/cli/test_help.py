"""Help of `ocr-worker`: what a person sees first, and examples that work as written."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from ocr_worker import __version__, cli
from ocr_worker.engines.registry import BUILT_IN
from support.sample import page_png
from support.waiting import PATIENCE_S
from support.worker_process import environment

BATCH_COMMANDS = ("run", "status", "report", "verify", "cancel", "retry")
COMMAND_LINES = [
    [],
    *([name] for name in cli.COMMANDS),
    *(["batch", name] for name in (*BATCH_COMMANDS, "plan", "diff")),
]


def help_text(arguments: list[str]) -> str:
    """The text that `--help` prints after these arguments."""
    output = io.StringIO()
    with redirect_stdout(output), pytest.raises(SystemExit) as ended:
        cli.main([*arguments, "--help"])
    assert ended.value.code == 0
    return output.getvalue()


def examples(arguments: list[str]) -> list[str]:
    """The examples at the end of a help text."""
    return [line.strip() for line in help_text(arguments).partition("\nexamples:\n")[2].splitlines()]


@pytest.mark.parametrize("arguments", COMMAND_LINES, ids=lambda arguments: " ".join(arguments) or "ocr-worker")
def test_every_help_ends_with_two_examples(arguments: list[str]) -> None:
    """Two command lines, each of which calls this very command with arguments that it accepts."""
    lines = examples(arguments)
    assert len(lines) == 2
    for line in lines:
        calls = list(ocr_worker_calls(line))
        assert calls[0][: len(arguments)] == arguments
        for call in calls:
            cli.make_parser(call[0]).parse_args(call)


def ocr_worker_calls(line: str) -> Iterator[list[str]]:
    """The arguments of each call of `ocr-worker` in a shell's line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += "%"  # which is no punctuation for a shell
    words = list(lexer)
    while "ocr-worker" in words:
        words = words[words.index("ocr-worker") + 1 :]
        end = next((at for at, word in enumerate(words) if word in ("|", "&&", ">")), len(words))
        yield words[:end]


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`ocr-worker` and `ocr-worker batch` alone print their help on stdout and exit with 0."""
    for arguments in ([], ["batch"]):
        assert cli.main(arguments) == cli.OK
        output = capsys.readouterr()
        assert output.out == help_text(arguments)
        assert output.err == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the package's version."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ocr-worker {__version__}\n"


def test_the_help_of_parse_says_what_matters() -> None:
    """The engines are listed, those of the registry and one's own; a password is warned of."""
    text = " ".join(help_text(["parse"]).split())
    assert all(name in text for name in (*BUILT_IN, "module:attribute"))
    assert "WARNING: other users of this machine can read it in the output of `ps`" in text


@pytest.mark.process
@pytest.mark.slow
def test_the_examples_run(tmp_path: Path) -> None:
    """Examples of `parse`, `schema`, `doctor` and of a whole batch run in a shell as written, with the CPU engine."""
    files = tmp_path / "scans"
    files.mkdir()
    for path in (tmp_path / "report.pdf", files / "a.pdf"):
        path.write_bytes(page_png())  # the type is read from the bytes, not from the name
    (tmp_path / "ocr-worker").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ocr_worker.cli "$@"\n')
    (tmp_path / "ocr-worker").chmod(0o755)
    variables = environment({"OCR_ENGINE": "embedded", "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"})
    commands = [[], ["parse"], ["schema"], ["doctor"], *(["batch", name] for name in BATCH_COMMANDS)]
    lines = list(dict.fromkeys(line for arguments in commands for line in examples(arguments)))
    for line in lines:
        done = subprocess.run(
            line,
            shell=True,
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, (line, done.stderr)
    assert (tmp_path / "report.md").read_text().startswith("# Water Levels")
    assert json.loads((tmp_path / "report.json").read_text())["coverage"]["pages_parsed"] == 1
    assert (tmp_path / "results" / "report.html").exists()
