"""How well does the CPU engine read? Ours against plain RapidOCR and Tesseract, on pages whose text is known.

`python bench/quality.py [--only GROUP] [--readers ours,rapidocr,tesseract] [--pages DIR] [--show PAGE]`. Every page is
made here (quality_pages/): born-digital ones are read with their text layer by ours, and as pictures at 200 dpi by the
others; of scans all get the very same picture. Pass rates by kind of test (quality_metrics.py), character error rates,
seconds a page. Ours is reached as a job reaches it: through the pipeline, its rasterizer and the engine, loaded once.
Writes results/quality.json. Needs Chromium, and says so where the machine lacks a font or Tesseract.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from quality_metrics import Score, score
from quality_pages import all_pages
from quality_pages.page import Page
from quality_pages.rendering import browser, document, picture, save
from quality_pages.scripts import without_fonts
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results" / "quality.json"
KINDS = ("present", "absent", "order", "cells")
DPI, LIMIT_S = 200, 60
TESSERACT = "tesseract"
Reader = Callable[[Page, bytes, np.ndarray], str]


@dataclass(frozen=True)
class Reading:
    """What a reader made of a page."""

    page: Page
    markdown: str
    seconds: float
    score: Score
    fault: str


# --------------------------------------------------------------------------- readers


def ours() -> tuple[Reader, Callable[[], None]]:
    """Our pipeline with the embedded engine, and how to end it."""
    from ocr_worker import log
    from ocr_worker.engines.registry import read_request
    from ocr_worker.parsing.pipeline import Pipeline
    from ocr_worker.settings import Settings

    log.configure("ERROR")
    pipeline = Pipeline(Settings(engine="embedded"))
    pipeline.start()

    def read(page: Page, pdf: bytes, pixels: np.ndarray) -> str:
        body = {"documents": [{"base64": base64.b64encode(pdf).decode()}], "options": {"timeout_s": LIMIT_S}}
        (answer,) = pipeline.job(read_request(body, pipeline.spec), page.name).run().documents
        return answer.markdown or ""

    return read, pipeline.close


def rapidocr() -> tuple[Reader, Callable[[], None]]:
    """The package as it comes: its lines in its order."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})

    def read(page: Page, pdf: bytes, pixels: np.ndarray) -> str:
        return "\n".join(engine(pixels).txts or ())

    return read, lambda: None


def tesseract() -> tuple[Reader, Callable[[], None]]:
    """The command as it comes; Chinese with that model, where it is there. Raises OSError without the command."""
    # On one thread: its threads wait busily for one another, which costs more than they bring.
    env = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    listed = set(subprocess.run([TESSERACT, "--list-langs"], capture_output=True, text=True, check=True).stdout.split())
    print("tesseract has the languages", *sorted(listed & {"eng", "chi_sim", "chi_tra", "deu", "fra", "rus", "kor"}))

    def read(page: Page, pdf: bytes, pixels: np.ndarray) -> str:
        languages = "chi_sim+eng" if page.language == "zh" and "chi_sim" in listed else "eng"
        _, data = cv2.imencode(".png", pixels)
        command = [TESSERACT, "-", "-", "--dpi", str(DPI), "-l", languages]
        done = subprocess.run(command, input=data.tobytes(), capture_output=True, timeout=LIMIT_S, check=True, env=env)
        return done.stdout.decode()

    return read, lambda: None


READERS = {"ours": ours, "rapidocr": rapidocr, "tesseract": tesseract}


# --------------------------------------------------------------------------- reading


def read_all(
    names: Sequence[str], pages: Sequence[tuple[Page, bytes]], keep: Path | None, console: Console
) -> dict[str, list[Reading]]:
    """Every page read and judged, by reader; the readers in turn, so that the machine's mood is the same for all.

    A reader that is not there is left out. A page that fails, or takes too long, is empty. keep: a folder for what
    each reader wrote.
    """
    readers = {}
    for name in names:
        try:
            readers[name] = READERS[name]()
        except (ImportError, OSError) as error:
            console.print(f"[yellow]{name} is left out: {error}")
    results: dict[str, list[Reading]] = {name: [] for name in readers}
    for page, pdf in pages:
        pixels = picture(pdf, DPI)
        for name, (read, _) in readers.items():
            reading = timed(read, page, pdf, pixels)
            results[name].append(reading)
            if keep:
                (keep / f"{page.name}.{name}.md").write_text(reading.markdown, encoding="utf-8")
            told = " ".join(f"{kind} {passed}/{total}" for kind, (passed, total) in reading.score.counts.items())
            wrong = f"error rate {reading.score.error_rate:.3f}"
            console.print(f"[dim]{name} {page.name}: {told}, {wrong}, {reading.seconds:.1f} s {reading.fault}")
    for _, close in readers.values():
        close()
    return results


def timed(read: Reader, page: Page, pdf: bytes, pixels: np.ndarray) -> Reading:
    """One page read by one reader."""
    started = time.perf_counter()
    markdown, fault = "", ""
    try:
        markdown = read(page, pdf, pixels)
    except Exception as error:
        fault = repr(error)
    seconds = time.perf_counter() - started
    if seconds > LIMIT_S:
        markdown, fault = "", f"more than {LIMIT_S} s"
    return Reading(page, markdown, seconds, score(page.truth(), markdown), fault)


def made(chosen: Sequence[Page], console: Console) -> list[tuple[Page, bytes]]:
    """The pages and their documents; one that does not fit its sheet with this machine's fonts is left out."""
    documents = []
    with browser() as chromium:
        for page in chosen:
            try:
                documents.append((page, document(page, chromium)))
            except ValueError as error:
                console.print(f"[yellow]left out: {error}")
    return documents


# --------------------------------------------------------------------------- figures


def rates(readings: Sequence[Reading]) -> dict[str, float]:
    """By kind the share of its tests that pass, their mean, and the mean character error rate."""
    found = {}
    for kind in KINDS:
        counts = [reading.score.counts[kind] for reading in readings if kind in reading.score.counts]
        if counts:
            found[kind] = sum(passed for passed, _ in counts) / sum(total for _, total in counts)
    mean = statistics.fmean(found.values()) if found else 0.0
    return {**found, "mean": mean, "error rate": statistics.fmean(r.score.error_rate for r in readings)}


def speed(readings: Sequence[Reading], base: Sequence[Reading] | None) -> dict[str, float]:
    """Seconds a page: on pictures, and with a text layer; the ratio to `base` on the same pictures."""
    pictures = [r.seconds for r in readings if r.page.scan]
    layered = [r.seconds for r in readings if not r.page.scan]
    found = {}
    if pictures:
        found = {"median s": statistics.median(pictures), "p90 s": float(np.percentile(pictures, 90))}
    if layered:
        found["born-digital median s"] = statistics.median(layered)
    if pictures and base:
        pairs = [(r, b) for r, b in zip(readings, base, strict=True) if r.page.scan]
        found["ratio to rapidocr"] = statistics.median(r.seconds / b.seconds for r, b in pairs)
    return found


def summary(results: Mapping[str, list[Reading]]) -> dict[str, Any]:
    """All figures, for the file and for the tables."""
    groups = list(dict.fromkeys(reading.page.group for readings in results.values() for reading in readings))
    return {
        "groups": {
            group: {name: rates([r for r in found if r.page.group == group]) for name, found in results.items()}
            for group in groups
        },
        "all": {name: rates(found) for name, found in results.items()},
        "speed": {name: speed(found, results.get("rapidocr")) for name, found in results.items()},
        "pages": {
            name: {r.page.name: {**r.score.counts, "error rate": r.score.error_rate, "s": r.seconds} for r in found}
            for name, found in results.items()
        },
    }


def print_rates(title: str, rows: Mapping[str, Mapping[str, Mapping[str, float]]], console: Console) -> None:
    """A row for each group or page, in percent; within a column the readers in their order."""
    names = list(next(iter(rows.values())))
    table = Table(title=f"{title}, percent: {' / '.join(names)}")
    for heading in ("", *KINDS, "mean", "error rate"):
        table.add_column(heading, no_wrap=True)
    for label, readers in rows.items():
        cells = []
        for key in (*KINDS, "mean", "error rate"):
            digits = 1 if key == "error rate" else 0
            shares = [f"{100 * readers[name][key]:.{digits}f}" for name in names if key in readers[name]]
            cells.append(" / ".join(shares))
        table.add_row(label, *cells)
    console.print(table)


def print_all(results: Mapping[str, Sequence[Reading]], found: Mapping[str, Any], console: Console) -> None:
    """The three tables: by page, by group, seconds."""
    rows = zip(*results.values(), strict=True)
    by_page = {row[0].page.name: {name: rates([r]) for name, r in zip(results, row, strict=True)} for row in rows}
    print_rates("by page", by_page, console)
    print_rates("by group", {**found["groups"], "all": found["all"]}, console)
    table = Table(title="seconds a page")
    keys = list(dict.fromkeys(key for row in found["speed"].values() for key in row))
    for heading in ("", *keys):
        table.add_column(heading, justify="right")
    for name, row in found["speed"].items():
        table.add_row(name, *(f"{row[key]:.2f}" if key in row else "" for key in keys))
    console.print(table)


def show(results: Mapping[str, list[Reading]], console: Console) -> None:
    """What was expected of each page, what came, and which tests failed."""
    for name, readings in results.items():
        for reading in readings:
            console.rule(f"{reading.page.name}: expected")
            console.print(reading.page.truth().whole, markup=False, highlight=False)
            console.rule(f"{name} in {reading.seconds:.1f} s, error rate {reading.score.error_rate:.3f}")
            console.print(reading.markdown, markup=False, highlight=False)
            console.rule("failed")
            console.print("\n".join(reading.score.failures), markup=False, highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="a group, or the beginning of a page's name")
    parser.add_argument("--readers", default="ours,rapidocr,tesseract")
    parser.add_argument(
        "--pages", type=Path, help="keep there the documents, their pictures, and what each reader wrote"
    )
    parser.add_argument("--show", metavar="PAGE", help="print what was expected of this page, and what came")
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    for language in without_fonts():
        console.print(f"[yellow]this machine has no font for {language}: its pages are left out")
    only = given.show or given.only
    pages = made([p for p in all_pages() if not only or p.group == only or p.name.startswith(only)], console)
    if given.pages:
        for page, pdf in pages:
            save(given.pages, page, pdf)
    results = read_all(given.readers.split(","), pages, given.pages, console)
    if given.show:
        return show(results, console)
    found = summary(results)
    print_all(results, found, console)
    if not given.only and len(results) == len(READERS):
        rounded = json.loads(json.dumps(found), parse_float=lambda digits: round(float(digits), 4))
        RESULTS.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
