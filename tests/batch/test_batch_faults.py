"""The batch client on bad days: an endpoint that errs, a disk that is full, a folder that is not its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_worker.endpoint import LocalEndpoint
from support import doubles
from support.batch_client import (
    WORKERS,
    Book,
    Client,
    assert_complete,
    batch,
    command,
    count_in_ledger,
    is_at_work,
    library,
    new_jobs,
    plain,
    run,
    until,
    written,
)
from support.drawing import tiff
from support.endpoint_client import ready
from support.faulty_front import Front
from support.worker_process import HANDLER

pytestmark = pytest.mark.process

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is not there, pages of the colour HELD are not read."""
    return tmp_path_factory.mktemp("gate") / "gate"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, gate: Path) -> Iterator[LocalEndpoint]:
    """Two workers that do with a page what its colour says."""
    logs, settings = tmp_path_factory.mktemp("workers"), WORKERS | {"DOUBLE_GATE": str(gate)}
    with LocalEndpoint(2, handler=HANDLER, settings=settings, log_dir=logs) as endpoint:
        yield ready(endpoint)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes, which takes the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def assert_unusable(ended: tuple[int, str], word: str = "") -> None:
    """Exit code 1, and one line that says what it is about."""
    code, output = ended
    lines = [line for line in output.splitlines() if line.startswith("BATCH_UNUSABLE: ")]
    assert (code, len(lines)) == (1, 1), output
    assert word in lines[0]


# --------------------------------------------------------------------------- the endpoint


def test_an_endpoint_that_errs_loses_nothing(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """Turned away, broken down, hung up after the job was taken, and forgotten: every page is in the report once, and
    the report tells how many jobs were sent again."""
    books = library(tmp_path / "in", 40)
    out, before = tmp_path / "out", set(endpoint.jobs)
    runs = ["429"] * 12 + [
        "pass",
        "stolen",
        "pass",
        "500",
        "pass",
        "pass",
        "stolen",
        "500",
        "429",
        "pass",
        "stolen",
        "pass",
    ]
    looks = {
        0: ["500"],
        1: ["404"],
        2: ["forgotten"],
        3: ["cut", "cut"],
        4: ["404"],
        6: ["forgotten"],
        8: ["500", "404"],
    }
    with Front(endpoint.base_url, runs, looks) as front:
        client = Client(front.base_url, "run", tmp_path / "in", "--out", out, "--endpoint", "local")
        code, output = client.end()
        happened, forgotten = front.happened, front.forgotten()
    assert code == 1, output
    summary = assert_complete(out, books)["summary"]
    assert (happened["429"], happened["500"], happened["stolen"], happened["cut"], happened["404"]) == (13, 4, 3, 2, 3)
    assert forgotten == 2
    assert summary["resubmitted"] == happened["stolen"] + 2 + forgotten
    assert len(new_jobs(endpoint, before)) == sum(summary["jobs"].values()) + happened["stolen"] + forgotten


# --------------------------------------------------------------------------- the disk


@pytest.mark.parametrize(
    "free",
    [16 * 1024, 300 * 1024, pytest.param(600 * 1024, marks=pytest.mark.slow)],
    ids=lambda free: f"{free >> 10} kB free",
)
def test_a_full_disk_is_reported_and_costs_nothing(
    endpoint: LocalEndpoint, disk: Path, tmp_path: Path, free: int
) -> None:
    """A run on a full disk ends with one line; with free space it continues to a complete batch."""
    books = written(
        tmp_path / "in", [Book(f"{n}.tif", tiff([doubles.LARGE_BLOCKS, (48, 112, 208)]), []) for n in range(2)]
    )
    out = disk / "out"
    (disk / "filler").write_bytes(bytes(2 * MEGABYTE - free))
    assert_unusable(run(endpoint, tmp_path / "in", out, "--options", '{"figures": "none"}').end())
    (disk / "filler").unlink()
    code, output = run(endpoint, tmp_path / "in", out, "--options", '{"figures": "none"}').end()
    assert code == 0, output
    assert count_in_ledger(out, "SELECT SUM(parsed) FROM slices") == 2 * len(books)
    assert command("verify", out)[0] == 0


def test_a_read_only_disk_is_reported(endpoint: LocalEndpoint, disk: Path, tmp_path: Path) -> None:
    """Every command that writes reports a disk that became read-only; with a writable disk the run continues."""
    books = plain(tmp_path / "in", 2, 2)
    out = disk / "out"
    assert run(endpoint, tmp_path / "in" / "000.tif", out).end()[0] == 0
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert_unusable(run(endpoint, tmp_path / "in", out).end(), "ead-only")
    assert_unusable(batch(endpoint.base_url, "retry", out), "ead-only")
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert run(endpoint, tmp_path / "in", out).end()[0] == 0
    assert_complete(out, books)


def test_a_file_in_the_place_of_the_folder_is_reported(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """If DIR is a file, or below a file, the run ends with one line."""
    plain(tmp_path / "in", 1, 1)
    (tmp_path / "file").touch()
    assert_unusable(run(endpoint, tmp_path / "in", tmp_path / "file").end(), "file")
    assert_unusable(run(endpoint, tmp_path / "in", tmp_path / "file" / "out").end(), "out")


# --------------------------------------------------------------------------- the ledger


def test_a_damaged_ledger_is_reported(endpoint: LocalEndpoint, tmp_path: Path) -> None:
    """Every command reports a damaged ledger in one line; with the intact ledger the run continues."""
    books = plain(tmp_path / "in", 6, 3)
    out = tmp_path / "out"
    assert run(endpoint, tmp_path / "in" / "000.tif", out).end()[0] == 0
    path = out / "ledger.sqlite3"
    shutil.copy(path, tmp_path / "kept")
    data = bytearray(path.read_bytes())
    data[4096 : len(data) // 2] = b"\x5a" * (len(data) // 2 - 4096)
    path.write_bytes(data)
    assert_unusable(run(endpoint, tmp_path / "in", out).end(), "ledger.sqlite3")
    for name in ("status", "report", "verify", "cancel", "retry"):
        assert_unusable(command(name, out, RUNPOD_ENDPOINT_BASE_URL=endpoint.base_url), "ledger.sqlite3")
    shutil.copy(tmp_path / "kept", path)
    assert run(endpoint, tmp_path / "in", out).end()[0] == 0
    assert_complete(out, books)


def test_a_second_run_is_rejected(endpoint: LocalEndpoint, gate: Path, tmp_path: Path) -> None:
    """While a run is at work another one on the same folder ends with the first's process id, and does no harm."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "held.tif").write_bytes(tiff([doubles.HELD, (48, 112, 208)]))
    out = tmp_path / "out"
    first = run(endpoint, tmp_path / "in", out)
    until(lambda: is_at_work(out, first), first)
    assert_unusable(run(endpoint, tmp_path / "in", out).end(), f"process {first.process.pid};")
    assert_unusable(command("retry", out, RUNPOD_ENDPOINT_BASE_URL=endpoint.base_url), f"process {first.process.pid};")
    assert "in progress" in command("status", out)[1]
    gate.touch()
    assert first.end()[0] == 0
    assert "not running" in command("status", out)[1]


def test_wrong_usage_is_reported(tmp_path: Path) -> None:
    """A wrong command line is reported in one line with exit code 2, and creates no batch."""
    (tmp_path / "in.tif").write_bytes(tiff([(48, 112, 208)]))
    (tmp_path / "bad.jsonl").write_text('{"url": "http://h/a.pdf"}\n{"urls": []}\n')
    out = tmp_path / "out"
    usual = ["run", tmp_path / "in.tif", "--out", out]
    wrong = [
        (["run", tmp_path / "absent.pdf", "--out", out, "--endpoint", "x"], "no such file"),
        (["run", tmp_path / "bad.jsonl", "--out", out, "--endpoint", "x"], "line 2"),
        ([*usual], "add --local for this machine, or --endpoint ID"),
        ([*usual, "--endpoint", "x", "--max-cost", "1"], "--price-per-second"),
        ([*usual, "--endpoint", "x", "--options", "[]"], "--options"),
        (["run", "--out", out, "--endpoint", "x"], "nothing to parse"),
        (["status", tmp_path / "nowhere"], "there is no batch in"),
    ]
    for arguments, word in wrong:
        code, output = command(*arguments, RUNPOD_ENDPOINT_BASE_URL="http://127.0.0.1:9/v2")
        assert (code, word in output) == (1 if word == "there is no batch in" else 2, True), output
    assert not (tmp_path / "nowhere").exists()
