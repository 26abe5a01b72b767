"""`ocr-worker weights`: fetch, verify or locate the weights of the engine that `OCR_ENGINE` names.

An engine declares in its spec what its weights are, how to get them, and which flags choose among them.
"""

from __future__ import annotations

import argparse
from typing import get_args

from ocr_worker import log
from ocr_worker.cli import OK
from ocr_worker.engines.base import Weights
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import Settings, load_settings, variable_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments, and the flags of the engine that `OCR_ENGINE` names."""
    parser.add_argument(
        "action",
        choices=["fetch", "verify", "path"],
        help="fetch: download what is missing; verify: check that the files are complete; path: print the folders",
    )
    weights = engine_spec(load_settings().engine).weights
    for flag, setting in weights.flags.items() if weights else ():
        choices = get_args(Settings.model_fields[setting].annotation)
        parser.add_argument(f"--{flag}", dest=setting, choices=choices, help=f"default: {variable_name(setting)}")


def run(options: argparse.Namespace) -> int:
    """Fetch or locate the weights and print their directories. Return the exit code.

    Raises SettingsInvalid when the engine has no weights.
    """
    settings = load_settings()
    weights = _find_weights(settings)
    flag_values = {name: value for name, value in vars(options).items() if name in weights.flags.values() and value}
    settings = settings.model_copy(update=flag_values)
    log.configure("INFO")
    directories = weights.fetch(settings) if options.action == "fetch" else weights.locate(settings)
    for part, directory in directories.items():
        print(directory if options.action == "path" else f"{part}: complete, in {directory}")
    return OK


def _find_weights(settings: Settings) -> Weights:
    spec = engine_spec(settings.engine)
    if spec.weights is None:
        raise SettingsInvalid(f"OCR_ENGINE={settings.engine}: the engine {spec.name} has no weights to fetch or verify")
    return spec.weights
