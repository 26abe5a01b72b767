"""Doubles and a client for the job wire: a worker that a test scripts, and plain HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from ocr_worker.app.jobs import route
from ocr_worker.app.jobs.local import LocalJobs
from ocr_worker.app.jobs.service import JobService
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import Coverage, DocumentResult, EngineInfo, ErrorInfo, PageResult, ParseResponse, Timing
from support.drawing import WHITE, png
from support.paddlex_stand_in import page
from support.waiting import eventually

JOBS = route.JOBS
DONE = {"done", "failed"}


def response_of(*pages: PageResult, error: ErrorInfo | None = None, degraded: tuple[str, ...] = ()) -> ParseResponse:
    """Return the response of a job with one document of these pages."""
    failed = sum(result.status == "failed" for result in pages)
    counts = {"pages_expected": len(pages), "pages_parsed": len(pages) - failed, "pages_failed": failed}
    coverage = Coverage(documents_expected=1, documents_failed=0, **counts)
    status = "failed" if failed == len(pages) else "partial" if failed else "succeeded"
    document = DocumentResult(id="document-1", status=status, pages=list(pages), error=error)
    engine = EngineInfo(name="double", version="1", backend="none")
    return ParseResponse(
        status=status,
        engine=engine,
        documents=[document],
        coverage=coverage,
        timing=Timing(),
        degraded=list(degraded),
    )


class ScriptedWorker:
    """A worker of an app: returns a response, or waits forever if `is_held`, and keeps the requests."""

    def __init__(self, settings: Settings, response: ParseResponse | None = None) -> None:
        self.settings = settings
        self.state = "ready"
        self.jobs_verifying = 0
        self.is_held = False
        self.requests: list[Any] = []
        self.cancelled = 0
        self._response = response or response_of(page(1))

    async def parse(self, request: Any, **arguments: Any) -> ParseResponse:
        self.requests.append(request)
        try:
            if self.is_held:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self._response

    def pipeline(self) -> Any:
        return SimpleNamespace()


def app_with(service: JobService, settings: Settings) -> FastAPI:
    """Return an app with the routes of the job wire alone. A `TestClient` that is entered starts the service."""
    app = FastAPI(on_startup=[service.start], on_shutdown=[service.stop])
    app.include_router(route.router(service, settings))
    app.include_router(route.results_router(service, settings))
    return app


def client_of(worker: ScriptedWorker) -> TestClient:
    """Return a client of jobs on this worker, to be entered."""
    service: Any = LocalJobs(worker)  # type: ignore[arg-type]  # a double
    return TestClient(app_with(service, worker.settings), raise_server_exceptions=False)


def submit(client: Any, data: bytes | None = None, base: str = "", **fields: Any) -> str:
    """Submit a file and return the id of the job."""
    payload = {"optionalPayload": json.dumps(fields.pop("options", {})), "model": "PaddleOCR-VL"} | fields
    headers: Mapping[str, str] = payload.pop("headers", {})
    response = client.post(
        base + JOBS, data=payload, files={"file": ("document.pdf", data or png(WHITE))}, headers=headers
    )
    assert response.status_code == 200, response.text
    return str(response.json()["data"]["jobId"])


def poll(client: Any, job_id: str, until: Callable[[Any], bool] | None = None, base: str = "", **headers: str) -> Any:
    """Poll a job and return the first state for which `until` is true; by default of a job that has ended."""
    states: list[Any] = []

    def is_reached() -> bool:
        states.append(client.get(f"{base}{JOBS}/{job_id}", headers=headers).json()["data"])
        return until(states[-1]) if until else states[-1]["state"] in DONE

    assert eventually(is_reached), states[-1]
    return states[-1]
