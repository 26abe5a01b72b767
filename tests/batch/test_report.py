"""The report: numbers that add up, whatever the documents are called and however many there are."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.inputs import Item, SkippedEntry
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import DocumentSummary, PlannedJob, Slice
from ocr_worker.batch.report import MAX_ROWS, report_json
from ocr_worker.batch.report_page import report_html
from ocr_worker.batch.status import coverage_of, status_lines
from ocr_worker.client.service import JobTimes, State
from ocr_worker.errors import error_types
from support.colors import contrast
from support.summaries import document, failed, partial, summary_of

COSTS = {"cost": 1.5, "cold_start_cost": 0.375, "cost_bound": 2.25}
MADE = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


class Page(HTMLParser):
    """The report as a browser sees it: links, elements, text, and the rows of the documents."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.rows: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += attrs
        self._open.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")
        if tag == "tr":
            self.rows.append("")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("style", "script"):
            self._open.pop()
            return
        self.texts.append(data)
        if self.rows:
            self.rows[-1] += f"{data} "

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_of(documents: Sequence[DocumentSummary], **fields: Any) -> Page:
    return Page(report_html(summary_of(documents, **fields), documents, created_at=MADE))


# --------------------------------------------------------------------------- the account


def test_the_page_proves_its_coverage() -> None:
    """The report shows pages expected, parsed and failed, the verdict, the documents and the codes."""
    fields = {**COSTS, "resubmitted": 4, "pages_from_checkpoint": 2, "documents_of_unknown_length": 0}
    page = page_of([document(), partial(), failed()], **fields)
    assert "5 of 7 pages parsed" in page.text
    assert "7 pages expected = 5 parsed + 2 failed" in page.text
    assert "Every expected page was" in page.text
    assert "The number of pages of 1 document is not known; these pages are not included." in page.text
    assert "1 succeeded 33.3 % 1 partial 33.3 % 1 failed 33.3 %" in page.text
    assert "Cost, estimate $1.50 $300.00 per 1,000 pages; workers busy; idle time is unknown" in page.text
    assert "Cost, upper bound $2.25 execution of jobs; cold starts; idle time is unknown" in page.text
    assert "Jobs 4 3 collected, 1 timed out Jobs sent again 4" in page.text
    assert "2026-03-01 12:30 UTC" in page.text


def test_the_costs_add_up_from_the_seconds(tmp_path: Path) -> None:
    """Of a ledger with shared workers, a returning one and an unknown one, the JSON has all parts of both costs, and
    the page shows the same numbers."""
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    ledger.add([Item("/in/a.pdf", "a.pdf")])
    ledger.put("price_per_second", "0.25")
    ledger.put("idle_timeout_s", "5")
    ledger.plan(PlannedJob("{}", [Slice(1, (page,))]) for page in range(1, 6))
    times = [
        JobTimes(100.0, 8.0, "a", 1_000.0),
        JobTimes(60.0, 9.0, "a", 1_020.0),
        JobTimes(30.0, 90.0, "a", 2_000.0),
        JobTimes(50.0, 2.0, "b", 1_010.0),
        JobTimes(40.0, 1.0, None, 1_010.0),
    ]
    for job, job_times in enumerate(times, 1):
        ledger.record_end(job, State.COLLECTED, {job: (1, 0, 0)}, job_times)
    documents = list(ledger.document_summaries())
    numbers = report_json(ledger.summary(), documents)["summary"]
    assert (numbers["execution_s"], numbers["delay_s"]) == (280.0, 110.0)
    assert (numbers["busy_s"], numbers["idle_s"], numbers["cold_start_s"]) == (120.0 + 30.0 + 50.0 + 40.0, 15.0, 10.0)
    assert numbers["cost"] == 0.25 * (numbers["busy_s"] + numbers["idle_s"])
    assert numbers["cold_start_cost"] == 0.25 * numbers["cold_start_s"]
    assert numbers["cost_bound"] == 0.25 * (numbers["execution_s"] + numbers["idle_s"] + numbers["cold_start_s"])
    text = Page(report_html(ledger.summary(), documents, created_at=MADE)).text
    for fact in (
        "Workers busy 4 min ",
        "Workers idle 15 s ",
        "Cold starts 10 s estimate",
        "Execution of jobs 4 min 40 s ",
        "Delay of jobs 1 min 50 s queue and cold start together; not in the cost",
        "Cost, estimate $63.75 $12,750.00 per 1,000 pages; workers busy; workers idle",
        "Cost, upper bound $76.25 execution of jobs; cold starts; workers idle",
    ):
        assert fact in text, fact


def test_a_summary_that_its_documents_contradict_is_wrong() -> None:
    """The page and the JSON count again; a complete sum that is not that of the documents is wrong."""
    documents = [document(), document("b.pdf")]
    summary = summary_of(documents, pages_expected=5, pages_parsed=5)
    assert coverage_of(summary).state == "complete"
    assert report_json(summary, documents)["coverage"]["state"] == "wrong"
    assert "the documents add up to 2 documents with 4 pages expected" in report_html(summary, documents)


def test_a_batch_whose_files_could_not_be_opened_is_no_success() -> None:
    """Documents that failed before their pages were counted are in the headline."""
    assert "2 pages parsed, 1 document failed" in page_of([document(), failed()]).text
    assert "No page parsed so far" in page_of([document(status="waiting", pages_expected=None, pages_parsed=0)]).text
    assert "All 4 pages parsed" in page_of([document(), document("b.pdf")]).text


def test_an_empty_batch_has_a_report() -> None:
    """No documents, no time, no jobs: everything is still told, and nothing divides by zero."""
    summary = summary_of([], jobs={}, wall_s=0.0, execution_s=0.0, delay_s=0.0, engine=None)
    assert "No documents to read" in report_html(summary, [])
    assert "documents   0" in status_lines(summary)
    assert report_json(summary, [])["documents"] == []


# --------------------------------------------------------------------------- codes


def test_each_error_comes_with_what_to_do() -> None:
    """Every code of ours has its class's words and whether another try is worth it."""
    ours = [error for error in error_types()[1:] if error.__module__.startswith("ocr_worker.errors")]
    documents = [failed(f"{error.code}.pdf", error.code) for error in ours]
    text = page_of(documents).text
    for error in ours:
        assert f"{error.code} {' '.join((error.__doc__ or '').split())} " in text.replace("_ ", "_")
    assert "Fix the cause, then retry." in text
    assert "Retry; the error may be temporary." in text


def test_codes_are_counted_in_documents_and_pages() -> None:
    """A code's numbers are the sums over the documents; a message is shown only by the code it belongs to."""
    both = partial("b.pdf", message="no table", warnings={"REPETITION": 1, "NEW_ONE": 3})
    text = page_of([partial(message="no page"), both]).text.replace("_ ", "_")
    assert "PAGE_FAILED The engine failed on this page, or returned something that is not a valid page." in text
    assert "For example: no table Fix the cause, then retry. 2 4" in text
    assert "NEW_ONE This client does not know the code. The pages were parsed nevertheless. 1 3" in text


# --------------------------------------------------------------------------- what comes from outside


def test_what_comes_from_outside_is_text_and_nothing_else() -> None:
    """Names, sources, messages, codes and the service's name cannot bring elements or attributes of their own."""
    evil = "\"><script>alert(1)</script><img src=x onerror='x'>$headline"
    hostile = document(evil, source=evil, message=evil, errors={evil: 1}, warnings={evil: 1}, status="partial")
    plain = document("a", source="a", message="a", errors={"a": 1}, warnings={"a": 1}, status="partial")
    page, harmless = page_of([hostile], service=evil, engine=evil), page_of([plain], service="a", engine="a")
    elements = page.elements
    assert (elements["script"], elements["img"]) == (1, 0)
    assert [name for name, _ in page.attributes] == [name for name, _ in harmless.attributes]
    assert page.text.count("<script>alert(1)</script>") >= 6


@pytest.mark.parametrize(
    "name", ["a b#1?.pdf", "javascript:alert(1)", "..", "ü/..%2f.pdf", "<b>.pdf", "bytes \udcff.pdf"]
)
def test_links_lead_into_the_folder_of_the_document(name: str) -> None:
    """The link is relative, one folder deep, and means exactly the name; the page can be written as UTF-8."""
    html = report_html(summary_of([document(name)]), [document(name)])
    html.encode()
    (link,) = Page(html).links
    folder, file = link.split("/")
    assert (unquote(folder, errors="surrogateescape"), file) == (name, "document.md")
    assert ":" not in link


def test_a_link_leads_into_a_folder_that_is_fanned_out() -> None:
    """The link goes through the folder of folders."""
    assert page_of([document("a b.pdf", folder="3f/a b.pdf")]).links == ["3f/a%20b.pdf/document.md"]


def test_only_what_has_a_folder_is_linked() -> None:
    """Documents that failed, wait or were cancelled have no document.md, so no link."""
    others = [failed(errors={}), document("w.pdf", "waiting"), document("c.pdf", "cancelled")]
    assert page_of([document("a.pdf"), *others]).links == ["a.pdf/document.md"]


# --------------------------------------------------------------------------- size


def test_what_needs_a_look_comes_first() -> None:
    """Failed, partial, cancelled, waiting, warned, and then the rest."""
    names = ["fine", "warned", "waits", "stopped", "half", "bad"]
    documents = [
        document("fine"),
        document("warned", warnings={"TRUNCATED": 1}),
        document("waits", "waiting"),
        document("stopped", "cancelled"),
        partial("half"),
        failed("bad"),
    ]
    rows = [row.split()[2] for row in page_of(documents).rows if "/in/" in row]
    assert rows == names[::-1]


def test_twenty_thousand_documents_stay_readable() -> None:
    """The page lists the first ones, says what is left out, and stays small; the JSON has all."""
    documents = [document(f"{n}.pdf") for n in range(19_000)] + [failed(f"bad-{n}.pdf") for n in range(1_000)]
    summary = summary_of(documents)
    html = report_html(summary, documents)
    page = Page(html)
    assert len(html.encode()) < 15_000_000
    assert sum("/in/" in row for row in page.rows) == MAX_ROWS
    assert sum("bad-" in row for row in page.rows) == 1_000
    assert "The first 1,000 of 20,000 are listed; the rest (19,000 succeeded) are in report.json" in page.text
    assert len(json.loads(json.dumps(report_json(summary, documents)))["documents"]) == 20_000


def test_the_page_needs_nothing_else() -> None:
    """No address of another host, and a policy that forbids loading anything."""
    html = report_html(summary_of([document()]), [document()])
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|url\(|@import|src=", html)


def test_the_colours_can_be_read() -> None:
    """Every colour of text has a contrast of at least 4.5 to the paper: light, dark and printed."""
    css = files("ocr_worker.batch").joinpath("report.html").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    assert len(schemes) == 3
    for scheme in schemes:
        for name in ("ink", "quiet", "link", "good", "part", "bad", "open"):
            assert contrast(scheme[name], scheme["paper"]) >= 4.5, (name, scheme)


def test_skipped_entries_are_in_the_report() -> None:
    """Both forms list every skipped entry with its reason; bytes that are not UTF-8 are escaped, and so is HTML."""
    summary, documents = summary_of([document()], skipped={"hidden": 1}), [document(source="/in/caf\udce9.png")]
    skipped = [SkippedEntry("/in/<b>\udce9.txt", "hidden")]
    entries = report_json(summary, documents, skipped)
    json.dumps(entries, ensure_ascii=False).encode()
    assert entries["skipped"] == [{"source": "/in/<b>\\udce9.txt", "reason": "hidden"}]
    assert entries["summary"]["skipped"] == {"hidden": 1}
    assert entries["documents"][0]["source"] == "/in/caf\\udce9.png"
    page = Page(report_html(summary, documents, skipped, created_at=MADE))
    assert "Skipped These entries of the input are not parsed. Entry Reason /in/<b>\\udce9.txt hidden" in page.text
    assert "Skipped" not in page_of([document()]).text
    summary = summary_of(documents, skipped={"hidden": MAX_ROWS + 1})
    many = Page(report_html(summary, documents, skipped * (MAX_ROWS + 1), created_at=MADE))
    assert f"The first {MAX_ROWS:,} of {MAX_ROWS + 1:,} are listed" in many.text


def test_a_large_batch_has_a_table_of_all_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both reports list the worst documents and name the table, which has a row for each; the coverage counts all."""
    monkeypatch.setattr("ocr_worker.batch.batch.MAX_LISTED", 3)
    monkeypatch.setattr("ocr_worker.batch.batch.MAX_ROWS", 2)
    monkeypatch.setattr("ocr_worker.batch.folders.has_parquet", lambda: False)
    batch = Batch(tmp_path)
    batch.open_read_only()
    batch.add(
        [*(Item(f"/in/{n}.pdf", f"{n}.pdf") for n in range(5)), *(SkippedEntry(f"/{n}", "hidden") for n in "abcd")]
    )
    for number in range(1, 6):
        codes = {("error", "PAGE_FAILED"): 1} if number == 5 else {}
        status = "failed" if number == 5 else "succeeded"
        batch.ledger.record_result(number, status, error=None, codes=codes, files={}, seconds=1)
    json_path, html_path = batch.write_report()
    report = json.loads(json_path.read_text())
    assert [entry["name"] for entry in report["documents"]] == ["4.pdf", "0.pdf"]
    assert report["tables"] == {"documents": "report-documents.csv", "skipped": "report-skipped.csv"}
    rows = list(csv.DictReader((tmp_path / "report-documents.csv").open()))
    assert [row["status"] for row in rows] == ["succeeded"] * 4 + ["failed"]
    assert (rows[4]["errors"], rows[0]["folder"]) == ("PAGE_FAILED:1", "0.pdf")
    assert len((tmp_path / "report-skipped.csv").read_text().splitlines()) == 5
    text = Page(html_path.read_text()).text
    assert "The first 2 of 5 are listed; the rest (3 succeeded) are in report-documents.csv" in text
    assert "PAGE_FAILED" in text.replace("_ ", "_")
