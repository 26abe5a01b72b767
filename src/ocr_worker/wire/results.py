"""From outcomes to the entries of an answer: pages, documents, coverage, the job's status. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr_worker.engines.base import ParsedPage
from ocr_worker.errors import OcrWorkerError, PageFailed
from ocr_worker.wire.schema import (
    Coverage,
    DocumentResult,
    EngineInfo,
    ErrorInfo,
    PageResult,
    PageWarning,
    ParseOptions,
    ParseResponse,
    Status,
    Timing,
)


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What is known of a document once it is open: pages in the file, the pages asked for, warnings."""

    page_count: int
    numbers: Sequence[int]
    warnings: Sequence[PageWarning] = ()


def error_info(error: OcrWorkerError) -> ErrorInfo:
    """The error as callers see it."""
    return ErrorInfo(code=error.code, message=str(error), retryable=error.retryable)


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What became of a page. warnings: from rendering; seconds: of the engine; from_checkpoint: in an earlier run."""

    number: int
    result: ParsedPage | OcrWorkerError
    dpi: float | None = None
    warnings: Sequence[PageWarning] = ()
    seconds: float = 0.0
    from_checkpoint: bool = False


def page(outcome: PageOutcome, options: ParseOptions) -> PageResult:
    """The entry of a page; it holds what `options.formats` asks for."""
    parsed = outcome.result
    if isinstance(parsed, OcrWorkerError):
        return PageResult(page=outcome.number, status="failed", error=error_info(parsed))
    return PageResult(
        page=outcome.number,
        status="succeeded",
        width=parsed.width,
        height=parsed.height,
        dpi=outcome.dpi,
        text_source=parsed.text_source,
        markdown=parsed.markdown if "markdown" in options.formats else None,
        blocks=parsed.blocks if "blocks" in options.formats else None,
        figures=parsed.figures,
        image=parsed.image,
        seconds=round(outcome.seconds, 4),
        from_checkpoint=outcome.from_checkpoint,
        warnings=[*outcome.warnings, *parsed.warnings],
    )


def failed_document(name: str, error: OcrWorkerError) -> DocumentResult:
    """The entry of a document that could not be opened."""
    return DocumentResult(id=name, status="failed", error=error_info(error))


def document(
    name: str,
    facts: DocumentFacts,
    outcomes: Mapping[int, PageOutcome],
    fault: OcrWorkerError | None,
    options: ParseOptions,
) -> DocumentResult:
    """The entry of a document that was opened: every page asked for has its entry.

    Pages that were never reached get `fault`, the reason the document ended early.
    """
    lost = fault or PageFailed("the page was not reached")
    entries = [page(outcomes.get(number) or PageOutcome(number, lost), options) for number in facts.numbers]
    parsed = sum(entry.status == "succeeded" for entry in entries)
    first_error = next((entry.error for entry in entries if entry.error), None)
    return DocumentResult(
        id=name,
        status=_status(parsed, len(entries)),
        page_count=facts.page_count,
        markdown=_joined(entries) if "markdown" in options.formats and parsed else None,
        pages=entries,
        warnings=list(facts.warnings),
        error=error_info(fault) if fault else None if parsed else first_error,
    )


def _joined(pages: Sequence[PageResult]) -> str:
    """The pages' Markdown, in order; a comment stands where a page is missing, so that the hole can be seen."""
    parts = [f"<!-- page {page.page}: {page.error.code} -->" if page.error else page.markdown or "" for page in pages]
    return "\n\n".join(part for part in parts if part)


def response(engine: EngineInfo, documents: list[DocumentResult], seconds: Mapping[str, float]) -> ParseResponse:
    """The whole answer."""
    counts = coverage(documents)
    whole = sum(entry.status == "succeeded" for entry in documents)
    return ParseResponse(
        status="partial" if counts.pages_parsed and whole < len(documents) else _status(whole, len(documents)),
        engine=engine,
        documents=documents,
        coverage=counts,
        timing=Timing(**{stage: round(value, 3) for stage, value in seconds.items()}),
    )


def coverage(documents: Sequence[DocumentResult]) -> Coverage:
    """The account of a job, counted from its entries."""
    pages = [page for entry in documents for page in entry.pages]
    parsed = sum(page.status == "succeeded" for page in pages)
    return Coverage(
        documents_expected=len(documents),
        documents_failed=sum(entry.status == "failed" for entry in documents),
        pages_expected=len(pages),
        pages_parsed=parsed,
        pages_failed=len(pages) - parsed,
    )


def job_error(response: ParseResponse) -> ErrorInfo | None:
    """Why the job as a whole failed: nothing of it was parsed. None when anything was.

    The code is the first document's; the job is worth another try when any document is.
    """
    if response.status != "failed":
        return None
    failed = [(entry.id, entry.error) for entry in response.documents if entry.error]
    name, first = failed[0]
    more = f" (and {len(failed) - 1} more documents, each with its error)" if len(failed) > 1 else ""
    message = f"nothing was parsed; {name}: {first.message}{more}"
    return ErrorInfo(code=first.code, message=message, retryable=any(error.retryable for _, error in failed))


def _status(done: int, expected: int) -> Status:
    if done == expected:
        return "succeeded"
    return "partial" if done else "failed"
