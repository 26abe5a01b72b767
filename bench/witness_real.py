"""`python bench/witness.py --real`: the confidence against the errors of the real PaddleOCRVL class.

The class runs on the test weights (tests/resources/tinyvl), which read lines in one font and size, and err more the
more a page has noise, blur or another size. Each line is a block. Blocks with a character error rate above 0.1 are
compared with the others: the area under the ROC curve is the probability that a right block has the higher confidence.
These errors are not planted, but they are not those of the real weights either.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from quality_pages.prose import Writer

from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.pages import PageImage, Pixels
from ocr_worker.wire.schema import Block
from ocr_worker.witness.confidence import confidence
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.reader import read_evidence
from ocr_worker.witness.verdict import is_legible, judge
from support import tinyvl

RESULTS = Path(__file__).parent / "results" / "witness.json"
LIMIT = 0.1  # character error rate of a block that is right
PAGES, LINES = 24, 10
NOISE = (0, 0, 4, 8, 16, 32)  # gray levels
BLUR = (0.0, 0.0, 0.6)  # pixels
SIZES = (24, 24, 24, 24, 23, 25)  # pixels of the font; the weights know 24


def make_page(number: int) -> tuple[Pixels, list[str]]:
    """Return the pixels of a page and its lines."""
    random, writer = Random(number), Writer(f"real {number}")
    lines = [_line(random, writer) for _ in range(LINES)]
    image = Image.new("RGB", (tinyvl.WIDTH, tinyvl.LINE * (LINES + 1)), "white")
    font = ImageFont.truetype("DejaVuSansMono.ttf", SIZES[number % len(SIZES)])
    for index, line in enumerate(lines):
        ImageDraw.Draw(image).text((60, tinyvl.LINE // 2 + tinyvl.LINE * index), line, font=font, fill="black")
    blurred = image.filter(ImageFilter.GaussianBlur(random.choice(BLUR)))
    noise = np.random.default_rng(number).normal(0, random.choice(NOISE), (*blurred.size[::-1], 1))
    # The layout of the test weights follows runs of rows with ink: noise stays near the lines.
    values = np.asarray(blurred, np.float32)
    ink_rows = values.min(axis=(1, 2), keepdims=True) < 200
    return np.clip(values + noise * ink_rows, 0, 255).astype(np.uint8)[:, :, ::-1].copy(), lines


def _line(random: Random, writer: Writer) -> str:
    kinds = (
        writer.phrase,
        lambda: f"{writer.word().title()} {random.randint(1000, 99999)}",
        lambda: f"{writer.word()} {random.uniform(1, 9999):,.2f} EUR",
        lambda: f"{random.randint(10, 28)}/{random.randint(10, 12)}/2024 {writer.name()}",
    )
    return random.choice(kinds)()[:44].strip()


def read(cache: Path) -> None:
    """Read the pages that the cache lacks, by the class and by the witness."""
    paths = [cache / f"real-{number}.json" for number in range(PAGES)]
    if all(path.exists() for path in paths):
        return
    engine, models = Builder(tinyvl.settings())(), Models(threads=1)
    for number, path in enumerate(paths):
        pixels, _ = make_page(number)
        (parsed,) = engine.parse([PageImage(number + 1, pixels)], PaddleOcrVlOptions(max_new_tokens=tinyvl.LIMIT))
        blocks = [block.model_dump() for block in parsed.blocks]
        path.write_text(json.dumps({"blocks": blocks, "evidence": read_evidence(models, pixels).to_json()}))
    engine.close()


def run(cache: Path) -> None:
    """Print the figures and add them to the results."""
    from sklearn.metrics import roc_auc_score

    read(cache)
    scores: list[tuple[float, float]] = []  # confidence, character error rate
    unread = 0
    for number in range(PAGES):
        _, lines = make_page(number)
        data = json.loads((cache / f"real-{number}.json").read_text())
        blocks, evidence = [Block.read(block) for block in data["blocks"]], Evidence.from_json(data["evidence"])
        if not is_legible(evidence):
            unread += 1
            continue
        for block, agreement in zip(blocks, judge(blocks, evidence).agreements, strict=True):
            line = _line_of(block, lines)
            if agreement is not None and line is not None:
                scores.append((confidence(agreement), tinyvl.character_error_rate(block.content.strip(), line)))
    right = [error <= LIMIT for _, error in scores]
    figures: dict[str, Any] = {
        "pages": PAGES,
        "pages_not_compared": unread,
        "right": sum(right),
        "wrong": len(right) - sum(right),
        "auroc": round(float(roc_auc_score(right, [value for value, _ in scores])), 4),
        "mean_confidence": {
            name: round(float(np.mean([value for (value, _), is_right in zip(scores, right, strict=True)
                                       if is_right == side])), 3)
            for name, side in (("right", True), ("wrong", False))
        },
    }  # fmt: skip
    print(json.dumps(figures, indent=1))
    stored = json.loads(RESULTS.read_text())
    RESULTS.write_text(json.dumps({**stored, "real_class": figures}, indent=1) + "\n")


def _line_of(block: Block, lines: list[str]) -> str | None:
    """Return the line in the block's box; None if there is not exactly one."""
    middles = [tinyvl.LINE // 2 + tinyvl.LINE * index + 14 for index in range(len(lines))]
    inside = [line for line, middle in zip(lines, middles, strict=True) if block.bbox[1] <= middle <= block.bbox[3]]
    return inside[0] if len(inside) == 1 else None
