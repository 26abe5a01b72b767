"""`ocr-worker serve`: the HTTP app on uvicorn, and `/ping` on a port of its own where a load balancer wants that.

Refuses to listen on an address that others can reach without API keys. The routes are in the other modules.
"""

from __future__ import annotations

import ipaddress
import threading
from pathlib import Path

from fastapi import FastAPI

from ocr_worker import extras
from ocr_worker.app import create_app
from ocr_worker.app.health import ping_router
from ocr_worker.app.worker import AppWorker
from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import Settings

with extras.needed_by("the HTTP app", "http"):
    import uvicorn


def serve(settings: Settings, host: str, *, is_open: bool, port: int | None = None) -> None:
    """Serve the app until a signal stops it, then finish the running jobs within `settings.grace_s`.

    host: address to listen on. is_open: allow an address that others can reach without a key. port: default
    `settings.port`. Raises SettingsInvalid for such an address without API keys, unless `is_open`.
    """
    if not settings.api_keys and not is_open and not is_loopback(host):
        raise SettingsInvalid(
            f"without API keys, anyone who reaches {host} could use this worker; set OCR_API_KEYS, or use --open if"
            " keys are checked elsewhere"
        )
    worker = AppWorker(settings)
    if settings.health_port and settings.health_port != settings.port:
        _serve_health(worker, host, settings.health_port)
    uvicorn.run(
        create_app(settings, worker),
        host=host,
        port=settings.port if port is None else port,
        log_level="warning",
        access_log=False,  # a URL's query may hold a secret
        timeout_graceful_shutdown=int(settings.grace_s),
        server_header=False,
        http="h11",  # it limits the size of request headers; httptools does not
        h11_max_incomplete_event_size=64 * 1024,
    )


def _serve_health(worker: AppWorker, host: str, port: int) -> None:
    """Serve `/ping` on a port of its own, on a daemon thread."""
    app = FastAPI(openapi_url=None)
    app.include_router(ping_router(worker))
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, http="h11")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, name="health", daemon=True).start()


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or Path(host).is_absolute()
