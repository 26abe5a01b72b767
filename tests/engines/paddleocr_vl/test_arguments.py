"""The arguments of a call of the pipeline, from a request's options."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ocr_worker.engines.paddleocr_vl.arguments import call_arguments, halve_pixels
from ocr_worker.engines.paddleocr_vl.model_server import ServedModel
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions, fill_options, wants_text_layer
from ocr_worker.settings import Settings


def arguments(served_model: ServedModel | None = None, **options: Any) -> dict[str, Any]:
    return call_arguments(PaddleOcrVlOptions.model_validate(options), Settings(), served_model)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("layout_threshold", 1, 1.0),
        ("layout_threshold", {"22": 0, "1": 0.5}, {22: 0.0, 1: 0.5}),
        ("layout_unclip_ratio", 2, (2.0, 2.0)),
        ("layout_unclip_ratio", [1, 1.5], (1.0, 1.5)),
        ("layout_unclip_ratio", {"22": 1, "3": [1, 2]}, {22: (1.0, 1.0), 3: (1.0, 2.0)}),
        ("layout_merge_bboxes_mode", "union", "union"),
        ("layout_merge_bboxes_mode", {"3": "small"}, {3: "small"}),
        ("layout_shape_mode", None, "auto"),
        ("layout_nms", False, False),
        ("vlm_extra_args", {"ocr_min_pixels": 5000}, {"ocr_min_pixels": 5000}),
    ],
)
def test_options_have_the_types_that_the_layout_model_checks_for(name: str, value: Any, expected: Any) -> None:
    """Scores are floats, ratios pairs of floats, and classes numbers; JSON has none of these."""
    result = arguments(**{name: value})[name]
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    "options",
    [
        {"layout_threshold": {"text": 0.5}},
        {"layout_unclip_ratio": 0},
        {"layout_merge_bboxes_mode": "most"},
        {"vlm_extra_args": {"use_cache": 5000}},
        {"vlm_extra_args": {"ocr_min_pixels": 2_000_000}},
        {"merge_tables": False},
        {"relevel_titles": False},
    ],
)
def test_options_without_a_meaning_are_refused(options: dict[str, Any]) -> None:
    """Unknown classes and arguments, limits the wrong way round, and wishes without their feature are errors."""
    with pytest.raises(ValidationError):
        PaddleOcrVlOptions.model_validate(options)


def test_half_the_pixels_are_half_of_all_limits() -> None:
    """After memory ran out, the limits of single kinds are halved, too."""
    halved = halve_pixels(arguments(max_pixels=1_000_000, vlm_extra_args={"table_max_pixels": 800_000}))
    assert halved == {"max_pixels": 500_000, "min_pixels": 112_896, "vlm_extra_args": {"table_max_pixels": 400_000}}


@pytest.mark.parametrize("can_limit_pixels", [True, False])
def test_a_server_with_limits_of_its_own_gets_none(can_limit_pixels: bool) -> None:
    """Its arguments switch off the pipeline's limits of every kind; another server gets those of the request."""
    server = ServedModel("http://127.0.0.1:1/v1", "model", can_limit_pixels)
    extra = arguments(server, vlm_extra_args={"ocr_max_pixels": 500_000})["vlm_extra_args"]
    assert extra == {"ocr_max_pixels": 500_000} if can_limit_pixels else set(extra.values()) == {None}


@pytest.mark.parametrize(
    ("options", "default", "expected"),
    [
        ({}, "never", "never"),
        ({}, "auto", "auto"),
        ({"text_layer": "never"}, "auto", "never"),
        ({"text_layer": "auto"}, "never", "auto"),
        ({"use_layout_detection": False}, "auto", "never"),
    ],
)
def test_default_of_the_text_layer(options: dict[str, Any], default: str, expected: str) -> None:
    """A request has the worker's default of `text_layer`, unless it chooses or looks for no blocks."""
    request = PaddleOcrVlOptions.model_validate(options)
    filled = fill_options(request, Settings.model_validate({"text_layer": default}))
    assert filled.text_layer == expected
    assert wants_text_layer(filled) is (expected == "auto")


def test_text_layer_needs_blocks() -> None:
    """`text_layer: auto` without layout detection has no effect, and is rejected."""
    with pytest.raises(ValidationError, match="`text_layer` has no effect"):
        PaddleOcrVlOptions(text_layer="auto", use_layout_detection=False)
