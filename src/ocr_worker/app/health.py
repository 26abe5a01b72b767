"""Health that tells the truth: what a load balancer, a person and Prometheus read."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from ocr_worker.app.service import Service
from ocr_worker.memory import resident_bytes
from ocr_worker.wire.schema import EngineInfo

_PING = {"loading": HTTPStatus.NO_CONTENT, "ready": HTTPStatus.OK, "dead": HTTPStatus.SERVICE_UNAVAILABLE}


class Replicas(BaseModel):
    """Engines: how many there are, how many of them live."""

    alive: int
    total: int


class Limits(BaseModel):
    """Of one document."""

    source_mb: float
    pages: int


class Health(BaseModel):
    """How the app stands. jobs: taken and not answered; pages_waiting: for an engine; last_error: a code."""

    state: Literal["loading", "ready", "dead"]
    engine: EngineInfo | None
    replicas: Replicas
    jobs: int
    pages_waiting: int
    memory_bytes: int
    uptime_s: float
    last_error: str | None
    limits: Limits


def ping_router(service: Service) -> APIRouter:
    """What a load balancer reads."""
    router = APIRouter(tags=["health"])

    @router.get(
        "/ping",
        status_code=200,
        response_class=Response,
        responses={204: {"description": "the engine is loading"}, 503: {"description": "no engine lives"}},
    )
    async def ping() -> Response:
        """200 while at least one engine lives that has parsed its warm-up page."""
        return Response(status_code=_PING[service.state])

    return router


def router(service: Service) -> APIRouter:
    """What people and Prometheus read."""
    router = APIRouter(tags=["health"])
    service.metrics.gauge("ocr_jobs_waiting", "Jobs taken and not answered", lambda: service.jobs)
    service.metrics.gauge("ocr_pages_waiting", "Pages that wait for an engine", lambda: service.pages_waiting)
    service.metrics.gauge("ocr_replicas_alive", "Engines that live", lambda: service.replicas[0])

    @router.get("/health")
    async def health() -> Health:
        """Engine, backend, replicas, queue, memory, uptime, last error."""
        alive, total = service.replicas
        return Health(
            state=service.state,
            engine=service.engine_info,
            replicas=Replicas(alive=alive, total=total),
            jobs=service.jobs,
            pages_waiting=service.pages_waiting,
            memory_bytes=resident_bytes(),
            uptime_s=round(time.monotonic() - service.began, 1),
            last_error=service.last_error,
            limits=Limits(source_mb=service.settings.max_source_mb, pages=service.settings.max_pages),
        )

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
