"""The engines by name, and the reading of a request with the options of an engine.

`BUILT_IN` lists our engines; any other is named as `module:attribute` (see `base`). Importing a spec imports no engine
library: those are imported when an engine is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from ocr_worker.engines.base import EngineSpec
from ocr_worker.errors import SettingsInvalid
from ocr_worker.wire.request import parse_request
from ocr_worker.wire.schema import ParseOptions, ParseRequest

BUILT_IN = {
    "paddleocr-vl": "ocr_worker.engines.paddleocr_vl.spec:SPEC",
    "embedded": "ocr_worker.engines.embedded.spec:SPEC",
}


@cache
def engine_spec(name: str, source: str = "OCR_ENGINE") -> EngineSpec[Any]:
    """Return the spec of the engine that OCR_ENGINE=`name` chooses: one of ours, or `module:attribute` of any package.

    source: variable or flag that holds the name, for messages. Raises SettingsInvalid when there is no such engine.
    """
    module, colon, attribute = BUILT_IN.get(name, name).partition(":")
    if not colon:
        raise SettingsInvalid(
            f"{source}={name!r} is unknown; choose one of: {', '.join(sorted(BUILT_IN))},"
            " or the module:attribute of your own EngineSpec"
        )
    try:
        spec = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingsInvalid(f"{source}={name!r} cannot be imported: {error}") from None
    if not isinstance(spec, EngineSpec):
        raise SettingsInvalid(
            f"{source}={name!r} is of type {type(spec).__name__}, not an EngineSpec;"
            " name an `ocr_worker.engines.base.EngineSpec`, such as your_module:SPEC (CONTRIBUTING.md, Add an engine)"
        )
    if name not in BUILT_IN and spec.name in BUILT_IN:
        raise SettingsInvalid(f"{source}={name!r}: the name {spec.name!r} belongs to another engine; rename the spec")
    return spec


def options_models(name: str) -> dict[str, type[ParseOptions]]:
    """Return the options model of each of our engines, and of the one that OCR_ENGINE=`name` chooses, by engine."""
    specs = [engine_spec(engine_name) for engine_name in (*BUILT_IN, name)]
    return {spec.name: spec.options for spec in specs}


def read_request(job_input: Any, spec: EngineSpec[Any]) -> ParseRequest:
    """Return the validated request in a job's `input`, with options of the engine `spec`. Raises InvalidRequest."""
    return parse_request(job_input, spec.options, _foreign_options(spec))


def _foreign_options(spec: EngineSpec[Any]) -> Mapping[str, str]:
    """Return the options that only our other engines have, each with a message that says so."""
    return {
        option: f"is an option of the engine {engine}; this worker runs {spec.name}"
        for engine in BUILT_IN
        for option in engine_spec(engine).options.model_fields
        if option not in spec.options.model_fields
    }
