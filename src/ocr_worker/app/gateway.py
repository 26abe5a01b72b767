"""`ocr-worker serve --endpoint`: the PaddleOCR job API in front of a RunPod endpoint, without an engine or state.

A small container beside the tools of a user: the GPUs stay serverless. Any number of instances with the same settings
serve the same jobs, and one that is replaced loses nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Response

from ocr_worker import extras
from ocr_worker.app import api_docs, new_app, protect
from ocr_worker.app.jobs import route
from ocr_worker.app.jobs.tokens import Tokens
from ocr_worker.app.metrics import Metrics
from ocr_worker.delivery import Deliveries
from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import ClientSettings, Settings

with extras.needed_by("`ocr-worker serve --endpoint`", "batch"):
    from ocr_worker.app.jobs.endpoint import EndpointJobs
    from ocr_worker.client.remote import RemoteEndpoint


def create_gateway(settings: Settings, client: ClientSettings, endpoint: str, *, is_local: bool = False) -> FastAPI:
    """Return the app in front of an endpoint. is_local: the app will listen on loopback; see `AccessControl`.

    endpoint: the id. client: its key and the base URL. Raises SettingsInvalid without `settings.token_key`.
    """
    if settings.token_key is None:
        raise SettingsInvalid(
            "--endpoint needs OCR_TOKEN_KEY, which signs the ids of jobs; set it to a secret of at least 16 characters,"
            " the same for all instances"
        )
    bucket = Deliveries(settings).bucket
    remote = RemoteEndpoint(client.base_url, endpoint, client.api_key)
    service = EndpointJobs(remote, settings, Tokens(settings.token_key), bucket)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = new_app(lifespan)
    public_routers = [_health_router(), api_docs.router(), route.results_router(service, settings)]
    protect(app, settings, Metrics(), public_routers, [route.router(service, settings)], is_local=is_local)
    return app


def _health_router() -> APIRouter:
    router = APIRouter(tags=["health"])

    async def probe() -> Response:
        """Return 200: this process serves. It does not ask the endpoint."""
        return Response(status_code=HTTPStatus.OK)

    for path in ("/ping", "/readyz", "/livez"):
        router.add_api_route(path, probe, methods=["GET", "HEAD"], response_class=Response, include_in_schema=False)

    return router
