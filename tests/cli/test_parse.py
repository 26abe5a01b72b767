"""`ocr-worker`: Markdown on stdout, faults on stderr, exit codes a script can rely on."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfWriter

from ocr_worker import cli
from ocr_worker.parsing.pipeline import Pipeline
from support.drawing import WHITE, pdf
from support.sample import page_png
from support.waiting import PATIENCE_S
from support.worker_process import python_path

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's own page as a file."""
    file = tmp_path_factory.mktemp("files") / "page.png"
    file.write_bytes(page_png())
    return file


def run(*arguments: str | Path, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ocr_worker.cli", *map(str, arguments)]
    variables = {**os.environ, **environment}
    done = subprocess.run(
        command, env=variables, input=stdin or b"", capture_output=True, timeout=2 * PATIENCE_S, check=False
    )
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_markdown_goes_to_stdout_and_nothing_else(page: Path) -> None:
    """One good file: its Markdown, exit code 0, and a quiet stderr where that is no terminal."""
    done = run("parse", "--engine", "embedded", page)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Water Levels of the Upper Basin")
    assert "| Old Mill | 0.65 | 4.10 | 19 |" in done.stdout
    assert done.stderr == ""


def test_a_file_from_stdin_goes_to_a_file(page: Path, tmp_path: Path) -> None:
    """`-` reads standard input, `-o` writes a file and nothing to stdout, `--options` and `--dpi` reach the engine."""
    result = tmp_path / "page.json"
    arguments = ("-", "--json", "-o", result, "--options", '{"formats": ["markdown"], "page_images": "inline"}')
    done = run("parse", "--engine", "embedded", *arguments, stdin=page.read_bytes())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (parsed_page,) = json.loads(result.read_text())["documents"][0]["pages"]
    assert parsed_page["markdown"].startswith("# Water Levels")
    assert "blocks" not in parsed_page
    assert parsed_page["image"]


def test_figures_are_written_beside_the_markdown(tmp_path: Path) -> None:
    """`-o` writes the figures into a folder, and the Markdown refers to them; `figures: none` writes no folder."""
    arguments = ("parse", "--engine", "embedded", ROOT / "examples" / "sample.pdf", "--pages", "1", "-o")
    assert run(*arguments, tmp_path / "my sample.md").returncode == 0
    assert "](my%20sample-figures/page-1-figure-1.jpg)" in (tmp_path / "my sample.md").read_text()
    assert (tmp_path / "my sample-figures" / "page-1-figure-1.jpg").read_bytes().startswith(b"\xff\xd8")
    assert run(*arguments, tmp_path / "plain.md", "--options", '{"figures": "none"}').returncode == 0
    assert "](page-1-figure-1.jpg)" in (tmp_path / "plain.md").read_text()
    assert not (tmp_path / "plain-figures").exists()


def test_an_encrypted_pdf_opens_with_its_password(tmp_path: Path) -> None:
    """`--password` opens the file, a wrong one is named by its code, and `--dpi` sets the size of the page."""
    file = tmp_path / "closed.pdf"
    writer = PdfWriter(io.BytesIO(pdf([WHITE])))
    writer.encrypt("open sesame")
    writer.write(file)
    arguments = ("parse", "--engine", "support.doubles:reading", "--json", file)
    wrong = run(
        "parse",
        "--engine",
        "support.doubles:reading",
        file,
        "--password",
        "guess",
        "-o",
        tmp_path / "out.md",
        PYTHONPATH=python_path(),
    )
    assert wrong.returncode == 1
    assert not (tmp_path / "out.md").exists()
    assert wrong.stderr.startswith(f"{file}: DOCUMENT_ENCRYPTED: ")
    widths = []
    for dpi in ("72", "144"):
        done = run(*arguments, "--password", "open sesame", "--dpi", dpi, PYTHONPATH=python_path())
        assert done.returncode == 0, done.stderr
        widths.append(json.loads(done.stdout)["documents"][0]["pages"][0]["width"])
    assert widths[1] == 2 * widths[0]
    (tmp_path / "password").write_text("open sesame\n")
    done = run(*arguments, "--password-file", tmp_path / "password", PYTHONPATH=python_path())
    assert done.returncode == 0, done.stderr


def test_one_bad_file_among_good_ones_is_exit_code_1(page: Path, tmp_path: Path) -> None:
    """The good file's answer is there, the bad one's code too; in Markdown a comment is in its place."""
    bad = tmp_path / "bad.pdf"
    bad.write_text("this is no PDF")
    done = run("parse", "--engine", "embedded", "--json", page, bad)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["status"] == "partial"
    assert "bad.pdf: DOCUMENT_UNSUPPORTED_TYPE: " in done.stderr
    done = run("parse", "--engine", "embedded", bad, page)
    assert done.returncode == 1
    assert done.stdout.startswith(f"<!-- document {bad}: DOCUMENT_UNSUPPORTED_TYPE -->\n# Water Levels")
    done = run("parse", "--engine", "embedded", bad)
    assert (done.returncode, done.stdout) == (1, "")


FILE = str(ROOT / "LICENSE")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: FILE|URL"),
        (["no-such-file.pdf"], "no-such-file.pdf: No such file or directory"),
        ([str(ROOT)], f"{ROOT} is a folder: use ocr-worker batch run {ROOT} --out DIR --local"),
        ([FILE] * 65, "65 files are too many for one call, the limit is 64: use ocr-worker batch run"),
        (["-", "-"], "standard input (-) can be read only once"),
        (["--pages", "0", FILE], "argument --pages: '0': page numbers start at 1"),
        (["--dpi", "20", FILE], "argument --dpi: 20 should be greater than or equal to 36"),
        (["--dpi", "fine", FILE], "argument --dpi: 'fine' is not a whole number"),
        (["--options", "{dpi: 1}", FILE], "argument --options: not valid JSON"),
        (["--options", "[]", FILE], "argument --options: '[]' is not a JSON object"),
        (["--options", '{"dip": 1}', FILE], "--options: dip is unknown; did you mean 'dpi'?"),
        (["--options", '{"temperature": 1}', FILE], "temperature is an option of the engine paddleocr-vl"),
        (["--engine", "tesseract", FILE], "--engine='tesseract' is unknown; choose one of: embedded, paddleocr-vl"),
        (["--engine", "no_such:SPEC", FILE], "--engine='no_such:SPEC' cannot be imported"),
        (["--output", str(ROOT), FILE], f"--output {ROOT} is a folder"),
        (["--output", "nowhere/a.md", FILE], "--output nowhere/a.md: there is no folder nowhere"),
        (["--output", FILE, FILE], "would replace a file that is to be parsed"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the flag or the file, never a JSON path, and no engine is started."""
    monkeypatch.setenv("OCR_ENGINE", "embedded")
    monkeypatch.setattr(Pipeline, "start", lambda pipeline: pytest.fail("the engine was started"))
    try:
        code = cli.main(["parse", *arguments])
    except SystemExit as ended:  # argparse's own
        code = ended.code
    stderr = capsys.readouterr().err
    assert (code, message in stderr) == (2, True), stderr
    assert "input." not in stderr
    assert "documents[" not in stderr


def test_a_wrong_command_line_has_no_traceback() -> None:
    """As a process of its own, a wrong call ends with exit code 2 and one message, also for an unknown command."""
    for arguments in (["parse", "no-such-file.pdf"], ["dance"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "ocr-worker: " in done.stderr
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
