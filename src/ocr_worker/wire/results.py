"""Derive facts from results: errors, coverage, status, and the Markdown of all pages or documents as one text.

The functions are pure. The pipeline uses them to build a response, and every caller of the pipeline uses `error_info`
and `job_error` to report errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from ocr_worker.errors import Cancelled, JobFailed, OcrWorkerError, error_types
from ocr_worker.wire.page_ranges import format_page_ranges
from ocr_worker.wire.schema import Coverage, DocumentResult, ErrorInfo, PageResult, ParseResponse, Status

# A caller chooses a document's id: in a comment it must not end the comment or its line.
_UNSAFE_IN_COMMENT = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_DASHES = re.compile(r"-(?=[->!])")


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

    One comment replaces all consecutive pages that were not parsed because the job was stopped.
    separator: paragraph between two pages, also beside an empty one; `{page}` in it is the number of the second.
    """
    parts: list[str] = []
    for is_cancelled, group in groupby(pages, is_page_cancelled):
        neighbors = list(group)
        for page in neighbors[:1] if is_cancelled else neighbors:
            if separator and page is not pages[0]:
                parts.append(separator.replace("{page}", str(page.page)))
            parts.append(_cancelled_comment(neighbors) if is_cancelled else _page_markdown(page))
    return "\n\n".join(part for part in parts if part)


def document_markdown(entry: DocumentResult, name: str | None = None, separator: str | None = None) -> str:
    """Return the document's Markdown. Comments replace failed pages, and a failed document begins with one.

    name: of the document in that comment; by default its id. separator: between pages, if they have to be joined.
    """
    text = joined_markdown(entry.pages, separator) if entry.markdown is None else entry.markdown
    if not entry.error or entry.status != "failed":
        return text
    return "\n\n".join(filter(None, (_comment(f"document {name or entry.id}", entry.error.code), text)))


def is_page_cancelled(page: PageResult) -> bool:
    """Return whether the page has no result because its job was stopped."""
    return page.error is not None and page.error.code == Cancelled.code


def stop_message(counts: Coverage, unopened_count: int) -> str:
    """Return what was parsed when a job was stopped, in a line for people. unopened_count: documents without a page."""
    message = f"stopped after {counts.pages_parsed} of {counts.pages_expected} pages"
    if unopened_count == counts.documents_expected:
        return "stopped before the first page"
    return message + (f"; documents that were not opened: {unopened_count}" if unopened_count else "")


def _page_markdown(page: PageResult) -> str:
    return _comment(f"page {page.page}", page.error.code) if page.error else page.markdown or ""


def _cancelled_comment(pages: Sequence[PageResult]) -> str:
    numbers = format_page_ranges(page.page for page in pages)
    return _comment(f"page{'s' * (len(pages) > 1)} {numbers}", Cancelled.code)


def _comment(subject: str, code: str) -> str:
    """Return a comment in Markdown for something that failed, on one line."""
    subject = subject.encode(errors="replace").decode()  # a file's name need not be valid UTF-8
    text = _UNSAFE_IN_COMMENT.sub(" ", f"{subject}: {code}")
    return f"<!-- {_DASHES.sub('- ', text)} -->"
