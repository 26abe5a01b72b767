"""How much a page needs a look: a number from the findings and confidences that the option `verify` adds. Pure.

Findings count first, then the lowest confidence of a block, or the share of text-like ink in no block. The ledger keeps
the number of each document's worst page, so that the worst pages of ten million documents are found without reading
their results.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ocr_worker.wire.schema import PageResult, PageWarning
from ocr_worker.witness.findings import FINDING_CODES


class DocumentDoubt(NamedTuple):
    """The doubt of a document: that of its worst page, and how many pages have and lack a second reading."""

    doubt: float
    verified: int
    unverified: int


def findings_of(page: PageResult) -> list[PageWarning]:
    """Return the warnings of the page that are findings of its second reading, in their order."""
    return [warning for warning in page.warnings if warning.code in FINDING_CODES]


def is_repaired(finding: PageWarning) -> bool:
    """Return whether the engine read the place of the finding again, and the result has the new reading."""
    return finding.repair is not None and finding.repair.outcome in ("replaced", "inserted")


def lowest_confidence(page: PageResult) -> float | None:
    """Return the lowest confidence of the page's blocks; None if none was compared."""
    return min((block.confidence for block in page.blocks or () if block.confidence is not None), default=None)


def doubt_of(page: PageResult) -> float:
    """Return the doubt of a page: 2 for each finding, 1 if it was repaired, and less than 1 for the rest of the page.

    0: nothing speaks for a look. A page without a second reading has no doubt.
    """
    if not page.verified:
        return 0.0
    confidence, coverage = lowest_confidence(page), page.ink_coverage
    rest = max(1 - (1.0 if confidence is None else confidence), 1 - (1.0 if coverage is None else coverage))
    return sum(1 if is_repaired(finding) else 2 for finding in findings_of(page)) + min(rest, 0.999)


def document_doubt(pages: Iterable[PageResult]) -> DocumentDoubt | None:
    """Return the doubt of a document; None if none of its pages was parsed with `verify`."""
    parsed_pages = [page for page in pages if page.verified is not None]
    if not parsed_pages:
        return None
    verified_count = sum(page.verified is True for page in parsed_pages)
    return DocumentDoubt(max(map(doubt_of, parsed_pages)), verified_count, len(parsed_pages) - verified_count)
