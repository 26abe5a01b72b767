"""Parsed pages, kept as they finish, so that a job run again under its idempotency key parses only the rest.

A page is one small object. Writing is done by a few threads of the job; at its end the job waits for them.
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
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from ocr_worker import __version__, threads
from ocr_worker.delivery.keys import checkpoint_folder, page_key, page_number
from ocr_worker.errors import DeliveryFailed
from ocr_worker.log import event
from ocr_worker.pages import PageOutcome, ParsedPage
from ocr_worker.wire.schema import PageWarning

if TYPE_CHECKING:
    from ocr_worker.delivery.bucket import Bucket

log = logging.getLogger(__name__)

_WRITERS = 4
_READERS = 8


@dataclass(frozen=True, slots=True)
class KeptPages:
    """One document's. pages: what an earlier run kept, by number. keep: keeps a parsed page; returns at once."""

    pages: Mapping[int, PageOutcome] = field(default_factory=dict)
    keep: Callable[[PageOutcome], None] = lambda outcome: None


class Checkpoints(Protocol):
    """Where a job keeps its parsed pages."""

    def document(self, name: str, data: bytes, numbers: Sequence[int], decides: Mapping[str, Any]) -> KeptPages:
        """The document's pages of these numbers. decides: JSON of all that decides, beside its bytes, what they say.

        Never raises: what cannot be had is parsed again.
        """
        ...

    def close(self) -> None:
        """Returns when all pages are kept, or given up."""
        ...


class NoCheckpoints:
    """Keeps nothing."""

    def document(self, name: str, data: bytes, numbers: Sequence[int], decides: Mapping[str, Any]) -> KeptPages:
        """Nothing."""
        return KeptPages()

    def close(self) -> None:
        """Has nothing to wait for."""


class StoredPage(BaseModel):
    """A page as it lies in the bucket."""

    model_config = ConfigDict(strict=True)

    number: int
    parsed: ParsedPage
    dpi: float | None
    warnings: Sequence[PageWarning]
    seconds: float


class BucketCheckpoints:
    """Under the idempotency key `key` in `bucket`; safe to call from any thread."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._waiting: SimpleQueue[tuple[str, PageOutcome] | None] = SimpleQueue()
        self._lock = threading.Lock()  # of the writers' number, and of the end
        self._writers: list[Future[None]] = []
        self._closed = False
        self._given_up = False  # set once, by any writer; another one may be in a last try

    def document(self, name: str, data: bytes, numbers: Sequence[int], decides: Mapping[str, Any]) -> KeptPages:
        """What the bucket has of the document, and a place for the rest."""
        folder = checkpoint_folder(self._key, name, _identity(data, decides))
        return KeptPages(self._read(folder, set(numbers)), partial(self._keep, folder))

    def _read(self, folder: str, numbers: set[int]) -> dict[int, PageOutcome]:
        try:
            keys = [key for key in self._bucket.keys(folder) if page_number(key) in numbers]
        except DeliveryFailed as error:
            log.warning("checkpoints unread code=%s: %s", error.code, error)
            return {}
        found = threads.map_bounded(self._stored, keys, _READERS, "checkpoint-reader")
        return {outcome.number: outcome for outcome in found if outcome}

    def _stored(self, key: str) -> PageOutcome | None:
        try:
            page = StoredPage.model_validate_json(self._bucket.get(key))
        except (DeliveryFailed, ValidationError) as error:
            log.warning("checkpoint unread key=%s error=%s", key, type(error).__name__)
            return None
        return PageOutcome(page.number, page.parsed, page.dpi, page.warnings, page.seconds, from_checkpoint=True)

    def _keep(self, folder: str, outcome: PageOutcome) -> None:
        """Queue a parsed page for a writer. Called on each document's thread; after `close` it does nothing."""
        if not isinstance(outcome.result, ParsedPage):
            return
        with self._lock:
            if self._closed:
                return
            if len(self._writers) < _WRITERS:
                self._writers.append(threads.start(self._write, "checkpoint-writer"))
            self._waiting.put((page_key(folder, outcome.number), outcome))

    def close(self) -> None:
        """Return when every page is written, or after the first that cannot be."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._writers:
                    self._waiting.put(None)
        for writer in self._writers:
            writer.result()

    def _write(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            if not self._given_up:
                self._store(*waiting)

    def _store(self, key: str, outcome: PageOutcome) -> None:
        assert isinstance(outcome.result, ParsedPage)  # only these are kept
        page = StoredPage(
            number=outcome.number,
            parsed=outcome.result,
            dpi=outcome.dpi,
            warnings=outcome.warnings,
            seconds=outcome.seconds,
        )
        try:
            self._bucket.put(key, page.model_dump_json().encode())
        except DeliveryFailed as error:
            self._given_up = True  # it was tried for a minute
            event(log, "checkpoints_given_up", code=error.code, page=outcome.number)


def _identity(data: bytes, decides: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([__version__, decides], sort_keys=True).encode())
    digest.update(data)
    return digest.hexdigest()[:32]
