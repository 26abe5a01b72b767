"""What a batch leaves on the disk: complete document folders, and beside them, hidden, what is not complete yet.

DIR/ledger.sqlite3      the truth
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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ocr_worker.batch.model import Json
from ocr_worker.errors import BatchUnusable

LEDGER = "ledger.sqlite3"
MARKDOWN, DOCUMENT = "document.md", "document.json"
RESERVED = {LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", "report.html", "report.json"}


class Folder:
    """The folder of a batch; made where it is not. Raises BatchUnusable, as all that write do."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._hidden = self.path / ".batch"
        self._lock: IO[str] | None = None
        with _on_disk(self.path):
            for name in ("answers", "writing"):
                (self._hidden / name).mkdir(parents=True, exist_ok=True)

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.path / LEDGER

    @property
    def report(self) -> Path:
        """The report's page."""
        return self.path / "report.html"

    @property
    def cancel_request(self) -> Path:
        """A file that asks the run that is at work here to cancel everything."""
        return self._hidden / "cancel"

    def lock(self) -> None:
        """One run at a time. Raises BatchUnusable, with the process id of the other."""
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
        """Whether a run is at work here."""
        try:
            with (self._hidden / "lock").open("a+", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False

    # ----------------------------------------------------------------- answers that wait

    def keep_answer(self, job: int, answer: Mapping[int, Json]) -> None:
        """Slice -> entry, whole or not at all."""
        self._write(
            self._answer(job), json.dumps({str(one): entry for one, entry in answer.items()}, ensure_ascii=False)
        )

    def answer(self, job: int) -> dict[int, Json]:
        """What was kept of a job; nothing of one that failed."""
        path = self._answer(job)
        return {int(one): entry for one, entry in json.loads(path.read_bytes()).items()} if path.exists() else {}

    def drop_answer(self, job: int) -> None:
        """Its documents are complete."""
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

    def put_document(self, name: str, entry: Json) -> dict[str, str]:
        """Writes a document's folder, in place of an older one; file -> sha256."""
        writing = self._writing(name)
        with _on_disk(self.path):
            shutil.rmtree(writing, ignore_errors=True)
            writing.mkdir()
            files = dict(_files(entry))
            for file, content in files.items():
                (writing / file).write_bytes(content)
            self.drop_document(name)
            writing.rename(self.path / name)
        return {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}

    def drop_document(self, name: str) -> None:
        """Takes a document's folder away, if it is there."""
        with _on_disk(self.path):
            if (self.path / name).exists():
                old = self._writing(name).with_suffix(".old")
                shutil.rmtree(old, ignore_errors=True)
                (self.path / name).rename(old)
                shutil.rmtree(old, ignore_errors=True)

    def _writing(self, name: str) -> Path:
        return self._hidden / "writing" / hashlib.sha256(name.encode()).hexdigest()[:16]

    def put_report(self, report: Json, page: str) -> tuple[Path, Path]:
        """The report as JSON and as a page."""
        self._write(self.path / "report.json", json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        self._write(self.path / "report.html", page)
        return self.path / "report.json", self.path / "report.html"

    def faults(self, name: str, files: Mapping[str, str]) -> list[str]:
        """What differs from the ledger in a document's folder."""
        folder = self.path / name
        found = []
        for file, sha256 in files.items():
            path = folder / file
            if not path.is_file():
                found.append(f"{name}/{file} is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                found.append(f"{name}/{file} was changed")
        return found


def _files(entry: Json) -> Iterator[tuple[str, bytes]]:
    """The files of a document: its Markdown, its JSON without pictures, and the pictures."""
    pages = []
    for page in entry["pages"]:
        figures = []
        for figure in page.get("figures", []):
            data = _decoded(figure.get("base64"))
            if data is not None:
                yield Path(figure["name"]).name, data
            figures.append({name: value for name, value in figure.items() if name != "base64"})
        pages.append({**page, **({"figures": figures} if figures else {})})
    yield MARKDOWN, markdown_of(entry["pages"]).encode()
    yield DOCUMENT, (json.dumps({**entry, "pages": pages}, ensure_ascii=False, indent=2) + "\n").encode()


def markdown_of(pages: list[Json]) -> str:
    """The pages' Markdown; a comment stands where a page is missing."""
    parts = [
        f"<!-- page {page['page']}: {page['error']['code']} -->" if "error" in page else page.get("markdown") or ""
        for page in pages
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _decoded(text: Any) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if text else None
    except (binascii.Error, TypeError):
        return None


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BatchUnusable(
            f"{folder} cannot be written ({error.strerror}): see to it and run again, nothing is lost"
        ) from None
