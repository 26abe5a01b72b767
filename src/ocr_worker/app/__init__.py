"""The HTTP app: serves load-balancing endpoints, containers on your own GPU, and a page to try the worker.

It runs the same pipeline as the handler of a queue-based endpoint, and decides nothing about parsing. `body` reads a
request, `worker` runs it on the pipeline, and the other modules write the response: `parse` as JSON, Markdown or a
stream of pages; `paddlex` in the form of PaddleX's own server; `problems` for errors. `health` reports the state,
`playground` is the page to try the worker, and `api_docs` the reference of the API.

body ─▶ worker ─▶ parse: JSON, Markdown, pages as they are parsed
               ├▶ paddlex: the API of PaddleX's own server
               └▶ health: /ping, /health, /metrics
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import SecretStr

from ocr_worker import __version__, extras
from ocr_worker.errors import Unauthorized
from ocr_worker.settings import MEGABYTE, Settings

with extras.needed_by("the HTTP app", "http"):
    from fastapi import Depends, FastAPI
    from fastapi.security import HTTPBearer
    from starlette.middleware.cors import CORSMiddleware
    from starlette.requests import HTTPConnection

    from ocr_worker.app import api_docs, health, paddlex, parse, playground, problems
    from ocr_worker.app.body import BodyLimit
    from ocr_worker.app.worker import AppWorker

_BASE64_FACTOR = 1.4  # base64 in JSON makes a file a third larger, and the rest of the JSON adds a little
_BODIES_IN_MEMORY = 4  # this many of the largest bodies would use all of the memory; three are accepted


def create_app(settings: Settings, worker: AppWorker | None = None) -> FastAPI:
    """Return the app. Its engine begins to load when the app starts.

    worker: runs the jobs; a new one by default.
    """
    app_worker = worker or AppWorker(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app_worker.start()
        yield
        app_worker.close()

    # FastAPI's own pages of documentation load scripts from another host; `api_docs` replaces them.
    app = FastAPI(title="PaddleOCR-VL worker", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    problems.install(app)
    key_checks = [Depends(_KeyCheck(settings.api_keys))] if settings.api_keys else []
    app.include_router(health.ping_router(app_worker))
    app.include_router(health.router(app_worker))
    app.include_router(parse.router(app_worker), dependencies=key_checks)
    app.include_router(paddlex.router(app_worker), dependencies=key_checks)
    app.include_router(playground.router())
    app.include_router(api_docs.router())
    max_body_bytes = int(settings.max_source_mb * MEGABYTE * _BASE64_FACTOR)
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes, max_total_bytes=_BODIES_IN_MEMORY * max_body_bytes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"]
        )
    return app


class _KeyCheck(HTTPBearer):
    """A dependency of routes that checks the bearer token against the API keys. OpenAPI shows it at these routes."""

    def __init__(self, api_keys: Sequence[SecretStr]) -> None:
        super().__init__(scheme_name="ApiKey", description="One of the worker's `OCR_API_KEYS`.", auto_error=False)
        self._keys = [key.get_secret_value().encode() for key in api_keys]

    async def __call__(self, request: HTTPConnection) -> None:
        """Check the request's key. Raises Unauthorized when it is missing or wrong."""
        token = await super().__call__(request)
        if not token or not any(hmac.compare_digest(token.credentials.encode(), key) for key in self._keys):
            raise Unauthorized("the API key is missing or wrong; send it as `Authorization: Bearer KEY`")
