"""What would run here, told without running it: engine, versions, weights, device, settings, limits."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from pydantic import SecretStr

from ocr_worker import __version__, extras
from ocr_worker.cli import FAILED, OK
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.engines.paddleocr_vl.model_server import place
from ocr_worker.errors import WeightsMissing
from ocr_worker.settings import Settings, load_settings

_LIMITS = ("max_source_mb", "max_pages", "max_page_mpx", "page_memory_mb", "engine_timeout_s", "inline_limit_mb")
_SECRET = re.compile(r"key|token|secret|password")
_IN_URL = re.compile(r"(?<=://)[^/@\s]+@|\?\S+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: none."""


def run(options: argparse.Namespace) -> int:
    """Print the report. Return the exit code: 1 when the worker could not start."""
    report = examine(load_settings())
    print("\n".join(report.lines))
    return OK if report.ok else FAILED


@dataclass(frozen=True, slots=True)
class Report:
    """ok: the worker could start. lines: for people; what stands in the way begins with `not ready`."""

    lines: list[str]
    ok: bool


def examine(settings: Settings) -> Report:
    """What the worker would run with these settings, and whether it could start. Loads no engine, uses no network."""
    lines = [f"ocr-worker {__version__}, engine {settings.engine}"]
    remedies: list[str] = []
    if settings.engine == "paddleocr-vl":
        lines += [f"PaddleOCR-VL {settings.vl_version}, backend {settings.backend}", _packages(remedies)]
        if settings.backend != "native":
            lines.append(_model_server(settings, remedies))
        lines += _weights(settings, remedies)
        lines.append(_device(settings.device, remedies))
    if settings.engine == "embedded" and not _version("rapidocr"):
        remedies.append(_not_installed("RapidOCR", "embedded"))
    if settings.bucket_endpoint_url and not _version("boto3"):
        remedies.append(_not_installed("boto3, the S3 client,", "s3"))
    lines.append("limits: " + ", ".join(f"{name} {_shown(settings, name)}" for name in _LIMITS))
    lines += [f"  OCR_{name.upper()}={_shown(settings, name)}" for name in sorted(settings.model_fields_set)]
    lines += [f"not ready: {remedy}".replace("\n", "\n  ") for remedy in remedies] or ["ready"]
    return Report(lines, ok=not remedies)


def _packages(remedies: list[str]) -> str:
    found = {name: _version(name) for name in ("paddleocr", "paddlex", "paddlepaddle-gpu", "paddlepaddle")}
    if not (found["paddleocr"] and found["paddlex"]):
        remedies.append(f"{_not_installed('PaddleOCR', 'paddle')}; or set OCR_ENGINE=embedded")
    elif not (found["paddlepaddle-gpu"] or found["paddlepaddle"]):
        remedies.append(f"{_not_installed('Paddle', 'paddle')}; or set OCR_ENGINE=embedded")
    return ", ".join(f"{name} {number}" for name, number in found.items() if number) or "no Paddle packages"


def _not_installed(name: str, extra: str) -> str:
    return f"{name} is not installed; run in the repository: {extras.install_command(extra)}"


def _model_server(settings: Settings, remedies: list[str]) -> str:
    if settings.server == "external":
        return f"model server: {place(settings.server_url or '')}, asked at start only"
    command = shutil.which(settings.vllm)
    if command is None:
        remedies.append(f"there is no command {settings.vllm!r} for OCR_SERVER=managed; set OCR_VLLM to vLLM's `vllm`")
    return f"model server: started by the worker, {command or 'missing'}"


def _weights(settings: Settings, remedies: list[str]) -> list[str]:
    try:
        found = weights.locate(settings)
    except WeightsMissing as error:
        if not settings.download_weights:
            remedies.append(str(error))
            return ["weights: missing"]
        return [f"weights: would be fetched at start, from {settings.weights_source} first"]
    return [f"weights: {part} {directory}" for part, directory in found.items()]


def _device(device: str, remedies: list[str]) -> str:
    if device == "cpu":
        return "device: cpu"
    if not _version("paddlepaddle-gpu"):
        remedies.append(f"OCR_DEVICE={device} needs paddlepaddle-gpu; install it, or set OCR_DEVICE=cpu")
    cards = _graphics_cards()
    if int(device.partition(":")[2] or 0) >= len(cards):
        remedies.append(f"OCR_DEVICE={device}, but nvidia-smi lists {len(cards)} GPUs; give one, or set OCR_DEVICE=cpu")
    return f"device: {device} ({'; '.join(cards) or 'no GPU'})"


def _graphics_cards() -> list[str]:
    """Names and memory of the GPUs that the driver shows."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = [command, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.strip().splitlines()


def _shown(settings: Settings, name: str) -> str:
    """A setting's value, without what must not be shown."""
    value = getattr(settings, name)
    if isinstance(value, SecretStr) or (value and _SECRET.search(name)):
        return "***"
    return _IN_URL.sub("***", str(value))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
