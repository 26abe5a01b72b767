"""PaddleOCR-VL's part of `ocr-worker doctor`: packages, model server, weights, device.

Each check returns a line for the report, and appends a remedy for an obstacle to the start. Imports no Paddle and uses
no network, so that it works where the engine does not.
"""

from __future__ import annotations

import shutil

from ocr_worker.engines.base import Diagnosis
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.engines.paddleocr_vl.gpu_memory import query_gpus
from ocr_worker.engines.paddleocr_vl.managed_server import missing_command_message
from ocr_worker.engines.paddleocr_vl.model_server import host_and_port
from ocr_worker.errors import WeightsMissing
from ocr_worker.extras import installed_version, not_installed_message
from ocr_worker.settings import Settings


def examine(settings: Settings) -> Diagnosis:
    """Return the findings about the start of PaddleOCR-VL. See `EngineSpec.diagnose`."""
    remedies: list[str] = []
    lines = [f"PaddleOCR-VL {settings.vl_version}, backend {settings.backend}", _packages(settings, remedies)]
    if settings.backend != "native":
        lines.append(_model_server(settings, remedies))
    lines += _weights(settings, remedies)
    lines.append(_device(settings, remedies))
    return Diagnosis(lines, remedies)


def _packages(settings: Settings, remedies: list[str]) -> str:
    uses_torch = settings.native == "transformers"
    framework = ("torch", "transformers") if uses_torch else ("paddlepaddle-gpu", "paddlepaddle")
    versions = {name: installed_version(name) for name in ("paddleocr", "paddlex", *framework)}
    if not (versions["paddleocr"] and versions["paddlex"]):
        remedies.append(f"{not_installed_message('PaddleOCR', 'paddle')}; or set OCR_ENGINE=embedded")
    elif uses_torch:
        missing = [name for name in framework if not versions[name]]
        remedies += [f"{not_installed_message(name, 'torch')}; or set OCR_NATIVE=paddle" for name in missing]
    elif not (versions["paddlepaddle-gpu"] or versions["paddlepaddle"]):
        remedies.append(f"{not_installed_message('Paddle', 'paddle')}; or set OCR_ENGINE=embedded")
    return ", ".join(f"{name} {number}" for name, number in versions.items() if number) or "no Paddle packages"


def _model_server(settings: Settings, remedies: list[str]) -> str:
    if not settings.has_managed_server:
        addresses = [host_and_port(url) for url in settings.server_url]
        return f"model server{'s' * (len(addresses) > 1)}: {', '.join(addresses)}, asked at start only"
    command = shutil.which(settings.vllm)
    if command is None:
        remedies.append(missing_command_message(settings.vllm))
    count = f"{settings.servers} model servers" if settings.servers > 1 else "model server"
    return f"{count}: started by the worker, {command or 'missing'}"


def _weights(settings: Settings, remedies: list[str]) -> list[str]:
    try:
        directories = weights.locate(settings)
    except WeightsMissing as error:
        if not settings.download_weights:
            remedies.append(str(error))
            return ["weights: missing"]
        return [f"weights: would be fetched at start, from {settings.weights_source} first"]
    return [f"weights: {part} {directory}" for part, directory in directories.items()]


def _device(settings: Settings, remedies: list[str]) -> str:
    device = settings.device
    if device == "cpu":
        return "device: cpu"
    if settings.native == "paddle" and not installed_version("paddlepaddle-gpu"):
        remedies.append(f"OCR_DEVICE={device} needs paddlepaddle-gpu; install it, or set OCR_DEVICE=cpu")
    gpus = query_gpus("name,memory.total")
    if int(device.partition(":")[2] or 0) >= len(gpus):
        remedies.append(f"OCR_DEVICE={device}, but nvidia-smi lists {len(gpus)} GPUs; give one, or set OCR_DEVICE=cpu")
    return f"device: {device} ({'; '.join(gpus) or 'no GPU'})"
