"""The folder of a batch: complete document folders, and beside them, hidden, what is not complete yet.

DIR/ledger.sqlite3      see `ledger`
DIR/<name>/             document.md, document.json, figures; complete or absent
DIR/.batch/             lock, answers that wait for the rest of their document, folders being written
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ocr_worker.batch.model import Json
from ocr_worker.errors import BatchUnusable
from ocr_worker.wire.schema import DocumentResult, PageResult

LEDGER = "ledger.sqlite3"
MARKDOWN, DOCUMENT = "document.md", "document.json"
_PICTURES: Any = {"pages": {"__all__": {"figures": {"__all__": {"base64"}}}}}
RESERVED = {LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", "report.html", "report.json"}


class Folder:
    """The folder of a batch, created if needed. Raises BatchUnusable, as every method that writes."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._hidden = self.path / ".batch"
        self._lock: IO[str] | None = None
        with _on_disk(self.path):
            for name in ("answers", "writing"):
                (self._hidden / name).mkdir(parents=True, exist_ok=True)

    @property
    def ledger(self) -> Path:
        """Path of the ledger."""
        return self.path / LEDGER

    @property
    def report(self) -> Path:
        """Path of the report as a page."""
        return self.path / "report.html"

    @property
    def cancel_request(self) -> Path:
        """Path of the file that asks the run at work here to cancel everything."""
        return self._hidden / "cancel"

    def lock(self) -> None:
        """Lock the folder until this process ends. Raises BatchUnusable, with the process id of another run."""
        with _on_disk(self.path):
            lock = (self._hidden / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise BatchUnusable(
                f"{self.path} is in use by process {lock.read().strip()}: wait for it, or end it"
            ) from None
        self._lock = lock  # until the process ends, however it does
        with _on_disk(self.path):
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()

    def is_locked(self) -> bool:
        """Return whether a run is at work here."""
        try:
            with (self._hidden / "lock").open("a+", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False

    # ----------------------------------------------------------------- answers that wait

    def keep_answer(self, job: int, results: Mapping[int, DocumentResult]) -> None:
        """Store a job's answer, slice -> result, whole or not at all."""
        entries = {str(row): result.model_dump(mode="json", exclude_none=True) for row, result in results.items()}
        self._write(self._answer(job), json.dumps(entries, ensure_ascii=False))

    def answer(self, job: int) -> dict[int, DocumentResult]:
        """Return the stored answer of a job; empty for a job that failed. Raises BatchUnusable: it cannot be read."""
        path = self._answer(job)
        if not path.exists():
            return {}
        try:
            return {int(row): DocumentResult.read(entry) for row, entry in json.loads(path.read_bytes()).items()}
        except (ValueError, AttributeError):
            raise BatchUnusable(
                f"{path} holds no answer that this client can read: delete it, run again, and then `retry`"
            ) from None

    def drop_answer(self, job: int) -> None:
        """Delete the stored answer of a job whose documents are complete."""
        with _on_disk(self.path):
            self._answer(job).unlink(missing_ok=True)

    def _answer(self, job: int) -> Path:
        return self._hidden / "answers" / f"{job}.json"

    def _write(self, path: Path, text: str) -> None:
        with _on_disk(self.path):
            part = path.with_suffix(".part")
            with part.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)

    # ----------------------------------------------------------------- documents

    def put_document(self, name: str, result: DocumentResult) -> dict[str, str]:
        """Write a document's folder, in place of an older one. Return file -> sha256."""
        writing = self._writing(name)
        with _on_disk(self.path):
            shutil.rmtree(writing, ignore_errors=True)
            writing.mkdir()
            files = dict(_files(result))
            for file, content in files.items():
                (writing / file).write_bytes(content)
            self.drop_document(name)
            writing.rename(self.path / name)
        return {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}

    def drop_document(self, name: str) -> None:
        """Delete a document's folder, if there is one."""
        with _on_disk(self.path):
            if (self.path / name).exists():
                old = self._writing(name).with_suffix(".old")
                shutil.rmtree(old, ignore_errors=True)
                (self.path / name).rename(old)
                shutil.rmtree(old, ignore_errors=True)

    def _writing(self, name: str) -> Path:
        return self._hidden / "writing" / hashlib.sha256(name.encode()).hexdigest()[:16]

    def put_report(self, report: Json, page: str) -> tuple[Path, Path]:
        """Write the report as JSON and as a page. Return both paths."""
        self._write(self.path / "report.json", json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        self._write(self.path / "report.html", page)
        return self.path / "report.json", self.path / "report.html"

    def faults(self, name: str, files: Mapping[str, str]) -> list[str]:
        """Return what differs from the ledger in a document's folder."""
        folder = self.path / name
        differences = []
        for file, sha256 in files.items():
            path = folder / file
            if not path.is_file():
                differences.append(f"{name}/{file} is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                differences.append(f"{name}/{file} was changed")
        return differences


def _files(result: DocumentResult) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a document: its pictures, its Markdown, and its JSON without the pictures."""
    for page in result.pages:
        for figure in page.figures:
            data = _decoded(figure.base64)
            if data is not None:
                yield Path(figure.name).name, data
    entry = result.model_dump(mode="json", exclude_none=True, exclude=_PICTURES)
    yield MARKDOWN, _markdown(result.pages).encode()
    yield DOCUMENT, (json.dumps(entry, ensure_ascii=False, indent=2) + "\n").encode()


def _markdown(pages: Sequence[PageResult]) -> str:
    """Return the pages' Markdown; a comment stands where a page is missing."""
    parts = [f"<!-- page {page.page}: {page.error.code} -->" if page.error else page.markdown or "" for page in pages]
    return "\n\n".join(part for part in parts if part) + "\n"


def _decoded(text: str | None) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if text else None
    except binascii.Error:
        return None


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BatchUnusable(
            f"{folder} cannot be written ({error.strerror}): see to it and run again, nothing is lost"
        ) from None
