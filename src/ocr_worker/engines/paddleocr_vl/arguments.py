"""Keyword arguments of Paddle's pipeline, from our options and settings: for its construction and for each call.

Pure functions. Imports no Paddle, so that the arguments can be tested without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ocr_worker.engines.paddleocr_vl.model_server import ModelServer, ServedModel, model_name
from ocr_worker.engines.paddleocr_vl.options import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_MIN_PIXELS,
    PROMPT_KINDS,
    PaddleOcrVlOptions,
    sampling,
)
from ocr_worker.settings import Settings


def call_arguments(options: PaddleOcrVlOptions, settings: Settings, served_model: ServedModel | None) -> dict[str, Any]:
    """Return the keyword arguments of one call of the pipeline.

    served_model: the model of the server that reads the crops; None for the native backend. Orientation and unwarping
    always have explicit values: if only one of them is given, it switches the other on.
    """
    return {
        "use_doc_orientation_classify": _value_or_default(
            options.use_doc_orientation_classify, settings.use_doc_orientation_classify
        ),
        "use_doc_unwarping": _value_or_default(options.use_doc_unwarping, settings.use_doc_unwarping),
        "use_chart_recognition": options.use_chart_recognition,
        "use_seal_recognition": options.use_seal_recognition,
        "use_layout_detection": options.use_layout_detection,
        "use_ocr_for_image_block": options.use_ocr_for_image_block,
        "prompt_label": options.prompt_label,
        "layout_threshold": _by_class(options.layout_threshold, float),
        "layout_nms": options.layout_nms,
        "layout_unclip_ratio": _by_class(options.layout_unclip_ratio, _pair),
        "layout_merge_bboxes_mode": _by_class(options.layout_merge_bboxes_mode, str),
        "layout_shape_mode": options.layout_shape_mode or "auto",
        "merge_layout_blocks": options.merge_layout_blocks,
        "markdown_ignore_labels": options.markdown_ignore_labels,
        "min_pixels": options.min_pixels,
        "max_pixels": options.max_pixels,
        "max_new_tokens": options.max_new_tokens,
        "vlm_extra_args": dict(options.vlm_extra_args or {}),
        **(_server_arguments(options, served_model) if served_model else {}),
    }


def _by_class(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Return a value, or an object's values by class number, in the types that the layout model checks for."""
    if value is None:
        return None
    return {int(number): convert(item) for number, item in value.items()} if isinstance(value, dict) else convert(value)


def _pair(ratio: Any) -> tuple[float, float]:
    width, height = ratio if isinstance(ratio, list) else (ratio, ratio)
    return float(width), float(height)


def _server_arguments(options: PaddleOcrVlOptions, served_model: ServedModel) -> dict[str, Any]:
    """Return the arguments that only a model server uses. A server with pixel limits of its own gets none."""
    if served_model.can_limit_pixels:
        return sampling(options)
    names = (f"{kind}_{bound}_pixels" for kind in PROMPT_KINDS for bound in ("min", "max"))
    return sampling(options) | {"vlm_extra_args": dict.fromkeys(names)}


def server_pipeline_arguments(settings: Settings, model_server: ModelServer) -> dict[str, Any]:
    """Return the arguments of the pipeline's constructor that select a model server."""
    key = settings.server_api_key
    return {
        "vl_rec_backend": settings.backend,
        "vl_rec_server_url": model_server.url,
        "vl_rec_api_model_name": model_name(settings),
        "vl_rec_api_key": key.get_secret_value() if key else None,
    }


def _value_or_default(value: bool | None, default: bool) -> bool:
    return default if value is None else value


def halve_pixels(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments to change after a call ran out of memory: half the pixels of a crop."""
    max_pixels = (arguments["max_pixels"] or DEFAULT_MAX_PIXELS) // 2
    limits = {name: limit and limit // 2 for name, limit in arguments["vlm_extra_args"].items()}
    return {
        "max_pixels": max_pixels,
        "min_pixels": min(arguments["min_pixels"] or DEFAULT_MIN_PIXELS, max_pixels),
        "vlm_extra_args": limits,
    }
