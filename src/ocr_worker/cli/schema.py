"""`ocr-worker schema`: write the JSON Schemas of request and response, with the options of the configured engine."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ocr_worker.cli import OK
from ocr_worker.engines.registry import options_models
from ocr_worker.errors import InvalidRequest
from ocr_worker.settings import load_settings
from ocr_worker.wire.json_schema import wire_schemas


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder for the files; created if it is missing")


def run(options: argparse.Namespace) -> int:
    """Write a file per schema into the folder and print its path. Return the exit code."""
    models = options_models(load_settings().engine)
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"{options.folder} cannot be created as a folder: {error.strerror}") from None
    for name, schema in wire_schemas(models).items():
        (options.folder / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(options.folder / name)
    return OK
