"""What a job's answer means for the slices that it carried. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ocr_worker.batch.model import Json, SliceRow
from ocr_worker.batch.plan import PlannedJob, Slice, as_ranges, later_pages, parts
from ocr_worker.wire.page_ranges import parse_page_ranges, select_pages

# Not retryable as it is, but what is left is to be sent again.
_SENT_AGAIN = {"DEADLINE_EXCEEDED"}
# The whole is too much, a half may do.
HALVED = {"RESPONSE_TOO_LARGE", "SOURCE_TOO_LARGE", "JOB_TIMED_OUT"}


def wire_id(row: SliceRow) -> str:
    """What the slice's document is called in a job: the same in every job, so that checkpoints are found again. No job
    holds two slices of a document."""
    return f"document-{row.slice.document}"


def entries_of(output: Json | None, rows: Sequence[SliceRow]) -> dict[int, Json]:
    """Slice -> its document's entry in the answer, with its pages numbered as in the file."""
    documents = output.get("documents") if output else None
    found = {entry.get("id"): entry for entry in documents or () if isinstance(entry, dict)}
    return {row.id: _numbered(found[wire_id(row)], row.slice) for row in rows if wire_id(row) in found}


def _numbered(entry: Json, one: Slice) -> Json:
    """A cut slice's pages were counted from 1."""
    if not one.cut:
        return entry
    numbers = numbers_of(one)
    return {**entry, "pages": [_renumbered(page, numbers) for page in entry.get("pages", [])]}


def _renumbered(page: Json, numbers: Sequence[int]) -> Json:
    old, new = page["page"], numbers[page["page"] - 1]
    names = {
        figure["name"]: figure["name"].replace(f"page-{old}-", f"page-{new}-") for figure in page.get("figures", [])
    }
    figures = [{**figure, "name": names[figure["name"]]} for figure in page.get("figures", [])]
    renumbered = {**page, "page": new, "figures": figures}
    for name, renamed in names.items():
        if text := renumbered.get("markdown"):
            renumbered["markdown"] = text.replace(name, renamed)
    return renumbered


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer comes to. counts: slice -> pages parsed, failed for good, taken from checkpoints. again: slices
    whose pages are worth another try. lengths: document -> its pages, where a slice was sent without knowing."""

    counts: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    again: list[Slice] = field(default_factory=list)
    lengths: dict[int, int] = field(default_factory=dict)


def read(entries: Mapping[int, Json], rows: Sequence[SliceRow], known: Mapping[int, int | None], tries: int) -> Reading:
    """known: document -> pages of the file, None where nobody has looked. tries: most that a slice may have."""
    reading = Reading()
    for row in rows:
        one, entry = row.slice, entries[row.id]
        pages = entry.get("pages", [])
        parsed = sum(page["status"] == "succeeded" for page in pages)
        kept = sum(bool(page.get("from_checkpoint")) for page in pages)
        again = _worth_it(entry, one) if one.attempt < tries else None
        retried = 0
        if again is not None:
            retried = len(again) or one.count
            ranges = as_ranges(again) if again else one.pages
            reading.again.append(Slice(one.document, ranges, retried, one.cut, one.attempt + 1))
        total = len(pages) or (one.count if known[one.document] is not None else 0)
        reading.counts[row.id] = (parsed, max(0, total - parsed - retried), kept)
        if known[one.document] is None and entry.get("page_count"):
            reading.lengths[one.document] = entry["page_count"]
    return reading


def _worth_it(entry: Json, one: Slice) -> list[int] | None:
    """The pages to send again; an empty list: all of them; None: nothing."""
    pages = entry.get("pages", [])
    again = [page["page"] for page in pages if _is_passing(page.get("error"))]
    if not pages:
        return [] if _is_passing(entry.get("error")) else None
    return again or None


def _is_passing(error: Json | None) -> bool:
    return error is not None and (bool(error.get("retryable")) or error.get("code") in _SENT_AGAIN)


def numbers_of(one: Slice) -> list[int]:
    """Its pages."""
    if one.pages is None:
        return list(range(1, one.count + 1))
    ends = [last or first for first, last in parse_page_ranges(one.pages)]
    return select_pages(parse_page_ranges(one.pages), max(ends))


def jobs_for(slices: Sequence[Slice], options: str) -> list[PlannedJob]:
    """A job for each: what failed once is not to fail in company."""
    return [PlannedJob(options, [one]) for one in slices]


def the_rest(document: int, pages: str | None, first: int, page_count: int, options: str) -> list[PlannedJob]:
    """Jobs for a document whose first pages told its length."""
    left = later_pages(pages, first, page_count)
    return jobs_for(
        [Slice(document, as_ranges(part), len(part)) for part in parts(left, first)] if left else [], options
    )


def in_halves(row: SliceRow) -> list[Slice] | None:
    """The slice in two, or None when it has only one page."""
    one, numbers = row.slice, numbers_of(row.slice)
    half = len(numbers) // 2
    if not half:
        return None
    return [
        Slice(one.document, as_ranges(part), len(part), one.cut, one.attempt)
        for part in (numbers[:half], numbers[half:])
    ]
