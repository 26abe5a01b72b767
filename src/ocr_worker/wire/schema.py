"""Define the models of requests, responses and streamed chunks, once for all ways to run a job.

The handler, the HTTP app, the command line and the batch client share them, and `docs/` holds their JSON Schemas.
Page numbers are 1-based. A `bbox` is `[x0, y0, x1, y1]` in pixels of the page as it was processed; the page result has
that page's `width` and `height`. Blocks are listed in reading order.
"""

from __future__ import annotations

import copy
from functools import reduce
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ocr_worker.wire.page_ranges import PAGE_RANGES_PATTERN, parse_page_ranges

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


def _join_page_ranges(value: Any) -> Any:
    """Return page ranges as text: `3` -> `"3"`, `["1-3", 5]` -> `"1-3,5"`. Any other value is returned as it is."""
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, int | str) and not isinstance(part, bool) for part in parts):
        return value
    return ",".join(map(str, parts))


_PAGES_TEXT = Annotated[str, Field(pattern=PAGE_RANGES_PATTERN)]
_PAGE_NUMBER = Annotated[int, Field(ge=1)]

PageRanges = Annotated[
    str,
    AfterValidator(_validate_page_ranges),
    BeforeValidator(
        _join_page_ranges,
        json_schema_input_type=_PAGES_TEXT
        | _PAGE_NUMBER
        | Annotated[list[_PAGES_TEXT | _PAGE_NUMBER], Field(min_length=1)],
    ),
]
NonEmpty = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class DocumentRequest(WireModel):
    """A document, with exactly one of `url` and `base64`."""

    url: NonEmpty | None = Field(None, repr=False, description="A URL (http or https), or a `data:` URI.")
    base64: NonEmpty | None = Field(
        None,
        repr=False,
        description="Bytes of the file in base64, also as a `data:` URI. White space, the URL-safe alphabet and missing"
        " padding are accepted.",
    )
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Id of the document in the response, unique in the job. Default: `document-<n>`."
    )
    pages: PageRanges | None = Field(
        None,
        description="Pages to parse, counted from 1: ranges such as `1-3,8` or `5-`, a number, or a list of these."
        " Default: all.",
        examples=["1-3,8", "5-", 3, [1, 2, 8]],
    )
    password: str | None = Field(None, repr=False, description="Password of an encrypted PDF.")

    @model_validator(mode="after")
    def _check_source(self) -> DocumentRequest:
        if not self._has_one_source():
            raise ValueError("a document needs exactly one of `url` and `base64`")
        return self

    def _has_one_source(self) -> bool:
        return (self.url is None) != (self.base64 is None)


class UploadedDocument(DocumentRequest):
    """A document whose bytes are in an open file (`content`), not in the request. Never serialized."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    content: Any = Field(repr=False, exclude=True)

    def _has_one_source(self) -> bool:
        return True


def default_id(number: int) -> str:
    """Return the id of the job's document `number` (1-based) if the request gives it none."""
    return f"document-{number}"


def document_id(document: DocumentRequest, number: int) -> str:
    """Return the id of the job's document `number` (1-based): its own, or the default."""
    return document.id or default_id(number)


class ParseOptions(WireModel):
    """Options that every engine supports; an engine may add its own in a subclass."""

    formats: list[Literal["markdown", "blocks"]] = Field(
        ["markdown", "blocks"], min_length=1, description="Parts of each page in the response."
    )
    figures: Literal["none", "inline"] = Field(
        "none",
        description="`inline`: add crops of the figures in base64. Their names and boxes are always in the response.",
    )
    page_images: Literal["none", "inline"] = Field(
        "none",
        description="`inline`: add the page as it was processed, to which all boxes refer, as a JPEG in base64.",
    )
    page_separator: str | None = Field(
        None,
        max_length=200,
        description="Paragraph between the pages in a document's `markdown`, such as `---`. `{page}` becomes the number"
        " of the page that follows: `<!-- page {page} -->`. Default: none.",
    )
    dpi: int | None = Field(
        None, ge=36, le=600, description="Resolution at which PDFs are rendered. Default: chosen by the engine."
    )
    timeout_s: float | None = Field(
        None,
        gt=0,
        le=604_800,
        description="Time limit of the job in seconds. Pages parsed until then are returned; the others fail with"
        " `DEADLINE_EXCEEDED`. The worker's `OCR_JOB_TIMEOUT_S` limits it, too.",
    )
    verify: Literal["off", "auto", "repair"] = Field(
        "off",
        description="`auto`: compare each page with a second reading of it, by the small CPU reader or from its text"
        " layer. Adds `confidence` to blocks, `verified` and `ink_coverage` to pages, and warnings with boxes. Needs"
        " the extra `embedded`; not for the engine `embedded`. `repair`: also let the engine read the places of the"
        " warnings once more, and keep the reading that the second reader supports.",
    )
    delivery: Literal["auto", "inline", "bucket"] = Field(
        "auto",
        description="Destination of the response. `auto`: the bucket, if there is one, for responses too large inline.",
    )


class ParseRequest(WireModel):
    """The `input` of a job."""

    documents: list[DocumentRequest] = Field(
        min_length=1, max_length=MAX_DOCUMENTS, description=f"1 to {MAX_DOCUMENTS} documents."
    )
    options: ParseOptions = Field(default_factory=ParseOptions, description="Options of all documents of the job.")
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(
        None,
        description="With a bucket: a job that runs again under the same key parses only the pages that are missing.",
    )


class S3Config(WireModel):
    """A job's own bucket, beside its `input`, with the platform's field names."""

    endpointUrl: Annotated[str, StringConstraints(pattern=r"^https?://[^/]+")]
    accessId: NonEmpty
    accessSecret: str = Field(min_length=1, repr=False)
    bucketName: NonEmpty | None = Field(None, description="Default: the name in the URL's host or path.")


# --------------------------------------------------------------------------- response


class ErrorInfo(WireModel):
    """An error: its stable code, a message for people, and whether a retry can succeed."""

    code: str = Field(description="Stable code of the error.")
    message: str = Field(description="Message for people: the problem, then the remedy.")
    retryable: bool = Field(description="True if the same request can succeed later.")


TextSource = Literal["picture", "text_layer", "both"]


class Repair(WireModel):
    """Result of reading the place of a warning once more, with `verify: repair`."""

    outcome: Literal["replaced", "inserted", "kept", "unread"] = Field(
        description="`replaced`: the block has the new reading. `inserted`: the missed text is a block of its own."
        " `kept`: the new reading has no more evidence, and the result is unchanged. `unread`: there is no new reading."
    )
    before: str = Field("", description="Words of the first reading that the new one does not have, shortened.")
    after: str = Field("", description="Words of the new reading that the first one does not have, shortened.")


class PageWarning(WireModel):
    """A warning about a result, which is valid nevertheless."""

    code: str = Field(description="Stable code of the warning.")
    message: str = Field(description="Message for people.")
    bbox: BBox | None = Field(
        None, description="Place that it concerns, `[x0, y0, x1, y1]` in pixels of the page; missing for most warnings."
    )
    text: str | None = Field(
        None,
        description="With `verify`: text that a finding concerns. A number is followed by what the second reader sees:"
        " `1482 / 1932`. Cut after 1,000 characters.",
    )
    repair: Repair | None = Field(None, description="With `verify: repair`: what a new reading of the place changed.")


class Block(WireModel):
    """A region of a page. `label` is one of PaddleOCR-VL's labels. A table's `content` is HTML, a formula's LaTeX."""

    label: str = Field(description="Kind of the region, such as `text`, `doc_title`, `table` or `formula`.")
    content: str = Field(description="Text; HTML of a table, LaTeX of a formula.")
    bbox: BBox = Field(description="Box `[x0, y0, x1, y1]` in pixels of the page.")
    text_source: TextSource | None = Field(
        None, description="Origin of `content`, as for a page. Missing without `options.text_layer` of PaddleOCR-VL."
    )
    confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="With `verify`: probability, 0 to 1, that the text has at most 1 % wrong characters and no wrong"
        " number; calibrated on synthetic pages. 1 only where a reliable text layer agrees. Missing if not compared.",
    )
    repair: Literal["replaced", "inserted"] | None = Field(
        None,
        description="With `verify: repair`: `replaced` if `content` is the engine's second reading, `inserted` if the"
        " block was missing from the first one. Missing for all other blocks.",
    )


class Figure(WireModel):
    """A picture on the page. Markdown refers to it by `name`, which is unique in the document."""

    name: str = Field(description="Name in the Markdown, unique in the document.")
    bbox: BBox = Field(description="Box `[x0, y0, x1, y1]` in pixels of the page.")
    media_type: str = Field("image/jpeg", description="Media type of the crop.")
    base64: str | None = Field(None, description="The crop, with `figures: inline`.")


class PageResult(WireModel):
    """The result of a page. `width`, `height` (pixels) and `dpi` are those of the page as it was processed."""

    page: int = Field(description="Number of the page in the file, counted from 1.")
    status: Literal["succeeded", "failed"] = Field(description="A failed page has an `error`.")
    width: int | None = Field(None, description="Width in pixels, as processed.")
    height: int | None = Field(None, description="Height in pixels, as processed.")
    dpi: float | None = Field(None, description="Resolution in dots per inch, as processed. Missing if unknown.")
    text_source: TextSource | None = Field(
        None,
        description="Origin of the text: `picture` (OCR), `text_layer` (the PDF page's own text), or `both`.",
    )
    markdown: str | None = Field(None, description="The page as Markdown, without the labels that are left out.")
    blocks: list[Block] | None = Field(None, description="All regions in reading order, page furniture included.")
    figures: list[Figure] = Field([], description="Pictures on the page.")
    verified: bool | None = Field(
        None, description="With `verify`: whether the second reading was ready in time. Missing without `verify`."
    )
    ink_coverage: float | None = Field(
        None,
        ge=0,
        le=1,
        description="With `verify`: share, 0 to 1, of the ink that looks like text inside blocks. Missing if not"
        " compared.",
    )
    regions_reread: int | None = Field(
        None, description="With `verify: repair`: number of places that the engine read once more."
    )
    image: str | None = Field(None, description="The page as a JPEG in base64, with `page_images: inline`.")
    seconds: float = Field(
        0.0, description="Engine time of the page. The time of a call with several pages is shared equally."
    )
    from_checkpoint: bool = Field(
        False,
        description="True if the page was stored: by an earlier run under the same `idempotency_key`, or by any job"
        " with the content cache.",
    )
    warnings: list[PageWarning] = Field([], description="Warnings about the page.")
    error: ErrorInfo | None = Field(None, description="Error of a failed page.")


class DocumentResult(WireModel):
    """The result of a document: `failed` if no page was parsed, `partial` if only some were."""

    id: str = Field(description="Id from the request, or `document-<n>`.")
    status: Status = Field(description="`failed`: no page was parsed. `partial`: some were.")
    page_count: int | None = Field(None, description="Pages of the file. Missing if it could not be opened.")
    markdown: str | None = Field(None, description="Markdown of all pages. A comment replaces each failed page.")
    pages: list[PageResult] = Field([], description="Every requested page, parsed or failed.")
    warnings: list[PageWarning] = Field([], description="Warnings about the document.")
    error: ErrorInfo | None = Field(None, description="Error of a document of which no page was parsed.")


class Coverage(WireModel):
    """Numbers of documents and pages expected, parsed and failed, as counted from `documents`."""

    documents_expected: int = Field(description="Documents of the job.")
    documents_failed: int = Field(description="Documents of which no page was parsed.")
    pages_expected: int = Field(description="Requested pages of all documents that could be opened.")
    pages_parsed: int = Field(description="Pages with a result.")
    pages_failed: int = Field(description="Pages with an error.")


class EngineInfo(WireModel):
    """The engine that parsed the pages."""

    name: str = Field(description="Name of the engine, such as `paddleocr-vl`.")
    version: str = Field(description="Version of the engine or its model.")
    backend: str = Field(description="What runs the model, such as `native` or `vllm-server`.")


class Timing(WireModel):
    """Seconds by stage, summed over documents and pages. Stages overlap, so their sum can exceed `total`."""

    fetch: float = Field(0.0, description="Downloads.")
    rasterize: float = Field(0.0, description="Rendering of pages.")
    wait: float = Field(0.0, description="Waiting for a free engine.")
    engine: float = Field(0.0, description="Engine calls.")
    total: float = Field(0.0, description="The job, from start to end.")


class Delivered(WireModel):
    """A response in a bucket: JSON of `bytes` bytes at a signed URL, valid until `expires_at` (ISO 8601, UTC)."""

    url: str = Field(repr=False, description="Signed URL of the response.")
    bucket: str = Field(description="Name of the bucket.")
    key: str = Field(description="Key of the object.")
    bytes: int = Field(description="Size of the object.")
    sha256: str = Field(description="SHA-256 digest of the object, in hexadecimal.")
    expires_at: str = Field(description="End of the URL's validity, ISO 8601 in UTC.")


class ParseResponse(WireModel):
    """The result of a job. Its documents have no pages if they are in a bucket (`delivery`) or streamed."""

    status: Status = Field(description="`succeeded`: every page was parsed. `partial`: some. `failed`: none.")
    engine: EngineInfo = Field(description="Engine that parsed the pages.")
    documents: list[DocumentResult] = Field(description="One result per document, in the order of the request.")
    coverage: Coverage = Field(description="Counts of documents and pages.")
    timing: Timing = Field(description="Seconds by stage.")
    degraded: list[str] = Field(
        [], description="Parts left out so that the response fits inline: `figures`, then `blocks`."
    )
    delivery: Delivered | None = Field(None, description="Location of the complete response in a bucket.")
    warnings: list[PageWarning] = Field([], description="Warnings about the job.")


# --------------------------------------------------------------------------- stream


class PageChunk(WireModel):
    """A streamed page. `chunk` counts the job's chunks from 1, so that a missing chunk is visible."""

    chunk: int = Field(description="Number of the chunk in the job, counted from 1.")
    document: str = Field(description="Id of the document.")
    page: PageResult = Field(description="The page, as in a response.")


class PagePart(WireModel):
    """Part `number` of `of` parts of a page too large for one chunk. Joined and decoded, they are the page's JSON."""

    page: int = Field(description="Number of the page.")
    number: int = Field(description="Number of the part, counted from 1.")
    of: int = Field(description="Number of parts.")
    base64: str = Field(description="A piece of the base64 text of the page's JSON.")


class PartChunk(WireModel):
    """A streamed part of a page. The parts of a page are consecutive."""

    chunk: int = Field(description="Number of the chunk in the job, counted from 1.")
    document: str = Field(description="Id of the document.")
    part: PagePart = Field(description="A part of a page.")


class SummaryChunk(WireModel):
    """The last chunk of a job: its response without pages."""

    chunk: int = Field(description="Number of the chunk: the number of all chunks.")
    summary: ParseResponse = Field(description="The response without pages and Markdown.")
