"""PaddleX's options in our words: from its request to a `ParseRequest`.

What it knows and this worker cannot do is accepted where it changes nothing, and refused where it would.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ocr_worker.app.paddlex.request import LayoutParsingRequest, is_url
from ocr_worker.app.paddlex.route import Fault, InvalidFile, Refusal
from ocr_worker.engines.paddleocr_vl.options import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import InvalidRequest
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import DocumentRequest, ParseOptions, ParseRequest

IGNORED_IN_MARKDOWN = ["number", "footnote", "header", "header_image", "footer", "footer_image", "aside_text"]

# Ours for theirs, and the value that changes nothing. Those of the second table have no counterpart.
_PASSED_ON: dict[str, tuple[str, Any]] = {
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
_HARMLESS: dict[str, Any] = {
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
    """The same request in our words.

    Raises Refusal, which names every field that would change the result and that this worker cannot honour, and
    InvalidFile for a file that is empty.
    """
    try:
        document = DocumentRequest(**{"url" if is_url(body.file) else "base64": body.file})
    except ValidationError:
        raise InvalidFile from None
    return ParseRequest(documents=[document], options=_options(body, settings))


def _options(body: LayoutParsingRequest, settings: Settings) -> ParseOptions:
    spec = engine_spec(settings.engine)
    given, faults = _translated(body, settings, spec.options)
    if faults:
        raise Refusal.of(faults)
    try:
        options: ParseOptions = spec.options.model_validate(given)
        spec.check_options(options, settings)
    except ValidationError as error:
        raise Refusal.of([_fault(found["loc"], found["msg"]) for found in error.errors()]) from None
    except InvalidRequest as error:
        raise Refusal(_in_their_names(str(error))) from None
    return options


def _translated(
    body: LayoutParsingRequest, settings: Settings, model: type[ParseOptions]
) -> tuple[dict[str, Any], list[Fault]]:
    """Our options by name, and what cannot be translated."""
    given: dict[str, Any] = {
        "figures": "inline" if body.returnMarkdownImages else "none",
        "page_images": "inline" if body.wants_pictures else "none",
    }
    faults = [_not_done(name) for name, value in _HARMLESS.items() if getattr(body, name) not in (None, value)]
    for theirs, (ours, harmless) in _PASSED_ON.items():
        value = getattr(body, theirs)
        if value is None or _changes_nothing(theirs, body, settings):
            continue
        if ours in model.model_fields and not _too_much(theirs, value):
            given[ours] = value
        elif value != harmless:
            faults.append(_not_done(theirs))
    if body.restructurePages and "merge_pages" in model.model_fields:
        given["merge_pages"] = True
        faults += [_not_done(name) for name in ("mergeTables", "relevelTitles") if not getattr(body, name)]
    elif body.restructurePages:
        faults.append(_not_done("restructurePages"))
    return given, faults


def _changes_nothing(theirs: str, body: LayoutParsingRequest, settings: Settings) -> bool:
    """Whether the pipeline would not look at the field: sampling that is none where nothing is sampled, and the prompt
    of a page whose regions are looked for."""
    if theirs == "promptLabel":
        return body.useLayoutDetection is not False
    sampled = settings.backend != "native"
    return theirs in _SAMPLING and not sampled and getattr(body, theirs) == _PASSED_ON[theirs][1]


def _too_much(theirs: str, value: Any) -> bool:
    return isinstance(value, dict) or (theirs == "promptLabel" and value == "spotting")


def _not_done(theirs: str) -> Fault:
    return Fault(theirs, "this server cannot honour the value; leave the field out")


def _fault(path: tuple[int | str, ...], told: str) -> Fault:
    ours = str(path[0]) if path else ""
    names = {option: theirs for theirs, (option, _) in _PASSED_ON.items()}
    return Fault(names.get(ours, ""), _in_their_names(told))


def _in_their_names(told: str) -> str:
    for theirs, (ours, _) in _PASSED_ON.items():
        told = told.replace(f"`{ours}`", f"`{theirs}`")
    return told


def model_settings(body: LayoutParsingRequest, settings: Settings) -> dict[str, Any]:
    """What PaddleX's pipeline reports under `model_settings` for this request."""
    preprocessing = (
        (body.useDocOrientationClassify, settings.use_doc_orientation_classify),
        (body.useDocUnwarping, settings.use_doc_unwarping),
    )
    looks = body.useLayoutDetection is not False
    prompt = None if looks else body.promptLabel
    ignored = body.markdownIgnoreLabels
    return {
        "use_doc_preprocessor": any(default if asked is None else asked for asked, default in preprocessing),
        "use_layout_detection": looks,
        "use_chart_recognition": bool(body.useChartRecognition) or prompt == "chart",
        "use_seal_recognition": bool(body.useSealRecognition) or prompt == "seal",
        "use_ocr_for_image_block": False,
        "format_block_content": False,
        "merge_layout_blocks": body.mergeLayoutBlocks is not False,
        "markdown_ignore_labels": list(IGNORED_IN_MARKDOWN if ignored is None else ignored),
        "return_layout_polygon_points": True,
    }
