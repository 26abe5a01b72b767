"""The app as a process: parsing in every form, refusals with their status and code."""

from __future__ import annotations

import base64
import io
import json
import socket
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support import doubles
from support.app_process import App, health, serving
from support.doubles import READING
from support.drawing import WHITE, document, pdf, png, request, tiff
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
    """Files, URLs, pages and options come in a form; the last part of a file's name is its id, and nothing else."""
    files = [("file", ("../../etc/passwd", tiff([WHITE, (10, 255, 255)]))), ("file", ("b", png((20, 255, 255))))]
    answer = parse(app, files=files, data={"options": '{"formats": ["markdown"]}'})
    assert answer.status_code == 200, answer.text
    documents = answer.json()["documents"]
    assert [(document["id"], len(document["pages"])) for document in documents] == [("passwd", 2), ("b", 1)]
    answer = parse(app, files=files, data={"id": ["first", "second"]})
    assert [document["id"] for document in answer.json()["documents"]] == ["first", "second"]
    entry = parse(app, files=files[:1], data={"pages": "2"}).json()["documents"][0]
    assert [page["markdown"] for page in entry["pages"]] == [f"{READING} #0affff"]


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/pdf", pdf([WHITE, WHITE])),
        ("image/tiff", tiff([WHITE, WHITE])),
        ("application/octet-stream", pdf([WHITE, WHITE])),
        ("Application/PDF; name=a.pdf", tiff([WHITE, WHITE])),
    ],
)
def test_a_file_can_be_the_whole_body(app: App, content_type: str, data: bytes) -> None:
    """A file is posted as it is; its bytes decide about its type, and pages and options are in the query."""
    query = {"pages": "2", "options": '{"formats": ["markdown"]}'}
    headers = {**KEY, "Content-Type": content_type}
    answer = requests.post(f"{app.url}/v1/parse", params=query, data=data, headers=headers, timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    (document,) = answer.json()["documents"]
    assert (document["id"], [page["page"] for page in document["pages"]]) == ("document-1", [2])
    assert "blocks" not in document["pages"][0]


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


# --------------------------------------------------------------------------- failures in every form

BROKEN = b"%PDF-1.7 nothing"


def coverage_of(answer: requests.Response) -> dict[str, int]:
    """Return the counts in the header."""
    return {
        name: int(count)
        for name, _, count in (part.partition("=") for part in answer.headers["X-Coverage"].split(", "))
    }


def test_markdown_tells_of_failed_documents_and_pages(app: App) -> None:
    """A comment is in the place of each document and page that failed, and two headers count; the status stays 200."""
    files = [("file", ("a", data)) for data in (BROKEN, tiff([doubles.RAISES, WHITE]), png(doubles.RAISES))]
    answer = parse(app, "text/markdown", files=files)
    assert answer.status_code == 200
    assert answer.text.split("\n\n") == [
        "<!-- document a: DOCUMENT_CORRUPT -->",
        "<!-- page 1: PAGE_FAILED -->",
        f"{READING} #ffffff",
        "<!-- document a-3: PAGE_FAILED -->",
        "<!-- page 1: PAGE_FAILED -->",
    ]
    assert answer.headers["X-Status"] == "partial"
    assert coverage_of(answer) == {
        "documents_expected": 3,
        "documents_failed": 2,
        "pages_expected": 3,
        "pages_parsed": 1,
        "pages_failed": 2,
    }


def test_an_id_cannot_end_its_comment(app: App) -> None:
    """A document's id, which a caller chooses, stays inside the comment and on its line."""
    documents = [document(png(WHITE)), document(BROKEN, id="--> <script>\n\n# x <!--")]
    answer = parse(app, "text/markdown", json={"documents": documents})
    assert answer.text.split("\n\n")[1] == "<!-- document - - > <script> # x <!- -: DOCUMENT_CORRUPT -->"


@pytest.mark.parametrize("accept", ["application/json", "application/zip"])
def test_headers_count_in_other_forms_too(app: App, accept: str) -> None:
    """Every form that is one response has the headers."""
    answer = parse(app, accept, files=[("file", ("a", BROKEN)), ("file", ("b", png(WHITE)))])
    assert answer.headers["X-Status"] == "partial"
    assert (coverage_of(answer)["documents_failed"], coverage_of(answer)["pages_parsed"]) == (1, 1)
    answer = parse(app, accept, files={"file": png(WHITE)})
    assert answer.headers["X-Status"] == "succeeded"


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/event-stream"])
def test_events_tell_of_every_failed_document_and_page(app: App, kind: str) -> None:
    """A failed page is an event of its own, and a document that could not be opened is in the summary."""
    answer = parse(app, kind, files=[("file", ("a", BROKEN)), ("file", ("b", tiff([WHITE, doubles.RAISES])))])
    *pages, (name, end) = events_of(answer, kind)
    assert [data["page"].get("error", {}).get("code") for _, data in pages] == [None, "PAGE_FAILED"]
    assert name == "summary"
    assert [entry.get("error", {}).get("code") for entry in end["documents"]] == ["DOCUMENT_CORRUPT", None]
    assert (end["coverage"]["documents_failed"], end["coverage"]["pages_failed"]) == (1, 1)


def test_a_zip_has_a_folder_for_each_document(app: App) -> None:
    """Markdown, JSON and figures of each document, failed ones too; no id leads out of its folder."""
    ids = ["../../a", "..", "C:\\x", "same", "SAME"]
    data = [png(doubles.LARGE_FIGURES), BROKEN, tiff([WHITE, doubles.RAISES]), png(WHITE), png(WHITE)]
    documents = [document(content, id=name) for content, name in zip(data, ids, strict=True)]
    answer = parse(app, "application/zip", json={"documents": documents})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        contents = {name: archive.read(name).decode("latin-1") for name in archive.namelist()}
    folders = ["_._.._a", "__", "C__x", "same", "SAME-2"]
    expected = {f"{folder}/{file}" for folder in folders for file in ("document.md", "document.json")}
    assert set(contents) == expected | {"response.json", f"{folders[0]}/page-1-figure-1.jpg"}
    assert contents["__/document.md"] == "<!-- document ..: DOCUMENT_CORRUPT -->\n"
    assert contents["C__x/document.md"] == f"{READING} #ffffff\n\n<!-- page 2: PAGE_FAILED -->\n"
    assert json.loads(contents["__/document.json"])["error"]["code"] == "DOCUMENT_CORRUPT"
    assert json.loads(contents["response.json"])["coverage"]["documents_failed"] == 1


@pytest.mark.parametrize("accept", ["text/markdown", "application/zip"])
def test_files_without_markdown_are_an_error(app: App, accept: str) -> None:
    """A request that leaves the Markdown out and asks for it is rejected, instead of answered with nothing."""
    answer = parse(app, accept, json=request(png(WHITE), formats=["blocks"]))
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert "input.options.formats" in answer.json()["detail"]


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
    "an unknown query": (
        {"data": png(WHITE), "params": {"password": "x"}, "headers": {**KEY, "Content-Type": "image/png"}},
        400,
        "INVALID_REQUEST",
    ),
    "a wrong range beside a file": (
        {"data": png(WHITE), "params": {"pages": "x"}, "headers": {**KEY, "Content-Type": "image/png"}},
        422,
        "INVALID_REQUEST",
    ),
    "a file without a type": ({"data": png(WHITE)}, 415, "INVALID_REQUEST"),
    "an id too few": ({"files": [("file", b"x"), ("file", b"x")], "data": {"id": "a"}}, 400, "INVALID_REQUEST"),
    "an id twice": ({"files": [("file", b"x")] * 2, "data": {"id": ["a", "a"]}}, 422, "INVALID_REQUEST"),
    "an option as a field": ({"files": {"file": png(WHITE), "dpi": (None, "200")}}, 400, "INVALID_REQUEST"),
    "a text for a file": ({"files": {"x": (None, "y"), "file": (None, "text")}}, 400, "INVALID_REQUEST"),
    "no document": ({"files": {"options": (None, "{}")}}, 422, "INVALID_REQUEST"),
    "an idempotency key": ({"json": {**request(png(WHITE)), "idempotency_key": "a"}}, 422, "INVALID_REQUEST"),
    "a bucket": ({"json": request(png(WHITE), delivery="bucket")}, 422, "INVALID_REQUEST"),
    "a bucket in a form": (
        {"files": {"file": png(WHITE)}, "data": {"options": '{"delivery": "bucket"}'}},
        422,
        "INVALID_REQUEST",
    ),
    "an idempotency key in a form": (
        {"files": {"file": png(WHITE)}, "data": {"idempotency_key": "a"}},
        400,
        "INVALID_REQUEST",
    ),
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


def test_options_that_need_a_bucket_are_reported_together(app: App) -> None:
    """The app uses no bucket: what asks for one is named, and `inline` and `auto` are what it does."""
    body = {**request(png(WHITE), delivery="bucket"), "idempotency_key": "a"}
    detail = parse(app, json=body).json()["detail"]
    assert "input.options.delivery" in detail
    assert "input.idempotency_key" in detail
    for delivery in ("auto", "inline"):
        assert parse(app, json=request(png(WHITE), delivery=delivery)).status_code == 200


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


HANG_UPS = {
    "JSON": ("/v1/parse", "application/json", "application/json"),
    "Markdown": ("/v1/parse", "application/json", "text/markdown"),
    "lines": ("/v1/parse", "application/json", "application/x-ndjson"),
    "events": ("/v1/parse", "application/json", "text/event-stream"),
    "PaddleX": ("/layout-parsing", "application/json", "application/json"),
    "a form": ("/v1/parse", "multipart/form-data; boundary=x", "application/json"),
}


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("is_upload", [False, True])
@pytest.mark.parametrize("name", HANG_UPS)
def test_a_hang_up_is_one_line_in_the_log(app: App, name: str, is_upload: bool, is_reset: bool) -> None:
    """A client that disconnects, during the upload or while its pages are parsed, leaves one line and no traceback."""
    path, content_type, accept = HANG_UPS[name]
    data = tiff([doubles.SLOW] * 60)
    body = json.dumps(request(data)).encode()
    if path == "/layout-parsing":
        body = json.dumps({"file": base64.b64encode(data).decode(), "fileType": 1}).encode()
    if content_type.startswith("multipart"):
        part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = part + data + b"\r\n--x--\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nAuthorization: {KEY['Authorization']}\r\n"
    head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    jobs, start = health(app)["jobs"], len(app.log())
    with socket.create_connection(("127.0.0.1", int(app.url.rpartition(":")[2]))) as caller:
        caller.sendall(head.encode() + (body[:-10] if is_upload else body))
        if not is_upload:
            assert eventually(lambda: health(app)["jobs"] == jobs + 1)
        if is_reset:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert eventually(lambda: f"event=disconnected route={path}" in app.log()[start:])
    assert eventually(lambda: health(app)["jobs"] == jobs)
    assert app.log()[start:].count("event=disconnected") == 1
    assert "Traceback" not in app.log()[start:]
