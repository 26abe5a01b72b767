"""PaddleOCR-VL's part of `ocr-worker doctor`: packages, model server, weights, device. Imports no Paddle."""

from __future__ import annotations

import shutil
import subprocess

from ocr_worker.engines.base import Diagnosis
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.engines.paddleocr_vl.model_server import place
from ocr_worker.errors import WeightsMissing
from ocr_worker.extras import installed_version, not_installed_message
from ocr_worker.settings import Settings


def examine(settings: Settings) -> Diagnosis:
    """See `EngineSpec.diagnose`."""
    remedies: list[str] = []
    lines = [f"PaddleOCR-VL {settings.vl_version}, backend {settings.backend}", _packages(remedies)]
    if settings.backend != "native":
        lines.append(_model_server(settings, remedies))
    lines += _weights(settings, remedies)
    lines.append(_device(settings.device, remedies))
    return Diagnosis(lines, remedies)


def _packages(remedies: list[str]) -> str:
    found = {name: installed_version(name) for name in ("paddleocr", "paddlex", "paddlepaddle-gpu", "paddlepaddle")}
    if not (found["paddleocr"] and found["paddlex"]):
        remedies.append(f"{not_installed_message('PaddleOCR', 'paddle')}; or set OCR_ENGINE=embedded")
    elif not (found["paddlepaddle-gpu"] or found["paddlepaddle"]):
        remedies.append(f"{not_installed_message('Paddle', 'paddle')}; or set OCR_ENGINE=embedded")
    return ", ".join(f"{name} {number}" for name, number in found.items() if number) or "no Paddle packages"


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
    if not installed_version("paddlepaddle-gpu"):
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
