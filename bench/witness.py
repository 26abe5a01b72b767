"""Benchmark of the option `verify`: recall of planted errors, false alarms, and calibration of the confidence.

`python bench/witness.py [--pages N] [--looks 1..3] [--fonts DIR ...] [--cache DIR] [--fit] [--real]`. Made pages with
known truth (witness_pages.py) are read by the witness; readings are kept in the cache folder, so that a rerun takes a
minute. Each page has one look, or more with `--looks`; test pages with tables are read in all looks, so that
there are enough cells to swap. An imaginary engine answers the truth with planted errors: a
dropped block, an invented sentence, a changed digit, swapped cells, a repeated line, a cut tail. Thresholds and
calibration come from the tuning pages only; figures are those of the test pages, which have other layouts, fonts and
texts. `--fit` writes the calibration. `--real` compares the confidence with the errors of the real PaddleOCRVL class on
its test weights instead (witness_real.py). Writes results/witness.json, from which
charts.py draws docs/verify-risk.svg.
"""

from __future__ import annotations

import argparse
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import witness_pages
from quality_pages.prose import Writer
from rapidfuzz.distance import Levenshtein
from witness_pages import DPI, LANGUAGES, LAYOUTS, LOOKS, TEST, TUNING, UNKNOWN_SCRIPTS, WITH_TABLES, MadePage

from ocr_worker.wire.schema import Block
from ocr_worker.witness import confidence as confidences
from ocr_worker.witness.comparison import Agreement
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.findings import Finding
from ocr_worker.witness.verdict import Verdict, is_legible, judge
from ocr_worker.witness.words import table_cells, text_of

RESULTS = Path(__file__).parent / "results" / "witness.json"
CALIBRATION = Path(confidences.__file__).with_name("calibration.json")
KINDS = ("dropped block", "invented sentence", "changed digit", "swapped cells", "repeated line", "cut tail")
EXPECTED = {
    "dropped block": {"TEXT_MISSED"},
    "invented sentence": {"TEXT_UNSUPPORTED"},
    "changed digit": {"NUMBERS_DIFFER"},
    "swapped cells": {"NUMBERS_DIFFER", "TEXT_UNSUPPORTED"},
    "repeated line": {"REPEATED", "TEXT_UNSUPPORTED"},
    "cut tail": {"CUT", "TEXT_MISSED"},
}
MIN_PLANTED = 12  # characters of a sentence, a line or a tail
RATES = (0.01, 0.05, 0.20)
FIT_TURNS = {0.01: 8, 0.05: 4, 0.20: 1}  # passes over the tuning pages by error rate: most engines err rarely
ROUNDS = {"swapped cells": 8}  # errors of a kind that are planted on a page with places for them, one at a time
OTHER_ROUNDS = 4
BINS = 15


@dataclass(frozen=True)
class Sample:
    page: MadePage
    look: str
    evidence: Evidence


# --------------------------------------------------------------------------- readings


class Readings:
    """The readings of made pages, in a cache folder. can_read: whether pages that it lacks are read."""

    def __init__(self, cache: Path, fonts: Callable[[str], str | None], *, can_read: bool) -> None:
        self._cache = cache
        self._fonts = fonts
        self._can_read = can_read
        self._models: Any = None

    def of_all(self, kind: str, count: int, looks: int) -> list[Sample]:
        """Return the first pages of a set, each in so many looks.

        First every page gets a look, the looks in turn over the layouts, then another one, so that a run that is
        stopped has read a balanced part.
        """
        return self._samples(kind, range(count), range(looks))

    def of_tables(self, kind: str, count: int, looks: int) -> list[Sample]:
        """Return the pages with tables among the first of a set, in the looks that `of_all` leaves out."""
        layouts = LAYOUTS[kind]
        numbers = [number for number in range(count) if layouts[number % len(layouts)] in WITH_TABLES]
        return self._samples(kind, numbers, range(looks, len(LOOKS)))

    def _samples(self, kind: str, numbers: Sequence[int], turns: Sequence[int]) -> list[Sample]:
        layout_count = len(LAYOUTS[kind])
        looks = [
            (number, LOOKS[(number + number // layout_count + turn) % len(LOOKS)])
            for turn in turns
            for number in numbers
        ]
        return [sample for number, look in looks if (sample := self._sample(kind, number, look))]

    def _sample(self, kind: str, number: int, look: str) -> Sample | None:
        path = self._cache / f"{kind}-{number}-{look}.json"
        if not path.exists() and not self._can_read:
            return None
        page = witness_pages.make_page(kind, number, self._fonts)
        if not path.exists():
            from ocr_worker.engines.embedded.reading.models import Models
            from ocr_worker.witness.reader import read_evidence

            self._models = self._models or Models(threads=1)
            pixels = witness_pages.apply_look(page.image, look, number)
            path.with_suffix(".part").write_text(json.dumps(read_evidence(self._models, pixels, ()).to_json()))
            path.with_suffix(".part").rename(path)
        return Sample(page, look, Evidence.from_json(json.loads(path.read_text())))


# --------------------------------------------------------------------------- planted errors


def plant(kind: str, blocks: Sequence[Block], random: Random) -> tuple[list[Block], int, tuple[float, ...]] | None:
    """Return the blocks with one error of the kind, the index of its block, and its box; None if there is no place."""
    places = [index for index, block in enumerate(blocks) if _PLANTS[kind](block, Random(0)) is not None]
    if not places:
        return None
    index = random.choice(places)
    block = blocks[index]
    if kind == "dropped block":
        return [*blocks[:index], *blocks[index + 1 :]], index, block.bbox
    content = _PLANTS[kind](block, random)
    changed = block.model_copy(update={"content": content})
    return [*blocks[:index], changed, *blocks[index + 1 :]], index, block.bbox


def _drop(block: Block, random: Random) -> str | None:
    return "" if len(text_of(block.label, block.content).strip()) >= 4 else None


def _invent(block: Block, random: Random) -> str | None:
    if block.label != "text" or len(block.content) < MIN_PLANTED:
        return None
    language = "zh" if " " not in block.content else "en"
    sentence = Writer(f"invented {random.random()}", language).sentence()
    return f"{block.content}{'' if language == 'zh' else ' '}{sentence}"


def _change_digit(block: Block, random: Random) -> str | None:
    places = [match.start() for match in re.finditer(r"\d", block.content)]
    if not places:
        return None
    place = random.choice(places)
    digit = random.choice([digit for digit in "0123456789" if digit != block.content[place]])
    return block.content[:place] + digit + block.content[place + 1 :]


def _swap(block: Block, random: Random) -> str | None:
    if block.label != "table":
        return None
    table = groupby(table_cells(block.content), lambda cell: cell.rows.start)
    rows = [[cell.text for cell in cells] for _, cells in table]
    cells = [(r, c) for r, row in enumerate(rows) for c, cell in enumerate(row) if len(cell) > 1]
    pairs = [(a, b) for a in cells for b in cells if a < b and rows[a[0]][a[1]] != rows[b[0]][b[1]]]
    if not pairs:
        return None
    (r, c), (s, d) = random.choice(pairs)
    rows[r][c], rows[s][d] = rows[s][d], rows[r][c]
    return "<table>" + "".join("<tr>" + "".join(f"<td>{x}</td>" for x in row) + "</tr>" for row in rows) + "</table>"


def _repeat(block: Block, random: Random) -> str | None:
    if block.label == "table" or len(block.content) < 2 * MIN_PLANTED:
        return None
    if " " not in block.content:
        start = random.randrange(len(block.content) - MIN_PLANTED)
        return block.content[: start + MIN_PLANTED] + block.content[start:]
    words = block.content.split(" ")
    count = min(len(words), 8)
    start = random.randrange(len(words) - count + 1)
    return " ".join(words[: start + count] + words[start:])


def _cut(block: Block, random: Random) -> str | None:
    if block.label == "table" or len(block.content) < 2 * MIN_PLANTED:
        return None
    return block.content[: -random.randint(MIN_PLANTED, len(block.content) // 2)].rstrip()


_PLANTS: dict[str, Callable[[Block, Random], str | None]] = {
    "dropped block": _drop, "invented sentence": _invent, "changed digit": _change_digit, "swapped cells": _swap,
    "repeated line": _repeat, "cut tail": _cut,
}  # fmt: skip


# --------------------------------------------------------------------------- recall and false alarms


def is_detected(kind: str, index: int, bbox: Sequence[float], findings: Sequence[Finding]) -> bool:
    """Return whether a finding of the right code is on the block of the planted error, or in its place."""
    for finding in findings:
        if finding.code not in EXPECTED[kind]:
            continue
        if kind != "dropped block" and finding.block == index:
            return True
        if kind == "dropped block" and _overlaps(finding.bbox, bbox):
            return True
    return False


def _overlaps(a: Sequence[float], b: Sequence[float]) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def measure(samples: Sequence[Sample], tables: Sequence[Sample]) -> dict[str, Any]:
    """Return recall by kind and look, and the share of blocks with a false alarm.

    tables: pages with tables in other looks, for swapped cells and false alarms on tables alone.
    """
    detections: dict[tuple[str, str], list[bool]] = defaultdict(list)
    alarms: dict[tuple[str, str], list[bool]] = defaultdict(list)
    compared: dict[str, list[bool]] = defaultdict(list)
    for sample in samples:
        if not is_legible(sample.evidence):
            compared[sample.look] += [False] * len(sample.page.blocks)
            continue
        verdict = judge(sample.page.blocks, sample.evidence)
        compared[sample.look] += [agreement is not None for agreement in verdict.agreements]
        _add_alarms(alarms, sample, verdict)
        alarms[sample.look, "text"] += [True] * sum(finding.block is None for finding in verdict.findings)
        for kind in KINDS:
            detections[sample.look, kind] += detected(kind, sample)
    for sample in tables:
        if is_legible(sample.evidence):
            _add_alarms(alarms, sample, judge(sample.page.blocks, sample.evidence), "table")
            detections[sample.look, "swapped cells"] += detected("swapped cells", sample)
    return {
        "recall": {look: {kind: _share(detections[look, kind]) for kind in KINDS} for look in LOOKS},
        "false_alarms": {look: {place: _share(alarms[look, place]) for place in ("text", "table")} for look in LOOKS},
        "compared": {look: _share(compared[look]) for look in LOOKS},
    }


def _add_alarms(
    alarms: dict[tuple[str, str], list[bool]], sample: Sample, verdict: Verdict, only: str | None = None
) -> None:
    """Add whether each block has a false alarm. only: of these blocks, `table` or `text`."""
    alarmed = {finding.block for finding in verdict.findings}
    for index, block in enumerate(sample.page.blocks):
        place = "table" if block.label == "table" else "text"
        if only in (None, place):
            alarms[sample.look, place].append(index in alarmed)


def detected(kind: str, sample: Sample) -> list[bool]:
    """Return whether each of the errors of this kind that are planted on the page, one at a time, has a finding."""
    if sample.page.language in UNKNOWN_SCRIPTS and kind != "dropped block":
        return []
    detections = []
    for turn in range(ROUNDS.get(kind, OTHER_ROUNDS)):
        random = Random(zlib.crc32(f"{sample.page.name}{sample.look}{kind}{turn}".encode()))
        if planted := plant(kind, sample.page.blocks, random):
            blocks, index, bbox = planted
            detections.append(is_detected(kind, index, bbox, judge(blocks, sample.evidence).findings))
    return detections


def _share(values: Sequence[bool]) -> dict[str, float]:
    return {"share": round(sum(values) / len(values), 4) if values else float("nan"), "of": len(values)}


# --------------------------------------------------------------------------- calibration


def answers(samples: Sequence[Sample], rate: float, seed: str) -> Iterator[tuple[Agreement, bool]]:
    """Yield the agreement of each compared block and whether it is right; a share `rate` of the blocks has errors."""
    for sample in samples:
        if not is_legible(sample.evidence):
            continue
        random = Random(f"{seed}{rate}{sample.page.name}{sample.look}")
        blocks = list(sample.page.blocks)
        for index, block in enumerate(blocks):
            if random.random() < rate:
                kind = random.choice([*KINDS[1:], "misread"])
                has_place = kind != "misread" and _PLANTS[kind](block, Random(0)) is not None
                content = _PLANTS[kind](block, random) if has_place else _misread(block.content, random)
                blocks[index] = block.model_copy(update={"content": content})
        verdict: Verdict = judge(blocks, sample.evidence)
        for block, truth, agreement in zip(blocks, sample.page.blocks, verdict.agreements, strict=True):
            if agreement is not None:
                yield agreement, is_right(block, truth)


def _misread(text: str, random: Random) -> str:
    """Return the text with up to 6 % of its letters replaced, at least one."""
    letters = [index for index, character in enumerate(text) if character.isalpha()]
    characters = list(text)
    for index in random.sample(letters, min(len(letters), random.randint(1, max(1, int(0.06 * len(letters)))))):
        characters[index] = random.choice("aeiortn" if text.isascii() else "的一是不了人我在")
    return "".join(characters)


def is_right(block: Block, truth: Block) -> bool:
    """Return whether the text has at most 1 % wrong characters, and every number."""
    texts = [" ".join(text_of(entry.label, entry.content).split()) for entry in (block, truth)]
    numbers = [re.findall(r"\d+", text) for text in texts]
    return numbers[0] == numbers[1] and Levenshtein.distance(*texts) <= 0.01 * len(texts[1])


def fit(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return the parameters of the confidence, fitted on these pages at all error rates."""
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    turns = [(rate, turn) for rate, count in FIT_TURNS.items() for turn in range(count)]
    data = [entry for rate, turn in turns for entry in answers(samples, rate, f"fit{turn}")]
    x, y = (
        np.asarray([confidences.features(agreement) for agreement, _ in data]),
        np.asarray([right for _, right in data], float),
    )
    model = LogisticRegression(C=10, max_iter=5000).fit(x, y)
    raw = model.predict_proba(x)[:, 1]
    curve = IsotonicRegression(y_min=0.001, y_max=0.995, out_of_bounds="clip").fit(raw, y)
    return {
        "data": _described(samples, len(data)),
        "right": "at most 1 % wrong characters and every number equal",
        "weights": [round(float(weight), 4) for weight in model.coef_[0]],
        "bias": round(float(model.intercept_[0]), 4),
        "x": [round(float(value), 5) for value in curve.X_thresholds_],
        "y": [round(float(value), 4) for value in curve.y_thresholds_],
    }


def _described(samples: Sequence[Sample], block_count: int) -> str:
    """Return a description of the data of a calibration."""
    pages = {sample.page.name for sample in samples}
    looks = ", ".join(f"{sum(sample.look == look for sample in samples)} {look}" for look in LOOKS)
    return (
        f"{len(samples)} images ({looks}) of {len(pages)} made pages, set `{TUNING}` of bench/witness_pages.py: layouts"
        f" {', '.join(LAYOUTS[TUNING])}; languages {', '.join(sorted(set(LANGUAGES)))}; {DPI} dpi. {block_count}"
        f" compared blocks of an engine's double that answers the truth, with errors in 1, 5 and 20 % of the blocks"
        f" ({', '.join(KINDS[1:])}, wrong letters). Not the errors of a real engine."
    )


def calibration_figures(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return calibration error, area under the ROC curve and Brier scores by error rate."""
    from sklearn.metrics import roc_auc_score

    figures = {}
    for rate in RATES:
        data = [entry for turn in range(5) for entry in answers(samples, rate, f"test{turn}")]
        p = np.asarray([confidences.confidence(agreement) for agreement, _ in data])
        y = np.asarray([right for _, right in data], float)
        order = np.lexsort((np.random.default_rng(0).random(len(p)), p))  # equal values in any order
        bins = np.array_split(order, BINS)
        brier, constant = float(np.mean((p - y) ** 2)), float(y.mean() * (1 - y.mean()))
        figures[f"{rate:.0%}"] = {
            "blocks": len(y),
            "wrong": round(1 - float(y.mean()), 4),
            "ece": round(sum(len(part) / len(y) * abs(p[part].mean() - y[part].mean()) for part in bins), 4),
            "auroc": round(float(roc_auc_score(y, p)), 4),
            "brier": round(brier, 4),
            "brier_below_constant": round(1 - brier / constant, 4),
            "risk_at_coverage": _risk(p, y, (0.5, 0.8, 0.9, 0.95, 1.0)),
            "curve": _risk(p, y, [step / 100 for step in range(2, 101, 2)]),
        }
    return figures


def _risk(p: np.ndarray, y: np.ndarray, shares: Sequence[float]) -> dict[str, float]:
    """Return the share of wrong blocks among those with the highest confidence, by the share of blocks that these are.

    Blocks of equal confidence come in any order, so that the order of the pages has no influence.
    """
    order = np.lexsort((np.random.default_rng(1).random(len(p)), -p))
    return {f"{share:.0%}": round(1 - float(y[order[: max(1, int(share * len(y)))]].mean()), 4) for share in shares}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=100, help="pages of each set")
    parser.add_argument("--looks", type=int, default=1, help="looks of each page")
    parser.add_argument("--set", choices=[TUNING, TEST], help="only read the pages of a set into the cache")
    parser.add_argument("--real", action="store_true", help="use the real class on its test weights")
    parser.add_argument("--fonts", type=Path, nargs="*", default=[Path("/usr/share/fonts")])
    parser.add_argument("--cache", type=Path, default=Path("witness-readings"))
    parser.add_argument("--cached-only", action="store_true", help="leave out pages that the cache lacks")
    parser.add_argument("--fit", action="store_true", help="fit the calibration on the tuning pages and write it")
    arguments = parser.parse_args()
    arguments.cache.mkdir(exist_ok=True)
    if arguments.real:
        import witness_real

        witness_real.run(arguments.cache)
        return
    files = [path for folder in arguments.fonts for path in sorted(folder.rglob("*.[to]tf"))]

    def fonts(part: str) -> str | None:
        return next((str(path) for path in files if part and part in path.name), None)

    readings = Readings(arguments.cache, fonts, can_read=not arguments.cached_only)
    sets = [arguments.set] if arguments.set else [TUNING, TEST]
    samples = {kind: readings.of_all(kind, arguments.pages, arguments.looks) for kind in sets}
    tables = readings.of_tables(TEST, arguments.pages, arguments.looks) if TEST in sets else []
    if arguments.set:
        print(f"{len(samples[arguments.set]) + len(tables)} images of the set {arguments.set} in the cache")
        return
    tuning, test = samples[TUNING], samples[TEST]
    if arguments.fit:
        CALIBRATION.write_text(json.dumps(fit(tuning), indent=1) + "\n")
        confidences.calibration.cache_clear()
    results = {
        "images": {kind: len(samples[kind]) for kind in sets},
        "further images with tables": len(tables),
        TUNING: measure(tuning, []),
        TEST: measure(test, tables),
        "calibration": calibration_figures(test),
    }
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**stored, **results}, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
