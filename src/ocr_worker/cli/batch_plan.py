"""`ocr-worker batch plan`: print how long a batch takes and what it costs on 1, 4 and 16 workers, before it is run."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from ocr_worker import log
from ocr_worker.batch.folders import LEDGER
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.plan import Estimate, PageCount, Rate, count_pages, former_rate, measure, parse_deadline
from ocr_worker.batch.runner import RunOptions
from ocr_worker.batch.spool import Spool
from ocr_worker.batch.status import format_count, format_duration, format_money
from ocr_worker.cli import FAILED, OK
from ocr_worker.cli.arguments import positive_int, read_password
from ocr_worker.client.service import Service
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.settings import load_settings

WORKERS = (1, 4, 16)
SAMPLE_PAGES = 20


def deadline(text: str) -> datetime:
    """Return the time in an argument. Raises ArgumentTypeError."""
    try:
        return parse_deadline(text, datetime.now().astimezone())
    except ValueError:
        message = f"{text!r} is not a time in the future: write 18:00 or 2026-03-01T18:00"
        raise argparse.ArgumentTypeError(message) from None


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that only `plan` has."""
    parser.add_argument(
        "--sample",
        type=positive_int,
        default=SAMPLE_PAGES,
        metavar="N",
        help=f"parse N pages, drawn at random, to measure the rate; default: {SAMPLE_PAGES}",
    )
    parser.add_argument(
        "--like", type=Path, metavar="DIR", help="take the rate of the batch in this folder and parse no sample"
    )


def run_plan(options: argparse.Namespace, entries: Spool, service: Service | None) -> int:
    """Print the plan. Return the exit code: 1 if the deadline or the cost limit cannot be kept.

    service: parses the sample; None: the rate is that of a former batch.
    """
    log.configure("ERROR")
    settings, password = load_settings(), read_password(options)
    count = count_pages(entries.items(), settings, options.sample, password)
    if not count.pages:
        raise InvalidRequest("there are no pages to plan: none of the documents is a file that can be opened")
    if service is None:
        rate = former_rate(_ledger_of(options.like))
    else:
        run_options = RunOptions(job_pages=options.pages_per_job)
        rate = asyncio.run(measure(count.sample or [], service, settings, run_options, password))
    estimates = [rate.estimate(count.pages, workers, options.price_per_second) for workers in WORKERS]
    problems = _problems(options, count, rate)
    if options.json:
        print(json.dumps(_plan_json(count, rate, estimates, problems)))
    else:
        print("\n".join(_lines(count, rate, estimates)))
        if options.deadline is not None and (workers := _needed_workers(options, count, rate)):
            print(f"{'deadline':<12}{options.deadline:%Y-%m-%d %H:%M}, needs {format_count(workers, 'worker')}")
        for problem in problems:
            print(f"warning: {problem}", file=sys.stderr)
    return FAILED if problems else OK


def _ledger_of(folder: Path) -> Ledger:
    if not (folder / LEDGER).exists():
        raise BatchUnusable(f"there is no batch in {folder}: name the folder of a former run with --like")
    return Ledger(folder / LEDGER)


def _lines(count: PageCount, rate: Rate, estimates: list[Estimate]) -> list[str]:
    now = datetime.now().astimezone()
    documents = [f"{count.documents:,}"]
    if count.unreadable_count:
        documents.append(f"{count.unreadable_count:,} of them cannot be opened")
    if count.url_count:
        documents.append(f"not counted: the pages of {format_count(count.url_count, 'URL')}")
    lines = [
        f"{'documents':<12}{', '.join(documents)}",
        f"{'pages':<12}{count.pages:,}",
        f"{'rate':<12}{rate.page_s:.3g} s per page and worker, measured on {format_count(rate.pages, 'page')}",
        f"{'cold start':<12}{format_duration(rate.cold_start_s)} per worker, at most",
        f"{'workers':<12}{'time':<14}{'end, if started now':<22}cost",
    ]
    for estimate in estimates:
        end = f"{now + timedelta(seconds=estimate.seconds):%Y-%m-%d %H:%M}"
        cost = "unknown: add --price-per-second" if estimate.cost is None else f"about {format_money(estimate.cost)}"
        lines.append(f"{estimate.workers:<12}{format_duration(estimate.seconds):<14}{end:<22}{cost}")
    return lines


def _needed_workers(options: argparse.Namespace, count: PageCount, rate: Rate) -> int | None:
    """Return the smallest number of workers that meets the deadline; None: no number does."""
    seconds = (options.deadline - datetime.now().astimezone()).total_seconds()
    return rate.workers_for(count.pages, seconds)


def _problems(options: argparse.Namespace, count: PageCount, rate: Rate) -> list[str]:
    """Return why the deadline or the cost limit cannot be kept, a sentence each."""
    problems, workers = [], 1
    if options.deadline is not None:
        needed_workers = _needed_workers(options, count, rate)
        time = f"the deadline {options.deadline:%Y-%m-%d %H:%M}"
        if needed_workers is None:
            problems.append(f"no number of workers meets {time}")
        elif needed_workers > 1 and options.local:
            problems.append(f"{time} needs {needed_workers:,} machines like this")
        workers = needed_workers or 1
    cost = rate.estimate(count.pages, workers, options.price_per_second).cost
    if options.max_cost is not None and cost is not None and cost > options.max_cost:
        limit = f"--max-cost {format_money(options.max_cost)}"
        problems.append(
            f"on {format_count(workers, 'worker')}, the batch costs {format_money(cost)}, more than {limit}"
        )
    return problems


def _plan_json(count: PageCount, rate: Rate, estimates: list[Estimate], problems: list[str]) -> dict[str, object]:
    counts = {name: getattr(count, name) for name in ("documents", "pages", "url_count", "unreadable_count")}
    return {
        **counts,
        "rate": asdict(rate),
        "estimates": [asdict(estimate) for estimate in estimates],
        "problems": problems,
    }
