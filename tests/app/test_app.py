"""The app as a process: parsing in every form, refusals with their status and code."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support import doubles
from support.app_process import App, health, serving
from support.doubles import READING
from support.drawing import WHITE, png, request, tiff
from support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.process

KEY = {"Authorization": "Bearer open-sesame"}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is not there, pages of the colour HELD are not read."""
    return tmp_path_factory.mktemp("app") / "gate"


@pytest.fixture(scope="module")
def app(gate: Path) -> Iterator[App]:
    settings = {"OCR_MAX_SOURCE_MB": "1", "OCR_API_KEYS": '["other", "open-sesame"]', "DOUBLE_SECONDS": "0.3"}
    double = {"OCR_ENGINE": "support.doubles:by_colour", "DOUBLE_GATE": str(gate), "DOUBLE_BATCH": "1"}
    with serving(gate.with_name("log"), **double, **settings) as started:
        yield started.wait(200)


def parse(app: App, accept: str = "application/json", **arguments: Any) -> requests.Response:
    """The answer of `/v1/parse`."""
    return requests.post(f"{app.url}/v1/parse", headers={**KEY, "Accept": accept}, timeout=PATIENCE_S, **arguments)


# --------------------------------------------------------------------------- parsing


def test_json_as_on_the_wire(app: App) -> None:
    """A job's input is a request, and the answer is the one that a job gives."""
    answer = parse(app, json=request(tiff([WHITE, doubles.RAISES])))
    assert answer.status_code == 200
    assert answer.json()["coverage"]["pages_parsed"] == 1
    assert answer.json()["documents"][0]["pages"][1]["error"]["code"] == "PAGE_FAILED"


def test_a_form_with_files(app: App) -> None:
    """Files, URLs, pages and options come in a form; a file's name is never used for anything."""
    files = [("file", ("../../etc/passwd", tiff([WHITE, (10, 255, 255)]))), ("file", ("b", png((20, 255, 255))))]
    answer = parse(app, files=files, data={"options": '{"formats": ["markdown"]}'})
    assert answer.status_code == 200, answer.text
    assert [len(document["pages"]) for document in answer.json()["documents"]] == [2, 1]
    entry = parse(app, files=files[:1], data={"pages": "2"}).json()["documents"][0]
    assert [page["markdown"] for page in entry["pages"]] == [f"{READING} #0affff"]


def test_markdown_when_it_is_asked_for(app: App) -> None:
    """`Accept: text/markdown` gives the text and nothing else."""
    answer = parse(app, "text/markdown", files={"file": png(WHITE)})
    assert (answer.text, answer.headers["Content-Type"].partition(";")[0]) == (f"{READING} #ffffff", "text/markdown")


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/event-stream"])
def test_pages_as_they_come(app: App, gate: Path, kind: str) -> None:
    """In the streaming forms the first page is there before the next is read, pages are in order, and the summary
    ends."""
    data = tiff([WHITE, doubles.HELD, doubles.RAISES, WHITE])
    arguments = {"json": request(data), "headers": {**KEY, "Accept": kind}, "timeout": PATIENCE_S, "stream": True}
    with requests.post(f"{app.url}/v1/parse", **arguments) as answer:
        events = events_of(answer, kind)
        received = [next(events)]
        gate.touch()
        received += events
    gate.unlink()
    assert [name for name, _ in received] == ["page"] * 4 + ["summary"]
    assert [data["page"]["page"] for _, data in received[:4]] == [1, 2, 3, 4]
    assert received[0][1]["expected"] == 4
    assert received[-1][1]["coverage"]["pages_parsed"] == 3


def events_of(answer: requests.Response, kind: str) -> Iterator[tuple[str, Any]]:
    """Name and data of each event."""
    name = ""
    for line in answer.iter_lines(decode_unicode=True):
        if kind == "application/x-ndjson" and line:
            ((name, data),) = json.loads(line).items()
            yield name, data
        elif line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


# --------------------------------------------------------------------------- refusals


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "not JSON": ({"data": b"{", "headers": {**KEY, "Content-Type": "application/json"}}, 400, "INVALID_REQUEST"),
    "NaN": ({"data": b"NaN", "headers": {**KEY, "Content-Type": "application/json"}}, 400, "INVALID_REQUEST"),
    "wrong fields": ({"json": {"documents": []}}, 422, "INVALID_REQUEST"),
    "a wrong option": ({"json": request(png(WHITE), dpi=1)}, 422, "INVALID_REQUEST"),
    "another type": ({"data": b"x", "headers": {**KEY, "Content-Type": "text/plain"}}, 415, "INVALID_REQUEST"),
    "an unfinished form": (
        {"data": b"--x\r\nnonsense", "headers": {**KEY, "Content-Type": "multipart/form-data; boundary=x"}},
        422,
        "INVALID_REQUEST",
    ),
    "a form without boundary": (
        {"data": b"x", "headers": {**KEY, "Content-Type": "multipart/form-data"}},
        400,
        "INVALID_REQUEST",
    ),
    "an unknown field": ({"files": {"document": b"x"}}, 400, "INVALID_REQUEST"),
    "a text for a file": ({"files": {"x": (None, "y"), "file": (None, "text")}}, 400, "INVALID_REQUEST"),
    "no document": ({"files": {"options": (None, "{}")}}, 422, "INVALID_REQUEST"),
    "an unreadable file": ({"files": {"file": b"hello"}}, 415, "DOCUMENT_UNSUPPORTED_TYPE"),
    "a damaged file": ({"files": {"file": b"%PDF-1.7 nothing"}}, 422, "DOCUMENT_CORRUPT"),
    "a page that fails": ({"files": {"file": png(doubles.RAISES)}}, 422, "PAGE_FAILED"),
    "too many bytes": (
        {"data": b"x" * 2_000_000, "headers": {**KEY, "Content-Type": "application/json"}},
        413,
        "SOURCE_TOO_LARGE",
    ),
    "a file too large": ({"files": {"file": b"x" * 1_100_000}}, 413, "SOURCE_TOO_LARGE"),
    "no key": ({"json": request(png(WHITE)), "headers": {}}, 401, "UNAUTHORIZED"),
    "a wrong key": (
        {"json": request(png(WHITE)), "headers": {"Authorization": "Bearer open-sesam"}},
        401,
        "UNAUTHORIZED",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_reported_as_a_problem(app: App, name: str) -> None:
    """Each fault has its status, and a problem with a code and words that say what to do."""
    arguments, status, code = REFUSED[name]
    answer = requests.post(f"{app.url}/v1/parse", timeout=PATIENCE_S, **{"headers": KEY, **arguments})
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    assert "open-sesame" not in answer.text


def test_a_body_that_only_grows_is_cut_off(app: App) -> None:
    """A body of unknown length is read no further than the limit."""

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    try:
        headers = {**KEY, "Content-Type": "application/json"}
        answer = requests.post(f"{app.url}/v1/parse", data=endless(), headers=headers, timeout=PATIENCE_S)
    except requests.ConnectionError:
        return  # it hung up while we sent, as it may
    assert answer.status_code == 413


# --------------------------------------------------------------------------- hanging up


def test_a_caller_who_hangs_up_takes_his_pages_along(app: App) -> None:
    """Pages of a job whose caller is gone are not parsed, whichever form he asked for."""
    before = health(app)["jobs"]
    for accept in ("application/json", "text/event-stream"):
        body = json.dumps(request(tiff([doubles.SLOW] * 60))).encode()
        head = "POST /v1/parse HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Accept: {accept}\r\nAuthorization: {KEY['Authorization']}\r\n"
        with socket.create_connection(("127.0.0.1", int(app.url.rpartition(":")[2]))) as caller:
            caller.sendall(
                f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )
            assert eventually(lambda: health(app)["jobs"] == before + 1)
        assert eventually(lambda: health(app)["jobs"] == before)
