"""The division of a GPU's memory between model servers and layout models: arithmetic, not measured on a GPU."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.paddleocr_vl.gpu_memory import layout_batch, server_share
from ocr_worker.settings import Settings

LAYOUT_BASE_MB, LAYOUT_PAGE_MB = 1_600, 850


def settings(servers: int = 1, replicas: int = 4, pages_per_call: int = 8) -> Settings:
    return Settings(backend="vllm-server", servers=servers, replicas=replicas, pages_per_call=pages_per_call)


@pytest.mark.parametrize(
    ("card_mb", "servers", "replicas", "batch", "share"),
    [
        (85_000, 1, 4, 2, 0.5),
        (85_000, 2, 4, 2, 0.4),
        (85_000, 4, 8, 1, 0.2),
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
    layout_share = (LAYOUT_BASE_MB + chosen.replicas * batch * LAYOUT_PAGE_MB) / card_mb
    servers_share = servers * server_share(chosen, card_mb)
    assert servers_share == 0 or servers_share + layout_share <= 0.9 + 1e-9
