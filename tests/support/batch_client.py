"""The batch client in its own process, and documents for it in which each page has a distinct color."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from ocr_worker.cli import main
from ocr_worker.endpoint import LocalEndpoint
from ocr_worker.endpoint.jobs import JobRecord
from support import doubles
from support.doubles import Colour
from support.drawing import pdf, png, tiff
from support.waiting import PATIENCE_S
from support.worker_process import LIGHT_START, environment, python_path

WORKERS = {
    **LIGHT_START,
    "PYTHONPATH": python_path(),
    "OCR_ENGINE": "support.doubles:by_colour",
    "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true",
}
LONG = 47  # pages of the document that is cut into slices
# Far from what the doubles act upon, and from each other: a page in another's place is seen behind a JPEG's changes.
PALETTE = [(red, green, blue) for red in range(48, 256, 32) for green in range(48, 256, 32) for blue in (80, 144, 208)]
_ANY_COLOUR = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})")

Page = Colour | str  # what stands there: its colour, or the code of its error


class Client:
    """`ocr-worker batch ARGUMENTS` against an endpoint, as the leader of a session, like under a terminal."""

    def __init__(self, base_url: str, *arguments: str | Path, stdin: str | None = None, **settings: str) -> None:
        variables = {"RUNPOD_ENDPOINT_BASE_URL": base_url, **settings}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ocr_worker.cli", "batch", *map(str, arguments)],
            env=environment(variables),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        if stdin and self.process.stdin:
            self.process.stdin.write(stdin)
            self.process.stdin.close()
            self.process.stdin = None

    def end(self, timeout: float = 2 * PATIENCE_S) -> tuple[int, str]:
        """Wait for the exit; return exit code and output, which never has a traceback. Kill a client that is late."""
        try:
            output, _ = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            output, _ = self.process.communicate()
            raise AssertionError(f"the client did not end in {timeout} s:\n{output}") from None
        assert "Traceback" not in output, output
        assert "never retrieved" not in output, output
        return self.process.returncode, output

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Send SIGINT to the whole process group, as Ctrl-C does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def has_pending(self, number: int) -> bool:
        """Return whether a signal was sent but not delivered yet; a second one of its kind would be lost."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        masks = [line.split()[1] for line in status.splitlines() if line.startswith(("SigPnd:", "ShdPnd:"))]
        return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)

    def kill(self) -> None:
        """Kill the client alone with SIGKILL."""
        self.process.kill()
        self.process.wait()


def batch(base_url: str, *arguments: str | Path, timeout: float = 2 * PATIENCE_S, **more: Any) -> tuple[int, str]:
    """Run the client to its end; return exit code and output."""
    return Client(base_url, *arguments, **more).end(timeout)


def command(*arguments: str | Path, **settings: str) -> tuple[int, str]:
    """Run a command that sends no job in this process, without the start of another; return exit code and output."""
    output = io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(settings), clear=True),
        redirect_stdout(output),
        redirect_stderr(output),
    ):
        try:
            code = main(["batch", *map(str, arguments)])
        except SystemExit as error:  # of argparse
            code = int(error.code or 0)
    return code, output.getvalue()


def run(endpoint: LocalEndpoint, source: str | Path, out: Path, *more: str) -> Client:
    """Start `batch run` on an endpoint."""
    return Client(endpoint.base_url, "run", source, "--out", out, "--endpoint", "local", *more)


def until(condition: Callable[[], bool], client: Client | None = None, timeout: float = PATIENCE_S) -> None:
    """Wait for `condition`. Raises AssertionError when it stays false or the client ends before."""
    deadline = time.monotonic() + timeout
    while not condition():
        if client and client.process.poll() is not None and not condition():
            raise AssertionError(f"the client ended with {client.process.returncode}:\n{client.end()[1]}")
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


# --------------------------------------------------------------------------- documents


@dataclass(frozen=True)
class Book:
    """A file and its expected result: an entry for each page, or the code of the error that opening it causes."""

    name: str
    data: bytes
    pages: list[Page]
    code: str | None = None

    @property
    def parsed(self) -> int:
        return sum(not isinstance(page, str) for page in self.pages)

    @property
    def status(self) -> str:
        return "failed" if not self.parsed else "succeeded" if self.parsed == len(self.pages) else "partial"


def colours(book: int, count: int) -> list[Colour]:
    return [PALETTE[(31 * book + 11 * page) % len(PALETTE)] for page in range(count)]


def good_book(number: int, pages: int | None = None) -> Book:
    """Return a PDF, TIFF or PNG of one to twelve pages."""
    count = pages or 1 + 5 * number % 12
    drawn = colours(number, count)
    if number % 5 == 4 and pages is None:
        return Book(f"{number:03}.png", png(drawn[0]), [drawn[0]])
    if number % 2:
        return Book(f"{number:03}.tif", tiff(drawn), list(drawn))
    size = (48 + 16 * (number % 3), 32)
    return Book(f"{number:03}.pdf", pdf(drawn, size), list(drawn))


def bad_book(number: int) -> Book:
    """Return one of the files that fail, in turn."""
    drawn: list[Colour] = [*colours(number, 2), doubles.RAISES, *colours(number + 1, 2)]
    partly: list[Page] = ["PAGE_FAILED" if colour == doubles.RAISES else colour for colour in drawn]
    kinds = [
        Book(f"{number:03}-corrupt.pdf", pdf(drawn)[:-400].replace(b"obj", b"jbo"), [], "DOCUMENT_CORRUPT"),
        Book(f"{number:03}-page.pdf", b"<!DOCTYPE html><html><body>404</body></html>", [], "DOCUMENT_UNSUPPORTED_TYPE"),
        Book(f"{number:03}-empty.tif", b"", [], "DOCUMENT_CORRUPT"),
        Book(f"{number:03}-raises.tif", tiff(drawn), partly),
        Book(f"{number:03}-all.png", png(doubles.RAISES), ["PAGE_FAILED"]),
    ]
    return kinds[number // 10 % len(kinds)]


def library(folder: Path, count: int) -> list[Book]:
    """Write `count` documents into the folder: one of `LONG` pages, one in ten to twenty bad."""
    every = 10 if count < 100 else 20
    books = [
        good_book(number, LONG)
        if number == 2
        else bad_book(number // every * 10)
        if number % every == 9
        else good_book(number)
        for number in range(count)
    ]
    return written(
        folder, [Book(f"{n:03}{book.name[3:]}", book.data, book.pages, book.code) for n, book in enumerate(books)]
    )


def plain(folder: Path, count: int, pages: int) -> list[Book]:
    """Write `count` TIFFs of `pages` pages each into the folder."""
    books = [Book(f"{n:03}.tif", tiff(colours(n, pages)), list(colours(n, pages))) for n in range(count)]
    return written(folder, books)


def written(folder: Path, books: list[Book]) -> list[Book]:
    folder.mkdir(parents=True, exist_ok=True)
    for book in books:
        (folder / book.name).write_bytes(book.data)
    return books


# --------------------------------------------------------------------------- what came of them


def report(out: Path) -> Any:
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def ledger(out: Path, sql: str) -> list[Any]:
    """Return the rows of a query on the ledger."""
    with sqlite3.connect(f"file:{out / 'ledger.sqlite3'}?mode=ro", uri=True, timeout=PATIENCE_S) as db:
        return db.execute(sql).fetchall()


def count_in_ledger(out: Path, sql: str) -> int:
    """Return the number that the query selects; 0 while there is no ledger."""
    if not (out / "ledger.sqlite3").exists() or not ledger(out, "SELECT 1 FROM sqlite_master"):
        return 0
    return int(ledger(out, sql)[0][0])


def is_at_work(out: Path, client: Client) -> bool:
    """Return whether the client holds the lock of the batch folder."""
    lock = out / ".batch" / "lock"
    return lock.exists() and lock.read_text() == str(client.process.pid)


def assert_complete(out: Path, books: list[Book]) -> Any:
    """Assert that every page of every document has its result and that the report adds up; return it."""
    batch_report = report(out)
    assert batch_report["coverage"]["state"] == "complete", batch_report["coverage"]
    summary = batch_report["summary"]
    assert summary["documents"] == Counter(book.status for book in books)
    assert summary["pages_expected"] == sum(len(book.pages) for book in books)
    assert summary["pages_parsed"] == sum(book.parsed for book in books)
    assert summary["pages_failed"] == summary["pages_expected"] - summary["pages_parsed"]
    entries = {entry["name"]: entry for entry in batch_report["documents"]}
    assert sorted(entries) == sorted(book.name for book in books)
    for book in books:
        assert_book(out, book, entries[book.name])
    folders = {path.name for path in out.iterdir() if path.is_dir()} - {".batch"}
    assert folders == {book.name for book in books if book.parsed}
    return batch_report


def assert_book(out: Path, book: Book, entry: Any) -> None:
    """Assert that the report's entry and the document's folder match the drawn pages."""
    assert (entry["status"], entry["pages_parsed"]) == (book.status, book.parsed), entry
    codes = Counter(page for page in book.pages if isinstance(page, str)) or Counter(
        {book.code: 0} if book.code else {}
    )
    assert entry["errors"] == codes, entry
    if not book.parsed:
        return
    document = json.loads((out / book.name / "document.json").read_text(encoding="utf-8"))
    assert [page["page"] for page in document["pages"]] == list(range(1, len(book.pages) + 1))
    for page, drawn in zip(document["pages"], book.pages, strict=True):
        assert is_drawn(page, drawn), (book.name, page, drawn)
    markdown = (out / book.name / "document.md").read_text(encoding="utf-8")
    assert len(_ANY_COLOUR.findall(markdown)) == book.parsed
    assert markdown.count("PAGE_FAILED") == len(book.pages) - book.parsed


def is_drawn(page: Any, drawn: Page) -> bool:
    """Return whether a page's entry matches the drawn page. Colors may differ a little, because of JPEG in PDFs."""
    if isinstance(drawn, str):
        return bool(page["error"]["code"] == drawn)
    match = _ANY_COLOUR.search(page["markdown"])
    assert match, page
    return all(abs(int(digits, 16) - value) <= 8 for digits, value in zip(match.groups(), drawn, strict=True))


def folders(out: Path) -> dict[str, Any]:
    """Return the files of the documents' folders by path, without times."""
    files = [file for file in sorted(out.rglob("*")) if file.is_file() and file.parent.parent == out]
    files = [file for file in files if file.parent.name != ".batch"]
    return {str(file.relative_to(out)): _timeless(file) for file in files}


def _timeless(file: Path) -> Any:
    if file.suffix != ".json":
        return file.read_bytes()
    document = json.loads(file.read_text(encoding="utf-8"))
    for page in document["pages"]:
        page.pop("seconds", None)
        page.pop("from_checkpoint", None)
    return document


def new_jobs(endpoint: LocalEndpoint, before: Collection[str]) -> list[JobRecord]:
    """Return the endpoint's records of jobs that are not among these ids."""
    return [job for job_id, job in list(endpoint.jobs.items()) if job_id not in before]


def pages_read(jobs: list[JobRecord]) -> Counter[tuple[str, int]]:
    """Return the number of results per (document, page) over the jobs' responses."""
    outputs = [job.results[-1].raw for job in jobs if job.results]
    entries = [entry for output in outputs for entry in (output.get("output") or output).get("documents", [])]
    return Counter((entry["id"], page["page"]) for entry in entries for page in entry["pages"])
