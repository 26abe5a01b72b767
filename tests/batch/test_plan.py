"""Documents into jobs: every page in exactly one slice, every job within its limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.batch.answers import in_halves, numbers_of
from ocr_worker.batch.model import SliceRow
from ocr_worker.batch.plan import Counted, Packer, PlannedJob, Slice, as_ranges, first_pages, later_pages, travelling
from ocr_worker.wire.page_ranges import parse_page_ranges, select_pages

PAGES, PAYLOAD = 10, 1_000_000


def planned(documents: list[Counted], payload: int = PAYLOAD) -> list[PlannedJob]:
    packer = Packer(PAGES, payload)
    return [job for document in documents for job in packer.add(document)] + packer.rest()


@given(st.lists(st.tuples(st.integers(1, 3_000_000), st.integers(1, 60), st.sampled_from(["{}", '{"dpi": 100}']))))
def test_every_page_is_in_one_slice_and_every_job_within_its_limits(found: list[tuple[int, int, str]]) -> None:
    """Whatever comes: no page is lost or doubled, no job has too many pages, documents, bytes or two kinds of options,
    and no document twice."""
    documents = [Counted(number, size, pages, None, options) for number, (size, pages, options) in enumerate(found)]
    jobs = planned(documents)
    pages = [(one.document, page) for job in jobs for one in job.slices for page in numbers_of(one)]
    assert sorted(pages) == [(d.id, page) for d in documents for page in range(1, (d.page_count or 0) + 1)]
    for job in jobs:
        assert job.pages <= PAGES or len(job.slices) == 1
        assert len({one.document for one in job.slices}) == len(job.slices) <= 64
        assert job.bytes <= PAYLOAD or all(one.cut for one in job.slices)
        assert {documents[one.document].options for one in job.slices} == {job.options}


def test_short_documents_travel_together_and_long_ones_in_even_parts() -> None:
    """Twelve pages of three documents make two jobs; a document of 23 pages makes three of 8, 7 and 8."""
    short = planned([Counted(number, 100, 4, None, "{}") for number in range(3)])
    assert [[one.document for one in job.slices] for job in short] == [[0, 1], [2]]
    assert [one.pages for job in planned([Counted(1, 100, 23, None, "{}")]) for one in job.slices] == [
        "1-7",
        "8-15",
        "16-23",
    ]


def test_a_file_too_large_for_a_job_is_cut() -> None:
    """What does not fit travels as parts of so few pages that each fits; one that fits is sent whole each time."""
    size = 3_000_000
    jobs = planned([Counted(1, size, 30, None, "{}")])
    assert all(one.cut for job in jobs for one in job.slices)
    assert all(travelling(size) * one.count / 30 <= PAYLOAD for job in jobs for one in job.slices)
    assert not any(one.cut for job in planned([Counted(1, 300_000, 30, None, "{}")]) for one in job.slices)


@given(st.sampled_from([None, "1-", "5-", "3,7-9,20-", "30-", "2", "9,1-3"]), st.integers(1, 60))
def test_a_document_of_unknown_length_is_read_in_two_steps(pages: str | None, page_count: int) -> None:
    """The first pages and those that follow once the length is known are together what was asked for, each once."""
    first = select_pages(parse_page_ranges(first_pages(pages, PAGES)), page_count)
    later = later_pages(pages, PAGES, page_count)
    asked = select_pages(parse_page_ranges(pages) if pages else None, page_count)
    assert sorted([*first, *later]) == asked


@given(st.sets(st.integers(1, 200), min_size=1))
def test_ranges_say_what_they_were_made_from(numbers: set[int]) -> None:
    """Numbers written as ranges are read back as the same numbers, and halves hold them all."""
    text = as_ranges(sorted(numbers))
    one = Slice(1, text, len(numbers))
    assert numbers_of(one) == sorted(numbers)
    halves = in_halves(SliceRow(1, 1, one))
    assert (halves is None) is (len(numbers) == 1)
    assert sorted(number for half in halves or [one] for number in numbers_of(half)) == sorted(numbers)
