"""The tools and resources of the MCP server, on the official `mcp` package.

A tool returns data that an agent reads as JSON. `parse_document` returns the text of a short document, and of a long
one its beginning: the agent continues with `outline`, `search` and `read_page`. Pictures are resources, which a client
reads when it wants them. An error is the result of a tool: code, message, and whether the same call can succeed later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, unquote

from pydantic import BaseModel, Field

from ocr_worker import __version__, extras
from ocr_worker.errors import InvalidRequest, OcrWorkerError, SourceRejected, as_worker_error
from ocr_worker.mcp_server.library import Library, Matches, Outline, StoredDocument, crop
from ocr_worker.mcp_server.parsers import Parser
from ocr_worker.sources.documents import Source
from ocr_worker.wire import source_text
from ocr_worker.wire.results import error_of, job_error
from ocr_worker.wire.schema import EngineInfo, ErrorInfo, PageWarning, Status

with extras.needed_by("the MCP server", "mcp"):
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
    from mcp_types import CallToolResult, ResourceLink, TextContent

Value = TypeVar("Value")

URI = "ocr://documents"
INSTRUCTIONS = (
    "Reads PDFs and images, scanned ones too. Call parse_document first. For a long document, call outline, then"
    " search or read_page. Figures and the whole result are resources; parse_document returns their addresses."
)
_TEXT_CHARACTERS = 20_000  # of a document in the result of parse_document; an agent's context is limited
_MAX_PAGES = 20  # in one call of read_page
_MAX_MATCHES = 100


class PageProblem(BaseModel):
    """A page that failed, or has a warning."""

    page: int
    error: ErrorInfo | None = None
    warnings: list[PageWarning] = []


class FigureLink(BaseModel):
    """A figure, and the address of its picture."""

    name: str
    page: int
    uri: str


class ParsedDocument(BaseModel):
    """The result of parse_document."""

    document_id: str = Field(description="For outline, read_page and search.")
    status: Status = Field(description="`partial`: some pages failed.")
    engine: EngineInfo
    page_count: int | None = Field(description="Pages of the file.")
    pages_parsed: list[int]
    problems: list[PageProblem] = Field(description="Pages that failed or have warnings.")
    warnings: list[PageWarning]
    markdown: str
    is_complete: bool = Field(description="False: `markdown` is only the beginning; continue with read_page.")
    figures: list[FigureLink]


class PageText(BaseModel):
    """The text of some pages."""

    document_id: str
    first_page: int
    last_page: int
    markdown: str
    figures: list[FigureLink]


def create_server(parser: Parser, root: Path | None, *, has_paths: bool = True) -> Any:
    """Return the server.

    parser: runs the jobs. root: folder whose files may be read; None: every file. has_paths: False for clients
    elsewhere, who must not read files of this machine.
    """
    server = MCPServer(
        "ocr-worker", title="OCR worker", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING"
    )
    tools = _Tools(parser, root, has_paths=has_paths)
    for tool in (tools.parse_document, tools.outline, tools.read_page, tools.search):
        server.add_tool(_with_typed_errors(tool))
    resources: list[tuple[str, str, str, Callable[..., Any]]] = [
        ("markdown", "text/markdown", "The document as Markdown.", tools.markdown_resource),
        ("json", "application/json", "The result as JSON: blocks with boxes, warnings, errors.", tools.json_resource),
        ("pages/{page}", "text/markdown", "One page as Markdown.", tools.page_resource),
        ("figures/{name}", "image/jpeg", "The picture of a figure.", tools.figure_resource),
    ]
    for path, media_type, description, function in resources:
        add = server.resource(f"{URI}/{{document_id}}/{path}", description=description, mime_type=media_type)
        add(_with_resource_errors(function))
    return server


class _Tools:
    """The tools' functions, whose docstrings the agent reads, and those of the resources."""

    def __init__(self, parser: Parser, root: Path | None, *, has_paths: bool) -> None:
        self._parser = parser
        self._root = root
        self._has_paths = has_paths
        self._library = Library()

    async def parse_document(
        self,
        ctx: Context,
        path: Annotated[str | None, Field(description="Path of a file on the server's machine.")] = None,
        url: Annotated[str | None, Field(description="http(s) URL or data URI.")] = None,
        base64: Annotated[str | None, Field(description="Bytes of the file in base64.")] = None,
        pages: Annotated[str | None, Field(description="Pages from 1, such as `1-3,8`. Default: all.")] = None,
        password: Annotated[str | None, Field(description="Password of an encrypted PDF.")] = None,
        options: Annotated[
            dict[str, Any] | None, Field(description='Options of a request, such as `{"dpi": 300}`.')
        ] = None,
    ) -> Annotated[CallToolResult, ParsedDocument]:
        """Parse a PDF or an image into Markdown. Give exactly one of path, url and base64."""
        source, name = await asyncio.to_thread(self._source, path, url, base64)

        async def progress(done_count: int, total_count: int) -> None:
            with suppress(Exception):  # a client that does not listen must not stop the job
                await ctx.report_progress(done_count, total_count, f"page {done_count} of {total_count}")

        response = await self._parser.parse(
            source, pages=pages, password=password, options={"figures": "inline"} | (options or {}), progress=progress
        )
        if error := job_error(response):
            raise error_of(error)
        document = self._library.add(response.documents[0], name, response.engine)
        return _parse_result(document)

    async def outline(self, document_id: str) -> Outline:
        """Return the headings of a parsed document, and for each page its size, tables, figures and first words."""
        return self._library.get(document_id).outline()

    async def read_page(
        self,
        document_id: str,
        page: Annotated[int, Field(ge=1, description="Number of the page, from 1.")],
        last_page: Annotated[
            int | None, Field(ge=1, description=f"Last page, to read up to {_MAX_PAGES} at once. Default: `page`.")
        ] = None,
    ) -> PageText:
        """Return the Markdown of one page of a parsed document, or of some pages in a row."""
        document = self._library.get(document_id)
        last_page = page if last_page is None else last_page
        if not page <= last_page < page + _MAX_PAGES:
            raise InvalidRequest(f"last_page is from {page} to {page + _MAX_PAGES - 1}, not {last_page}")
        numbers = range(page, last_page + 1)
        return PageText(
            document_id=document_id,
            first_page=page,
            last_page=last_page,
            markdown=document.markdown(numbers),
            figures=[link for link in _figure_links(document) if link.page in numbers],
        )

    async def search(
        self,
        query: Annotated[str, Field(description="A word or a phrase. Case and line breaks do not matter.")],
        document_id: Annotated[str | None, Field(description="Default: all parsed documents.")] = None,
        max_results: Annotated[int, Field(ge=1, le=_MAX_MATCHES)] = 20,
    ) -> Matches:
        """Find text in parsed documents. Returns the page of each match and the text around it."""
        return self._library.search(query, document_id, max_results)

    # ----------------------------------------------------------------- resources

    async def markdown_resource(self, document_id: str) -> str:
        return self._library.get(document_id).markdown()

    async def json_resource(self, document_id: str) -> str:
        without_crops: Any = {"pages": {"__all__": {"figures": {"__all__": {"base64"}}}}}
        return self._library.get(document_id).result.model_dump_json(exclude_none=True, exclude=without_crops)

    async def page_resource(self, document_id: str, page: int) -> str:
        return self._library.get(document_id).markdown([page])

    async def figure_resource(self, document_id: str, name: str) -> bytes:
        return crop(self._library.get(document_id).figure(unquote(name)))

    # ----------------------------------------------------------------- sources

    def _source(self, path: str | None, url: str | None, base64: str | None) -> tuple[Source, str]:
        """Return the source of a call, and its name. Raises InvalidRequest, SourceRejected."""
        if sum(value is not None for value in (path, url, base64)) != 1:
            raise InvalidRequest("give exactly one of `path`, `url` and `base64`")
        if path is not None:
            return self._path(path), path
        if base64 is not None:
            try:
                return source_text.decode(source_text.clean(base64)), "base64"
            except ValueError as error:
                raise SourceRejected(f"`base64` {error}") from None
        text = source_text.clean(url or "")
        problem = source_text.find_problem(url=text, base64=None)
        if problem:
            raise SourceRejected(f"`url` {problem}")
        return text, text.partition("?")[0][:200]

    def _path(self, text: str) -> Path:
        if not self._has_paths:
            raise SourceRejected("files of this machine are closed to clients over HTTP; send `base64` or `url`")
        path = Path(text).expanduser()
        if self._root is None:
            return path
        path = (self._root / path).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise SourceRejected(f"{text} is outside of the folder that may be read, {self._root}")
        return path


def _parse_result(document: StoredDocument) -> CallToolResult:
    """Return the result of parse_document, with links to the resources of the document."""
    text = document.markdown()
    base = f"{URI}/{document.id}"
    figures = _figure_links(document)
    result = ParsedDocument(
        document_id=document.id,
        status=document.result.status,
        engine=document.engine,
        page_count=document.result.page_count,
        pages_parsed=[page.page for page in document.pages.values() if page.status == "succeeded"],
        problems=[
            PageProblem(page=page.page, error=page.error, warnings=page.warnings)
            for page in document.pages.values()
            if page.error or page.warnings
        ],
        warnings=document.result.warnings,
        markdown=text[:_TEXT_CHARACTERS],
        is_complete=len(text) <= _TEXT_CHARACTERS,
        figures=figures,
    )
    links = [
        ResourceLink(type="resource_link", uri=f"{base}/markdown", name="markdown", mime_type="text/markdown"),
        ResourceLink(type="resource_link", uri=f"{base}/json", name="json", mime_type="application/json"),
        *(ResourceLink(type="resource_link", uri=link.uri, name=link.name, mime_type="image/jpeg") for link in figures),
    ]
    content = [TextContent(type="text", text=result.model_dump_json(indent=1)), *links]
    return CallToolResult(content=content, structured_content=result.model_dump(mode="json"))


def _figure_links(document: StoredDocument) -> list[FigureLink]:
    base = f"{URI}/{document.id}/figures"
    return [
        FigureLink(name=figure.name, page=page.page, uri=f"{base}/{quote(figure.name, safe='')}")
        for page in document.pages.values()
        for figure in page.figures
    ]


# --------------------------------------------------------------------------- errors


def error_text(error: OcrWorkerError) -> str:
    """Return an error as an agent reads it: code, message, and whether a retry can succeed."""
    return f"{error.code}: {error} (retryable: {'yes' if error.retryable else 'no'})"


def _with_typed_errors(function: Callable[..., Awaitable[Value]]) -> Callable[..., Awaitable[Value]]:
    """Return the tool's function with every error of ours as the tool's result."""

    @wraps(function)
    async def tool(*arguments: Any, **fields: Any) -> Value:
        try:
            return await function(*arguments, **fields)
        except OcrWorkerError as error:
            raise ToolError(error_text(error)) from None
        except Exception as error:
            raise ToolError(error_text(as_worker_error(error))) from error

    return tool


def _with_resource_errors(function: Callable[..., Awaitable[Value]]) -> Callable[..., Awaitable[Value]]:
    @wraps(function)
    async def resource(*arguments: Any, **fields: Any) -> Value:
        try:
            return await function(*arguments, **fields)
        except OcrWorkerError as error:
            raise ResourceNotFoundError(error_text(error)) from None

    return resource
