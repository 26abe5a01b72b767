"""The ledger: what it holds survives, what damages it is told, and its numbers are those of its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_worker.batch.folders import Folder
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import OPEN, State
from ocr_worker.batch.plan import PlannedJob, Slice
from ocr_worker.batch.summary import batch_summary, document_summaries
from ocr_worker.errors import BatchUnusable, Corrupt
from ocr_worker.wire.results import error_info


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite3")


def two_documents(ledger: Ledger) -> None:
    ledger.add([Item("/in/a.pdf", "a.pdf"), Item("/in/b.pdf", "b.pdf")])
    ledger.count(1, (100, 1, "abc"), 12, 12)
    ledger.plan([PlannedJob("{}", [Slice(1, "1-6", 6)]), PlannedJob("{}", [Slice(1, "7-12", 6), Slice(2, None, 3)])])


def test_documents_are_known_by_what_is_asked_of_them(ledger: Ledger) -> None:
    """The same source with the same pages and options is one document; names are unique, the ledger's too."""
    items = [
        Item("/in/a.pdf", "a.pdf"),
        Item("/in/a.pdf", "a.pdf", "1-3"),
        Item("/other/a.pdf", "a.pdf", None, {"dpi": 100}),
        Item("/in/report.html", "report.html"),
    ]
    assert ledger.add(items) == 4
    assert ledger.add([*items, Item("/in/new.pdf", "new.pdf")]) == 1
    names = [document.name for document in ledger.documents()]
    assert names == ["a.pdf", "a.pdf-2", "a.pdf-3", "report.html-2", "new.pdf"]


def test_a_state_survives_the_process(ledger: Ledger, tmp_path: Path) -> None:
    """What was written in a transaction is there for the next process, whatever became of this one."""
    two_documents(ledger)
    ledger.submitting(1)
    ledger.move(1, State.QUEUED, service_id="there")
    again = Ledger(tmp_path / "ledger.sqlite3")
    (job,) = again.jobs(OPEN)
    assert (job.id, job.state, job.service_id, job.attempts, job.pages) == (1, State.QUEUED, "there", 0, 6)
    assert [job.id for job in again.jobs([State.PLANNED])] == [2]
    assert again.key == ledger.key


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    """What fails in the midst of a transaction leaves nothing of it."""
    two_documents(ledger)

    def half() -> None:
        with ledger.transaction():
            ledger._db.execute("DELETE FROM slices")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  (any error of the caller's)
        half()
    assert len(ledger.slices("document", 1)) == 2


def test_the_numbers_add_up(ledger: Ledger) -> None:
    """Parsed, failed and sent-again pages are counted once each, and money by the time that was paid."""
    two_documents(ledger)
    ledger.put("price_per_second", "0.5")
    for job in (1, 2):
        ledger.submitting(job)
    ledger.submitting(2)
    ledger.collected(1, State.COLLECTED, {1: (5, 1, 2)}, (4.0, 1.0))
    ledger.collected(2, State.COLLECTED, {2: (6, 0, 0), 3: (3, 0, 0)}, (2.0, 0.0), lengths={2: (3, 3)})
    ledger.settle(1, "partial", error=("PAGE_FAILED", "m"), faults={("error", "PAGE_FAILED"): 1}, files={}, seconds=3.0)
    ledger.settle(2, "succeeded", error=None, faults={}, files={"document.md": "0"}, seconds=1.0)
    summary = batch_summary(ledger)
    assert (summary.pages_expected, summary.pages_parsed, summary.pages_failed) == (15, 14, 1)
    assert (summary.pages_from_checkpoint, summary.resubmitted, summary.cost) == (2, 1, 3.0)
    assert (summary.documents, summary.errors) == ({"partial": 1, "succeeded": 1}, {"PAGE_FAILED": 1})
    first, second = document_summaries(ledger)
    assert (first.pages_parsed, first.pages_failed, first.errors, first.message) == (11, 1, {"PAGE_FAILED": 1}, "m")
    assert (second.pages_expected, second.status) == (3, "succeeded")


def test_a_file_that_cannot_be_opened_costs_no_job(ledger: Ledger) -> None:
    """Its error is its last word; read once more it is looked into anew."""
    two_documents(ledger)
    ledger.add([Item("/in/bad.pdf", "bad.pdf")])
    ledger.unopened(3, error_info(Corrupt("told")))
    assert batch_summary(ledger).errors == {"DOCUMENT_CORRUPT": 1}
    ledger.reopen(3, [], "{}")
    assert [one.id for one in ledger.documents("planned = 0 AND status = 'waiting'")] == [3]
    assert batch_summary(ledger).errors == {}


def test_a_damaged_ledger_is_told(ledger: Ledger, tmp_path: Path) -> None:
    """A ledger whose bytes were overwritten stops everything, and says what can be done."""
    two_documents(ledger)
    ledger.close()
    path = tmp_path / "ledger.sqlite3"
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    path.write_bytes(data)
    with pytest.raises(BatchUnusable, match="recover"):
        Ledger(path).documents()


def test_a_ledger_of_the_future_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    """A version that this client does not know is never written to."""
    ledger.query("PRAGMA user_version = 99")
    ledger.close()
    with pytest.raises(BatchUnusable, match="version 99"):
        Ledger(tmp_path / "ledger.sqlite3")


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """The second to lock the folder is told the first's process id."""
    first, second = Folder(tmp_path / "out"), Folder(tmp_path / "out")
    first.lock()
    assert second.is_locked()
    with pytest.raises(BatchUnusable, match=r"in use by process \d+"):
        second.lock()


def test_a_document_folder_is_replaced_whole(tmp_path: Path) -> None:
    """Written again, a folder holds the new files only; pictures are files beside the Markdown and not in the JSON."""
    folder = Folder(tmp_path / "out")
    figure = {"name": "page-1-figure-1.jpg", "bbox": [0, 0, 1, 1], "base64": "AAEC"}
    page = {"page": 1, "status": "succeeded", "markdown": "text", "figures": [figure]}
    folder.put_document("a.pdf", {"id": "a.pdf", "pages": [page]})
    files = folder.put_document("a.pdf", {"id": "a.pdf", "pages": [page | {"figures": []}]})
    assert sorted(path.name for path in (tmp_path / "out" / "a.pdf").iterdir()) == ["document.json", "document.md"]
    assert folder.faults("a.pdf", files) == []
    (tmp_path / "out" / "a.pdf" / "document.md").write_text("changed")
    (tmp_path / "out" / "a.pdf" / "document.json").unlink()
    assert len(folder.faults("a.pdf", files)) == 2
