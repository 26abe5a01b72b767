"""The estimate of `batch plan` against the run of the same documents, in turns: within a fifth of each other.

    PYTHONPATH=src:tests .venv/bin/python tests/by_hand/plan_rate.py [INPUT ...] [--sample 20] [--rounds 2]

The inputs are those of `batch run`; without one, 120 pages with a different number of words each, half of them in PDFs
of ten pages. The engine is that of OCR_ENGINE, `embedded` by default. A run's time is what its report says, and its
start is left out on both sides: the seconds of the estimate are those without the cold start, and those of the run the
ones in which the process's engine was busy. With its start, the time is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw

_COMMAND = [sys.executable, "-m", "ocr_worker.cli", "batch"]


def page(number: int) -> Image.Image:
    """Return a page with between 5 and 45 lines of text."""
    picture = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(picture)
    for line in range(5 + number * 17 % 41):
        draw.text((120, 100 + 34 * line), f"Page {number}, line {line}: some words of a letter.", "black", font_size=26)
    return picture


def draw_inputs(folder: Path) -> list[str]:
    folder.mkdir()
    for number in range(60):
        page(number).save(folder / f"{number}.png")
    for number in range(6):
        first, *others = [page(60 + 10 * number + index) for index in range(10)]
        first.save(folder / f"{number}.pdf", save_all=True, append_images=others, resolution=150)
    return [str(folder)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--sample", default="20")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--service", nargs="*", default=["--local"], help="such as: --service=--ray")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="plan-"))
    inputs = options.inputs or draw_inputs(folder / "in")
    os.environ.setdefault("OCR_ENGINE", "embedded")
    ratios = []
    for number in range(options.rounds):
        plan_command = [*_COMMAND, "plan", *inputs, *options.service, "--sample", options.sample, "--json"]
        plan = json.loads(subprocess.run(plan_command, stdout=subprocess.PIPE, check=False).stdout)
        rate, estimate = plan["rate"], plan["estimates"][0]
        planned_s = estimate["seconds"] - rate["cold_start_s"]
        out, started_at = folder / f"out-{number}", time.monotonic()
        run_command = [*_COMMAND, "run", *inputs, *options.service, "--out", str(out), "--json"]
        subprocess.run(run_command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        wall_s = time.monotonic() - started_at
        summary = json.loads((out / "report.json").read_text())["summary"]
        busy_s = summary["busy_s"]
        ratios.append(planned_s / busy_s)
        print(
            f"{plan['pages']} pages, {rate['page_s']:.3f} s each by {rate['pages']}: planned {planned_s:.1f} s,"
            f" run {busy_s:.1f} s, ratio {planned_s / busy_s:.2f};"
            f" with the start {estimate['seconds']:.1f} and {wall_s:.1f} s; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    print(f"plan / run: median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
