"""Clients that write HTTP by hand, to send invalid requests, and checks of the app meanwhile."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import requests

from support.app_process import App
from support.drawing import WHITE, png, request
from support.waiting import PATIENCE_S
from support.worker_process import ROOT

CALM = 900_000_000  # bytes that the app and its children may have, whatever comes; they begin with 200 million


@contextmanager
def dialled(app: App) -> Iterator[socket.socket]:
    """Open a connection, and close it at the end."""
    with socket.create_connection(("127.0.0.1", int(app.url.rpartition(":")[2])), timeout=PATIENCE_S) as caller:
        yield caller


def head(path: str, kind: str, length: int | None) -> bytes:
    """Return the head of a POST. length: of the body; None: chunked."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{size}\r\n\r\n".encode()


def chunk(data: bytes) -> bytes:
    """Return a chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def said(caller: socket.socket) -> bytes:
    """Return everything that the app sends before it hangs up; nothing if it cut the connection."""
    heard = b""
    with suppress(OSError):
        while more := caller.recv(65536):
            heard += more
    return heard


def is_served(app: App) -> None:
    """Assert that a valid request gets its response, whatever the other clients do."""
    answer = requests.post(f"{app.url}/v1/parse", json=request(png(WHITE)), timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text


def problem_code_of(answer: requests.Response) -> str:
    """Return the code of a rejection, which is a 4xx problem and reveals nothing internal."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    assert str(ROOT) not in answer.text
    code: str = answer.json()["code"]
    return code


@contextmanager
def calm(app: App, most: int = CALM) -> Iterator[None]:
    """Assert that the resident memory of app and children stays below `most` bytes in the block."""
    sizes, over = [resident(family(app))], threading.Event()

    def watch() -> None:
        while not over.is_set():
            processes = family(app)  # takes longer than to look at them
            for _ in range(10):
                over.wait(0.02)
                sizes.append(resident(processes))

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join(5)
    assert max(sizes) < most, f"{max(sizes) / 1e6:.0f} MB"


def family(app: App) -> list[psutil.Process]:
    """Return the app's process and its children."""
    main = psutil.Process(app.process.pid)
    return [main, *main.children(recursive=True)]


def resident(processes: Sequence[psutil.Process]) -> int:
    """Return the resident bytes of the processes together."""
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def spools(app: App, scratch: Path) -> list[str]:
    """Return the temporary files that the app holds open, unnamed ones included, and the files in its folder."""
    folder = Path("/proc") / str(app.process.pid) / "fd"
    held = []
    for entry in folder.iterdir():
        with suppress(OSError):
            held.append(os.readlink(entry))
    return [name for name in held if name.startswith(str(scratch))] + [str(path) for path in scratch.iterdir()]
