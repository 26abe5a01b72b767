"""Check of a large batch: hundreds of documents through a local endpoint, with every page accounted for.

`python bench/batch_books.py [--documents 300] [--workers 2]`; exits 1 when a count disagrees. The client and the
workers are real processes, and the engine is a double that reads a page's color. One document in twenty is bad: a
damaged PDF, a web page with a PDF's name, an empty file, or pages on which the engine fails, some or all. The pages in
the output folders must be the pages that were drawn.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ocr_worker.endpoint import LocalEndpoint
from support.batch_client import WORKERS, Book, assert_complete, folders, library, new_jobs, pages_read, run
from support.endpoint_client import ready
from support.worker_process import HANDLER


def main() -> int:
    """Run the batch, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        books = library(folder / "in", options.documents)
        settings = {**WORKERS, "RUNPOD_LOG_LEVEL": "ERROR"}
        logs = folder / "logs"
        with LocalEndpoint(options.workers, handler=HANDLER, settings=settings, log_dir=logs) as endpoint:
            ready(endpoint)
            try:
                check_batch(endpoint, folder, books)
            except AssertionError as error:
                print(f"it does not add up: {error}")
                return 1
    return 0


def check_batch(endpoint: LocalEndpoint, folder: Path, books: list[Book]) -> None:
    """Run the batch twice and check its output.

    Raises AssertionError: a result is not as expected.
    """
    began = time.monotonic()
    code, report = run(endpoint, folder / "in", folder / "out").end(600)
    seconds = time.monotonic() - began
    print(report)
    assert code == 1, "some documents are bad, so the exit code is 1"
    summary = assert_complete(folder / "out", books)["summary"]
    jobs = new_jobs(endpoint, ())
    readings = pages_read(jobs)
    assert set(readings.values()) == {1}, "a page was read twice"
    assert len(jobs) == sum(summary["jobs"].values()), "a job was sent twice"
    before = folders(folder / "out")
    assert run(endpoint, folder / "in", folder / "out").end(600)[0] == 1
    assert len(new_jobs(endpoint, ())) == len(jobs), "the second run has sent something"
    assert folders(folder / "out") == before, "the second run has changed something"
    bad = sum(book.status != "succeeded" for book in books)
    print(f"{len(books)} documents, {bad} of them bad")
    print(f"{summary['pages_expected']} pages = {summary['pages_parsed']} parsed + {summary['pages_failed']} failed,")
    print(f"each in its place; {len(readings)} in the workers' answers, none twice")
    print(f"{len(jobs)} jobs, none twice; {seconds:.1f} s, {summary['pages_parsed'] / seconds:.0f} pages/s")


if __name__ == "__main__":
    sys.exit(main())
