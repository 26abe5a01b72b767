"""`ocr-worker batch`: run a batch of documents in a folder, look at it, retry what failed, or cancel it.

`run` and `retry` parse documents by a service: an endpoint, or the pipeline in this process. `status`, `report` and
`verify` only read the batch's folder. `cancel` also reaches a run in another process. The batch itself is in
`ocr_worker.batch`; this module has its arguments, its printed texts and its signals.
"""

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
from ocr_worker.batch.model import BatchSummary
from ocr_worker.batch.report import report_html, report_json
from ocr_worker.batch.runner import RunOptions
from ocr_worker.batch.status import status_lines
from ocr_worker.cli import FAILED, INTERRUPTED, OK
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import Service
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.settings import load_client_settings, load_settings

_DISPLAY_EVERY_S = 0.5
_CANCEL_TIMEOUT_S = 60.0
_LOCAL = "--local"  # with dashes, because an endpoint may be called `local`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the batch commands and their arguments: run, status, retry, cancel, report, verify."""
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    run = subparsers.add_parser("run", help="read documents into a folder; run it again and it goes on")
    run.add_argument("inputs", nargs="*", metavar="INPUT", help="file, folder, glob, URL, manifest.jsonl, - for stdin")
    run.add_argument("--out", type=Path, required=True, metavar="DIR")
    run.add_argument("--refresh", action="store_true", help="read files again that have changed")
    run.add_argument("--options", type=_object, default={}, metavar="JSON", help="of every document, as in a request")
    _add_service_arguments(run)
    run.set_defaults(batch_command=_run)

    for name, command, description in (
        ("status", _status, "where the batch stands"),
        ("report", _report, "write report.json and report.html"),
        ("verify", _verify, "hold the folders against the ledger"),
        ("cancel", _cancel, "stop everything, also in a run that is at work"),
        ("retry", _retry, "read once more what failed"),
    ):
        subparser = subparsers.add_parser(name, help=description)
        subparser.add_argument("out", type=Path, metavar="DIR")
        subparser.set_defaults(batch_command=command)
        if command is _retry:
            subparser.add_argument("--code", help="only documents with this error")
            _add_service_arguments(subparser)


def run(options: argparse.Namespace) -> int:
    """Run the chosen batch command. Return the exit code."""
    code: int = options.batch_command(options)
    return code


def _object(text: str) -> dict[str, Any]:  # argparse prints this name: "invalid _object value"
    """Return the JSON object in `text`. Raises ValueError when it is not a JSON object."""
    if not isinstance(value := json.loads(text), dict):
        raise ValueError
    return value


def _add_service_arguments(parser: argparse.ArgumentParser) -> None:
    service = parser.add_mutually_exclusive_group()
    service.add_argument("--endpoint", metavar="ID", help="an endpoint of the platform, or of RUNPOD_ENDPOINT_BASE_URL")
    service.add_argument("--local", action="store_true", help="the pipeline in this process, as the settings have it")
    parser.add_argument("--pages-per-job", type=int, default=10, metavar="N", help="most pages of a job (10)")
    parser.add_argument("--price-per-second", type=float, metavar="X", help="of a worker, for the cost")
    parser.add_argument("--max-cost", type=float, metavar="X", help="send nothing more when it would be passed")


# --------------------------------------------------------------------------- commands that parse documents


def _run(options: argparse.Namespace) -> int:
    items = [_add_default_options(item, options.options) for item in gather(options.inputs, sys.stdin)]

    async def run_command(batch: Batch) -> int:
        new_documents = batch.add(items)
        changed_files = batch.changed_documents()
        if changed_files and options.refresh:
            batch.refresh(changed_files)
        elif changed_files:
            print(
                f"{len(changed_files)} files have changed since they were read; --refresh reads them again",
                file=sys.stderr,
            )
        if items and new_documents < len(items):
            print(f"{new_documents} new documents, {len(items) - new_documents} known", file=sys.stderr)
        if not batch.summary().documents:
            raise InvalidRequest("there is nothing to read: name files, folders, URLs or a manifest")
        return await _run_with_display(batch)

    return _run_in_batch(options, run_command)


def _retry(options: argparse.Namespace) -> int:
    async def retry_command(batch: Batch) -> int:
        print(f"{batch.retry(options.code)} documents are read once more", file=sys.stderr)
        return await _run_with_display(batch)

    return _run_in_batch(options, retry_command)


def _add_default_options(item: Item, options: dict[str, Any]) -> Item:
    """Return the item with all its options. Figures are inline by default: only the batch's folders remain later."""
    return replace(item, options={"figures": "inline", **options, **item.options})


def _run_in_batch(options: argparse.Namespace, command: Callable[[Batch], Coroutine[Any, Any, int]]) -> int:
    """Open the batch of the options, with the service that they or the last run name, and run `command` on it."""
    log.configure("ERROR")

    async def open_and_run() -> int:
        batch = Batch(options.out, options=RunOptions(job_pages=options.pages_per_job, max_cost=options.max_cost))
        async with batch:
            batch.set_service(_make_service(batch, options))
            if options.price_per_second is not None:
                batch.ledger.put("price_per_second", str(options.price_per_second))
            elif options.max_cost is not None and not batch.ledger.get("price_per_second"):
                raise InvalidRequest("--max-cost needs --price-per-second")
            return await command(batch)

    return asyncio.run(open_and_run())


def _make_service(batch: Batch, options: argparse.Namespace) -> Service:
    """Return the service that the options name, or the last one, and store its name in the ledger."""
    target = _LOCAL if options.local else options.endpoint or batch.ledger.get("target")
    if not target:
        raise InvalidRequest("say where: --endpoint ID, or --local")
    batch.ledger.put("target", target)
    if target == _LOCAL:
        return LocalPipeline(load_settings())
    client = load_client_settings()
    return RemoteEndpoint(client.base_url, target, client.api_key)


async def _run_with_display(batch: Batch) -> int:
    """Run the batch under the display. Return the exit code.

    After Ctrl-C, the run waits for the jobs at the service. After a second Ctrl-C, it ends at once.
    """
    first_summary = batch.summary()
    with Display() as display:
        batch.on_unsuccessful = lambda name, status, code: display.say(f"{name}: {status}: {code}")
        run_task = asyncio.ensure_future(batch.run())
        interrupts = _Interrupts(batch, run_task)
        while not run_task.done():
            await asyncio.wait([run_task], timeout=_DISPLAY_EVERY_S)
            if batch.folder.cancel_request.exists():
                run_task.cancel()
            pause_reason = interrupts.message() or (batch.runner.pause_reason if batch.runner else None)
            display.update(_live_summary(batch), pause_reason=pause_reason)
        try:
            run_task.result()
        except asyncio.CancelledError:
            if batch.folder.cancel_request.exists():
                await batch.cancel()
                batch.folder.cancel_request.unlink()
        display.update(batch.summary())
    if replace(batch.summary(), wall_s=0.0) != replace(first_summary, wall_s=0.0) or not batch.folder.report.exists():
        _write_report(batch)
    if batch.runner and batch.runner.pause_reason:
        print(f"stopped: {batch.runner.pause_reason}", file=sys.stderr)
    print(f"report: {batch.folder.report}", file=sys.stderr)
    if interrupts.count:
        return INTERRUPTED
    return OK if set(batch.summary().documents) == {"succeeded"} else FAILED


def _live_summary(batch: Batch) -> BatchSummary:
    """Return the ledger's summary, plus the pages that running jobs have parsed so far."""
    summary = batch.summary()
    pages = batch.runner.pages_in_progress if batch.runner else 0
    return replace(summary, pages_parsed=summary.pages_parsed + pages)


class _Interrupts:
    """A counter of Ctrl-C and SIGTERM. The first stops the runner, the second cancels the run."""

    def __init__(self, batch: Batch, run_task: asyncio.Future[None]) -> None:
        self.count = 0
        self._batch = batch
        self._run_task = run_task
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)

    def _interrupt(self) -> None:
        self.count += 1
        if self.count > 1:
            self._run_task.cancel()
        elif self._batch.runner:
            self._batch.runner.stop()

    def message(self) -> str | None:
        """Return what the run waits for after an interrupt; None before the first."""
        jobs = self._batch.runner.jobs_in_progress if self._batch.runner else 0
        return f"stopping: waits for {jobs} jobs; Ctrl-C again leaves at once" if self.count else None


# --------------------------------------------------------------------------- commands that look at a batch


def _open_read_only(options: argparse.Namespace) -> Batch:
    """Return the batch in the folder, open for reading. Raises BatchUnusable when the folder has no ledger."""
    if not (options.out / LEDGER).exists():
        raise BatchUnusable(f"{options.out} holds no batch: there is no {LEDGER}")
    batch = Batch(options.out)
    batch.open_read_only()
    return batch


def _status(options: argparse.Namespace) -> int:
    batch = _open_read_only(options)
    print("\n".join(status_lines(batch.summary())))
    print("a run is at work here" if batch.folder.is_locked() else "no run is at work here")
    return OK


def _report(options: argparse.Namespace) -> int:
    for path in _write_report(_open_read_only(options)):
        print(path)
    return OK


def _write_report(batch: Batch) -> tuple[Path, Path]:
    summary, documents = batch.summary(), batch.documents()
    return batch.folder.put_report(report_json(summary, documents), report_html(summary, documents))


def _verify(options: argparse.Namespace) -> int:
    differences = _open_read_only(options).differences()
    print("\n".join(differences) or "every folder is as the ledger has it")
    return FAILED if differences else OK


def _cancel(options: argparse.Namespace) -> int:
    batch = _open_read_only(options)
    if batch.folder.is_locked():
        batch.folder.cancel_request.touch()
        deadline = time.monotonic() + _CANCEL_TIMEOUT_S
        while batch.folder.cancel_request.exists() and batch.folder.is_locked() and time.monotonic() < deadline:
            time.sleep(0.2)
        if not batch.folder.cancel_request.exists():
            print("cancelled")
            return OK
        if batch.folder.is_locked():
            print("the run that is at work here has not answered yet")
            return FAILED
    batch.ledger.close()

    async def cancel_command(batch: Batch) -> int:
        print(f"cancelled; {await batch.cancel()} jobs were under way")
        return OK

    defaults = argparse.Namespace(endpoint=None, local=False, pages_per_job=10, price_per_second=None, max_cost=None)
    defaults.out = options.out
    return _run_in_batch(defaults, cancel_command)
