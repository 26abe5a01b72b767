"""The answers to a document's slices, put together in page order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocr_worker.batch.answers import numbers_of
from ocr_worker.batch.model import Document, Json, SliceRow
from ocr_worker.wire.page_ranges import asks_beyond, parse_page_ranges, select_pages

Fault = tuple[str, str]  # code, message

_BEYOND = "PAGE_OUT_OF_RANGE"


@dataclass(frozen=True, slots=True)
class Assembled:
    """A document as it is delivered. entry: as on the wire; None when nothing of it was parsed. faults: (kind, code) ->
    pages, kind being error or warning."""

    status: str
    entry: Json | None
    error: Fault | None
    faults: Mapping[tuple[str, str], int]
    seconds: float


def assembled(
    document: Document, rows: Sequence[SliceRow], answers: Mapping[int, Json], failures: Mapping[int, Fault]
) -> Assembled:
    """answers: slice -> entry. failures: slice -> why its job failed for good."""
    pages = _pages(document, rows, answers, failures)
    entries = [answers[row.id] for row in rows if row.id in answers]
    told = [(entry["error"]["code"], entry["error"]["message"]) for entry in entries if entry.get("error")]
    first = next((_fault(page) for page in pages if "error" in page), None) or next(
        iter([*told, *failures.values()]), None
    )
    parsed = sum("error" not in page for page in pages)
    status = "succeeded" if pages and parsed == len(pages) else "partial" if parsed else "failed"
    warnings = _warnings(document, entries)
    faults: Counter[tuple[str, str]] = Counter(("error", page["error"]["code"]) for page in pages if "error" in page)
    faults.update(("warning", warning["code"]) for page in pages for warning in page.get("warnings", []))
    faults.update(("warning", warning["code"]) for warning in warnings)
    if not pages and first:
        faults["error", first[0]] = 0
    entry = {
        "id": document.name,
        "status": status,
        "page_count": document.page_count or max((one.get("page_count") or 0 for one in entries), default=0) or None,
        "pages": pages,
        "warnings": warnings,
    }
    seconds = sum(page.get("seconds", 0.0) for page in pages)
    return Assembled(status, entry if parsed else None, None if status == "succeeded" else first, faults, seconds)


def failed_pages(
    document: Document, rows: Sequence[SliceRow], answers: Mapping[int, Json], failures: Mapping[int, Fault]
) -> list[int]:
    """The numbers of the pages that have no result."""
    return [page["page"] for page in _pages(document, rows, answers, failures) if "error" in page]


def _pages(
    document: Document, rows: Sequence[SliceRow], answers: Mapping[int, Json], failures: Mapping[int, Fault]
) -> list[Json]:
    """Every page asked for, once: parsed in any of the slices, else with its latest error."""
    found: dict[int, Json] = {}
    for row in rows:
        for page in answers.get(row.id, {}).get("pages", []):
            if page["page"] not in found or "error" in found[page["page"]]:
                found[page["page"]] = page
        if row.id in failures and document.page_count is not None:
            for number in numbers_of(row.slice):
                found.setdefault(number, _missing(number, failures[row.id]))
    if document.page_count is None:
        return [found[number] for number in sorted(found)]
    asked = select_pages(parse_page_ranges(document.pages) if document.pages else None, document.page_count)
    if not found:
        return []
    lost = next(iter(failures.values()), ("PAGE_FAILED", "the page is in no answer"))
    return [found.get(number) or _missing(number, lost) for number in asked]


def _missing(number: int, fault: Fault) -> Json:
    code, message = fault
    return {"page": number, "status": "failed", "error": {"code": code, "message": message, "retryable": False}}


def _fault(page: Json) -> Fault:
    return page["error"]["code"], page["error"]["message"]


def _warnings(document: Document, entries: Sequence[Json]) -> list[Any]:
    """Of the document as a whole, each once."""
    found = {warning["code"]: warning for entry in entries for warning in entry.get("warnings", [])}
    # A slice asks for pages that nobody has counted, or for those only that exist: the document's pages tell.
    found.pop(_BEYOND, None)
    asked = parse_page_ranges(document.pages) if document.pages else None
    if document.page_count is not None and asks_beyond(asked, document.page_count):
        told = f"pages past the end were asked for: the document has {document.page_count}"
        found[_BEYOND] = {"code": _BEYOND, "message": told}
    return list(found.values())
