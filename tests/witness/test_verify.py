"""The option `verify`, from a request to the response, with the real witness process."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.registry import read_request
from ocr_worker.errors import InvalidRequest
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.parsing.verification import check_verify
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import PageResult, ParseOptions
from support import doubles
from support.drawing import request
from support.waiting import PATIENCE_S, eventually

TEXT = "The narrow harbour describes 1482 ledgers"


def drawn(*texts: str) -> bytes:
    """A PNG with a line for each text."""
    image = Image.new("RGB", (1000, 400), "white")
    for number, text in enumerate(texts):
        ImageDraw.Draw(image).text((60, 60 + 120 * number), text, "black", ImageFont.load_default(36))
    data = BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    pipeline = Pipeline(Settings(engine="support.doubles:reciting", verify_processes=1, verify_wait_s=PATIENCE_S))
    pipeline.start()
    yield pipeline
    pipeline.close()


def read(pipeline: Pipeline, recited: str, *lines: str, **options: Any) -> PageResult:
    """Return the page with these lines as the engine that always answers `recited` in the upper third parses it."""
    doubles.RECITED = recited
    job = pipeline.job(read_request(request(drawn(*lines), **options), pipeline.spec), "job")
    (document,) = job.run().documents
    return document.pages[0]


def witness_processes() -> set[psutil.Process]:
    return {child for child in psutil.Process().children() if "ocr_worker.witness.child" in child.cmdline()}


@pytest.mark.process
def test_a_page_is_compared_with_its_second_reading(pipeline: Pipeline) -> None:
    """A right page has a high confidence and no warning; an invented one, a low confidence and warnings with boxes."""
    right = read(pipeline, TEXT, TEXT, verify="auto")
    assert right.verified
    assert right.ink_coverage == 1
    assert right.warnings == []
    invented = read(pipeline, TEXT.replace("1482", "1932"), TEXT, "Silent copper valleys", verify="auto")
    assert {warning.code for warning in invented.warnings} == {"NUMBERS_DIFFER", "TEXT_MISSED"}
    assert all(warning.bbox for warning in invented.warnings)
    assert invented.ink_coverage
    assert invented.ink_coverage < 0.8
    assert right.blocks
    assert invented.blocks
    low, high = invented.blocks[0].confidence, right.blocks[0].confidence
    assert low is not None
    assert high is not None
    assert low < high < 1
    without = read(pipeline, TEXT, TEXT)
    assert without.verified is None
    assert without.blocks
    assert without.blocks[0].confidence is None


@pytest.mark.process
def test_the_witness_ends_with_the_pipeline() -> None:
    """Its process has the lowest priority, and is gone after the pipeline is closed."""
    earlier = witness_processes()
    pipeline = Pipeline(Settings(engine="support.doubles:reciting", verify_processes=1, verify_wait_s=PATIENCE_S))
    pipeline.start()
    assert read(pipeline, TEXT, TEXT, verify="auto").verified
    (process,) = witness_processes() - earlier
    assert eventually(lambda: process.nice() == 19)
    pipeline.close()
    assert eventually(lambda: not process.is_running())


def test_verify_is_refused_where_it_would_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded engine is the witness itself; and without the small reader the error names the extra."""
    from ocr_worker.engines.embedded.spec import SPEC

    with pytest.raises(InvalidRequest, match="OCR_ENGINE=embedded"):
        check_verify(ParseOptions(verify="auto"), SPEC)
    monkeypatch.setattr("ocr_worker.parsing.verification.installed_version", lambda name: None)
    with pytest.raises(InvalidRequest, match="requirements/light"):
        check_verify(ParseOptions(verify="auto"), doubles.reciting)
    check_verify(ParseOptions(), doubles.reciting)
