"""What a client of PaddleX's server sends to `POST /layout-parsing`, in its names; and what its file is.

Names, types, defaults and checks are those of paddlex 3.7.2. Names it does not know are ignored, as it ignores them.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

from ocr_worker.app.paddlex.route import Refusal

PROMPTS = ("ocr", "formula", "table", "chart", "seal", "spotting")

_PDF_WITHIN = 1024  # bytes from the start in which a PDF says that it is one
_TELLS_NOTHING = "Unsupported file type"

Kind = Literal["pdf", "image"]
Positive = Annotated[int, Field(gt=0)]
Mapping = dict[Any, Any]


class OutputFormats(BaseModel):
    """The one field that both requests take from a common base."""

    outputFormats: list[str] | None = None

    @field_validator("outputFormats")
    @classmethod
    def _known(cls, formats: list[str] | None) -> list[str] | None:
        for one in formats or []:
            if one != "docx":
                raise ValueError(f"Unsupported `outputFormats` entry {one!r}. Supported values: ['docx']")
        return formats


class _File(BaseModel):
    file: str = Field(repr=False, description="http(s) URL, or the file's bytes in base64")
    fileType: Literal[0, 1] | None = Field(None, description="0: PDF, 1: image; needed for a URL that does not tell")


class LayoutParsingRequest(OutputFormats, _File):
    """The body of `POST /layout-parsing`."""

    useDocOrientationClassify: bool | None = None
    useDocUnwarping: bool | None = None
    useLayoutDetection: bool | None = None
    useChartRecognition: bool | None = None
    useSealRecognition: bool | None = None
    useOcrForImageBlock: bool | None = None
    layoutThreshold: float | Mapping | None = None
    layoutNms: bool | None = None
    layoutUnclipRatio: float | tuple[float, float] | Mapping | None = None
    layoutMergeBboxesMode: str | Mapping | None = None
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
    vlmExtraArgs: Mapping | None = None
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
    def _share(cls, value: float | None) -> float | None:
        if value is not None and not 0 < value <= 1:
            raise ValueError(f"`topP` must be > 0 and ≤ 1; got: {value}")
        return value

    @field_validator("temperature")
    @classmethod
    def _not_negative(cls, value: float | None) -> float | None:
        if value is not None and value < 0:
            raise ValueError(f"`temperature` must be ≥ 0; got: {value}")
        return value

    @field_validator("repetitionPenalty")
    @classmethod
    def _positive(cls, value: float | None) -> float | None:
        if value is not None and value <= 0:
            raise ValueError(f"`repetitionPenalty` must be > 0; got: {value}")
        return value

    @field_validator("promptLabel")
    @classmethod
    def _prompt(cls, value: str | None) -> str | None:
        if value is not None and value not in PROMPTS:
            raise ValueError(f"`promptLabel` must be one of: {', '.join(PROMPTS)}; got: {value}")
        return value

    @field_validator("layoutThreshold")
    @classmethod
    def _score(cls, value: float | Mapping | None) -> float | Mapping | None:
        if isinstance(value, float) and not 0 <= value <= 1:
            raise ValueError(f"`layoutThreshold` must be between 0 and 1 inclusive; got: {value}")
        return value

    @model_validator(mode="after")
    def _pixel_range(self) -> LayoutParsingRequest:
        if self.minPixels is not None and self.maxPixels is not None and self.minPixels > self.maxPixels:
            raise ValueError(f"`minPixels` ({self.minPixels}) cannot be greater than `maxPixels` ({self.maxPixels})")
        return self

    @property
    def wants_pictures(self) -> bool:
        """Whether pictures of the pages are asked for; PaddleX's own server gives them unless told not to."""
        return self.visualize is not False


# --------------------------------------------------------------------------- the file


def kind_of(body: LayoutParsingRequest) -> Kind:
    """What the file is: by its first bytes where they are here, else by `fileType` or the URL's ending.

    Raises Refusal for a URL that does not say it.
    """
    if not is_url(body.file):
        return "pdf" if b"%PDF-" in _first_bytes(body.file) else "image"
    if body.fileType is not None:
        return "pdf" if body.fileType == 0 else "image"
    guessed = mimetypes.guess_type(urlsplit(body.file).path.rpartition("/")[2])[0] or ""
    if guessed != "application/pdf" and not guessed.startswith("image/"):
        raise Refusal(_TELLS_NOTHING)
    return "pdf" if guessed == "application/pdf" else "image"


def is_url(text: str) -> bool:
    """Whether the file is to be fetched."""
    return text.startswith(("http://", "https://"))


def _first_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text[: _PDF_WITHIN // 3 * 4])
    except (binascii.Error, ValueError):
        return b""
