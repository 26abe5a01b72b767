"""Engines by name: which names there are, and what is wrong with the others."""

from __future__ import annotations

import pytest

from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.registry import BUILT_IN, engine_spec, options_models, read_request
from ocr_worker.errors import InvalidRequest, SettingsInvalid
from ocr_worker.wire.schema import ParseOptions
from support.doubles import Double

impostor = EngineSpec(name="embedded", options=ParseOptions, builder=lambda settings: by_function)


def by_function() -> Double:
    raise NotImplementedError


@pytest.mark.parametrize("name", BUILT_IN)
def test_our_engines_have_their_names(name: str) -> None:
    """An engine's spec has the name that OCR_ENGINE chooses it by."""
    assert engine_spec(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "tesseract",
            "is unknown; choose one of: embedded, paddleocr-vl, or the module:attribute of your own EngineSpec",
        ),
        ("no_such_module:SPEC", "cannot be imported: No module named 'no_such_module'"),
        ("support.doubles:no_such_spec", "cannot be imported: module 'support.doubles' has no attribute"),
        ("support.doubles:Double", "is of type type, not an EngineSpec; name an `ocr_worker.engines.base"),
        ("support.doubles:read", "is of type function, not an EngineSpec"),
        (f"{__name__}:impostor", "the name 'embedded' belongs to another engine"),
    ],
)
def test_a_name_that_is_no_engine_is_rejected(name: str, message: str) -> None:
    """The message says what is wrong with the value of OCR_ENGINE, and what is expected."""
    with pytest.raises(SettingsInvalid) as caught:
        engine_spec(name)
    assert "OCR_ENGINE" in str(caught.value)
    assert message in str(caught.value)


def test_options_of_all_engines_are_known() -> None:
    """Schemas are written of our engines and of the one in use, each once."""
    assert list(options_models("embedded")) == ["paddleocr-vl", "embedded"]
    assert list(options_models("support.doubles:reading")) == ["paddleocr-vl", "embedded", "double"]


def test_an_option_of_another_engine_names_that_engine() -> None:
    """Options of our engines are known everywhere; each engine honors its own."""
    with pytest.raises(InvalidRequest) as caught:
        read_request({"url": "https://a.b/c", "options": {"merge_pages": True}}, engine_spec("embedded"))
    assert "input.options.merge_pages: is an option of the engine paddleocr-vl; this worker runs embedded" in str(
        caught.value
    )
    request = read_request({"url": "https://a.b/c", "options": {"merge_pages": True}}, engine_spec("paddleocr-vl"))
    assert request.options.model_dump(exclude_unset=True) == {"merge_pages": True}
