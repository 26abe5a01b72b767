"""Routes that report the worker's state: probes, `/health` for people, `/metrics` for Prometheus.

They are open without a key, never wait for the engine, and only read what `AppWorker` reports. `probe_router` is apart,
so that the probes can also be served alone on a port for health checks. Most probes take any status below 400 for
success, 204 included: `/readyz` and `/livez` are for them, and `/ping` is for RunPod, where 204 means loading. All
answer HEAD, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal, TypeVar

from fastapi import APIRouter, Response
from pydantic import BaseModel

from ocr_worker.app.openapi import PROBLEM
from ocr_worker.app.worker import AppWorker
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import HostRejected
from ocr_worker.memory import resident_bytes
from ocr_worker.parsing.verification import VerifyMode, verify_modes
from ocr_worker.wire.schema import EngineInfo

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_ERRORS: dict[int | str, dict[str, Any]] = {421: {"description": HostRejected.code, "content": PROBLEM}}
_PING = {"loading": HTTPStatus.NO_CONTENT, "ready": HTTPStatus.OK, "dead": HTTPStatus.SERVICE_UNAVAILABLE}


class ReplicaCounts(BaseModel):
    """Number of replicas: those that are alive, and all of them."""

    alive: int
    total: int


class DocumentLimits(BaseModel):
    """Limits of one document: megabytes of its file, and pages."""

    source_mb: float
    pages: int


class HealthReport(BaseModel):
    """State of the worker.

    jobs: accepted and not finished. pages_waiting: pages that wait for an engine. last_error: code of the last error.
    verify: values of the option `verify` that the worker honors, besides `off`.
    """

    state: Literal["loading", "ready", "dead"]
    engine: EngineInfo | None
    replicas: ReplicaCounts
    jobs: int
    pages_waiting: int
    memory_bytes: int
    uptime_s: float
    last_error: str | None
    limits: DocumentLimits
    verify: list[VerifyMode]


def probe_router(worker: AppWorker) -> APIRouter:
    """Return the router of `/ping`, `/readyz` and `/livez`, which have statuses without bodies."""
    router = APIRouter(tags=["health"])

    @_get_and_head(
        router,
        "/ping",
        {204: {"description": "The engine is loading."}, 503: {"description": "No engine is alive."}},
    )
    async def ping() -> Response:
        """Return 200 while at least one engine is alive that has parsed its warm-up page."""
        return Response(status_code=_PING[worker.state])

    @_get_and_head(router, "/readyz", {503: {"description": "The engine is loading, or no engine is alive."}})
    async def readyz() -> Response:
        """Return 200 while the worker can parse documents, else 503."""
        return Response(status_code=HTTPStatus.OK if worker.state == "ready" else HTTPStatus.SERVICE_UNAVAILABLE)

    @_get_and_head(router, "/livez", {503: {"description": "No engine is alive; only a restart helps."}})
    async def livez() -> Response:
        """Return 200 while the engine loads or at least one engine is alive, else 503."""
        return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE if worker.state == "dead" else HTTPStatus.OK)

    return router


def _get_and_head(
    router: APIRouter, path: str, responses: dict[int | str, dict[str, Any]] | None = None
) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator that adds a route for GET, and for HEAD, which is not in OpenAPI.

    responses: other than 200, for a route whose responses have no body.
    """

    def add(endpoint: Endpoint) -> Endpoint:
        router.head(path, include_in_schema=False)(endpoint)
        if responses is None:
            return router.get(path, responses=_ERRORS)(endpoint)
        return router.get(path, response_class=Response, responses={**responses, **_ERRORS})(endpoint)

    return add


def router(worker: AppWorker) -> APIRouter:
    """Return the router of `/health` and `/metrics`; adds the worker's gauges to its metrics."""
    router = APIRouter(tags=["health"])
    gauge, verify = worker.metrics.gauge, verify_modes(engine_spec(worker.settings.engine))
    gauge("ocr_jobs_waiting", "Jobs accepted and not finished", lambda: worker.jobs)
    gauge("ocr_jobs_limit", "Jobs that are accepted at most, OCR_QUEUE", lambda: worker.settings.queue)
    gauge("ocr_pages_waiting", "Rendered pages waiting for an engine", lambda: worker.pages_waiting)
    gauge("ocr_replicas", "Engine replicas, lost ones included", lambda: worker.replicas[1])
    gauge("ocr_replicas_alive", "Engine replicas alive", lambda: worker.replicas[0])

    @_get_and_head(router, "/health")
    async def health() -> HealthReport:
        """Return the state of engine, backend, replicas and queue, the memory, the uptime and the last error."""
        alive, total = worker.replicas
        return HealthReport(
            state=worker.state,
            engine=worker.engine_info,
            replicas=ReplicaCounts(alive=alive, total=total),
            jobs=worker.jobs,
            pages_waiting=worker.pages_waiting,
            memory_bytes=resident_bytes(),
            uptime_s=round(time.monotonic() - worker.started_at, 1),
            last_error=worker.last_error,
            limits=DocumentLimits(source_mb=worker.settings.max_source_mb, pages=worker.settings.max_pages),
            verify=verify,
        )

    @_get_and_head(router, "/metrics", {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    async def metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(worker.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
