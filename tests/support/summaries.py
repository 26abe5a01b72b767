"""Summaries of documents and batches, as the ledger produces them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ocr_worker.batch.model import BatchSummary, DocumentSummary
from ocr_worker.client.service import State


def document(name: str = "a.pdf", status: str = "succeeded", **fields: Any) -> DocumentSummary:
    values = {"source": f"/in/{name}", "pages_expected": 2, "pages_parsed": 2, "pages_failed": 0, **fields}
    return DocumentSummary(name=name, status=status, **values)


def failed(name: str = "bad.pdf", code: str = "DOCUMENT_CORRUPT", **fields: Any) -> DocumentSummary:
    values = {"pages_expected": None, "pages_parsed": 0, "errors": {code: 0}, "message": "it is damaged", **fields}
    return document(name, "failed", **values)


def partial(name: str = "half.pdf", **fields: Any) -> DocumentSummary:
    return document(
        name, "partial", pages_expected=5, pages_parsed=3, pages_failed=2, errors={"PAGE_FAILED": 2}, **fields
    )


def summary_of(documents: Sequence[DocumentSummary], /, **fields: Any) -> BatchSummary:
    errors: Counter[str] = Counter()
    for entry in documents:
        errors.update({code: pages or 1 for code, pages in entry.errors.items()})
    values: dict[str, Any] = {
        "service": "endpoint abc",
        "engine": "paddleocr-vl v1.6 (native)",
        "jobs": {State.COLLECTED: 3, State.TIMED_OUT: 1},
        "documents": Counter(entry.status for entry in documents),
        "pages_expected": sum(entry.pages_expected or 0 for entry in documents),
        "pages_parsed": sum(entry.pages_parsed for entry in documents),
        "pages_failed": sum(entry.pages_failed for entry in documents),
        "pages_from_checkpoint": 0,
        "documents_of_unknown_length": sum(entry.pages_expected is None for entry in documents),
        "errors": errors,
        "warnings": sum((Counter(entry.warnings) for entry in documents), Counter()),
        "resubmitted": 0,
        "execution_s": 120.0,
        "delay_s": 30.0,
        "busy_s": 80.0,
        "idle_s": None,
        "cold_start_s": 20.0,
        "wall_s": 60.0,
        "cost": None,
        "cold_start_cost": None,
        "cost_bound": None,
    }
    return BatchSummary(**{**values, **fields})
