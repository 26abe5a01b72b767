"""What is left of a batch for people and programs: one page that needs nothing else, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from importlib.resources import files
from string import Template
from typing import Any

from ocr_worker.batch.model import BatchSummary, DocumentSummary, Json
from ocr_worker.batch.report_tables import (
    COLOURS,
    documents_table,
    encodable,
    errors_table,
    html_text,
    warnings_table,
)
from ocr_worker.batch.status import STATUSES, Books, books_of, counted, duration, jobs_told, money, rate, share

# --------------------------------------------------------------------------- JSON


def report_json(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> Json:
    """The whole account, every document in it: `books`, `summary` and `documents`, in the fields of `model`."""
    books = proven(summary, documents)
    return {
        "books": {"state": books.state, "pages_left": books.left, "told": books.told},
        "summary": _fields(summary),
        "documents": [_fields(document) for document in documents],
    }


def _fields(row: BatchSummary | DocumentSummary) -> Json:
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return encodable(value) if isinstance(value, str) else value


def proven(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> Books:
    """The account, held against the documents' own numbers once none of them waits."""
    books = books_of(summary)
    told = sum(summary.documents.values()), summary.pages_expected, summary.pages_parsed, summary.pages_failed
    again = (
        len(documents),
        sum(document.pages_expected or 0 for document in documents),
        sum(document.pages_parsed for document in documents),
        sum(document.pages_failed for document in documents),
    )
    if books.state == "open" or again == told:
        return books
    differs = "{:,} documents with {:,} pages expected, {:,} parsed and {:,} failed".format(*again)
    return Books("wrong", books.left, f"The books do not balance: counted one by one there are {differs}.")


# --------------------------------------------------------------------------- the page


def report_html(summary: BatchSummary, documents: Sequence[DocumentSummary], *, made: datetime | None = None) -> str:
    """The page, for the batch's folder: it links to each document's `document.md` below itself. made: now."""
    made = made or datetime.now().astimezone()
    origin = [html_text(word) for word in (summary.engine, summary.service) if word]
    template = Template(files("ocr_worker.batch").joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        headline=_headline(summary),
        origin=" · ".join(["Batch report", *origin, f"{made:%Y-%m-%d %H:%M %Z}".strip()]),
        account=_account(summary, documents),
        bars=_bars(summary, documents),
        facts=_facts(summary),
        errors=errors_table(summary, documents),
        warnings=warnings_table(summary, documents),
        documents=documents_table(documents),
    )


def _headline(summary: BatchSummary) -> str:
    pages, parsed = summary.pages_expected, summary.pages_parsed
    waiting, failed = summary.documents.get("waiting", 0), summary.documents.get("failed", 0)
    if not sum(summary.documents.values()):
        return "No documents to read"
    if waiting and not pages:
        return "No page parsed so far"
    if parsed < pages or waiting:
        return f"{parsed:,} of {counted(pages, 'page')} parsed" + (" so far" if waiting else "")
    if failed:  # before their pages could be counted
        return f"{counted(parsed, 'page')} parsed, {counted(failed, 'document')} failed"
    return f"All {counted(pages, 'page')} parsed" if pages > 1 else f"{counted(pages, 'page')} parsed"


def _account(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    """The equation, what it proves, and what is not in it."""
    books = proven(summary, documents)
    terms = [_term(summary.pages_parsed, "parsed", "good"), _term(summary.pages_failed, "failed", "bad")]
    if books.left > 0:
        terms.append(_term(books.left, "not read" if books.state == "stopped" else "to come", "open"))
    sign, css = {"wrong": ("✗", "bad"), "balanced": ("✓", "good")}.get(books.state, ("…", "open"))
    equals = "≠" if books.state == "wrong" else "="
    lines = [
        f'<p class="books">{_term(summary.pages_expected, "pages expected", "")}'
        f'<span class="sign"> {equals} </span>{"<span class=sign> + </span>".join(terms)}</p>',
        f'<p class="verdict {css}"><span aria-hidden="true">{sign}</span> {books.told}</p>',
    ]
    if unknown := sum(document.pages_expected is None for document in documents):
        yet = " yet" if books.state == "open" else ""
        told = f"The length of {counted(unknown, 'document')} is not known{yet}; their pages are not in this account."
        lines.append(f'<p class="quiet">{told}</p>')
    return "\n".join(lines)


def _term(number: int, word: str, css: str) -> str:
    return f'<span class="{css if number else ""}"><b>{number:,}</b> {word}</span>'


def _bars(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    left = max(0, books_of(summary).left)
    pages = [
        ("parsed", summary.pages_parsed, "good"),
        ("failed", summary.pages_failed, "bad"),
        ("not read", left, "open"),
    ]
    by_status = [(status, summary.documents.get(status, 0), COLOURS[status]) for status in STATUSES]
    warned = sum(bool(document.warnings) for document in documents)
    return _bar("page", pages, "") + _bar("document", by_status, f"{warned:,} with warnings" if warned else "")


def _bar(noun: str, parts: Sequence[tuple[str, int, str]], note: str) -> str:
    """One bar with its key. parts: word, number and class of each."""
    parts = [part for part in parts if part[1]]
    whole = sum(number for _, number, _ in parts)
    if not whole:
        return ""
    pieces = "".join(f'<i class="{css}" style="flex:{number}"></i>' for _, number, css in parts)
    key = "".join(
        f'<li><i class="{css}"></i>{number:,} {word} <span class="quiet">{share(number, whole)}</span></li>'
        for word, number, css in parts
    )
    return f"""<section class="share"><h2>{counted(whole, noun)}</h2>
<div class="bar" aria-hidden="true">{pieces}</div>
<ul class="key">{key}{f'<li class="part">{note}</li>' if note else ""}</ul></section>
"""


def _facts(summary: BatchSummary) -> str:
    """What the run took, in numbers; what is not known is not there."""
    parsed, wall_s, cost = summary.pages_parsed, summary.wall_s, summary.cost
    found = [("Time at work", duration(wall_s), "over all runs")]
    if wall_s and parsed:
        found.append(("Speed", f"{rate(parsed / wall_s)} pages/s", "parsed, over the time at work"))
    found.append(("On the workers", duration(summary.execution_s), f"and {duration(summary.delay_s)} in the queue"))
    if cost is not None:
        found.append(("Cost", money(cost), f"{money(1000 * cost / parsed)} per 1,000 pages" if parsed else ""))
    found += [
        ("Jobs", f"{sum(summary.jobs.values()):,}", html_text(jobs_told(summary.jobs))),
        ("Jobs sent again", f"{summary.resubmitted:,}", "after a lost answer or a passing failure"),
        ("Pages from checkpoints", f"{summary.pages_from_checkpoint:,}", "parsed by an earlier attempt"),
    ]
    cells = (f"<div><dt>{label}</dt><dd>{value}</dd><dd>{note}</dd></div>" for label, value, note in found)
    return "\n".join(cells)
