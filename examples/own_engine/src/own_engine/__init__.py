"""The declaration of an engine that lists the colors of each page; chosen with `OCR_ENGINE=own_engine:SPEC`.

The worker imports this module to check requests, to write schemas and for `doctor`. So it is cheap to import: what the
engine itself needs is imported in the builder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from ocr_worker.engines.base import Diagnosis, Engine, EngineSpec
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ParseOptions


class ColorOptions(ParseOptions):
    """Options of a request to this engine."""

    colors: int = Field(3, ge=1, le=16, description="number of colors listed per page, the most frequent first")


def names_file() -> Path | None:
    """Return the file that COLOR_NAMES names, if it is set."""
    path = os.environ.get("COLOR_NAMES")
    return Path(path) if path else None


def _builder(settings: Settings) -> Callable[[], Engine[ColorOptions]]:
    from own_engine.engine import ColorEngine

    file = names_file()
    return lambda: ColorEngine(file)


def _replicas(settings: Settings) -> int:
    """Return as many engines as there are processes that render pages for them."""
    return settings.raster_workers


def _diagnose(settings: Settings) -> Diagnosis:
    file = names_file()
    if file is None:
        return Diagnosis(["color names: Pillow's"])
    if file.is_file():
        return Diagnosis([f"color names: {file}"])
    return Diagnosis(["color names: missing"], [f"COLOR_NAMES={file} is no file; correct it, or unset it"])


SPEC = EngineSpec(
    name="own-engine",
    options=ColorOptions,
    builder=_builder,
    preferred_dpi=36,
    replicas=_replicas,
    diagnose=_diagnose,
    variables={
        "COLOR_NAMES": 'JSON file of color names, as in {"sky": "#87ceeb"}; default: the names that Pillow knows'
    },
)
