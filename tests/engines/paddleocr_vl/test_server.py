"""A model server is proven at start, used, and its loss has a name; the server is a double, the pipeline is real."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ocr_worker import threads
from ocr_worker.engines.base import Engine, Revives
from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.model_server import ModelServer as UsedServer
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions, check_options
from ocr_worker.engines.paddleocr_vl.servers import start_pool
from ocr_worker.errors import (
    EngineTimedOut,
    EngineUnavailable,
    InvalidRequest,
    OcrWorkerError,
    SettingsInvalid,
)
from ocr_worker.settings import Settings, load_settings
from support import tinyvl
from support.cut_proxy import CutProxy
from support.model_server import TEXT, ModelServer
from support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.paddle

StartServer = Callable[..., ModelServer]
BuildEngine = Callable[[Settings], Engine[PaddleOcrVlOptions]]


@pytest.fixture
def start() -> Iterator[StartServer]:
    """Starts doubles and ends them after the test."""
    started: list[ModelServer] = []

    def start(mode: str = "fine", **fields: Any) -> ModelServer:
        started.append(ModelServer(mode, **fields))
        return started[-1]

    yield start
    for double in started:
        double.die()


@pytest.fixture
def build() -> Iterator[BuildEngine]:
    """Builds engines and closes them after the test."""
    with ExitStack() as stack:

        def build(settings: Settings) -> Engine[PaddleOcrVlOptions]:
            engine = Builder(settings)()
            stack.callback(engine.close)
            return engine

        yield build


def settings(double: ModelServer, **fields: Any) -> Settings:
    chosen = {"backend": "vllm-server", "server_url": double.url, "server_wait_s": PATIENCE_S, "warmup_check": False}
    return tinyvl.settings(**chosen | fields)


def connected(settings: Settings) -> UsedServer:
    """Return the server of one engine with these settings."""
    return start_pool(settings, {}).share()


@pytest.mark.parametrize(("mode", "limits"), [("fine", True), ("slow", True), ("refuses-limits", False)])
def test_a_server_that_reads_is_connected(start: StartServer, mode: str, limits: bool) -> None:
    """A server that reads a crop is taken, and whether it takes pixel limits is found out."""
    assert connected(settings(start(mode))).wait()[0].can_limit_pixels is limits


@pytest.mark.parametrize(
    ("mode", "model", "error", "message"),
    [
        ("fine", "other", EngineUnavailable, "does not serve 'PaddleOCR-VL-1.6-0.9B' (its models: other)"),
        ("hangs", None, EngineTimedOut, "did not read a test image within 1 s"),
        ("garbage", None, EngineUnavailable, "returns no text for a test image (KeyError)"),
        ("refuses-all", None, EngineUnavailable, "rejects a test image"),
    ],
)
def test_a_server_that_is_not_right_stops_the_worker(
    start: StartServer, mode: str, model: str | None, error: type[OcrWorkerError], message: str
) -> None:
    """Another model, silence, nonsense and refusal are each an error that says so."""
    double = start(mode, model=model) if model else start(mode)
    with pytest.raises(error) as caught:
        connected(settings(double, engine_timeout_s=1 if mode == "hangs" else PATIENCE_S)).wait()
    assert message in str(caught.value)


def test_no_server_is_reported_within_the_time(start: StartServer) -> None:
    """If nothing listens, the error names the address, without the credentials in the URL."""
    double = start()
    double.die()
    url = double.url.replace("http://", "http://user:secret@")
    with pytest.raises(
        EngineUnavailable, match=r"no model server responded at 127\.0\.0\.1:\d+ within 1\.5 s"
    ) as caught:
        connected(settings(double, server_url=url, server_wait_s=1.5)).wait()
    assert "secret" not in str(caught.value)


def test_a_key_is_sent_and_not_shown(start: StartServer) -> None:
    """The key goes into the header, and nowhere into what the settings print."""
    double = start()
    chosen = settings(double, server_api_key="sesame")
    connected(chosen).wait()
    assert double.keys == {"Bearer sesame"}
    assert "sesame" not in repr(chosen)


def test_a_server_backend_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that the worker cannot start is invalid without OCR_SERVER_URL, and the message says so."""
    monkeypatch.setenv("OCR_BACKEND", "sglang-server")
    with pytest.raises(SettingsInvalid, match="needs a model server; set OCR_SERVER_URL"):
        load_settings()


def test_the_server_reads_the_page(start: StartServer, build: BuildEngine) -> None:
    """One crop a line goes to the server with its sampling options, and `backend` says who read."""
    double = start()
    chosen = settings(double)
    options = PaddleOcrVlOptions(temperature=0.5, top_p=0.9, repetition_penalty=1.2)
    check_options(options, chosen)
    engine = build(chosen)
    before = len(double.questions)
    parsed = engine.parse([tinyvl.page(tinyvl.LINES[:3])], options)[0]
    questions = double.questions[before:]
    assert [block.content for block in parsed.blocks] == [TEXT] * 3
    assert len(questions) == 3
    assert {(question["temperature"], question["top_p"], question["repetition_penalty"]) for question in questions} == {
        (0.5, 0.9, 1.2)
    }
    assert engine.info.backend == "vllm-server"


def darkness(question: dict[str, Any]) -> float:
    """Of the crop that was sent: 0 is white."""
    data = question["messages"][0]["content"][0]["image_url"]["url"].partition(",")[2]
    return 255 - float(np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L")).mean())


def test_pages_of_one_call_keep_their_own_text(start: StartServer, build: BuildEngine) -> None:
    """The crops of four pages are read in one call, and each page gets its own."""
    double = start()
    double.text_of = lambda question: f"{darkness(question):.3f}"
    engine = build(settings(double))
    pages = [tinyvl.page(tinyvl.LINES[number : number + 2], number) for number in range(1, 5)]
    together = engine.parse(pages, PaddleOcrVlOptions())
    alone = [engine.parse([page], PaddleOcrVlOptions())[0] for page in pages]
    assert together == alone
    assert len({page.markdown for page in together}) == 4


def test_a_repetition_is_reported_of_its_page_only(start: StartServer, build: BuildEngine) -> None:
    """One page of a call runs into repetition: its neighbours carry no warning, and are read all the same."""
    double = start()
    double.text_of = lambda question: "la " * 100 if darkness(question) > 5 else TEXT
    engine = build(settings(double))
    pages = [tinyvl.page(["a word"], 1), tinyvl.page([tinyvl.LINES[2]], 2), tinyvl.page(["a word"], 3)]
    parsed = engine.parse(pages, PaddleOcrVlOptions())
    assert [[warning.code for warning in page.warnings] for page in parsed] == [[], ["REPETITION"], []]
    assert parsed[0].blocks[0].content == TEXT


def test_a_text_at_the_limit_of_tokens_is_reported(start: StartServer, build: BuildEngine) -> None:
    """The server stops at the limit of tokens: the crop is read once more, with sampling, and the page warns."""
    double = start()
    engine = build(settings(double, retry_repetition=True))
    double.finish_reason = "length"
    before = len(double.questions)
    page = engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())[0]
    assert [warning.code for warning in page.warnings] == ["REPETITION"]
    assert page.blocks[0].content == TEXT
    assert [question["temperature"] for question in double.questions[before:]] == [0, 0.2]


def test_a_server_with_its_own_limits_is_sent_none(start: StartServer, build: BuildEngine) -> None:
    """Pages are read without pixel limits where they are refused; asking for some is then an invalid request."""
    double = start("refuses-limits")
    engine = build(settings(double))
    before = len(double.questions)
    assert engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())[0].blocks[0].content == TEXT
    assert not any("mm_processor_kwargs" in question for question in double.questions[before:])
    with pytest.raises(InvalidRequest, match="its own pixel limits"):
        engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions(max_pixels=500_000))


def test_a_server_that_fails_on_every_crop_is_gone(start: StartServer, build: BuildEngine) -> None:
    """500 for a page and for a plain crop: the server is at fault, as when its engine died behind it."""
    double = start()
    engine = build(settings(double))
    double.mode = "dying"
    with pytest.raises(EngineUnavailable, match=r"no longer works \(HTTP 500\)"):
        engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())


def test_a_server_that_fails_on_this_crop_is_not_gone(start: StartServer, build: BuildEngine) -> None:
    """500 for a page, and a plain crop is read: the page is at fault."""
    double = start()
    engine = build(settings(double))
    double.mode = "bad-crop"
    with pytest.raises(Exception, match="500") as caught:
        engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())
    assert not isinstance(caught.value, EngineUnavailable)


def test_a_dead_server_is_an_engine_that_is_gone(start: StartServer, build: BuildEngine) -> None:
    """A server that dies between two pages is ENGINE_UNAVAILABLE, told with its place."""
    double = start()
    engine = build(settings(double))
    double.die()
    with pytest.raises(EngineUnavailable, match=r"the model server at 127\.0\.0\.1:\d+ no longer works"):
        engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())


def test_each_call_goes_to_the_server_that_is_least_busy(start: StartServer) -> None:
    """Two pipelines use a server each; when one of the servers dies, both use the other."""
    doubles = [start(), start()]
    build = Builder(settings(doubles[0], server_url=[double.url for double in doubles]))
    engines = [build(), build()]

    def read() -> list[int]:
        """Let each engine read a page; return how many crops each server gets."""
        before = [len(double.questions) for double in doubles]
        for engine in engines:
            assert isinstance(engine, Revives)
            engine.revive()
            assert engine.parse([tinyvl.page(tinyvl.LINES[:2])], PaddleOcrVlOptions())[0].blocks[0].content == TEXT
        return [len(double.questions) - count for double, count in zip(doubles, before, strict=True)]

    assert eventually(lambda: read() == [2, 2])
    doubles[0].die()
    for engine in engines:
        with suppress(EngineUnavailable):
            engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())
            continue
        assert engine.abandon() is None
    assert read() == [0, 4]
    for engine in engines:
        engine.close()


def test_a_call_that_hangs_ends_when_it_is_abandoned(start: StartServer, build: BuildEngine) -> None:
    """The server says nothing for one page: the call ends at once, and the next one goes to the other server."""
    doubles = [start(), start()]
    engine = build(settings(doubles[0], server_url=[double.url for double in doubles], engine_timeout_s=1))
    assert isinstance(engine, Revives)
    engine.revive()
    for double in doubles:
        double.mode = "hangs"
    before = sum(len(double.questions) for double in doubles)
    call = threads.start(lambda: engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions()), "engine")
    assert eventually(lambda: sum(len(double.questions) for double in doubles) > before)
    for double in doubles:
        double.mode = "fine"
    assert engine.abandon() is None
    with pytest.raises(EngineUnavailable, match="CancelledError"):
        call.result(PATIENCE_S)
    engine.revive()
    assert engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())[0].blocks[0].content == TEXT


@pytest.mark.slow
def test_lost_connections_cost_no_page(start: StartServer, build: BuildEngine) -> None:
    """Connections that are cut between two pages, and in the midst of one, are opened again, as after a pause."""
    double = start()
    page, options = tinyvl.page(tinyvl.LINES[:1]), PaddleOcrVlOptions()
    with CutProxy(int(double.url.split(":")[2].removesuffix("/v1"))) as proxy:
        engine = build(settings(double, server_url=[f"http://127.0.0.1:{proxy.port}/v1"]))
        assert engine.parse([page], options)[0].blocks[0].content == TEXT
        assert proxy.cut() > 0
        assert engine.parse([page], options)[0].blocks[0].content == TEXT
        double.mode = "slow"
        before = len(double.questions)
        call = threads.start(lambda: engine.parse([page], options), "engine")
        assert eventually(lambda: len(double.questions) > before)
        assert proxy.cut() > 0
        assert call.result(PATIENCE_S)[0].blocks[0].content == TEXT


def test_the_layout_model_gets_few_pages_at_once(start: StartServer, build: BuildEngine) -> None:
    """The pipelines together give at most eight pages to their layout models at the same time."""
    double = start()
    engine = build(settings(double))
    layout_model = engine._pipeline.paddlex_pipeline._pipeline.layout_det_model  # type: ignore[attr-defined]
    sizes: list[int] = []
    process = layout_model.process

    def counted(batch: Any, **arguments: Any) -> Any:
        sizes.append(len(batch))
        return process(batch, **arguments)

    layout_model.process = counted
    pages = [tinyvl.page(tinyvl.LINES[:1], number) for number in range(1, 6)]
    assert len(engine.parse(pages, PaddleOcrVlOptions())) == 5
    assert sizes == [2, 2, 1]
