"""The app among callers who mean no good, or whose lines are bad: memory has a bound, the others are served."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.types import Message, Receive, Scope, Send

from ocr_worker.app.body import BodyLimit
from support import files
from support.app_process import App, health, serving
from support.drawing import WHITE, png
from support.http_callers import calm, chunk, dialled, head, is_served, problem_code_of, said, spools
from support.waiting import PATIENCE_S, eventually
from support.worker_process import ROOT

pytestmark = pytest.mark.process

GIGABYTE = 1_000_000_000
FORM = "multipart/form-data; boundary=x"
FILE_PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's folder for temporary files."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def app(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """After all that was done to it, it has not logged one traceback."""
    log = tmp_path_factory.mktemp("app") / "log"
    with serving(
        log, OCR_ENGINE="support.doubles:reading", OCR_RASTER_MEMORY_MB="1000", TMPDIR=str(scratch)
    ) as started:
        yield started.wait(200)
        assert started.ping() == 200
        assert "Traceback" not in started.log()


# --------------------------------------------------------------------------- slow lines


def test_slow_callers_keep_nobody_waiting(app: App) -> None:
    """Two hundred who say nothing, fifty who drip a head, fifty who drip a body; the next caller is served at once."""
    with ExitStack() as stack, calm(app):
        for _ in range(200):
            stack.enter_context(dialled(app))
        dripping = [stack.enter_context(dialled(app)) for _ in range(100)]
        for index, caller in enumerate(dripping):
            caller.sendall(b"POST /v1/parse HT" if index % 2 else head("/v1/parse", FORM, 10**6) + FILE_PART)
        for _ in range(10):
            for index, caller in enumerate(dripping):
                caller.sendall(b"T" if index % 2 else b"x")
            is_served(app)


def test_a_body_that_comes_too_slowly_is_ended() -> None:
    """A body that falls behind by more than the patience is rejected, even if it was fast before."""

    async def waiting(began_with: int) -> Message:
        messages: list[Message] = [{"type": "http.request", "body": b"x" * began_with, "more_body": True}]
        sent: list[Message] = []

        async def receive() -> Message:
            if not messages:
                await asyncio.sleep(3600)
            return messages.pop()

        async def send(message: Message) -> None:
            sent.append(message)

        async def reads(scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive()).get("more_body"):
                continue

        limit = BodyLimit(reads, max_bytes=10**7, max_total_bytes=10**8, patience_s=0.3)
        await asyncio.wait_for(limit({"type": "http", "path": "/", "headers": []}, receive, send), PATIENCE_S)
        assert limit.bytes_held == 0
        return sent[0]

    for began_with in (1, 5_000_000):
        assert asyncio.run(waiting(began_with))["status"] == 408


@pytest.mark.parametrize("begins", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"])
def test_heads_have_an_end(app: App, begins: bytes) -> None:
    """A head of a hundred megabytes, in one line or in millions, is cut off."""
    with dialled(app) as caller, calm(app):
        caller.sendall(begins)
        assert is_cut_off(caller, b"a: b\r\n" * 9999 if begins.endswith(b"\n") else b"a" * 65536)
    is_served(app)


def is_cut_off(caller: socket.socket, more: bytes) -> bool:
    """Return whether the app cuts a body of a hundred megabytes of `more` off."""
    try:
        for _ in range(100_000_000 // len(more)):
            caller.sendall(more)
    except OSError:
        return True
    return False


# --------------------------------------------------------------------------- half a body, and two gigabytes


@pytest.mark.parametrize("kind", ["application/json", FORM])
def test_half_a_body_and_gone(app: App, scratch: Path, kind: str) -> None:
    """Callers who hang up in the midst of a body, politely or not, leave no job, file or traceback."""
    part = (FILE_PART if kind == FORM else b'{"documents": ["') + b"A" * 3_000_000
    with calm(app):
        for index in range(20):
            with dialled(app) as caller:
                caller.sendall(head("/v1/parse", kind, 10**7) + part)
                if index % 2:  # a reset, as of a machine that was switched off
                    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert eventually(lambda: health(app)["jobs"] == 0 and spools(app, scratch) == [])
    is_served(app)
    assert "Traceback" not in app.log()


@pytest.mark.parametrize("path", ["/v1/parse", "/layout-parsing"])
@pytest.mark.parametrize("kind", ["application/json", FORM])
@pytest.mark.parametrize("length", [2 * GIGABYTE, None])
def test_two_gigabytes(app: App, scratch: Path, path: str, kind: str, length: int | None) -> None:
    """A body of 2 GB is refused when it says so, else cut off; memory and disk have a bound."""
    block = b"A" * 1_000_000
    with dialled(app) as caller, calm(app):
        with suppress(OSError):
            caller.sendall(head(path, kind, length))
            begins = FILE_PART if kind == FORM else b'{"documents": ["'
            caller.sendall(chunk(begins) if length is None else begins)
            for _ in range(2000):
                caller.sendall(chunk(block) if length is None else block)
        heard = said(caller)
        is_served(app)
    assert heard == b"" or heard.startswith((b"HTTP/1.1 413", b"HTTP/1.1 422", b"HTTP/1.1 415"))
    assert eventually(lambda: spools(app, scratch) == [])


def test_many_large_bodies_at_once(tmp_path: Path) -> None:
    """With thirty unfinished bodies of the largest size, memory is bounded and a small document is still parsed.

    Some of the thirty are rejected.
    """
    settings = {"OCR_ENGINE": "support.doubles:by_colour", "OCR_MAX_SOURCE_MB": "15"}
    with serving(tmp_path / "log", **settings) as app, ExitStack() as stack, calm(app.wait(200), GIGABYTE // 2):
        callers = [stack.enter_context(dialled(app)) for _ in range(30)]
        for caller in callers:
            with suppress(OSError):
                caller.sendall(head("/v1/parse", "application/json", 21_000_000) + b"A" * 18_000_000)
        is_served(app)
        for caller in callers:
            caller.settimeout(0.05)
        assert eventually(lambda: any(said(caller).startswith(b"HTTP/1.1 429") for caller in callers))


# --------------------------------------------------------------------------- forms


NO_FORMS: dict[str, tuple[str, bytes]] = {
    "nothing": (FORM, b""),
    "no boundary": ("multipart/form-data", b"--x--"),
    "another boundary": ("multipart/form-data; boundary=y", FILE_PART + b"z\r\n--x--\r\n"),
    "a long boundary": (f"multipart/form-data; boundary={'y' * 5000}", b"--x--"),
    "no name": (FORM, b"--x\r\nContent-Disposition: form-data\r\n\r\nz\r\n--x--\r\n"),
    "no disposition": (FORM, b"--x\r\n\r\nz\r\n--x--\r\n"),
    "half a character": (f"{FORM}; charset=unicode_escape", FILE_PART.replace(b"file", rb"\ud800") + b"z\r\n--x--\r\n"),
    "no charset": (f"{FORM}; charset=punycode", FILE_PART.replace(b"file", b"\xff-\xff") + b"z\r\n--x--\r\n"),
    "a header without end": (FORM, b"--x\r\nA: " + b"b" * 5_000_000),
    "headers without end": (FORM, b"--x\r\n" + b"A: b\r\n" * 500_000),
    "fields without end": (
        FORM,
        FILE_PART.replace(b'; filename="a"', b"") + b"z\r\n" + 999 * (FILE_PART + b"z\r\n"),
    ),
    "a large field": (FORM, FILE_PART.replace(b'; filename="a"', b"") + b"z" * 3_000_000 + b"\r\n--x--\r\n"),
    "pages as a file": (FORM, FILE_PART.replace(b'"file"', b'"pages"') + b"1\r\n" + FILE_PART + b"z\r\n--x--\r\n"),
    "options as a file": (FORM, FILE_PART.replace(b'"file"', b'"options"') + b"{}\r\n" + FILE_PART + b"z\r\n--x--\r\n"),
}


@pytest.mark.parametrize("name", NO_FORMS)
def test_what_is_no_form(app: App, name: str) -> None:
    """Each invalid form is rejected as an error of the request."""
    kind, body = NO_FORMS[name]
    answer = requests.post(f"{app.url}/v1/parse", data=body, headers={"Content-Type": kind}, timeout=PATIENCE_S)
    assert problem_code_of(answer) == "INVALID_REQUEST"


PIECES = st.sampled_from(
    [
        *(b"--x", b"--x--", b"--", b"\r\n", b"\r\n\r\n", b"\n", b"x", b"\0", FILE_PART, b"\r\n--x--\r\n"),
        *(b"Content-Disposition: form-data", b"; name=", b'"file"', b'"options"', b'"pages"', b'; filename="a"'),
        *(b"; filename*=utf-8''%ff", b"{}", b'{"figures": "inline"}', b"Content-Type: text/plain; charset=utf-16"),
        *(b"Content-Transfer-Encoding: base64", b"1-3", b"%PDF-1.7", png(WHITE)),
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=20).map(b"".join))
def test_bytes_that_look_like_a_form(app: App, body: bytes) -> None:
    """Whatever comes is parsed or told as a problem."""
    answer = requests.post(f"{app.url}/v1/parse", data=body, headers={"Content-Type": FORM}, timeout=PATIENCE_S)
    if answer.status_code != 200:
        problem_code_of(answer)


def test_what_cannot_be_read_is_let_go(app: App, scratch: Path) -> None:
    """Of files that are refused nothing stays, in memory or on the disk."""
    with calm(app):
        for _ in range(6):
            answer = requests.post(f"{app.url}/v1/parse", files={"file": b"x" * 50_000_000}, timeout=PATIENCE_S)
            assert problem_code_of(answer) == "DOCUMENT_UNSUPPORTED_TYPE"
    assert eventually(lambda: spools(app, scratch) == [])


def test_names_of_files_are_names_of_nothing(app: App, scratch: Path) -> None:
    """Whatever a file is called, it is parsed; the last part of its name is an id, and no file of it is written."""
    mark = f"ocr-{os.getpid()}"
    names = [
        f"../../{mark}",
        f"/etc/{mark}",
        f"/{mark}",
        f"{mark}\0.png",
        f"..\\{mark}",
        f"{mark}/",
        mark * 500,
        f"~/{mark}",
    ]
    before = set(spools(app, scratch))
    for name in names:
        quoted = name.replace("\\", "\\\\").encode()
        body = FILE_PART.replace(b'"a"', b'"' + quoted + b'"') + png(WHITE) + b"\r\n--x--\r\n"
        answer = requests.post(f"{app.url}/v1/parse", data=body, headers={"Content-Type": FORM}, timeout=PATIENCE_S)
        assert answer.status_code == 200 or problem_code_of(answer) == "INVALID_REQUEST"
        if answer.status_code == 200:
            (document,) = answer.json()["documents"]
            assert not {"/", "\\"} & set(document["id"])
    assert set(spools(app, scratch)) <= before
    for folder in (
        ROOT,
        ROOT.parent,
        ROOT.parent.parent,
        Path("/etc"),
        Path("/"),
        Path.home(),
        Path(tempfile.gettempdir()),
    ):
        assert not [entry for entry in os.listdir(folder) if mark in entry]
    assert mark not in app.log()


# --------------------------------------------------------------------------- bombs


def white_png(side: int) -> bytes:
    """A real picture of `side` x `side` white pixels: a few kilobytes for 10,000."""
    buffer = io.BytesIO()
    Image.new("1", (side, side), 1).save(buffer, "PNG")
    return buffer.getvalue()


BOMBS: dict[str, Any] = {
    "a real PNG of 10,000 x 10,000": lambda: white_png(10_000),
    "a real PNG of 13,000 x 13,000": lambda: white_png(13_000),
    "a PNG that claims 10,000 x 10,000": lambda: files.huge_png(10_000),
    "a PNG that claims 2,000,000,000 x 2,000,000,000": lambda: files.huge_png(2_000_000_000),
    "a fax of 100,000 x 100,000": lambda: files.huge_fax(100_000),
    "a PDF of the largest page": lambda: files.pages([files.filled(files.RED)], box="0 0 14400 14400"),
    "a PDF of a page larger than may be": lambda: files.pages([""], box="0 0 9999999 9999999"),
    "a PDF that unpacks to a gigabyte": lambda: files.pages(["q " * 1_000_000]),
    "a stream in a stream": lambda: zlib.compress(zlib.compress(b"\0" * 10_000_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(app: App, name: str) -> None:
    """A file that unpacks to more than the limit is an error of the document with a code, in bounded memory."""
    with calm(app, 2 * GIGABYTE):
        answer = requests.post(f"{app.url}/v1/parse", files={"file": BOMBS[name]()}, timeout=PATIENCE_S)
    if answer.status_code != 200:
        assert problem_code_of(answer).partition("_")[0] in ("DOCUMENT", "PAGE", "RASTERIZER"), answer.text
    is_served(app)
