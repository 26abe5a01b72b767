"""The environment of this process and of the processes it starts: how they are recognized and set up."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from ocr_worker.settings.settings import Settings

# What keeps libraries from reporting on this machine to their makers.
_NO_TELEMETRY = {
    # onnxruntime, from 1.32 on: a device id and a store of events in the user's cache, which are sent to Microsoft.
    "ORT_DISABLE_TELEMETRY": "1",
    # huggingface_hub, while it downloads weights: details in the user agent, and a request for a list of AI agents.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # vLLM: statistics of its use, also kept in ~/.config/vllm.
    "VLLM_NO_USAGE_STATS": "1",
    # The convention for all others; huggingface_hub and vLLM follow it, too.
    "DO_NOT_TRACK": "1",
}

# Where a managed vLLM keeps what it compiled, on the volume. vLLM gives its own Triton kernels no place, unless it
# compiles the model in the same start (`initialize_inductor_cache` of vLLM 0.33).
_VLLM_CACHES = {"VLLM_CACHE_ROOT": "ocr-worker/vllm", "TRITON_CACHE_DIR": "ocr-worker/vllm/triton"}


def is_on_platform() -> bool:
    """Return whether jobs come from an endpoint. Otherwise `handler.py` makes a dry run.

    The rule is that of the SDK (`runpod.serverless.worker`); a contract test compares the two.
    """
    has_test_input = any(argument.startswith("--test_input") for argument in sys.argv)
    return "RUNPOD_WEBHOOK_GET_JOB" in os.environ and not has_test_input


def is_dry_run() -> bool:
    """Return whether `handler.py` runs one job from `--test_input` or `test_input.json` and exits.

    Otherwise it serves an endpoint, or the SDK's own API server for tests (`--rp_serve_api`, RUNPOD_REALTIME_PORT).
    """
    is_api_server = "--rp_serve_api" in sys.argv or os.environ.get("RUNPOD_REALTIME_PORT", "0") != "0"
    return not is_on_platform() and not is_api_server


def keep_logs_from_callers() -> None:
    """Switch off the SDK's log capture, unless the operator chose a mode of it. Call before a job runs.

    From 2.0 on, RunPod's SDK can attach the end of the worker's log to the error that a caller gets. Its default,
    `auto`, does so if prestart hooks are registered. 1.12.0 ignores the variable.
    """
    os.environ.setdefault("RUNPOD_LOG_CAPTURE", "off")


def are_private_downloads_allowed() -> bool:
    """Return whether documents may be downloaded from private addresses.

    The variable and its values are those of RunPod's SDK, whose own downloads read it.
    """
    return os.environ.get("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "").strip().lower() in ("1", "true", "yes")


def ca_bundle() -> Path | None:
    """Return the file or folder of trusted certificate authorities that is set for requests or curl, if one is."""
    path = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return Path(path) if path else None


def processor_count() -> int:
    """Return the number of processors that an engine may use: those of this process, at most OMP_NUM_THREADS.

    Ray sets the variable to the processors that it reserved for an actor.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    processors = len(os.sched_getaffinity(0))
    return min(processors, int(limit)) if limit.isdecimal() and int(limit) else processors


def disable_telemetry() -> None:
    """Switch off the telemetry of libraries, here and in child processes, unless the operator set their variables.

    Call before a library is imported: onnxruntime reads its variable once.
    """
    for name, value in _NO_TELEMETRY.items():
        os.environ.setdefault(name, value)


def configure_paddle(settings: Settings) -> None:
    """Set the environment variables that PaddleX reads when it is imported, and for which it has no argument."""
    disable_telemetry()
    # By default, the first model that is not on the disk makes PaddleX call all four of its hubs, also the unused ones.
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
    os.environ["PADDLE_PDX_CACHE_HOME"] = str(settings.weights_home.expanduser())
    os.environ["PADDLE_PDX_MODEL_SOURCE"] = settings.weights_source
    # By default, PaddleX silently uses the CPU if the configured GPU does not exist.
    os.environ["PADDLE_PDX_DISABLE_DEVICE_FALLBACK"] = "True"


def engine_process_environment() -> dict[str, str]:
    """Return the environment of an engine process: this process's, with all places from which it imports modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(entry or ".").absolute()) for entry in sys.path)}


def dump_settings(settings: Settings) -> str:
    """Return the settings as JSON with their secrets, for an engine process. Never log it."""
    return json.dumps(settings.model_dump(), default=_plain)


def restore_settings(text: str) -> Settings:
    """Return the settings that `dump_settings` wrote. The environment is not read."""
    settings = Settings.__new__(Settings)
    BaseModel.__init__(settings, **json.loads(text))
    return settings


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def model_server_environment(volume: Path) -> dict[str, str]:
    """Return the environment of a managed model server: this process's, without the variables of the worker.

    Further variables keep the server from using the network, and what vLLM compiles on the volume, if there is one: the
    next worker then compiles nothing. Variables of this process's environment come first.
    """
    prefixes = ("OCR_", "RUNPOD_", "BUCKET_", "PADDLE_", "PYTHON", "VIRTUAL_ENV")  # of the worker's own variables
    variables = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    places = _VLLM_CACHES if os.access(volume, os.W_OK) else {}
    return (
        _NO_TELEMETRY
        | {name: str(volume / place) for name, place in places.items()}
        | variables
        | {
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
        }
    )


def worker_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a local endpoint's worker: this process's with `variables`.

    variables: those that the platform would set. The SDK's own checks require free memory, the internet and CUDA; they
    are off unless this process's environment turns them on.
    """
    checks = {"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true", "RUNPOD_SKIP_GPU_CHECK": "true"}
    defaults = checks | {"RUNPOD_LOG_LEVEL": "INFO", "PYTHONUNBUFFERED": "1"}
    return {**defaults, **os.environ, **variables}
