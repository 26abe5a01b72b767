"""Keyword arguments of Paddle's pipeline, from our options and settings: for its construction and for each call.

Pure functions. Imports no Paddle, so that the arguments can be tested without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_worker.engines.paddleocr_vl.model_server import ModelServer, ServedModel, model_name
from ocr_worker.engines.paddleocr_vl.options import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS, PaddleOcrVlOptions, sampling
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
        "prompt_label": options.prompt_label,
        "layout_threshold": options.layout_threshold,
        "merge_layout_blocks": options.merge_layout_blocks,
        "markdown_ignore_labels": options.markdown_ignore_labels,
        "min_pixels": options.min_pixels,
        "max_pixels": options.max_pixels,
        "max_new_tokens": options.max_new_tokens,
        **(_server_arguments(options, served_model) if served_model else {}),
    }


def _server_arguments(options: PaddleOcrVlOptions, served_model: ServedModel) -> dict[str, Any]:
    """Return the arguments that only a model server uses. A server with pixel limits of its own gets none."""
    prompt_labels = () if served_model.can_limit_pixels else ("ocr", "table", "chart", "formula", "seal")
    return sampling(options) | {
        "vlm_extra_args": {
            f"{prompt_label}_{bound}_pixels": None for prompt_label in prompt_labels for bound in ("min", "max")
        },
    }


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


def halve_pixels(arguments: Mapping[str, Any]) -> dict[str, int]:
    """Return the arguments to change after a call ran out of memory: half the pixels of a crop."""
    max_pixels = (arguments["max_pixels"] or DEFAULT_MAX_PIXELS) // 2
    return {"max_pixels": max_pixels, "min_pixels": min(arguments["min_pixels"] or DEFAULT_MIN_PIXELS, max_pixels)}
