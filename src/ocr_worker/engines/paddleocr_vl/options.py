"""The options of PaddleOCR-VL in a request, and the check that this worker can apply them.

`PaddleOcrVlOptions` checks values on their own, and `check_options` checks them against the worker's settings. Imports
no Paddle, so that requests can be checked without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ocr_worker.engines.paddleocr_vl.repetition import retry_pixel_limits, sampling_arguments
from ocr_worker.errors import InvalidRequest
from ocr_worker.settings import Settings, variable_name
from ocr_worker.wire.schema import NonEmpty, ParseOptions

# Pixels of a crop as the vision-language model sees it: the smallest is one 28 x 28 patch, the defaults are PaddleX's.
# A limit below the default minimum would shrink long lines to nothing.
MIN_PIXELS = 28 * 28
MAX_PIXELS = 4096 * 4096
DEFAULT_MIN_PIXELS = 112_896
DEFAULT_MAX_PIXELS = 1_003_520

Score = Annotated[float, Field(ge=0, le=1)]
Ratio = Annotated[float, Field(gt=0, le=10)]
Ratios = Ratio | Annotated[list[Ratio], Field(min_length=2, max_length=2)]
ClassNumber = Annotated[str, Field(pattern=r"^[0-9]{1,3}$")]  # of a label of the layout model
MergeMode = Literal["union", "large", "small"]
PixelLimitName = Literal[
    "ocr_min_pixels",
    "ocr_max_pixels",
    "table_min_pixels",
    "table_max_pixels",
    "chart_min_pixels",
    "chart_max_pixels",
    "formula_min_pixels",
    "formula_max_pixels",
    "seal_min_pixels",
    "seal_max_pixels",
]
PixelLimit = Annotated[int, Field(ge=MIN_PIXELS, le=MAX_PIXELS)]
PROMPT_KINDS = ("ocr", "formula", "table", "chart", "seal")  # whose crops can have pixel limits of their own


class PaddleOcrVlOptions(ParseOptions):
    """Options of PaddleOCR-VL, with the names of its pipeline. The pipeline's defaults apply to missing options."""

    text_layer: Literal["never", "auto"] | None = Field(
        None,
        description="`auto`: take running text from a PDF page's own text where it is proven to be what the page shows."
        " `never`: read all from the picture. Default: `OCR_TEXT_LAYER`, which is `never`.",
    )
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
    use_ocr_for_image_block: bool | None = Field(None, description="Read the text in figures, too.")
    prompt_label: Literal["ocr", "formula", "table", "chart", "seal", "spotting"] | None = Field(
        None,
        description="Kind of the page, with `use_layout_detection: false`. `spotting`: text line by line."
        " Default: `ocr`.",
    )
    layout_threshold: Score | dict[ClassNumber, Score] | None = Field(
        None,
        description="Lowest score of a layout box. An object has it by class number of the layout model; other classes"
        " have 0.5.",
    )
    layout_nms: bool | None = Field(None, description="Drop layout boxes that others cover. Default: true.")
    layout_unclip_ratio: Ratios | dict[ClassNumber, Ratios] | None = Field(
        None,
        description="Enlarge layout boxes around their centers by this factor, or by two for width and height. An"
        " object has them by class number.",
    )
    layout_merge_bboxes_mode: MergeMode | dict[ClassNumber, MergeMode] | None = Field(
        None,
        description="Of layout boxes inside others keep the outer (`large`), the inner (`small`) or all (`union`); an"
        " object has the mode by class number. Default: the layout model's own modes.",
    )
    layout_shape_mode: Literal["rect", "quad", "poly", "auto"] | None = Field(
        None, description="Shape in which regions are cut out of the page. Default: `auto`."
    )
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
    vlm_extra_args: dict[PixelLimitName, PixelLimit] | None = Field(
        None, description="Pixel limits of the crops of one kind, in place of `min_pixels` and `max_pixels`."
    )
    merge_pages: bool = Field(
        False, description="Join tables over page breaks, and level the titles of the whole document."
    )
    merge_tables: bool | None = Field(None, description="`false`: join no tables, with `merge_pages`.")
    relevel_titles: bool | None = Field(None, description="`false`: level no titles, with `merge_pages`.")
    markdown_escape: bool = Field(
        True,
        description="Show HTML, links and images that were read from the document as text in `markdown`, except for"
        " tables. `false`: the text as it was read. `blocks` are never changed.",
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> PaddleOcrVlOptions:
        if self.prompt_label is not None and self.use_layout_detection is not False:
            raise ValueError("`prompt_label` has no effect unless `use_layout_detection` is false")
        if self.text_layer == "auto" and self.use_layout_detection is False:
            raise ValueError("`text_layer` has no effect if `use_layout_detection` is false")
        if (self.min_pixels or DEFAULT_MIN_PIXELS) > (self.max_pixels or DEFAULT_MAX_PIXELS):
            raise ValueError("`min_pixels` is larger than `max_pixels`")
        for kind in PROMPT_KINDS:
            if self._pixel_limit(kind, "min") > self._pixel_limit(kind, "max"):
                raise ValueError(f"`vlm_extra_args`: {kind}_min_pixels is larger than {kind}_max_pixels")
        for name in ("merge_tables", "relevel_titles"):
            if getattr(self, name) is not None and not self.merge_pages:
                raise ValueError(f"`{name}` has no effect unless `merge_pages` is true")
        return self

    def _pixel_limit(self, kind: str, bound: Literal["min", "max"]) -> int:
        """Return a limit of the crops of one of PROMPT_KINDS, in pixels."""
        common = {
            "min": self.min_pixels or DEFAULT_MIN_PIXELS,
            "max": self.max_pixels or DEFAULT_MAX_PIXELS,
        }[bound]
        limits = {str(name): limit for name, limit in (self.vlm_extra_args or {}).items()}
        return limits.get(f"{kind}_{bound}_pixels", common)


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


def fill_options(options: PaddleOcrVlOptions, settings: Settings) -> PaddleOcrVlOptions:
    """Return the options with the worker's default of `text_layer`, which needs layout detection."""
    default = "never" if options.use_layout_detection is False else settings.text_layer
    return options.model_copy(update={"text_layer": options.text_layer or default})


def block_options(options: PaddleOcrVlOptions, label: str, settings: Settings) -> PaddleOcrVlOptions:
    """Return the options for the crop of a block with this label, which is read a second time.

    The native model cannot sample, and gets other pixel limits. A model server samples a little; its pixel limits may
    be its own.
    """
    limits = retry_pixel_limits(
        {
            "min_pixels": options.min_pixels or DEFAULT_MIN_PIXELS,
            "max_pixels": options.max_pixels or DEFAULT_MAX_PIXELS,
        }
    )
    changes: Mapping[str, float] = limits if settings.backend == "native" else sampling_arguments({})
    return options.model_copy(
        update={
            **changes,
            "prompt_label": _prompt_of(label, options),
            "use_layout_detection": False,
            "use_doc_orientation_classify": False,
            "use_doc_unwarping": False,
            "text_layer": "never",
            "merge_pages": False,
            "merge_tables": None,
            "relevel_titles": None,
            "figures": "none",
            "page_images": "none",
            "verify": "off",
        }
    )


def _prompt_of(label: str, options: PaddleOcrVlOptions) -> str:
    """Return the kind of crop that the pipeline makes of a block with this label."""
    if label == "table" or (label == "chart" and options.use_chart_recognition):
        return label
    if label == "seal" and options.use_seal_recognition:
        return label
    return "formula" if "formula" in label and label != "formula_number" else "ocr"


def wants_text_layer(options: PaddleOcrVlOptions) -> bool:
    """Return whether blocks are written from the text layers of PDF pages."""
    return options.text_layer == "auto"


def sampling(options: PaddleOcrVlOptions) -> dict[str, float | None]:
    """Return the sampling options, which only a model server honors, by name."""
    return {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "repetition_penalty": options.repetition_penalty,
    }


def _not_loaded_message(name: str) -> str:
    return f"`{name}` needs a model that this worker has not loaded; start it with {variable_name(name)}=true"
