"""PaddleX's responses as OpenAPI shows them. `response` and `route` write them without these models.

Members that depend on the request or the engine are open objects here: PaddleX's own documentation describes them.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from ocr_worker.wire.schema import ErrorInfo, PageWarning


class LayoutParsingMarkdown(BaseModel):
    """A page as Markdown, with the pictures that it refers to: JPEG in base64, by path."""

    text: str
    images: dict[str, str] | None = None


class LayoutParsingPage(BaseModel):
    """A page of PaddleX's response. A failed page has `errorCode` and `errorMsg`."""

    prunedResult: dict[str, Any] = Field(description="Blocks, boxes, sizes and settings of the page.")
    markdown: LayoutParsingMarkdown
    outputImages: dict[str, str] | None = None
    inputImage: str | None = None
    errorCode: int | None = None
    errorMsg: str | None = None


class LayoutParsingResult(BaseModel):
    """The pages of a document, in order."""

    layoutParsingResults: list[LayoutParsingPage]
    dataInfo: dict[str, Any] | None = Field(None, description="Type of the file, number and sizes of its pages.")


class LayoutParsingResponse(BaseModel):
    """PaddleX's envelope of a result. warnings: fields of the request without effect."""

    logId: str
    result: LayoutParsingResult
    errorCode: int
    errorMsg: str
    warnings: list[PageWarning] | None = None


class PaddleXError(BaseModel):
    """An error in PaddleX's form. error: ours, with its code. result: of a document of which some pages failed."""

    logId: str
    errorCode: int
    errorMsg: str
    error: ErrorInfo | None = None
    result: LayoutParsingResult | None = None


_DESCRIPTIONS = {
    400: "The body cannot be read.",
    401: "The API key is missing or wrong.",
    403: "A web page of another origin sent the request.",
    408: "The body arrives too slowly.",
    413: "The body is too large.",
    421: "The worker does not serve this host.",
    422: "The request or the file is invalid.",
    429: "The queue or the memory for requests is full.",
    500: "A page could not be parsed.",
    503: "The engine is not available.",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PaddleXError, "description": description} for status, description in _DESCRIPTIONS.items()
}
