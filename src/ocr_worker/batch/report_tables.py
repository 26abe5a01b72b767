"""The tables of a batch's HTML report: errors and warnings by code, documents, skipped entries.

A table lists at most `MAX_ROWS` rows and names the file with the rest. All untrusted text is escaped. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from ocr_worker.batch.inputs import SkippedEntry
from ocr_worker.batch.model import SHARD_FOLDER, BatchSummary, CodeTotal, DocumentSummary, DocumentTotals
from ocr_worker.batch.report import MAX_ROWS
from ocr_worker.batch.status import explain_code, format_count, replace_unencodable

STATUS_COLORS = {"succeeded": "good", "partial": "part", "failed": "bad", "cancelled": "open", "waiting": "open"}
_SIGNS = {"succeeded": "✓", "partial": "◐", "failed": "✗", "cancelled": "■", "waiting": "…"}
_STATUS_ORDER = ("failed", "partial", "cancelled", "waiting", "succeeded")


# --------------------------------------------------------------------------- text and cells
# Cells carry roles, since on a narrow screen rows become cards by style, and some browsers then forget the table.


def escape_html(text: str) -> str:
    """Return `text` escaped for HTML content and for attribute values."""
    return escape(replace_unencodable(text))


def fill_template(name: str, words: Sequence[str | None], created_at: datetime, **parts: str) -> str:
    """Return the HTML file of the template `name`.

    words: title, engine and service, for the line above the headline; those that are missing are left out. parts: for
    the other places.
    """
    template = Template(files("ocr_worker.batch").joinpath(name).read_text(encoding="utf-8"))
    origin = [*map(escape_html, filter(None, words)), f"{created_at:%Y-%m-%d %H:%M %Z}".strip()]
    return template.substitute(origin=" · ".join(origin), **parts)


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
        _cell(sign + escape_html(status), f"status {STATUS_COLORS.get(status, 'open')}"),
        _cell(f"{_name(document)}<small>{_foreign(document.source)}</small>"),
        _cell(_pages(document), "number", "pages"),
        _cell(_document_codes(document)),
        _cell(_foreign(document.message) if document.message else ""),
    )
    return "".join(cells)


def _name(document: DocumentSummary) -> str:
    if document.status not in ("succeeded", "partial"):  # the others have no folder
        return f'<span class="name">{_foreign(document.name)}</span>'
    is_shard = document.folder.startswith(SHARD_FOLDER)
    href = quote(document.folder) if is_shard else f"{folder_href(document.name, document.folder)}/document.md"
    return f'<a class="name" href="{href}">{_foreign(document.name)}</a>'


def folder_href(name: str, folder: str) -> str:
    """Return the relative link to the folder of the document `name`. A name may have slashes.

    Each part is quoted as a whole, so that no name can be taken for a scheme or another folder.
    """
    fan = folder.removesuffix(f"/{name}")
    parts = [name] if fan == folder else [fan, name]
    return "/".join(quote(part, safe="", errors="surrogateescape") for part in parts)


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
