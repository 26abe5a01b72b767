"""The batch commands that change a batch: run, plan, retry, cancel. They run under a display and obey Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.bucket_walking import walk_bucket
from ocr_worker.batch.display import Display, JsonLines
from ocr_worker.batch.folders import LEDGER
from ocr_worker.batch.inputs import Entry, SkippedEntry, gather
from ocr_worker.batch.manifests import decode, split_lines
from ocr_worker.batch.model import BatchSummary
from ocr_worker.batch.places import result_place
from ocr_worker.batch.spool import Spool
from ocr_worker.batch.status import KNOWN_CODES, cost_warning, format_count, skipped_lines
from ocr_worker.batch.walking import HIDDEN, FolderEntry
from ocr_worker.cli import FAILED, OK
from ocr_worker.cli.arguments import read_password
from ocr_worker.cli.batch_plan import run_plan
from ocr_worker.cli.batch_service import (
    RAY,
    check_all_options,
    check_price,
    last_target_of,
    load_settings_of_client,
    make_plan_service,
    open_before_run,
    open_read_only,
    run_in_batch,
    target_of,
)
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.exits import INTERRUPTED, Interrupts, leave, leave_now
from ocr_worker.settings import load_settings

_DISPLAY_EVERY_S = 0.5
_CANCEL_TIMEOUT_S = 60.0
_MAX_SKIPPED_LINES = 20
_MAX_COMPARED_FILES = 50_000  # with the last run, without --refresh: a second or two


def run_batch(options: argparse.Namespace) -> int:
    """Add the documents and run the batch. Return the exit code."""
    options.result_url, options.out = result_place(options.out, options.ledger)
    entries = Spool(gather(options.inputs, _stdin_lines(), options.out, _list_bucket))
    last_target = ""
    if (options.out / LEDGER).exists():
        last_target = last_target_of(options)
    else:
        _check_new_batch(options, entries)
    check_all_options(entries.items(), options.options, target_of(options, last_target))

    async def run_command(batch: Batch) -> int:
        summary = batch.summary()
        recall_passwords(batch)
        new_documents = batch.add(_with_options(entry, options.options) for entry in entries)
        for line in first_skipped_lines(entries.skipped(), entries.skipped_count):
            print(line, file=sys.stderr)
        _refresh(batch, options)
        if entries.item_count and new_documents < entries.item_count:
            known_documents = entries.item_count - new_documents
            print(
                f"{format_count(new_documents, 'new document')}, {known_documents} already in the batch",
                file=sys.stderr,
            )
        if not batch.summary().documents:
            raise InvalidRequest(_no_documents_message(options.inputs, entries))
        return await _run_with_display(batch, summary, _make_display(batch, options))

    return run_in_batch(options, run_command, read_password(options))


def plan_batch(options: argparse.Namespace) -> int:
    """Print how long a batch of the documents takes and what it costs. Return the exit code."""
    entries = Spool(gather(options.inputs, _stdin_lines(), None, _list_bucket))
    if not entries.item_count:
        raise InvalidRequest(_no_documents_message(options.inputs, entries))
    check_price(options)
    if options.like:
        return run_plan(options, entries, None)
    return run_plan(options, entries, make_plan_service(options))


def retry_batch(options: argparse.Namespace) -> int:
    """Plan failed or damaged documents again and run the batch. Return the exit code."""
    _check_code(options)

    async def retry_command(batch: Batch) -> int:
        summary = batch.summary()
        recall_passwords(batch)
        if options.damaged:
            _repair(batch)
        else:
            print(f"retrying {format_count(batch.retry(options.code), 'document')}", file=sys.stderr)
        return await _run_with_display(batch, summary, _make_display(batch, options))

    return run_in_batch(options, retry_command, read_password(options))


def cancel_batch(options: argparse.Namespace) -> int:
    """Cancel the batch, also one that another process runs. Return the exit code."""
    batch = open_read_only(options)
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
        if batch.ledger.get("target").startswith(f"{RAY} "):
            from ocr_worker.batch.ray_cluster import end_actors

            end_actors(batch.ledger.idempotency_key, int(batch.ledger.get("ray_actors", "1")))
        return OK

    defaults = argparse.Namespace(ray=None, ray_actors=1, ray_cpus=1.0, ray_gpus=0.0, ray_idle=600.0)
    vars(defaults).update(endpoint=None, local=False, pages_per_job=10, price_per_second=None, max_cost=None)
    defaults.idle_timeout_s = defaults.deadline = None
    defaults.out = options.out
    return run_in_batch(defaults, cancel_command)


# --------------------------------------------------------------------------- documents and passwords


def _refresh(batch: Batch, options: argparse.Namespace) -> None:
    """Plan changed files again, with `--refresh`, or else say that there are some, among the first ones."""
    limit = None if options.refresh else _MAX_COMPARED_FILES
    changed_files = batch.changed_documents(limit)
    if options.refresh:
        batch.refresh(changed_files)
        return
    if changed_files:
        changed = format_count(len(changed_files), "file")
        print(f"{changed} changed since the last run; add --refresh to parse them again", file=sys.stderr)
    counts = batch.summary().documents
    if sum(counts.values()) - counts.get("waiting", 0) > _MAX_COMPARED_FILES:
        note = f"only the first {_MAX_COMPARED_FILES:,} files were compared with the last run; --refresh compares all"
        print(note, file=sys.stderr)


def _stdin_lines() -> Iterator[str]:
    """Yield the lines of standard input, which is read only if an argument asks for it. Raises InvalidRequest."""
    try:
        yield from split_lines(decode(sys.stdin.buffer.read()))
    except InvalidRequest as error:
        raise InvalidRequest(f"standard input cannot be read: {error}") from None


def _list_bucket(url: str) -> list[FolderEntry]:
    """Return the objects of an argument `s3://BUCKET/PREFIX/`. Raises InvalidRequest, SettingsInvalid."""
    return walk_bucket(url, load_settings())


def first_skipped_lines(skipped: Iterable[SkippedEntry], count: int) -> list[str]:
    """Return lines on the first skipped entries, hidden ones last, and one on the rest. count: number of all."""
    visible: list[SkippedEntry] = []
    hidden: list[SkippedEntry] = []
    for entry in skipped:
        entries = hidden if entry.reason == HIDDEN else visible
        if len(entries) < _MAX_SKIPPED_LINES:
            entries.append(entry)
        elif entries is visible:
            break
    return skipped_lines([*visible, *hidden][:_MAX_SKIPPED_LINES], count)


def recall_passwords(batch: Batch) -> None:
    """Read passwords again from the batch's manifests, which the command line may not name this time."""
    try:
        batch.recall_passwords()
    except InvalidRequest as error:
        print(f"passwords of the manifest are not known: {error}", file=sys.stderr)


def _check_code(options: argparse.Namespace) -> None:
    """Raise InvalidRequest if no document can have the error of `--code`."""
    batch = open_before_run(options)
    codes = {*KNOWN_CODES, *batch.summary().errors}  # an endpoint of another version may have codes of its own
    batch.ledger.close()
    if options.code is not None and options.code not in codes:
        raise InvalidRequest(f"--code {options.code} is unknown: choose one of {', '.join(sorted(codes))}")


def _repair(batch: Batch) -> None:
    repairs = batch.repair()
    print(f"{format_count(len(repairs.written), 'document')} written again from stored results", file=sys.stderr)
    print(f"{format_count(len(repairs.planned), 'document')} to parse again", file=sys.stderr)
    for name in repairs.impossible:
        print(f"{name} cannot be repaired: its file is gone", file=sys.stderr)


def _check_new_batch(options: argparse.Namespace, entries: Spool) -> None:
    """Check a command line that starts a batch, before its folder is created.

    Raises InvalidRequest, or BatchUnusable when the folder is a file.
    """
    if options.out.exists() and not options.out.is_dir():
        raise BatchUnusable(f"--out {options.out} is a file: name a folder")
    if not entries.item_count:
        raise InvalidRequest(_no_documents_message(options.inputs, entries))
    load_settings_of_client(target_of(options))
    check_price(options)


def _no_documents_message(inputs: Sequence[str], entries: Spool) -> str:
    if inputs:
        lines = first_skipped_lines(entries.skipped(), entries.skipped_count)
        message = f"there are no PDFs or images in {', '.join(inputs)}: name files, folders, URLs or a manifest"
        return "\n- ".join([message, *lines])
    return "there is nothing to parse: name files, folders, URLs or a manifest"


def _with_options(entry: Entry, options: dict[str, Any]) -> Entry:
    """Return a document with all its options. Figures are inline by default: only the batch's folders remain later."""
    if isinstance(entry, SkippedEntry):
        return entry
    return replace(entry, options={"figures": "inline", **options, **entry.options})


# --------------------------------------------------------------------------- a run under a display


def _make_display(batch: Batch, options: argparse.Namespace) -> Display | JsonLines:
    return JsonLines() if options.json else Display(max_cost=batch.options.max_cost)


async def _run_with_display(batch: Batch, first_summary: BatchSummary, display: Display | JsonLines) -> int:
    """Run the batch under the display. Return the exit code.

    first_summary: before the command. The report is written if anything has changed since.

    After Ctrl-C, the run waits for the jobs at the service. After a second Ctrl-C, the process ends at once; the next
    run continues from the ledger.
    """
    with ExitStack() as stack, display:
        batch.on_unsuccessful = display.document_ended
        run_task = asyncio.create_task(batch.run())
        interrupts = stack.enter_context(Interrupts(lambda: _stop(batch), lambda: _cancel_or_leave(run_task)))
        while not run_task.done():
            await asyncio.wait([run_task], timeout=_DISPLAY_EVERY_S)
            if batch.folder.cancel_request.exists():
                run_task.cancel()
            if interrupts.count:
                _stop(batch)  # also a run that had not begun when the signal came
            pause_reason = _pause_reason(batch, is_stopping=interrupts.count > 0)
            delay = batch.runner.delay if batch.runner else None
            display.update(_live_summary(batch), pause_reason=pause_reason, delay=delay)
        try:
            run_task.result()
        except asyncio.CancelledError:
            if batch.folder.cancel_request.exists():
                await batch.cancel()
                batch.folder.cancel_request.unlink()
        display.update(batch.summary())
    _finish_run(batch, first_summary)
    if interrupts.count > 1:
        leave(INTERRUPTED)  # without waiting for the engine, or for connections
    if interrupts.count:
        return INTERRUPTED
    return OK if set(batch.summary().documents) == {"succeeded"} else FAILED


def _finish_run(batch: Batch, first_summary: BatchSummary) -> None:
    """Write the report if anything has changed, and print where it is and why the run stopped early."""
    if replace(batch.summary(), wall_s=0.0) != replace(first_summary, wall_s=0.0) or not batch.folder.report.exists():
        batch.write_report()
    if batch.runner and batch.runner.pause_reason:
        print(f"stopped: {batch.runner.pause_reason}", file=sys.stderr)
    if warning := cost_warning(batch.summary(), batch.options.max_cost):
        print(warning, file=sys.stderr)
    print(f"report: {batch.folder.report}", file=sys.stderr)


def _live_summary(batch: Batch) -> BatchSummary:
    """Return the ledger's summary, plus the pages that running jobs have opened and parsed so far."""
    summary = batch.summary()
    if batch.runner is None:
        return summary
    return replace(
        summary,
        pages_expected=summary.pages_expected + batch.runner.pages_opened,
        pages_parsed=summary.pages_parsed + batch.runner.pages_in_progress,
    )


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
