"""`python handler.py` in a terminal, without the platform: what it prints, where it writes, how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from ocr_worker.errors import InvalidRequest
from ocr_worker.runpod_worker.dry_run import check_job
from support import doubles
from support.doubles import READING
from support.drawing import WHITE, document, png, request, tiff
from support.worker_process import ROOT, dry_run

pytestmark = pytest.mark.process


def run(directory: Path, job_input: Any, engine: str = "support.doubles:by_colour") -> CompletedProcess[str]:
    """A dry run of `--test_input` in a directory."""
    return dry_run(["--test_input", json.dumps({"input": job_input})], directory, OCR_ENGINE=engine)


def test_the_markdown_is_printed(tmp_path: Path) -> None:
    """A dry run prints the Markdown, a line of pages, seconds and engine, and the path of the whole answer."""
    done = run(tmp_path, request(tiff([WHITE, (255, 255, 0)])))
    assert done.returncode == 0, done.stderr
    assert f"{READING} #ffffff\n\n{READING} #ffff00" in done.stdout
    assert "2 pages" in done.stdout
    assert "double" in done.stdout
    (path,) = [word for word in done.stdout.split() if word.endswith(".json")]
    answer = json.loads((tmp_path / path).read_text(encoding="utf-8"))
    assert answer["coverage"]["pages_parsed"] == 2
    assert "Traceback" not in done.stderr


def test_test_input_json_is_read(tmp_path: Path) -> None:
    """Without arguments the job is the `test_input.json` of the working directory."""
    (tmp_path / "test_input.json").write_text(json.dumps({"input": {"documents": [document(png(WHITE))]}}))
    done = dry_run([], tmp_path, OCR_ENGINE="support.doubles:reading")
    assert done.returncode == 0, done.stderr
    assert f"{READING} #ffffff" in done.stdout


def test_a_variable_that_is_no_setting_is_in_the_log(tmp_path: Path) -> None:
    """A worker with an unknown variable starts and warns; with a misspelled one it stops and asks what was meant."""
    (tmp_path / "test_input.json").write_text(json.dumps({"input": {"documents": [document(png(WHITE))]}}))
    unknown = dry_run([], tmp_path, OCR_ENGINE="support.doubles:reading", OCR_COLOR_SPACE="x")
    assert unknown.returncode == 0, unknown.stderr
    assert "OCR_COLOR_SPACE is not a setting of this worker, and has no effect" in unknown.stderr
    misspelled = dry_run([], tmp_path, OCR_ENGINE="support.doubles:reading", OCR_API_KEY="secret")
    assert misspelled.returncode == 1
    assert "SETTINGS_INVALID: OCR_API_KEY is not a setting; did you mean OCR_API_KEYS?" in misspelled.stderr
    assert "secret" not in misspelled.stdout + misspelled.stderr


def test_a_partly_parsed_job_prints_its_text_and_its_errors(tmp_path: Path) -> None:
    """A partly parsed job exits with 0 and prints its Markdown, and the failed page with its code."""
    done = run(tmp_path, request(tiff([WHITE, doubles.RAISES])))
    assert done.returncode == 0, done.stderr
    assert f"{READING} #ffffff" in done.stdout
    assert "1 of 2 pages" in done.stdout
    assert (done.stdout + done.stderr).count("PAGE_FAILED: ") == 1
    assert "document-1: page 2: PAGE_FAILED: " in done.stderr


@pytest.mark.parametrize(
    ("job_input", "phrases"),
    [
        (
            {"documents": [{"url": "https://x.org/a", "pages": "0"}], "optons": {}},
            ["input.documents[0].pages", "optons"],
        ),
        (request(png(doubles.RAISES)), ["PAGE_FAILED: "]),
    ],
    ids=["bad request", "nothing parsed"],
)
def test_a_job_that_fails_exits_with_1(tmp_path: Path, job_input: Any, phrases: list[str]) -> None:
    """A dry run whose job fails exits with 1 and prints why on stderr, once, without a traceback of the SDK."""
    done = run(tmp_path, job_input)
    assert done.returncode == 1
    printed = done.stdout + done.stderr
    assert [printed.count(part) for part in phrases] == [1 for _ in phrases]
    assert [part for part in phrases if part not in done.stderr] == []
    assert "error_traceback" not in printed


@pytest.mark.parametrize(
    ("source", "job", "message"),
    [
        ("--test_input", "{input: 1}", "is not valid JSON"),
        ("--test_input", "", "is not valid JSON"),
        ("--test_input=", "{}", 'has no "input"'),
        ("test_input.json", '{"input": ', "is not valid JSON"),
        ("test_input.json", '{"input": null}', 'has no "input"'),
    ],
)
def test_a_job_that_is_none_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, job: str, message: str
) -> None:
    """A broken or empty job is rejected in one line, from the command line and from the file alike; the file does not
    replace an empty `--test_input`."""
    monkeypatch.chdir(tmp_path)
    Path("test_input.json").write_text(job if source.endswith(".json") else json.dumps({"input": {}}))
    arguments = {"--test_input": ["--test_input", job], "--test_input=": [f"--test_input={job}"]}.get(source, [])
    with pytest.raises(InvalidRequest) as rejection:
        check_job(arguments)
    assert str(rejection.value).startswith(f"{source.rstrip('=')} {message}")
    assert "write it like" in str(rejection.value)


def test_a_job_that_is_none_starts_no_engine(tmp_path: Path) -> None:
    """A broken job is one line on stderr and exit code 1. The engine, which could not start, is not touched."""
    done = dry_run(["--test_input", "{input: 1}"], tmp_path, OCR_ENGINE="support.doubles:unstartable")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("INVALID_REQUEST: --test_input is not valid JSON")


def test_no_job_at_all_starts_no_engine(tmp_path: Path) -> None:
    """Without `--test_input` and without `test_input.json`, one line says how to give a job."""
    done = dry_run([], tmp_path, OCR_ENGINE="support.doubles:unstartable")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "there is no test_input.json in" in line
    assert "--test_input '{" in line


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("support.doubles:unstartable", "WEIGHTS_MISSING"),
        ("tesseract", "SETTINGS_INVALID"),
    ],
)
def test_a_worker_that_cannot_start_says_so(tmp_path: Path, engine: str, message: str) -> None:
    """An engine that cannot be had stops a dry run with its reason on stderr and exit code 1: nothing falls back."""
    done = run(tmp_path, request(png(WHITE)), engine)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert READING not in done.stdout


def test_settings_that_are_wrong_are_all_named(tmp_path: Path) -> None:
    """Every variable with a wrong value is named before anything is loaded."""
    done = dry_run([], tmp_path, OCR_ENGINE="support.doubles:reading", OCR_CONCURRENCY="0", OCR_MAX_PAGES="many")
    assert done.returncode == 1
    assert "OCR_CONCURRENCY" in done.stderr
    assert "OCR_MAX_PAGES" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_repositorys_own_page_is_read(tmp_path: Path) -> None:
    """The embedded engine reads `test_input.json`: a title, text and a table come out as Markdown."""
    (tmp_path / "test_input.json").write_text((ROOT / "test_input.json").read_text())
    done = dry_run([], tmp_path, OCR_ENGINE="embedded")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("# ") for line in lines)
    assert sum(line.startswith("|") and line.rstrip().endswith("|") for line in lines) >= 3
    assert "embedded" in done.stdout
