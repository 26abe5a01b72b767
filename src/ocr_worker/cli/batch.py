"""`ocr-worker batch`: run a batch of documents in a folder, look at it, retry what failed, or cancel it.

`run` and `retry` parse documents by a service: an endpoint, or the pipeline in this process. `status`, `report` and
`verify` only read the batch's folder. `cancel` also reaches a run in another process. The batch itself is in
`ocr_worker.batch`, and `plan` in `batch_plan`; this module has its arguments, its printed texts and its signals.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ocr_worker import log
from ocr_worker.batch.batch import Batch
from ocr_worker.batch.comparing import compare_batches
from ocr_worker.batch.display import Display, JsonLines
from ocr_worker.batch.folders import LEDGER, Folder
from ocr_worker.batch.inputs import Entry, Item, SkippedEntry, gather
from ocr_worker.batch.local import LocalPipeline
from ocr_worker.batch.manifests import decode, split_lines
from ocr_worker.batch.model import BatchSummary
from ocr_worker.batch.places import result_place
from ocr_worker.batch.report import summary_json
from ocr_worker.batch.runner import RunOptions
from ocr_worker.batch.spool import Spool
from ocr_worker.batch.status import (
    KNOWN_CODES,
    cost_warning,
    format_count,
    replace_unencodable,
    skipped_lines,
    status_lines,
)
from ocr_worker.batch.walking import HIDDEN
from ocr_worker.cli import FAILED, OK, add_command, help_printer
from ocr_worker.cli.arguments import (
    add_password_arguments,
    check_options_of_any,
    json_object,
    positive_int,
    positive_number,
    read_options,
    read_password,
)
from ocr_worker.cli.batch_plan import add_plan_arguments, deadline, run_plan
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import Service
from ocr_worker.engines.registry import BUILT_IN, engine_spec
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.exits import INTERRUPTED, Interrupts, leave, leave_now
from ocr_worker.settings import ClientSettings, load_client_settings, load_settings

_DISPLAY_EVERY_S = 0.5
_CANCEL_TIMEOUT_S = 60.0
_MAX_SKIPPED_LINES = 20
_MAX_COMPARED_FILES = 50_000  # with the last run, without --refresh: a second or two
_RAY = "--ray"
_LOCAL = "--local"  # with dashes, because an endpoint may be called `local`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the batch commands and their arguments: run, plan, diff, status, retry, cancel, report, verify."""
    parser.set_defaults(batch_command=help_printer(parser))
    subparsers = parser.add_subparsers(metavar="COMMAND")

    run_parser = add_command(subparsers, "run", *_RUN)
    run_parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="file, folder, glob, URL, manifest, or - for a list on standard input; none: continue the batch",
    )
    run_parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder of the batch; an existing one is continued; or s3://BUCKET/PREFIX for Parquet, with --ledger",
    )
    run_parser.add_argument(
        "--ledger", metavar="DIR", help="with results in a bucket: folder of the batch, with its ledger and reports"
    )
    run_parser.add_argument("--refresh", action="store_true", help="parse files again that changed since the last run")
    run_parser.add_argument(
        "--options",
        type=json_object,
        default={},
        metavar="JSON",
        help='request options of every document, such as \'{"formats": ["markdown"]}\'',
    )
    run_parser.add_argument(
        "--format",
        choices=("folders", "parquet"),
        help="results as a folder for each document, or as Parquet files with a row per page; default: folders, or as"
        " the batch has them",
    )
    _add_service_arguments(run_parser)
    run_parser.set_defaults(batch_command=_run)

    plan_parser = add_command(subparsers, "plan", *_PLAN)
    plan_parser.add_argument("inputs", nargs="+", metavar="INPUT", help="as for `run`")
    plan_parser.set_defaults(batch_command=_plan, out=None, options={})
    add_plan_arguments(plan_parser)
    _add_service_arguments(plan_parser)

    diff_parser = add_command(subparsers, "diff", *_DIFF)
    diff_parser.add_argument("old", type=Path, metavar="OLD", help="folder of the earlier batch")
    diff_parser.add_argument("new", type=Path, metavar="NEW", help="folder of the later batch")
    diff_parser.add_argument("--json", action="store_true", help="print a line of JSON per document that changed")
    diff_parser.set_defaults(batch_command=_diff)

    for name, (command, summary, examples) in _OTHER_COMMANDS.items():
        subparser = add_command(subparsers, name, summary, examples)
        subparser.add_argument("out", type=Path, metavar="DIR", help="folder of the batch")
        subparser.set_defaults(batch_command=command)
        if command is _status:
            subparser.add_argument("--json", action="store_true", help="print one JSON document")
        if command is _retry:
            choice = subparser.add_mutually_exclusive_group()
            choice.add_argument("--code", help="retry only documents with this error, such as ENGINE_TIMED_OUT")
            choice.add_argument(
                "--damaged",
                action="store_true",
                help="instead, repair the documents whose files are not as the batch recorded them (see verify)",
            )
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
    service.add_argument(
        "--ray",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="parse in actors of this Ray cluster, with the engine of OCR_ENGINE; default: the cluster of this machine",
    )
    _add_ray_arguments(parser)
    parser.add_argument(
        "--pages-per-job",
        type=positive_int,
        default=10,
        metavar="N",
        help="largest number of pages per job; default: 10",
    )
    add_password_arguments(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON lines on standard output: progress, failed documents, the end"
    )
    parser.add_argument(
        "--price-per-second",
        type=positive_number,
        metavar="X",
        help="price of a worker in US dollars, for the cost; default: as in the last run",
    )
    parser.add_argument(
        "--idle-timeout-s",
        type=positive_number,
        metavar="S",
        help="idle timeout of the endpoint in seconds: the cost then includes the time in which workers wait for jobs;"
        " default: as in the last run",
    )
    parser.add_argument(
        "--max-cost",
        type=positive_number,
        metavar="X",
        help="submit no more jobs when the estimated cost, cold starts included, would exceed this; not the upper bound"
        " of the cost, which counts a second of a worker for each job that shares it",
    )
    parser.add_argument(
        "--deadline",
        type=deadline,
        metavar="TIME",
        help="submit no more jobs that would end after this time: 18:00, or a date and time such as 2026-03-01T18:00",
    )


def _add_ray_arguments(parser: argparse.ArgumentParser) -> None:
    actors = parser.add_argument_group("actors of --ray")
    actors.add_argument("--ray-actors", type=positive_int, default=1, metavar="N", help="number of actors; default: 1")
    actors.add_argument(
        "--ray-cpus", type=positive_number, default=1.0, metavar="X", help="processors for each actor; default: 1"
    )
    actors.add_argument(
        "--ray-gpus",
        type=positive_number,
        default=0.0,
        metavar="X",
        help="GPUs for each actor; 0.5 lets two share a card; default: none",
    )
    actors.add_argument(
        "--ray-idle",
        type=positive_number,
        default=600.0,
        metavar="S",
        help="seconds without a run after which an actor ends itself; default: 600",
    )


# --------------------------------------------------------------------------- commands that parse documents


def _run(options: argparse.Namespace) -> int:
    options.result_url, options.out = result_place(options.out, options.ledger)
    entries = Spool(gather(options.inputs, _stdin_lines(), options.out))
    last_target = ""
    if (options.out / LEDGER).exists():
        last_target = _last_target(options)
    else:
        _check_new_batch(options, entries)
    _check_all_options(entries.items(), options.options, _target(options, last_target))

    async def run_command(batch: Batch) -> int:
        summary = batch.summary()
        _recall_passwords(batch)
        new_documents = batch.add(_with_options(entry, options.options) for entry in entries)
        for line in _first_skipped_lines(entries.skipped(), entries.skipped_count):
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

    return _run_in_batch(options, run_command, read_password(options))


def _plan(options: argparse.Namespace) -> int:
    entries = Spool(gather(options.inputs, _stdin_lines()))
    if not entries.item_count:
        raise InvalidRequest(_no_documents_message(options.inputs, entries))
    _check_price(options)
    if options.like:
        return run_plan(options, entries, None)
    target = _target(options)
    if target.startswith(_RAY):
        raise InvalidRequest("a plan for --ray: measure one actor with --local on such a machine")
    return run_plan(options, entries, _service_of(target, _load_client_settings(target)))


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


def _first_skipped_lines(skipped: Iterable[SkippedEntry], count: int) -> list[str]:
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


def _recall_passwords(batch: Batch) -> None:
    """Read passwords again from the batch's manifests, which the command line may not name this time."""
    try:
        batch.recall_passwords()
    except InvalidRequest as error:
        print(f"passwords of the manifest are not known: {error}", file=sys.stderr)


def _retry(options: argparse.Namespace) -> int:
    _check_code(options)

    async def retry_command(batch: Batch) -> int:
        summary = batch.summary()
        _recall_passwords(batch)
        if options.damaged:
            _repair(batch)
        else:
            print(f"retrying {format_count(batch.retry(options.code), 'document')}", file=sys.stderr)
        return await _run_with_display(batch, summary, _make_display(batch, options))

    return _run_in_batch(options, retry_command, read_password(options))


def _check_code(options: argparse.Namespace) -> None:
    """Raise InvalidRequest if no document can have the error of `--code`."""
    batch = _open_before_run(options)
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
    _load_client_settings(_target(options))
    _check_price(options)


def _no_documents_message(inputs: Sequence[str], entries: Spool) -> str:
    if inputs:
        lines = _first_skipped_lines(entries.skipped(), entries.skipped_count)
        message = f"there are no PDFs or images in {', '.join(inputs)}: name files, folders, URLs or a manifest"
        return "\n- ".join([message, *lines])
    return "there is nothing to parse: name files, folders, URLs or a manifest"


def _with_options(entry: Entry, options: dict[str, Any]) -> Entry:
    """Return a document with all its options. Figures are inline by default: only the batch's folders remain later."""
    if isinstance(entry, SkippedEntry):
        return entry
    return replace(entry, options={"figures": "inline", **options, **entry.options})


def _check_all_options(items: Iterable[Item], options: dict[str, Any], target: str) -> None:
    """Check the options of the command line and of all documents, each set once. Raises InvalidRequest."""
    _check_options(options, target, "--options")
    checked_options = set()
    for item in items:
        key = json.dumps(item.options, sort_keys=True)
        if item.options and key not in checked_options:
            checked_options.add(key)
            _check_options({**options, **item.options}, target, f"the options of {item.name}")


def _check_options(options: dict[str, Any], target: str, name: str) -> None:
    """Check request options before a batch has them. An endpoint may run any engine, so its own options pass, too."""
    settings = load_settings()
    if _runs_our_engine(target):
        spec = engine_spec(settings.engine)
        spec.check_options(read_options(options, spec, name), settings)
    else:
        check_options_of_any(options, [engine_spec(engine) for engine in (settings.engine, *BUILT_IN)], name)


def _run_in_batch(
    options: argparse.Namespace, command: Callable[[Batch], Coroutine[Any, Any, int]], password: str | None = None
) -> int:
    """Open the batch of the options, with the service that they or the last run name, and run `command` on it."""
    log.configure("ERROR")

    async def open_and_run() -> int:
        run_options = RunOptions(
            job_pages=options.pages_per_job,
            max_cost=options.max_cost,
            deadline=options.deadline.timestamp() if options.deadline else None,
        )
        result_format, result_url = vars(options).get("format"), vars(options).get("result_url", "")
        batch = Batch(options.out, None, run_options, None, password, result_format, result_url)
        async with batch:
            batch.set_service(_make_service(batch, options))
            if options.idle_timeout_s is not None:
                batch.ledger.put("idle_timeout_s", str(options.idle_timeout_s))
            if options.price_per_second is not None:
                batch.ledger.put("price_per_second", str(options.price_per_second))
            elif not batch.ledger.get("price_per_second"):
                _check_price(options)
            return await command(batch)

    return asyncio.run(open_and_run())


def _check_price(options: argparse.Namespace) -> None:
    if options.max_cost is not None and options.price_per_second is None:
        raise InvalidRequest("--max-cost needs --price-per-second, the price of one worker in US dollars")


def _open_before_run(options: argparse.Namespace) -> Batch:
    """Return the batch in the folder, open for reading, for the checks before a run. Raises BatchUnusable."""
    if (options.out / LEDGER).exists():
        Folder(options.out).check_writable()
    return _open_read_only(options)


def _last_target(options: argparse.Namespace) -> str:
    batch = _open_before_run(options)
    target = batch.ledger.get("target")
    batch.ledger.close()
    return target


def _target(options: argparse.Namespace, last_target: str = "") -> str:
    """Return the endpoint's id or `_LOCAL`. Raises InvalidRequest when neither the options nor the last run say it."""
    chosen_target = _LOCAL if options.local else f"{_RAY} {options.ray}" if options.ray else options.endpoint
    if target := chosen_target or last_target:
        return str(target)
    raise InvalidRequest("choose where to parse: add --local for this machine, or --endpoint ID, or --ray ADDRESS")


def _runs_our_engine(target: str) -> bool:
    """Return whether the jobs run with this process's settings, and not at an endpoint."""
    return target == _LOCAL or target.startswith(f"{_RAY} ")


def _load_client_settings(target: str) -> ClientSettings:
    """Return the settings for an endpoint. Raises InvalidRequest when it is the platform's and has no key."""
    client = load_client_settings()
    is_platform = client.base_url == ClientSettings.model_fields["base_url"].default
    if not _runs_our_engine(target) and is_platform and client.api_key is None:
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
    if target.startswith(f"{_RAY} "):
        return _ray_cluster(target, batch, options)
    return _service_of(target, client)


def _ray_cluster(target: str, batch: Batch, options: argparse.Namespace) -> Service:
    """Return the Ray cluster as a service. The number of actors is that of the last run where no option says it."""
    from ocr_worker.batch.ray_cluster import RayCluster, RayOptions

    ray_options = RayOptions(options.ray_actors, options.ray_cpus, options.ray_gpus, options.ray_idle)
    batch.ledger.put("ray_actors", str(max(options.ray_actors, int(batch.ledger.get("ray_actors", "1")))))
    return RayCluster(target.partition(" ")[2], batch.ledger.idempotency_key, load_settings(), ray_options)


def _service_of(target: str, client: ClientSettings) -> Service:
    if target == _LOCAL:
        return LocalPipeline(load_settings())
    return RemoteEndpoint(client.base_url, target, client.api_key)


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
    if options.json:
        print(json.dumps({"summary": summary_json(batch.summary()), "is_running": batch.folder.is_locked()}))
        return OK
    print("\n".join(status_lines(batch.summary())))
    print(f"{'run':<12}{'in progress' if batch.folder.is_locked() else 'not running'}")
    skipped_count = sum(batch.summary().skipped.values())
    for line in _first_skipped_lines(batch.skipped(), skipped_count):
        print(line)
    return OK


def _report(options: argparse.Namespace) -> int:
    for path in _open_read_only(options).write_report():
        print(replace_unencodable(str(path)))
    return OK


def _verify(options: argparse.Namespace) -> int:
    has_differences = False
    for difference in _open_read_only(options).differences():
        has_differences = True
        print(difference)
    if not has_differences:
        print("all files are as the batch recorded them")
    else:
        print(f"to repair them: ocr-worker batch retry {shlex.quote(str(options.out))} --damaged", file=sys.stderr)
    return FAILED if has_differences else OK


def _diff(options: argparse.Namespace) -> int:
    old, new = (_open_read_only(argparse.Namespace(out=folder)) for folder in (options.old, options.new))
    has_changes = False
    for change in compare_batches(old, new):
        has_changes = True
        print(json.dumps(asdict(change)) if options.json else replace_unencodable(str(change)))
    if not has_changes and not options.json:
        print("no page changed")
    return FAILED if has_changes else OK


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
        if batch.ledger.get("target").startswith(f"{_RAY} "):
            from ocr_worker.batch.ray_cluster import end_actors

            end_actors(batch.ledger.idempotency_key, int(batch.ledger.get("ray_actors", "1")))
        return OK

    defaults = argparse.Namespace(ray=None, ray_actors=1, ray_cpus=1.0, ray_gpus=0.0, ray_idle=600.0)
    vars(defaults).update(endpoint=None, local=False, pages_per_job=10, price_per_second=None, max_cost=None)
    defaults.idle_timeout_s = defaults.deadline = None
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
_PLAN = (
    "count the pages, measure the rate on a sample, and print time and cost on 1, 4 and 16 workers",
    (
        "ocr-worker batch plan scans/ --local --sample 50",
        "ocr-worker batch plan scans/ --endpoint ID --price-per-second 0.00019 --max-cost 40",
    ),
)
_DIFF = (
    "print which pages of a new batch differ from those of an old one; exit code 1 if any do",
    ("ocr-worker batch diff results-march results-april", "ocr-worker batch diff old new --json"),
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
        "parse failed and cancelled documents again, or repair damaged ones",
        ("ocr-worker batch retry results", "ocr-worker batch retry results --code ENGINE_TIMED_OUT"),
    ),
}
