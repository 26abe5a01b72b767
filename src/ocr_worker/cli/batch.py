"""`ocr-worker batch`: run a batch of documents in a folder, look at it, retry what failed, or cancel it.

`run` and `retry` parse documents by a service: an endpoint, or the pipeline in this process. `status`, `report` and
`verify` only read the batch's folder. `cancel` also reaches a run in another process. This module has the commands'
arguments and examples. The commands are in `batch_run`, `batch_look` and `batch_plan`, the arguments and checks of the
service in `batch_service`, and the batch itself in `ocr_worker.batch`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from ocr_worker.cli import add_command, help_printer
from ocr_worker.cli.arguments import add_password_arguments, json_object
from ocr_worker.cli.batch_look import review_size, show_differences, show_status, verify_files, write_report
from ocr_worker.cli.batch_plan import add_plan_arguments
from ocr_worker.cli.batch_run import cancel_batch, plan_batch, retry_batch, run_batch
from ocr_worker.cli.batch_service import add_service_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the batch commands and their arguments: run, plan, diff, status, report, verify, cancel, retry."""
    parser.set_defaults(batch_command=help_printer(parser))
    subparsers = parser.add_subparsers(metavar="COMMAND")
    _add_run_arguments(add_command(subparsers, "run", *_RUN))
    _add_plan_arguments(add_command(subparsers, "plan", *_PLAN))
    _add_diff_arguments(add_command(subparsers, "diff", *_DIFF))
    for name, (command, summary, examples, add_more) in _OTHER_COMMANDS.items():
        subparser = add_command(subparsers, name, summary, examples)
        subparser.add_argument("out", type=Path, metavar="DIR", help="folder of the batch")
        add_more(subparser)
        subparser.set_defaults(batch_command=command)


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="file, folder, glob, URL, s3://BUCKET/PREFIX/, manifest, or - for a list on standard input; none: continue"
        " the batch",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder of the batch; an existing one is continued; or s3://BUCKET/PREFIX for Parquet, with --ledger",
    )
    parser.add_argument(
        "--ledger", metavar="DIR", help="with results in a bucket: folder of the batch, with its ledger and reports"
    )
    parser.add_argument("--refresh", action="store_true", help="parse files again that changed since the last run")
    parser.add_argument(
        "--options",
        type=json_object,
        default={},
        metavar="JSON",
        help='request options of every document, such as \'{"formats": ["markdown"]}\'',
    )
    parser.add_argument(
        "--format",
        choices=("folders", "parquet"),
        help="results as a folder for each document, or as Parquet files with a row per page; default: folders, or as"
        " the batch has them",
    )
    add_service_arguments(parser)
    parser.set_defaults(batch_command=run_batch)


def _add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="as for `run`")
    add_plan_arguments(parser)
    add_service_arguments(parser)
    parser.set_defaults(batch_command=plan_batch, out=None, options={})


def _add_diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD", help="folder of the earlier batch")
    parser.add_argument("new", type=Path, metavar="NEW", help="folder of the later batch")
    parser.add_argument("--json", action="store_true", help="print a line of JSON per document that changed")
    parser.set_defaults(batch_command=show_differences)


def _add_no_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the folder of the batch is enough."""


def _add_status_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _add_report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--review",
        type=review_size,
        metavar="N",
        help="also write review.html: the N pages most worth a look, picture and text side by side, or a share"
        " such as 2%%; needs results with the option `verify`",
    )
    add_password_arguments(parser)


def _add_retry_arguments(parser: argparse.ArgumentParser) -> None:
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--code", help="retry only documents with this error, such as ENGINE_TIMED_OUT")
    choice.add_argument(
        "--damaged",
        action="store_true",
        help="instead, repair the documents whose files are not as the batch recorded them (see verify)",
    )
    add_service_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Run the chosen batch command. Return the exit code."""
    code: int = options.batch_command(options)
    return code


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
_Command = Callable[[argparse.Namespace], int]
_AddArguments = Callable[[argparse.ArgumentParser], None]
_OTHER_COMMANDS: dict[str, tuple[_Command, str, tuple[str, str], _AddArguments]] = {
    "status": (
        show_status,
        "show how many documents and pages are done, failed and waiting",
        ("ocr-worker batch status results", "ocr-worker batch status results | grep pages"),
        _add_status_arguments,
    ),
    "report": (
        write_report,
        "write report.json and report.html into the batch's folder, and a review of the pages most worth a look",
        ("ocr-worker batch report results", "ocr-worker batch report results && cat results/report.json"),
        _add_report_arguments,
    ),
    "verify": (
        verify_files,
        "compare the files in the folder with what the batch recorded; exit code 1 if they differ",
        ("ocr-worker batch verify results", "ocr-worker batch verify results && echo complete"),
        _add_no_arguments,
    ),
    "cancel": (
        cancel_batch,
        "cancel all jobs and documents that are not finished, also those of a run in another process",
        ("ocr-worker batch cancel results", "ocr-worker batch cancel results && ocr-worker batch status results"),
        _add_no_arguments,
    ),
    "retry": (
        retry_batch,
        "parse failed and cancelled documents again, or repair damaged ones",
        ("ocr-worker batch retry results", "ocr-worker batch retry results --code ENGINE_TIMED_OUT"),
        _add_retry_arguments,
    ),
}
