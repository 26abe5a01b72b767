"""Documents from strangers through a real worker process: each bad one fails alone, with its code; nothing leaks."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer

import psutil
import pytest
from PIL import Image

from support import files
from support.control_plane import Json, Result
from support.drawing import document, request
from support.files import RED
from support.stranger_server import GOOD, MAX_SOURCE_MB, Server
from support.waiting import PATIENCE_S
from support.worker_process import HANDLER, StartWorker, Worker

pytestmark = pytest.mark.process

SECRET = "s3cr3t"
DOCUMENTS = 64
HANDLER_WITH_NAMES = """
import runpy, socket
from ocr_worker.sources import addresses

names, public = {names!r}, {public!r}
look_up, check = socket.getaddrinfo, addresses.is_public

def getaddrinfo(host, port, *more, **named):
    return [entry for address in names.get(host, [host]) for entry in look_up(address, port, *more, **named)]

socket.getaddrinfo = getaddrinfo
addresses.is_public = lambda address: str(address) in public or check(address)
runpy.run_path({handler!r}, run_name="__main__")
"""


@dataclass(frozen=True)
class Row:
    """A document, as a URL with fields beside it, and what it gets."""

    url: str
    code: str | None = None
    retryable: bool = False
    pages: int = 1
    warnings: list[str] = field(default_factory=list)
    fields: Json = field(default_factory=dict)

    def url_at(self, server: str) -> str:
        return f"{self.url.format(server=server)}{'&' if '?' in self.url else '?'}token={SECRET}"


ROWS = {
    "dead host": Row("http://127.0.0.1:9/a", "SOURCE_UNAVAILABLE", True),
    "unresolvable name": Row("http://no-such-host.invalid/a", "SOURCE_UNAVAILABLE", True),
    "overlong name": Row(f"http://{'a' * 70}.example/a", "SOURCE_REJECTED"),
    "404": Row("{server}/missing", "SOURCE_REJECTED"),
    "500": Row("{server}/down", "SOURCE_UNAVAILABLE", True),
    "500 three times": Row("{server}/down-three-times"),
    "429 with Retry-After": Row("{server}/busy-once"),
    "file:": Row("file:///etc/passwd", "SOURCE_REJECTED"),
    "redirect to file:": Row("{server}/redirect?to=file:///etc/passwd", "SOURCE_REJECTED"),
    "redirect to nowhere": Row("{server}/redirect?to=http://a:99999/", "SOURCE_REJECTED"),
    "endless body": Row("{server}/endless", "SOURCE_TOO_LARGE"),
    "wrong length": Row("{server}/short", "SOURCE_UNAVAILABLE", True),
    "gzip bomb": Row("{server}/bomb", "SOURCE_TOO_LARGE"),
    "text called .pdf": Row("{server}/letter.pdf", "DOCUMENT_UNSUPPORTED_TYPE"),
    "HTML called .png": Row("{server}/scan.png", "DOCUMENT_UNSUPPORTED_TYPE"),
    "truncated PDF": Row("{server}/truncated.pdf", "DOCUMENT_CORRUPT"),
    "encrypted, no password": Row("{server}/encrypted.pdf", "DOCUMENT_ENCRYPTED"),
    "encrypted, wrong one": Row("{server}/encrypted.pdf", "DOCUMENT_ENCRYPTED", fields={"password": "b4rley"}),
    "encrypted, right one": Row("{server}/encrypted.pdf", fields={"password": "sesame"}),
    "zero pages": Row("{server}/no-pages.pdf", "DOCUMENT_CORRUPT"),
    "empty": Row("{server}/empty.pdf", "DOCUMENT_CORRUPT"),
    "corrupt PNG": Row("{server}/corrupt.png", "DOCUMENT_CORRUPT"),
    "half a JPEG": Row("{server}/half.jpeg", warnings=["TRUNCATED"]),
    "huge PNG": Row("{server}/huge.png", "DOCUMENT_PAGE_TOO_LARGE"),
    "huge page": Row("{server}/long.pdf", "DOCUMENT_PAGE_TOO_LARGE"),
    "huge fax": Row("{server}/fax.tiff", "DOCUMENT_PAGE_TOO_LARGE"),
    "range past the end": Row("{server}/10000.pdf", "DOCUMENT_PAGE_OUT_OF_RANGE", fields={"pages": "10001-"}),
    "10,000 pages": Row("{server}/10000.pdf", "DOCUMENT_TOO_MANY_PAGES"),
    "10,000 pages, a range": Row("{server}/10000.pdf", pages=3, fields={"pages": "2,9999-"}),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The stranger's server, by its address."""
    http = ThreadingHTTPServer(("", 0), Server)  # on every address of IPv4: what is refused could be reached
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker) -> Worker:
    """One worker for everything that may be fetched from loopback."""
    return worker_of(
        OCR_ENGINE="support.doubles:reading",
        OCR_MAX_SOURCE_MB=str(MAX_SOURCE_MB),
        OCR_FETCH_TIMEOUT_S=str(PATIENCE_S),
        OCR_FETCH_CONCURRENCY=str(DOCUMENTS),
        OCR_MAX_PAGES="5000",
        RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS="true",
    ).wait_ready()


def entries_of(result: Result) -> dict[str, Json]:
    """The answer's documents by their ids."""
    return {entry["id"]: entry for entry in result.output["documents"]}


# --------------------------------------------------------------------------- one job of all of it


@pytest.fixture(scope="module")
def answer(worker: Worker, server: str) -> Result:
    """The answer to one job of 64 documents: every row, with a secret in its query, and good documents between them."""
    documents = [{"id": name, "url": row.url_at(server), **row.fields} for name, row in ROWS.items()]
    for number in range(DOCUMENTS - len(ROWS)):
        documents.insert(2 * number, document(GOOD, id=f"good {number}"))
    return worker.answer({"documents": documents})


@pytest.mark.parametrize("name", ROWS)
def test_a_strangers_document_gets_its_code(answer: Result, name: str) -> None:
    """Each bad document has its code, a message and the right `retryable`; a readable one is read, with warnings."""
    row, entry = ROWS[name], entries_of(answer)[name]
    if row.code is None:
        assert entry["status"] == "succeeded"
        assert len(entry["pages"]) == row.pages
        assert [warning["code"] for warning in entry["pages"][0].get("warnings", [])] == row.warnings
    else:
        assert entry["status"] == "failed"
        assert (entry["error"]["code"], entry["error"]["retryable"]) == (row.code, row.retryable)
        assert entry["error"]["message"]


def test_bad_documents_cost_only_themselves(answer: Result) -> None:
    """Of 64 documents, half of them bad, the good ones are parsed, and the account holds them all."""
    assert answer.error is None
    assert answer.output["status"] == "partial"
    good = [entry for name, entry in entries_of(answer).items() if name not in ROWS]
    assert {entry["status"] for entry in good} == {"succeeded"}
    coverage = answer.output["coverage"]
    assert coverage["documents_expected"] == DOCUMENTS == len(answer.output["documents"])
    assert coverage["documents_failed"] == sum(row.code is not None for row in ROWS.values())
    assert coverage["pages_parsed"] == len(good) + sum(row.pages for row in ROWS.values() if row.code is None)


def test_neither_secrets_nor_tracebacks_get_out(answer: Result, worker: Worker) -> None:
    """Queries, passwords and tracebacks are neither in the answer nor in the log."""
    for text in (str(answer.raw), worker.log()):
        assert not [word for word in (SECRET, "sesame", "b4rley", "Traceback") if word in text]


def test_a_server_that_drips_is_given_up(worker_of: StartWorker, server: str) -> None:
    """A file that would take for ever gets its code when the time for it is over, whatever comes meanwhile."""
    hurried = worker_of(
        OCR_ENGINE="support.doubles:reading", OCR_FETCH_TIMEOUT_S="2", RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS="true"
    ).wait_ready()
    (entry,) = hurried.answer({"documents": [{"url": f"{server}/drip"}]}).output["documents"]
    assert (entry["error"]["code"], entry["error"]["retryable"]) == ("SOURCE_TIMED_OUT", True)


# --------------------------------------------------------------------------- addresses inside a network

INSIDE = {
    "loopback": "http://127.0.0.1/{query}",
    "metadata": "http://169.254.169.254/latest/meta-data{query}",
    "IPv6": "http://[::1]/{query}",
    "mapped": "http://[::ffff:127.0.0.1]/{query}",
    "decimal": "http://2130706433/{query}",
    "both kinds": "http://both.example/{query}",
    "redirect to loopback": "http://public.example:{port}/redirect{query}&to=http://127.0.0.1:{port}/letter.pdf",
    "redirect to metadata": "http://public.example:{port}/redirect{query}&to=http://169.254.169.254/",
    "redirect to IPv6": "http://public.example:{port}/redirect{query}&to=http://[::1]:{port}/letter.pdf",
    "redirect to decimal": "http://public.example:{port}/redirect{query}&to=http://2130706433:{port}/letter.pdf",
    "redirect to both kinds": "http://public.example:{port}/redirect{query}&to=http://both.example/",
}


@pytest.fixture(scope="module")
def guarded(worker_of: StartWorker, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """A worker that fetches from public addresses only, for which public.example (127.0.0.2) is one."""
    names = {"public.example": ["127.0.0.2"], "both.example": ["93.184.215.14", "10.0.0.1"]}
    handler = tmp_path_factory.mktemp("handler") / "handler_with_names.py"
    handler.write_text(HANDLER_WITH_NAMES.format(names=names, public=["127.0.0.2"], handler=str(HANDLER)))
    return worker_of(
        handler=handler, OCR_ENGINE="support.doubles:reading", OCR_FETCH_TIMEOUT_S=str(PATIENCE_S)
    ).wait_ready()


def test_nothing_reaches_the_inside_of_a_network(guarded: Worker, server: str) -> None:
    """Addresses inside, however written, also behind a redirect, are refused; the public file beside them is read."""
    port = server.rpartition(":")[2]
    Server.hits.clear()
    urls = {name: url.format(port=port, query=f"?token={SECRET}") for name, url in INSIDE.items()}
    documents = [{"id": name, "url": url} for name, url in urls.items()]
    public = {"id": "public", "url": f"http://public.example:{port}/busy-once"}
    result = guarded.answer({"documents": [*documents, public]})
    entries = entries_of(result)
    assert entries.pop("public")["status"] == "succeeded"
    errors = {name: (entry["error"]["code"], entry["error"]["retryable"]) for name, entry in entries.items()}
    assert errors == dict.fromkeys(INSIDE, ("SOURCE_REJECTED", False))
    assert set(Server.hits) == {"/redirect", "/busy-once"}
    assert SECRET not in str(result.raw) + guarded.log()


# --------------------------------------------------------------------------- large, and deadly


def test_a_hundred_megabytes_of_base64_are_read(worker: Worker) -> None:
    """A job of 100 MB is parsed in memory of a small multiple of it, which is given back."""
    buffer = io.BytesIO()
    Image.new("RGB", (5000, 4980), RED).save(buffer, "BMP")
    text = base64.b64encode(buffer.getvalue()).decode()
    assert len(text) > 99_000_000
    process = psutil.Process(worker.process.pid)
    before = process.memory_info().rss
    job = worker.plane.submit({"documents": [{"base64": text}]})
    peak = before
    while not worker.plane.wait_until(lambda: bool(worker.plane.jobs[job].results), 0.05):
        peak = max(peak, process.memory_info().rss)
    assert worker.plane.wait(job).output["status"] == "succeeded"
    after = process.memory_info().rss
    assert peak - before < 8 * len(text)
    assert after - before < 3 * len(text)


def test_a_child_killed_at_work_costs_nothing(worker: Worker) -> None:
    """When the kernel kills every rasterizer process once, another one continues with the document, and the next job is
    fine."""
    job = worker.plane.submit(request(files.pages([files.filled(RED)] * 1200)))
    assert worker.started(job)
    children = psutil.Process(worker.process.pid).children()
    rendered = {child: child.cpu_times().user for child in children}
    assert worker.plane.wait_until(
        lambda: any(child.cpu_times().user > seconds + 0.2 for child, seconds in rendered.items()), PATIENCE_S
    )
    for child in children:
        child.kill()
    (entry,) = worker.plane.wait(job).output["documents"]
    assert "error" not in entry
    assert worker.answer(request(GOOD)).output["status"] == "succeeded"
    worker.plane.assert_each_answered_once()
