"""Store parsed pages as they finish, so that a repeated job parses only the pages that are missing.

They are in a bucket, or in a folder of this machine (`Folder`) for jobs that the HTTP app keeps. A job is repeated
under its idempotency key. Each page is one small object below a folder for its document (`keys`). Up
to 4 threads of the job write the pages; at its end, the job waits for them. A checkpoint that cannot be read is parsed
again, and one that cannot be written is given up: checkpoints never fail a job. Responses are not stored here: see
`destination`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from ocr_worker import __version__, threads
from ocr_worker.delivery.keys import checkpoint_folder, page_key, page_number
from ocr_worker.errors import DeliveryFailed
from ocr_worker.log import event
from ocr_worker.pages import PageOutcome, ParsedPage, Verification
from ocr_worker.wire.schema import PageWarning

log = logging.getLogger(__name__)

ResultInputs = Callable[[], Mapping[str, Any]]

_WRITERS = 4
_READERS = 8


@dataclass(frozen=True, slots=True)
class DocumentCheckpoint:
    """The checkpoints of one document.

    pages: pages that an earlier run stored, by number. store: queues a parsed page for storage and returns at once.
    """

    pages: Mapping[int, PageOutcome] = field(default_factory=dict)
    store: Callable[[PageOutcome], None] = lambda outcome: None


class Checkpoints(Protocol):
    """The store of a job's parsed pages."""

    def document(self, name: str, data: bytes, numbers: Sequence[int], inputs: ResultInputs) -> DocumentCheckpoint:
        """Return the stored pages of a document, and the function that stores further ones.

        data: the document's bytes. numbers: the pages to look for. inputs: return everything besides the bytes that
        changes a page's result, as JSON; waits for the engine. Never raises: a page that cannot be read is parsed
        again.
        """
        ...

    def close(self) -> None:
        """Wait until every page is stored or given up."""
        ...


class NoCheckpoints:
    """A store that keeps nothing, for jobs without a bucket or an idempotency key."""

    def document(self, name: str, data: bytes, numbers: Sequence[int], inputs: ResultInputs) -> DocumentCheckpoint:
        """Return no pages."""
        return DocumentCheckpoint()

    def close(self) -> None:
        """Return at once: nothing is being written."""


class StoredPage(BaseModel):
    """The JSON of a page in the bucket."""

    model_config = ConfigDict(strict=True)

    number: int
    parsed: ParsedPage
    dpi: float | None
    warnings: Sequence[PageWarning]
    seconds: float
    verification: Verification | None = None


def stored_outcome(body: bytes) -> PageOutcome:
    """Return the page in a stored object. Raises ValidationError: it is damaged, or of another version."""
    page = StoredPage.model_validate_json(body)
    return PageOutcome(page.number, page.parsed, page.dpi, page.warnings, page.seconds, True, page.verification)


class Objects(Protocol):
    """A thread-safe store of objects by key, such as a `Bucket`. Its methods raise DeliveryFailed."""

    def keys(self, prefix: str) -> list[str]:
        """Return all keys that begin with `prefix`."""
        ...

    def get(self, key: str) -> bytes:
        """Return an object's bytes."""
        ...

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        ...


class Folder:
    """Objects as files below a folder of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self, prefix: str) -> list[str]:
        """Return all keys that begin with `prefix`, which ends in a slash."""
        return [str(path.relative_to(self._path)) for path in (self._path / prefix).rglob("*.json")]

    def get(self, key: str) -> bytes:
        """Return a file's bytes. Raises DeliveryFailed when it cannot be read."""
        try:
            return (self._path / key).read_bytes()
        except OSError as error:
            raise DeliveryFailed(f"the page {key} cannot be read: {error.strerror}") from None

    def put(self, key: str, body: bytes) -> None:
        """Write a file, complete or not at all. Raises DeliveryFailed when it cannot be written."""
        path = self._path / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".part").write_bytes(body)
            path.with_suffix(".part").replace(path)
        except OSError as error:
            raise DeliveryFailed(f"the page {key} cannot be written: {error.strerror}") from None


class PageBucket(Protocol):
    """A thread-safe place for pages. Its method raises DeliveryFailed."""

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        ...


class PageWriters:
    """Up to four threads that write the parsed pages of a job into `bucket`. Thread-safe."""

    def __init__(self, bucket: PageBucket) -> None:
        self._target = bucket
        self._queue: SimpleQueue[tuple[str, PageOutcome, Callable[[], None]] | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards the list of writers and `_is_closed`
        self._writers: list[Future[None]] = []
        self._is_closed = False
        self._is_given_up = False  # set once, by any writer; another writer may be in its last attempt

    def store(self, key: str, outcome: PageOutcome, done: Callable[[], None] = lambda: None) -> None:
        """Queue a parsed page for a writer. Called on each document's thread; stores nothing after `close`.

        done: called once, on any thread, when the page is stored or given up.
        """
        with self._lock:
            if isinstance(outcome.result, ParsedPage) and not self._is_closed:
                if len(self._writers) < _WRITERS:
                    self._writers.append(threads.start(self._write, "checkpoint-writer"))
                self._queue.put((key, outcome, done))
                return
        done()

    def close(self) -> None:
        """Wait until every page is written, or until the first one that cannot be written."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                for _ in self._writers:
                    self._queue.put(None)
        for writer in self._writers:
            writer.result()

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            key, outcome, done = item
            try:
                if not self._is_given_up:
                    self._write_page(key, outcome)
            finally:
                done()

    def _write_page(self, key: str, outcome: PageOutcome) -> None:
        assert isinstance(outcome.result, ParsedPage)  # `store` accepts no other
        page = StoredPage(
            number=outcome.number,
            parsed=outcome.result,
            dpi=outcome.dpi,
            warnings=outcome.warnings,
            seconds=outcome.seconds,
            verification=outcome.verification,
        )
        try:
            self._target.put(key, page.model_dump_json().encode())
        except DeliveryFailed as error:
            self._is_given_up = True  # the bucket has retried it for `bucket_patience_s`, a minute by default
            event(log, "checkpoints_given_up", code=error.code, page=outcome.number)


class BucketCheckpoints(PageWriters):
    """A store in `bucket`, under the idempotency key `key`. Thread-safe."""

    def __init__(self, bucket: Objects, key: str) -> None:
        super().__init__(bucket)
        self._bucket = bucket
        self._key = key

    def document(self, name: str, data: bytes, numbers: Sequence[int], inputs: ResultInputs) -> DocumentCheckpoint:
        """Return the document's pages in the bucket, and the function that stores further ones."""
        folder = checkpoint_folder(self._key, name, _digest(data, inputs()))
        return DocumentCheckpoint(self._read(folder, set(numbers)), partial(self._enqueue, folder))

    def _enqueue(self, folder: str, outcome: PageOutcome) -> None:
        self.store(page_key(folder, outcome.number), outcome)

    def _read(self, folder: str, numbers: set[int]) -> dict[int, PageOutcome]:
        try:
            keys = [key for key in self._bucket.keys(folder) if page_number(key) in numbers]
        except DeliveryFailed as error:
            log.warning("checkpoints cannot be listed code=%s: %s", error.code, error)
            return {}
        outcomes = threads.map_bounded(self._read_page, keys, _READERS, "checkpoint-reader")
        return {outcome.number: outcome for outcome in outcomes if outcome}

    def _read_page(self, key: str) -> PageOutcome | None:
        try:
            return stored_outcome(self._bucket.get(key))
        except (DeliveryFailed, ValidationError) as error:
            log.warning("checkpoint cannot be read key=%s error=%s", key, type(error).__name__)
            return None


def _digest(data: bytes, inputs: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([__version__, inputs], sort_keys=True).encode())
    digest.update(data)
    return digest.hexdigest()[:32]
