"""`ocr-worker serve`: the app under uvicorn."""

from __future__ import annotations

import ipaddress
import threading
from pathlib import Path

from fastapi import FastAPI

from ocr_worker import extras
from ocr_worker.app import create_app
from ocr_worker.app.health import ping_router
from ocr_worker.app.service import Service
from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import Settings

with extras.needed_by("the HTTP app", "http"):
    import uvicorn


def serve(settings: Settings, host: str, *, is_open: bool, port: int | None = None) -> None:
    """Blocks until it is told to stop, and then for the jobs that are under way, at most `settings.grace_s`.

    Raises SettingsInvalid for an address that others can reach without a key, unless `is_open`.
    """
    if not settings.api_keys and not is_open and not is_loopback(host):
        raise SettingsInvalid(
            f"anybody who reaches {host} could use this worker: set OCR_API_KEYS, or say --open where keys are checked"
            " elsewhere"
        )
    service = Service(settings)
    if settings.health_port and settings.health_port != settings.port:
        _serve_health(service, host, settings.health_port)
    uvicorn.run(
        create_app(settings, service),
        host=host,
        port=settings.port if port is None else port,
        log_level="warning",
        access_log=False,  # a URL's query may be secret
        timeout_graceful_shutdown=int(settings.grace_s),
        server_header=False,
        http="h11",  # it has a limit to the size of heads, which httptools has not
        h11_max_incomplete_event_size=64 * 1024,
    )


def _serve_health(service: Service, host: str, port: int) -> None:
    """`/ping` on a port of its own, for load balancers that want one."""
    app = FastAPI(openapi_url=None)
    app.include_router(ping_router(service))
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, http="h11")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, name="health", daemon=True).start()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or Path(host).is_absolute()
