"""The rendering requests of documents, by the options of their jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_worker.engines.base import EngineSpec
from ocr_worker.parsing.rendering import raster_request
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import DocumentRequest, ParseOptions
from support import doubles

READS_LAYER = replace(doubles.reading, wants_text_layer=lambda options: True)
TURNS_PAGES = replace(doubles.reading, keeps_pixels=lambda options: False)


@pytest.mark.parametrize(
    ("spec", "verify", "expected"),
    [
        (doubles.reading, "off", (False, False)),
        (doubles.reading, "auto", (True, False)),
        (TURNS_PAGES, "auto", (False, False)),
        (READS_LAYER, "off", (True, True)),
        (READS_LAYER, "auto", (True, True)),
        (replace(READS_LAYER, reads_repeated_lines=False), "auto", (True, False)),
    ],
)
def test_the_text_layer_is_read_for_those_who_need_it(
    spec: EngineSpec[ParseOptions], verify: str, expected: tuple[bool, bool]
) -> None:
    """The second reading needs the layer of pages that are compared, and running heads are for engines alone."""
    options = ParseOptions.model_validate({"verify": verify})
    request = raster_request(DocumentRequest(base64="AA=="), options, Settings(), spec)
    assert (request.text_layer, request.repeated_lines) == expected
