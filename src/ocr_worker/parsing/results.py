"""Build the results of a job from its page outcomes: pages, then documents, then the response.

The functions are pure; `pipeline` calls them with finished outcomes. Facts that can be derived from results alone, such
as coverage and status, are in `wire.results`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr_worker.errors import OcrWorkerError, PageFailed
from ocr_worker.pages import PageOutcome
from ocr_worker.wire.results import coverage, error_info, joined_markdown, overall_status
from ocr_worker.wire.schema import (
    DocumentResult,
    EngineInfo,
    PageResult,
    PageWarning,
    ParseOptions,
    ParseResponse,
    Timing,
)


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """Facts about an open document.

    page_count: number of pages in the file. numbers: numbers of the requested pages, in order.
    """

    page_count: int
    numbers: Sequence[int]
    warnings: Sequence[PageWarning] = ()


def page(outcome: PageOutcome, options: ParseOptions) -> PageResult:
    """Return the result of a page, with the formats that `options.formats` lists."""
    parsed = outcome.result
    if isinstance(parsed, OcrWorkerError):
        return PageResult(page=outcome.number, status="failed", error=error_info(parsed))
    verification = outcome.verification
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
        verified=verification.is_verified if verification else None,
        ink_coverage=verification.ink_coverage if verification else None,
        regions_reread=verification.regions_reread if verification else None,
        image=parsed.image,
        seconds=round(outcome.seconds, 4),
        from_checkpoint=outcome.from_checkpoint,
        warnings=[*outcome.warnings, *parsed.warnings, *(verification.warnings if verification else ())],
    )


def failed_document(name: str, error: OcrWorkerError) -> DocumentResult:
    """Return the result of a document that could not be opened."""
    return DocumentResult(id=name, status="failed", error=error_info(error))


def missing_outcomes(
    facts: DocumentFacts, outcomes: Mapping[int, PageOutcome], error: OcrWorkerError | None
) -> list[PageOutcome]:
    """Return a failed outcome for each requested page without one. error: why the document ended early, if it did."""
    page_error = error or PageFailed("the job ended before this page was parsed")
    return [PageOutcome(number, page_error) for number in facts.numbers if number not in outcomes]


def document(
    name: str,
    facts: DocumentFacts,
    outcomes: Mapping[int, PageOutcome],
    error: OcrWorkerError | None,
    options: ParseOptions,
) -> DocumentResult:
    """Return the result of a document that was opened. It has an entry for every requested page.

    error: why the document ended early, if it did; pages without an outcome get it.
    """
    complete_outcomes = {**outcomes, **{entry.number: entry for entry in missing_outcomes(facts, outcomes, error)}}
    pages = [page(complete_outcomes[number], options) for number in facts.numbers]
    parsed_count = sum(result.status == "succeeded" for result in pages)
    first_error = next((result.error for result in pages if result.error), None)
    return DocumentResult(
        id=name,
        status=overall_status(parsed_count, len(pages)),
        page_count=facts.page_count,
        markdown=joined_markdown(pages, options.page_separator)
        if "markdown" in options.formats and parsed_count
        else None,
        pages=pages,
        warnings=list(facts.warnings),
        error=error_info(error) if error else None if parsed_count else first_error,
    )


def response(engine: EngineInfo, documents: list[DocumentResult], seconds: Mapping[str, float]) -> ParseResponse:
    """Return the response of a job. seconds: seconds by stage, as in `Timing`."""
    counts = coverage(documents)
    complete_count, document_count = sum(entry.status == "succeeded" for entry in documents), len(documents)
    is_partial = counts.pages_parsed and complete_count < document_count
    return ParseResponse(
        status="partial" if is_partial else overall_status(complete_count, document_count),
        engine=engine,
        documents=documents,
        coverage=counts,
        timing=Timing(**{stage: round(value, 3) for stage, value in seconds.items()}),
    )
