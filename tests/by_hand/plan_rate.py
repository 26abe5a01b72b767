"""The estimate of `batch plan` against the run of the same documents, in turns: within a fifth of each other.

    PYTHONPATH=src:tests .venv/bin/python tests/by_hand/plan_rate.py [INPUT ...] [--sample 20] [--rounds 2]

The inputs are those of `batch run`; without one, 120 pages with a different number of words each, half of them in PDFs
of ten pages. The engine is that of OCR_ENGINE, `embedded` by default. Each run has a plan before and one after it,
whose mean it is compared with, since the machine may be busier at one time than at another. Compared are the seconds in
which the engine was busy, which have no start in them; those with the start of the process are printed beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

_COMMAND = [sys.executable, "-m", "ocr_worker.cli", "batch"]


def page(number: int) -> Image.Image:
    """Return a page with between 2 and 18 lines of text."""
    picture = Image.new("RGB", (620, 877), "white")
    draw = ImageDraw.Draw(picture)
    for line in range(2 + number * 7 % 17):
        draw.text((60, 60 + 34 * line), f"Page {number}, line {line}: some words.", "black", font_size=24)
    return picture


def draw_inputs(folder: Path) -> list[str]:
    folder.mkdir()
    for number in range(60):
        page(number).save(folder / f"{number}.png")
    for number in range(6):
        first, *others = [page(60 + 10 * number + index) for index in range(10)]
        first.save(folder / f"{number}.pdf", save_all=True, append_images=others, resolution=75)
    return [str(folder)]


class Plan(NamedTuple):
    """Seconds of a plan: without and with the start."""

    work_s: float
    total_s: float


def plan(inputs: list[str], arguments: list[str]) -> Plan:
    command = [*_COMMAND, "plan", *inputs, *arguments, "--json"]
    output = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    rate, total_s = output["rate"], output["estimates"][0]["seconds"]
    print(
        f"plan: {output['pages']} pages, {rate['page_s']:.3f} s each by {rate['pages']}, start"
        f" {rate['cold_start_s']:.1f} s; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return Plan(total_s - rate["cold_start_s"], total_s)


def run(inputs: list[str], arguments: list[str], out: Path) -> tuple[float, float]:
    """Run the batch. Return the seconds in which the engine was busy, and those of the command."""
    started_at = time.monotonic()
    command = [*_COMMAND, "run", *inputs, *arguments, "--out", str(out), "--json"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    seconds = time.monotonic() - started_at
    return json.loads((out / "report.json").read_text())["summary"]["busy_s"], seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--sample", default="20")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--service", default="--local", help="arguments in one string, such as '--ray ADDRESS'")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="plan-"))
    inputs = options.inputs or draw_inputs(folder / "in")
    os.environ.setdefault("OCR_ENGINE", "embedded")
    service = shlex.split(options.service)
    sample = [*service, "--sample", options.sample]
    before, ratios = plan(inputs, sample), []
    for number in range(options.rounds):
        busy_s, seconds = run(inputs, service, folder / f"out-{number}")
        after = plan(inputs, sample)
        work_s, total_s = ((first + second) / 2 for first, second in zip(before, after, strict=True))
        ratios.append(work_s / busy_s)
        print(
            f"planned {work_s:.1f} s, run {busy_s:.1f} s, ratio {ratios[-1]:.2f};"
            f" with the start {total_s:.1f} and {seconds:.1f} s, ratio {total_s / seconds:.2f}",
            flush=True,
        )
        before = after
    print(f"plan / run: median {statistics.median(ratios):.2f} of {options.rounds}")


if __name__ == "__main__":
    main()
