"""The report of a batch: one HTML page that needs no other file, and the same numbers as JSON.

`report_json` returns the numbers as a dictionary, and `report_html` returns the page. The page shows the coverage of
all pages, a bar for pages and one for documents, facts about the run, tables of errors and warnings by code, and the
documents. All untrusted text is escaped. The module is pure: `Folder.put_report` writes the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote

from ocr_worker.batch.inputs import SkippedEntry
from ocr_worker.batch.model import BatchSummary, DocumentSummary
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

MAX_ROWS = 2_000  # documents that the page lists; with more a browser gets slow

_COLORS = {"succeeded": "good", "partial": "part", "failed": "bad", "cancelled": "open", "waiting": "open"}
_SIGNS = {"succeeded": "✓", "partial": "◐", "failed": "✗", "cancelled": "■", "waiting": "…"}
_STATUS_ORDER = ("failed", "partial", "cancelled", "waiting", "succeeded")


# --------------------------------------------------------------------------- JSON


def report_json(
    summary: BatchSummary, documents: Sequence[DocumentSummary], skipped: Sequence[SkippedEntry] = ()
) -> Json:
    """Return the report as JSON: `books`, `summary`, documents, skipped entries, with the fields of their classes."""
    coverage = verify_coverage(summary, documents)
    return {
        "books": {"state": coverage.state, "pages_left": coverage.pages_left, "told": coverage.sentence},
        "summary": summary_json(summary),
        "documents": [_fields(document) for document in documents],
        "skipped": [_fields(entry) for entry in skipped],
    }


def summary_json(summary: BatchSummary) -> Json:
    """Return a batch in numbers as JSON, as in the report and in the output of `--json`."""
    return _fields(summary)


def _fields(row: BatchSummary | DocumentSummary | SkippedEntry) -> Json:
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return replace_unencodable(value) if isinstance(value, str) else value


def verify_coverage(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> BatchCoverage:
    """Return the coverage, compared with the sums over all documents once none of them waits."""
    coverage = coverage_of(summary)
    totals = sum(summary.documents.values()), summary.pages_expected, summary.pages_parsed, summary.pages_failed
    sums = (
        len(documents),
        sum(document.pages_expected or 0 for document in documents),
        sum(document.pages_parsed for document in documents),
        sum(document.pages_failed for document in documents),
    )
    if coverage.state == "open" or sums == totals:
        return coverage
    difference = "{:,} documents with {:,} pages expected, {:,} parsed and {:,} failed".format(*sums)
    sentence = f"The totals are wrong: the documents add up to {difference}."
    return BatchCoverage("wrong", coverage.pages_left, sentence)


# --------------------------------------------------------------------------- the page


def report_html(
    summary: BatchSummary,
    documents: Sequence[DocumentSummary],
    skipped: Sequence[SkippedEntry] = (),
    *,
    created_at: datetime | None = None,
) -> str:
    """Return the page for the batch's folder, with links to each document's `document.md` in it.

    created_at: time of the report; default: now.
    """
    created_at = created_at or datetime.now().astimezone()
    origin = [escape_html(word) for word in (summary.engine, summary.service) if word]
    template = Template(files("ocr_worker.batch").joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        headline=_headline(summary),
        origin=" · ".join(["Batch report", *origin, f"{created_at:%Y-%m-%d %H:%M %Z}".strip()]),
        account=_account(summary, documents),
        bars=_bars(summary, documents),
        facts=_facts(summary),
        errors=errors_table(summary, documents),
        warnings=warnings_table(summary, documents),
        documents=documents_table(documents),
        skipped=skipped_table(skipped),
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


def _account(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    """Return the equation of all pages, its verdict, and the number of documents that it does not include."""
    coverage = verify_coverage(summary, documents)
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
    if unknown_count := sum(document.pages_expected is None for document in documents):
        suffix = " yet" if coverage.state == "open" else ""
        count = format_count(unknown_count, "document")
        note = f"The number of pages of {count} is not known{suffix}; these pages are not included."
        lines.append(f'<p class="quiet">{note}</p>')
    return "\n".join(lines)


def _term(number: int, word: str, css: str) -> str:
    return f'<span class="{css if number else ""}"><b>{number:,}</b> {word}</span>'


def _bars(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    pages_left = max(0, coverage_of(summary).pages_left)
    pages = [
        ("parsed", summary.pages_parsed, "good"),
        ("failed", summary.pages_failed, "bad"),
        ("not parsed", pages_left, "open"),
    ]
    by_status = [(status, summary.documents.get(status, 0), _COLORS[status]) for status in STATUSES]
    warning_count = sum(bool(document.warnings) for document in documents)
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


def errors_table(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    """Return the table of errors: code, meaning, remedy, and a message where it certainly belongs to the code."""
    messages = {next(iter(document.errors)): document.message for document in documents if len(document.errors) == 1}

    def cells(code: str) -> str:
        explanation, remedy = explain_code(code)
        message = messages.get(code)
        example = f"<small>For example: {_foreign(message)}</small>" if message else ""
        return _cell((escape(explanation) or "This client does not know the code.") + example) + _cell(remedy)

    columns = [("Code", ""), ("Meaning", ""), ("What to do", "")]
    return _codes("Errors", columns, summary.errors, [document.errors for document in documents], cells)


def warnings_table(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    """Return the table of warnings: code and meaning."""

    def cells(code: str) -> str:
        return _cell(
            escape(explain_code(code)[0]) or "This client does not know the code. The pages were parsed nevertheless."
        )

    columns = [("Code", ""), ("Meaning", "")]
    return _codes("Warnings", columns, summary.warnings, [document.warnings for document in documents], cells)


def _codes(
    title: str,
    columns: Sequence[tuple[str, str]],
    batch_codes: Mapping[str, int],
    codes_of_documents: Sequence[Mapping[str, int]],
    cells: Callable[[str], str],
) -> str:
    """Return a table of codes, or nothing.

    batch_codes: codes of the batch as a whole. cells: returns the cells between the code and the numbers.
    """
    pages: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    for codes in codes_of_documents:
        pages.update(codes)
        documents.update(codes.keys())
    ordered_codes = sorted({*batch_codes, *documents}, key=lambda code: (-documents[code], -pages[code], code))
    rows = [
        _code_cell(code) + cells(code) + _count(documents[code], "document") + _count(pages[code], "page")
        for code in ordered_codes
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


def documents_table(documents: Sequence[DocumentSummary]) -> str:
    """Return the table of documents, those with errors first: at most `MAX_ROWS`, and a note on the rest."""
    ordered_documents = sorted(documents, key=lambda document: (_rank(document.status), not document.warnings))
    if not ordered_documents:
        return '<p class="quiet">There are none in this batch.</p>'
    columns = [("Status", ""), ("Document", ""), ("Pages", "number"), ("Errors, warnings", ""), ("Message", "")]
    return f"""<p class="quiet">{_note(ordered_documents)}</p>
<p class="filter" hidden><label for="filter">Show only</label>
<input id="filter" type="search" placeholder="a name, a status, a code" autocomplete="off" spellcheck="false">
<span id="shown" class="quiet" role="status"></span></p>
{_table("documents", columns, [_row(document) for document in ordered_documents[:MAX_ROWS]])}"""


def _rank(status: str) -> int:
    return _STATUS_ORDER.index(status) if status in _STATUS_ORDER else 0


def _note(ordered_documents: Sequence[DocumentSummary]) -> str:
    note = "Failed documents come first, then documents with warnings."
    if omitted_counts := Counter(document.status for document in ordered_documents[MAX_ROWS:]):
        counts = ", ".join(f"{number:,} {escape_html(status)}" for status, number in omitted_counts.items())
        note += f" The first {MAX_ROWS:,} of {len(ordered_documents):,} are listed;"
        note += f" the rest ({counts}) are in <code>report.json</code>."
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
    href = quote(document.name, safe="", errors="surrogateescape")
    return f'<a class="name" href="{href}/document.md">{_foreign(document.name)}</a>'


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


def skipped_table(skipped: Sequence[SkippedEntry]) -> str:
    """Return the table of skipped entries, with a heading, or nothing. It lists at most `MAX_ROWS`."""
    if not skipped:
        return ""
    rows = [_cell(_foreign(entry.source)) + _cell(escape_html(entry.reason)) for entry in skipped[:MAX_ROWS]]
    note = "These entries of the input are not parsed."
    if len(skipped) > MAX_ROWS:
        note += f" The first {MAX_ROWS:,} of {len(skipped):,} are listed; the rest are in <code>report.json</code>."
    table = _table("skipped", [("Entry", ""), ("Reason", "")], rows)
    return f'<h2 id="skipped">Skipped</h2>\n<p class="quiet">{note}</p>\n{table}'
