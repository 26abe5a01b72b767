"""The picture of a page, for those who want to see boxes on it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator

import pytest
from PIL import Image

from ocr_worker.engines.registry import read_request
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import Settings
from support.worker_process import ROOT

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    pipeline = Pipeline(Settings(engine="embedded"))
    pipeline.start()
    yield pipeline
    pipeline.close()


@pytest.mark.parametrize("page_images", ["inline", pytest.param("none", marks=pytest.mark.slow)])
def test_the_page_as_it_was_processed_comes_along(pipeline: Pipeline, page_images: str) -> None:
    """A page scanned on its side is turned, and the picture has the size that boxes mean; unasked none comes."""
    job_input = json.loads((ROOT / "test_input.json").read_text())["input"]
    data = job_input.get("image_base64") or job_input["documents"][0]["base64"]
    upright = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    upright = upright.crop((0, 0, upright.width, upright.height // 4))
    buffer = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(buffer, "PNG")
    document = {"base64": base64.b64encode(buffer.getvalue()).decode()}
    answer = pipeline.job(
        read_request({"documents": [document], "options": {"page_images": page_images}}, pipeline.spec), "a"
    ).run()
    (page,) = answer.documents[0].pages
    if page_images == "none":
        assert page.image is None
        return
    assert page.image is not None
    picture = Image.open(io.BytesIO(base64.b64decode(page.image)))
    assert (picture.format, picture.size) == ("JPEG", (page.width, page.height)) == ("JPEG", upright.size)
