"""Types of command-line arguments that several commands share, and the check of `--options`.

argparse calls the types with an argument's text, and prints the message of their ArgumentTypeError after the name of
the flag. `read_options` checks request options before an engine starts; its messages name the flag, not a JSON path.
"""

from __future__ import annotations

import argparse
import json
from math import isfinite
from typing import Any

from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.registry import read_request
from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.schema import ParseOptions

_MAX_PORT = 65535
_PLACEHOLDER_DOCUMENT = {"base64": "file"}  # a request has a document; only its options are of interest here


def port_number(text: str) -> int:
    """Return a TCP port, 0 for any free one."""
    if not text.isdecimal() or int(text) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: choose a number from 0 to {_MAX_PORT}")
    return int(text)


def positive_int(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def positive_number(text: str) -> float:
    """Return a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if number <= 0 or not isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON: {error}; write it like '{{\"dpi\": 200}}'") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object, such as '{{\"dpi\": 200}}'")
    return value


def read_options(value: dict[str, Any], spec: EngineSpec[Any]) -> ParseOptions:
    """Return the options of a request, as the engine `spec` knows them.

    value: the JSON object of `--options`. Raises InvalidRequest, whose message lists every problem.
    """
    try:
        return read_request({"documents": [_PLACEHOLDER_DOCUMENT], "options": value}, spec).options
    except InvalidRequest as error:
        problems = [f"{'.'.join(map(str, path[1:]))} {message}".strip() for path, message in error.problems]
        if len(problems) == 1:
            raise InvalidRequest(f"--options: {problems[0]}") from None
        raise InvalidRequest("\n- ".join([f"--options has {len(problems)} problems:", *problems])) from None
