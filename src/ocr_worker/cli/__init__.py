"""The command line `ocr-worker`: the worker's pipeline for local files, and an operator's checks before deploying.

Each command is a module of this package with `add_arguments(parser)` and `run(options)`. It is imported only when a
user chooses it, so that `--help` is fast and a command needs only its own dependencies. `COMMANDS` holds what `--help`
says about each command; `arguments` has the types of arguments that several commands share.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from ocr_worker import __version__
from ocr_worker.errors import InvalidRequest, OcrWorkerError
from ocr_worker.exits import INTERRUPTED, leave

OK, FAILED, USAGE = 0, 1, 2

DESCRIPTION = "Turn PDFs and images into Markdown and JSON: on this machine, as a server, or through an endpoint."


class Command(NamedTuple):
    """Help of a command: a summary in one line, and two command lines that work."""

    summary: str
    examples: tuple[str, str]


EXAMPLES = ("ocr-worker parse report.pdf --output report.md", "ocr-worker doctor")

COMMANDS = {
    "parse": Command(
        "parse files or URLs; print Markdown or JSON",
        (
            "ocr-worker parse report.pdf --output report.md",
            "cat report.pdf | ocr-worker parse - --pages 1-3 --json > report.json",
        ),
    ),
    "batch": Command(
        "parse a folder of documents into a folder of results; can be interrupted and continued",
        ("ocr-worker batch run scans/ --out results --local", "ocr-worker batch status results"),
    ),
    "serve": Command(
        "serve the HTTP app: a page to try it, the API, PaddleX's routes, health and metrics",
        ("ocr-worker serve", "OCR_ENGINE=embedded ocr-worker serve --port 8080"),
    ),
    "mcp": Command(
        "serve tools for agents (MCP): parse documents, read their pages, search them",
        ("OCR_ENGINE=embedded ocr-worker mcp", "ocr-worker mcp --http --endpoint ENDPOINT_ID"),
    ),
    "endpoint": Command(
        "serve RunPod's job API on this machine, with real worker processes",
        ("ocr-worker endpoint", "OCR_ENGINE=embedded ocr-worker endpoint --workers 2 --port 8091"),
    ),
    "doctor": Command(
        "show what the worker would run here; exit code 1 if it could not start",
        ("ocr-worker doctor", "OCR_ENGINE=embedded ocr-worker doctor"),
    ),
    "weights": Command(
        "fetch, verify or locate the weights of the engine",
        ("ocr-worker weights verify", "ocr-worker weights fetch"),
    ),
    "schema": Command(
        "write the JSON Schemas of request and response into a folder",
        ("ocr-worker schema docs", "OCR_ENGINE=embedded ocr-worker schema schemas/embedded"),
    ),
}


def program() -> NoReturn:
    """Run the command of this process, and end the process with its exit code."""
    code = main()
    if code == INTERRUPTED or sys.argv[1:2] == ["parse"]:
        # A model may still run. If none does, the interpreter would take a tenth of a short command's time to free what
        # was loaded.
        leave(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Return its exit code: 0 success, 1 some or all failed, 2 usage, 130 interrupted.

    Without a command, print the help and return 0.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = make_parser(next(iter(arguments), "")).parse_args(arguments)
        from ocr_worker.settings import disable_telemetry  # takes 0.3 s, which `--help` does not need

        disable_telemetry()
        code: int = options.run(options)
    except InvalidRequest as error:
        print(f"ocr-worker: {error}", file=sys.stderr)
        return USAGE
    except OcrWorkerError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    return code


def make_parser(command: str) -> argparse.ArgumentParser:
    """Return a parser that knows all commands, with the arguments of `command` only."""
    parser = argparse.ArgumentParser(prog="ocr-worker", description=DESCRIPTION, **_examples_at_end(EXAMPLES))
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=help_printer(parser))
    subparsers = parser.add_subparsers(metavar="COMMAND")
    for name, (summary, examples) in COMMANDS.items():
        subparser = add_command(subparsers, name, summary, examples)
        if name == command:
            from ocr_worker.memory import garbage_kept  # takes time that `--help` does not need

            with garbage_kept():
                module = import_module(f"ocr_worker.cli.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def add_command(subparsers: Any, name: str, summary: str, examples: tuple[str, str]) -> argparse.ArgumentParser:
    """Add a command to argparse's `subparsers`, with a help text that ends with the examples. Return its parser."""
    description = f"{summary[:1].upper()}{summary[1:]}."
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=summary, description=description, **_examples_at_end(examples)
    )
    return parser


def help_printer(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Return the command of a parser that was called without a subcommand: print its help."""

    def print_help(options: argparse.Namespace) -> int:
        parser.print_help()
        return OK

    return print_help


def _examples_at_end(examples: tuple[str, str]) -> dict[str, Any]:
    lines = "\n".join(f"  {example}" for example in examples)
    return {"epilog": f"examples:\n{lines}", "formatter_class": argparse.RawDescriptionHelpFormatter}
