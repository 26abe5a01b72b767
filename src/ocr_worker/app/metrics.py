"""Prometheus metrics of the HTTP app: pages, jobs, errors and stages, served at `/metrics`.

The app counts each response and each error here; gauges are read at the moment of the scrape.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from ocr_worker.memory import resident_bytes
from ocr_worker.wire.schema import PageResult, ParseResponse
from ocr_worker.witness.findings import FINDING_CODES

disable_created_metrics()  # type: ignore[no-untyped-call]  # the creation time of each series is of no use here

_PAGES_IN_AVERAGE = 100  # the weight of a page falls to a third after so many others
_BUCKETS_S = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """The metrics of one app, in a registry of their own, so that a process can hold several apps."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._pages = Counter("ocr_pages", "Pages by status", ["status"], registry=self.registry)
        self._jobs = Counter("ocr_jobs", "Jobs by status", ["status"], registry=self.registry)
        self._errors = Counter(
            "ocr_errors", "Errors of pages, documents and jobs by code", ["code"], registry=self.registry
        )
        self._http_errors = Counter(
            "ocr_http_errors",
            "Error responses of the HTTP app by route, status and code",
            ["route", "status", "code"],
            registry=self.registry,
        )
        self._findings = Counter(
            "ocr_findings", "Findings of the option `verify` by code", ["code"], registry=self.registry
        )
        self._verified = Counter(
            "ocr_verified_pages",
            "Pages parsed with the option `verify`, by whether they were compared",
            ["verified"],
            registry=self.registry,
        )
        for code in FINDING_CODES:  # a series begins with 0, so that its first finding is an increase
            self._findings.labels(code)
        for verified in ("true", "false"):
            self._verified.labels(verified)
        self._stages = Histogram(
            "ocr_stage_seconds", "Seconds per job by stage", ["stage"], buckets=_BUCKETS_S, registry=self.registry
        )
        self._seconds_per_page: float | None = None
        self.gauge(
            "ocr_seconds_per_page",
            "Engine seconds per page, a moving average over about the last hundred pages; NaN before the first page",
            lambda: nan if self._seconds_per_page is None else self._seconds_per_page,
        )
        self.gauge(
            "ocr_resident_memory_bytes",
            "Resident memory of the process and its child processes in bytes",
            resident_bytes,
        )

    def gauge(self, name: str, description: str, read_value: Callable[[], float]) -> None:
        """Add a gauge; each scrape calls `read_value`."""
        Gauge(name, description, registry=self.registry).set_function(read_value)

    def count_response(self, response: ParseResponse) -> None:
        """Count a finished job, its pages, and the seconds of its stages."""
        self._jobs.labels(response.status).inc()
        self._pages.labels("succeeded").inc(response.coverage.pages_parsed)
        self._pages.labels("failed").inc(response.coverage.pages_failed)
        for document in response.documents:
            for page in document.pages:
                if page.status == "succeeded" and not page.from_checkpoint:
                    self._count_page(page.seconds)
                    self._count_findings(page)
        for stage, seconds in response.timing.model_dump().items():
            self._stages.labels(stage).observe(seconds)

    def _count_page(self, seconds: float) -> None:
        average = seconds if self._seconds_per_page is None else self._seconds_per_page
        self._seconds_per_page = average + (seconds - average) / _PAGES_IN_AVERAGE

    def _count_findings(self, page: PageResult) -> None:
        if page.verified is not None:
            self._verified.labels(str(page.verified).lower()).inc()
        for warning in page.warnings:
            if warning.code in FINDING_CODES:
                self._findings.labels(warning.code).inc()

    def count_error(self, code: str) -> None:
        """Count an error by its code."""
        self._errors.labels(code).inc()

    def count_http_error(self, route: str, status: int, code: str) -> None:
        """Count an error response. route: path of the route, or `other`."""
        self._http_errors.labels(route, str(int(status)), code).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
