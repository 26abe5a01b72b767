"""A batch in numbers, counted from its ledger."""

from __future__ import annotations

from collections import defaultdict

from ocr_worker.batch.inputs import is_url
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import BatchSummary, DocumentSummary, State
from ocr_worker.sources.fetch import shown


def batch_summary(ledger: Ledger) -> BatchSummary:
    """The batch as it stands."""
    parsed, failed, kept = ledger.query("SELECT TOTAL(parsed), TOTAL(failed), TOTAL(kept) FROM slices")[0]
    expected, unknown = ledger.query(
        "SELECT TOTAL(expected), COUNT(*) FILTER (WHERE expected IS NULL AND status = 'waiting') FROM documents"
    )[0]
    execution, delay, again = ledger.query(
        "SELECT TOTAL(execution_s), TOTAL(delay_s), TOTAL(MAX(submissions - 1, 0)) FROM jobs"
    )[0]
    price = ledger.get("price_per_second")
    return BatchSummary(
        service=ledger.get("service"),
        engine=ledger.get("engine") or None,
        jobs={State(state): n for state, n in ledger.query("SELECT state, COUNT(*) FROM jobs GROUP BY state")},
        documents=dict(ledger.query("SELECT status, COUNT(*) FROM documents GROUP BY status")),
        pages_expected=int(expected),
        pages_parsed=int(parsed),
        pages_failed=int(failed),
        pages_from_checkpoint=int(kept),
        documents_of_unknown_length=unknown,
        errors=_faults(ledger, "error"),
        warnings=_faults(ledger, "warning"),
        resubmitted=int(again),
        execution_s=execution,
        delay_s=delay,
        wall_s=float(ledger.get("wall_s", "0")),
        cost=execution * float(price) if price else None,
    )


def _faults(ledger: Ledger, kind: str) -> dict[str, int]:
    sql = "SELECT code, SUM(MAX(pages, 1)) FROM faults WHERE kind = ? GROUP BY code ORDER BY 2 DESC, 1"
    return dict(ledger.query(sql, kind))


def document_summaries(ledger: Ledger) -> list[DocumentSummary]:
    """Every document, in the order they were added."""
    faults: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for document, kind, code, pages in ledger.query("SELECT document, kind, code, pages FROM faults"):
        faults[document, kind][code] = pages
    counts = {
        document: (int(parsed), int(failed))
        for document, parsed, failed in ledger.query(
            "SELECT document, TOTAL(parsed), TOTAL(failed) FROM slices GROUP BY document"
        )
    }
    rows = ledger.query("SELECT id, name, source, status, expected, message, seconds FROM documents ORDER BY id")
    return [
        DocumentSummary(
            name=name,
            source=shown(source) if is_url(source) else source,
            status=status,
            pages_expected=expected,
            pages_parsed=counts.get(document, (0, 0))[0],
            pages_failed=counts.get(document, (0, 0))[1],
            errors=faults[document, "error"],
            warnings=faults[document, "warning"],
            message=message,
            seconds=seconds,
        )
        for document, name, source, status, expected, message, seconds in rows
    ]
