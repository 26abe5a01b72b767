"""The ledger: its contents survive, damage is reported, and its sums are those of its rows."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

import pytest

from ocr_worker.batch.doubts import DocumentDoubt
from ocr_worker.batch.inputs import Item, SkippedEntry
from ocr_worker.batch.ledger import Ledger, additions
from ocr_worker.batch.model import PlannedJob, Slice, Stamp
from ocr_worker.client.service import JobTimes, State
from ocr_worker.errors import BatchUnusable, Corrupt
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import ErrorInfo

VERSION_1 = Path(__file__).parents[1] / "resources" / "ledger-version-1.sql"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite3")


def two_documents(ledger: Ledger) -> None:
    ledger.add([Item("/in/a.pdf", "a.pdf"), Item("/in/b.pdf", "b.pdf")])
    ledger.record_length(1, Stamp(100, 1, "abc"), 12, 12)
    first, second = Slice(1, tuple(range(1, 7))), Slice(1, tuple(range(7, 13)))
    ledger.plan([PlannedJob("{}", [first]), PlannedJob("{}", [second, Slice(2, (1, 2, 3))])])


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
    """The next process finds everything written in a transaction, whatever happened to this one."""
    two_documents(ledger)
    ledger.mark_submitting(1)
    ledger.mark_queued(1, "there")
    again = Ledger(tmp_path / "ledger.sqlite3")
    (job,) = again.open_jobs()
    assert (job.id, job.state, job.service_id, job.attempts, job.pages) == (1, State.QUEUED, "there", 0, 6)
    assert [job.id for job in again.jobs_to_send(10)] == [2]
    assert again.idempotency_key == ledger.idempotency_key


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    """A transaction that fails leaves none of its changes."""
    two_documents(ledger)

    def half() -> None:
        with ledger.transaction():
            ledger._db.execute("DELETE FROM slices")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  (any error of the caller's)
        half()
    assert len(ledger.slices_of_document(1)) == 2


def test_the_numbers_add_up(ledger: Ledger) -> None:
    """Parsed, failed and sent-again pages are counted once each, and money by the time that was paid."""
    two_documents(ledger)
    ledger.put("price_per_second", "0.5")
    for job in (1, 2):
        ledger.mark_submitting(job)
    ledger.mark_submitting(2)
    ledger.record_end(1, State.COLLECTED, {1: (5, 1, 2)}, JobTimes(4.0, 1.0))
    ledger.record_end(2, State.COLLECTED, {2: (6, 0, 0), 3: (3, 0, 0)}, JobTimes(2.0), lengths={2: (3, 3)})
    error = ErrorInfo(code="PAGE_FAILED", message="m", retryable=False)
    ledger.record_result(1, "partial", error=error, codes={("error", "PAGE_FAILED"): 1}, files={}, seconds=3.0)
    ledger.record_result(2, "succeeded", error=None, codes={}, files={"document.md": "0"}, seconds=1.0)
    summary = ledger.summary()
    assert (summary.pages_expected, summary.pages_parsed, summary.pages_failed) == (15, 14, 1)
    assert (summary.pages_from_checkpoint, summary.resubmitted, summary.cost) == (2, 1, 3.0)
    assert (summary.documents, summary.errors) == ({"partial": 1, "succeeded": 1}, {"PAGE_FAILED": 1})
    first, second = ledger.document_summaries()
    assert (first.pages_parsed, first.pages_failed, first.errors, first.message) == (11, 1, {"PAGE_FAILED": 1}, "m")
    assert (second.pages_expected, second.status) == (3, "succeeded")


def test_each_attempt_of_a_job_is_an_execution(ledger: Ledger) -> None:
    """The attempts of a job, also a failed one, are on the lines of their workers; two jobs that share a worker cost
    their union, and an attempt on an unknown worker costs all its seconds."""
    two_documents(ledger)
    ledger.put("price_per_second", "0.5")
    ledger.put("idle_timeout_s", "5")
    error = ErrorInfo(code="JOB_TIMED_OUT", message="m", retryable=False)
    ledger.retry_later(1, JobTimes(100.0, 8.0, "a", 1_000.0), 0.0)
    ledger.record_end(1, State.COLLECTED, {1: (6, 0, 0)}, JobTimes(60.0, 9.0, "a", 1_020.0))
    ledger.replan(2, error, JobTimes(30.0, 2.0, "b", 1_020.0), [PlannedJob("{}", [Slice(1, (7,)), Slice(2, (1,))])])
    ledger.record_end(3, State.COLLECTED, {4: (1, 0, 0), 5: (1, 0, 0)}, JobTimes(7.0, 1.0, None, 1_020.0))
    summary = ledger.summary()
    assert (summary.execution_s, summary.busy_s, summary.idle_s) == (197.0, 120.0 + 30.0 + 7.0, 5.0 + 5.0)
    assert (summary.delay_s, summary.cold_start_s) == (20.0, 8.0 + 2.0)
    assert summary.cost == 0.5 * (summary.busy_s + 10.0) == 83.5
    assert summary.limited_cost == 83.5 + 0.5 * 10.0
    assert summary.cost_bound == 0.5 * (197.0 + 10.0 + 10.0)


def test_the_cost_follows_each_change(ledger: Ledger) -> None:
    """Another execution, another idle timeout and another process are in the next numbers."""
    two_documents(ledger)
    ledger.record_end(1, State.COLLECTED, {}, JobTimes(10.0, 0.0, "a", 1_000.0))
    assert (ledger.usage().busy_s, ledger.usage().idle_s) == (10.0, None)
    ledger.put("idle_timeout_s", "2.5")
    assert ledger.usage().idle_s == 2.5
    Ledger(ledger._path).record_end(2, State.COLLECTED, {}, JobTimes(10.0, 0.0, "a", 1_005.0))
    assert (ledger.usage().execution_s, ledger.usage().busy_s) == (20.0, 15.0)
    assert ledger.summary().cost is None


def test_a_file_that_cannot_be_opened_costs_no_job(ledger: Ledger) -> None:
    """Its error is its last word; read once more it is looked into anew."""
    two_documents(ledger)
    ledger.add([Item("/in/bad.pdf", "bad.pdf")])
    ledger.record_unreadable(3, error_info(Corrupt("told")))
    assert ledger.summary().errors == {"DOCUMENT_CORRUPT": 1}
    ledger.reopen(3, [], "{}")
    assert [document.id for document in ledger.unplanned_documents()] == [3]
    assert ledger.summary().errors == {}


def test_a_damaged_ledger_is_reported(ledger: Ledger, tmp_path: Path) -> None:
    """A ledger whose bytes were overwritten stops everything, and says what can be done."""
    two_documents(ledger)
    ledger.close()
    path = tmp_path / "ledger.sqlite3"
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    path.write_bytes(data)
    with pytest.raises(BatchUnusable, match="recover"):
        list(Ledger(path).documents())


def test_a_ledger_of_the_future_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    """A version that this client does not know is never written to."""
    ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(BatchUnusable, match="version 99"):
        Ledger(tmp_path / "ledger.sqlite3")


def test_an_older_ledger_is_continued(tmp_path: Path) -> None:
    """A ledger that a client of version 1 wrote keeps its documents, jobs and cost, and takes new executions; it has
    the same tables as a new one, whoever upgraded it."""
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_1.read_text())
    ledger = Ledger(path)
    summary = ledger.summary()
    assert (summary.pages_expected, summary.pages_parsed) == (6, 2)
    assert summary.documents == {"succeeded": 1, "waiting": 2}
    assert summary.jobs == {State.COLLECTED: 1, State.PLANNED: 1, State.QUEUED: 1}
    assert (summary.execution_s, summary.busy_s, summary.cold_start_s, summary.idle_s) == (6.5, 6.5, 0.0, None)
    assert (summary.cost, summary.cost_bound) == (3.25, 3.25)
    assert [job.service_id for job in ledger.jobs_at_service()] == ["service-2b"]
    assert ledger.idempotency_key == "batch-0123456789abcdef01234567"
    assert summary.skipped == {}
    for job in (2, 3):
        ledger.record_end(job, State.COLLECTED, {job: (2, 0, 0)}, JobTimes(10.0, 3.0, "a", 1_000.0 + 5 * job))
    ledger.close()
    ledger = Ledger(path)
    assert (ledger.summary().execution_s, ledger.summary().busy_s) == (26.5, 6.5 + 15.0)
    new = Ledger(tmp_path / "new.sqlite3")
    tables = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    assert ledger._query(tables) == new._query(tables)
    assert ledger._query("PRAGMA user_version") == new._query("PRAGMA user_version") == [(4,)]


def test_an_upgrade_is_all_or_nothing(tmp_path: Path) -> None:
    """An upgrade that fails leaves a ledger that the older client still opens."""
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_1.read_text() + "CREATE TABLE executions (id INTEGER);")
    with pytest.raises(BatchUnusable, match="already exists"):
        Ledger(path)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_pages_are_text_in_the_file_and_numbers_here(ledger: Ledger, tmp_path: Path) -> None:
    """The pages asked for and those of a slice are ranges in the tables, which earlier versions read and wrote, and
    come out as numbers; a slice without pages, as earlier versions wrote for a whole document, has all of them."""
    two_documents(ledger)
    ledger.add([Item("/in/c.pdf", "c.pdf", "2-3,20-")])
    ledger.plan([PlannedJob("{}", [Slice(3, (2, 3, 20), is_cut=True, attempt=2)])])
    assert ledger.document(3).ranges == ((2, 3), (20, None))
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as db:
        rows = db.execute("SELECT pages, count, cut, attempt FROM slices WHERE document = 3").fetchall()
        db.execute("UPDATE slices SET pages = NULL WHERE document = 2")
    assert rows == [("2-3,20", 3, 1, 2)]
    assert [row.slice for row in ledger.slices_of_document(3)] == [Slice(3, (2, 3, 20), is_cut=True, attempt=2)]
    assert [row.slice for row in ledger.slices_of_document(2)] == [Slice(2, (1, 2, 3))]


# --------------------------------------------------------------------------- corrected runs


def test_a_corrected_document_replaces_what_was_never_parsed(ledger: Ledger) -> None:
    """With other options or pages, a failed, cancelled or unsent document stays one document, under its name."""
    ledger.add([Item(f"/in/{name}.pdf", name, None, {"dpi": 1}) for name in ("failed", "unsent", "planned")])
    ledger.record_unreadable(1, error_info(Corrupt("it is damaged")))
    shared = PlannedJob("{}", [Slice(3, (1, 2))])
    ledger.plan([shared])
    corrected = [Item(f"/in/{name}.pdf", name, "1-2", {"dpi": 100}) for name in ("failed", "unsent", "planned")]
    assert ledger.add(corrected) == 3
    documents = list(ledger.documents())
    assert [(document.name, document.status) for document in documents] == [
        ("failed", "waiting"),
        ("unsent", "waiting"),
        ("planned", "waiting"),
    ]
    assert {(document.ranges, document.options) for document in documents} == {(((1, 2),), '{"dpi": 100}')}
    assert len(list(ledger.unplanned_documents())) == 3
    assert ledger.planned_job_count() == 0
    assert ledger.summary().errors == {}


def test_a_document_of_its_own_is_not_replaced(ledger: Ledger) -> None:
    """A document that was sent, was parsed in part, or is still named by the run stays beside the new one."""
    names = ("sent", "partial", "named")
    ledger.add([Item(f"/in/{name}.pdf", name, "1") for name in names])
    ledger.plan([PlannedJob("{}", [Slice(number, (1,))]) for number in (1, 2, 3)])
    for job in (1, 2, 3):
        ledger.mark_submitting(job)
    ledger.record_end(2, State.COLLECTED, {2: (1, 1, 0)})
    ledger.record_result(2, "partial", error=None, codes={}, files={}, seconds=1)
    ledger.record_end(3, State.FAILED, {3: (0, 1, 0)})
    ledger.record_result(3, "failed", error=None, codes={}, files={}, seconds=1)
    again = [Item(f"/in/{name}.pdf", name, "2") for name in names]
    assert ledger.add([*again, Item("/in/named.pdf", "named", "1")]) == 3
    assert len(list(ledger.documents())) == 6


def test_a_job_that_was_not_sent_shrinks_with_its_document(ledger: Ledger) -> None:
    """A replaced document leaves the job that it shares, and the others stay in it."""
    ledger.add([Item("/in/a.png", "a"), Item("/in/b.png", "b")])
    ledger.plan([PlannedJob("{}", [Slice(1, (1, 2)), Slice(2, (1,))])])
    ledger.add([Item("/in/a.png", "a", "1")])
    (job,) = ledger.jobs_to_send(10)
    assert job.pages == 1
    assert [row.slice.document for row in ledger.slices_of_job(job.id)] == [2]


# --------------------------------------------------------------------------- names and skipped entries


def test_paths_are_bytes(ledger: Ledger, tmp_path: Path) -> None:
    """A path that is not UTF-8 survives in the ledger, as its bytes, and is known again."""
    odd = os.fsdecode(b"/in/caf\xe9.png")
    items = [Item(odd, "caf_.png"), Item("/in/caf\u00e9.png", "caf\u00e9.png")]
    assert (ledger.add(items), ledger.add(items)) == (2, 0)
    ledger.record_length(1, Stamp(1, 1, "abc"), 1, 1)
    ledger.record_result(1, "succeeded", error=None, codes={}, files={}, seconds=1)
    again = Ledger(tmp_path / "ledger.sqlite3")
    assert again.document(1).source == next(again.stamps())[1] == next(again.document_summaries()).source == odd


def test_an_entry_is_skipped_or_a_document(ledger: Ledger) -> None:
    """A skipped entry counts once, by its reason, until it is a document; a document is never skipped, too."""
    odd = os.fsdecode(b"/in/caf\xe9.txt")
    entries = [SkippedEntry(odd, "not text"), SkippedEntry("/in/b", "not a PDF"), SkippedEntry("/in/c", "not a PDF")]
    for _ in range(2):
        ledger.add(entries)
        assert ledger.summary().skipped == {"not a PDF": 2, "not text": 1}
    ledger.add([Item("/in/b", "b")])
    ledger.add([SkippedEntry("/in/b", "not a PDF")])
    assert list(ledger.skipped_entries()) == [SkippedEntry("/in/c", "not a PDF"), SkippedEntry(odd, "not text")]


def test_a_name_in_the_folder_is_not_taken(ledger: Ledger) -> None:
    """A document's folder never replaces what somebody else put there."""
    ledger.add([Item("/in/a.png", "a.png")], ["a.png"])
    assert ledger.document(1).name == "a.png-2"


def test_many_documents_of_one_name(ledger: Ledger) -> None:
    """Each gets the next number, also in a second delivery, and a number that another document has as its name."""
    ledger.add([Item("/in/x", "a-3"), *(Item(f"/in/{number}", "a") for number in range(40))])
    ledger.add(Item(f"/more/{number}", "a") for number in range(10))
    names = [document.name for document in ledger.documents()]
    assert sorted(names) == sorted(["a", *(f"a-{number}" for number in range(2, 52))])


# --------------------------------------------------------------------------- millions of documents


def test_documents_are_read_while_they_change(ledger: Ledger) -> None:
    """Each document that was unplanned comes once, though planning takes each out of the rows that are read."""
    ledger.add(Item(f"/in/{number}", "a") for number in range(1_200))
    numbers = []
    for document in ledger.unplanned_documents():
        numbers.append(document.id)
        ledger.plan([PlannedJob("{}", [Slice(document.id, (1,))])])
    assert numbers == list(range(1, 1_201))


def test_the_kept_sums_are_those_of_the_rows(ledger: Ledger) -> None:
    """After every kind of change, also deletions and a failed transaction, the summary is what the rows add up to."""
    two_documents(ledger)
    ledger.add([Item("/in/c.pdf", "c.pdf", "1")])
    ledger.mark_submitting(1)
    ledger.mark_submitting(1)
    error = ErrorInfo(code="PAGE_FAILED", message="m", retryable=False)
    ledger.record_end(1, State.COLLECTED, {1: (5, 1, 2)}, JobTimes(4.0, 1.0, "w", 1_000.0))
    ledger.replan(2, error, JobTimes(2.0, 0.5), [PlannedJob("{}", [Slice(1, (7,)), Slice(2, (1,))])])
    codes = {("error", "PAGE_FAILED"): 1, ("warning", "REPETITION"): 2}
    ledger.record_result(1, "partial", error=error, codes=codes, files={}, seconds=3.0)
    ledger.record_unreadable(2, error_info(Corrupt("it is damaged")))
    ledger.add([Item("/in/c.pdf", "c.pdf", "2")])
    with pytest.raises(ZeroDivisionError):
        ledger.add(Item(f"/in/{1 // (3 - number)}", "d") for number in range(4))
    for change in (lambda: None, lambda: ledger.reset(1), ledger.cancel_all):
        change()
        summary, totals = ledger.summary(), ledger.document_totals()
        assert summary.documents == totals.statuses
        assert (summary.pages_expected, summary.pages_parsed, summary.pages_failed) == (
            totals.pages_expected,
            totals.pages_parsed,
            totals.pages_failed,
        )
        assert summary.errors == {code: max(total.pages, 1) for code, total in totals.errors.items()}
        assert summary.warnings == {code: total.pages for code, total in totals.warnings.items()}
        assert summary.jobs == dict(ledger._query("SELECT state, COUNT(*) FROM jobs GROUP BY state"))
        assert summary.resubmitted == 1


def test_the_folders_of_a_large_batch_are_fanned_out(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond some thousands, a document's folder is in one of 256 folders; so is one whose name looks like those."""
    monkeypatch.setattr(additions, "MAX_FLAT_FOLDERS", 3)
    ledger.add(Item(f"/in/{number}", name) for number, name in enumerate(["a.pdf", "ab", "b.pdf", "c.pdf"]))
    folders = [document.folder for document in ledger.documents()]
    assert (folders[0], folders[2]) == ("a.pdf", "b.pdf")
    for folder, name in ((folders[1], "ab"), (folders[3], "c.pdf")):
        assert folder == f"{hashlib.sha256(name.encode()).hexdigest()[:2]}/{name}"
    assert [folder for _, folder, _ in ledger.files()] == folders
    assert [summary.folder for summary in ledger.document_summaries()] == folders


def test_the_folders_of_an_older_ledger_never_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stay where they are; a new document goes into no folder that an old document has."""
    monkeypatch.setattr(additions, "MAX_FLAT_FOLDERS", 1)
    path, digest = tmp_path / "ledger.sqlite3", hashlib.sha256(b"new.pdf").hexdigest()
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_1.read_text() + f"UPDATE documents SET name = '{digest[:2]}' WHERE id = 2;")
    ledger = Ledger(path)
    ledger.add([Item("/in/new.pdf", "new.pdf")])
    folders = [document.folder for document in ledger.documents()]
    assert folders == ["a.pdf", digest[:2], "c.pdf", f"{digest[:3]}/new.pdf"]


def test_the_worst_documents_come_first(ledger: Ledger) -> None:
    """Failed, partial, waiting, warned, succeeded: as many as fit."""
    statuses = ["succeeded", "warned", "waiting", "partial", "failed"]
    ledger.add(Item(f"/in/{status}", status) for status in statuses)
    for number, status in enumerate(statuses, start=1):
        if status != "waiting":
            codes = {("warning", "NO_TEXT"): 1} if status == "warned" else {}
            result = "succeeded" if status == "warned" else status
            ledger.record_result(number, result, error=None, codes=codes, files={}, seconds=1)
    names = [summary.name for summary in ledger.worst_documents(4)]
    assert names == ["failed", "partial", "waiting", "warned"]


# --------------------------------------------------------------------------- review


def test_the_documents_with_the_highest_doubt_come_first(ledger: Ledger) -> None:
    """Documents without a doubt or without `verify` are left out; a new result replaces the doubt, a reset deletes it;
    the pages that could be compared and those that could not are counted."""
    ledger.add(Item(f"/in/{number}", f"{number}") for number in range(1, 6))
    doubts = [DocumentDoubt(0.5, 3, 1), None, DocumentDoubt(4.25, 9, 0), DocumentDoubt(0.0, 2, 0), None]
    for number, doubt in enumerate(doubts, 1):
        ledger.record_result(number, "succeeded", error=None, codes={}, files={}, seconds=1, doubt=doubt)
    assert [document.id for document in ledger.most_doubtful(9)] == [3, 1]
    assert [document.id for document in ledger.most_doubtful(1)] == [3]
    assert ledger.verified_counts() == (14, 1)
    ledger.record_result(3, "succeeded", error=None, codes={}, files={}, seconds=1, doubt=DocumentDoubt(0.25, 9, 0))
    assert [document.id for document in ledger.most_doubtful(9)] == [1, 3]
    ledger.reset(1)
    assert [document.id for document in ledger.most_doubtful(9)] == [3]
    assert ledger.verified_counts() == (11, 0)
