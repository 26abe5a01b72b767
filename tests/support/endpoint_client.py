"""A client of an endpoint, in plain HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

import ocr_worker
from ocr_worker.endpoint import LocalEndpoint
from support.drawing import WHITE, png
from support.waiting import PATIENCE_S, eventually

ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


class Client:
    """A client of one endpoint. logs: folder of the workers' logs."""

    def __init__(self, endpoint: LocalEndpoint, logs: Path | None = None) -> None:
        self.url = endpoint.url
        self.logs = logs

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return requests.post(f"{self.url}/{path}", json=body, timeout=PATIENCE_S, **more)

    def get(self, path: str) -> Any:
        return requests.get(f"{self.url}/{path}", timeout=PATIENCE_S).json()

    def run(self, job_input: Any, **beside: Any) -> str:
        started = self.post("run", {"input": job_input, **beside}).json()
        assert started["status"] == "IN_QUEUE"
        return str(started["id"])

    def until(self, job: str, reached: Callable[[Any], bool]) -> Any:
        """Poll the job; return the first status for which `reached` returns true."""
        statuses: list[Any] = []

        def is_reached() -> bool:
            statuses.append(self.get(f"status/{job}"))
            return reached(statuses[-1])

        assert eventually(is_reached), statuses[-1]
        return statuses[-1]

    def end(self, job: str) -> Any:
        return self.until(job, lambda status: status["status"] in ENDED)

    def taken(self, job: str) -> Any:
        return self.until(job, lambda status: status["status"] == "IN_PROGRESS")

    def started(self, job: str) -> None:
        """Wait until the SDK calls the handler for the job; until then a cancellation is lost."""
        assert self.logs
        logs = self.logs
        assert eventually(lambda: any(f"{job} | Started." in log.read_text() for log in logs.glob("*.log")))


def ready(endpoint: LocalEndpoint) -> LocalEndpoint:
    """Wait until all workers of the endpoint ask for jobs; return the endpoint."""
    client = Client(endpoint)
    assert eventually(lambda: 0 < len(endpoint.workers) <= client.get("health")["workers"]["ready"])
    return endpoint


@contextmanager
def closed(gate: Path, endpoint: LocalEndpoint) -> Iterator[None]:
    """Keep the gate of the endpoint's engine closed. At the end it is open, and no page waits for it any more."""
    gate.unlink(missing_ok=True)
    yield
    gate.touch()
    with ocr_worker.Client(endpoint.url) as client:
        client.parse(png(WHITE))  # the engine parses it after the pages that waited
