"""What Prometheus reads at `/metrics`."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from ocr_worker.memory import resident_bytes
from ocr_worker.wire.schema import ParseResponse

disable_created_metrics()  # type: ignore[no-untyped-call]  # the time at which each number began to count is of no use here

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """A registry of its own, so that several apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._pages = Counter("ocr_pages", "Pages by status", ["status"], registry=self.registry)
        self._jobs = Counter("ocr_jobs", "Jobs by status", ["status"], registry=self.registry)
        self._errors = Counter(
            "ocr_errors", "Errors of pages, documents and jobs by code", ["code"], registry=self.registry
        )
        self._stages = Histogram(
            "ocr_stage_seconds", "Seconds of a job by stage", ["stage"], buckets=_SECONDS, registry=self.registry
        )
        self.gauge("ocr_resident_memory_bytes", "Of the process and its children", resident_bytes)

    def gauge(self, name: str, told: str, value: Callable[[], float]) -> None:
        """A number that is asked for when it is read."""
        Gauge(name, told, registry=self.registry).set_function(value)

    def answered(self, response: ParseResponse) -> None:
        """A job has its answer."""
        self._jobs.labels(response.status).inc()
        self._pages.labels("succeeded").inc(response.coverage.pages_parsed)
        self._pages.labels("failed").inc(response.coverage.pages_failed)
        for stage, seconds in response.timing.model_dump().items():
            self._stages.labels(stage).observe(seconds)

    def error(self, code: str) -> None:
        """Something failed."""
        self._errors.labels(code).inc()

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)
