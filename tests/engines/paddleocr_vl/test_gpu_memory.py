"""The division of a GPU's memory between model servers, layout models and native engine processes: arithmetic, not
measured on a GPU."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.paddleocr_vl.gpu_memory import layout_batch, native_share, server_share
from ocr_worker.engines.paddleocr_vl.parts import process_builder
from ocr_worker.settings import Settings

LAYOUT_BASE_MB, LAYOUT_PAGE_MB = 1_600, 850


def settings(servers: int = 1, replicas: int = 4, pages_per_call: int = 8) -> Settings:
    """Settings as the engines get them: with several servers, each pipeline is a process."""
    return Settings(
        backend="vllm-server",
        servers=servers,
        replicas=replicas,
        pages_per_call=pages_per_call,
        engine_processes=servers > 1,
    )


@pytest.mark.parametrize(
    ("card_mb", "servers", "replicas", "batch", "share"),
    [
        (85_000, 1, 4, 2, 0.5),
        (85_000, 2, 4, 2, 0.37),
        (85_000, 4, 8, 1, 0.16),
        (25_000, 1, 4, 2, 0.5),
        (17_000, 1, 4, 1, 0.5),
        (None, 1, 4, 2, 0.5),
        (None, 2, 2, 4, 0.25),
    ],
)
def test_the_shares_of_usual_cards(
    card_mb: float | None, servers: int, replicas: int, batch: int, share: float
) -> None:
    """80, 24 and 16 GiB cards, and one of unknown size: one server gets half, several divide what layout leaves."""
    chosen = settings(servers, replicas)
    assert (layout_batch(chosen, card_mb), server_share(chosen, card_mb)) == (batch, share)


@given(
    card_mb=st.floats(8_000, 300_000),
    servers=st.integers(1, 8),
    replicas=st.integers(1, 16),
    pages_per_call=st.integers(1, 64),
)
def test_all_shares_fit_into_nine_tenths(card_mb: float, servers: int, replicas: int, pages_per_call: int) -> None:
    """Servers and layout models together never get more than nine tenths, unless layout models alone need more."""
    chosen = settings(servers, max(servers, replicas), pages_per_call)
    batch = layout_batch(chosen, card_mb)
    assert 1 <= batch <= pages_per_call
    processes = chosen.replica_count if servers > 1 else 1
    layout_share = (LAYOUT_BASE_MB * processes + chosen.replica_count * batch * LAYOUT_PAGE_MB) / card_mb
    servers_share = servers * server_share(chosen, card_mb)
    assert servers_share == 0 or servers_share + layout_share <= 0.9 + 1e-9


@pytest.mark.parametrize("native", ["paddle", "transformers"])
@pytest.mark.parametrize(("replicas", "device", "share"), [(1, "gpu", None), (2, "gpu:1", 0.45), (2, "cpu", None)])
def test_native_processes_share_nine_tenths(native: str, replicas: int, device: str, share: float | None) -> None:
    """Several native engine processes divide nine tenths of the GPU; a single one has no limit."""
    chosen = Settings.model_validate({"native": native, "replicas": replicas, "device": device})
    assert native_share(chosen) == share
    builder: Any = process_builder(chosen, lambda method, *arguments: None)
    assert builder._gpu_share == share


def test_a_pipeline_on_a_model_server_has_no_limit_of_its_own() -> None:
    """Its layout model is bounded by its batches."""
    chosen = Settings(backend="vllm-server", replicas=2)
    builder: Any = process_builder(chosen, lambda method, *arguments: "http://127.0.0.1:1/v1")
    assert builder._gpu_share is None
