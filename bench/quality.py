"""Benchmark of text quality: our CPU engine against plain RapidOCR and Tesseract, on pages whose text is known.

`python bench/quality.py [--only GROUP] [--readers ours,rapidocr,tesseract] [--pages DIR] [--show PAGE]`. Every page is
drawn here (quality_pages/). Our engine reads born-digital pages with their text layer, the others read them as images
at 200 dpi. All get the same image of a scan. The output is pass rates by kind of test (quality_metrics.py), character
error rates, and seconds per page. Our engine is called as a job calls it: through the pipeline, its rasterizer and the
engine, loaded once. Writes results/quality.json. Needs Chromium, and reports a missing font or a missing Tesseract.
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
from quality_pages.rendering import open_browser, print_pdf, render_image, save
from quality_pages.scripts import languages_without_fonts
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results" / "quality.json"
KINDS = ("present", "absent", "order", "cells", "lines")
DPI, LIMIT_S = 200, 60
TESSERACT = "tesseract"
Reader = Callable[[Page, bytes, np.ndarray], str]


@dataclass(frozen=True)
class Reading:
    """Result of a reader for a page: Markdown, seconds, score, and the error if it failed."""

    page: Page
    markdown: str
    seconds: float
    score: Score
    error: str


# --------------------------------------------------------------------------- readers


def create_ours() -> tuple[Reader, Callable[[], None]]:
    """Return a reader with our pipeline and the embedded engine, and the function that closes it."""
    from ocr_worker import log
    from ocr_worker.engines.registry import read_request
    from ocr_worker.parsing.pipeline import Pipeline
    from ocr_worker.settings import Settings

    log.configure("ERROR")
    pipeline = Pipeline(Settings(engine="embedded"))
    pipeline.start()

    def read(page: Page, pdf: bytes, pixels: np.ndarray) -> str:
        body = {"documents": [{"base64": base64.b64encode(pdf).decode()}], "options": {"timeout_s": LIMIT_S}}
        (result,) = pipeline.job(read_request(body, pipeline.spec), page.name).run().documents
        return result.markdown or ""

    return read, pipeline.close


def create_rapidocr() -> tuple[Reader, Callable[[], None]]:
    """Return a reader with the package's defaults, whose lines keep their order, and the function that closes it."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})

    def read(page: Page, pdf: bytes, pixels: np.ndarray) -> str:
        return "\n".join(getattr(engine(pixels), "txts", ()) or ())

    return read, lambda: None


def create_tesseract() -> tuple[Reader, Callable[[], None]]:
    """Return a reader with the command's defaults, and the function that closes it.

    Chinese is read with the model for it, if that is installed. Raises OSError: the command is missing.
    """
    # On one thread: its threads wait busily for each other, which costs more than they save.
    env = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    listed = set(subprocess.run([TESSERACT, "--list-langs"], capture_output=True, text=True, check=True).stdout.split())
    print("tesseract has the languages", *sorted(listed & {"eng", "chi_sim", "chi_tra", "deu", "fra", "rus", "kor"}))

    def read(page: Page, pdf: bytes, pixels: np.ndarray) -> str:
        languages = "chi_sim+eng" if page.language == "zh" and "chi_sim" in listed else "eng"
        _, data = cv2.imencode(".png", pixels)
        command = [TESSERACT, "-", "-", "--dpi", str(DPI), "-l", languages]
        output = subprocess.run(
            command, input=data.tobytes(), capture_output=True, timeout=LIMIT_S, check=True, env=env
        )
        return output.stdout.decode()

    return read, lambda: None


def create_rapid_doc() -> tuple[Reader, Callable[[], None]]:
    """Return a reader of text layers by RapidDoc's rules, and the function that closes it.

    What comes in its wheel reads born-digital pages. Its layout and formula models are downloaded, and not used.
    """
    from rapid_doc import RapidDoc

    parser = RapidDoc(
        layout_config={"docvortex_mode": "rule"},
        table_config={"rule_table_engine": "docvortex"},
        formula_enable=False,
    )

    def read(page: Page, pdf: bytes, pixels: np.ndarray) -> str:
        return str(parser(pdf).markdown)

    return read, lambda: None


def create_img2table() -> tuple[Reader, Callable[[], None]]:
    """Return a reader of the tables, and of nothing else, of text layers, and the function that closes it."""
    from img2table.document import PDF

    def read(page: Page, pdf: bytes, pixels: np.ndarray) -> str:
        tables = PDF(src=pdf).extract_tables(borderless_tables=True)
        return "\n\n".join(table.html for page_tables in tables.values() for table in page_tables)

    return read, lambda: None


READERS = {"ours": create_ours, "rapidocr": create_rapidocr, "tesseract": create_tesseract}
# Not part of the environment of the tests; they read born-digital pages alone, so scans are left out with them.
LAYER_READERS = {"rapid-doc": create_rapid_doc, "img2table": create_img2table}


# --------------------------------------------------------------------------- reading


def read_all(
    names: Sequence[str], pages: Sequence[tuple[Page, bytes]], keep: Path | None, console: Console
) -> dict[str, list[Reading]]:
    """Read and score every page. Return the readings by reader.

    The readers take turns, so that the load of the machine is the same for all. A missing reader is left out. A page
    that fails or takes too long is empty. keep: a folder for the Markdown of each reader.
    """
    readers = {}
    for name in names:
        try:
            readers[name] = (READERS | LAYER_READERS)[name]()
        except (ImportError, OSError) as error:
            console.print(f"[yellow]{name} is left out: {error}")
    results: dict[str, list[Reading]] = {name: [] for name in readers}
    for page, pdf in pages:
        pixels = render_image(pdf, DPI)
        for name, (read, _) in readers.items():
            reading = time_reading(read, page, pdf, pixels)
            results[name].append(reading)
            if keep:
                (keep / f"{page.name}.{name}.md").write_text(reading.markdown, encoding="utf-8")
            counts = " ".join(f"{kind} {passed}/{total}" for kind, (passed, total) in reading.score.counts.items())
            error_rate = f"error rate {reading.score.error_rate:.3f}"
            console.print(f"[dim]{name} {page.name}: {counts}, {error_rate}, {reading.seconds:.1f} s {reading.error}")
    for _, close in readers.values():
        close()
    return results


def time_reading(read: Reader, page: Page, pdf: bytes, pixels: np.ndarray) -> Reading:
    """Read one page with one reader, and return the timed and scored reading."""
    started = time.perf_counter()
    markdown, failure = "", ""
    try:
        markdown = read(page, pdf, pixels)
    except Exception as error:
        failure = repr(error)
    seconds = time.perf_counter() - started
    if seconds > LIMIT_S:
        markdown, failure = "", f"more than {LIMIT_S} s"
    return Reading(page, markdown, seconds, score(page.truth(), markdown), failure)


def make_documents(pages: Sequence[Page], console: Console) -> list[tuple[Page, bytes]]:
    """Return the pages with their PDFs. A page that does not fit its sheet with this machine's fonts is left out."""
    documents = []
    with open_browser() as chromium:
        for page in pages:
            try:
                documents.append((page, print_pdf(page, chromium)))
            except ValueError as error:
                console.print(f"[yellow]left out: {error}")
    return documents


# --------------------------------------------------------------------------- metrics


def rate(readings: Sequence[Reading]) -> dict[str, float]:
    """Return by kind the share of its tests that pass, their mean, and the mean character error rate."""
    shares = {}
    for kind in KINDS:
        counts = [reading.score.counts[kind] for reading in readings if kind in reading.score.counts]
        if counts:
            shares[kind] = sum(passed for passed, _ in counts) / sum(total for _, total in counts)
    mean = statistics.fmean(shares.values()) if shares else 0.0
    return {**shares, "mean": mean, "error rate": statistics.fmean(r.score.error_rate for r in readings)}


def measure_speed(readings: Sequence[Reading], base: Sequence[Reading] | None) -> dict[str, float]:
    """Return the seconds per page on images and with a text layer, and the ratio to `base` on the same images."""
    image_seconds = [r.seconds for r in readings if r.page.scan]
    layer_seconds = [r.seconds for r in readings if not r.page.scan]
    seconds = {}
    if image_seconds:
        seconds = {"median s": statistics.median(image_seconds), "p90 s": float(np.percentile(image_seconds, 90))}
    if layer_seconds:
        seconds["born-digital median s"] = statistics.median(layer_seconds)
    if image_seconds and base:
        pairs = [(r, b) for r, b in zip(readings, base, strict=True) if r.page.scan]
        seconds["ratio to rapidocr"] = statistics.median(r.seconds / b.seconds for r, b in pairs)
    return seconds


def summarize(results: Mapping[str, list[Reading]]) -> dict[str, Any]:
    """Return all results, for the file and for the printed tables."""
    groups = list(dict.fromkeys(reading.page.group for readings in results.values() for reading in readings))
    return {
        "groups": {
            group: {name: rate([r for r in readings if r.page.group == group]) for name, readings in results.items()}
            for group in groups
        },
        "all": {name: rate(readings) for name, readings in results.items()},
        "speed": {name: measure_speed(readings, results.get("rapidocr")) for name, readings in results.items()},
        "pages": {
            name: {r.page.name: {**r.score.counts, "error rate": r.score.error_rate, "s": r.seconds} for r in readings}
            for name, readings in results.items()
        },
    }


def print_rates(title: str, rows: Mapping[str, Mapping[str, Mapping[str, float]]], console: Console) -> None:
    """Print a row for each group or page, in percent, with the readers in their order in each column."""
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


def print_all(results: Mapping[str, Sequence[Reading]], metrics: Mapping[str, Any], console: Console) -> None:
    """Print the three tables: by page, by group, seconds."""
    rows = zip(*results.values(), strict=True)
    by_page = {row[0].page.name: {name: rate([r]) for name, r in zip(results, row, strict=True)} for row in rows}
    print_rates("by page", by_page, console)
    print_rates("by group", {**metrics["groups"], "all": metrics["all"]}, console)
    table = Table(title="seconds a page")
    keys = list(dict.fromkeys(key for row in metrics["speed"].values() for key in row))
    for heading in ("", *keys):
        table.add_column(heading, justify="right")
    for name, row in metrics["speed"].items():
        table.add_row(name, *(f"{row[key]:.2f}" if key in row else "" for key in keys))
    console.print(table)


def show(results: Mapping[str, list[Reading]], console: Console) -> None:
    """Print the expected text of each page, the Markdown, and the failed tests."""
    for name, readings in results.items():
        for reading in readings:
            console.rule(f"{reading.page.name}: expected")
            console.print(reading.page.truth().text, markup=False, highlight=False)
            console.rule(f"{name} in {reading.seconds:.1f} s, error rate {reading.score.error_rate:.3f}")
            console.print(reading.markdown, markup=False, highlight=False)
            console.rule("failed")
            console.print("\n".join(reading.score.failures), markup=False, highlight=False)


def main() -> None:
    """Read the pages, print the results, and write them if all readers read all pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="a group, or the beginning of a page's name")
    parser.add_argument("--readers", default=",".join(READERS), help="also rapid-doc and img2table, if installed")
    parser.add_argument(
        "--pages", type=Path, help="keep there the documents, their pictures, and what each reader wrote"
    )
    parser.add_argument("--show", metavar="PAGE", help="print what was expected of this page, and what came")
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    for language in languages_without_fonts():
        console.print(f"[yellow]this machine has no font for {language}: its pages are left out")
    only = arguments.show or arguments.only
    pages = make_documents([p for p in all_pages() if not only or p.group == only or p.name.startswith(only)], console)
    names = arguments.readers.split(",")
    if LAYER_READERS.keys() & names:
        pages = [(page, pdf) for page, pdf in pages if not page.scan]
    if arguments.pages:
        for page, pdf in pages:
            save(arguments.pages, page, pdf)
    results = read_all(names, pages, arguments.pages, console)
    if arguments.show:
        return show(results, console)
    metrics = summarize(results)
    print_all(results, metrics, console)
    if not arguments.only and results.keys() == READERS.keys():
        rounded = json.loads(json.dumps(metrics), parse_float=lambda digits: round(float(digits), 4))
        RESULTS.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
