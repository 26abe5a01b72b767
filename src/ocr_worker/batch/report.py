"""The report of a batch: one HTML page that needs no other file, and the same numbers as JSON.

`report_json` returns the numbers as a dictionary, and `report_html` returns the page. The page shows the coverage of
all pages, a bar for pages and one for documents, facts about the run, tables of errors and warnings by code, and the
documents. Of a large batch, both list the worst documents only, and all are rows of a table in a file of its own. All
untrusted text is escaped. The module is pure: `Folder.put_report` writes the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from ocr_worker.batch.inputs import SkippedEntry
from ocr_worker.batch.model import SHARD_FOLDER, BatchSummary, CodeTotal, DocumentSummary, DocumentTotals
from ocr_worker.batch.status import (
    STATUSES,
    BatchCoverage,
    coverage_of,
    explain_code,
    format_count,
    format_duration,
    format_job_counts,
    format_money,
    format_rate,
    format_share,
    replace_unencodable,
)
from ocr_worker.client.service import Json

MAX_ROWS = 1_000  # documents that the page lists; with more a browser gets slow
MAX_LISTED = 50_000  # documents or skipped entries that the JSON lists; more of them are in a table of their own
DOCUMENT_COLUMNS = {
    **dict.fromkeys(("name", "source", "status", "folder"), "string"),
    **dict.fromkeys(("pages_expected", "pages_parsed", "pages_failed"), "int64"),
    **dict.fromkeys(("errors", "warnings", "message"), "string"),
    "seconds": "double",
}
SKIPPED_COLUMNS = {"source": "string", "reason": "string"}
_NO_TABLES: Mapping[str, str] = MappingProxyType({})

_COLORS = {"succeeded": "good", "partial": "part", "failed": "bad", "cancelled": "open", "waiting": "open"}
_SIGNS = {"succeeded": "✓", "partial": "◐", "failed": "✗", "cancelled": "■", "waiting": "…"}
_STATUS_ORDER = ("failed", "partial", "cancelled", "waiting", "succeeded")


# --------------------------------------------------------------------------- JSON


def report_json(
    summary: BatchSummary,
    documents: Sequence[DocumentSummary],
    skipped: Sequence[SkippedEntry] = (),
    *,
    totals: DocumentTotals | None = None,
    tables: Mapping[str, str] = _NO_TABLES,
) -> Json:
    """Return the report as JSON: `books`, `summary`, documents, skipped entries, with the fields of their classes.

    documents: all, or the worst of a large batch, whose `totals` are then needed. tables: files with all rows, by
    `documents` and `skipped`, where this report has only some.
    """
    coverage = verify_coverage(summary, totals or totals_of(documents))
    report = {
        "books": {"state": coverage.state, "pages_left": coverage.pages_left, "told": coverage.sentence},
        "summary": summary_json(summary),
        "documents": [_fields(document) for document in documents],
        "skipped": [_fields(entry) for entry in skipped],
    }
    return {**report, "tables": dict(tables)} if tables else report


def summary_json(summary: BatchSummary) -> Json:
    """Return a batch in numbers as JSON, as in the report and in the output of `--json`."""
    return _fields(summary)


def _fields(row: BatchSummary | DocumentSummary | SkippedEntry) -> Json:
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return replace_unencodable(value) if isinstance(value, str) else value


def totals_of(documents: Sequence[DocumentSummary]) -> DocumentTotals:
    """Return the sums over all documents of a batch."""
    return DocumentTotals(
        count=len(documents),
        pages_expected=sum(document.pages_expected or 0 for document in documents),
        pages_parsed=sum(document.pages_parsed for document in documents),
        pages_failed=sum(document.pages_failed for document in documents),
        unknown_length_count=sum(document.pages_expected is None for document in documents),
        warned_count=sum(bool(document.warnings) for document in documents),
        statuses=Counter(document.status for document in documents),
        errors=_code_totals((document.errors, document.message) for document in documents),
        warnings=_code_totals((document.warnings, None) for document in documents),
    )


def _code_totals(documents: Iterable[tuple[Mapping[str, int], str | None]]) -> dict[str, CodeTotal]:
    """Return the sums by code. documents: codes and message; a message belongs to the only code of its document."""
    totals: dict[str, CodeTotal] = {}
    for codes, message in documents:
        for code, pages in codes.items():
            total = totals.get(code, CodeTotal(0, 0))
            example = message if len(codes) == 1 else total.message
            totals[code] = CodeTotal(total.documents + 1, total.pages + pages, example)
    return totals


def verify_coverage(summary: BatchSummary, totals: DocumentTotals) -> BatchCoverage:
    """Return the coverage, compared with the sums over all documents once none of them waits."""
    coverage = coverage_of(summary)
    expected = sum(summary.documents.values()), summary.pages_expected, summary.pages_parsed, summary.pages_failed
    sums = totals.count, totals.pages_expected, totals.pages_parsed, totals.pages_failed
    if coverage.state == "open" or sums == expected:
        return coverage
    difference = "{:,} documents with {:,} pages expected, {:,} parsed and {:,} failed".format(*sums)
    sentence = f"The totals are wrong: the documents add up to {difference}."
    return BatchCoverage("wrong", coverage.pages_left, sentence)


# --------------------------------------------------------------------------- tables


def skipped_row(entry: SkippedEntry) -> tuple[Any, ...]:
    """Return the row of a skipped entry in a table with `SKIPPED_COLUMNS`."""
    return _plain(entry.source), entry.reason


# --------------------------------------------------------------------------- the page


def report_html(
    summary: BatchSummary,
    documents: Sequence[DocumentSummary],
    skipped: Sequence[SkippedEntry] = (),
    *,
    totals: DocumentTotals | None = None,
    tables: Mapping[str, str] = _NO_TABLES,
    created_at: datetime | None = None,
) -> str:
    """Return the page for the batch's folder, with links to each document's `document.md` in it.

    documents, totals, tables: as for `report_json`. created_at: time of the report; default: now.
    """
    totals = totals or totals_of(documents)
    created_at = created_at or datetime.now().astimezone()
    origin = [escape_html(word) for word in (summary.engine, summary.service) if word]
    template = Template(files("ocr_worker.batch").joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        headline=_headline(summary),
        origin=" · ".join(["Batch report", *origin, f"{created_at:%Y-%m-%d %H:%M %Z}".strip()]),
        account=_account(summary, totals),
        bars=_bars(summary, totals),
        facts=_facts(summary),
        errors=errors_table(summary, totals),
        warnings=warnings_table(summary, totals),
        documents=documents_table(documents, totals, tables.get("documents", "report.json")),
        skipped=skipped_table(skipped, sum(summary.skipped.values()), tables.get("skipped", "report.json")),
    )


def _headline(summary: BatchSummary) -> str:
    pages, pages_parsed = summary.pages_expected, summary.pages_parsed
    waiting_count, failed_count = summary.documents.get("waiting", 0), summary.documents.get("failed", 0)
    if not sum(summary.documents.values()):
        return "No documents to read"
    if waiting_count and not pages:
        return "No page parsed so far"
    if pages_parsed < pages or waiting_count:
        return f"{pages_parsed:,} of {format_count(pages, 'page')} parsed" + (" so far" if waiting_count else "")
    if failed_count:  # before their pages could be counted
        return f"{format_count(pages_parsed, 'page')} parsed, {format_count(failed_count, 'document')} failed"
    return f"All {format_count(pages, 'page')} parsed" if pages > 1 else f"{format_count(pages, 'page')} parsed"


def _account(summary: BatchSummary, totals: DocumentTotals) -> str:
    """Return the equation of all pages, its verdict, and the number of documents that it does not include."""
    coverage = verify_coverage(summary, totals)
    terms = [_term(summary.pages_parsed, "parsed", "good"), _term(summary.pages_failed, "failed", "bad")]
    if coverage.pages_left > 0:
        terms.append(_term(coverage.pages_left, "not parsed" if coverage.state == "stopped" else "waiting", "open"))
    sign, css = {"wrong": ("✗", "bad"), "balanced": ("✓", "good")}.get(coverage.state, ("…", "open"))
    equals_sign = "≠" if coverage.state == "wrong" else "="
    lines = [
        f'<p class="books">{_term(summary.pages_expected, "pages expected", "")}'
        f'<span class="sign"> {equals_sign} </span>{"<span class=sign> + </span>".join(terms)}</p>',
        f'<p class="verdict {css}"><span aria-hidden="true">{sign}</span> {coverage.sentence}</p>',
    ]
    if unknown_count := totals.unknown_length_count:
        suffix = " yet" if coverage.state == "open" else ""
        count = format_count(unknown_count, "document")
        note = f"The number of pages of {count} is not known{suffix}; these pages are not included."
        lines.append(f'<p class="quiet">{note}</p>')
    return "\n".join(lines)


def _term(number: int, word: str, css: str) -> str:
    return f'<span class="{css if number else ""}"><b>{number:,}</b> {word}</span>'


def _bars(summary: BatchSummary, totals: DocumentTotals) -> str:
    pages_left = max(0, coverage_of(summary).pages_left)
    pages = [
        ("parsed", summary.pages_parsed, "good"),
        ("failed", summary.pages_failed, "bad"),
        ("not parsed", pages_left, "open"),
    ]
    by_status = [(status, summary.documents.get(status, 0), _COLORS[status]) for status in STATUSES]
    warning_count = totals.warned_count
    return _bar("page", pages, "") + _bar(
        "document", by_status, f"{warning_count:,} with warnings" if warning_count else ""
    )


def _bar(noun: str, parts: Sequence[tuple[str, int, str]], note: str) -> str:
    """Return one bar with its key. parts: word, number and CSS class of each part."""
    parts = [part for part in parts if part[1]]
    total = sum(number for _, number, _ in parts)
    if not total:
        return ""
    pieces = "".join(f'<i class="{css}" style="flex:{number}"></i>' for _, number, css in parts)
    key = "".join(
        f'<li><i class="{css}"></i>{number:,} {word} <span class="quiet">{format_share(number, total)}</span></li>'
        for word, number, css in parts
    )
    return f"""<section class="share"><h2>{format_count(total, noun)}</h2>
<div class="bar" aria-hidden="true">{pieces}</div>
<ul class="key">{key}{f'<li class="part">{note}</li>' if note else ""}</ul></section>
"""


def _facts(summary: BatchSummary) -> str:
    """Return time, speed, cost and jobs of all runs. Unknown values have no entry."""
    pages_parsed, wall_s = summary.pages_parsed, summary.wall_s
    facts = [("Working time", format_duration(wall_s), "all runs together")]
    if wall_s and pages_parsed:
        facts.append(
            ("Speed", f"{format_rate(pages_parsed / wall_s)} pages/s", "pages parsed per second of working time")
        )
    facts += [*_worker_facts(summary), *_cost_facts(summary)]
    facts += [
        ("Jobs", f"{sum(summary.jobs.values()):,}", escape_html(format_job_counts(summary.jobs))),
        ("Jobs sent again", f"{summary.resubmitted:,}", "after a lost response or a temporary error"),
        ("Pages from checkpoints", f"{summary.pages_from_checkpoint:,}", "parsed by an earlier attempt"),
    ]
    cells = (f"<div><dt>{label}</dt><dd>{value}</dd><dd>{note}</dd></div>" for label, value, note in facts)
    return "\n".join(cells)


def _worker_facts(summary: BatchSummary) -> list[tuple[str, str, str]]:
    idle = "unknown" if summary.idle_s is None else format_duration(summary.idle_s)
    idle_note = "needs --idle-timeout-s" if summary.idle_s is None else "at most, by the idle timeout"
    return [
        ("Workers busy", format_duration(summary.busy_s), "estimate; each second of a worker counts once"),
        ("Workers idle", idle, idle_note),
        (
            "Cold starts",
            format_duration(summary.cold_start_s),
            "estimate; at most the delay of each worker's first job",
        ),
        ("Execution of jobs", format_duration(summary.execution_s), "sum over jobs, which may share a worker"),
        ("Delay of jobs", format_duration(summary.delay_s), "queue and cold start together; not in the cost"),
    ]


def _cost_facts(summary: BatchSummary) -> list[tuple[str, str, str]]:
    """Return the estimate and its bound. They add up from the facts about the workers."""
    if summary.cost is None or summary.cost_bound is None:
        return []
    pages = summary.pages_parsed
    price = f"{format_money(1000 * summary.cost / pages)} per 1,000 pages; " if pages else ""
    idle = "idle time is unknown" if summary.idle_s is None else "workers idle"
    return [
        ("Cost, estimate", format_money(summary.cost), f"{price}workers busy; {idle}"),
        ("Cost, upper bound", format_money(summary.cost_bound), f"execution of jobs; cold starts; {idle}"),
    ]


# --------------------------------------------------------------------------- text and cells
# Cells carry roles, since on a narrow screen rows become cards by style, and some browsers then forget the table.


def escape_html(text: str) -> str:
    """Return `text` escaped for HTML content and for attribute values."""
    return escape(replace_unencodable(text))


def _foreign(text: str) -> str:
    """Return untrusted text as HTML whose writing direction does not affect its surroundings."""
    return f"<bdi>{escape_html(text)}</bdi>"


def _cell(content: str, css: str = "", label: str = "") -> str:
    attributes = (f' class="{css}"' if css else "") + (f' data-label="{label}"' if label else "")
    return f'<td role="cell"{attributes}>{content}</td>'


def _table(css: str, columns: Sequence[tuple[str, str]], rows: Sequence[str]) -> str:
    """Return a table. columns: name and CSS class of each."""
    heads = "".join(f'<th scope="col" role="columnheader" class="{kind}">{name}</th>' for name, kind in columns)
    body = "\n".join(f'<tr role="row">{row}</tr>' for row in rows)
    return (
        f'<table class="{css}" role="table">\n<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{body}\n</tbody>\n</table>'
    )


# --------------------------------------------------------------------------- errors and warnings


def errors_table(summary: BatchSummary, totals: DocumentTotals) -> str:
    """Return the table of errors: code, meaning, remedy, and a message where it certainly belongs to the code."""

    def cells(code: str) -> str:
        explanation, remedy = explain_code(code)
        message = totals.errors[code].message if code in totals.errors else None
        example = f"<small>For example: {_foreign(message)}</small>" if message else ""
        return _cell((escape(explanation) or "This client does not know the code.") + example) + _cell(remedy)

    columns = [("Code", ""), ("Meaning", ""), ("What to do", "")]
    return _codes("Errors", columns, summary.errors, totals.errors, cells)


def warnings_table(summary: BatchSummary, totals: DocumentTotals) -> str:
    """Return the table of warnings: code and meaning."""

    def cells(code: str) -> str:
        return _cell(
            escape(explain_code(code)[0]) or "This client does not know the code. The pages were parsed nevertheless."
        )

    columns = [("Code", ""), ("Meaning", "")]
    return _codes("Warnings", columns, summary.warnings, totals.warnings, cells)


def _codes(
    title: str,
    columns: Sequence[tuple[str, str]],
    batch_codes: Mapping[str, int],
    totals: Mapping[str, CodeTotal],
    cells: Callable[[str], str],
) -> str:
    """Return a table of codes, or nothing.

    batch_codes: codes of the batch as a whole. cells: returns the cells between the code and the numbers.
    """
    by_code = {code: totals.get(code, CodeTotal(0, 0)) for code in {*batch_codes, *totals}}
    ordered_codes = sorted(by_code.items(), key=lambda item: (-item[1].documents, -item[1].pages, item[0]))
    rows = [
        _code_cell(code) + cells(code) + _count(total.documents, "document") + _count(total.pages, "page")
        for code, total in ordered_codes
    ]
    table = _table("codes", [*columns, ("Documents", "number"), ("Pages", "number")], rows)
    return f"<h2>{title}</h2>\n{table}" if rows else ""


def _code_cell(code: str) -> str:
    link = f'<a href="#documents" data-filter="{escape_html(code)}">{_code_text(code)}</a>'
    return f'<th scope="row" role="rowheader">{link}</th>'


def _code_text(code: str) -> str:
    return f"<code>{escape_html(code).replace('_', '_<wbr>')}</code>"


def _count(number: int, noun: str) -> str:
    return (
        _cell(f"{number:,}", "number", format_count(number, noun).rpartition(" ")[2])
        if number
        else _cell("–", "number none")
    )


# --------------------------------------------------------------------------- documents


def documents_table(documents: Sequence[DocumentSummary], totals: DocumentTotals, file: str) -> str:
    """Return the table of documents, those with errors first: at most `MAX_ROWS`, and a note on the rest.

    file: name of the file that lists all documents.
    """
    ordered_documents = sorted(documents, key=lambda document: (_rank(document.status), not document.warnings))
    listed_documents = ordered_documents[:MAX_ROWS]
    if not listed_documents:
        return '<p class="quiet">There are none in this batch.</p>'
    columns = [("Status", ""), ("Document", ""), ("Pages", "number"), ("Errors, warnings", ""), ("Message", "")]
    return f"""<p class="quiet">{_note(listed_documents, totals, file)}</p>
<p class="filter" hidden><label for="filter">Show only</label>
<input id="filter" type="search" placeholder="a name, a status, a code" autocomplete="off" spellcheck="false">
<span id="shown" class="quiet" role="status"></span></p>
{_table("documents", columns, [_row(document) for document in listed_documents])}"""


def _rank(status: str) -> int:
    return _STATUS_ORDER.index(status) if status in _STATUS_ORDER else 0


def _note(listed_documents: Sequence[DocumentSummary], totals: DocumentTotals, file: str) -> str:
    note = "Failed documents come first, then documents with warnings."
    if omitted_counts := Counter(totals.statuses) - Counter(document.status for document in listed_documents):
        ordered_counts = sorted(omitted_counts.items(), key=lambda item: _rank(item[0]))
        counts = ", ".join(f"{number:,} {escape_html(status)}" for status, number in ordered_counts)
        note += f" The first {len(listed_documents):,} of {totals.count:,} are listed;"
        note += f" the rest ({counts}) are in <code>{file}</code>."
    return note


def _row(document: DocumentSummary) -> str:
    status = document.status
    sign = f'<b aria-hidden="true">{_SIGNS.get(status, "")}</b>'
    cells = (
        _cell(sign + escape_html(status), f"status {_COLORS.get(status, 'open')}"),
        _cell(f"{_name(document)}<small>{_foreign(document.source)}</small>"),
        _cell(_pages(document), "number", "pages"),
        _cell(_document_codes(document)),
        _cell(_foreign(document.message) if document.message else ""),
    )
    return "".join(cells)


def _name(document: DocumentSummary) -> str:
    if document.status not in ("succeeded", "partial"):  # the others have no folder
        return f'<span class="name">{_foreign(document.name)}</span>'
    # Quoted as a whole, so that no name can be taken for a scheme or another folder.
    href = "/".join(quote(part, safe="", errors="surrogateescape") for part in _folder_parts(document))
    file = "" if document.folder.startswith(SHARD_FOLDER) else "/document.md"
    return f'<a class="name" href="{href}{file}">{_foreign(document.name)}</a>'


def _folder_parts(document: DocumentSummary) -> list[str]:
    """Return the steps to the document's result. A name may have slashes."""
    if document.folder.startswith(SHARD_FOLDER):
        return document.folder.split("/")
    fan = document.folder.removesuffix(f"/{document.name}")
    return [document.name] if fan == document.folder else [fan, document.name]


def _pages(document: DocumentSummary) -> str:
    if document.pages_expected is None:
        return '<span class="quiet">unknown</span>'
    if document.pages_parsed == document.pages_expected:
        return f"{document.pages_parsed:,}"
    return f"{document.pages_parsed:,} of {document.pages_expected:,}"


def _document_codes(document: DocumentSummary) -> str:
    errors = [_code_item("bad", "", code, pages) for code, pages in document.errors.items()]
    warnings = [_code_item("part", "warned: ", code, pages) for code, pages in document.warnings.items()]
    return f'<ul class="faults">{"".join(errors + warnings)}</ul>' if errors or warnings else ""


def _code_item(css: str, kind: str, code: str, pages: int) -> str:
    number = f", {format_count(pages, 'page')}" if pages else ""
    return f'<li class="{css}">{kind}{_code_text(code)}{number}</li>'


# --------------------------------------------------------------------------- skipped entries


def skipped_table(skipped: Sequence[SkippedEntry], count: int, file: str) -> str:
    """Return the table of skipped entries, with a heading, or nothing. It lists at most `MAX_ROWS`.

    count: number of all. file: name of the file that lists all.
    """
    if not skipped:
        return ""
    rows = [_cell(_foreign(entry.source)) + _cell(escape_html(entry.reason)) for entry in skipped[:MAX_ROWS]]
    note = "These entries of the input are not parsed."
    if len(rows) < count:
        note += f" The first {len(rows):,} of {count:,} are listed; the rest are in <code>{file}</code>."
    table = _table("skipped", [("Entry", ""), ("Reason", "")], rows)
    return f'<h2 id="skipped">Skipped</h2>\n<p class="quiet">{note}</p>\n{table}'
