"""A document as files: names that stay in their folder, and Markdown that tells of failures."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.wire.document_files import document_files, folder_names
from ocr_worker.wire.results import document_markdown
from ocr_worker.wire.schema import DocumentResult, ErrorInfo, Figure, PageResult

ERROR = ErrorInfo(code="PAGE_FAILED", message="failed", retryable=False)


def good(number: int, *figure_names: str) -> PageResult:
    figures = [Figure(name=name, bbox=(0, 0, 1, 1), base64="AAEC") for name in figure_names]
    return PageResult(page=number, status="succeeded", markdown=f"text {number}", figures=figures)


def bad(number: int) -> PageResult:
    return PageResult(page=number, status="failed", error=ERROR)


@pytest.mark.parametrize(
    ("entry", "markdown"),
    [
        (DocumentResult(id="a", status="succeeded", pages=[good(1)]), "text 1"),
        (DocumentResult(id="a", status="partial", markdown="joined", pages=[good(1), bad(2)]), "joined"),
        (
            DocumentResult(id="a", status="partial", pages=[good(1), bad(2)], error=ERROR),
            "text 1\n\n<!-- page 2: PAGE_FAILED -->",
        ),
        (DocumentResult(id="a", status="failed", error=ERROR), "<!-- document a: PAGE_FAILED -->"),
        (DocumentResult(id="a-->\nb", status="failed", error=ERROR), "<!-- document a- - > b: PAGE_FAILED -->"),
        (DocumentResult(id="a--!>b", status="failed", error=ERROR), "<!-- document a- - !>b: PAGE_FAILED -->"),
        (
            DocumentResult(id="a", status="failed", pages=[bad(1)], error=ERROR),
            "<!-- document a: PAGE_FAILED -->\n\n<!-- page 1: PAGE_FAILED -->",
        ),
    ],
)
def test_markdown_has_a_comment_for_what_failed(entry: DocumentResult, markdown: str) -> None:
    """A failed page has a comment in its place, and a failed document one at its beginning, on one line each."""
    assert document_markdown(entry) == markdown


def test_a_name_that_is_no_text_is_written_as_far_as_it_is() -> None:
    """A file's name that is not UTF-8 does not break the output."""
    entry = DocumentResult(id="a", status="failed", error=ERROR)
    assert document_markdown(entry, "caf\udce9.pdf") == "<!-- document caf?.pdf: PAGE_FAILED -->"


@given(st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=20))
def test_names_of_folders_are_safe_and_unique(ids: list[str]) -> None:
    """Whatever the ids are: each name is one step of a path, on any system, and no two differ in case only."""
    names = folder_names(ids)
    assert len({name.casefold() for name in names}) == len(ids)
    for name in names:
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert not name.startswith((".", " "))
        assert not name.endswith((".", " "))
        assert 0 < len(name.encode()) < 255


@pytest.mark.parametrize("name", ["/etc/a.jpg", "../../a.jpg", "..\\..\\a.jpg", "C:\\a.jpg", "C:a.jpg", "x/../a.jpg"])
def test_names_of_figures_lead_nowhere(name: str) -> None:
    """A figure's file has the last step of its name, with either separator."""
    assert "a.jpg" in dict(document_files(DocumentResult(id="a", status="succeeded", pages=[good(1, name)])))


def test_a_figure_cannot_replace_the_document() -> None:
    """A figure that is named like the Markdown or the JSON is left out, and one without a name has another."""
    entry = DocumentResult(id="a", status="succeeded", pages=[good(1, "document.md", "document.json", "..")])
    files = dict(document_files(entry))
    assert files["document.md"] == b"text 1\n"
    assert json.loads(files["document.json"])["id"] == "a"
    assert set(files) == {"document.md", "document.json", "__"}
