"""A dry run, that is, `python handler.py` without an endpoint: its job and its output.

`check_job` reads the job as the SDK will read it, before an engine starts. Afterwards a person sees the Markdown of
each document and a line that summarizes the response on stdout, and every failure once, on stderr. `answer.json` holds
the whole response.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from ocr_worker.errors import Cancelled, InvalidRequest
from ocr_worker.exits import INTERRUPTED, Interrupts, leave
from ocr_worker.settings import Settings
from ocr_worker.wire.response import JsonObject
from ocr_worker.wire.results import stop_message
from ocr_worker.wire.schema import Coverage

RESPONSE_FILE = Path("answer.json")
TEST_INPUT_FILE = Path("test_input.json")
_EXAMPLE = '{"input": {"url": "https://example.com/report.pdf"}}'

Handler = Callable[[dict[str, Any]], Awaitable[JsonObject]]


def check_job(arguments: Sequence[str]) -> None:
    """Check the job of a dry run: the JSON of `--test_input`, or the file `test_input.json` of the current folder.

    arguments: command line without the program's name. Raises InvalidRequest when there is no job, or when it is not a
    JSON object with an `input`. The input itself is checked with the job.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--test_input")
    text = parser.parse_known_args(arguments)[0].test_input
    source = "--test_input"
    if text is None:
        source = TEST_INPUT_FILE.name
        text = _read_test_input_file()
    try:
        job = json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"{source} is not valid JSON ({error}); write it like {_EXAMPLE}") from None
    if not isinstance(job, dict) or job.get("input") is None:
        raise InvalidRequest(f'{source} has no "input"; write it like {_EXAMPLE}')


def keep_engine_here(settings: Settings) -> Settings:
    """Return the settings with a single engine in this process, unless they say otherwise: there is only this job."""
    if settings.engine_processes is None and settings.replica_count == 1:
        return settings.model_copy(update={"engine_processes": False})
    return settings


def _read_test_input_file() -> str:
    try:
        return TEST_INPUT_FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidRequest(
            f"there is no {TEST_INPUT_FILE} in {Path.cwd()}; create it, or give a job with --test_input '{_EXAMPLE}'"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{TEST_INPUT_FILE} cannot be read: {error}") from None


def print_responses(handler: Handler, interrupt: Callable[[], None]) -> Handler:
    """Return a handler that also prints each response of `handler` and writes it to `answer.json`.

    interrupt: called on Ctrl-C; lets the job return what is parsed. The process then ends with exit code 130. If the
    job failed, it ends with exit code 1: the SDK would do so, after printing the error again.
    """

    async def printing_handler(job: dict[str, Any]) -> JsonObject:
        with Interrupts(interrupt) as interrupts:  # in place of the SDK's, which would end the process with 0
            response = await handler(job)
            _print_response(response)
            if interrupts.count:
                print(_stop_message(response), file=sys.stderr)
                leave(INTERRUPTED)
        if "error" in response:
            raise SystemExit(1)
        return response

    return printing_handler


def _print_response(response: JsonObject) -> None:
    RESPONSE_FILE.write_text(json.dumps(response, ensure_ascii=False, indent=2), encoding="utf-8")
    print(summarize(response), flush=True)
    for line in failures(response):
        print(line, file=sys.stderr)


def _stop_message(response: JsonObject) -> str:
    documents = response.get("documents", [])
    unopened_count = sum(not document["pages"] for document in documents)
    if "coverage" not in response:
        return "stopped before the first page"
    return stop_message(Coverage.model_validate(response["coverage"]), unopened_count)


def summarize(response: JsonObject) -> str:
    """Return the response as text for a terminal: each document's Markdown, a line of summary, and the file's path."""
    parts = [document["markdown"] for document in response.get("documents", []) if document.get("markdown")]
    if "coverage" in response and "engine" in response:
        parts.append(_summary_line(response))
    return "\n\n".join([*parts, f"Complete response: {RESPONSE_FILE.resolve()}"])


def failures(response: JsonObject) -> list[str]:
    """Return a line for each failed page and document. A job's own error repeats the first of them, if it has any."""
    lines = [line for document in response.get("documents", []) for line in _document_failures(document)]
    if not lines and "error" in response:
        lines = [response["error"]]
    return lines


def _document_failures(document: dict[str, Any]) -> list[str]:
    """Return a line for each failed page; for the document itself only if it has no pages."""
    name = document["id"]
    if "error" in document and not document["pages"]:
        return [] if document["error"]["code"] == Cancelled.code else [f"{name}: {_error_text(document['error'])}"]
    failed_pages = [page for page in document["pages"] if "error" in page and page["error"]["code"] != Cancelled.code]
    return [f"{name}: page {page['page']}: {_error_text(page['error'])}" for page in failed_pages]


def _error_text(error: dict[str, Any]) -> str:
    return f"{error['code']}: {error['message']}"


def _summary_line(response: JsonObject) -> str:
    coverage, engine = response["coverage"], response["engine"]
    parsed, expected = coverage["pages_parsed"], coverage["pages_expected"]
    pages = f"{parsed} page{'s' * (parsed != 1)}" if parsed == expected else f"{parsed} of {expected} pages"
    engine_name = f"{engine['name']} {engine['version']} ({engine['backend']})"
    return f"--- {response['status']}: {pages} parsed in {response['timing']['total']:.1f} s by {engine_name}"
