"""Documents and batches as the ledger sums them up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ocr_worker.batch.model import BatchSummary, DocumentSummary
from ocr_worker.client.service import State


def document(name: str = "a.pdf", status: str = "succeeded", **given: Any) -> DocumentSummary:
    values = {"source": f"/in/{name}", "pages_expected": 2, "pages_parsed": 2, "pages_failed": 0, **given}
    return DocumentSummary(name=name, status=status, **values)


def failed(name: str = "bad.pdf", code: str = "DOCUMENT_CORRUPT", **given: Any) -> DocumentSummary:
    values = {"pages_expected": None, "pages_parsed": 0, "errors": {code: 0}, "message": "it is damaged", **given}
    return document(name, "failed", **values)


def partial(name: str = "half.pdf", **given: Any) -> DocumentSummary:
    return document(
        name, "partial", pages_expected=5, pages_parsed=3, pages_failed=2, errors={"PAGE_FAILED": 2}, **given
    )


def summary_of(documents: Sequence[DocumentSummary], /, **given: Any) -> BatchSummary:
    errors: Counter[str] = Counter()
    for one in documents:
        errors.update({code: pages or 1 for code, pages in one.errors.items()})
    values: dict[str, Any] = {
        "service": "endpoint abc",
        "engine": "paddleocr-vl v1.6 (native)",
        "jobs": {State.COLLECTED: 3, State.TIMED_OUT: 1},
        "documents": Counter(one.status for one in documents),
        "pages_expected": sum(one.pages_expected or 0 for one in documents),
        "pages_parsed": sum(one.pages_parsed for one in documents),
        "pages_failed": sum(one.pages_failed for one in documents),
        "pages_from_checkpoint": 0,
        "documents_of_unknown_length": sum(one.pages_expected is None for one in documents),
        "errors": errors,
        "warnings": sum((Counter(one.warnings) for one in documents), Counter()),
        "resubmitted": 0,
        "execution_s": 120.0,
        "delay_s": 30.0,
        "wall_s": 60.0,
        "cost": None,
    }
    return BatchSummary(**{**values, **given})
