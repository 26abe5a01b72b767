"""The answer as it leaves: JSON-safe, its bytes counted, made to fit; and the envelope of a job that failed.

The platform drops an answer that is too large or that is no JSON, and the job hangs. So the answer is serialised here,
once, and what does not fit is left out in a stated order.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ocr_worker.errors import ResponseTooLarge
from ocr_worker.wire.schema import Delivered, DocumentResult, ErrorInfo, PageResult, ParseResponse

Answer = dict[str, Any]

# What the SDK wraps around an answer, generously.
_ENVELOPE_BYTES = 2_000


def success(response: ParseResponse, limit: int) -> Answer:
    """`response` as JSON of at most `limit` bytes; first the figures' pictures are left out, then the blocks.

    Raises ResponseTooLarge when not even the Markdown fits.
    """
    size = 0
    for degrade in (_as_it_is, _without_figures, _without_blocks):
        response = degrade(response)
        answer: Answer = response.model_dump(mode="json", exclude_none=True)
        size = encoded_size(answer) + _ENVELOPE_BYTES
        if size <= limit:
            return answer
    raise ResponseTooLarge(
        f"the answer has {size:,} bytes without figures and blocks, the limit is {limit:,}: "
        'give the worker a bucket, or ask for fewer pages a job ("pages": "1-50"), or for one of the formats only'
    )


def failure(error: ErrorInfo, response: ParseResponse | None = None, limit: int = 0) -> Answer:
    """The envelope of a job that failed: `error` for the platform; beside it the code and, if they fit, the entries."""
    entries: Answer = {}
    if response:
        try:
            entries = success(response, limit)
        except ResponseTooLarge:
            entries = {"coverage": response.coverage.model_dump(mode="json")}
    return {"error": f"{error.code}: {error.message}", **entries, **error.model_dump(mode="json")}


def without_pages(response: ParseResponse, delivery: Delivered | None = None) -> ParseResponse:
    """The account of an answer whose pages are elsewhere."""
    bare = [entry.model_copy(update={"pages": [], "markdown": None}) for entry in response.documents]
    return response.model_copy(update={"documents": bare, "delivery": delivery})


def encode(response: ParseResponse) -> bytes:
    """The whole answer as JSON."""
    return response.model_dump_json(exclude_none=True).encode()


def is_larger(response: ParseResponse, limit: int) -> bool:
    """Whether the whole answer has more than `limit` bytes as the SDK sends it."""
    return encoded_size(response.model_dump(mode="json", exclude_none=True)) + _ENVELOPE_BYTES > limit


def encoded_size(answer: Answer) -> int:
    """Bytes of the answer as the SDK sends it. Raises ValueError for what is no JSON, such as NaN."""
    return len(json.dumps(answer, ensure_ascii=False, allow_nan=False).encode())


def _as_it_is(response: ParseResponse) -> ParseResponse:
    return response


def _without_figures(response: ParseResponse) -> ParseResponse:
    def bare(page: PageResult) -> PageResult:
        figures = [figure.model_copy(update={"base64": None}) for figure in page.figures]
        return page.model_copy(update={"figures": figures, "image": None})

    return _degraded(response, "figures", bare)


def _without_blocks(response: ParseResponse) -> ParseResponse:
    return _degraded(response, "blocks", lambda page: page.model_copy(update={"blocks": None}))


def _degraded(response: ParseResponse, what: str, change: Callable[[PageResult], PageResult]) -> ParseResponse:
    def changed(document: DocumentResult) -> DocumentResult:
        return document.model_copy(update={"pages": [change(page) for page in document.pages]})

    documents = [changed(document) for document in response.documents]
    return response.model_copy(update={"documents": documents, "degraded": [*response.degraded, what]})
