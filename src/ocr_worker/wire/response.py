"""Encode the response of a job as JSON that fits the platform, or the error of a job that failed.

The platform drops a response that is too large or not valid JSON, and the job hangs. So responses are serialized here,
and their bytes counted. What does not fit is left out in a fixed order: first pictures, then blocks. Where the JSON
goes is not decided here (`delivery.destination`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ocr_worker.errors import ResponseTooLarge
from ocr_worker.wire.schema import Delivered, DocumentResult, ErrorInfo, PageResult, ParseResponse

JsonObject = dict[str, Any]

# An upper bound for the JSON that the SDK wraps around a response.
_ENVELOPE_BYTES = 2_000


def success(response: ParseResponse, limit: int) -> JsonObject:
    """Return the response as JSON of at most `limit` bytes.

    What does not fit is left out: first the pictures of figures and pages, then the blocks. Raises ResponseTooLarge
    when not even the Markdown fits.
    """
    size = 0
    for degrade in (_unchanged, _without_figures, _without_blocks):
        response = degrade(response)
        content: JsonObject = response.model_dump(mode="json", exclude_none=True)
        size = encoded_size(content) + _ENVELOPE_BYTES
        if size <= limit:
            return content
    raise ResponseTooLarge(
        f"the response has {size:,} bytes without figures and blocks, and the limit is {limit:,}; "
        'configure a bucket, request fewer pages per job ("pages": "1-50"), or request only one of the formats'
    )


def failure(error: ErrorInfo, response: ParseResponse | None = None, limit: int = 0) -> JsonObject:
    """Return the JSON of a job that failed: `error` for the platform, and code, message and retryability beside it.

    response: adds the entries of documents and pages if they fit into `limit` bytes, else the coverage alone.
    """
    entries: JsonObject = {}
    if response:
        try:
            entries = success(response, limit)
        except ResponseTooLarge:
            entries = {"coverage": response.coverage.model_dump(mode="json")}
    return {"error": f"{error.code}: {error.message}", **entries, **error.model_dump(mode="json")}


def without_pages(response: ParseResponse, delivery: Delivered | None = None) -> ParseResponse:
    """Return the response without pages and Markdown, which are elsewhere. delivery: where they are, for a bucket."""
    documents = [entry.model_copy(update={"pages": [], "markdown": None}) for entry in response.documents]
    return response.model_copy(update={"documents": documents, "delivery": delivery})


def encode(response: ParseResponse) -> bytes:
    """Return the complete response as JSON, whatever its size."""
    return response.model_dump_json(exclude_none=True).encode()


def is_larger(response: ParseResponse, limit: int) -> bool:
    """Return whether the complete response has more than `limit` bytes as the SDK sends it."""
    return encoded_size(response.model_dump(mode="json", exclude_none=True)) + _ENVELOPE_BYTES > limit


def encoded_size(content: JsonObject) -> int:
    """Return the number of bytes as the SDK sends them. Raises ValueError for values that JSON lacks, such as NaN."""
    return len(json.dumps(content, ensure_ascii=False, allow_nan=False).encode())


def _unchanged(response: ParseResponse) -> ParseResponse:
    return response


def _without_figures(response: ParseResponse) -> ParseResponse:
    def strip(page: PageResult) -> PageResult:
        figures = [figure.model_copy(update={"base64": None}) for figure in page.figures]
        return page.model_copy(update={"figures": figures, "image": None})

    return _degrade(response, "figures", strip)


def _without_blocks(response: ParseResponse) -> ParseResponse:
    return _degrade(response, "blocks", lambda page: page.model_copy(update={"blocks": None}))


def _degrade(response: ParseResponse, part: str, strip: Callable[[PageResult], PageResult]) -> ParseResponse:
    def strip_document(document: DocumentResult) -> DocumentResult:
        return document.model_copy(update={"pages": [strip(page) for page in document.pages]})

    documents = [strip_document(document) for document in response.documents]
    return response.model_copy(update={"documents": documents, "degraded": [*response.degraded, part]})
