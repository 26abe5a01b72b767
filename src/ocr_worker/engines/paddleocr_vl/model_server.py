"""The model server that reads the crops, and the check that it works before the worker accepts a job.

Paddle's client sends nothing when it is built, so a wrong address or name would only show on the first page. So
`connect` waits for the server, checks that it serves our model, and lets it read a crop. `ModelServer` is what an
engine uses; `servers` implements it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from PIL import Image

from ocr_worker import awake
from ocr_worker.engines.paddleocr_vl.options import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS
from ocr_worker.errors import EngineError, EngineTimedOut, EngineUnavailable, OcrWorkerError
from ocr_worker.pictures import jpeg
from ocr_worker.settings import Settings

log = logging.getLogger(__name__)

_MODEL_NAMES = {"v1": "PaddleOCR-VL-0.9B", "v1.5": "PaddleOCR-VL-1.5-0.9B", "v1.6": "PaddleOCR-VL-1.6-0.9B"}
_POLL_INTERVAL_S = 1.0
_LOG_INTERVAL_S = 10.0
_REQUEST_TIMEOUT_S = 5.0
_MIN_VLLM = (0, 19)
_REJECTION_STATUSES = (400, 422)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model on a server that works.

    url: base URL of the server's API. can_limit_pixels: the server accepts `mm_processor_kwargs`; otherwise its
    own limits apply.
    """

    url: str
    model: str
    can_limit_pixels: bool


class ModelServer(Protocol):
    """A model server as an engine uses it: its share of the worker's servers (`servers.ServerShare`).

    A start is a number that names a server and one of its starts.
    """

    url: str

    def join(self) -> None:
        """Count one more engine that uses the servers."""

    def leave(self) -> None:
        """Count one engine less."""

    def wait(self) -> tuple[ServedModel, int]:
        """Wait until a server can be used; return its model and its start. Called before each call of the engine.

        Raises EngineUnavailable or EngineTimedOut if it will never be usable.
        """
        ...

    def abandon(self, start: int) -> OcrWorkerError | None:
        """Report that the server of this start is dead or hangs. Return why none will be usable again, or None."""
        ...

    def lost(self) -> OcrWorkerError | None:
        """Return why no server will ever be usable again, or None."""
        ...

    def close(self) -> None:
        """Stop managed servers."""


def connect(settings: Settings, url: str, find_end_reason: Callable[[], str | None] = lambda: None) -> ServedModel:
    """Wait for the server at `url` until it reads a crop; return its model.

    find_end_reason: returns why the server has ended, or None while it may still start. Raises EngineUnavailable: the
    server does not start in time, serves another model, or sends no text. Raises EngineTimedOut: the server hangs.
    """
    model = model_name(settings)
    session = _session(settings)
    models = _wait_for_models(session, url, settings, find_end_reason)
    if model not in models:
        raise EngineUnavailable(
            f"the model server at {host_and_port(url)} does not serve {model!r}"
            f" (its models: {', '.join(models) or 'none'})\n"
            "set OCR_SERVER_MODEL to one of its models, or start the server with --served-model-name"
        )
    timeout_s = settings.engine_timeout_s
    can_limit_pixels = settings.backend == "vllm-server" and _can_read(
        session, url, model, timeout_s, can_limit_pixels=True
    )
    if not can_limit_pixels and not _can_read(session, url, model, timeout_s, can_limit_pixels=False):
        raise EngineUnavailable(
            f"the model server at {host_and_port(url)} rejects a test image; see the server's log for the reason"
        )
    log.info(
        "model server at %s: model %s, pixel limits %s",
        host_and_port(url),
        model,
        "ours" if can_limit_pixels else "its own",
    )
    return ServedModel(url, model, can_limit_pixels)


def check_version(settings: Settings, url: str) -> None:
    """Check that an external vLLM is not too old; log a warning if it does not report its version.

    Call after `connect`, which waits for the server. Raises EngineUnavailable: the version has a
    published vulnerability.
    """
    if settings.backend != "vllm-server":
        return
    address = host_and_port(url)
    try:
        response = _session(settings).get(f"{url.removesuffix('/v1')}/version", timeout=_REQUEST_TIMEOUT_S)
        response.raise_for_status()
        version = str(response.json()["version"])
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        log.warning("the model server at %s does not report its version (%s)", address, _error_text(error))
        return
    if numbers < _MIN_VLLM:
        raise EngineUnavailable(
            f"the model server at {address} is vLLM {version}, which one request can stop (GHSA-3mwp-wvh9-7528)\n"
            f"install vLLM {'.'.join(map(str, _MIN_VLLM))} or newer on the server"
        )
    log.info("model server at %s: vLLM %s", address, version)


def can_still_read(settings: Settings, served_model: ServedModel) -> bool:
    """Return True if the server reads a plain crop right now. Distinguishes a bad crop from a broken server."""
    try:
        timeout_s = min(_REQUEST_TIMEOUT_S, settings.engine_timeout_s)
        return _can_read(
            _session(settings),
            served_model.url,
            served_model.model,
            timeout_s,
            can_limit_pixels=served_model.can_limit_pixels,
        )
    except EngineError:
        return False


def model_name(settings: Settings) -> str:
    """Return the name of the model in requests to the server."""
    return settings.server_model or _MODEL_NAMES[settings.vl_version]


def host_and_port(url: str) -> str:
    """Return host and port of a URL, the only parts that messages may show."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"


def _session(settings: Settings) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    if settings.server_api_key:
        session.headers["Authorization"] = f"Bearer {settings.server_api_key.get_secret_value()}"
    return session


def _wait_for_models(
    session: requests.Session, url: str, settings: Settings, find_end_reason: Callable[[], str | None]
) -> list[str]:
    """Wait until the server lists its models; return their names. Raises EngineUnavailable."""
    started_at = logged_at = awake.now()
    while True:
        if end_reason := find_end_reason():
            raise EngineUnavailable(end_reason)
        remaining_s = started_at + settings.server_wait_s - awake.now()
        try:
            response = session.get(f"{url}/models", timeout=max(0.1, min(_REQUEST_TIMEOUT_S, remaining_s)))
            response.raise_for_status()
            return [str(model["id"]) for model in response.json()["data"]]
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            reason = _error_text(error)
        now = awake.now()
        if now + _POLL_INTERVAL_S > started_at + settings.server_wait_s:
            raise EngineUnavailable(
                f"no model server responded at {host_and_port(url)} within {settings.server_wait_s:g} s ({reason})\n"
                "check OCR_SERVER_URL, which must end in /v1, and OCR_SERVER_API_KEY, or raise OCR_SERVER_WAIT_S"
            )
        if now - logged_at > _LOG_INTERVAL_S:
            logged_at = now
            log.info("waiting for the model server at %s: %.0f s (%s)", host_and_port(url), now - started_at, reason)
        time.sleep(_POLL_INTERVAL_S)


def _can_read(session: requests.Session, url: str, model: str, timeout_s: float, *, can_limit_pixels: bool) -> bool:
    """Return True if the server reads a crop in a request like the pipeline's, False if it rejects the request.

    Raises EngineTimedOut: no response in time. Raises EngineUnavailable: any other failure.
    """
    try:
        response = session.post(
            f"{url}/chat/completions", json=_crop_request(model, can_limit_pixels), timeout=timeout_s
        )
        if response.status_code in _REJECTION_STATUSES:
            return False
        response.raise_for_status()
        if isinstance(response.json()["choices"][0]["message"]["content"], str):
            return True
        reason = "no text"
    except requests.Timeout:
        raise EngineTimedOut(
            f"the model server at {host_and_port(url)} did not read a test image within {timeout_s:g} s"
            "\nrestart the server, or raise OCR_ENGINE_TIMEOUT_S"
        ) from None
    except (requests.RequestException, ValueError, KeyError, TypeError, IndexError) as error:
        reason = _error_text(error)
    raise EngineUnavailable(
        f"the model server at {host_and_port(url)} returns no text for a test image ({reason}); see the server's log"
    )


def _crop_request(model: str, can_limit_pixels: bool) -> dict[str, Any]:
    image = "data:image/jpeg;base64," + jpeg(Image.new("RGB", (336, 336), "white"))
    content = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": "OCR:"}]
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": content}], "temperature": 0}
    body["max_tokens"] = 8
    if can_limit_pixels:
        body["mm_processor_kwargs"] = {"min_pixels": DEFAULT_MIN_PIXELS, "max_pixels": DEFAULT_MAX_PIXELS}
    return body


def _error_text(error: Exception) -> str:
    """Return the kind of the error, without its message, which may contain the URL."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    return type(error).__name__
