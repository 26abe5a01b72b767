"""The batch commands that look at a batch and change nothing in it: status, report, verify, diff."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict

from ocr_worker.batch.comparing import compare_batches
from ocr_worker.batch.report import summary_json
from ocr_worker.batch.review import ReviewSize, write_review
from ocr_worker.batch.status import replace_unencodable, status_lines
from ocr_worker.cli import FAILED, OK
from ocr_worker.cli.arguments import read_password
from ocr_worker.cli.batch_run import first_skipped_lines, recall_passwords
from ocr_worker.cli.batch_service import open_read_only
from ocr_worker.settings import load_settings


def show_status(options: argparse.Namespace) -> int:
    """Print the counts of the batch. Return the exit code."""
    batch = open_read_only(options)
    if options.json:
        print(json.dumps({"summary": summary_json(batch.summary()), "is_running": batch.folder.is_locked()}))
        return OK
    print("\n".join(status_lines(batch.summary())))
    print(f"{'run':<12}{'in progress' if batch.folder.is_locked() else 'not running'}")
    skipped_count = sum(batch.summary().skipped.values())
    for line in first_skipped_lines(batch.skipped(), skipped_count):
        print(line)
    return OK


def write_report(options: argparse.Namespace) -> int:
    """Write the report and, if it is asked for, a review, and print their paths. Return the exit code."""
    batch = open_read_only(options, read_password(options))
    paths = [*batch.write_report()]
    if options.review:
        recall_passwords(batch)
        paths.append(write_review(batch, options.review, load_settings()))
    for path in paths:
        print(replace_unencodable(str(path)))
    return OK


def review_size(text: str) -> ReviewSize:
    """Return the size of a review: a number of pages, such as `50`, or a share, such as `2%`."""
    number = text.removesuffix("%").strip()
    if text.endswith("%"):
        try:
            share = float(number) / 100
        except ValueError:
            share = 0.0
        if 0 < share <= 1:
            return ReviewSize(share=share)
    elif number.isdecimal() and int(number):
        return ReviewSize(count=int(number))
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number of pages, such as 50, nor a share, such as 2%")


def verify_files(options: argparse.Namespace) -> int:
    """Print which files differ from what the batch recorded. Return the exit code: 1 if any do."""
    has_differences = False
    for difference in open_read_only(options).differences():
        has_differences = True
        print(difference)
    if not has_differences:
        print("all files are as the batch recorded them")
    else:
        print(f"to repair them: ocr-worker batch retry {shlex.quote(str(options.out))} --damaged", file=sys.stderr)
    return FAILED if has_differences else OK


def show_differences(options: argparse.Namespace) -> int:
    """Print which pages of the new batch differ from those of the old one. Return the exit code: 1 if any do."""
    old, new = (open_read_only(argparse.Namespace(out=folder)) for folder in (options.old, options.new))
    has_changes = False
    for change in compare_batches(old, new):
        has_changes = True
        print(json.dumps(asdict(change)) if options.json else replace_unencodable(str(change)))
    if not has_changes and not options.json:
        print("no page changed")
    return FAILED if has_changes else OK
