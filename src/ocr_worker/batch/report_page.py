"""The report of a batch as one HTML page that needs no other file.

The page shows the coverage of all pages, a bar for pages and another for documents, facts about the run, tables of
errors and warnings by code, and the documents (`report_tables`). All untrusted text is escaped. The module is pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ocr_worker.batch.inputs import SkippedEntry
from ocr_worker.batch.model import BatchSummary, DocumentSummary, DocumentTotals
from ocr_worker.batch.report import NO_TABLES, totals_of, verify_coverage
from ocr_worker.batch.report_tables import (
    STATUS_COLORS,
    documents_table,
    errors_table,
    escape_html,
    fill_template,
    skipped_table,
    warnings_table,
)
from ocr_worker.batch.status import (
    STATUSES,
    coverage_of,
    format_count,
    format_duration,
    format_job_counts,
    format_money,
    format_rate,
    format_share,
)


def report_html(
    summary: BatchSummary,
    documents: Sequence[DocumentSummary],
    skipped: Sequence[SkippedEntry] = (),
    *,
    totals: DocumentTotals | None = None,
    tables: Mapping[str, str] = NO_TABLES,
    created_at: datetime | None = None,
) -> str:
    """Return the page for the batch's folder, with links to each document's `document.md` in it.

    documents, totals, tables: as for `report_json`. created_at: time of the report; default: now.
    """
    totals = totals or totals_of(documents)
    created_at = created_at or datetime.now().astimezone()
    return fill_template(
        "report.html",
        ("Batch report", summary.engine, summary.service),
        created_at,
        headline=_headline(summary),
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
    sign, css = {"wrong": ("✗", "bad"), "complete": ("✓", "good")}.get(coverage.state, ("…", "open"))
    equals_sign = "≠" if coverage.state == "wrong" else "="
    lines = [
        f'<p class="equation">{_term(summary.pages_expected, "pages expected", "")}'
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
    by_status = [(status, summary.documents.get(status, 0), STATUS_COLORS[status]) for status in STATUSES]
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
