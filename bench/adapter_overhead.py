"""Benchmark of the adapter's overhead over a bare `predict`: the same pages through both, in turn, in one process.

`python bench/adapter_overhead.py [--rounds 10]`; the test weights are enough, as both sides run the same model.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from support import tinyvl

MAX_RATIO = 1.05


def main() -> None:
    """Measure both sides and print the ratio of their processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds

    engine = Builder(tinyvl.settings(retry_repetition=True))()
    from paddleocr import PaddleOCRVL  # after the engine, which configures Paddle

    bare = PaddleOCRVL(layout_detection_model_dir=str(tinyvl.LAYOUT), vl_rec_model_dir=str(tinyvl.VL), device="cpu")
    pages = [tinyvl.page(tinyvl.LINES, number=number, bar=number % 2 == 0) for number in range(1, 4)]
    options = PaddleOcrVlOptions.model_validate({"max_new_tokens": tinyvl.LIMIT, "figures": "inline"})
    sides: dict[str, Callable[[], object]] = {
        "bare predict": lambda: [
            bare.predict([page.pixels], use_queues=False, max_new_tokens=tinyvl.LIMIT) for page in pages
        ],
        "our parse": lambda: engine.parse(pages, options),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for index in range(rounds + 1):
        for name, side in list(sides.items())[:: 1 if index % 2 else -1]:
            started = time.process_time()
            side()
            if index:  # the first round warms up
                seconds[name].append((time.process_time() - started) / len(pages))
    report(seconds)


def report(seconds: dict[str, list[float]]) -> None:
    """Print the medians of both sides, and the ratio of each round."""
    for name, values in seconds.items():
        print(f"{name}: {statistics.median(values):.3f} s CPU a page (median of {len(values)} rounds)")
    ratios = [ours / bare for bare, ours in zip(seconds["bare predict"], seconds["our parse"], strict=True)]
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"ratio: {statistics.median(ratios):.3f} (of the rounds: {spread}), wanted <= {MAX_RATIO}")


if __name__ == "__main__":
    main()
