"""`ocr-worker batch`: run a batch of documents in a folder, look at it, retry what failed, or cancel it.

`run` and `retry` parse documents by a service: an endpoint, or the pipeline in this process. `status`, `report` and
`verify` only read the batch's folder. `cancel` also reaches a run in another process. The batch itself is in
`ocr_worker.batch`; this module has its arguments, its printed texts and its signals.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
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
from ocr_worker.batch.status import format_count, status_lines
from ocr_worker.cli import FAILED, OK, add_command, help_printer
from ocr_worker.cli.arguments import json_object, positive_int, positive_number, read_options
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import Service
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.exits import INTERRUPTED, Interrupts, leave, leave_now
from ocr_worker.settings import ClientSettings, load_client_settings, load_settings

_DISPLAY_EVERY_S = 0.5
_CANCEL_TIMEOUT_S = 60.0
_LOCAL = "--local"  # with dashes, because an endpoint may be called `local`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the batch commands and their arguments: run, status, retry, cancel, report, verify."""
    parser.set_defaults(batch_command=help_printer(parser))
    subparsers = parser.add_subparsers(metavar="COMMAND")

    run_parser = add_command(subparsers, "run", *_RUN)
    run_parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="file, folder, glob, URL, manifest.jsonl, or - for a list on standard input; none: continue the batch",
    )
    run_parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the batch; an existing one is continued"
    )
    run_parser.add_argument("--refresh", action="store_true", help="parse files again that changed since the last run")
    run_parser.add_argument(
        "--options",
        type=json_object,
        default={},
        metavar="JSON",
        help='request options of every document, such as \'{"formats": ["markdown"]}\'',
    )
    _add_service_arguments(run_parser)
    run_parser.set_defaults(batch_command=_run)

    for name, (command, summary, examples) in _OTHER_COMMANDS.items():
        subparser = add_command(subparsers, name, summary, examples)
        subparser.add_argument("out", type=Path, metavar="DIR", help="folder of the batch")
        subparser.set_defaults(batch_command=command)
        if command is _retry:
            subparser.add_argument("--code", help="retry only documents with this error, such as ENGINE_TIMED_OUT")
            _add_service_arguments(subparser)


def run(options: argparse.Namespace) -> int:
    """Run the chosen batch command. Return the exit code."""
    code: int = options.batch_command(options)
    return code


def _add_service_arguments(parser: argparse.ArgumentParser) -> None:
    service = parser.add_mutually_exclusive_group()
    service.add_argument(
        "--endpoint",
        metavar="ID",
        help="parse on this RunPod endpoint, with the key in RUNPOD_API_KEY; default: as in the last run",
    )
    service.add_argument("--local", action="store_true", help="parse in this process, with the engine of OCR_ENGINE")
    parser.add_argument(
        "--pages-per-job",
        type=positive_int,
        default=10,
        metavar="N",
        help="largest number of pages per job; default: 10",
    )
    parser.add_argument(
        "--price-per-second", type=positive_number, metavar="X", help="price of a worker in US dollars, for the cost"
    )
    parser.add_argument(
        "--max-cost", type=positive_number, metavar="X", help="submit no more jobs when the cost would exceed this"
    )


# --------------------------------------------------------------------------- commands that parse documents


def _run(options: argparse.Namespace) -> int:
    if options.local:  # an endpoint may run another engine, which checks the options itself
        read_options(options.options, engine_spec(load_settings().engine))
    items = [_add_default_options(item, options.options) for item in gather(options.inputs, sys.stdin)]
    if not (options.out / LEDGER).exists():
        _check_new_batch(options, items)

    async def run_command(batch: Batch) -> int:
        new_documents = batch.add(items)
        changed_files = batch.changed_documents()
        if changed_files and options.refresh:
            batch.refresh(changed_files)
        elif changed_files:
            changed = format_count(len(changed_files), "file")
            print(f"{changed} changed since the last run; add --refresh to parse them again", file=sys.stderr)
        if items and new_documents < len(items):
            known_documents = len(items) - new_documents
            print(
                f"{format_count(new_documents, 'new document')}, {known_documents} already in the batch",
                file=sys.stderr,
            )
        if not batch.summary().documents:
            raise InvalidRequest(_no_documents_message(options.inputs))
        return await _run_with_display(batch)

    return _run_in_batch(options, run_command)


def _retry(options: argparse.Namespace) -> int:
    async def retry_command(batch: Batch) -> int:
        print(f"retrying {format_count(batch.retry(options.code), 'document')}", file=sys.stderr)
        return await _run_with_display(batch)

    return _run_in_batch(options, retry_command)


def _check_new_batch(options: argparse.Namespace, items: Sequence[Item]) -> None:
    """Check a command line that starts a batch, before its folder is created.

    Raises InvalidRequest, or BatchUnusable when the folder is a file.
    """
    if options.out.exists() and not options.out.is_dir():
        raise BatchUnusable(f"--out {options.out} is a file: name a folder")
    if not items:
        raise InvalidRequest(_no_documents_message(options.inputs))
    _load_client_settings(_target(options))
    _check_price(options)


def _no_documents_message(inputs: Sequence[str]) -> str:
    if inputs:
        return f"there are no PDFs or images in {', '.join(inputs)}: name files, folders, URLs or a manifest"
    return "there is nothing to parse: name files, folders, URLs or a manifest"


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
            elif not batch.ledger.get("price_per_second"):
                _check_price(options)
            return await command(batch)

    return asyncio.run(open_and_run())


def _check_price(options: argparse.Namespace) -> None:
    if options.max_cost is not None and options.price_per_second is None:
        raise InvalidRequest("--max-cost needs --price-per-second, the price of one worker in US dollars")


def _target(options: argparse.Namespace, last_target: str = "") -> str:
    """Return the endpoint's id or `_LOCAL`. Raises InvalidRequest when neither the options nor the last run say it."""
    if target := _LOCAL if options.local else options.endpoint or last_target:
        return str(target)
    raise InvalidRequest("choose where to parse: add --local for this machine, or --endpoint ID")


def _load_client_settings(target: str) -> ClientSettings:
    """Return the settings for an endpoint. Raises InvalidRequest when it is the platform's and has no key."""
    client = load_client_settings()
    is_platform = client.base_url == ClientSettings.model_fields["base_url"].default
    if target != _LOCAL and is_platform and client.api_key is None:
        raise InvalidRequest(
            f"--endpoint {target} needs a key: set RUNPOD_API_KEY"
            " (for `ocr-worker endpoint`, set RUNPOD_ENDPOINT_BASE_URL to its URL instead)"
        )
    return client


def _make_service(batch: Batch, options: argparse.Namespace) -> Service:
    """Return the service that the options name, or the last one, and store its name in the ledger."""
    target = _target(options, batch.ledger.get("target"))
    client = _load_client_settings(target)
    batch.ledger.put("target", target)
    if target == _LOCAL:
        return LocalPipeline(load_settings())
    return RemoteEndpoint(client.base_url, target, client.api_key)


async def _run_with_display(batch: Batch) -> int:
    """Run the batch under the display. Return the exit code.

    After Ctrl-C, the run waits for the jobs at the service. After a second Ctrl-C, the process ends at once; the next
    run continues from the ledger.
    """
    first_summary = batch.summary()
    with ExitStack() as stack, Display() as display:
        batch.on_unsuccessful = lambda name, status, code: display.say(f"{name}: {status}: {code}")
        run_task = asyncio.create_task(batch.run())
        interrupts = stack.enter_context(Interrupts(lambda: _stop(batch), lambda: _cancel_or_leave(run_task)))
        while not run_task.done():
            await asyncio.wait([run_task], timeout=_DISPLAY_EVERY_S)
            if batch.folder.cancel_request.exists():
                run_task.cancel()
            if interrupts.count:
                _stop(batch)  # also a run that had not begun when the signal came
            display.update(_live_summary(batch), pause_reason=_pause_reason(batch, is_stopping=interrupts.count > 0))
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
    if interrupts.count > 1:
        leave(INTERRUPTED)  # without waiting for the engine, or for connections
    if interrupts.count:
        return INTERRUPTED
    return OK if set(batch.summary().documents) == {"succeeded"} else FAILED


def _live_summary(batch: Batch) -> BatchSummary:
    """Return the ledger's summary, plus the pages that running jobs have parsed so far."""
    summary = batch.summary()
    pages = batch.runner.pages_in_progress if batch.runner else 0
    return replace(summary, pages_parsed=summary.pages_parsed + pages)


def _stop(batch: Batch) -> None:
    """Let the run end after the jobs in progress."""
    if batch.runner:
        batch.runner.stop()


def _cancel_or_leave(run_task: asyncio.Task[None]) -> None:
    """Cancel the run, so that its end is shown and reported. End the process if that was tried before."""
    if run_task.done() or run_task.cancelling():
        leave_now()
    run_task.get_loop().call_soon_threadsafe(run_task.cancel)


def _pause_reason(batch: Batch, *, is_stopping: bool) -> str | None:
    """Return why no more jobs are sent, or what the run waits for after Ctrl-C; None while jobs are sent."""
    if is_stopping:
        jobs = batch.runner.jobs_in_progress if batch.runner else 0
        return f"stopping after {format_count(jobs, 'job')}; press Ctrl-C again to stop at once"
    return batch.runner.pause_reason if batch.runner else None


# --------------------------------------------------------------------------- commands that look at a batch


def _open_read_only(options: argparse.Namespace) -> Batch:
    """Return the batch in the folder, open for reading. Raises BatchUnusable when the folder has no ledger."""
    if not (options.out / LEDGER).exists():
        raise BatchUnusable(f"there is no batch in {options.out}: name the folder that was given to --out")
    batch = Batch(options.out)
    batch.open_read_only()
    return batch


def _status(options: argparse.Namespace) -> int:
    batch = _open_read_only(options)
    print("\n".join(status_lines(batch.summary())))
    print(f"{'run':<12}{'in progress' if batch.folder.is_locked() else 'not running'}")
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
    print("\n".join(differences) or "all files are as the batch recorded them")
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
            print(
                f"the run has not stopped yet; look again with: ocr-worker batch status {options.out}", file=sys.stderr
            )
            return FAILED
    batch.ledger.close()

    async def cancel_command(batch: Batch) -> int:
        print(f"cancelled; {format_count(await batch.cancel(), 'job')} had not finished")
        return OK

    defaults = argparse.Namespace(endpoint=None, local=False, pages_per_job=10, price_per_second=None, max_cost=None)
    defaults.out = options.out
    return _run_in_batch(defaults, cancel_command)


# --------------------------------------------------------------------------- what `--help` says

_RUN = (
    "parse documents into a folder; run the command again to continue after an interruption",
    (
        "ocr-worker batch run scans/ --out results --local",
        "ocr-worker batch run 'scans/*.pdf' --out results --local --options '{\"formats\": [\"markdown\"]}'",
    ),
)
_OTHER_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str, tuple[str, str]]] = {
    "status": (
        _status,
        "show how many documents and pages are done, failed and waiting",
        ("ocr-worker batch status results", "ocr-worker batch status results | grep pages"),
    ),
    "report": (
        _report,
        "write report.json and report.html into the batch's folder",
        ("ocr-worker batch report results", "ocr-worker batch report results && cat results/report.json"),
    ),
    "verify": (
        _verify,
        "compare the files in the folder with what the batch recorded; exit code 1 if they differ",
        ("ocr-worker batch verify results", "ocr-worker batch verify results && echo complete"),
    ),
    "cancel": (
        _cancel,
        "cancel all jobs and documents that are not finished, also those of a run in another process",
        ("ocr-worker batch cancel results", "ocr-worker batch cancel results && ocr-worker batch status results"),
    ),
    "retry": (
        _retry,
        "parse failed and cancelled documents again",
        ("ocr-worker batch retry results", "ocr-worker batch retry results --code ENGINE_TIMED_OUT"),
    ),
}
