"""Define the models of requests, responses and streamed chunks, once for all ways to run a job.

The handler, the HTTP app, the command line and the batch client share them, and `docs/` holds their JSON Schemas.
Page numbers are 1-based. A `bbox` is `[x0, y0, x1, y1]` in pixels of the page as it was processed; the page result has
that page's `width` and `height`. Blocks are listed in reading order.
"""

from __future__ import annotations

import copy
from functools import reduce
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ocr_worker.wire.page_ranges import parse_page_ranges

MAX_DOCUMENTS = 64

Status = Literal["succeeded", "partial", "failed"]
BBox = tuple[int, int, int, int]


class WireModel(BaseModel):
    """Base of the models. It is strict about names and types: a misspelled field is an error and never ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @classmethod
    def read(cls, data: Any) -> Self:
        """Return the model of JSON that a worker of another version may have written.

        Unknown fields are ignored, and so is an unknown literal in a field that may be missing: a result that was paid
        for must not be lost for one word. Raises ValidationError when anything else is wrong.
        """
        try:
            return cls.model_validate(data, strict=False, extra="ignore")
        except ValidationError as error:
            if any(problem["type"] != "literal_error" for problem in error.errors()):
                raise
            readable_data = copy.deepcopy(data)
            for problem in error.errors():
                *path, name = problem["loc"]
                del reduce(lambda value, step: value[step], path, readable_data)[name]
            return cls.model_validate(readable_data, strict=False, extra="ignore")


# --------------------------------------------------------------------------- request


def _validate_page_ranges(text: str) -> str:
    parse_page_ranges(text)
    return text


PageRanges = Annotated[str, AfterValidator(_validate_page_ranges)]
NonEmpty = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class DocumentRequest(WireModel):
    """One document: exactly one of `url` and `base64`."""

    url: NonEmpty | None = Field(None, repr=False, description="http(s) URL, or a data: URI")
    base64: NonEmpty | None = Field(
        None, repr=False, description="the file's bytes; white space and missing padding are tolerated"
    )
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="comes back in the answer; unique in the job; default: `document-<n>`"
    )
    pages: PageRanges | None = Field(None, description="1-based pages to parse; default: all", examples=["1-3,8", "5-"])
    password: str | None = Field(None, repr=False, description="opens an encrypted PDF")

    @model_validator(mode="after")
    def _check_source(self) -> DocumentRequest:
        if (self.url is None) == (self.base64 is None):
            raise ValueError("a document has exactly one of `url` and `base64`")
        return self


class UploadedDocument(DocumentRequest):
    """A document whose bytes are in an open file (`content`), not in the request. Never serialized."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    content: Any = Field(repr=False, exclude=True)

    @model_validator(mode="after")
    def _check_source(self) -> UploadedDocument:
        return self


def default_id(number: int) -> str:
    """Return the id of the job's document `number` (1-based) if the request gives it none."""
    return f"document-{number}"


class ParseOptions(WireModel):
    """Options that every engine honors; an engine may add its own in a subclass."""

    formats: list[Literal["markdown", "blocks"]] = Field(
        ["markdown", "blocks"], min_length=1, description="what the answer's pages hold"
    )
    figures: Literal["none", "inline"] = Field(
        "none", description="`inline`: crops of figures as base64 in the answer; names and boxes are always there"
    )
    page_images: Literal["none", "inline"] = Field(
        "none",
        description="`inline`: the page as it was processed, the picture that boxes are meant on, as base64 JPEG",
    )
    dpi: int | None = Field(None, ge=36, le=600, description="resolution PDFs are rendered at; default: the engine's")
    timeout_s: float | None = Field(
        None,
        gt=0,
        le=604_800,
        description="after this many seconds the pages that are done come back, the rest as DEADLINE_EXCEEDED",
    )
    delivery: Literal["auto", "inline", "bucket"] = Field(
        "auto",
        description="where the answer goes; `auto`: to the bucket, where there is one, if it is too large inline",
    )


class ParseRequest(WireModel):
    """A job's `input`."""

    documents: list[DocumentRequest] = Field(min_length=1, max_length=MAX_DOCUMENTS)
    options: ParseOptions = Field(default_factory=ParseOptions)
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(
        None,
        description="with a bucket: a job run again with the same key parses only the pages that are still missing",
    )


class S3Config(WireModel):
    """A bucket that a job brings along, beside its `input`, in the platform's own names."""

    endpointUrl: Annotated[str, StringConstraints(pattern=r"^https?://[^/]+")]
    accessId: NonEmpty
    accessSecret: str = Field(min_length=1, repr=False)
    bucketName: NonEmpty | None = Field(None, description="none: the endpoint's host or path holds it")


# --------------------------------------------------------------------------- answer


class ErrorInfo(WireModel):
    """A failure as callers see it."""

    code: str
    message: str
    retryable: bool


TextSource = Literal["picture", "text_layer", "both"]


class PageWarning(WireModel):
    """Something that a reader of the result should know. The result is valid nevertheless."""

    code: str
    message: str


class Block(WireModel):
    """One region of a page. `label` is one of PaddleOCR-VL's words; a table's `content` is HTML, a formula's LaTeX."""

    label: str
    content: str
    bbox: BBox


class Figure(WireModel):
    """A picture on the page; Markdown refers to it by `name`, which is unique in the document."""

    name: str
    bbox: BBox
    media_type: str = "image/jpeg"
    base64: str | None = None


class PageResult(WireModel):
    """One page. `width`, `height` (pixels) and `dpi` are those of the page as it was processed."""

    page: int
    status: Literal["succeeded", "failed"]
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    text_source: TextSource | None = Field(
        None, description="where the text came from: read from the picture, the page's own text layer, or both"
    )
    markdown: str | None = None
    blocks: list[Block] | None = None
    figures: list[Figure] = []
    image: str | None = Field(
        None, description="the page as it was processed: a JPEG in base64, where it was asked for"
    )
    seconds: float = Field(0.0, description="engine time of this page; a batch's time is shared equally")
    from_checkpoint: bool = Field(False, description="parsed by an earlier run under the same `idempotency_key`")
    warnings: list[PageWarning] = []
    error: ErrorInfo | None = None


class DocumentResult(WireModel):
    """One document: `failed` when no page of it was parsed, `partial` when some were."""

    id: str
    status: Status
    page_count: int | None = Field(None, description="pages the file has; null when it could not be opened")
    markdown: str | None = None
    pages: list[PageResult] = []
    warnings: list[PageWarning] = []
    error: ErrorInfo | None = None


class Coverage(WireModel):
    """Counts of documents and pages expected, parsed and failed. Each can be recounted from `documents`."""

    documents_expected: int
    documents_failed: int
    pages_expected: int
    pages_parsed: int
    pages_failed: int


class EngineInfo(WireModel):
    """The engine that actually parsed the pages."""

    name: str
    version: str
    backend: str


class Timing(WireModel):
    """Seconds by stage, summed over documents and pages (stages overlap, so they may add up to more than `total`)."""

    fetch: float = 0.0
    rasterize: float = 0.0
    wait: float = 0.0
    engine: float = 0.0
    total: float = 0.0


class Delivered(WireModel):
    """A response in a bucket: JSON of `bytes` bytes at a signed URL, valid until `expires_at` (ISO 8601, UTC)."""

    url: str = Field(repr=False)
    bucket: str
    key: str
    bytes: int
    sha256: str
    expires_at: str


class ParseResponse(WireModel):
    """The result of a job. With `delivery`, or if pages are streamed, the documents' pages are there and not here."""

    status: Status
    engine: EngineInfo
    documents: list[DocumentResult]
    coverage: Coverage
    timing: Timing
    degraded: list[str] = Field(
        [], description="what was left out so that the answer fits inline: `figures`, then `blocks`"
    )
    delivery: Delivered | None = Field(None, description="where the whole answer lies, when it is not here")
    warnings: list[PageWarning] = []


# --------------------------------------------------------------------------- stream


class PageChunk(WireModel):
    """A streamed page. `chunk` counts a job's chunks from 1, so that a gap is visible."""

    chunk: int
    document: str
    page: PageResult


class PagePart(WireModel):
    """One of `of` parts of a page that is too large for a chunk. Joined and decoded, they are the page's JSON."""

    page: int
    number: int
    of: int
    base64: str


class PartChunk(WireModel):
    """A part of a page; the parts of a page follow each other."""

    chunk: int
    document: str
    part: PagePart


class SummaryChunk(WireModel):
    """The last chunk of a job: its response without the pages."""

    chunk: int
    summary: ParseResponse
