"""The report of a batch in numbers: as JSON, and as rows of the tables of a large batch.

`report_json` returns the numbers as a dictionary; `report_page` shows the same for people. Of a large batch, both list
the worst documents only, and all are rows of a table in a file of its own. The module is pure: `Folder.put_report`
writes the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from ocr_worker.batch.inputs import SkippedEntry
from ocr_worker.batch.model import BatchSummary, CodeTotal, DocumentSummary, DocumentTotals
from ocr_worker.batch.status import BatchCoverage, coverage_of, replace_unencodable
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
NO_TABLES: Mapping[str, str] = MappingProxyType({})


# --------------------------------------------------------------------------- JSON


def report_json(
    summary: BatchSummary,
    documents: Sequence[DocumentSummary],
    skipped: Sequence[SkippedEntry] = (),
    *,
    totals: DocumentTotals | None = None,
    tables: Mapping[str, str] = NO_TABLES,
) -> Json:
    """Return the report as JSON: `coverage`, `summary`, documents, skipped entries, with the fields of their classes.

    documents: all, or the worst of a large batch, whose `totals` are then needed. tables: files with all rows, by
    `documents` and `skipped`, where this report has only some.
    """
    coverage = verify_coverage(summary, totals or totals_of(documents))
    report = {
        "coverage": {"state": coverage.state, "pages_left": coverage.pages_left, "message": coverage.sentence},
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
