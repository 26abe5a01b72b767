"""Ctrl-C, typed into a terminal, in every command that parses: what it leaves, what it says, how it exits."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from PIL import Image

from ocr_worker import threads
from ocr_worker.endpoint import LocalEndpoint
from support.app_process import free_port
from support.batch_client import WORKERS, count_in_ledger, ledger
from support.doubles import HELD, READING, is_held
from support.drawing import WHITE, document, pdf, request
from support.endpoint_client import ready
from support.processes import command_line, descendants
from support.sample import page_png
from support.terminal import Terminal, all_ended, terminal
from support.waiting import PATIENCE_S
from support.worker_process import HANDLER

pytestmark = pytest.mark.process

CLI = (sys.executable, "-m", "ocr_worker.cli")
PAGES, HELD_PAGE = 12, 5  # the engine parses 4 pages, and holds the fifth


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """An engine that holds a page until `gate` exists, and notes every page that it has parsed in `journal`."""
    return {
        "OCR_ENGINE": "support.doubles:reading",
        "DOUBLE_GATE": str(tmp_path / "gate"),
        "DOUBLE_JOURNAL": str(tmp_path / "journal"),
        "DOUBLE_BATCH": "1",  # all pages before the held one have their results
        "OCR_CONCURRENCY": "1",  # pages of one job only reach the engine, in their order
    }


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A PDF with the page that the engine holds."""
    file = tmp_path / "book.pdf"
    file.write_bytes(book_bytes())
    return file


def book_bytes() -> bytes:
    return pdf([HELD if number == HELD_PAGE else WHITE for number in range(1, PAGES + 1)])


def head_png() -> bytes:
    """Return the head of the repository's page, which the embedded engine reads in a fifth of the page's time."""
    with Image.open(io.BytesIO(page_png())) as page:
        head = page.crop((0, 0, page.width, 300))
    data = io.BytesIO()
    head.save(data, "PNG")
    return data.getvalue()


def pages_parsed(folder: Path) -> list[int]:
    journal = folder / "journal"
    return [int(line) for line in journal.read_text().splitlines()] if journal.exists() else []


def wait_for_held_page(running: Terminal, folder: Path) -> None:
    """Wait until the engine holds a page. It has parsed all pages that it took before."""
    running.wait_for(lambda: is_held(folder / "gate"))


# --------------------------------------------------------------------------- parse


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        pytest.param(("-o",), marks=pytest.mark.slow),
        pytest.param(("--json",), marks=pytest.mark.slow),
        ("--json", "-o"),
    ],
)
def test_parse_writes_the_pages_that_are_parsed(
    book: Path, tmp_path: Path, settings: dict[str, str], arguments: tuple[str, ...]
) -> None:
    """Whatever the form and place of the result, it has the parsed pages in order, and says which are missing; one line
    says how many there are. No child process is left."""
    stdout, file = tmp_path / "stdout", tmp_path / "result"
    options = [*arguments, file] if "-o" in arguments else arguments
    with terminal(*CLI, "parse", book, *options, stdout=stdout, **settings) as running:
        wait_for_held_page(running, tmp_path)
        children = running.type_ctrl_c()
        code, screen = running.end()
    assert code == 130, screen
    assert [line for line in screen.splitlines() if "stopped" in line] == [f"stopped after 4 of {PAGES} pages"]
    assert "CANCELLED" not in screen
    assert len(children) > 0
    assert all_ended(children)
    text = (file if "-o" in arguments else stdout).read_text()
    if "--json" in arguments:
        response = json.loads(text)
        codes = [page.get("error", {}).get("code") for page in response["documents"][0]["pages"]]
        assert codes == [None] * 4 + ["CANCELLED"] * 8
        assert response["coverage"]["pages_parsed"] == 4
    else:
        assert text.count(READING) == 4
        assert text.splitlines()[-1] == f"<!-- pages 5-{PAGES}: CANCELLED -->"


def test_parse_names_documents_that_were_not_opened(book: Path, tmp_path: Path, settings: dict[str, str]) -> None:
    """A source that still waits for its host at Ctrl-C is not among the pages, so the line says so."""
    with (
        silent_host() as url,
        terminal(
            *CLI, "parse", book, url, stdout=tmp_path / "stdout", RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS="true", **settings
        ) as running,
    ):
        wait_for_held_page(running, tmp_path)
        running.type_ctrl_c()
        code, screen = running.end()
    assert code == 130, screen
    assert f"stopped after 4 of {PAGES} pages; documents that were not opened: 1" in screen


def test_ctrl_c_before_the_engine_is_ready(book: Path, tmp_path: Path, settings: dict[str, str]) -> None:
    """While the engine loads there is nothing to write: one line, exit code 130, an empty stdout."""
    loading = {**settings, "OCR_ENGINE": "support.doubles:slow_to_load"}
    with terminal(*CLI, "parse", book, stdout=tmp_path / "stdout", **loading) as running:
        running.wait_for(lambda: len(rasterizers(running)) > 0)  # they start before the engine does
        children = running.type_ctrl_c()
        code, screen = running.end()
    assert code == 130, screen
    assert "stopped" in screen
    assert (tmp_path / "stdout").read_text() == ""
    assert all_ended(children)


def test_a_second_ctrl_c_leaves_a_parse_whose_reader_is_slow(tmp_path: Path, settings: dict[str, str]) -> None:
    """A result that nobody reads blocks the first Ctrl-C's way out; the second leaves at once, with 130."""
    os.mkfifo(tmp_path / "stdout")
    unread = os.open(tmp_path / "stdout", os.O_RDWR)  # a pipe that is full after 64 kB
    large = tmp_path / "large.pdf"
    large.write_bytes(pdf([WHITE] * 300 + [HELD] + [WHITE] * 20))
    arguments = ("parse", large, "--json")
    with terminal(*CLI, *arguments, stdout=tmp_path / "stdout", **settings) as running:
        wait_for_held_page(running, tmp_path)
        running.type_ctrl_c()
        running.wait_for(lambda: is_full(unread))
        running.type_ctrl_c()
        code, screen = running.end()
    os.close(unread)
    assert code == 130, screen


def test_a_native_engine_does_not_abort(tmp_path: Path) -> None:
    """The embedded engine's models run while the process ends: exit code 130 and no abort, after one Ctrl-C or two."""
    scan = tmp_path / "scan.png"
    scan.write_bytes(head_png())
    for times in (1, 2):
        with terminal(*CLI, "parse", *[scan] * 40, stdout=tmp_path / "stdout", OCR_ENGINE="embedded") as running:
            running.shows("1/1")
            for _ in range(times):
                running.type_ctrl_c()
            code, screen = running.end()
        assert code == 130, screen
        assert "stopped" in screen or times == 2


# --------------------------------------------------------------------------- batch


def run_batch(folder: Path, *service: str) -> tuple[str | Path, ...]:
    return (*CLI, "batch", "run", folder / "book.pdf", "--out", folder / "out", *service, "--pages-per-job", "3")


def outcome(folder: Path) -> tuple[list[Any], int]:
    """Return status and parsed pages of the batch's documents, and the number of pages with an error."""
    documents = ledger(folder / "out", "SELECT status FROM documents")
    failed_count = count_in_ledger(folder / "out", "SELECT COALESCE(SUM(failed), 0) FROM slices")
    return [status for (status,) in documents], failed_count


@pytest.mark.parametrize("times", [1, 2])
def test_a_local_batch_loses_nothing(tmp_path: Path, settings: dict[str, str], times: int) -> None:
    """The first Ctrl-C waits for the job that runs and takes back the others. The second leaves at once. No page is
    recorded as failed, and the next run completes the batch."""
    # Jobs come in any order, since threads read their files: the second page of each is held.
    (tmp_path / "book.pdf").write_bytes(pdf([WHITE, HELD, WHITE] * (PAGES // 3)))
    command = run_batch(tmp_path, "--local")
    with terminal(*command, **settings) as running:
        wait_for_held_page(running, tmp_path)
        children = running.type_ctrl_c()
        running.shows("press Ctrl-C again to stop at once")
        if times == 2:
            running.type_ctrl_c()
        else:
            running.wait_for(lambda: count_in_ledger(tmp_path / "out", JOBS_OF_RUN) == 1)
            (tmp_path / "gate").touch()
        code, screen = running.end()
    assert code == 130, screen
    assert outcome(tmp_path) == (["waiting"], 0)
    assert len(pages_parsed(tmp_path)) == (3 if times == 1 else 1)
    assert all_ended(children)
    (tmp_path / "gate").touch()
    with terminal(*command, **settings) as running:
        code, screen = running.end()
    assert code == 0, screen
    assert outcome(tmp_path) == (["succeeded"], 0)
    assert (tmp_path / "out" / "book.pdf" / "document.md").read_text().count(READING) == PAGES


@pytest.mark.parametrize("times", [1, 2])
def test_a_batch_at_an_endpoint_loses_nothing(book: Path, tmp_path: Path, settings: dict[str, str], times: int) -> None:
    """The first Ctrl-C waits for the jobs at the endpoint, the second leaves at once, and the next run fetches their
    results. No page is recorded as failed, and none is parsed twice."""
    command = run_batch(tmp_path, "--endpoint", "local")
    with LocalEndpoint(1, handler=HANDLER, settings={**WORKERS, **settings}, log_dir=tmp_path / "logs") as endpoint:
        ready(endpoint)
        url = {"RUNPOD_ENDPOINT_BASE_URL": endpoint.base_url}
        with terminal(*command, **url) as running:
            wait_for_held_page(running, tmp_path)
            children = running.type_ctrl_c()
            running.shows("press Ctrl-C again to stop at once")
            running.type_ctrl_c() if times == 2 else (tmp_path / "gate").touch()
            code, screen = running.end()
        assert code == 130, screen
        assert all_ended(children)
        assert outcome(tmp_path)[1] == 0
        (tmp_path / "gate").touch()
        with terminal(*command, **url) as running:
            code, screen = running.end()
    assert code == 0, screen
    assert outcome(tmp_path) == (["succeeded"], 0)
    assert sorted(pages_parsed(tmp_path)) == list(range(1, PAGES + 1))


# --------------------------------------------------------------------------- serve


def send_request(running: Terminal, folder: Path, port: int) -> Future[requests.Response]:
    """Send the app a request, and wait until the engine holds its fifth page. Return the future of its response."""
    running.shows("Engine:")
    body = {"documents": [document(book_bytes())]}
    url = f"http://127.0.0.1:{port}/v1/parse"
    response = threads.start(lambda: requests.post(url, json=body, timeout=PATIENCE_S), "caller")
    wait_for_held_page(running, folder)
    return response


@pytest.mark.parametrize(("number", "expected_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_server_answers_what_it_has(
    tmp_path: Path, settings: dict[str, str], number: int, expected_code: int
) -> None:
    """A server that is stopped answers its request first, then exits: 130 after Ctrl-C, 0 after SIGTERM."""
    port = free_port()
    with terminal(*CLI, "serve", "--port", str(port), **settings) as running:
        response = send_request(running, tmp_path, port)
        running.type_ctrl_c() if number == signal.SIGINT else running.process.send_signal(number)
        running.wait_for(lambda: refuses_connections(port))
        (tmp_path / "gate").touch()
        assert response.result(PATIENCE_S).json()["coverage"]["pages_parsed"] == PAGES
        code, screen = running.end()
    assert code == expected_code, screen
    assert "no answer" not in screen


@pytest.mark.parametrize("way", ["grace", "second Ctrl-C"])
def test_a_server_ends_although_a_request_runs(tmp_path: Path, settings: dict[str, str], way: str) -> None:
    """Past its grace, or at a second Ctrl-C, one line says how many requests got no answer; the exit code is 130."""
    port, grace_s = free_port(), "0.1" if way == "grace" else "1000"
    with terminal(*CLI, "serve", "--port", str(port), OCR_GRACE_S=grace_s, **settings) as running:
        response = send_request(running, tmp_path, port)
        children = running.type_ctrl_c()
        if way == "second Ctrl-C":
            running.wait_for(lambda: refuses_connections(port))
            running.type_ctrl_c()
        code, screen = running.end()
        with pytest.raises(requests.ConnectionError):
            response.result(PATIENCE_S)
    assert code == 130, screen
    reason = "after the 0.1 s of OCR_GRACE_S" if way == "grace" else "at once"
    assert f"stopped {reason}; requests that got no answer: 1" in screen
    assert all_ended(children)


def test_a_server_whose_engine_runs_does_not_abort(tmp_path: Path) -> None:
    """The embedded engine's models run at the second Ctrl-C: exit code 130 and no abort."""
    port = free_port()
    with terminal(*CLI, "serve", "--port", str(port), OCR_ENGINE="embedded") as running:
        running.shows("Engine:")
        body = {"documents": [document(head_png())] * 40}
        post = partial(requests.post, f"http://127.0.0.1:{port}/v1/parse", json=body, timeout=PATIENCE_S)
        response = threads.start(post, "caller")
        running.wait_for(lambda: "event=document" in running.screen())
        running.type_ctrl_c()
        running.wait_for(lambda: refuses_connections(port))
        running.type_ctrl_c()
        code, screen = running.end()
        with pytest.raises(requests.ConnectionError):
            response.result(PATIENCE_S)
    assert code == 130, screen


# --------------------------------------------------------------------------- dry run, endpoint


def test_a_dry_run_prints_the_pages_that_are_parsed(tmp_path: Path, settings: dict[str, str]) -> None:
    """`python handler.py` prints the parsed pages and writes them to `answer.json`; one line says how many they are."""
    (tmp_path / "test_input.json").write_text(json.dumps({"input": request(book_bytes())}))
    with terminal(sys.executable, HANDLER, stdout=tmp_path / "stdout", cwd=tmp_path, **settings) as running:
        wait_for_held_page(running, tmp_path)
        children = running.type_ctrl_c()
        code, screen = running.end()
    assert code == 130, screen
    assert f"stopped after 4 of {PAGES} pages" in screen
    assert "CANCELLED:" not in screen  # as the error of a page
    assert (tmp_path / "stdout").read_text().count(READING) == 4
    assert json.loads((tmp_path / "answer.json").read_text())["coverage"]["pages_parsed"] == 4
    assert all_ended(children)


def test_a_dry_run_without_a_job_leaves_at_once(tmp_path: Path, settings: dict[str, str]) -> None:
    """Ctrl-C while the engine loads ends a dry run with 130 and no traceback."""
    (tmp_path / "test_input.json").write_text(json.dumps({"input": request(book_bytes())}))
    loading = {**settings, "OCR_ENGINE": "support.doubles:slow_to_load"}
    with terminal(sys.executable, HANDLER, cwd=tmp_path, **loading) as running:
        running.wait_for(lambda: len(rasterizers(running)) > 0)
        children = running.type_ctrl_c()
        code, screen = running.end()
    assert code == 130, screen
    assert all_ended(children)


@pytest.mark.parametrize("times", [1, 2])
def test_an_endpoint_leaves_no_worker(tmp_path: Path, settings: dict[str, str], times: int) -> None:
    """`ocr-worker endpoint` ends its workers at Ctrl-C, at a second one even those that have a job. Exit code 130."""
    port = free_port()
    command = (*CLI, "endpoint", "--port", str(port), "--handler", HANDLER)
    with terminal(*command, **settings) as running:
        running.shows("worker-1: ready")
        if times == 2:
            job = {"input": request(book_bytes())}
            requests.post(f"http://127.0.0.1:{port}/v2/local/run", json=job, timeout=PATIENCE_S)
            wait_for_held_page(running, tmp_path)
        children = running.type_ctrl_c()
        if times == 2:
            running.shows("press Ctrl-C again to stop at once")
            running.type_ctrl_c()
        code, screen = running.end()
    assert code == 130, screen
    assert len(children) > 1
    assert all_ended(children)


# --------------------------------------------------------------------------- conditions


JOBS_OF_RUN = "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running', 'submitting')"


@contextmanager
def silent_host() -> Iterator[str]:
    """Listen and never answer. Yield a URL of this host."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/report.pdf"


def rasterizers(running: Terminal) -> list[psutil.Process]:
    children = descendants(psutil.Process(running.process.pid))
    return [child for child in children if "ocr_worker.sources.rasterizer.child" in command_line(child)]


def refuses_connections(port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return False
    return True


def is_full(pipe: int) -> bool:
    """Return whether a writer to the pipe would have to wait."""
    return not select.select([], [pipe], [], 0)[1]
