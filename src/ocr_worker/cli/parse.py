"""`ocr-worker parse`: parse files and URLs in this process, and write Markdown or the JSON response.

The result goes to stdout or to the file of `--output`; the figures of Markdown go to a folder beside that file. Errors
and warnings are printed on stderr, and so is a progress bar if stderr is a terminal. Everything that can be wrong with
the command line is checked before the engine starts. After Ctrl-C, the result has the pages that are parsed by then; a
second Ctrl-C ends the process at once.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import filterfalse
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from ocr_worker import log, threads
from ocr_worker.cli import FAILED, OK
from ocr_worker.cli.arguments import add_password_arguments, json_object, read_options, read_password
from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.registry import BUILT_IN, engine_spec
from ocr_worker.errors import Cancelled, InvalidRequest, SettingsInvalid
from ocr_worker.exits import INTERRUPTED, Interrupts
from ocr_worker.parsing.job_host import JobHost
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import Settings, load_settings
from ocr_worker.wire.document_files import figure_files
from ocr_worker.wire.figures import move_figures
from ocr_worker.wire.page_ranges import parse_page_ranges
from ocr_worker.wire.results import document_markdown, is_page_cancelled, stop_message
from ocr_worker.wire.schema import (
    MAX_DOCUMENTS,
    DocumentRequest,
    DocumentResult,
    PageResult,
    ParseOptions,
    ParseRequest,
    ParseResponse,
    UploadedDocument,
    default_id,
)

STANDARD_STREAM = "-"  # instead of a file's name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "sources", nargs="+", metavar="FILE|URL", help="PDF or image, http(s) URL, or - for a file on standard input"
    )
    parser.add_argument("--pages", type=_page_ranges, metavar="RANGES", help='pages of every file, such as "1-3,8"')
    parser.add_argument("--dpi", type=_dpi, metavar="N", help="resolution of PDF pages; default: the engine's own")
    add_password_arguments(parser)
    parser.add_argument(
        "--options",
        type=json_object,
        default={},
        metavar="JSON",
        help='any option of a request, such as \'{"figures": "inline"}\'; --dpi takes precedence',
    )
    parser.add_argument("--json", action="store_true", help="write the whole response as JSON instead of Markdown")
    parser.add_argument(
        "-o",
        "--output",
        default=STANDARD_STREAM,
        metavar="FILE",
        help="file for the result; the figures of REPORT.md go to the folder REPORT-figures; default: standard output",
    )
    parser.add_argument(
        "--engine",
        metavar="NAME",
        help=f"{', '.join(BUILT_IN)}, or an engine of your own as module:attribute;"
        f" default: OCR_ENGINE, or {Settings.model_fields['engine'].default}",
    )


def run(options: argparse.Namespace) -> int:
    """Parse every source and write the result. Return the exit code."""
    settings = _load_settings(options.engine)
    spec = engine_spec(settings.engine)
    request_options = _read_options(options, spec)
    spec.check_options(request_options, settings)
    _check_output(options.output, options.sources)
    if options.output != STANDARD_STREAM and not options.json and "figures" not in request_options.model_fields_set:
        request_options = request_options.model_copy(update={"figures": "inline"})
    request = ParseRequest(documents=_read_sources(options), options=request_options)
    log.configure("ERROR")
    return asyncio.run(_parse(Pipeline(settings.for_one_job(len(options.sources))), request, options))


async def _parse(pipeline: Pipeline, request: ParseRequest, options: argparse.Namespace) -> int:
    """Parse every source and write the result. Return the exit code.

    The first pages are fetched and rendered while the engine loads.
    """
    host, progress = JobHost(pipeline), _progress(options.sources)
    pipeline.begin(is_for_one_job=True)
    job = asyncio.create_task(host.run(request, "cli", progress.on_page, progress.on_open))
    try:
        with _loading_display():
            await asyncio.wrap_future(threads.start(pipeline.wait, "pipeline-start"))
    except BaseException:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        raise
    with Interrupts(host.interrupt) as interrupts:
        with progress.display:
            response = await job
        pipeline.close()
        _write(response, options)
        for source, document in zip(options.sources, response.documents, strict=True):
            _print_errors(source, document)
        if interrupts.count:
            unopened_count = sum(not document.pages for document in response.documents)
            print(stop_message(response.coverage, unopened_count), file=sys.stderr)
            return INTERRUPTED
    return OK if response.status == "succeeded" else FAILED


# --------------------------------------------------------------------------- arguments


def _page_ranges(text: str) -> str:
    try:
        parse_page_ranges(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    return text


def _dpi(text: str) -> int:
    try:
        dpi = int(text)
        ParseOptions(dpi=dpi)
    except ValidationError as error:
        limit = error.errors()[0]["msg"].removeprefix("Input ")
        raise argparse.ArgumentTypeError(f"{text} {limit}") from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    return dpi


def _load_settings(engine: str | None) -> Settings:
    """Return the settings, with the engine of `--engine`. Raises InvalidRequest when there is no such engine."""
    settings = load_settings()
    if engine is None:
        return settings
    try:
        engine_spec(engine, "--engine")
    except SettingsInvalid as error:
        raise InvalidRequest(str(error)) from None
    return settings.model_copy(update={"engine": engine})


def _read_options(options: argparse.Namespace, spec: EngineSpec[Any]) -> ParseOptions:
    dpi = {} if options.dpi is None else {"dpi": options.dpi}
    return read_options({**options.options, **dpi}, spec)


def _read_sources(options: argparse.Namespace) -> list[DocumentRequest]:
    """Return the documents of a request. Raises InvalidRequest when there are too many, or a file is unreadable."""
    if len(options.sources) > MAX_DOCUMENTS:
        raise InvalidRequest(
            f"{len(options.sources)} files are too many for one call, the limit is {MAX_DOCUMENTS}:"
            " use ocr-worker batch run FILE... --out DIR --local"
        )
    if options.sources.count(STANDARD_STREAM) > 1:
        raise InvalidRequest("standard input (-) can be read only once")
    password = read_password(options)
    return [_read_source(source, options.pages, password) for source in options.sources]


def _read_source(source: str, pages: str | None, password: str | None) -> DocumentRequest:
    """Return a document of a request, for a file's path, a URL, or standard input."""
    if "://" in source:
        return DocumentRequest(url=source, pages=pages, password=password)
    if source == STANDARD_STREAM:
        data = sys.stdin.buffer.read()
    elif Path(source).is_dir():
        raise InvalidRequest(f"{source} is a folder: use ocr-worker batch run {source} --out DIR --local")
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise InvalidRequest(f"{source}: {error.strerror}") from None
    return UploadedDocument(content=io.BytesIO(data), pages=pages, password=password)


def _check_output(output: str, sources: Sequence[str]) -> None:
    """Raise InvalidRequest when the result could not be written, or would replace one of the sources."""
    if output == STANDARD_STREAM:
        return
    path = Path(output)
    if path.is_dir():
        raise InvalidRequest(f"--output {output} is a folder: name a file in it")
    if not path.absolute().parent.is_dir():
        raise InvalidRequest(f"--output {output}: there is no folder {path.parent}: create it first")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise InvalidRequest(f"--output {output} cannot be written: choose a file in a folder of your own")
    if any(path.absolute() == Path(source).absolute() for source in sources):
        raise InvalidRequest(f"--output {output} would replace a file that is to be parsed: choose another name")


# --------------------------------------------------------------------------- results


def _write(response: ParseResponse, options: argparse.Namespace) -> None:
    """Write the result to standard output or to the file of `--output`, unless nothing was parsed."""
    if options.json:
        text = json.dumps(response.model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=2) + "\n"
    else:
        texts = [
            _write_figures(document, document_markdown(document, _display_name(source)), number, options)
            for number, (source, document) in enumerate(zip(options.sources, response.documents, strict=True), start=1)
        ]
        text = "".join(f"{text}\n" for text in texts if text) if response.status != "failed" else ""
    if options.output == STANDARD_STREAM:
        sys.stdout.write(text)
    elif text:
        try:
            Path(options.output).write_text(text, encoding="utf-8")
        except OSError as error:
            raise InvalidRequest(f"--output {options.output}: {error.strerror}") from None


def _write_figures(document: DocumentResult, markdown: str, number: int, options: argparse.Namespace) -> str:
    """Write the document's figures into a folder beside the file of `--output`. Return the Markdown with their paths.

    number: of the document, which is in the names of the files if there are several documents.
    """
    if options.output == STANDARD_STREAM:
        return markdown
    folder = Path(options.output).with_name(f"{Path(options.output).stem}-figures")
    prefix = f"{number}-" if len(options.sources) > 1 else ""
    addresses = {}
    try:
        for name, file_name, data in figure_files(document):
            folder.mkdir(exist_ok=True)
            (folder / (prefix + file_name)).write_bytes(data)
            addresses[name] = quote(f"{folder.name}/{prefix}{file_name}")
    except OSError as error:
        raise InvalidRequest(f"figures cannot be written to {folder}: {error.strerror}") from None
    return move_figures(markdown, addresses)


def _print_errors(source: str, document: DocumentResult) -> None:
    name = _display_name(source)
    if document.error and not document.pages and document.error.code != Cancelled.code:
        print(f"{name}: {document.error.code}: {document.error.message}", file=sys.stderr)
    for page in filterfalse(is_page_cancelled, document.pages):
        for problem in [page.error] if page.error else page.warnings:
            print(f"{name}: page {page.page}: {problem.code}: {problem.message}", file=sys.stderr)
    for warning in document.warnings:
        print(f"{name}: {warning.code}: {warning.message}", file=sys.stderr)


def _display_name(source: str) -> str:
    """Return the source as messages name it: a URL without its query, which may be secret."""
    return "standard input" if source == STANDARD_STREAM else source.partition("?")[0]


def _loading_display() -> AbstractContextManager[Any]:
    """Return a context manager that shows `loading the engine (4 s)` on stderr, if stderr is a terminal."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("loading the engine ({task.elapsed:.0f} s)"))
    display = Progress(*columns, console=Console(stderr=True), transient=True)
    display.add_task("", total=None)
    return display


def _progress(sources: Sequence[str]) -> _Progress:
    """Return the progress bars; none when stderr is not a terminal, which also saves the time of their import."""
    return _ProgressBars(sources) if sys.stderr.isatty() else _Progress()


class _Progress:
    """A receiver of documents and pages that shows nothing."""

    display: AbstractContextManager[Any] = nullcontext()

    def on_open(self, document_id: str, pages_expected: int) -> None:
        """Do nothing. See `OnOpen`."""

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Do nothing. See `OnPage`."""


class _ProgressBars(_Progress):
    """Progress bars on stderr, one per source."""

    def __init__(self, sources: Sequence[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.display = self._bars = Progress(*columns, console=Console(stderr=True), transient=True)
        self._tasks = {
            default_id(number): self._bars.add_task(Path(_display_name(source)).name, total=None)
            for number, source in enumerate(sources, start=1)
        }

    def on_open(self, document_id: str, pages_expected: int) -> None:
        """Show the document's number of pages. See `OnOpen`."""
        self._bars.update(self._tasks[document_id], total=pages_expected)

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Advance the document's bar by a page. See `OnPage`."""
        self._bars.update(self._tasks[document_id], advance=1)
