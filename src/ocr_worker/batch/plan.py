"""How documents become jobs: long ones are cut into slices, short ones packed together, so that jobs are even. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ocr_worker.wire.page_ranges import parse_page_ranges, select_pages
from ocr_worker.wire.schema import MAX_DOCUMENTS

_JSON_BYTES = 2_000  # of a document beside its bytes, generously
_MOST_PAGES = 10_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """A document as far as it is known before anybody has read it. size: bytes that travel with a job, 0 for a URL.

    page_count: of the file; None for a URL. options: as JSON, so that equal ones are equal text.
    """

    id: int
    size: int
    page_count: int | None
    pages: str | None
    options: str

    @property
    def numbers(self) -> list[int]:
        """The pages asked for, as far as they exist."""
        if self.page_count is None:
            return []
        return list(select_pages(parse_page_ranges(self.pages) if self.pages else None, self.page_count))


@dataclass(frozen=True, slots=True)
class Slice:
    """Some pages of a document. pages: ranges without an open end; None: all. count: how many, as far as it is known.
    cut: only these pages travel, since the file as a whole is too large for a job."""

    document: int
    pages: str | None
    count: int
    cut: bool = False
    attempt: int = 1


@dataclass(slots=True)
class PlannedJob:
    """Slices that travel together: of equal options, within the limits of a job."""

    options: str
    slices: list[Slice] = field(default_factory=list)
    bytes: int = 0

    @property
    def pages(self) -> int:
        """Pages in it."""
        return sum(one.count for one in self.slices)


class Packer:
    """Puts slices into jobs in the order they come. pages: most of a job; payload: bytes of its input as JSON."""

    def __init__(self, pages: int, payload: int) -> None:
        self._most_pages = pages
        self._payload = payload
        self._open: PlannedJob | None = None

    def add(self, document: Counted) -> list[PlannedJob]:
        """The jobs that are full now that the document is in: a job for each slice of a long one, or that of the short
        ones before it."""
        slices = list(self._slices(document))
        if len(slices) > 1:
            return [PlannedJob(document.options, [one]) for one, _ in slices]
        ((one, size),) = slices
        full = [] if self._fits(document.options, one, size) else self.rest()
        self._open = self._open or PlannedJob(document.options)
        self._open.slices.append(one)
        self._open.bytes += size
        return full

    def rest(self) -> list[PlannedJob]:
        """The job that is not full yet, if there is one."""
        job, self._open = self._open, None
        return [job] if job else []

    def _fits(self, options: str, one: Slice, size: int) -> bool:
        job = self._open
        return job is None or (
            job.options == options
            and job.pages + one.count <= self._most_pages
            and job.bytes + size <= self._payload
            and len(job.slices) < MAX_DOCUMENTS
        )

    def _slices(self, document: Counted) -> Iterator[tuple[Slice, int]]:
        size = travelling(document.size)
        if document.page_count is None:
            yield Slice(document.id, first_pages(document.pages, self._most_pages), self._most_pages), size
            return
        numbers = document.numbers
        cut = size > self._payload
        if len(numbers) <= self._most_pages and not cut:
            yield Slice(document.id, as_ranges(numbers) if document.pages else None, len(numbers)), size
            return
        a_page = size / document.page_count
        most = max(1, min(self._most_pages, int(0.8 * self._payload / a_page))) if cut else self._most_pages
        for part in parts(numbers, most):
            yield Slice(document.id, as_ranges(part), len(part), cut), int(a_page * len(part)) if cut else size


def travelling(size: int) -> int:
    """Bytes that a file of so many takes in a job's JSON, as base64."""
    return -(-size // 3) * 4 + _JSON_BYTES


def parts(numbers: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    """The pages in even parts of at most `most`."""
    count = -(-len(numbers) // most)
    for index in range(count):
        yield numbers[index * len(numbers) // count : (index + 1) * len(numbers) // count]


def as_ranges(numbers: Sequence[int]) -> str:
    """Sorted page numbers as text: `1-3,8`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def first_pages(pages: str | None, most: int) -> str:
    """The first pages asked for of a document of unknown length."""
    return as_ranges(_first(pages, most))


def later_pages(pages: str | None, most: int, page_count: int) -> list[int]:
    """What is left of them, now that its length is known."""
    asked = select_pages(parse_page_ranges(pages) if pages else None, page_count)
    done = set(_first(pages, most))
    return [number for number in asked if number not in done]


def _first(pages: str | None, most: int) -> list[int]:
    if pages is None:
        return list(range(1, most + 1))
    found: list[int] = []
    for first, last in parse_page_ranges(pages):
        end = min(last or _MOST_PAGES, first + most)
        found += [number for number in range(first, end + 1) if number not in found]
    return sorted(found)[:most]
