"""Messages between the worker and an engine process: contents arrive as they were, or as an error."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import SecretStr

from ocr_worker.engines.process import protocol
from ocr_worker.engines.process.protocol import (
    Channel,
    EngineCallError,
    decode_error,
    decode_images,
    decode_pages,
    encode_error,
    encode_images,
    encode_pages,
)
from ocr_worker.errors import PageFailed, WeightsMissing
from ocr_worker.pages import PageImage, ParsedPage, TextLine, TextWord
from ocr_worker.settings import Settings, dump_settings, restore_settings
from ocr_worker.wire.schema import Block, Figure, PageWarning

WARNING = PageWarning(code="REPETITION", message="a block repeated itself")
BLOCK = Block(label="text", content="é\u2028\U0001f600", bbox=(0, 1, 2, 3))


@pytest.fixture
def channels() -> Iterator[tuple[Channel, Channel]]:
    first, second = socket.socketpair()
    with first, second:
        yield Channel(first), Channel(second)


def test_a_page_image_arrives_as_it_was() -> None:
    """Pixels of any memory order, the text layer, warnings and resolution are the same on the other side."""
    word = TextWord("word", (0.1, 0.2, 1e-9, 4), font=3, other_fonts=(5, 1))
    lines = (TextLine("word", (0, 0, 1.5, 2), (word,), ((0, 0), (1, 0), (1, 1), (0, 1)), True),)
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)[:, :, ::-1]
    fonts = frozenset({1, 3}), frozenset({2})
    pages = [PageImage(3, pixels, 72.5, (WARNING,), lines, *fonts), PageImage(4, pixels[:2])]
    for page, expected in zip(decode_images(*encode_images(pages)), pages, strict=True):
        assert np.array_equal(page.pixels, expected.pixels)
        assert replace(page, pixels=None) == replace(expected, pixels=None)


def test_a_parsed_page_arrives_as_it_was() -> None:
    """Every field is the same on the other side, NumPy arrays in `raw` too."""
    figure = Figure(name="page-1-figure-1.jpg", bbox=(0, 0, 1, 1), base64="AAAA")
    raw = {"blocks": [{"bbox": [1, 2]}], "array": np.arange(6.0).reshape(2, 3), "number": np.int64(7), "none": None}
    page = ParsedPage(10, 20, "text", [BLOCK], [figure], [WARNING], "text_layer", raw, "BBBB")
    arrived, missing = decode_pages(encode_pages([page, None]))
    assert missing is None
    assert arrived is not None
    assert arrived.raw is not None
    assert np.array_equal(arrived.raw.pop("array"), raw.pop("array"))
    assert arrived == page


@pytest.mark.parametrize(
    "page",
    [
        {"markdown": "no page"},
        ParsedPage(1, 1, ["no text"], []),  # type: ignore[arg-type]
        ParsedPage(1, 1, "x", [Block.model_construct(label="text", content="x", bbox=(float("nan"), 0, 1, 1))]),
        ParsedPage(1.5, 1, "x", []),  # type: ignore[arg-type]
        ParsedPage(1, 1, "\ud800", []),
        ParsedPage(1, 1, "x", [], raw={"object": object()}),
    ],
)
def test_what_is_no_page_arrives_as_none(page: object) -> None:
    """An engine's invalid result costs its own page: the page beside it arrives."""
    page_beside = ParsedPage(1, 1, "text", [])
    assert decode_pages(encode_pages([page, page_beside])) == [None, page_beside]


def test_errors_arrive_with_their_class_code_and_message() -> None:
    """Ours keep their class; those of an engine's package become the nearest of ours; others bring their traceback."""
    arrived = decode_error(encode_error(WeightsMissing("fetch them")))
    assert (type(arrived), str(arrived)) == (WeightsMissing, "fetch them")
    types = ["FragileError", "PageFailed", "EngineError", "OcrWorkerError", "Exception"]
    arrived = decode_error({"types": types, "code": "FRAGILE", "retryable": True, "message": "broken"})
    assert isinstance(arrived, PageFailed)
    assert (arrived.code, arrived.retryable, str(arrived)) == ("FRAGILE", True, "broken")
    try:
        raise KeyError("missing")
    except KeyError as error:
        arrived = decode_error(encode_error(error))
    assert isinstance(arrived, EngineCallError)
    assert "test_protocol.py" in str(arrived)


def test_messages_arrive_in_order_and_whole(channels: tuple[Channel, Channel]) -> None:
    """Parts of any size arrive as they were, and the end of the other side is an EOFError."""
    first, second = channels
    second.send({"command": "parse"}, [b"", b"abc"])
    second.send({"command": "close"})
    assert [first.receive() for _ in range(2)] == [
        ({"command": "parse", "sizes": [0, 3]}, [b"", b"abc"]),
        ({"command": "close", "sizes": []}, []),
    ]
    second.shut()
    with pytest.raises(EOFError):
        first.receive()
    with pytest.raises(EOFError):
        first.send({}, [bytes(1_000_000)])


@pytest.mark.parametrize("data", [b"\xff" * 8, b"\2" + bytes(7) + b"[]", b"\1" + bytes(7) + b"x", bytes(3)])
def test_what_is_no_message_is_the_end(data: bytes) -> None:
    """Sizes beyond the limit, JSON that is no header and a cut message are an EOFError, and no memory is taken."""
    first, second = socket.socketpair()
    with first, second:
        second.sendall(data)
        second.shutdown(socket.SHUT_WR)
        with pytest.raises(EOFError):
            Channel(first).receive()


def test_settings_arrive_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets, paths and lists are the same on the other side, whatever its environment says."""
    settings = Settings(
        server_api_key=SecretStr("sesame"),
        api_keys=[SecretStr("first"), SecretStr("second")],
        vl_weights_dir=Path("/weights"),
        allowed_hosts=["a.example"],
        server_args=["--seed", "7"],
        engine_timeout_s=5,
    )
    monkeypatch.setenv("OCR_ENGINE_TIMEOUT_S", "77")
    monkeypatch.setenv("BUCKET_NAME", "pages")
    assert restore_settings(dump_settings(settings)) == settings


def test_a_wait_begins_again_if_this_process_stood_still(
    channels: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that passed by the system's clock only is no TimeoutError; one that passed while awake is."""
    moments = [0.0, 0.0, 1.0]  # at the beginning of the wait, and after each limit
    # Only this module's view of the clock: threads of earlier tests read the clock itself.
    monkeypatch.setattr(protocol, "awake", SimpleNamespace(now=lambda: moments.pop(0)))
    first, _ = channels
    first.limit(0.02)
    with pytest.raises(TimeoutError):
        first.receive()
    assert moments == []
