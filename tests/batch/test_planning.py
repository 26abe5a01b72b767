"""Documents into jobs: every page in exactly one slice, every job within its limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.batch.model import PlannedJob, Slice
from ocr_worker.batch.planning import CountedDocument, Packer, encoded_size, first_pages, halve, later_pages
from ocr_worker.wire.page_ranges import parse_page_ranges, select_pages

PAGES, PAYLOAD = 10, 1_000_000


def planned(documents: list[CountedDocument], payload: int = PAYLOAD) -> list[PlannedJob]:
    packer = Packer(PAGES, payload)
    return [job for document in documents for job in packer.add(document)] + packer.flush()


@given(st.lists(st.tuples(st.integers(1, 3_000_000), st.integers(1, 60), st.sampled_from(["{}", '{"dpi": 100}']))))
def test_every_page_is_in_one_slice_and_every_job_within_its_limits(files: list[tuple[int, int, str]]) -> None:
    """Whatever comes: no page is lost or doubled, no job has too many pages, documents, bytes or two kinds of options,
    and no document twice."""
    documents = [
        CountedDocument(number, size, pages, None, options) for number, (size, pages, options) in enumerate(files)
    ]
    jobs = planned(documents)
    pages = [(part.document, page) for job in jobs for part in job.slices for page in part.pages]
    assert sorted(pages) == [(d.id, page) for d in documents for page in range(1, (d.page_count or 0) + 1)]
    for job in jobs:
        assert job.page_count <= PAGES or len(job.slices) == 1
        assert len({part.document for part in job.slices}) == len(job.slices) <= 64
        assert job.size <= PAYLOAD or all(part.is_cut for part in job.slices)
        assert {documents[part.document].options for part in job.slices} == {job.options}


def test_short_documents_travel_together_and_long_ones_in_even_parts() -> None:
    """Twelve pages of three documents make two jobs; a document of 23 pages makes three of 7, 8 and 8."""
    short = planned([CountedDocument(number, 100, 4, None, "{}") for number in range(3)])
    assert [[part.document for part in job.slices] for job in short] == [[0, 1], [2]]
    assert [part.pages for job in planned([CountedDocument(1, 100, 23, None, "{}")]) for part in job.slices] == [
        tuple(range(1, 8)),
        tuple(range(8, 16)),
        tuple(range(16, 24)),
    ]


def test_a_file_too_large_for_a_job_is_cut() -> None:
    """A file too large for a job is sent in parts that fit; a file that fits is always sent complete."""
    size = 3_000_000
    jobs = planned([CountedDocument(1, size, 30, None, "{}")])
    assert all(part.is_cut for job in jobs for part in job.slices)
    assert all(encoded_size(size) * len(part.pages) / 30 <= PAYLOAD for job in jobs for part in job.slices)
    small = planned([CountedDocument(1, 300_000, 30, None, "{}")])
    assert not any(part.is_cut for job in small for part in job.slices)


@given(st.sampled_from([None, "1-", "5-", "3,7-9,20-", "30-", "2", "9,1-3"]), st.integers(1, 60))
def test_a_document_of_unknown_length_is_read_in_two_steps(pages: str | None, page_count: int) -> None:
    """The first pages and those that follow once the length is known are together what was asked for, each once."""
    ranges = parse_page_ranges(pages) if pages else None
    first = [page for page in first_pages(ranges, PAGES) if page <= page_count]
    assert len(first) <= PAGES
    assert sorted([*first, *later_pages(ranges, PAGES, page_count)]) == select_pages(ranges, page_count)


@given(st.sets(st.integers(1, 200), min_size=1))
def test_halves_hold_all_pages(numbers: set[int]) -> None:
    """The halves of a slice hold its pages, each once, about as many each; one page has no halves."""
    part = Slice(1, tuple(sorted(numbers)), is_cut=True, attempt=2)
    halves = halve(part)
    assert (halves == []) is (len(numbers) == 1)
    assert [page for half in halves or [part] for page in half.pages] == sorted(numbers)
    assert max(len(half.pages) for half in halves or [part]) <= (len(numbers) + 1) // 2
    assert {(half.document, half.is_cut, half.attempt) for half in halves or [part]} == {(1, True, 2)}
