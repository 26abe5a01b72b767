"""Derive facts from results: errors, coverage, status, and the Markdown of all pages as one text.

The functions are pure. The pipeline uses them to build a response, and every caller of the pipeline uses `error_info`
and `job_error` to report errors.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.errors import JobFailed, OcrWorkerError, error_types
from ocr_worker.wire.schema import Coverage, DocumentResult, ErrorInfo, PageResult, ParseResponse, Status


def error_info(error: OcrWorkerError) -> ErrorInfo:
    """Return the error as callers see it."""
    return ErrorInfo(code=error.code, message=str(error), retryable=error.retryable)


def error_of(info: ErrorInfo) -> OcrWorkerError:
    """Return the exception for an error as callers see it, of the class with its code; the inverse of `error_info`.

    A code that only workers of another version know becomes a JobFailed with that code.
    """
    types = {error_type.code: error_type for error_type in error_types()}
    error = types.get(info.code, JobFailed)(info.message)
    error.code, error.retryable = info.code, info.retryable
    return error


def job_error(response: ParseResponse) -> ErrorInfo | None:
    """Return the error of a job of which no page was parsed; None when at least one was.

    The code is the first document's. The error is retryable when any document's error is.
    """
    if response.status != "failed":
        return None
    errors = [(entry.id, entry.error) for entry in response.documents if entry.error]
    name, first_error = errors[0]
    suffix = f" (and {len(errors) - 1} more documents, each with its own error)" if len(errors) > 1 else ""
    message = f"nothing was parsed; {name}: {first_error.message}{suffix}"
    return ErrorInfo(code=first_error.code, message=message, retryable=any(error.retryable for _, error in errors))


def coverage(documents: Sequence[DocumentResult]) -> Coverage:
    """Count the documents and pages that were expected, parsed and failed."""
    pages = [page for entry in documents for page in entry.pages]
    parsed_count = sum(page.status == "succeeded" for page in pages)
    return Coverage(
        documents_expected=len(documents),
        documents_failed=sum(entry.status == "failed" for entry in documents),
        pages_expected=len(pages),
        pages_parsed=parsed_count,
        pages_failed=len(pages) - parsed_count,
    )


def overall_status(parsed_count: int, expected_count: int) -> Status:
    """Return the status of a document or job of which `parsed_count` of `expected_count` parts were parsed."""
    if parsed_count == expected_count:
        return "succeeded"
    return "partial" if parsed_count else "failed"


def joined_markdown(pages: Sequence[PageResult], separator: str | None = None) -> str:
    """Return the pages' Markdown in order. A comment replaces each failed page, so that the gap is visible.

    separator: paragraph between two pages, also beside an empty one; `{page}` in it is the number of the second.
    """
    parts: list[str] = []
    for index, page in enumerate(pages):
        if index and separator:
            parts.append(separator.replace("{page}", str(page.page)))
        parts.append(f"<!-- page {page.page}: {page.error.code} -->" if page.error else page.markdown or "")
    return "\n\n".join(part for part in parts if part)
