"""Routes that report the worker's state: `/ping` for load balancers, `/health` for people, `/metrics` for Prometheus.

They are open without a key, never wait for the engine, and only read what `AppWorker` reports. `ping_router` is apart,
so that `/ping` can also be served alone on a port for health checks.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from ocr_worker.app.worker import AppWorker
from ocr_worker.memory import resident_bytes
from ocr_worker.wire.schema import EngineInfo

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


def ping_router(worker: AppWorker) -> APIRouter:
    """Return the router of `/ping`, for load balancers."""
    router = APIRouter(tags=["health"])

    @router.get(
        "/ping",
        status_code=200,
        response_class=Response,
        responses={204: {"description": "The engine is loading."}, 503: {"description": "No engine is alive."}},
    )
    async def ping() -> Response:
        """Return 200 while at least one engine is alive that has parsed its warm-up page."""
        return Response(status_code=_PING[worker.state])

    return router


def router(worker: AppWorker) -> APIRouter:
    """Return the router of `/health` and `/metrics`; adds the worker's gauges to its metrics."""
    router = APIRouter(tags=["health"])
    worker.metrics.gauge("ocr_jobs_waiting", "Jobs accepted and not finished", lambda: worker.jobs)
    worker.metrics.gauge("ocr_pages_waiting", "Pages waiting for an engine", lambda: worker.pages_waiting)
    worker.metrics.gauge("ocr_replicas_alive", "Engine replicas alive", lambda: worker.replicas[0])

    @router.get("/health")
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
        )

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(worker.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
