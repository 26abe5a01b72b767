"""`ocr-worker serve`: the HTTP app on uvicorn, and its probes on a port of their own where a load balancer wants that.

Refuses to listen on an address that others can reach without API keys. The routes are in the other modules. uvicorn
runs on a thread, so that the main thread is free to wait for signals: the first drains the app, and the process ends
when it has drained, when the grace is over, or at a second signal. It does not wait for an engine (`exits.leave`).
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from fastapi import FastAPI

from ocr_worker import extras, threads
from ocr_worker.api_keys import is_loopback
from ocr_worker.app import create_app
from ocr_worker.app.access import AccessControl
from ocr_worker.app.health import probe_router
from ocr_worker.app.worker import AppWorker
from ocr_worker.errors import SettingsInvalid
from ocr_worker.exits import INTERRUPTED, Interrupts, leave
from ocr_worker.settings import ClientSettings, Settings

with extras.needed_by("the HTTP app", "http"):
    import uvicorn


def serve(
    settings: Settings,
    host: str,
    *,
    is_open: bool,
    port: int | None = None,
    on_listening: Callable[[str], None] = lambda url: None,
    on_ready: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Serve the app until a signal. Then finish the running jobs within `settings.grace_s`, and end the process.

    The exit code is 130 after Ctrl-C, and 0 after SIGTERM, with which a container's manager asks for the end. Returns
    only if the app ends by itself.

    host: address to listen on. is_open: allow an address that others can reach without a key. port: default
    `settings.port`; 0 chooses a free one. on_listening: called with the app's URL, before the engine loads. on_ready:
    called when the engine is ready, with the seconds that it took.

    Raises SettingsInvalid when the port cannot be used, or for such an address without API keys, unless `is_open`.
    """
    _check_access(settings, host, is_open=is_open)
    worker = AppWorker(settings, on_ready)
    listener = _listen(host, settings.port if port is None else port, "--port or PORT")
    bound_port = listener.getsockname()[1]
    if settings.health_port and settings.health_port != bound_port:
        _serve_health(settings, worker, _listen(host, settings.health_port, "PORT_HEALTH"), is_local=is_loopback(host))
    on_listening(_url(host, bound_port))
    app = create_app(settings, worker, is_local=is_loopback(host))
    _run_until_stopped(_server(app), listener, settings.grace_s, lambda: worker.jobs)


def serve_gateway(
    settings: Settings,
    client: ClientSettings,
    endpoint: str,
    host: str,
    *,
    is_open: bool,
    port: int | None = None,
    on_listening: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the PaddleOCR job API in front of an endpoint until a signal. See `serve` for the other arguments.

    endpoint: id of the endpoint. client: its key and the base URL.
    """
    from ocr_worker.app.gateway import create_gateway  # it needs the extra of the client

    _check_access(settings, host, is_open=is_open)
    app = create_gateway(settings, client, endpoint, is_local=is_loopback(host))
    listener = _listen(host, settings.port if port is None else port, "--port or PORT")
    on_listening(_url(host, listener.getsockname()[1]))
    _run_until_stopped(_server(app), listener, settings.grace_s, lambda: 0)


def _check_access(settings: Settings, host: str, *, is_open: bool) -> None:
    if not settings.api_keys and not is_open and not is_loopback(host):
        raise SettingsInvalid(
            f"without API keys, anyone who reaches {host} could use this worker; set OCR_API_KEYS, or use --open if"
            " keys are checked elsewhere"
        )


def _server(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # a URL's query or path may hold a secret
            server_header=False,
            http="h11",  # it limits the size of request headers; httptools does not
            h11_max_incomplete_event_size=64 * 1024,
        )
    )


def _run_until_stopped(
    server: uvicorn.Server, listener: socket.socket, grace_s: float, count_jobs: Callable[[], int]
) -> None:
    """Run the server on a thread. After a signal, drain it within `grace_s` and end the process.

    count_jobs: returns the number of requests without a response.
    """
    is_stopped = threading.Event()

    def end(reason: str) -> NoReturn:
        if jobs := count_jobs():
            print(f"stopped {reason}; requests that got no answer: {jobs}", file=sys.stderr)
        leave(0 if interrupts.first == signal.SIGTERM else INTERRUPTED)

    with Interrupts(is_stopped.set, lambda: end("at once")) as interrupts:
        serving = threads.start(lambda: server.run(sockets=[listener]), "http")
        serving.add_done_callback(lambda _: is_stopped.set())
        is_stopped.wait()
        if interrupts.count:
            server.should_exit = True
            with suppress(TimeoutError):
                serving.result(grace_s)
            end(f"after the {grace_s:g} s of OCR_GRACE_S")
    serving.result()


def _listen(host: str, port: int, names: str) -> socket.socket:
    """Return a socket that listens on the address. names: of the settings to change, for the message.

    Raises SettingsInvalid when the port is in use, or the address is not one of this machine.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"port {port} on {host} is in use: stop the other program, or choose another port with {names}"
        else:
            reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            message = f"cannot listen on {host}, port {port} ({reason}): choose another with --host, {names}"
        raise SettingsInvalid(message) from None


def _url(host: str, port: int) -> str:
    """Return the URL under which a browser on this machine reaches the app."""
    reachable_host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{reachable_host}]:{port}" if ":" in reachable_host else f"http://{reachable_host}:{port}"


def _serve_health(settings: Settings, worker: AppWorker, listener: socket.socket, *, is_local: bool) -> None:
    """Serve the probes on a port of their own, on a daemon thread."""
    app = FastAPI(openapi_url=None)
    app.include_router(probe_router(worker))
    app.add_middleware(AccessControl, settings=settings, is_local=is_local)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, http="h11"))
    threading.Thread(target=server.run, args=([listener],), name="health", daemon=True).start()
