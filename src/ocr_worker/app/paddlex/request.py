"""The request of `POST /layout-parsing`, as clients of PaddleX's server send it, and the kind of its file.

Names, types, defaults, checks and messages are those of paddlex 3.7.2. Unknown fields are ignored, as PaddleX's server
ignores them. `options` translates the request to ours.
"""

from __future__ import annotations

import mimetypes
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from ocr_worker.app.paddlex.route import RequestRejected
from ocr_worker.wire import source_text

NO_EXPORT = "this server exports no files; remove the field, and convert the `markdown.text` of the result"
PROMPTS = ("ocr", "formula", "table", "chart", "seal", "spotting")

_PDF_HEADER_BYTES = 1024  # a PDF's signature is within this many bytes from the start
_MERGE_MODES = ("large", "small", "union")
_UNKNOWN_FILE_TYPE = "Unsupported file type"

FileKind = Literal["pdf", "image"]
Positive = Annotated[int, Field(gt=0)]
JsonObject = dict[Any, Any]


class OutputFormats(BaseModel):
    """The field that both requests inherit."""

    outputFormats: list[str] | None = None

    @field_validator("outputFormats")
    @classmethod
    def _check_output_formats(cls, formats: list[str] | None) -> list[str] | None:
        for format_name in formats or []:
            if format_name != "docx":
                raise ValueError(f"Unsupported `outputFormats` entry {format_name!r}. Supported values: ['docx']")
        return formats


class _File(BaseModel):
    file: str = Field(repr=False, description="http(s) URL, or the file's bytes in base64, also as a `data:` URI.")
    fileType: Literal[0, 1] | None = Field(
        None, description="0: PDF, 1: image. Needed for a URL without a file extension."
    )


class LayoutParsingRequest(OutputFormats, _File):
    """The body of `POST /layout-parsing`."""

    useDocOrientationClassify: bool | None = None
    useDocUnwarping: bool | None = None
    useLayoutDetection: bool | None = None
    useChartRecognition: bool | None = None
    useSealRecognition: bool | None = None
    useOcrForImageBlock: bool | None = None
    layoutThreshold: float | JsonObject | None = None
    layoutNms: bool | None = None
    layoutUnclipRatio: float | tuple[float, float] | JsonObject | None = None
    layoutMergeBboxesMode: str | JsonObject | None = None
    layoutShapeMode: Literal["rect", "quad", "poly", "auto"] = "auto"
    promptLabel: str | None = None
    formatBlockContent: bool | None = None
    repetitionPenalty: float | None = None
    temperature: float | None = None
    topP: float | None = None
    minPixels: Positive | None = None
    maxPixels: Positive | None = None
    maxNewTokens: Positive | None = None
    mergeLayoutBlocks: bool | None = None
    markdownIgnoreLabels: list[str] | None = None
    vlmExtraArgs: JsonObject | None = None
    prettifyMarkdown: bool = True
    showFormulaNumber: bool = False
    returnMarkdownImages: bool = True
    restructurePages: bool = False
    mergeTables: bool = True
    relevelTitles: bool = True
    visualize: bool | None = None
    logId: str | None = None

    @field_validator("topP")
    @classmethod
    def _check_top_p(cls, value: float | None) -> float | None:
        if value is not None and not 0 < value <= 1:
            raise ValueError(f"`topP` must be > 0 and ≤ 1; got: {value}")
        return value

    @field_validator("temperature")
    @classmethod
    def _check_temperature(cls, value: float | None) -> float | None:
        if value is not None and value < 0:
            raise ValueError(f"`temperature` must be ≥ 0; got: {value}")
        return value

    @field_validator("repetitionPenalty")
    @classmethod
    def _check_repetition_penalty(cls, value: float | None) -> float | None:
        if value is not None and value <= 0:
            raise ValueError(f"`repetitionPenalty` must be > 0; got: {value}")
        return value

    @field_validator("promptLabel")
    @classmethod
    def _check_prompt_label(cls, value: str | None) -> str | None:
        if value is not None and value not in PROMPTS:
            raise ValueError(f"`promptLabel` must be one of: {', '.join(PROMPTS)}; got: {value}")
        return value

    @field_validator("layoutThreshold")
    @classmethod
    def _check_layout_threshold(cls, value: float | JsonObject | None) -> float | JsonObject | None:
        if isinstance(value, float) and not 0 <= value <= 1:
            raise ValueError(f"`layoutThreshold` must be between 0 and 1 inclusive; got: {value}")
        return value

    @field_validator("layoutMergeBboxesMode")
    @classmethod
    def _check_merge_mode(cls, value: str | JsonObject | None) -> str | JsonObject | None:
        is_object = isinstance(value, dict)
        for mode in value.values() if isinstance(value, dict) else filter(None, [value]):
            if mode not in _MERGE_MODES:
                raise ValueError(
                    f"`layoutMergeBboxesMode` {'dictionary value ' if is_object else ''}must be one of:"
                    f" {', '.join(_MERGE_MODES)}; got: {mode}"
                )
        return value

    @field_validator("layoutUnclipRatio")
    @classmethod
    def _check_unclip_ratio(cls, value: Any) -> Any:
        items = value.items() if isinstance(value, dict) else [(None, value)]
        for key, ratios in items:
            context = "" if key is None else f" value for key '{key}'"
            for ratio in ratios if isinstance(ratios, list | tuple) else [ratios]:
                if ratio is not None and (not isinstance(ratio, int | float) or ratio <= 0):
                    raise ValueError(f"`layoutUnclipRatio`{context} must be > 0; got: {ratio}")
        return value

    @model_validator(mode="after")
    def _check_pixel_range(self) -> LayoutParsingRequest:
        if self.minPixels is not None and self.maxPixels is not None and self.minPixels > self.maxPixels:
            raise ValueError(f"`minPixels` ({self.minPixels}) cannot be greater than `maxPixels` ({self.maxPixels})")
        return self

    @property
    def has_page_images(self) -> bool:
        """True if the response has page images; PaddleX's own server sends them unless `visualize` is false."""
        return self.visualize is not False


# --------------------------------------------------------------------------- the file


def file_kind(body: LayoutParsingRequest) -> FileKind:
    """Return the kind of the file: by the first bytes of an inline file, else by `fileType` or the URL's suffix.

    Raises RequestRejected if neither `fileType` nor the URL shows the kind.
    """
    if not is_url(body.file):
        return "pdf" if b"%PDF-" in source_text.decode_start(body.file, _PDF_HEADER_BYTES) else "image"
    if body.fileType is not None:
        return "pdf" if body.fileType == 0 else "image"
    media_type = mimetypes.guess_type(urlsplit(body.file).path.rpartition("/")[2])[0] or ""
    if media_type != "application/pdf" and not media_type.startswith("image/"):
        raise RequestRejected(_UNKNOWN_FILE_TYPE)
    return "pdf" if media_type == "application/pdf" else "image"


def is_url(text: str) -> bool:
    """Return True if `file` is a URL."""
    return text.startswith(("http://", "https://"))
