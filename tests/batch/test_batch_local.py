"""The batch command in one process: its inputs, passwords, options and repairs. The engine is a double."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.inputs import gather
from ocr_worker.batch.model import Slice
from ocr_worker.batch.sending import cut_pages
from ocr_worker.cli.arguments import check_options_of_any
from ocr_worker.engines.registry import BUILT_IN, engine_spec
from ocr_worker.errors import InvalidRequest
from support import doubles
from support.batch_client import WORKERS, Client, command, ledger, plain, report
from support.drawing import WHITE, png, tiff
from support.files import encrypted_pdf
from support.waiting import PATIENCE_S
from support.worker_process import environment

pytestmark = pytest.mark.process

PASSWORD = "lamp-and-key"


def local(*arguments: str | Path, stdin: str | None = None, **more: str) -> tuple[int, str]:
    """Run a batch command in one process; return exit code and output. more: settings."""
    settings = {**WORKERS, "OCR_ENGINE": "support.doubles:by_colour", **more}
    return Client("http://127.0.0.1:9", *arguments, stdin=stdin, **settings).end(5 * PATIENCE_S)


def ended(*arguments: str | Path) -> tuple[int, str]:
    """Run a batch command that ends before it parses anything, without a process for it."""
    return command(*arguments, RUNPOD_ENDPOINT_BASE_URL="http://127.0.0.1:9", **WORKERS)


def assert_no_file_has(out: Path, text: str) -> None:
    assert [path for path in out.rglob("*") if path.is_file() and text.encode() in path.read_bytes()] == []


# --------------------------------------------------------------------------- folders


def test_a_folder_is_accounted_for(tmp_path: Path) -> None:
    """Results inside the input are not read again, an odd name is a document, and everything else is listed."""
    scans, out = tmp_path / "scans", tmp_path / "scans" / "out"
    plain(scans, 1, 1)
    (scans / os.fsdecode(b"caf\xe9.png")).write_bytes(png(WHITE))
    (scans / os.fsdecode(b"caf\xe9.txt")).write_text("a note")
    (scans / "renamed.txt").write_text("a note that is not there later")
    for _ in range(2):
        code, output = local("run", scans, "--out", out, "--local")
        assert code == 0, output
        assert "documents   2 = 2 succeeded" in output
        (out / "000.tif" / "page-1-figure-1.png").write_bytes(png(WHITE))
        (scans / "renamed.txt").unlink(missing_ok=True)
    status = ended("status", out)[1]
    assert "skipped     1 not a PDF or image" in status
    for text in (output, status):
        assert f"skipped: {scans}/caf\\udce9.txt: not a PDF or image" in text
        assert f"skipped: {out}: results of a batch" in text
    assert {entry["source"]: entry["reason"] for entry in report(out)["skipped"]} == {
        f"{scans}/caf\\udce9.txt": "not a PDF or image",
        f"{out}": "results of a batch",
    }
    assert {entry["name"] for entry in report(out)["documents"]} == {"000.tif", "caf_.png"}
    assert "caf\\udce9.txt" in (out / "report.html").read_text(encoding="utf-8")


def test_documents_beside_the_ledger_are_not_replaced(tmp_path: Path) -> None:
    """With `--out` as the folder of the documents, their files stay, and results have names of their own."""
    plain(tmp_path, 2, 1)
    code, output = local("run", tmp_path, "--out", tmp_path, "--local")
    assert (code, "results of a batch" in output) == (2, True), output
    for _ in range(2):
        code, output = local("run", str(tmp_path / "*"), "--out", tmp_path, "--local")
        assert code == 0, output
        assert "documents   2 = 2 succeeded" in output
    assert (tmp_path / "000.tif").is_file()
    assert (tmp_path / "000.tif-2" / "document.md").is_file()


def test_a_list_on_standard_input_may_have_any_bytes(tmp_path: Path) -> None:
    """Standard input is read as a manifest is: with a mark, and with names that are not UTF-8."""
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(png(WHITE))
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf" + os.fsencode(path) + b"\r\n")
    script = 'exec "$0" -m ocr_worker.cli batch run - --out "$1/out" --local < "$1/list"'
    settings = {**WORKERS, "OCR_ENGINE": "support.doubles:by_colour"}
    code, output = run_in_shell(script, tmp_path, settings)
    assert code == 0, output
    assert (tmp_path / "out" / "caf_.png" / "document.md").is_file()


def run_in_shell(script: str, argument: Path, settings: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, str(argument)],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


# --------------------------------------------------------------------------- passwords


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    path = tmp_path / "locked.pdf"
    path.write_bytes(encrypted_pdf(PASSWORD))
    return path


def test_a_password_in_a_manifest_opens_its_document(locked: Path, tmp_path: Path) -> None:
    """A wrong password fails; the run with the right one parses the same document, and no file has a password."""
    manifest, out = tmp_path / "list.jsonl", tmp_path / "out"
    for password, code in (("a wrong guess", 1), (PASSWORD, 0)):
        manifest.write_text(json.dumps({"path": locked.name, "password": password}) + "\n")
        assert local("run", manifest, "--out", out, "--local")[0] == code
        assert [entry["status"] for entry in report(out)["documents"]] == ["succeeded" if code == 0 else "failed"]
        assert_no_file_has(out, password)


def test_a_password_from_a_file_opens_all_documents(locked: Path, tmp_path: Path) -> None:
    """`retry` takes the flag, too; a document without encryption does not mind."""
    (tmp_path / "plain.png").write_bytes(png(WHITE))
    (tmp_path / "password").write_text(f"\ufeff{PASSWORD}\r\n", encoding="utf-8")
    out = tmp_path / "out"
    code, output = local("run", locked, tmp_path / "plain.png", "--out", out, "--local")
    assert (code, "DOCUMENT_ENCRYPTED" in output) == (1, True), output
    code, output = local("retry", out, "--password-file", tmp_path / "password")
    assert code == 0, output
    assert_no_file_has(out, PASSWORD)


def test_a_batch_that_is_continued_reads_the_password_again(locked: Path, tmp_path: Path) -> None:
    """Without its inputs, a batch takes passwords from the manifest, and says so if it is gone."""
    manifest, out = tmp_path / "list.jsonl", tmp_path / "out"
    manifest.write_text(json.dumps({"path": locked.name, "password": PASSWORD}) + "\n")
    added = Batch(out)
    added.open_read_only()
    added.add(gather([str(manifest)], ()))
    added.ledger.close()
    assert_no_file_has(out, PASSWORD)
    shutil.move(manifest, tmp_path / "moved.jsonl")
    code, output = local("run", "--out", out, "--local")
    assert (code, f"{manifest}: no such file" in output) == (1, True), output
    shutil.move(tmp_path / "moved.jsonl", manifest)
    code, output = local("retry", out)
    assert code == 0, output


def test_a_part_of_an_encrypted_file_is_cut_with_its_password(locked: Path) -> None:
    """A part is a PDF that needs no password."""
    from pypdf import PdfReader

    part = PdfReader(io.BytesIO(cut_pages(locked, Slice(1, (1,), is_cut=True), PASSWORD)))
    assert (len(part.pages), part.is_encrypted) == (1, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--password-file", "nowhere"), "--password-file nowhere: No such file"),
        (("--password-file", "empty"), "--password-file empty should have one line"),
        (("--password-file", "two"), "--password-file two should have one line"),
        (("--ask-password",), "--ask-password needs a terminal"),
    ],
)
def test_a_missing_password_is_a_usage_error(
    locked: Path, tmp_path: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written before the password is known."""
    monkeypatch.chdir(tmp_path)
    Path("empty").write_text("")
    Path("two").write_text("a\nb\n")
    code, output = ended("run", locked, "--out", "out", "--local", *arguments)
    assert (code, message in output) == (2, True), output
    assert not Path("out").exists()


# --------------------------------------------------------------------------- options, codes


@pytest.mark.parametrize("target", [("--local",), ("--endpoint", "local")])
def test_options_are_checked_before_anything_is_written(tmp_path: Path, target: tuple[str, ...]) -> None:
    """A wrong option of the command or of a line is a usage error, for an endpoint, too; nothing is written."""
    plain(tmp_path / "in", 1, 1)
    (tmp_path / "list.jsonl").write_text('{"path": "in/000.tif", "options": {"formats": ["html"]}}\n')
    out = tmp_path / "out"
    code, output = ended("run", tmp_path / "in", "--out", out, *target, "--options", '{"dpu": 100}')
    assert (code, "--options: dpu is unknown; did you mean 'dpi'?" in output) == (2, True), output
    code, output = ended("run", tmp_path / "list.jsonl", "--out", out, *target)
    assert (code, "the options of 000.tif: formats" in output) == (2, True), output
    assert not out.exists()


def test_an_endpoint_takes_the_options_of_any_engine() -> None:
    """An option of either of our engines may be sent to an endpoint, but none that neither has."""
    specs = [engine_spec(name) for name in BUILT_IN]
    for options in ({"dpi": 100}, {"merge_pages": True}, {"text_layer": "never"}):
        check_options_of_any(options, specs)
    with pytest.raises(InvalidRequest, match="no_such_option"):
        check_options_of_any({"merge_pages": True, "no_such_option": 1}, specs)


def test_a_corrected_run_has_one_document(tmp_path: Path) -> None:
    """A document of which no page was parsed is replaced by the corrected one."""
    (tmp_path / "list.jsonl").write_text('{"path": "a.tif", "pages": "9"}\n')
    (tmp_path / "a.tif").write_bytes(tiff([WHITE, WHITE]))
    out = tmp_path / "out"
    assert local("run", tmp_path / "list.jsonl", "--out", out, "--local")[0] == 1
    (tmp_path / "list.jsonl").write_text('{"path": "a.tif", "pages": "2"}\n')
    code, output = local("run", tmp_path / "list.jsonl", "--out", out, "--local")
    assert code == 0, output
    assert [(entry["name"], entry["pages_parsed"]) for entry in report(out)["documents"]] == [("a.tif", 1)]


def test_wrong_flags_are_usage_errors(tmp_path: Path) -> None:
    """An unknown error code lists the known ones; a job has at least one page; a folder without a batch stays so."""
    plain(tmp_path / "in", 1, 1)
    out = tmp_path / "out"
    assert local("run", tmp_path / "in", "--out", out, "--local")[0] == 0
    before = ledger(out, "SELECT * FROM meta ORDER BY name")
    code, output = ended("retry", out, "--code", "NOSUCH")
    assert (code, "--code NOSUCH is unknown: choose one of " in output, "PAGE_FAILED" in output) == (2, True, True)
    code, output = ended("run", tmp_path / "in", "--out", out, "--pages-per-job", "0")
    assert (code, "'0' is not a whole number of at least 1" in output) == (2, True), output
    assert ledger(out, "SELECT * FROM meta ORDER BY name") == before
    assert ended("retry", tmp_path / "nowhere")[0] == 1
    assert not (tmp_path / "nowhere").exists()


# --------------------------------------------------------------------------- damage


def test_damage_is_repaired(tmp_path: Path) -> None:
    """`retry --damaged` writes results that are stored, reads other documents again, and leaves what cannot be read."""
    scans, out = tmp_path / "in", tmp_path / "out"
    plain(scans, 3, 2)
    (scans / "partial.tif").write_bytes(tiff([WHITE, doubles.BABBLES]))
    assert local("run", scans, "--out", out, "--local", "--pages-per-job", "2")[0] == 1
    (out / "000.tif" / "document.md").write_text("something else")
    (out / "001.tif" / "document.json").unlink()
    shutil.rmtree(out / "partial.tif")
    code, output = ended("verify", out)
    assert (code, f"to repair them: ocr-worker batch retry {out} --damaged" in output) == (1, True), output
    (scans / "001.tif").unlink()
    code, output = local("retry", out, "--damaged")
    assert code == 1, output
    assert "1 document written again from stored results" in output
    assert "1 document to parse again" in output
    assert "001.tif cannot be repaired: its file is gone" in output
    assert (out / "001.tif" / "document.md").is_file()
    code, output = ended("verify", out)
    assert output.splitlines()[0] == "001.tif/document.json is missing"
    assert output.count(" is missing") + output.count(" was changed") == 1
    assert report(out)["summary"]["documents"] == {"succeeded": 3, "partial": 1}
    assert ledger(out, "SELECT SUM(submissions) FROM jobs") == [(5,)]


# --------------------------------------------------------------------------- review


def test_a_review_shows_what_the_second_reading_doubts(tmp_path: Path) -> None:
    """A batch with `verify` has a review that shows the page with a wrong number, with its picture, only."""
    text = "The narrow harbour describes 1482 ledgers"
    for name, drawn in (("right.png", text), ("wrong.png", text.replace("1482", "1932"))):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(typed(drawn))
    settings = {
        "OCR_ENGINE": "support.doubles:reciting",
        "DOUBLE_RECITED": text,
        "OCR_VERIFY_WAIT_S": str(4 * PATIENCE_S),
        "OCR_VERIFY_NICENESS": "0",  # at the lowest priority, it would read nothing while other tests run
        "OCR_VERIFY_PROCESSES": "1",
    }
    arguments = ("run", tmp_path / "in", "--out", tmp_path / "out", "--local", "--options", '{"verify": "auto"}')
    code, output = local(*arguments, **settings)
    assert code == 0, output
    code, output = local("report", tmp_path / "out", "--review", "50%", **settings)
    assert (code, output.splitlines()[-1]) == (0, str(tmp_path / "out" / "review.html")), output
    html = (tmp_path / "out" / "review.html").read_text(encoding="utf-8")
    assert "1 page to look at" in html
    assert "<h2><bdi>wrong.png</bdi>, page 1</h2>" in html
    assert "1482</mark> ledgers" in html
    assert "data:image/jpeg;base64," in html


def typed(text: str) -> bytes:
    """Return a PNG with a line of text."""
    image = Image.new("RGB", (1000, 400), "white")
    ImageDraw.Draw(image).text((60, 40), text, "black", ImageFont.load_default(36))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
