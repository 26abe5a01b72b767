"""The command line `ocr-worker`: the worker's pipeline for local files, and an operator's checks before deploying.

Each command is a module of this package with `add_arguments(parser)` and `run(options)`. It is imported only when a
user chooses it, so that `--help` is fast and a command needs only its own dependencies.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from ocr_worker.errors import InvalidRequest, OcrWorkerError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = "`ocr-worker`: the same pipeline on files from disk, and what an operator asks before deploying."

COMMANDS = {
    "parse": "parse files or URLs; Markdown on stdout",
    "endpoint": "RunPod's job API on this machine, in front of real workers",
    "batch": "a folder of documents through an endpoint, resumable",
    "serve": "the HTTP app: parse, health, PaddleX's routes, a page to try it",
    "weights": "fetch, verify or find the engine's weights",
    "doctor": "what would run here; exit code 1 when the worker could not start",
    "schema": "write the JSON Schema of request and answer",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Return its exit code: 0 success, 1 some or all failed, 2 usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = _make_parser(next(iter(arguments), "")).parse_args(arguments)
        code: int = options.run(options)
    except InvalidRequest as error:
        print(f"ocr-worker: {error}", file=sys.stderr)
        return USAGE
    except OcrWorkerError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _make_parser(command: str) -> argparse.ArgumentParser:
    """Return a parser that knows all commands, with the arguments of `command` only."""
    parser = argparse.ArgumentParser(prog="ocr-worker", description=DESCRIPTION)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, description in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=description)
        if name == command:
            module = import_module(f"ocr_worker.cli.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser
