"""Commands on a batch: interrupt, cancel, retry, verify, refresh, a cost limit, a manifest."""

from __future__ import annotations

import json
import signal
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ocr_worker.endpoint import LocalEndpoint
from support.batch_client import (
    WORKERS,
    Client,
    assert_book,
    assert_complete,
    batch,
    colours,
    command,
    count_in_ledger,
    is_drawn,
    ledger,
    new_jobs,
    plain,
    report,
    run,
    until,
)
from support.drawing import pdf
from support.endpoint_client import ready
from support.files import encrypted_pdf
from support.http_handler import Answering
from support.processes import descendants, is_alive
from support.waiting import PATIENCE_S, eventually
from support.worker_process import HANDLER

pytestmark = pytest.mark.process

SECONDS_A_PAGE = 0.06
UNDER_WAY = "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')"
BACK = "SELECT COUNT(*) FROM jobs WHERE state = 'collected'"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    """Two workers that take a while for every page."""
    settings = {**WORKERS, "OCR_ENGINE": "support.doubles:reading", "DOUBLE_SECONDS": str(SECONDS_A_PAGE)}
    logs = tmp_path_factory.mktemp("workers")
    with LocalEndpoint(2, handler=HANDLER, settings=settings, log_dir=logs) as endpoint:
        yield ready(endpoint)


class Files(ThreadingHTTPServer):
    """A context manager that serves the same bytes at every path."""

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Giving)
        self.data = data
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Giving(Answering):
    server: Files

    def do_GET(self) -> None:
        self.answer(self.server.data)


# --------------------------------------------------------------------------- stopped


def test_ctrl_c_waits_for_what_runs(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """The first Ctrl-C sends nothing more and waits for what is under way; run again, the rest is read, and nothing
    twice. No child of the client is left."""
    books = plain(tmp_path / "in", 600, 1)  # so many files that they are still being counted when jobs come back
    out, before = tmp_path / "out", set(endpoint.jobs)
    client = run(endpoint, tmp_path / "in", out)
    until(lambda: count_in_ledger(out, BACK) > 0 and count_in_ledger(out, UNDER_WAY) > 1, client)
    children = descendants(psutil.Process(client.process.pid))
    client.interrupt()
    code, output = client.end()
    assert code == 130, output
    assert count_in_ledger(out, UNDER_WAY) == 0
    assert count_in_ledger(out, "SELECT COUNT(*) FROM documents WHERE status = 'waiting'") > 0
    assert eventually(lambda: not any(map(is_alive, children)))
    code, output = run(endpoint, tmp_path / "in", out).end()
    assert code == 0, output
    assert assert_complete(out, books)["summary"]["resubmitted"] == 0
    assert len(new_jobs(endpoint, before)) == count_in_ledger(out, "SELECT COUNT(*) FROM jobs")


def test_ctrl_c_twice_leaves_at_once(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """The second Ctrl-C leaves what runs behind; run again, its answers are fetched, and nothing is read twice."""
    books = plain(tmp_path / "in", 16, 8)
    out, before = tmp_path / "out", set(endpoint.jobs)
    client = run(endpoint, tmp_path / "in", out)
    until(lambda: count_in_ledger(out, UNDER_WAY) >= 8, client)
    client.interrupt()
    until(lambda: not client.has_pending(signal.SIGINT), client)
    client.interrupt()
    code, output = client.end()
    assert code == 130, output
    assert count_in_ledger(out, UNDER_WAY) > 0
    code, output = run(endpoint, tmp_path / "in", out).end()
    assert code == 0, output
    assert assert_complete(out, books)["summary"]["resubmitted"] == 0
    assert len(new_jobs(endpoint, before)) == count_in_ledger(out, "SELECT COUNT(*) FROM jobs")


def test_ctrl_c_while_pages_are_counted_blames_no_document(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """A run that ends while a child counts the pages of a document does not call it broken, and counts it later."""
    (tmp_path / "in.tif").write_bytes(long_tiff(10_000))
    (tmp_path / "in.jsonl").write_text(json.dumps({"path": "in.tif", "pages": "10000-"}))
    out = tmp_path / "out"
    client = run(endpoint, tmp_path / "in.jsonl", out)
    until(lambda: count_in_ledger(out, "SELECT COUNT(*) FROM documents") == 1, client)
    time.sleep(0.5)  # of the second that counting takes
    client.interrupt()
    code, output = client.end()
    assert code == 130, output
    assert ledger(out, "SELECT status, page_count FROM documents") == [("waiting", None)]
    code, output = run(endpoint, tmp_path / "in.jsonl", out).end()
    assert code == 0, output
    assert report(out)["summary"]["pages_parsed"] == 1


def long_tiff(pages: int) -> bytes:
    """A TIFF of so many grey pages of one pixel each, as its directories only."""
    # Width, height, bits, compression (none), photometric, the strip's place, samples, rows, the strip's bytes.
    values = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 1}
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in values.items())
    size = 2 + len(entries) + 4
    places = [10 + size * number for number in range(pages)]
    following = [*places[1:], 0]
    directories = (struct.pack("<H", len(values)) + entries + struct.pack("<I", place) for place in following)
    return b"II*\0" + struct.pack("<I", places[0]) + b"\x80\0" + b"".join(directories)


def test_cancel_and_retry(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """`cancel` from elsewhere stops the run and its jobs at the endpoint and calls off what waits; `retry` reads all of
    that, and nothing that was read before."""
    documents = 40  # work for ten seconds: `cancel` is a process, too, and takes a while to start on a busy machine
    books = plain(tmp_path / "in", documents, 8)
    out, before = tmp_path / "out", set(endpoint.jobs)
    client = run(endpoint, tmp_path / "in", out)
    until(lambda: count_in_ledger(out, "SELECT COUNT(*) FROM documents WHERE status = 'succeeded'") > 1, client)
    code, output = batch(endpoint.base_url, "cancel", out)
    assert (code, output.strip()) == (0, "cancelled")
    code, output = client.end()
    assert code == 1, output
    assert endpoint.wait_until(lambda: all(job.is_ended for job in new_jobs(endpoint, before)), PATIENCE_S)
    assert any(job.is_cancelled for job in new_jobs(endpoint, before))
    statuses = report(out)["summary"]["documents"]
    assert (set(statuses), sum(statuses.values())) == ({"succeeded", "cancelled"}, documents)
    assert report(out)["coverage"]["state"] == "stopped"
    assert run(endpoint, tmp_path / "in", out).end()[0] == 1  # what was called off stays so
    sent = len(new_jobs(endpoint, before))
    code, output = batch(endpoint.base_url, "retry", out)
    assert code == 0, output
    assert_complete(out, books)
    assert len(new_jobs(endpoint, before)) - sent == statuses["cancelled"]


def test_cancel_without_a_run(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """Jobs that a killed client left at the endpoint are stopped there, too."""
    plain(tmp_path / "in", 12, 10)
    out, before = tmp_path / "out", set(endpoint.jobs)
    client = run(endpoint, tmp_path / "in", out)
    until(lambda: count_in_ledger(out, UNDER_WAY) >= 8, client)
    client.kill()
    code, output = batch(endpoint.base_url, "cancel", out)
    assert code == 0, output
    assert endpoint.wait_until(lambda: all(job.is_ended for job in new_jobs(endpoint, before)), PATIENCE_S)
    assert count_in_ledger(out, "SELECT COUNT(*) FROM documents WHERE status = 'waiting'") == 0


# --------------------------------------------------------------------------- afterwards


def test_verify_finds_what_was_touched(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """A changed and a missing file are named, with exit code 1; untouched folders give 0."""
    plain(tmp_path / "in", 3, 2)
    out = tmp_path / "out"
    assert run(endpoint, tmp_path / "in", out).end()[0] == 0
    assert command("verify", out)[0] == 0
    (out / "000.tif" / "document.md").write_text("something else")
    (out / "002.tif" / "document.json").unlink()
    code, output = command("verify", out)
    assert code == 1
    damage = ["000.tif/document.md was changed", "002.tif/document.json is missing"]
    assert output.splitlines()[:2] == damage or output.splitlines()[1:] == damage
    assert f"to repair them: ocr-worker batch retry {out} --damaged" in output


def test_only_what_changed_is_read_again(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """A changed file is reported, and parsed from the start with `--refresh`.

    This holds with more pages, with fewer, and with no document any more, which leaves no result. Other files are not
    sent.
    """
    books = plain(tmp_path / "in", 4, 3)
    out = tmp_path / "out"
    assert run(endpoint, tmp_path / "in", out).end()[0] == 0
    (tmp_path / "in" / books[3].name).touch()  # the same bytes
    for number, pages in ((1, 5), (2, 1)):
        books[number] = replace(plain(tmp_path / "new", 10, pages)[9], name=books[number].name)
        (tmp_path / "in" / books[number].name).write_bytes(books[number].data)
    before = set(endpoint.jobs)
    assert "2 files changed since the last run" in run(endpoint, tmp_path / "in", out).end()[1]
    assert new_jobs(endpoint, before) == []
    code, output = run(endpoint, tmp_path / "in", out, "--refresh").end()
    assert code == 0, output
    assert sum(len(job.payload["input"]["documents"]) for job in new_jobs(endpoint, before)) == 2
    entries = {entry["name"]: entry for entry in report(out)["documents"]}
    for book in books[1:3]:
        assert_book(out, book, entries[book.name])
    assert report(out)["coverage"]["state"] == "complete"
    (tmp_path / "in" / "001.tif").write_bytes(b"<html>gone</html>")
    assert run(endpoint, tmp_path / "in", out, "--refresh").end()[0] == 1
    assert not (out / "001.tif").exists()
    assert command("verify", out)[0] == 0


def test_cost_stays_below_its_limit(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """With a price and a limit the run stops before the limit and says so, with the figure that it compared; with a
    higher limit it continues."""
    books = plain(tmp_path / "in", 24, 5)
    out = tmp_path / "out"
    limited = ("--pages-per-job", "5", "--price-per-second", "1", "--max-cost")
    code, output = run(endpoint, tmp_path / "in", out, *limited, "5").end()
    assert code == 1, output
    assert "cost limit of $5.00 (--max-cost)" in output
    assert "so far, estimated with cold starts, and" in output
    summary = report(out)["summary"]
    assert 1 < summary["cost"] + summary["cold_start_cost"] <= 5
    assert ("if no jobs shared a worker" in output) == (summary["cost_bound"] > 5)
    assert set(summary["documents"]) == {"succeeded", "waiting"}
    code, output = run(endpoint, tmp_path / "in", out, *limited, "1000").end()
    assert code == 0, output
    assert_complete(out, books)


# --------------------------------------------------------------------------- what is to be read


def test_a_password_travels_in_the_input_of_its_job_only(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """The password of a manifest's line reaches the worker; no status, output or file of the batch contains it."""
    (tmp_path / "locked.pdf").write_bytes(encrypted_pdf("lamp-and-key"))
    (tmp_path / "list.jsonl").write_text('{"path": "locked.pdf", "password": "lamp-and-key"}\n')
    out, before = tmp_path / "out", set(endpoint.jobs)
    code, output = run(endpoint, tmp_path / "list.jsonl", out).end()
    assert code == 0, output
    (job,) = new_jobs(endpoint, before)
    assert [document["password"] for document in job.payload["input"]["documents"]] == ["lamp-and-key"]
    status = httpx.get(f"{endpoint.base_url}/local/status/{job.id}").text
    files = [path.read_text(errors="replace") for path in out.rglob("*") if path.is_file()]
    assert "COMPLETED" in status
    assert not any("lamp-and-key" in text for text in (status, output, *files))


def test_manifests_name_documents_pages_and_options(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """A manifest's lines, and standard input: paths and URLs, with pages and options of their own; of a URL whose
    length nobody knew every page is read."""
    drawn = colours(3, 23)
    (tmp_path / "long.pdf").write_bytes(pdf(drawn))
    out = tmp_path / "out"
    with Files(pdf(drawn)) as files:
        lines: list[Any] = [
            {"path": "long.pdf", "id": "some", "pages": "2-3,20-"},
            {"path": "long.pdf", "id": "beyond", "pages": "22-40"},
            {"path": "long.pdf", "id": "plain", "options": {"formats": ["markdown"]}},
            {"url": f"{files.url}/a.pdf?token=secret", "id": "fetched"},
            {"url": f"{files.url}/b.pdf", "pages": "21-"},
        ]
        (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
        code, output = run(endpoint, tmp_path / "manifest.jsonl", out).end()
        assert code == 0, output
        expected = {
            "some": [2, 3, 20, 21, 22, 23],
            "plain": [*range(1, 24)],
            "fetched": [*range(1, 24)],
            "b.pdf": [21, 22, 23],
            "beyond": [22, 23],
        }
        for name, numbers in expected.items():
            document = json.loads((out / name / "document.json").read_text())
            assert [page["page"] for page in document["pages"]] == numbers
            assert all(is_drawn(page, drawn[page["page"] - 1]) for page in document["pages"])
            assert all(("blocks" in page) == (name != "plain") for page in document["pages"])
            assert document["page_count"] == 23
            codes = [warning["code"] for warning in document["warnings"]]
            assert codes == (["PAGE_OUT_OF_RANGE"] if name == "beyond" else [])
        assert "secret" not in output + (out / "report.html").read_text() + (out / "report.json").read_text()
        stdin = f"{tmp_path}/long.pdf\n" + json.dumps({"url": f"{files.url}/c.pdf"}) + "\n"
        client = Client(endpoint.base_url, "run", "-", "--out", out, "--endpoint", "local", stdin=stdin)
        code, output = client.end()
    assert code == 0, output
    assert report(out)["summary"]["pages_parsed"] == 6 + 2 + 23 + 23 + 3 + 23 + 23
    assert report(out)["coverage"]["state"] == "complete"
    assert Counter(ledger(out, "SELECT name FROM documents"))[("c.pdf",)] == 1
