"""bench/gpu.py without a GPU: its weights, pages and rates, and the order and the reasons of its rows."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support import tinyvl
from support.worker_process import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import gpu
import gpu_pages
import gpu_weights
from gpu_load import Answer, ClosedLoop

PARAMETERS = 905_601_648  # of the published model, without those that no engine uses


def test_random_weights_have_the_published_size() -> None:
    """The public configuration gives the number of parameters of the published model."""
    assert gpu_weights.count_parameters(gpu_weights.FULL) == PARAMETERS


@pytest.mark.paddle
@pytest.mark.process
@pytest.mark.slow
def test_each_block_is_answered_with_the_same_number_of_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pipeline loads the weights and reads twelve blocks of equally many words on a page."""
    import gpu_engine
    from paddlex.inference.models.layout_analysis.processors import LayoutAnalysisProcess

    monkeypatch.setattr(LayoutAnalysisProcess, "__call__", LayoutAnalysisProcess.__call__)  # the benchmark replaces it
    weights = gpu_weights.write(tmp_path, gpu_weights.SMALL, words=5, has_paddle=True)
    settings = tinyvl.settings(vl_weights_dir=weights, warmup_check=False)
    engine = gpu_engine.SPEC.builder(settings)()
    (page,) = engine.parse(gpu_pages.page_images(1), gpu_engine.SPEC.options())
    assert [len(block.content.split()) for block in page.blocks] == [5] * gpu_pages.BLOCKS
    del LayoutAnalysisProcess.bench_original


@pytest.mark.paddle
def test_weights_are_written_once(tmp_path: Path) -> None:
    """Weights that are there are used again, unless they are of another kind."""
    folder = gpu_weights.write(tmp_path, gpu_weights.SMALL, words=5, has_paddle=False)
    first = (folder / "model.safetensors").stat().st_mtime_ns
    gpu_weights.write(tmp_path, gpu_weights.SMALL, words=5, has_paddle=False)
    assert (folder / "model.safetensors").stat().st_mtime_ns == first
    gpu_weights.write(tmp_path, gpu_weights.SMALL, words=6, has_paddle=False)
    assert (folder / "model.safetensors").stat().st_mtime_ns != first


def test_blocks_are_on_the_page_and_do_not_overlap() -> None:
    """Each block begins below the one before, within the page."""
    boxes = gpu_pages.boxes()
    assert len(boxes) == gpu_pages.BLOCKS
    assert all(below[1] > box[3] for box, below in pairwise(boxes))
    assert all(0 < side < 1 for box in boxes for side in box)


def test_the_most_telling_rows_come_first() -> None:
    """The worker on one server and on two comes first, each with its servers alone; then native rows, then the grid."""
    bench: Any = _Rows()
    names = [name for name, _ in gpu.plan(bench)]
    assert names[:7] == [
        "start of servers 1 to 1", "worker 2 x 4, servers: 1", "servers alone: 1",
        "start of servers 2 to 2", "worker 4 x 8, servers: 2", "servers alone: 2",
        "worker 4 x 8, servers: 2, one process",
    ]  # fmt: skip
    assert names[7:9] == ["bare loop, processes: 1", "worker natively, processes: 1"]
    assert names[-1] == "worker 8 x 8, servers: 4, one process"
    assert {gpu.worker_row(servers, *size) for servers, sizes in gpu.GRID.items() for size in sizes} <= set(names)


@pytest.mark.parametrize(
    ("minutes", "error", "reason"),
    [
        (0, None, "no time left"),
        (1, gpu.NotAvailable("no such setting"), "not available: no such setting"),
        (1, RuntimeError("broken"), "failed: RuntimeError: broken"),
    ],
)
def test_a_row_that_was_not_measured_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], minutes: float, error: Exception | None, reason: str
) -> None:
    """No time, no setting and an error are reasons, which are printed and kept; the run continues."""

    def run() -> dict[str, Any]:
        if error:
            raise error
        return {}

    table = gpu.Table(tmp_path / "gpu.json", {}, minutes, least_s=1)
    assert table.measure("row", run)[gpu.UNMEASURED].startswith(reason)
    assert f"unmeasured: {reason}" in capsys.readouterr().out
    assert reason in (tmp_path / "gpu.json").read_text()


def test_the_wanted_ratios_follow_from_the_rows() -> None:
    """Each figure is computed from rows of the same run, and is unmeasured if one of them is."""
    rows: dict[str, dict[str, Any]] = {
        gpu.worker_row(1, 2, 4): {"pages_per_s": 2.0},
        gpu.worker_row(2, 4, 8): {"pages_per_s": 7.0, "busy_percent": 61.5},
        gpu.servers_row(2): {gpu.UNMEASURED: "failed"},
    }
    assert list(gpu.compare(rows).values()) == ["unmeasured", "61.50", "3.50"]


def test_a_rate_is_right_although_answers_come_in_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight pages every four seconds are two pages per second, whichever part of a burst ends the first round."""
    loop = ClosedLoop([lambda: Answer(1)] * 16)
    bursts = [(4.0 * burst + 0.001 * page, Answer(1, 10)) for burst in range(8) for page in range(8)]
    monkeypatch.setattr(loop, "_answers", bursts)
    rates = loop._rates(start=4.003, end=28.5)
    assert rates["pages_per_s"] == pytest.approx(2, rel=0.05)
    assert rates["tokens_per_s"] == pytest.approx(20, rel=0.05)


def test_a_measurement_lasts_a_second_round() -> None:
    """Each caller answers before the count begins, and as often again at least."""
    calls: list[int] = []
    pause = threading.Event()

    def send() -> Answer:
        calls.append(1)
        pause.wait(0.005)
        return Answer(pages=2, tokens=10)

    row = ClosedLoop([send] * 4).measure(0.1, dict, None)
    assert len(calls) >= 8
    assert row["tokens_per_s"] / row["pages_per_s"] == pytest.approx(5, rel=0.01)


def test_an_error_of_a_caller_ends_the_measurement() -> None:
    """The first error of any caller is raised."""

    def fail() -> Answer:
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError, match="no answer"):
        ClosedLoop([fail]).measure(0, dict, None)


class _Rows:
    """The names of the measurements, none of which runs."""

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        return lambda *arguments: {}
