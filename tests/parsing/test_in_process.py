"""`parse_file`: documents to a response in this process."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from ocr_worker.errors import InvalidRequest, PageFailed, SettingsInvalid, SourceRejected
from ocr_worker.parsing.in_process import parse_file
from support import doubles
from support.drawing import WHITE, png, tiff
from support.worker_process import ROOT

pytestmark = pytest.mark.process

DOUBLE = "support.doubles:by_colour"


def test_a_file_through_the_embedded_engine(tmp_path: Path) -> None:
    """The repository's own page, as a file, is read without a GPU, a worker or an endpoint."""
    job = json.loads((ROOT / "test_input.json").read_text(encoding="utf-8"))
    file = tmp_path / "page.png"
    file.write_bytes(base64.b64decode(job["input"]["documents"][0]["base64"]))
    response = parse_file(file, engine="embedded", options={"formats": ["markdown"]})
    assert response.engine.name == "embedded"
    markdown = response.documents[0].markdown
    assert markdown is not None
    assert markdown.startswith("# Water Levels of the Upper Basin")


def test_the_engine_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the engine is that of OCR_ENGINE; several documents share it."""
    monkeypatch.setenv("OCR_ENGINE", DOUBLE)
    response = parse_file([png(WHITE), tiff([WHITE, WHITE])], pages="1")
    assert [len(document.pages) for document in response.documents] == [1, 1]
    assert response.engine.name == "double"


def test_inside_an_event_loop() -> None:
    """The function works in a thread that runs an event loop, such as a notebook's."""

    async def parse() -> str:
        return parse_file(png(WHITE), engine=DOUBLE).status

    assert asyncio.run(parse()) == "succeeded"


def test_what_cannot_be_parsed_raises() -> None:
    """Nothing parsed, a wrong option, a missing file and an unknown engine are typed errors."""
    with pytest.raises(PageFailed, match="nothing was parsed"):
        parse_file(png(doubles.RAISES), engine=DOUBLE)
    with pytest.raises(InvalidRequest, match="did you mean 'dpi'"):
        parse_file(png(WHITE), engine=DOUBLE, options={"dip": 200})
    with pytest.raises(SourceRejected, match="no-such-file"):
        parse_file("no-such-file.pdf", engine=DOUBLE)
    with pytest.raises(SettingsInvalid, match="unknown"):
        parse_file(png(WHITE), engine="no-such-engine")
