"""The content cache: a page that was parsed once is not parsed again, in whichever job, batch or document it is.

It is in the worker's own bucket and off by default. The key of a page is a digest of the rendered pixels and the text
layer, of everything else that changes the result, and of the weights and versions; no name and no page number is in
it. A page exists only after its document was opened, with its password if it has one, so that nobody gets a page of a
document that he cannot open. Within a worker, a page is parsed once even if several jobs need it at the same time: the
first that claims it parses it, and the others wait. Two workers may both parse a page that neither has stored. Pages
with a warning of short memory or of repetition are not stored, since another attempt may be better.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy
from pydantic import ValidationError

from ocr_worker import __version__
from ocr_worker.delivery.checkpoints import PageWriters, stored_outcome
from ocr_worker.delivery.keys import cache_key
from ocr_worker.errors import BucketRejected, DeliveryFailed
from ocr_worker.log import event
from ocr_worker.pages import PageImage, PageOutcome, ParsedPage, figure_name

log = logging.getLogger(__name__)

_PASSING_WARNINGS = {"FEWER_PIXELS", "REPETITION"}
_PACKAGES = ("paddlepaddle", "paddlepaddle-gpu", "paddleocr", "paddlex", "rapidocr", "onnxruntime", "pypdfium2")
_RETRY_S = 60.0  # after the bucket failed, pages are parsed without looking into it
_STOP_CHECK_S = 0.2


class CacheBucket(Protocol):
    """The part of a bucket that the cache uses. Thread-safe."""

    def find(self, key: str) -> bytes | None:
        """Return an object's bytes; None if there is no such object. Raises BucketRejected, DeliveryFailed."""
        ...

    def put(self, key: str, body: bytes) -> None:
        """Store an object. Raises BucketRejected, DeliveryFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim of a document on a page.

    outcome: of the page, which was parsed before; None: the claimant parses it and then calls `done`, always and once.
    """

    outcome: PageOutcome | None = None
    done: Callable[[PageOutcome | None], None] = lambda outcome: None


class JobCache(Protocol):
    """The cache as one job uses it."""

    def claim(self, page: PageImage, inputs: Mapping[str, Any], is_stopped: Callable[[], bool]) -> Claim:
        """Return the page's outcome, or the duty to parse it. Wait while another claimant parses it.

        inputs: everything besides the page that changes its result, as JSON.
        """
        ...

    def close(self) -> None:
        """Wait until the job's pages are stored or given up."""
        ...


class NoCache:
    """A cache that keeps nothing."""

    def claim(self, page: PageImage, inputs: Mapping[str, Any], is_stopped: Callable[[], bool]) -> Claim:
        """Return the duty to parse the page."""
        return Claim()

    def close(self) -> None:
        """Return at once."""


class PageCache:
    """The cache of a worker.

    prefix: first step of the keys; workers with different prefixes share no page. weights: digest of the engine's
    weights.
    """

    def __init__(self, bucket: CacheBucket, prefix: str, weights: str) -> None:
        self.bucket = bucket
        self._prefix = prefix
        self._base = [__version__, weights, _package_versions()]
        self._lock = threading.Lock()  # guards `_flights`
        self._flights: dict[str, Future[PageOutcome | None]] = {}  # pages that are being parsed or stored
        self._failed_at = float("-inf")

    def job(self) -> JobCache:
        """Return the cache for one job."""
        return _JobCache(self)

    def key(self, page: PageImage, inputs: Mapping[str, Any]) -> str:
        """Return the key of a page."""
        lines = None if page.text_lines is None else [asdict(line) for line in page.text_lines]
        facts = [
            self._base,
            inputs,
            page.dpi,
            page.pixels.shape,
            [warning.model_dump() for warning in page.warnings],
            lines,
            [sorted(page.proven_fonts), sorted(page.symbol_fonts)],
            page.text_turn,
        ]
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        digest.update(numpy.ascontiguousarray(page.pixels).data)
        return cache_key(self._prefix, digest.hexdigest())

    def take_flight(self, key: str) -> tuple[Future[PageOutcome | None], bool]:
        """Return the flight of a page, and whether the caller leads it and so parses the page."""
        with self._lock:
            if key in self._flights:
                return self._flights[key], False
            self._flights[key] = Future()
            return self._flights[key], True

    def land(self, key: str, outcome: PageOutcome | None) -> None:
        """Give a page to those who wait, now or until `forget`. outcome: None: each of them parses the page."""
        self._flights[key].set_result(outcome)

    def forget(self, key: str) -> None:
        """End the flight of a page, which is stored now, or will not be."""
        with self._lock:
            del self._flights[key]

    def find(self, key: str) -> PageOutcome | None:
        """Return a stored page, or None. Never raises: a page that cannot be read is parsed."""
        if time.monotonic() - self._failed_at < _RETRY_S:
            return None
        try:
            body = self.bucket.find(key)
            return None if body is None else stored_outcome(body)
        except (BucketRejected, DeliveryFailed) as error:
            self._failed_at = time.monotonic()
            event(log, "cache_unavailable", code=error.code)
            return None
        except ValidationError:
            log.warning("cached page cannot be read key=%s", key)
            return None


class _JobCache(PageWriters):
    """The cache for one job, whose threads write its pages."""

    def __init__(self, cache: PageCache) -> None:
        super().__init__(cache.bucket)
        self._cache = cache

    def claim(self, page: PageImage, inputs: Mapping[str, Any], is_stopped: Callable[[], bool]) -> Claim:
        key = self._cache.key(page, inputs)
        flight, is_leader = self._cache.take_flight(key)
        if is_leader:
            stored = self._cache.find(key)
            if stored is None:
                return Claim(done=lambda outcome: self._done(key, outcome))
            self._cache.land(key, stored)
            self._cache.forget(key)
            return Claim(renumber(stored, page.number))
        outcome = _wait(flight, is_stopped)
        return Claim() if outcome is None else Claim(renumber(outcome, page.number))

    def _done(self, key: str, outcome: PageOutcome | None) -> None:
        """End the flight and store the page, if it is worth it. Called on the thread that ends the page."""
        is_parsed = outcome is not None and isinstance(outcome.result, ParsedPage)
        self._cache.land(key, replace(outcome, from_checkpoint=True) if outcome and is_parsed else None)
        if outcome and isinstance(outcome.result, ParsedPage):
            codes = {warning.code for warning in outcome.result.warnings}
            if not codes & _PASSING_WARNINGS:
                self.store(key, outcome, lambda: self._cache.forget(key))
                return
        self._cache.forget(key)


def _wait(flight: Future[PageOutcome | None], is_stopped: Callable[[], bool]) -> PageOutcome | None:
    """Return the outcome of a page that another claimant parses; None: it failed there, or the job is stopped."""
    while not is_stopped():
        try:
            return flight.result(_STOP_CHECK_S)
        except NotDone:
            continue
    return None


def renumber(outcome: PageOutcome, number: int) -> PageOutcome:
    """Return the outcome of a page for another place in a document: the number is in the names of its figures."""
    page = outcome.result
    if outcome.number == number or not isinstance(page, ParsedPage):
        return outcome
    markdown, figures = page.markdown, []
    for index, figure in enumerate(page.figures, start=1):
        name = figure_name(number, index)
        markdown = markdown.replace(figure.name, name)
        figures.append(figure.model_copy(update={"name": name}))
    return replace(outcome, number=number, result=replace(page, markdown=markdown, figures=figures))


def digest_of_weights(directories: Mapping[str, Path]) -> str:
    """Return a digest of all files of a worker's weights. It reads them once."""
    digest = hashlib.sha256()
    for part, directory in sorted(directories.items()):
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                with path.open("rb") as file:
                    digest.update(f"{part}/{path.relative_to(directory)}\0".encode())
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _package_versions() -> dict[str, str]:
    """Return the versions of the packages that read or render pages, as far as they are installed."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
