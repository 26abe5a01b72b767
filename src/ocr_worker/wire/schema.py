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
    """A document, with exactly one of `url` and `base64`."""

    url: NonEmpty | None = Field(None, repr=False, description="http(s) URL or data: URI of the file.")
    base64: NonEmpty | None = Field(
        None, repr=False, description="The file's bytes in base64. White space is ignored, and padding is optional."
    )
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Name of the document in the response, unique in the job. Default: `document-<n>`."
    )
    pages: PageRanges | None = Field(
        None, description="Pages to parse, counted from 1. Default: all.", examples=["1-3,8", "5-"]
    )
    password: str | None = Field(None, repr=False, description="Password of an encrypted PDF.")

    @model_validator(mode="after")
    def _check_source(self) -> DocumentRequest:
        if (self.url is None) == (self.base64 is None):
            raise ValueError("a document needs exactly one of `url` and `base64`")
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
    """Options that every engine supports; an engine may add its own in a subclass."""

    formats: list[Literal["markdown", "blocks"]] = Field(
        ["markdown", "blocks"], min_length=1, description="Forms in which each page's content is returned."
    )
    figures: Literal["none", "inline"] = Field(
        "none",
        description="`inline`: return each figure as a base64 JPEG. Names and boxes of figures are always returned.",
    )
    page_images: Literal["none", "inline"] = Field(
        "none",
        description="`inline`: return each processed page, to which all boxes refer, as a base64 JPEG.",
    )
    dpi: int | None = Field(
        None, ge=36, le=600, description="Resolution at which PDF pages are rendered. Default: the engine's."
    )
    timeout_s: float | None = Field(
        None,
        gt=0,
        le=604_800,
        description="Time limit of the job in seconds. Pages not parsed by then fail with DEADLINE_EXCEEDED.",
    )
    delivery: Literal["auto", "inline", "bucket"] = Field(
        "auto",
        description="Where the response goes. `auto`: inline, or to the bucket, if any, when it is too large inline.",
    )


class ParseRequest(WireModel):
    """The `input` of a job."""

    documents: list[DocumentRequest] = Field(min_length=1, max_length=MAX_DOCUMENTS)
    options: ParseOptions = Field(default_factory=ParseOptions)
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(
        None,
        description="With a bucket: a repeated job with the same key parses only the pages that are still missing.",
    )


class S3Config(WireModel):
    """The bucket of a job, next to its `input`, in the platform's names."""

    endpointUrl: Annotated[str, StringConstraints(pattern=r"^https?://[^/]+")]
    accessId: NonEmpty
    accessSecret: str = Field(min_length=1, repr=False)
    bucketName: NonEmpty | None = Field(
        None, description="Name of the bucket. Default: the name in the endpoint's host or path."
    )


# --------------------------------------------------------------------------- answer


class ErrorInfo(WireModel):
    """An error: its stable code, a message for people, and whether a retry can succeed."""

    code: str
    message: str
    retryable: bool


TextSource = Literal["picture", "text_layer", "both"]


class PageWarning(WireModel):
    """A warning about a result, which is valid nevertheless."""

    code: str
    message: str


class Block(WireModel):
    """A region of a page. `label` is one of PaddleOCR-VL's labels. A table's `content` is HTML, a formula's LaTeX."""

    label: str
    content: str
    bbox: BBox


class Figure(WireModel):
    """A picture on the page. Markdown refers to it by `name`, which is unique in the document."""

    name: str
    bbox: BBox
    media_type: str = "image/jpeg"
    base64: str | None = None


class PageResult(WireModel):
    """The result of a page. `width`, `height` (pixels) and `dpi` are those of the page as it was processed."""

    page: int
    status: Literal["succeeded", "failed"]
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    text_source: TextSource | None = Field(
        None, description="Source of the text: the page's picture, its text layer, or both."
    )
    markdown: str | None = None
    blocks: list[Block] | None = None
    figures: list[Figure] = []
    image: str | None = Field(
        None, description="The page as it was processed, a JPEG in base64. Present if `page_images` is `inline`."
    )
    seconds: float = Field(
        0.0,
        description="Seconds of engine time for this page. The time of an engine call is shared equally by its pages.",
    )
    from_checkpoint: bool = Field(
        False, description="True if an earlier job with the same `idempotency_key` parsed the page."
    )
    warnings: list[PageWarning] = []
    error: ErrorInfo | None = None


class DocumentResult(WireModel):
    """The result of a document: `failed` if no page was parsed, `partial` if only some were."""

    id: str
    status: Status
    page_count: int | None = Field(
        None, description="Number of pages in the file. Null if the file could not be opened."
    )
    markdown: str | None = None
    pages: list[PageResult] = []
    warnings: list[PageWarning] = []
    error: ErrorInfo | None = None


class Coverage(WireModel):
    """Numbers of documents and pages expected, parsed and failed, as counted from `documents`."""

    documents_expected: int
    documents_failed: int
    pages_expected: int
    pages_parsed: int
    pages_failed: int


class EngineInfo(WireModel):
    """The engine that parsed the pages."""

    name: str
    version: str
    backend: str


class Timing(WireModel):
    """Seconds by stage, summed over documents and pages. Stages overlap, so their sum can exceed `total`."""

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
    """The result of a job. Its documents have no pages if they are in a bucket (`delivery`) or streamed."""

    status: Status
    engine: EngineInfo
    documents: list[DocumentResult]
    coverage: Coverage
    timing: Timing
    degraded: list[str] = Field(
        [], description="Parts left out so that the response fits inline: `figures`, then `blocks`."
    )
    delivery: Delivered | None = Field(None, description="Link to the complete response, if it is in a bucket.")
    warnings: list[PageWarning] = []


# --------------------------------------------------------------------------- stream


class PageChunk(WireModel):
    """A streamed page. `chunk` counts the job's chunks from 1, so that a missing chunk is visible."""

    chunk: int
    document: str
    page: PageResult


class PagePart(WireModel):
    """Part `number` of `of` parts of a page too large for one chunk. Joined and decoded, they are the page's JSON."""

    page: int
    number: int
    of: int
    base64: str


class PartChunk(WireModel):
    """A streamed part of a page. The parts of a page are consecutive."""

    chunk: int
    document: str
    part: PagePart


class SummaryChunk(WireModel):
    """The last chunk of a job: its response without pages."""

    chunk: int
    summary: ParseResponse
