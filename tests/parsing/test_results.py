"""Outcomes to entries: every page asked for has one, and the account can be counted again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.errors import Corrupt, PageFailed, RasterizerCrashed, SourceUnavailable
from ocr_worker.pages import PageOutcome, ParsedPage
from ocr_worker.parsing import results
from ocr_worker.parsing.results import DocumentFacts
from ocr_worker.wire.results import coverage, error_info, job_error
from ocr_worker.wire.schema import Block, DocumentResult, EngineInfo, ParseOptions

OPTIONS = ParseOptions()
ENGINE = EngineInfo(name="double", version="1", backend="none")


def read(number: int) -> PageOutcome:
    page = ParsedPage(10, 20, f"text {number}", [Block(label="text", content=f"text {number}", bbox=(0, 0, 5, 5))])
    return PageOutcome(number, page, 150, (), 0.5)


def failed(number: int) -> PageOutcome:
    return PageOutcome(number, PageFailed("no"))


def document(outcomes: dict[int, PageOutcome], numbers: list[int]) -> DocumentResult:
    return results.document("a", DocumentFacts(9, numbers), outcomes, None, OPTIONS)


def test_a_page_that_was_never_reached_has_an_entry_with_the_reason() -> None:
    """When a document ends early, the pages after it fail with the reason, and what was read stays."""
    crash = RasterizerCrashed("the child died")
    entry = results.document("a", DocumentFacts(3, [1, 2, 3]), {1: read(1)}, crash, OPTIONS)
    assert [page.status for page in entry.pages] == ["succeeded", "failed", "failed"]
    assert entry.status == "partial"
    assert entry.pages[2].error == entry.error == error_info(crash)


def test_markdown_shows_where_a_page_is_missing() -> None:
    """A failed page leaves a comment in the document's Markdown; a reader can see the hole."""
    entry = document({1: read(1), 2: failed(2), 3: read(3)}, [1, 2, 3])
    assert entry.markdown == "text 1\n\n<!-- page 2: PAGE_FAILED -->\n\ntext 3"


def test_a_separator_is_between_all_pages() -> None:
    """With `page_separator` as many parts as pages can be cut from the Markdown, whatever a page holds."""
    options = ParseOptions(page_separator="<!-- page {page} -->")
    outcomes = {2: read(2), 3: PageOutcome(3, ParsedPage(10, 20, "", [])), 4: failed(4)}
    markdown = results.document("a", DocumentFacts(9, [2, 3, 4]), outcomes, None, options).markdown
    assert markdown == "text 2\n\n<!-- page 3 -->\n\n<!-- page 4 -->\n\n<!-- page 4: PAGE_FAILED -->"


def test_formats_choose_what_a_page_holds() -> None:
    """Without "blocks" there are none, without "markdown" there is none."""
    assert results.page(read(1), ParseOptions(formats=["markdown"])).blocks is None
    assert results.page(read(1), ParseOptions(formats=["blocks"])).markdown is None


def test_a_job_of_nothing_but_failures_fails_with_the_first_code() -> None:
    """The job's error carries the first document's code and is worth another try when any document is."""
    documents = [
        results.failed_document("a", Corrupt("broken")),
        results.failed_document("b", SourceUnavailable("come back later")),
    ]
    error = job_error(results.response(ENGINE, documents, {"total": 1.0}))
    assert error is not None
    assert (error.code, error.retryable) == ("DOCUMENT_CORRUPT", True)
    assert "a: broken" in error.message


def test_one_good_document_keeps_the_job_from_failing() -> None:
    """A job with something parsed is partial, never failed."""
    response = results.response(
        ENGINE, [document({1: read(1)}, [1]), results.failed_document("b", Corrupt("broken"))], {"total": 1.0}
    )
    assert response.status == "partial"
    assert job_error(response) is None


outcomes = st.lists(st.lists(st.booleans(), max_size=5), min_size=1, max_size=5)


@given(outcomes)
def test_coverage_is_what_the_entries_say(plan: list[list[bool]]) -> None:
    """Expected is parsed plus failed, and each number is found again by counting the answer's pages."""
    documents = []
    for pages in plan:
        entries = {n: read(n) if good else failed(n) for n, good in enumerate(pages, 1)}
        broken = results.failed_document("a", Corrupt("broken"))
        documents.append(document(entries, list(entries)) if entries else broken)
    counts = coverage(documents)
    assert counts.pages_parsed + counts.pages_failed == counts.pages_expected == sum(map(len, plan))
    assert counts.pages_parsed == sum(map(sum, plan))
    assert counts.documents_failed == sum(not any(pages) for pages in plan)
