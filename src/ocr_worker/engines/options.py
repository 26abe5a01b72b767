"""The options each engine honours beside the common ones. No engine is imported here: requests are checked, and the
JSON Schema is written, without Paddle."""

from __future__ import annotations

from ocr_worker.schema import ParseOptions


class EmbeddedOptions(ParseOptions):
    """Options of the embedded CPU engine: the common ones."""


class PaddleOcrVlOptions(ParseOptions):
    """Options of PaddleOCR-VL, in the engine's own names."""


ENGINE_OPTIONS: dict[str, type[ParseOptions]] = {
    "paddleocr-vl": PaddleOcrVlOptions,
    "embedded": EmbeddedOptions,
}


def options_model(engine: str) -> type[ParseOptions]:
    """The options model of the engine of this name; engines from outside have the common options only."""
    return ENGINE_OPTIONS.get(engine, ParseOptions)
