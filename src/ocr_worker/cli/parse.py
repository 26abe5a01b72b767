"""`ocr-worker parse`: parse files and URLs in this process, and print Markdown or the JSON response on stdout.

Errors and warnings are printed on stderr, and so is a progress bar if stderr is a terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ocr_worker import log
from ocr_worker.cli import FAILED, OK
from ocr_worker.engines.registry import engine_spec, read_request
from ocr_worker.errors import InvalidRequest
from ocr_worker.parsing.job_host import JobHost
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import load_settings
from ocr_worker.wire.schema import DocumentResult, PageResult, default_id


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("sources", nargs="+", metavar="FILE|URL")
    parser.add_argument("--pages", metavar="RANGES", help='1-based, as in "1-3,8"; of every source')
    parser.add_argument("--json", action="store_true", help="the whole answer instead of Markdown")
    parser.add_argument("--engine", help="instead of OCR_ENGINE")


def run(options: argparse.Namespace) -> int:
    """Parse every source and print the result. Return the exit code."""
    settings = load_settings()
    if options.engine:
        settings = settings.model_copy(update={"engine": options.engine})
    log.configure("ERROR")
    documents = [_make_document(source, options.pages) for source in options.sources]
    request = read_request({"documents": documents}, engine_spec(settings.engine))
    pipeline = Pipeline(settings)
    pipeline.start()
    progress = _ProgressBars(options.sources)
    with progress.display:
        response = asyncio.run(JobHost(pipeline).run(request, "cli", progress.on_page))
    pipeline.close()
    if options.json:
        print(json.dumps(response.model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=2))
    for source, document in zip(options.sources, response.documents, strict=True):
        if document.markdown and not options.json:
            print(document.markdown)
        _print_errors(source, document)
    return OK if response.status == "succeeded" else FAILED


def _print_errors(source: str, document: DocumentResult) -> None:
    name = source.partition("?")[0]
    if document.error and not document.pages:
        print(f"{name}: {document.error.code}: {document.error.message}", file=sys.stderr)
    for page in document.pages:
        for problem in [page.error] if page.error else page.warnings:
            print(f"{name}: page {page.page}: {problem.code}: {problem.message}", file=sys.stderr)
    for warning in document.warnings:
        print(f"{name}: {warning.code}: {warning.message}", file=sys.stderr)


def _make_document(source: str, pages: str | None) -> dict[str, str]:
    """Return a document of a request, for a file's path or a URL. Raises InvalidRequest when a file is unreadable."""
    page_ranges = {"pages": pages} if pages else {}
    if "://" in source:
        return {"url": source, **page_ranges}
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{source}: {error.strerror}") from None
    return {"base64": base64.b64encode(data).decode(), **page_ranges}


class _ProgressBars:
    """Progress bars on stderr, one per source; hidden when stderr is not a terminal."""

    def __init__(self, sources: Sequence[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.display = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._tasks = {
            default_id(number): self.display.add_task(Path(source.partition("?")[0]).name, total=None)
            for number, source in enumerate(sources, start=1)
        }

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Advance the document's bar by a page. See `OnPage`."""
        self.display.update(self._tasks[document_id], total=pages_expected, advance=1)
