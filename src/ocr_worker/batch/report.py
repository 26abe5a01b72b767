"""The report of a batch: one HTML page that needs no other file, and the same numbers as JSON. Pure.

The page holds the account of all pages, a bar for pages and one for documents, facts about the run, tables of errors
and warnings by code, and the documents. Everything that comes from outside is escaped.
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

from ocr_worker.batch.model import BatchSummary, DocumentSummary, Json
from ocr_worker.batch.status import STATUSES, Books, books_of, counted, duration, jobs_told, meaning, money, rate, share

ROWS = 2_000  # documents that the page lists; with more a browser gets slow

COLOURS = {"succeeded": "good", "partial": "part", "failed": "bad", "cancelled": "open", "waiting": "open"}
_SIGNS = {"succeeded": "✓", "partial": "◐", "failed": "✗", "cancelled": "■", "waiting": "…"}
_READ_FIRST = ("failed", "partial", "cancelled", "waiting", "succeeded")


# --------------------------------------------------------------------------- JSON


def report_json(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> Json:
    """Return the report as JSON: `books`, `summary`, and every document, with the fields of `model`'s classes."""
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
        return {str(key): _plain(item) for key, item in value.items()}
    return encodable(value) if isinstance(value, str) else value


def proven(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> Books:
    """Return the account, compared with the documents' own numbers once none of them waits."""
    books = books_of(summary)
    totals = sum(summary.documents.values()), summary.pages_expected, summary.pages_parsed, summary.pages_failed
    counted_again = (
        len(documents),
        sum(document.pages_expected or 0 for document in documents),
        sum(document.pages_parsed for document in documents),
        sum(document.pages_failed for document in documents),
    )
    if books.state == "open" or counted_again == totals:
        return books
    differs = "{:,} documents with {:,} pages expected, {:,} parsed and {:,} failed".format(*counted_again)
    return Books("wrong", books.left, f"The books do not balance: counted one by one there are {differs}.")


# --------------------------------------------------------------------------- the page


def report_html(summary: BatchSummary, documents: Sequence[DocumentSummary], *, made: datetime | None = None) -> str:
    """Return the page for the batch's folder: it links to each document's `document.md` below itself.

    made: time of the report; default: now.
    """
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
    """Return the equation of all pages, what it proves, and what is not in it."""
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
        note = f"The length of {counted(unknown, 'document')} is not known{yet}; their pages are not in this account."
        lines.append(f'<p class="quiet">{note}</p>')
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
    """Return one bar with its key. parts: word, number and CSS class of each part."""
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
    """Return time, speed, cost and jobs of the runs; unknown values have no entry."""
    parsed, wall_s, cost = summary.pages_parsed, summary.wall_s, summary.cost
    facts = [("Time at work", duration(wall_s), "over all runs")]
    if wall_s and parsed:
        facts.append(("Speed", f"{rate(parsed / wall_s)} pages/s", "parsed, over the time at work"))
    facts.append(("On the workers", duration(summary.execution_s), f"and {duration(summary.delay_s)} in the queue"))
    if cost is not None:
        facts.append(("Cost", money(cost), f"{money(1000 * cost / parsed)} per 1,000 pages" if parsed else ""))
    facts += [
        ("Jobs", f"{sum(summary.jobs.values()):,}", html_text(jobs_told(summary.jobs))),
        ("Jobs sent again", f"{summary.resubmitted:,}", "after a lost answer or a passing failure"),
        ("Pages from checkpoints", f"{summary.pages_from_checkpoint:,}", "parsed by an earlier attempt"),
    ]
    cells = (f"<div><dt>{label}</dt><dd>{value}</dd><dd>{note}</dd></div>" for label, value, note in facts)
    return "\n".join(cells)


# --------------------------------------------------------------------------- text and cells
# Cells carry roles, since on a narrow screen rows become cards by style, and some browsers then forget the table.


def encodable(text: str) -> str:
    """Return `text`, escaped where a file name held bytes that are no text."""
    return text.encode(errors="backslashreplace").decode()


def html_text(text: str) -> str:
    """Return `text` escaped for HTML content and for attribute values."""
    return escape(encodable(text))


def _foreign(text: str) -> str:
    """Return `text` as HTML in which its writing direction does not affect what stands around it."""
    return f"<bdi>{html_text(text)}</bdi>"


def _cell(content: str, css: str = "", label: str = "") -> str:
    attributes = (f' class="{css}"' if css else "") + (f' data-label="{label}"' if label else "")
    return f'<td role="cell"{attributes}>{content}</td>'


def _table(css: str, names: Sequence[tuple[str, str]], rows: Sequence[str]) -> str:
    """Return a table. names: of the columns, each with its CSS class."""
    heads = "".join(f'<th scope="col" role="columnheader" class="{kind}">{name}</th>' for name, kind in names)
    body = "\n".join(f'<tr role="row">{row}</tr>' for row in rows)
    return (
        f'<table class="{css}" role="table">\n<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{body}\n</tbody>\n</table>'
    )


# --------------------------------------------------------------------------- errors and warnings


def errors_table(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    """Return errors by code: meaning, remedy, and the worker's message where it certainly belongs to the code."""
    messages = {next(iter(document.errors)): document.message for document in documents if len(document.errors) == 1}

    def cells(code: str) -> str:
        what, todo = meaning(code)
        message = messages.get(code)
        example = f"<small>For example: {_foreign(message)}</small>" if message else ""
        return _cell((escape(what) or "This client does not know the code.") + example) + _cell(todo)

    names = [("Code", ""), ("Meaning", ""), ("What to do", "")]
    return _codes("Errors", names, summary.errors, [document.errors for document in documents], cells)


def warnings_table(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    """Return warnings by code, with their meaning."""

    def cells(code: str) -> str:
        return _cell(
            escape(meaning(code)[0]) or "This client does not know the code; the pages were read all the same."
        )

    names = [("Code", ""), ("Meaning", "")]
    return _codes("Warnings", names, summary.warnings, [document.warnings for document in documents], cells)


def _codes(
    title: str,
    names: Sequence[tuple[str, str]],
    known: Mapping[str, int],
    codes_of_documents: Sequence[Mapping[str, int]],
    cells: Callable[[str], str],
) -> str:
    """Return a table of codes, or nothing. known: codes of the batch. cells: returns those between code and numbers."""
    pages: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    for codes in codes_of_documents:
        pages.update(codes)
        documents.update(codes.keys())
    ranked = sorted({*known, *documents}, key=lambda code: (-documents[code], -pages[code], code))
    rows = [
        _code_cell(code) + cells(code) + _count(documents[code], "document") + _count(pages[code], "page")
        for code in ranked
    ]
    table = _table("codes", [*names, ("Documents", "number"), ("Pages", "number")], rows)
    return f"<h2>{title}</h2>\n{table}" if rows else ""


def _code_cell(code: str) -> str:
    link = f'<a href="#documents" data-filter="{html_text(code)}">{_code_text(code)}</a>'
    return f'<th scope="row" role="rowheader">{link}</th>'


def _code_text(code: str) -> str:
    return f"<code>{html_text(code).replace('_', '_<wbr>')}</code>"


def _count(number: int, noun: str) -> str:
    return (
        _cell(f"{number:,}", "number", counted(number, noun).rpartition(" ")[2])
        if number
        else _cell("–", "number none")
    )


# --------------------------------------------------------------------------- documents


def documents_table(documents: Sequence[DocumentSummary]) -> str:
    """Return the documents, those with errors first: at most `ROWS`, and a note on the rest."""
    ranked = sorted(documents, key=lambda document: (_rank(document.status), not document.warnings))
    if not ranked:
        return '<p class="quiet">There are none in this batch.</p>'
    names = [("Status", ""), ("Document", ""), ("Pages", "number"), ("Errors, warnings", ""), ("Message", "")]
    return f"""<p class="quiet">{_note(ranked)}</p>
<p class="filter" hidden><label for="filter">Show only</label>
<input id="filter" type="search" placeholder="a name, a status, a code" autocomplete="off" spellcheck="false">
<span id="shown" class="quiet" role="status"></span></p>
{_table("documents", names, [_row(document) for document in ranked[:ROWS]])}"""


def _rank(status: str) -> int:
    return _READ_FIRST.index(status) if status in _READ_FIRST else 0


def _note(ranked: Sequence[DocumentSummary]) -> str:
    note = "Those that failed come first, then those with warnings."
    if left_out := Counter(document.status for document in ranked[ROWS:]):
        which = ", ".join(f"{number:,} {html_text(status)}" for status, number in left_out.items())
        note += (
            f" The first {ROWS:,} of {len(ranked):,} are listed; the rest ({which}) are in <code>report.json</code>."
        )
    return note


def _row(document: DocumentSummary) -> str:
    status = document.status
    sign = f'<b aria-hidden="true">{_SIGNS.get(status, "")}</b>'
    cells = (
        _cell(sign + html_text(status), f"status {COLOURS.get(status, 'open')}"),
        _cell(f"{_name(document)}<small>{_foreign(document.source)}</small>"),
        _cell(_pages(document), "number", "pages"),
        _cell(_faults(document)),
        _cell(_foreign(document.message) if document.message else ""),
    )
    return "".join(cells)


def _name(document: DocumentSummary) -> str:
    if document.status not in ("succeeded", "partial"):  # the others have no folder
        return f'<span class="name">{_foreign(document.name)}</span>'
    # Quoted whole, so that no name can be taken for a scheme or another folder.
    href = quote(document.name, safe="", errors="surrogateescape")
    return f'<a class="name" href="{href}/document.md">{_foreign(document.name)}</a>'


def _pages(document: DocumentSummary) -> str:
    if document.pages_expected is None:
        return '<span class="quiet">unknown</span>'
    if document.pages_parsed == document.pages_expected:
        return f"{document.pages_parsed:,}"
    return f"{document.pages_parsed:,} of {document.pages_expected:,}"


def _faults(document: DocumentSummary) -> str:
    errors = [_fault("bad", "", code, pages) for code, pages in document.errors.items()]
    warnings = [_fault("part", "warned: ", code, pages) for code, pages in document.warnings.items()]
    return f'<ul class="faults">{"".join(errors + warnings)}</ul>' if errors or warnings else ""


def _fault(css: str, kind: str, code: str, pages: int) -> str:
    number = f", {counted(pages, 'page')}" if pages else ""
    return f'<li class="{css}">{kind}{_code_text(code)}{number}</li>'
