"""The HTTP app: serves load-balancing endpoints, containers on your own GPU, and a page to try the worker.

It runs the same pipeline as the handler of a queue-based endpoint, and decides nothing about parsing. `body` reads a
request, `worker` runs it on the pipeline, and the other modules write the response: `parse` as JSON, Markdown, a zip
or a stream of pages; `paddlex` in the form of PaddleX's own server; `jobs` in that of the hosted PaddleOCR; `wires` in
those of other products; `problems` for errors. `health` reports the state, `playground` is the page to try the worker,
and `api_docs` the reference of the API. `access` decides who may use the app, and `monitor` counts errors and
disconnections. `gateway` is another app: the PaddleOCR job API alone, in front of a RunPod endpoint.

monitor ─▶ access ─▶ body ─▶ worker ─▶ parse: JSON, Markdown, zip, pages as they are parsed
                                    ├▶ paddlex: the API of PaddleX's own server
                                    ├▶ jobs: the API of the hosted PaddleOCR, whose jobs are on disk
                                    ├▶ wires: the APIs of other products
                                    └▶ health: /ping, /readyz, /livez, /health, /metrics
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from ocr_worker import __version__, extras
from ocr_worker.settings import MEGABYTE, Settings
from ocr_worker.settings.values import Wire

with extras.needed_by("the HTTP app", "http"):
    from fastapi import APIRouter, FastAPI
    from starlette.middleware.cors import CORSMiddleware
    from starlette.routing import Route

    from ocr_worker.app import api_docs, health, openapi, paddlex, parse, playground, problems
    from ocr_worker.app.access import AccessControl, key_dependencies
    from ocr_worker.app.body import BodyLimit
    from ocr_worker.app.jobs import route as job_route
    from ocr_worker.app.jobs.local import LocalJobs
    from ocr_worker.app.metrics import Metrics
    from ocr_worker.app.monitor import RequestMonitor
    from ocr_worker.app.wires import docling, fastgpt, mistral, open_webui
    from ocr_worker.app.worker import AppWorker

_BASE64_FACTOR = 1.4  # base64 in JSON makes a file a third larger, and the rest of the JSON adds a little
_BODIES_IN_MEMORY = 4  # this many of the largest bodies would use all of the memory; three are accepted

WIRES: dict[Wire, Callable[[AppWorker], APIRouter]] = {
    "paddlex": paddlex.router,
    "mistral": mistral.router,
    "docling": docling.router,
    "fastgpt": fastgpt.router,
    "open-webui": open_webui.router,
}
_ERROR_WRITERS = {
    **paddlex.ERROR_WRITERS,
    **job_route.ERROR_WRITERS,
    **mistral.ERROR_WRITERS,
    **fastgpt.ERROR_WRITERS,
}


def create_app(settings: Settings, worker: AppWorker | None = None, *, is_local: bool = False) -> FastAPI:
    """Return the app. Its engine begins to load when the app starts.

    worker: runs the jobs; a new one by default. is_local: the app will listen on loopback; see `AccessControl`.
    """
    app_worker = worker or AppWorker(settings)
    job_service = LocalJobs(app_worker)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app_worker.start()
        if "jobs" in settings.wires:
            await job_service.start()
        yield
        await job_service.stop()
        app_worker.close()

    app = new_app(lifespan)
    public_routers = [
        health.probe_router(app_worker),
        health.router(app_worker),
        playground.router(),
        api_docs.router(),
    ]
    wires = dict.fromkeys(settings.wires)
    key_routers = [parse.router(app_worker), *(WIRES[name](app_worker) for name in wires if name in WIRES)]
    if "jobs" in wires:
        about = "Open jobs of /api/v2/ocr/jobs: those on disk that wait, and those that run"
        app_worker.metrics.gauge("ocr_stored_jobs_open", about, lambda: job_service.open_count)
        public_routers.append(job_route.results_router(job_service, settings))
        key_routers.append(job_route.router(job_service, settings))
    protect(app, settings, app_worker.metrics, public_routers, key_routers, is_local=is_local)
    return app


def new_app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """Return an app without routes. lifespan: what runs before the first request and after the last."""
    # FastAPI's own pages of documentation load scripts from another host; `api_docs` replaces them.
    app = FastAPI(
        title="PaddleOCR-VL worker",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,  # the function's name, which generated clients show
    )
    openapi.install(app)
    return app


def protect(
    app: FastAPI,
    settings: Settings,
    metrics: Metrics,
    public_routers: Sequence[APIRouter],
    key_routers: Sequence[APIRouter],
    *,
    is_local: bool,
) -> None:
    """Add the routers to an app, and what surrounds them: errors, limits, access and metrics.

    key_routers: those whose routes need an API key, if there are any. is_local: see `AccessControl`.
    """
    problems.install(app)
    for router in public_routers:
        app.include_router(router)
    for router in key_routers:
        app.include_router(router, dependencies=key_dependencies(settings.api_keys))
    max_body_bytes = int(settings.max_source_mb * MEGABYTE * _BASE64_FACTOR)
    app.add_middleware(
        BodyLimit,
        max_bytes=max_body_bytes,
        max_total_bytes=_BODIES_IN_MEMORY * max_body_bytes,
        error_writers=_ERROR_WRITERS,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[parse.STATUS_HEADER, parse.COVERAGE_HEADER, "Retry-After"],
        )
    app.add_middleware(AccessControl, settings=settings, is_local=is_local, error_writers=_ERROR_WRITERS)
    routes = [route for router in (*public_routers, *key_routers) for route in router.routes]
    named_routes = [route for route in routes if isinstance(route, Route)]
    app.add_middleware(RequestMonitor, metrics=metrics, routes=named_routes)
