"""The HTTP app, the worker's second door: load-balancing endpoints, a container on one's own GPU, a page to try it.

body ─▶ service (the same pipeline as the handler's) ─▶ parse: JSON, Markdown, pages as they come
                                                     ├▶ paddlex: what PaddleX's own server answers
                                                     └▶ health: /ping, /health, /metrics
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ocr_worker import __version__, extras
from ocr_worker.errors import Unauthorized
from ocr_worker.settings import MEGABYTE, Settings

with extras.needed_by("the HTTP app", "http"):
    from fastapi import Depends, FastAPI, Request
    from starlette.middleware.cors import CORSMiddleware

    from ocr_worker.app import health, paddlex, parse, playground, problems
    from ocr_worker.app.body import BodyLimit
    from ocr_worker.app.service import Service

_BASE64 = 1.4  # a file in JSON is a third larger, and a little
_BODIES = 4  # of the largest would fill the room; three come in


def create_app(settings: Settings, service: Service | None = None) -> FastAPI:
    """The app; its engine begins to load when it is started."""
    behind = service or Service(settings)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        behind.start()
        yield
        behind.close()

    app = FastAPI(title="PaddleOCR-VL worker", version=__version__, lifespan=life)
    problems.install(app)
    keyed = [Depends(_KeyCheck(settings))]
    app.include_router(health.ping_router(behind))
    app.include_router(health.router(behind))
    app.include_router(parse.router(behind), dependencies=keyed)
    app.include_router(paddlex.router(behind), dependencies=keyed)
    app.include_router(playground.router())
    most = int(settings.max_source_mb * MEGABYTE * _BASE64)
    app.add_middleware(BodyLimit, most=most, room=_BODIES * most)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"]
        )
    return app


class _KeyCheck:
    """Lets in who brings one of the keys; everybody where there are none."""

    def __init__(self, settings: Settings) -> None:
        self._keys = [key.get_secret_value().encode() for key in settings.api_keys]

    def __call__(self, request: Request) -> None:
        """Raises Unauthorized."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        given = key.strip().encode() if scheme.lower() == "bearer" else b""
        if self._keys and not any(hmac.compare_digest(given, known) for known in self._keys):
            raise Unauthorized("bring a key: `Authorization: Bearer KEY`")
