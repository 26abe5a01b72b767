"""Measure a ledger of millions of documents: `python bench/ledger.py --documents 10000000`.

Documents are added in two deliveries that overlap by half. Then every document gets slices in jobs, executions on
workers, results and, one in a hundred, errors or warnings, all through the methods that a run uses, or for the millions
of rows of jobs through SQL that fires the same triggers. Each figure is measured in a process of its own, with the
largest resident memory of that process. Nothing is parsed: the files of the documents do not exist.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.status import status_lines

_DOCUMENTS_PER_JOB = 10
_PAGES = 4


def items(first: int, last: int) -> Iterator[Item]:
    for number in range(first, last):
        name = f"{number:08d}.pdf"
        yield Item(f"/archive/{number // 1000:05d}/{name}", name, None, {"figures": "inline"})


def add(out: Path, count: int) -> dict[str, float]:
    """Add two deliveries: the first two thirds, then the last two thirds, half of which are in the batch."""

    async def deliver() -> dict[str, float]:
        async with Batch(out) as batch:
            started_at = time.monotonic()
            first = batch.add(items(0, 2 * count // 3))
            middle_at = time.monotonic()
            second = batch.add(items(count // 3, count))
            assert first + second == count, (first, second)
            return {"first_add_s": middle_at - started_at, "second_add_s": time.monotonic() - middle_at}

    return asyncio.run(deliver())


def fill(out: Path, count: int) -> dict[str, float]:
    """Give all documents but the last thousand jobs, slices, executions, results and codes."""
    started_at = time.monotonic()
    ledger = Ledger(out / "ledger.sqlite3")
    last = count - min(1000, count // 10)
    job = f"(id - 1) / {_DOCUMENTS_PER_JOB} + 1"
    statements = (
        f"UPDATE documents SET size = 90000, mtime_ns = 1700000000000000000 + id, sha256 = printf('%064x', id),"
        f" page_count = {_PAGES}, expected = {_PAGES}, planned = 1, status = CASE WHEN id % 100 = 0 THEN 'partial' ELSE"
        ' \'succeeded\' END, files = printf(\'{"document.json": "%064x", "document.md": "%064x"}\', id, id + 1),'
        f" seconds = 1.5, code = CASE WHEN id % 100 = 0 THEN 'PAGE_FAILED' END WHERE id <= {last}",
        "INSERT INTO jobs (options, state, service_id, pages, submissions, execution_s, delay_s) SELECT options,"
        f" 'collected', 'service-' || id, {_DOCUMENTS_PER_JOB * _PAGES}, 1, 6.5, 0.5 FROM documents"
        f" WHERE id % {_DOCUMENTS_PER_JOB} = 1 AND id <= {last}",
        "INSERT INTO slices (document, job, pages, count, cut, attempt, parsed, failed) SELECT id,"
        f" {job}, '1-{_PAGES}', {_PAGES}, 0, 1, {_PAGES} - (id % 100 = 0), id % 100 = 0 FROM documents"
        f" WHERE id <= {last}",
        "INSERT INTO faults SELECT id, CASE WHEN id % 100 = 0 THEN 'error' ELSE 'warning' END, CASE WHEN id % 100 = 0"
        f" THEN 'PAGE_FAILED' ELSE 'REPETITION' END, 1 FROM documents WHERE id % 50 = 0 AND id <= {last}",
        "INSERT INTO executions (job, worker, ended_at, execution_s, delay_s) SELECT id, 'worker-' || (id % 64),"
        " 1700000000 + id / 64 * 6.6, 6.5, 0.5 FROM jobs",
    )
    for statement in statements:
        with ledger.transaction():
            ledger._db.execute(statement)
    ledger.close()
    return {"fill_s": time.monotonic() - started_at}


def open_ledger(out: Path, count: int) -> dict[str, float]:
    started_at = time.monotonic()
    Ledger(out / "ledger.sqlite3").close()
    return {"open_s": time.monotonic() - started_at}


def first_job(out: Path, count: int) -> dict[str, float]:
    """Do everything that a run does before its first job, and read the first unplanned document."""

    async def start() -> dict[str, float]:
        started_at = time.monotonic()
        async with Batch(out) as batch:
            batch.summary()
            batch.add([])
            batch.changed_documents(50_000)
            assert not list(batch.ledger.planned_documents())
            assert not batch.ledger.jobs_at_service()
            assert next(batch.ledger.unplanned_documents()).id > 1
            assert not batch.ledger.jobs_to_send(100)
            batch.ledger.usage()
            return {"first_job_s": time.monotonic() - started_at}

    return asyncio.run(start())


def status(out: Path, count: int) -> dict[str, float]:
    started_at = time.monotonic()
    summary = Ledger(out / "ledger.sqlite3").summary()
    status_lines(summary)
    assert sum(summary.documents.values()) == count
    return {"status_s": time.monotonic() - started_at}


def report(out: Path, count: int) -> dict[str, float]:
    batch = Batch(out)
    batch.open_read_only()
    started_at = time.monotonic()
    path, _ = batch.write_report()
    seconds = time.monotonic() - started_at
    assert json.loads(path.read_bytes())["coverage"]["state"] == "open"
    return {"report_s": seconds}


_STEPS = {"add": add, "fill": fill, "open": open_ledger, "first_job": first_job, "status": status, "report": report}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--step", choices=_STEPS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the batch, which stays; default: a temporary one"
    )
    options = parser.parse_args()
    if options.step:
        figures = _STEPS[options.step](options.out, options.documents)
        figures["cpu_s"] = time.process_time()
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**{name: round(value, 2) for name, value in figures.items()}, "memory_mb": round(memory_mb)}))
        return
    out = options.out or Path(tempfile.mkdtemp(prefix="ledger-"))
    try:
        for step in _STEPS:
            command = [
                sys.executable,
                __file__,
                "--step",
                step,
                "--documents",
                str(options.documents),
                "--out",
                str(out),
            ]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{step:<10}", output, end="", flush=True)
        for path in sorted(out.glob("*")):
            if path.is_file():
                print(f"{path.name:<28}{path.stat().st_size / 1e6:,.1f} MB")
    finally:
        if not options.out:
            shutil.rmtree(out)


if __name__ == "__main__":
    main()
