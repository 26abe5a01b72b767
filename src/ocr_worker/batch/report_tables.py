"""The report's tables: errors and warnings by code, and the documents. All that comes from outside is escaped. Pure.

Cells carry roles, since on a narrow screen rows become cards by style, and some browsers then forget the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from urllib.parse import quote

from ocr_worker.batch.model import BatchSummary, DocumentSummary
from ocr_worker.batch.status import counted, meaning

ROWS = 2_000  # documents that the page lists; with more a browser gets slow

COLOURS = {"succeeded": "good", "partial": "part", "failed": "bad", "cancelled": "open", "waiting": "open"}
_SIGNS = {"succeeded": "✓", "partial": "◐", "failed": "✗", "cancelled": "■", "waiting": "…"}
_READ_FIRST = ("failed", "partial", "cancelled", "waiting", "succeeded")


def encodable(text: str) -> str:
    """`text`, escaped where a file name held bytes that are no text."""
    return text.encode(errors="backslashreplace").decode()


def html_text(text: str) -> str:
    """`text` as HTML that shows it, as an attribute's value, too."""
    return escape(encodable(text))


def _foreign(text: str) -> str:
    """The same, with the direction of its script kept to itself."""
    return f"<bdi>{html_text(text)}</bdi>"


def _cell(content: str, css: str = "", label: str = "") -> str:
    attributes = (f' class="{css}"' if css else "") + (f' data-label="{label}"' if label else "")
    return f'<td role="cell"{attributes}>{content}</td>'


def _table(css: str, names: Sequence[tuple[str, str]], rows: Sequence[str]) -> str:
    """names: of the columns, each with its class."""
    heads = "".join(f'<th scope="col" role="columnheader" class="{kind}">{name}</th>' for name, kind in names)
    body = "\n".join(f'<tr role="row">{row}</tr>' for row in rows)
    return (
        f'<table class="{css}" role="table">\n<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{body}\n</tbody>\n</table>'
    )


# --------------------------------------------------------------------------- errors and warnings


def errors_table(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    """By code: what it is, what to do, and what the worker said, where that surely belongs to the code."""
    said = {next(iter(document.errors)): document.message for document in documents if len(document.errors) == 1}

    def told(code: str) -> str:
        what, todo = meaning(code)
        message = said.get(code)
        example = f"<small>For example: {_foreign(message)}</small>" if message else ""
        return _cell((escape(what) or "This client does not know the code.") + example) + _cell(todo)

    names = [("Code", ""), ("Meaning", ""), ("What to do", "")]
    return _codes("Errors", names, summary.errors, [document.errors for document in documents], told)


def warnings_table(summary: BatchSummary, documents: Sequence[DocumentSummary]) -> str:
    """By code: what a reader should know."""

    def told(code: str) -> str:
        return _cell(
            escape(meaning(code)[0]) or "This client does not know the code; the pages were read all the same."
        )

    names = [("Code", ""), ("Meaning", "")]
    return _codes("Warnings", names, summary.warnings, [document.warnings for document in documents], told)


def _codes(
    title: str,
    names: Sequence[tuple[str, str]],
    known: Mapping[str, int],
    found: Sequence[Mapping[str, int]],
    told: Callable[[str], str],
) -> str:
    """known: codes of the batch, found: those of each document. told: the cells between code and numbers."""
    pages: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    for codes in found:
        pages.update(codes)
        documents.update(codes.keys())
    ranked = sorted({*known, *documents}, key=lambda code: (-documents[code], -pages[code], code))
    rows = [
        _code_cell(code) + told(code) + _count(documents[code], "document") + _count(pages[code], "page")
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
    """What needs a look first; no more than `ROWS`, with a word on the rest. The filter works with scripts only."""
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
