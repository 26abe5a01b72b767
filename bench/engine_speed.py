"""Benchmark of engine speed: the embedded engine and plain RapidOCR on the same images, in one process.

Run by hand: `PYTHONPATH=src:tests python bench/engine_speed.py [--rounds N] [--pages FOLDER] [--per-file N]`. With a
folder, the pages are those of its PDFs and images at 200 dpi, at most N of each file; without one they are drawn here,
and Chinese needs a Noto font. It prints, for each page, the median ratio of our seconds to RapidOCR's, and the same for
all pages with a text layer and for all others. RapidOCR has its defaults without the text direction, on as many threads
as cores. The ratio of processor time hardly depends on other load on the machine. Our seconds by stage follow; stages
that run side by side add up to more than the total. RapidOCR does not use a text layer and reads the image.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from bench_engines import render_pages
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

from ocr_worker.engines.embedded import page
from ocr_worker.engines.embedded.engine import create
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.errors import OcrWorkerError
from ocr_worker.pages import PageImage, TextLine
from ocr_worker.settings import load_settings

A4, MARGIN = (1654, 2339), 160  # pixels at 200 dpi
_TEXT = (
    "the gauges rose in February instead of April and lower meadows stood under water for nine days before any road "
    "had to be closed because two sluices at mill were opened by hand while motor was still waiting"
)
ENGLISH = _TEXT.split()
CHINESE = "春江潮水连海平海上明月共潮生滟滟随波千万里何处春江无月明江流宛转绕芳甸月照花林皆似霰"
STAGES = (
    (Models, ("find_lines", "find_lines_in", "orientation", "read_lines", "_find_regions")),
    (page, ("uncovered_areas", "honest_lines", "find_rules", "fill_regions", "write_regions")),
)


def draw_page(columns: int, size: int, words: Sequence[str] = ENGLISH, font: str = "DejaVuSerif.ttf") -> PageImage:
    """Return a full page of text in letters of `size` pixels, with its text layer."""
    face, space = ImageFont.truetype(font, size), " " * (words is ENGLISH)
    picture = Image.new("L", A4, 255)
    draw, lines, number = ImageDraw.Draw(picture), [], 0
    width = (A4[0] - 2 * MARGIN + 2 * size) / columns - 2 * size
    for column in range(columns):
        x = MARGIN + column * (width + 2 * size)
        for y in range(MARGIN, A4[1] - MARGIN, int(1.3 * size)):
            text = words[number % len(words)]
            while draw.textlength(text + space + words[(number + 1) % len(words)], face) < width:
                number += 1
                text += space + words[number % len(words)]
            draw.text((x, y), text, 20, face)
            lines.append(TextLine(text, draw.textbbox((x, y), text, face)))
    return PageImage(1, np.ascontiguousarray(np.stack([np.asarray(picture)] * 3, axis=2)), text_lines=tuple(lines))


def draw_table() -> PageImage:
    """Return a page of short cells in six columns, without rules."""
    picture = Image.new("L", A4, 255)
    draw, face = ImageDraw.Draw(picture), ImageFont.truetype("DejaVuSans.ttf", 26)
    for row, y in enumerate(range(MARGIN, A4[1] - MARGIN, 44)):
        for column in range(6):
            text = ENGLISH[(row + column) % len(ENGLISH)] if column == 0 else f"{row * 37 % 100}.{column}{row % 10}"
            draw.text((MARGIN + 230 * column, y), text, 20, face)
    return PageImage(1, np.ascontiguousarray(np.stack([np.asarray(picture)] * 3, axis=2)))


def scan(image: PageImage, quarters: int = 0) -> PageImage:
    """Return the page as from a scanner, without a text layer: slightly blurred, gray and noisy.

    quarters: counter-clockwise quarter turns.
    """
    noise = np.random.default_rng(1).normal(0, 8, image.pixels.shape[:2])[:, :, None]
    grey = 245 - 0.85 * (255 - cv2.GaussianBlur(image.pixels, (0, 0), 0.7).astype(float))
    pixels = np.clip(grey + noise, 0, 255).astype(np.uint8)
    return PageImage(1, np.ascontiguousarray(np.rot90(pixels, quarters)))


def time_stage(stage: Callable[..., Any], name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    """Return a function that calls the stage and adds its wall time to `seconds`."""

    def call(*args: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return stage(*args, **options)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started

    return call


def measure(call: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of the call, by the wall clock and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def drawn_pages() -> dict[str, PageImage]:
    """Return pages that are drawn here, by name."""
    return {
        "scan": scan(draw_page(2, 28)),
        "dense scan": scan(draw_page(3, 18)),
        "born digital": draw_page(2, 28),
        "table scan": scan(draw_table()),
        "chinese scan": scan(draw_page(1, 36, CHINESE, "NotoSansCJK-Regular.ttc")),
        "rotated scan": scan(draw_page(2, 28), 1),
    }


def real_pages(folder: Path, per_file: int) -> dict[str, PageImage]:
    """Return the first pages of each document in the folder, by name; files that cannot be opened are named."""
    pages: dict[str, PageImage] = {}
    for path in sorted(folder.iterdir()):
        try:
            rendered = render_pages(path.read_bytes(), EmbeddedOptions(dpi=200), load_settings(), True)
        except OcrWorkerError as error:
            print(f"{path.name}: {error}")
            continue
        pages |= {f"{path.name} {image.number}": image for image in rendered[:per_file]}
    return pages


def compare(pages: Mapping[str, PageImage], rounds: int) -> None:
    """Print the ratios of all pages, and of those with and without a text layer together."""
    threads = len(os.sched_getaffinity(0))
    options = {"Global.use_cls": False, "Global.log_level": "warning"}
    plain = RapidOCR(params={**options, "EngineConfig.onnxruntime.intra_op_num_threads": threads})
    seconds: dict[str, float] = {}
    for owner, names in STAGES:
        for name in names:
            setattr(owner, name, time_stage(getattr(owner, name), name.strip("_"), seconds))
    engine = create()
    totals: dict[str, list[tuple[float, ...]]] = {}
    for name, image in pages.items():
        ours, theirs, stages = [], [], []
        for _ in range(rounds + 1):  # the first of each warms up
            seconds.clear()
            ours.append(measure(partial(engine.parse, [image], EmbeddedOptions())))
            stages.append(dict(seconds))
            theirs.append(measure(partial(plain, image.pixels)))
        wall, processor = (median(o[i] / t[i] for o, t in zip(ours[1:], theirs[1:], strict=True)) for i in (0, 1))
        shares = " ".join(f"{stage} {median(s.get(stage, 0.0) for s in stages[1:]):.2f}" for stage in stages[-1])
        medians = tuple(median(times[i] for times in side[1:]) for side in (ours, theirs) for i in (0, 1))
        totals.setdefault("with a text layer" if image.text_lines else "without one", []).append(medians)
        print(f"{name:30} wall x{wall:.2f} processor x{processor:.2f}  ours {medians[0]:.2f} s, "
              f"RapidOCR {medians[2]:.2f} s  {shares}", flush=True)  # fmt: skip
    for kind, times in totals.items():
        our_wall, our_processor, wall, processor = (sum(column) / len(times) for column in zip(*times, strict=True))
        ratios = f"wall x{our_wall / wall:.2f} processor x{our_processor / processor:.2f}"
        print(f"{len(times)} pages {kind}: {ratios}, mean {our_wall:.2f} and {wall:.2f} s, "
              f"of processor {our_processor:.2f} and {processor:.2f} s")  # fmt: skip


def main() -> None:
    """Measure all pages and print the ratios."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each page")
    parser.add_argument("--pages", type=Path, help="folder of PDFs and images; default: pages drawn here")
    parser.add_argument("--per-file", type=int, default=3, help="pages of each file")
    options = parser.parse_args()
    compare(real_pages(options.pages, options.per_file) if options.pages else drawn_pages(), options.rounds)


if __name__ == "__main__":
    main()
