"""The folder of a batch: complete document folders, and a hidden folder for everything that is not complete yet.

DIR/ledger.sqlite3      see `ledger`
DIR/<name>/             document.md, document.json, figures; complete or absent
DIR/<ab>/<name>/        the same in a large batch; `ab` are the first digits of a digest of the name
DIR/pages/              instead of them, Parquet files: see `shards`
DIR/.batch/             lock, results of jobs whose documents are incomplete, rows, files and folders being written

`Folder` is the only writer of these files, besides the ledger and `shards`. It writes each file or folder under a
temporary name and then renames it, so an interrupted run leaves no partial document. It also holds the lock that keeps
two runs out of one folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ocr_worker.batch.tables import Columns, has_parquet, write_csv, write_parquet
from ocr_worker.client.service import Json
from ocr_worker.errors import BatchUnusable
from ocr_worker.wire.document_files import DOCUMENT, document_files
from ocr_worker.wire.schema import DocumentResult

LEDGER, HIDDEN_FOLDER = "ledger.sqlite3", ".batch"
TABLES = ("documents", "skipped")  # of a large batch's report
REVIEW_PAGES = "review-pages"  # folder of the pictures of a review
RESERVED_NAMES = {
    LEDGER,
    f"{LEDGER}-wal",
    f"{LEDGER}-shm",
    "report.html",
    "report.json",
    "review.html",
    REVIEW_PAGES,
    *(f"report-{table}.{suffix}" for table in TABLES for suffix in ("csv", "parquet")),
}


class Folder:
    """The folder of a batch, created if needed.

    The constructor and every method that writes raise BatchUnusable: the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._hidden = self.path / HIDDEN_FOLDER
        self._lock: IO[str] | None = None
        with disk_errors(self.path):
            for name in ("answers", "writing", "rows"):
                (self._hidden / name).mkdir(parents=True, exist_ok=True)

    @property
    def ledger(self) -> Path:
        """Path of the ledger."""
        return self.path / LEDGER

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.path / "report.html"

    @property
    def rows(self) -> Path:
        """Path of the folder for the rows of documents that are in no Parquet file yet."""
        return self._hidden / "rows"

    def temporary_file(self, name: str) -> Path:
        """Return the path of a file that is being written."""
        return self._hidden / "writing" / name

    @property
    def cancel_request(self) -> Path:
        """Path of the file that asks the run in this folder to cancel everything."""
        return self._hidden / "cancel"

    def lock(self) -> None:
        """Lock the folder until this process ends. Raises BatchUnusable: another run holds it; with its process id."""
        with disk_errors(self.path):
            lock = (self._hidden / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise BatchUnusable(
                f"{self.path} is in use by process {lock.read().strip()}; wait for it, or stop it"
            ) from None
        self._lock = lock  # keeps the file open, and so the lock, until the process ends in any way
        with disk_errors(self.path):
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()

    def check_writable(self) -> None:
        """Raise BatchUnusable if the folder cannot be written."""
        with disk_errors(self.path):
            (self._hidden / "lock").open("a", encoding="ascii").close()

    def is_locked(self) -> bool:
        """Return whether a run holds the folder."""
        try:
            with (self._hidden / "lock").open("a+", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False

    # ----------------------------------------------------------------- results of jobs

    def store_results(self, job: int, results: Mapping[int, DocumentResult]) -> None:
        """Store the results of a job, slice id -> result, atomically."""
        entries = {str(row): result.model_dump(mode="json", exclude_none=True) for row, result in results.items()}
        self.write(self._results_path(job), json.dumps(entries, ensure_ascii=False))

    def stored_results(self, job: int) -> dict[int, DocumentResult]:
        """Return the stored results of a job; empty for a failed job. Raises BatchUnusable: the file is invalid."""
        path = self._results_path(job)
        if not path.exists():
            return {}
        try:
            return {int(row): DocumentResult.read(entry) for row, entry in json.loads(path.read_bytes()).items()}
        except (ValueError, AttributeError):
            raise BatchUnusable(
                f"{path} is damaged or of another version; delete it, run the batch again, and then run `retry`"
            ) from None

    def delete_results(self, job: int) -> None:
        """Delete the stored results of a job whose documents are complete."""
        with disk_errors(self.path):
            self._results_path(job).unlink(missing_ok=True)

    def _results_path(self, job: int) -> Path:
        return self._hidden / "answers" / f"{job}.json"

    def write(self, path: Path, text: str) -> None:
        """Write a text file, complete or not at all."""
        with disk_errors(self.path):
            temporary = path.with_suffix(".part")
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)

    # ----------------------------------------------------------------- documents

    def put_document(self, folder: str, result: DocumentResult, separator: str | None = None) -> dict[str, str]:
        """Write a document's folder and replace an older one. Return file name -> sha256.

        folder: its path in the batch's folder. separator: paragraph between two pages of the Markdown; see
        `joined_markdown`.
        """
        temporary = self._temporary_path(folder)
        with disk_errors(self.path):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            (self.path / folder).parent.mkdir(exist_ok=True)
            files = dict(document_files(result, separator))
            for file, content in files.items():
                (temporary / file).write_bytes(content)
            self.delete_document(folder)
            temporary.rename(self.path / folder)
        return {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}

    def result(self, folder: str) -> DocumentResult:
        """Return the result in a document's folder. Raises BatchUnusable: it is missing or damaged."""
        path = self.path / folder / DOCUMENT
        try:
            return DocumentResult.read(json.loads(path.read_bytes()))
        except (OSError, ValueError):
            raise BatchUnusable(
                f"{path} is missing or damaged; repair it with: ocr-worker batch retry DIR --damaged"
            ) from None

    def foreign_names(self) -> list[str]:
        """Return the names in the folder that no document may have: of all entries but the documents' folders."""
        with disk_errors(self.path):
            return [path.name for path in self.path.iterdir() if not (path / DOCUMENT).is_file()]

    def delete_document(self, folder: str) -> None:
        """Delete a document's folder, if there is one."""
        with disk_errors(self.path):
            if (self.path / folder).exists():
                old = self._temporary_path(folder).with_suffix(".old")
                shutil.rmtree(old, ignore_errors=True)
                (self.path / folder).rename(old)
                shutil.rmtree(old, ignore_errors=True)

    def _temporary_path(self, folder: str) -> Path:
        return self._hidden / "writing" / hashlib.sha256(folder.encode()).hexdigest()[:16]

    def put_report(self, report: Json, html: str) -> tuple[Path, Path]:
        """Write the report as JSON and as HTML. Return both paths."""
        self.write(self.path / "report.json", json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        self.write(self.path / "report.html", html)
        return self.path / "report.json", self.path / "report.html"

    @contextmanager
    def review_pictures(self) -> Iterator[Path]:
        """Yield an empty folder for the pictures of a review, which replaces the earlier folder at the end."""
        target, temporary = self.path / REVIEW_PAGES, self._hidden / "writing" / REVIEW_PAGES
        with disk_errors(self.path):
            if (target / DOCUMENT).exists():
                raise BatchUnusable(f"{target} is the result of a document; move it away to write a review")
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            yield temporary
            shutil.rmtree(target, ignore_errors=True)
            if any(temporary.iterdir()):
                temporary.rename(target)
            else:
                temporary.rmdir()

    def put_review(self, html: str) -> Path:
        """Write a review. Return its path."""
        self.write(self.path / "review.html", html)
        return self.path / "review.html"

    def put_table(self, table: str, columns: Columns, rows: Iterable[tuple[Any, ...]]) -> str:
        """Write a table of a report, as Parquet where pyarrow is installed, else as CSV. Return the file's name.

        table: one of `TABLES`.
        """
        writer = write_parquet if has_parquet() else write_csv
        name = f"report-{table}.{'parquet' if has_parquet() else 'csv'}"
        with disk_errors(self.path):
            temporary = self.temporary_file(name)
            writer(temporary, columns, rows)
            temporary.replace(self.path / name)
        return name

    def differences(self, folder: str, files: Mapping[str, str]) -> list[str]:
        """Return the differences between a document's folder and the ledger, a sentence each.

        folder: its path in the batch's folder. files: file name -> sha256, as in the ledger.
        """
        differences = []
        for file, sha256 in files.items():
            path = self.path / folder / file
            if not path.is_file():
                differences.append(f"{folder}/{file} is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                differences.append(f"{folder}/{file} was changed")
        return differences


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Raise BatchUnusable for an error of the disk inside the block."""
    try:
        yield
    except OSError as error:
        raise BatchUnusable(
            f"{folder} cannot be written ({error.strerror}); fix this and run again, nothing is lost"
        ) from None
