"""Types of command-line arguments that several commands share, the check of `--options`, and passwords of documents.

argparse calls the types with an argument's text, and prints the message of their ArgumentTypeError after the name of
the flag. `read_options` checks request options before an engine starts; its messages name the flag, not a JSON path.
`add_password_arguments` and `read_password` are about a password that all documents share.
"""

from __future__ import annotations

import argparse
import getpass
import json
import warnings
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
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


def read_options(value: dict[str, Any], spec: EngineSpec[Any], name: str = "--options") -> ParseOptions:
    """Return the options of a request, as the engine `spec` knows them.

    value: the JSON object of `--options`. name: of the options, for messages.
    Raises InvalidRequest, whose message lists every problem.
    """
    try:
        return read_request({"documents": [_PLACEHOLDER_DOCUMENT], "options": value}, spec).options
    except InvalidRequest as error:
        problems = [f"{'.'.join(map(str, path[1:]))} {message}".strip() for path, message in error.problems]
        if len(problems) == 1:
            raise InvalidRequest(f"{name}: {problems[0]}") from None
        raise InvalidRequest("\n- ".join([f"{name} has {len(problems)} problems:", *problems])) from None


def check_options_of_any(value: dict[str, Any], specs: Sequence[EngineSpec[Any]], name: str = "--options") -> None:
    """Check options for a worker with an unknown engine: at least one of the engines `specs` must take them all.

    Raises InvalidRequest with the problems of the first engine.
    """
    errors = []
    for spec in specs:
        try:
            read_options(value, spec, name)
        except InvalidRequest as error:
            errors.append(error)
        else:
            return
    raise errors[0]


# --------------------------------------------------------------------------- passwords


def add_password_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags for the password of all documents, of which one may be used."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--password-file", type=Path, metavar="FILE", help="file with the password of encrypted PDFs")
    group.add_argument("--ask-password", action="store_true", help="ask for the password of encrypted PDFs")
    group.add_argument(
        "--password",
        metavar="TEXT",
        help="password of encrypted PDFs; WARNING: other users of this machine can read it in the output of `ps`",
    )


def read_password(options: argparse.Namespace) -> str | None:
    """Return the password of the flags, None without them. Raises InvalidRequest: there is none in the file."""
    if options.ask_password:
        return _ask_password()
    if options.password_file is None:
        return options.password  # type: ignore[no-any-return]
    try:
        lines = options.password_file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InvalidRequest(f"--password-file {options.password_file} is not text in UTF-8") from None
    except OSError as error:
        raise InvalidRequest(f"--password-file {options.password_file}: {error.strerror}") from None
    if len(lines) != 1 or not lines[0]:
        raise InvalidRequest(f"--password-file {options.password_file} should have one line: the password")
    return str(lines[0])


def _ask_password() -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would be shown while it is typed
            password = getpass.getpass("Password of the documents: ")
    except (getpass.GetPassWarning, EOFError, OSError):
        raise InvalidRequest("--ask-password needs a terminal: use --password-file") from None
    if not password:
        raise InvalidRequest("--ask-password: the password is empty")
    return password
