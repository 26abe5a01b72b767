"""The options of PaddleOCR-VL in a request, and the check that this worker can apply them.

`PaddleOcrVlOptions` checks values on their own, and `check_options` checks them against the worker's settings. Imports
no Paddle, so that requests can be checked without it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ocr_worker.errors import InvalidRequest
from ocr_worker.settings import Settings, variable_name
from ocr_worker.wire.schema import NonEmpty, ParseOptions

# Pixels of a crop as the vision-language model sees it: the smallest is one 28 x 28 patch, the defaults are PaddleX's.
# A limit below the default minimum would shrink long lines to nothing.
MIN_PIXELS = 28 * 28
MAX_PIXELS = 4096 * 4096
DEFAULT_MIN_PIXELS = 112_896
DEFAULT_MAX_PIXELS = 1_003_520


class PaddleOcrVlOptions(ParseOptions):
    """Options of PaddleOCR-VL, with the names of its pipeline. The pipeline's defaults apply to missing options."""

    use_chart_recognition: bool | None = Field(None, description="Read charts as tables. Default: charts are figures.")
    use_seal_recognition: bool | None = Field(None, description="Read the text of seals.")
    use_doc_orientation_classify: bool | None = Field(
        None, description="Turn pages upright. Needs `OCR_USE_DOC_ORIENTATION_CLASSIFY`."
    )
    use_doc_unwarping: bool | None = Field(
        None, description="Flatten photographed pages. Needs `OCR_USE_DOC_UNWARPING`."
    )
    use_layout_detection: bool | None = Field(
        None, description="`false`: read the page as one block of `prompt_label`."
    )
    prompt_label: Literal["ocr", "formula", "table", "chart", "seal"] | None = Field(
        None, description="Kind of the page, with `use_layout_detection: false`. Default: `ocr`."
    )
    layout_threshold: float | None = Field(None, ge=0, le=1, description="Lowest score of a layout box.")
    merge_layout_blocks: bool | None = Field(
        None, description="Join text that continues in the next column into one block."
    )
    markdown_ignore_labels: list[NonEmpty] | None = Field(
        None, max_length=64, description="Labels left out of the Markdown. They stay in `blocks`."
    )
    min_pixels: int | None = Field(
        None, ge=MIN_PIXELS, le=MAX_PIXELS, description="Enlarge smaller crops to this many pixels."
    )
    max_pixels: int | None = Field(
        None, ge=DEFAULT_MIN_PIXELS, le=MAX_PIXELS, description="Reduce larger crops to this many pixels."
    )
    max_new_tokens: int | None = Field(None, ge=1, le=32768, description="Longest text of a block, in tokens.")
    temperature: float | None = Field(None, ge=0, le=2, description="Sampling, with a model server only.")
    top_p: float | None = Field(None, gt=0, le=1, description="Sampling, with a model server only.")
    repetition_penalty: float | None = Field(None, gt=0, le=2, description="Sampling, with a model server only.")
    merge_pages: bool = Field(
        False, description="Join tables over page breaks, and level the titles of the whole document."
    )
    markdown_escape: bool = Field(
        True,
        description="Show HTML, links and images that were read from the document as text in `markdown`, except for"
        " tables. `false`: the text as it was read. `blocks` are never changed.",
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> PaddleOcrVlOptions:
        if self.prompt_label is not None and self.use_layout_detection is not False:
            raise ValueError("`prompt_label` has no effect unless `use_layout_detection` is false")
        if (self.min_pixels or DEFAULT_MIN_PIXELS) > (self.max_pixels or DEFAULT_MAX_PIXELS):
            raise ValueError("`min_pixels` is larger than `max_pixels`")
        return self


def check_options(options: PaddleOcrVlOptions, settings: Settings) -> None:
    """Raise InvalidRequest for options that are valid in themselves, but that this worker would have to ignore."""
    problems = []
    if settings.backend == "native":
        problems += [
            f"`{name}` needs a model server, and this worker's OCR_BACKEND is native; remove the option"
            for name, value in sampling(options).items()
            if value is not None
        ]
    if options.use_doc_orientation_classify and not settings.use_doc_orientation_classify:
        problems.append(_not_loaded_message("use_doc_orientation_classify"))
    if options.use_doc_unwarping and not settings.use_doc_unwarping:
        problems.append(_not_loaded_message("use_doc_unwarping"))
    if settings.stream and options.merge_pages:
        problems.append(
            "`merge_pages` needs complete documents, and this worker streams pages (OCR_STREAM); remove the option"
        )
    if problems:
        raise InvalidRequest("; ".join(f"options: {problem}" for problem in problems))


def sampling(options: PaddleOcrVlOptions) -> dict[str, float | None]:
    """Return the sampling options, which only a model server honors, by name."""
    return {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "repetition_penalty": options.repetition_penalty,
    }


def _not_loaded_message(name: str) -> str:
    return f"`{name}` needs a model that this worker has not loaded; start it with {variable_name(name)}=true"
