"""`ocr-worker batch ...`: the batch from the command line."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from ocr_worker import log
from ocr_worker.batch.batch import Batch
from ocr_worker.batch.display import Display
from ocr_worker.batch.folders import LEDGER
from ocr_worker.batch.inputs import Item, gather
from ocr_worker.batch.local import LocalPipeline
from ocr_worker.batch.model import BatchSummary, Service
from ocr_worker.batch.remote import RemoteEndpoint
from ocr_worker.batch.report import report_html, report_json
from ocr_worker.batch.runner import RunOptions
from ocr_worker.batch.status import status_lines
from ocr_worker.cli import FAILED, INTERRUPTED, OK
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.settings import load_client_settings, load_settings

_SHOWN_EVERY_S = 0.5
_CANCEL_S = 60.0
_LOCAL = "--local"  # an endpoint may be called `local`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`run`, `status`, `retry`, `cancel`, `report`, `verify`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="read documents into a folder; run it again and it goes on")
    run.add_argument("inputs", nargs="*", metavar="INPUT", help="file, folder, glob, URL, manifest.jsonl, - for stdin")
    run.add_argument("--out", type=Path, required=True, metavar="DIR")
    run.add_argument("--refresh", action="store_true", help="read files again that have changed")
    run.add_argument("--options", type=_object, default={}, metavar="JSON", help="of every document, as in a request")
    _add_target(run)
    run.set_defaults(batch_command=_run)

    for name, command, told in (
        ("status", _status, "where the batch stands"),
        ("report", _report, "write report.json and report.html"),
        ("verify", _verify, "hold the folders against the ledger"),
        ("cancel", _cancel, "stop everything, also in a run that is at work"),
        ("retry", _retry, "read once more what failed"),
    ):
        one = commands.add_parser(name, help=told)
        one.add_argument("out", type=Path, metavar="DIR")
        one.set_defaults(batch_command=command)
        if command is _retry:
            one.add_argument("--code", help="only documents with this error")
            _add_target(one)


def run(options: argparse.Namespace) -> int:
    """Run the chosen batch command. Return the exit code."""
    code: int = options.batch_command(options)
    return code


def _object(text: str) -> dict[str, Any]:
    """Raises ValueError for what is no JSON object."""
    if not isinstance(found := json.loads(text), dict):
        raise ValueError
    return found


def _add_target(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--endpoint", metavar="ID", help="an endpoint of the platform, or of RUNPOD_ENDPOINT_BASE_URL")
    where.add_argument("--local", action="store_true", help="the pipeline in this process, as the settings have it")
    parser.add_argument("--pages-per-job", type=int, default=10, metavar="N", help="most pages of a job (10)")
    parser.add_argument("--price-per-second", type=float, metavar="X", help="of a worker, for the cost")
    parser.add_argument("--max-cost", type=float, metavar="X", help="send nothing more when it would be passed")


# --------------------------------------------------------------------------- at work


def _run(options: argparse.Namespace) -> int:
    given = [_with_defaults(item, options.options) for item in gather(options.inputs, sys.stdin)]

    async def work(batch: Batch) -> int:
        added = batch.add(given)
        changed = batch.changed_documents()
        if changed and options.refresh:
            batch.refresh(changed)
        elif changed:
            print(
                f"{len(changed)} files have changed since they were read; --refresh reads them again", file=sys.stderr
            )
        if given and added < len(given):
            print(f"{added} new documents, {len(given) - added} known", file=sys.stderr)
        if not batch.summary().documents:
            raise InvalidRequest("there is nothing to read: name files, folders, URLs or a manifest")
        return await _at_work(batch)

    return _in_batch(options, work)


def _retry(options: argparse.Namespace) -> int:
    async def work(batch: Batch) -> int:
        print(f"{batch.retry(options.code)} documents are read once more", file=sys.stderr)
        return await _at_work(batch)

    return _in_batch(options, work)


def _with_defaults(item: Item, options: dict[str, Any]) -> Item:
    """Pictures come along unless somebody says no: a batch's folders are what is left of it."""
    return replace(item, options={"figures": "inline", **options, **item.options})


def _in_batch(options: argparse.Namespace, work: Callable[[Batch], Coroutine[Any, Any, int]]) -> int:
    """Runs `work` on the batch of the command, with the service that it names, or named last time."""
    log.configure("ERROR")

    async def inside() -> int:
        batch = Batch(options.out, options=RunOptions(job_pages=options.pages_per_job, max_cost=options.max_cost))
        async with batch:
            batch.set_service(_service(batch, options))
            if options.price_per_second is not None:
                batch.ledger.put("price_per_second", str(options.price_per_second))
            elif options.max_cost is not None and not batch.ledger.get("price_per_second"):
                raise InvalidRequest("--max-cost needs --price-per-second")
            return await work(batch)

    return asyncio.run(inside())


def _service(batch: Batch, options: argparse.Namespace) -> Service:
    target = _LOCAL if options.local else options.endpoint or batch.ledger.get("target")
    if not target:
        raise InvalidRequest("say where: --endpoint ID, or --local")
    batch.ledger.put("target", target)
    if target == _LOCAL:
        return LocalPipeline(load_settings())
    client = load_client_settings()
    return RemoteEndpoint(client.base_url, target, client.api_key)


async def _at_work(batch: Batch) -> int:
    """Runs the batch under the display; Ctrl-C once lets what is under way come back, twice leaves at once."""
    before = batch.summary()
    with Display() as display:
        batch.on_unsuccessful = lambda name, status, code: display.say(f"{name}: {status}: {code}")
        running = asyncio.ensure_future(batch.run())
        interrupts = _Interrupts(batch, running)
        while not running.done():
            await asyncio.wait([running], timeout=_SHOWN_EVERY_S)
            if batch.folder.cancel_request.exists():
                running.cancel()
            display.update(
                _live(batch), pause_reason=interrupts.word() or (batch.runner.pause_reason if batch.runner else None)
            )
        try:
            running.result()
        except asyncio.CancelledError:
            if batch.folder.cancel_request.exists():
                await batch.cancel()
                batch.folder.cancel_request.unlink()
        display.update(batch.summary())
    if replace(batch.summary(), wall_s=0.0) != replace(before, wall_s=0.0) or not batch.folder.report.exists():
        _write_report(batch)
    if batch.runner and batch.runner.pause_reason:
        print(f"stopped: {batch.runner.pause_reason}", file=sys.stderr)
    print(f"report: {batch.folder.report}", file=sys.stderr)
    if interrupts.count:
        return INTERRUPTED
    return OK if set(batch.summary().documents) == {"succeeded"} else FAILED


def _live(batch: Batch) -> BatchSummary:
    """The ledger's numbers, and the pages that are parsed in jobs under way."""
    summary = batch.summary()
    under_way = batch.runner.pages_in_progress if batch.runner else 0
    return replace(summary, pages_parsed=summary.pages_parsed + under_way)


class _Interrupts:
    """Ctrl-C, counted."""

    def __init__(self, batch: Batch, running: asyncio.Future[None]) -> None:
        self.count = 0
        self._batch = batch
        self._running = running
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)

    def _interrupt(self) -> None:
        self.count += 1
        if self.count > 1:
            self._running.cancel()
        elif self._batch.runner:
            self._batch.runner.stop()

    def word(self) -> str | None:
        """What is waited for after the first."""
        under_way = self._batch.runner.jobs_in_progress if self._batch.runner else 0
        return f"stopping: waits for {under_way} jobs; Ctrl-C again leaves at once" if self.count else None


# --------------------------------------------------------------------------- looked at


def _looking(options: argparse.Namespace) -> Batch:
    if not (options.out / LEDGER).exists():
        raise BatchUnusable(f"{options.out} holds no batch: there is no {LEDGER}")
    batch = Batch(options.out)
    batch.open_read_only()
    return batch


def _status(options: argparse.Namespace) -> int:
    batch = _looking(options)
    print("\n".join(status_lines(batch.summary())))
    print("a run is at work here" if batch.folder.is_locked() else "no run is at work here")
    return OK


def _report(options: argparse.Namespace) -> int:
    for path in _write_report(_looking(options)):
        print(path)
    return OK


def _write_report(batch: Batch) -> tuple[Path, Path]:
    summary, documents = batch.summary(), batch.documents()
    return batch.folder.put_report(report_json(summary, documents), report_html(summary, documents))


def _verify(options: argparse.Namespace) -> int:
    faults = _looking(options).differences()
    print("\n".join(faults) or "every folder is as the ledger has it")
    return FAILED if faults else OK


def _cancel(options: argparse.Namespace) -> int:
    batch = _looking(options)
    if batch.folder.is_locked():
        batch.folder.cancel_request.touch()
        deadline = time.monotonic() + _CANCEL_S
        while batch.folder.cancel_request.exists() and batch.folder.is_locked() and time.monotonic() < deadline:
            time.sleep(0.2)
        if not batch.folder.cancel_request.exists():
            print("cancelled")
            return OK
        if batch.folder.is_locked():
            print("the run that is at work here has not answered yet")
            return FAILED
    batch.ledger.close()

    async def work(batch: Batch) -> int:
        print(f"cancelled; {await batch.cancel()} jobs were under way")
        return OK

    target = argparse.Namespace(endpoint=None, local=False, pages_per_job=10, price_per_second=None, max_cost=None)
    target.out = options.out
    return _in_batch(target, work)
