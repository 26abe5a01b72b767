"""The documents that an agent has parsed, and what it asks about them: outline, pages, matches of a search, figures.

Documents are kept in memory. The one that was used longest ago is dropped when they become too large together. Pure,
apart from that state.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic import BaseModel, Field

from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.results import joined_markdown
from ocr_worker.wire.schema import DocumentResult, EngineInfo, ErrorInfo, Figure, PageResult

_MAX_BYTES = 500_000_000
_MAX_HEADINGS = 500
_EXCERPT_CHARACTERS = 120  # on each side of a match
_START_CHARACTERS = 80  # of a page in an outline
_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")


class Heading(BaseModel):
    """A heading and its level, from 1."""

    level: int
    text: str
    page: int


class PageSummary(BaseModel):
    """A page: its size as text, the numbers of its tables and figures, and its first words or its error."""

    page: int
    characters: int
    tables: int
    figures: int
    start: str = Field(description="First words of the page.")
    error: ErrorInfo | None = None


class Outline(BaseModel):
    """Headings and pages of a document."""

    document_id: str
    headings: list[Heading]
    headings_left_out: int = 0
    pages: list[PageSummary]


class Match(BaseModel):
    """A match of a search, with the text around it."""

    document_id: str
    page: int
    excerpt: str


class Matches(BaseModel):
    """Matches of a search, in reading order. total: all matches, also those that are not listed."""

    total: int
    matches: list[Match]


@dataclass(frozen=True)
class StoredDocument:
    """A parsed document. name: what the agent called it, such as a path."""

    id: str
    name: str
    engine: EngineInfo
    result: DocumentResult
    pages: dict[int, PageResult] = field(repr=False)

    def outline(self) -> Outline:
        """Return headings and pages."""
        headings = [heading for page in self.pages.values() for heading in _headings(page)]
        return Outline(
            document_id=self.id,
            headings=headings[:_MAX_HEADINGS],
            headings_left_out=max(0, len(headings) - _MAX_HEADINGS),
            pages=[_summary(page) for page in self.pages.values()],
        )

    def markdown(self, pages: Iterable[int] | None = None) -> str:
        """Return the Markdown of these pages; default: all. Raises InvalidRequest: a page was not parsed."""
        numbers = list(self.pages) if pages is None else list(pages)
        if missing := [number for number in numbers if number not in self.pages]:
            raise InvalidRequest(
                f"document {self.id} has no page {missing[0]} here; it has {_range_text(list(self.pages))}, of"
                f" {self.result.page_count} in the file: parse it with other `pages`"
            )
        return joined_markdown([self.pages[number] for number in numbers], separator="<!-- page {page} -->")

    def figure(self, name: str) -> Figure:
        """Return a figure with its crop. Raises InvalidRequest: there is none."""
        figures = {figure.name: figure for page in self.pages.values() for figure in page.figures}
        figure = figures.get(name)
        if figure is None:
            raise InvalidRequest(f"document {self.id} has no figure {name!r}")
        if figure.base64 is None:
            raise InvalidRequest(f"the picture of {name} is not in the response: parse fewer pages at once")
        return figure

    def search(self, query: str) -> Iterator[Match]:
        """Yield each match of the query, whatever its case and white space."""
        pattern = re.compile(r"\s+".join(map(re.escape, query.split())), re.IGNORECASE)
        for page in self.pages.values():
            text = page.markdown or ""
            for match in pattern.finditer(text):
                start, end = max(0, match.start() - _EXCERPT_CHARACTERS), match.end() + _EXCERPT_CHARACTERS
                yield Match(document_id=self.id, page=page.page, excerpt=text[start:end].strip())

    @property
    def size(self) -> int:
        """Characters of the document, nearly the bytes in memory."""
        return sum(
            len(page.markdown or "")
            + sum(len(block.content) for block in page.blocks or ())
            + sum(len(figure.base64 or "") for figure in page.figures)
            for page in self.pages.values()
        )


class Library:
    """The parsed documents, by unguessable ids. max_bytes: size of all documents together."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._documents: OrderedDict[str, StoredDocument] = OrderedDict()
        self._max_bytes = max_bytes

    def add(self, result: DocumentResult, name: str, engine: EngineInfo) -> StoredDocument:
        """Keep a document, and drop others if they become too large. The new one is always kept."""
        pages = {page.page: page for page in result.pages}
        document = StoredDocument(secrets.token_hex(8), name, engine, result, pages)
        self._documents[document.id] = document
        while sum(entry.size for entry in self._documents.values()) > self._max_bytes and len(self._documents) > 1:
            self._documents.popitem(last=False)
        return document

    def get(self, document_id: str) -> StoredDocument:
        """Return a document. Raises InvalidRequest: it is unknown, or no longer kept."""
        if document_id not in self._documents:
            raise InvalidRequest(f"no document {document_id!r} is kept here; call parse_document, and use its id")
        self._documents.move_to_end(document_id)
        return self._documents[document_id]

    def search(self, query: str, document_id: str | None, limit: int) -> Matches:
        """Return matches in one document, or in all. Raises InvalidRequest: the query is empty."""
        if not query.strip():
            raise InvalidRequest("the query is empty; search for a word or a phrase")
        documents = [self.get(document_id)] if document_id else list(self._documents.values())
        matches = [match for document in documents for match in document.search(query)]
        return Matches(total=len(matches), matches=matches[:limit])


def crop(figure: Figure) -> bytes:
    """Return the bytes of a figure's picture."""
    return base64.b64decode(figure.base64 or "")


def _headings(page: PageResult) -> Iterator[Heading]:
    fence = ""
    for line in (page.markdown or "").splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and (match := _HEADING.fullmatch(line.strip())):
            yield Heading(level=len(match[1]), text=match[2], page=page.page)


def _summary(page: PageResult) -> PageSummary:
    text = page.markdown or ""
    return PageSummary(
        page=page.page,
        characters=len(text),
        tables=sum(block.label == "table" for block in page.blocks or ()),
        figures=len(page.figures),
        start=" ".join(text[: 4 * _START_CHARACTERS].split())[:_START_CHARACTERS],
        error=page.error,
    )


def _range_text(pages: list[int]) -> str:
    return f"pages {pages[0]} to {pages[-1]}" if len(pages) > 1 else f"page {pages[0]}" if pages else "no page"
