"""`ocr-worker weights`: fetch, verify or find the weights of PaddleOCR-VL."""

from __future__ import annotations

import argparse

from ocr_worker import log
from ocr_worker.cli import OK
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("action", choices=["fetch", "verify", "path"])
    parser.add_argument("--version", choices=["v1", "v1.5", "v1.6"], help="instead of OCR_VL_VERSION")
    parser.add_argument(
        "--source", choices=["huggingface", "modelscope", "aistudio", "bos"], help="the hub to ask first"
    )


def run(options: argparse.Namespace) -> int:
    """Fetch or locate the weights and print their directories. Return the exit code."""
    chosen = {"vl_version": options.version, "weights_source": options.source}
    settings = load_settings().model_copy(update={name: value for name, value in chosen.items() if value})
    log.configure("INFO")
    directories = weights.fetch(settings) if options.action == "fetch" else weights.locate(settings)
    for part, directory in directories.items():
        print(directory if options.action == "path" else f"{part}: whole, in {directory}")
    return OK
