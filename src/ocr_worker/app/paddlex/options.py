"""The translation of PaddleX's options: from the body of `/layout-parsing` to a `ParseRequest`.

`_TRANSLATIONS` maps PaddleX's fields to our options. A field that this worker does not support is accepted with a value
that has no effect, and rejected with any other value. `model_settings` reports the options back in PaddleX's form.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ocr_worker.app.paddlex.request import LayoutParsingRequest, is_url
from ocr_worker.app.paddlex.route import FieldError, InvalidFile, RequestRejected
from ocr_worker.engines.paddleocr_vl.options import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import InvalidRequest
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import DocumentRequest, ParseOptions, ParseRequest

IGNORED_IN_MARKDOWN = ["number", "footnote", "header", "header_image", "footer", "footer_image", "aside_text"]

# Our option for each field of PaddleX, and the field's value without effect. Fields of the second table have no option.
_TRANSLATIONS: dict[str, tuple[str, Any]] = {
    "useDocOrientationClassify": ("use_doc_orientation_classify", False),
    "useDocUnwarping": ("use_doc_unwarping", False),
    "useLayoutDetection": ("use_layout_detection", True),
    "useChartRecognition": ("use_chart_recognition", False),
    "useSealRecognition": ("use_seal_recognition", False),
    "layoutThreshold": ("layout_threshold", None),
    "promptLabel": ("prompt_label", None),
    "repetitionPenalty": ("repetition_penalty", 1),
    "temperature": ("temperature", 0),
    "topP": ("top_p", 1),
    "minPixels": ("min_pixels", DEFAULT_MIN_PIXELS),
    "maxPixels": ("max_pixels", DEFAULT_MAX_PIXELS),
    "maxNewTokens": ("max_new_tokens", 4096),
    "mergeLayoutBlocks": ("merge_layout_blocks", True),
    "markdownIgnoreLabels": ("markdown_ignore_labels", IGNORED_IN_MARKDOWN),
}
_UNTRANSLATED: dict[str, Any] = {
    "outputFormats": [],
    "useOcrForImageBlock": False,
    "layoutNms": True,
    "layoutUnclipRatio": 1,
    "layoutMergeBboxesMode": None,
    "layoutShapeMode": "auto",
    "formatBlockContent": False,
    "vlmExtraArgs": {},
}
_SAMPLING = ("repetitionPenalty", "temperature", "topP")


def parse_request(body: LayoutParsingRequest, settings: Settings) -> ParseRequest:
    """Return our request for PaddleX's request.

    Raises RequestRejected, which lists every field that would change the result and that this worker does not support.
    Raises InvalidFile for an empty file.
    """
    try:
        document = DocumentRequest(**{"url" if is_url(body.file) else "base64": body.file})
    except ValidationError:
        raise InvalidFile from None
    return ParseRequest(documents=[document], options=_options(body, settings))


def _options(body: LayoutParsingRequest, settings: Settings) -> ParseOptions:
    spec = engine_spec(settings.engine)
    option_values, errors = _translate(body, settings, spec.options)
    if errors:
        raise RequestRejected.from_errors(errors)
    try:
        options: ParseOptions = spec.options.model_validate(option_values)
        spec.check_options(options, settings)
    except ValidationError as error:
        raise RequestRejected.from_errors([_field_error(item["loc"], item["msg"]) for item in error.errors()]) from None
    except InvalidRequest as error:
        raise RequestRejected(_use_field_names(str(error))) from None
    return options


def _translate(
    body: LayoutParsingRequest, settings: Settings, model: type[ParseOptions]
) -> tuple[dict[str, Any], list[FieldError]]:
    """Return our options by name, and an error for each field that cannot be translated."""
    options: dict[str, Any] = {
        "figures": "inline" if body.returnMarkdownImages else "none",
        "page_images": "inline" if body.has_page_images else "none",
    }
    if "markdown_escape" in model.model_fields:
        options["markdown_escape"] = False  # PaddleX's server escapes nothing
    errors = [
        _unsupported_field(name) for name, value in _UNTRANSLATED.items() if getattr(body, name) not in (None, value)
    ]
    for field, (option, default) in _TRANSLATIONS.items():
        value = getattr(body, field)
        if value is None or _has_no_effect(field, body, settings):
            continue
        if option in model.model_fields and not _is_unsupported_value(field, value):
            options[option] = value
        elif value != default:
            errors.append(_unsupported_field(field))
    if body.restructurePages and "merge_pages" in model.model_fields:
        options["merge_pages"] = True
        errors += [_unsupported_field(name) for name in ("mergeTables", "relevelTitles") if not getattr(body, name)]
    elif body.restructurePages:
        errors.append(_unsupported_field("restructurePages"))
    return options, errors


def _has_no_effect(field: str, body: LayoutParsingRequest, settings: Settings) -> bool:
    """Return True if the pipeline ignores the field.

    It ignores options that switch sampling off if the backend never samples. It ignores the prompt of a page with
    layout detection.
    """
    if field == "promptLabel":
        return body.useLayoutDetection is not False
    can_sample = settings.backend != "native"
    return field in _SAMPLING and not can_sample and getattr(body, field) == _TRANSLATIONS[field][1]


def _is_unsupported_value(field: str, value: Any) -> bool:
    return isinstance(value, dict) or (field == "promptLabel" and value == "spotting")


def _unsupported_field(field: str) -> FieldError:
    return FieldError(field, "this server does not support the value; remove the field")


def _field_error(path: tuple[int | str, ...], message: str) -> FieldError:
    option = str(path[0]) if path else ""
    fields = {option: field for field, (option, _) in _TRANSLATIONS.items()}
    return FieldError(fields.get(option, ""), _use_field_names(message))


def _use_field_names(message: str) -> str:
    for field, (option, _) in _TRANSLATIONS.items():
        message = message.replace(f"`{option}`", f"`{field}`")
    return message


def model_settings(body: LayoutParsingRequest, settings: Settings) -> dict[str, Any]:
    """Return what PaddleX's pipeline reports as `model_settings` for this request."""
    preprocessing = (
        (body.useDocOrientationClassify, settings.use_doc_orientation_classify),
        (body.useDocUnwarping, settings.use_doc_unwarping),
    )
    has_layout_detection = body.useLayoutDetection is not False
    prompt = None if has_layout_detection else body.promptLabel
    ignored_labels = body.markdownIgnoreLabels
    return {
        "use_doc_preprocessor": any(
            default if requested_value is None else requested_value for requested_value, default in preprocessing
        ),
        "use_layout_detection": has_layout_detection,
        "use_chart_recognition": bool(body.useChartRecognition) or prompt == "chart",
        "use_seal_recognition": bool(body.useSealRecognition) or prompt == "seal",
        "use_ocr_for_image_block": False,
        "format_block_content": False,
        "merge_layout_blocks": body.mergeLayoutBlocks is not False,
        "markdown_ignore_labels": list(IGNORED_IN_MARKDOWN if ignored_labels is None else ignored_labels),
        "return_layout_polygon_points": True,
    }
