"""A caller of an endpoint: plain HTTP, as anybody would write it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from ocr_worker.endpoint import LocalEndpoint

ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


class Client:
    """Calls one endpoint. logs: where its workers write theirs."""

    def __init__(self, endpoint: LocalEndpoint, logs: Path | None = None) -> None:
        self.url = endpoint.url
        self.logs = logs

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return requests.post(f"{self.url}/{path}", json=body, timeout=100, **more)

    def get(self, path: str) -> Any:
        return requests.get(f"{self.url}/{path}", timeout=30).json()

    def run(self, job_input: Any, **beside: Any) -> str:
        started = self.post("run", {"input": job_input, **beside}).json()
        assert started["status"] == "IN_QUEUE"
        return str(started["id"])

    def until(self, job: str, reached: Callable[[Any], bool], timeout: float = 60) -> Any:
        """The first status of the job that is what is waited for."""
        deadline = time.monotonic() + timeout
        while not reached(status := self.get(f"status/{job}")):
            assert time.monotonic() < deadline, status
            time.sleep(0.05)
        return status

    def end(self, job: str) -> Any:
        return self.until(job, lambda status: status["status"] in ENDED)

    def taken(self, job: str) -> Any:
        return self.until(job, lambda status: status["status"] == "IN_PROGRESS")

    def started(self, job: str) -> None:
        """Returns when the SDK calls the handler for the job; until then a cancellation is lost on it."""
        assert self.logs
        deadline = time.monotonic() + 20
        while not any(f"{job} | Started." in log.read_text() for log in self.logs.glob("*.log")):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def ready(endpoint: LocalEndpoint) -> LocalEndpoint:
    """With all of its workers asking for jobs."""
    deadline = time.monotonic() + 60
    while Client(endpoint).get("health")["workers"]["ready"] < len(endpoint.workers) or not endpoint.workers:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return endpoint
