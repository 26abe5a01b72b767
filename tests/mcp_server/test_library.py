"""Questions of an agent about the documents that it parsed."""

from __future__ import annotations

import pytest

from ocr_worker.errors import InvalidRequest
from ocr_worker.mcp_server.library import Library, StoredDocument, crop
from ocr_worker.wire.schema import Block, DocumentResult, EngineInfo, PageResult
from support.wire_service import FAILURE, failed_page, figure, page

ENGINE = EngineInfo(name="double", version="1", backend="none")
TEXT = "# Levels\n\nThe ferry needs\n1.20 m.\n\n```\n# no heading\n```\n\n## Old *Mill* ##\n\nA ferry."
TABLE = Block(label="table", content="<table></table>", bbox=(0, 0, 1, 1))


def stored(library: Library, *pages: PageResult) -> StoredDocument:
    result = DocumentResult(id="document-1", status="succeeded", page_count=9, pages=list(pages))
    return library.add(result, "a.pdf", ENGINE)


def test_an_outline_has_headings_and_pages() -> None:
    """Headings with level and page, not those in code; each page with its tables, figures, first words, or error."""
    outline = stored(Library(), page(2, TEXT, [TABLE], figures=[figure("f.jpg")]), failed_page(3)).outline()
    headings = [(heading.level, heading.text, heading.page) for heading in outline.headings]
    assert headings == [(1, "Levels", 2), (2, "Old *Mill*", 2)]
    assert [(entry.page, entry.tables, entry.figures) for entry in outline.pages] == [(2, 1, 1), (3, 0, 0)]
    assert outline.pages[0].start.startswith("# Levels The ferry needs 1.20 m.")
    assert outline.pages[1].error == FAILURE


def test_pages_are_read_with_their_numbers() -> None:
    """The Markdown of some pages has their numbers between them, and a comment for a page that failed."""
    document = stored(Library(), page(2, "two"), failed_page(3), page(4, "four"))
    assert document.markdown([2]) == "two"
    text = "<!-- page 3: ENGINE_TIMED_OUT -->\n\n<!-- page 4 -->\n\nfour"
    assert document.markdown([3, 4]) == text
    with pytest.raises(InvalidRequest, match="no page 5 here; it has pages 2 to 4, of 9 in the file"):
        document.markdown([5])


@pytest.mark.parametrize(("query", "pages"), [("FERRY", [1, 1, 2]), ("ferry  needs 1.20", [1]), ("(", []), ("a.b", [])])
def test_a_search_ignores_case_and_white_space(query: str, pages: list[int]) -> None:
    """Matches are in reading order, with the page and the text around; signs have no special meaning."""
    library = Library()
    document = stored(library, page(1, TEXT), page(2, "The Ferry Lane"))
    matches = library.search(query, document.id, 10)
    assert [match.page for match in matches.matches] == pages
    assert matches.total == len(pages)
    assert library.search(query, None, 1).total == len(pages)
    assert len(library.search(query, None, 1).matches) == min(1, len(pages))


def test_what_is_not_there_is_an_error() -> None:
    """An unknown document or figure, a figure without a picture, and an empty query are errors that say what to do."""
    library = Library()
    bare = figure("bare.jpg").model_copy(update={"base64": None})
    document = stored(library, page(1, figures=[figure("f.jpg"), bare]))
    assert crop(document.figure("f.jpg"))[:3] == b"\xff\xd8\xff"
    for name, word in (("g.jpg", "has no figure"), ("bare.jpg", "parse fewer pages")):
        with pytest.raises(InvalidRequest, match=word):
            document.figure(name)
    with pytest.raises(InvalidRequest, match="call parse_document"):
        library.get("nothing")
    with pytest.raises(InvalidRequest, match="the query is empty"):
        library.search(" ", None, 10)


def test_the_library_is_bounded() -> None:
    """The document that was used longest ago is dropped; the newest stays, however large it is."""
    library = Library(max_bytes=100)
    first, second = (stored(library, page(1, "x" * 40)) for _ in range(2))
    library.get(first.id)
    third = stored(library, page(1, "x" * 40))
    assert library.get(first.id) is first
    assert library.get(third.id) is third
    with pytest.raises(InvalidRequest):
        library.get(second.id)
    large = stored(library, page(1, "x" * 400))
    assert library.get(large.id) is large
