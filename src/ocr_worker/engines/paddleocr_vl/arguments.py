"""What the pipeline is built and called with, from our options and settings. Imports no Paddle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_worker.engines.paddleocr_vl.model_server import ModelServer, Server, model_name
from ocr_worker.engines.paddleocr_vl.options import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS, PaddleOcrVlOptions, sampling
from ocr_worker.settings import Settings


def of_call(options: PaddleOcrVlOptions, settings: Settings, server: Server | None) -> dict[str, Any]:
    """The pipeline's keyword arguments of one call. server: what reads its crops; None: Paddle itself.

    Orientation and unwarping are always said outright: left out, one of them switches the other on.
    """
    return {
        "use_doc_orientation_classify": _first(
            options.use_doc_orientation_classify, settings.use_doc_orientation_classify
        ),
        "use_doc_unwarping": _first(options.use_doc_unwarping, settings.use_doc_unwarping),
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
        **(_of_server(options, server) if server else {}),
    }


def _of_server(options: PaddleOcrVlOptions, server: Server) -> dict[str, Any]:
    """What only a model server honours; a server with pixel limits of its own is sent none."""
    kinds = () if server.takes_pixel_limits else ("ocr", "table", "chart", "formula", "seal")
    return sampling(options) | {
        "vlm_extra_args": {f"{kind}_{end}_pixels": None for kind in kinds for end in ("min", "max")},
    }


def of_server_pipeline(settings: Settings, model_server: ModelServer) -> dict[str, Any]:
    """What the pipeline is built with where a model server reads."""
    key = settings.server_api_key
    return {
        "vl_rec_backend": settings.backend,
        "vl_rec_server_url": model_server.url,
        "vl_rec_api_model_name": model_name(settings),
        "vl_rec_api_key": key.get_secret_value() if key else None,
    }


def _first(asked: bool | None, otherwise: bool) -> bool:
    return otherwise if asked is None else asked


def half_the_pixels(arguments: Mapping[str, Any]) -> dict[str, int]:
    """The arguments to change when memory ran out."""
    largest = (arguments["max_pixels"] or DEFAULT_MAX_PIXELS) // 2
    return {"max_pixels": largest, "min_pixels": min(arguments["min_pixels"] or DEFAULT_MIN_PIXELS, largest)}
