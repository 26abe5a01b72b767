"""The translation of PaddleX's options: from the body of `/layout-parsing` to a `ParseRequest`.

`_TRANSLATIONS` maps PaddleX's fields to our options. Every field of PaddleX gets a response, with every engine: a field
that the engine does not have and that cannot make its text wrong is ignored with a warning, and only a field without
which the result would be wrong is rejected. `translate` decides that for each field, `model_settings` reports the
options back in PaddleX's form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError

from ocr_worker.app.paddlex.request import NO_EXPORT, LayoutParsingRequest, is_url
from ocr_worker.app.paddlex.route import FieldError, InvalidFile, RequestRejected
from ocr_worker.engines.paddleocr_vl.options import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS, PixelLimitName
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import InvalidRequest
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import DocumentRequest, PageWarning, ParseOptions, ParseRequest

IGNORED_IN_MARKDOWN = ["number", "footnote", "header", "header_image", "footer", "footer_image", "aside_text"]
OPTION_IGNORED, SPOTTING_BOXES = "OPTION_IGNORED", "SPOTTING_BOXES_LEFT_OUT"

# Our option for each field of PaddleX, and the field's value without effect.
_TRANSLATIONS: dict[str, tuple[str, Any]] = {
    "useDocOrientationClassify": ("use_doc_orientation_classify", False),
    "useDocUnwarping": ("use_doc_unwarping", False),
    "useLayoutDetection": ("use_layout_detection", True),
    "useChartRecognition": ("use_chart_recognition", False),
    "useSealRecognition": ("use_seal_recognition", False),
    "useOcrForImageBlock": ("use_ocr_for_image_block", False),
    "layoutThreshold": ("layout_threshold", None),
    "layoutNms": ("layout_nms", True),
    "layoutUnclipRatio": ("layout_unclip_ratio", 1),
    "layoutMergeBboxesMode": ("layout_merge_bboxes_mode", None),
    "layoutShapeMode": ("layout_shape_mode", "auto"),
    "promptLabel": ("prompt_label", "ocr"),
    "repetitionPenalty": ("repetition_penalty", 1),
    "temperature": ("temperature", 0),
    "topP": ("top_p", 1),
    "minPixels": ("min_pixels", DEFAULT_MIN_PIXELS),
    "maxPixels": ("max_pixels", DEFAULT_MAX_PIXELS),
    "maxNewTokens": ("max_new_tokens", 4096),
    "mergeLayoutBlocks": ("merge_layout_blocks", True),
    "markdownIgnoreLabels": ("markdown_ignore_labels", IGNORED_IN_MARKDOWN),
    "vlmExtraArgs": ("vlm_extra_args", {}),
    "restructurePages": ("merge_pages", False),
    "mergeTables": ("merge_tables", True),
    "relevelTitles": ("relevel_titles", True),
}
_SAMPLING = ("repetitionPenalty", "temperature", "topP")
_BY_CLASS = ("layoutThreshold", "layoutUnclipRatio", "layoutMergeBboxesMode")
_ONLY_WITH_RESTRUCTURING = ("mergeTables", "relevelTitles")


@dataclass
class Translation:
    """A request's options in our words.

    options: by name. warnings: one for each field, or part of one, that has no effect. errors: for fields without
    which the result would be wrong.
    """

    options: dict[str, Any] = field(default_factory=dict)
    warnings: list[PageWarning] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)

    def ignore(self, name: str, reason: str) -> None:
        """Add a warning about a field without effect."""
        self.warnings.append(PageWarning(code=OPTION_IGNORED, message=f"`{name}` has no effect: {reason}"))


def parse_request(body: LayoutParsingRequest, settings: Settings) -> ParseRequest:
    """Return our request for PaddleX's request.

    Raises RequestRejected, which lists every field without which the result would be wrong. Raises InvalidFile for an
    empty file.
    """
    try:
        document = DocumentRequest(**{"url" if is_url(body.file) else "base64": body.file})
    except ValidationError:
        raise InvalidFile("`file` is empty") from None
    return ParseRequest(documents=[document], options=_options(body, settings))


def _options(body: LayoutParsingRequest, settings: Settings) -> ParseOptions:
    spec = engine_spec(settings.engine)
    translation = translate(body, settings)
    if translation.errors:
        raise RequestRejected.from_errors(translation.errors)
    try:
        options: ParseOptions = spec.options.model_validate(translation.options)
        spec.check_options(options, settings)
    except ValidationError as error:
        raise RequestRejected.from_errors([_field_error(item["loc"], item["msg"]) for item in error.errors()]) from None
    except InvalidRequest as error:
        raise RequestRejected(_use_field_names(str(error))) from None
    return options


# --------------------------------------------------------------------------- field by field


def translate(body: LayoutParsingRequest, settings: Settings) -> Translation:
    """Return the request's options in our words, with warnings and errors for fields that are not translated."""
    spec = engine_spec(settings.engine)
    translation = Translation(
        {
            "figures": "inline" if body.returnMarkdownImages else "none",
            "page_images": "inline" if body.has_page_images else "none",
        }
    )
    if "markdown_escape" in spec.options.model_fields:
        translation.options["markdown_escape"] = False  # PaddleX's server escapes nothing
    if body.outputFormats:
        translation.errors.append(FieldError("outputFormats", NO_EXPORT))
    for name, (option, default) in _TRANSLATIONS.items():
        value = getattr(body, name)
        if name not in body.model_fields_set or value is None or _is_unused(name, body):
            continue
        if option in spec.options.model_fields:
            _translate_field(name, value, settings, spec.options, translation)
        elif value != default:
            _leave_out(name, value, spec.name, translation)
    return translation


def _translate_field(
    name: str, value: Any, settings: Settings, model: type[ParseOptions], translation: Translation
) -> None:
    """Add the option for a field that the engine has."""
    option, default = _TRANSLATIONS[name]
    if name in _SAMPLING and settings.backend == "native":
        if value != default:
            translation.ignore(name, "the native backend never samples")
    elif name in _BY_CLASS and isinstance(value, dict):
        translation.options[option] = _by_class_number(name, value, translation)
    elif name == "vlmExtraArgs":
        translation.options |= _pixel_limits(value, translation)
    elif name == "markdownIgnoreLabels":
        translation.options[option] = _labels(value, model, translation)
    else:
        translation.options[option] = list(value) if isinstance(value, tuple) else value
        if value == "spotting":
            message = "`promptLabel`: the response has the text of the page without the boxes of its lines"
            translation.warnings.append(PageWarning(code=SPOTTING_BOXES, message=message))


def _is_unused(name: str, body: LayoutParsingRequest) -> bool:
    """Return True if the pipeline does not look at the field, given the other fields."""
    if name == "promptLabel":
        return body.useLayoutDetection is not False
    return name in _ONLY_WITH_RESTRUCTURING and (not body.restructurePages or getattr(body, name) is True)


def _leave_out(name: str, value: Any, engine: str, translation: Translation) -> None:
    """Ignore a field that the engine does not have, or reject it if the text would be wrong without it."""
    if name == "useDocUnwarping":
        reason = f"the engine {engine} cannot flatten photographed pages; remove the field, or use paddleocr-vl"
        translation.errors.append(FieldError(name, reason))
    elif name == "promptLabel":
        reason = f"the engine {engine} cannot read a whole page as {value!r}; remove the field, or use paddleocr-vl"
        translation.errors.append(FieldError(name, reason))
    elif name == "useDocOrientationClassify" and engine == "embedded":
        pass  # it always turns pages upright
    else:
        translation.ignore(name, f"the engine {engine} does not have it")


def _by_class_number(name: str, values: dict[Any, Any], translation: Translation) -> dict[str, Any]:
    """Return the entries with a class number as their key. The layout model knows no other keys."""
    numbered = {str(key): value for key, value in values.items() if str(key).isdecimal()}
    if len(numbered) < len(values):
        others = ", ".join(repr(str(key)) for key in values if str(key) not in numbered)
        translation.ignore(name, f"{others}: no class number of the layout model")
    return numbered


def _pixel_limits(arguments: dict[Any, Any], translation: Translation) -> dict[str, Any]:
    """Return the options for `vlmExtraArgs`, of which the library uses the pixel limits."""
    limits = {name: value for name, value in arguments.items() if name in get_args(PixelLimitName)}
    if len(limits) < len(arguments):
        others = ", ".join(repr(str(name)) for name in arguments if name not in limits)
        translation.ignore("vlmExtraArgs", f"{others}: the library ignores them, too")
    return {"vlm_extra_args": limits} if limits else {}


def _labels(labels: list[str], model: type[ParseOptions], translation: Translation) -> list[str]:
    """Return the labels that the engine accepts; a label that it never gives to a block leaves nothing out."""
    kept = []
    for label in labels:
        try:
            model.model_validate({"markdown_ignore_labels": [label]})
            kept.append(label)
        except ValidationError:
            translation.ignore("markdownIgnoreLabels", f"the engine has no label {label[:40]!r}")
    return kept


# --------------------------------------------------------------------------- in PaddleX's words


def _field_error(path: tuple[int | str, ...], message: str) -> FieldError:
    option = str(path[0]) if path else ""
    fields = {option: name for name, (option, _) in _TRANSLATIONS.items()}
    return FieldError(fields.get(option, ""), _use_field_names(message))


def _use_field_names(message: str) -> str:
    for name, (option, _) in _TRANSLATIONS.items():
        message = message.replace(f"`{option}`", f"`{name}`")
    return message


def model_settings(body: LayoutParsingRequest, settings: Settings) -> dict[str, Any]:
    """Return what PaddleX's pipeline reports as `model_settings` for this request. Ignored fields are not in it."""
    options = engine_spec(settings.engine).options.model_fields

    def value_of(name: str) -> Any:
        option, default = _TRANSLATIONS[name]
        value = getattr(body, name)
        return default if value is None or option not in options else value

    preprocessing = (
        (body.useDocOrientationClassify, settings.use_doc_orientation_classify),
        (body.useDocUnwarping, settings.use_doc_unwarping),
    )
    has_layout_detection = value_of("useLayoutDetection")
    prompt = None if has_layout_detection else body.promptLabel
    return {
        "use_doc_preprocessor": any(
            default if requested_value is None else requested_value for requested_value, default in preprocessing
        ),
        "use_layout_detection": has_layout_detection,
        "use_chart_recognition": value_of("useChartRecognition") or prompt == "chart",
        "use_seal_recognition": value_of("useSealRecognition") or prompt == "seal",
        "use_ocr_for_image_block": value_of("useOcrForImageBlock"),
        "format_block_content": bool(body.formatBlockContent),
        "merge_layout_blocks": value_of("mergeLayoutBlocks"),
        "markdown_ignore_labels": list(value_of("markdownIgnoreLabels")),
        "return_layout_polygon_points": body.layoutShapeMode != "rect",
    }
