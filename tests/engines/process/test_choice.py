"""Which engines have processes of their own: what each engine prefers, and what the settings say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocr_worker.cli.doctor import examine
from ocr_worker.engines.base import ProcessParts
from ocr_worker.engines.process.engine import engine_builders, has_processes
from ocr_worker.engines.registry import engine_spec
from ocr_worker.runpod_worker.dry_run import keep_engine_here
from ocr_worker.settings import Settings

SERVER: dict[str, Any] = {"backend": "vllm-server", "server_url": "http://127.0.0.1:1/v1"}
SERVERS = SERVER | {"server_url": [f"http://127.0.0.1:{port}/v1" for port in (1, 2)]}
FOUR_SERVERS = SERVER | {"server_url": [f"http://127.0.0.1:{port}/v1" for port in (1, 2, 3, 4)]}


@pytest.mark.parametrize(
    ("fields", "count", "expected"),
    [
        ({}, 1, True),  # a GPU, natively
        ({"device": "cpu"}, 1, False),
        ({"device": "cpu", "replicas": 2}, 2, True),
        ({"device": "cpu", "engine_processes": True}, 1, True),
        ({"engine_processes": False}, 1, False),
        (SERVER, 4, False),
        (SERVER | {"engine_processes": True}, 4, True),
        (SERVERS, 4, True),
        (SERVERS | {"device": "cpu"}, 4, False),
        (SERVERS | {"engine_processes": False}, 4, False),
        (FOUR_SERVERS, 8, True),
        ({"engine": "embedded"}, 1, False),
        ({"engine": "embedded", "replicas": 3}, 3, True),
        ({"engine": "support.doubles:by_colour"}, 1, False),
        ({"engine": "support.doubles:by_colour", "engine_processes": True}, 1, True),
    ],
)
def test_the_choice_of_processes(fields: dict[str, Any], count: int, expected: bool) -> None:
    """By default several engines have processes, and PaddleOCR-VL on a GPU without a server or with several.

    `doctor` and the pipeline agree on it.
    """
    settings = Settings.model_validate(fields)
    spec = engine_spec(settings.engine)
    assert has_processes(spec, settings) is expected
    assert len(engine_builders(spec, settings)) == count
    place = "each in a process of its own" if expected else "in the worker's process"
    assert f"engines: {count}, {place}" in examine(settings).facts


def test_a_dry_run_keeps_its_engine() -> None:
    """A single engine stays in the process of a dry run, unless the settings say otherwise."""
    for fields, expected in (({}, False), ({"engine_processes": True}, True), ({"replicas": 2}, None)):
        assert keep_engine_here(Settings.model_validate(fields)).engine_processes is expected


@pytest.mark.parametrize("fields", [{"device": "cpu"}, {}])
def test_the_engines_get_the_decision(fields: dict[str, Any]) -> None:
    """`engine_processes` is no longer open in the settings that an engine's parts are built with."""
    received: list[Settings] = []

    def part(settings: Settings) -> Any:
        received.append(settings)
        return lambda: None

    spec = engine_spec("paddleocr-vl")
    parts = ProcessParts(worker_part=part, builder=lambda settings, call_worker: part(settings))
    settings = Settings.model_validate(fields)
    engine_builders(replace(spec, builder=part, process_parts=parts), settings)
    assert [built.engine_processes for built in received] == [has_processes(spec, settings)]
