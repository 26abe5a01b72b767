"""A model server that reads the crops: proven to be there, to serve our model and to answer, before a job is taken.

The library sends nothing when it is built, so that a wrong address or name would show on the first page only.
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

from ocr_worker.engines.paddleocr_vl.options import DEFAULT_MAX_PIXELS, DEFAULT_MIN_PIXELS
from ocr_worker.errors import EngineError, EngineTimedOut, EngineUnavailable, OcrWorkerError
from ocr_worker.pictures import jpeg
from ocr_worker.settings import Settings

log = logging.getLogger(__name__)

_MODEL_NAMES = {"v1": "PaddleOCR-VL-0.9B", "v1.5": "PaddleOCR-VL-1.5-0.9B", "v1.6": "PaddleOCR-VL-1.6-0.9B"}
_LOOK_EVERY_S = 1.0
_SAY_EVERY_S = 10.0
_LOOK_TIMEOUT_S = 5.0
_REFUSED = (400, 422)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered. takes_pixel_limits: it accepts `mm_processor_kwargs`; else its own limits hold."""

    url: str
    model: str
    takes_pixel_limits: bool


class ModelServer(Protocol):
    """What an engine knows of its model server: started elsewhere (`ExternalServer`) or by this worker (`managed`)."""

    url: str

    def join(self) -> None:
        """One more engine uses the server."""

    def leave(self) -> None:
        """One engine less."""

    def wait(self) -> tuple[Server, int]:
        """The server as soon as it can be used, and which start of it this is. Raises the reason if it never will."""
        ...

    def abandon(self, start: int) -> OcrWorkerError | None:
        """This start of the server is dead or frozen; why no other one follows, if so."""
        ...

    def lost(self) -> OcrWorkerError | None:
        """Why there will be no server any more, if so."""
        ...

    def close(self) -> None:
        """Ends a server of ours."""


class ExternalServer:
    """A server that somebody else starts and ends; proven by construction, which raises what `connect` raises."""

    def __init__(self, settings: Settings) -> None:
        assert settings.server_url is not None  # the settings see to it
        self._server = connect(settings, settings.server_url.rstrip("/"))
        self.url = self._server.url

    def join(self) -> None:
        """Nobody counts."""

    def leave(self) -> None:
        """Nobody counts."""

    def wait(self) -> tuple[Server, int]:
        """The server, at once."""
        return self._server, 1

    def abandon(self, start: int) -> OcrWorkerError | None:
        """Nobody here can start it again."""
        return EngineUnavailable(f"the model server at {place(self.url)} is gone; the worker is replaced")

    def lost(self) -> OcrWorkerError | None:
        """Not known before a call fails."""
        return None

    def close(self) -> None:
        """Not ours to end."""


def connect(settings: Settings, url: str, ended: Callable[[], str | None] = lambda: None) -> Server:
    """The server at `url`, once it has read a crop. ended: why it will never come up, where that can be known.

    Raises EngineUnavailable (not there in time, another model, no answer that makes sense) and EngineTimedOut (frozen).
    """
    model = model_name(settings)
    session = _session(settings)
    served = _wait(session, url, settings, ended)
    if model not in served:
        raise EngineUnavailable(
            f"the model server at {place(url)} does not serve {model!r}, but: {', '.join(served) or 'nothing'}\n"
            "set OCR_SERVER_MODEL to the name it serves, or start it with --served-model-name"
        )
    timeout_s = settings.engine_timeout_s
    limits = settings.backend == "vllm-server" and _reads(session, url, model, timeout_s, limits=True)
    if not limits and not _reads(session, url, model, timeout_s, limits=False):
        raise EngineUnavailable(f"the model server at {place(url)} refuses a plain crop; see its log for the reason")
    log.info("model server at %s: model %s, pixel limits %s", place(url), model, "ours" if limits else "its own")
    return Server(url, model, limits)


def still_reads(settings: Settings, server: Server) -> bool:
    """Whether the server reads a crop now, at once: to tell a bad crop from a bad server."""
    try:
        timeout_s = min(_LOOK_TIMEOUT_S, settings.engine_timeout_s)
        return _reads(_session(settings), server.url, server.model, timeout_s, limits=server.takes_pixel_limits)
    except EngineError:
        return False


def model_name(settings: Settings) -> str:
    """The name under which the model is asked for."""
    return settings.server_model or _MODEL_NAMES[settings.vl_version]


def place(url: str) -> str:
    """Host and port of a URL: all of it that may be shown."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"


def _session(settings: Settings) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    if settings.server_api_key:
        session.headers["Authorization"] = f"Bearer {settings.server_api_key.get_secret_value()}"
    return session


def _wait(session: requests.Session, url: str, settings: Settings, ended: Callable[[], str | None]) -> list[str]:
    """The names of the models that the server has, as soon as it says them."""
    began = said = time.monotonic()
    while True:
        if reason := ended():
            raise EngineUnavailable(reason)
        left = began + settings.server_wait_s - time.monotonic()
        try:
            response = session.get(f"{url}/models", timeout=max(0.1, min(_LOOK_TIMEOUT_S, left)))
            response.raise_for_status()
            return [str(model["id"]) for model in response.json()["data"]]
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            why = _reason(error)
        now = time.monotonic()
        if now + _LOOK_EVERY_S > began + settings.server_wait_s:
            raise EngineUnavailable(
                f"no model server at {place(url)} within {settings.server_wait_s:g} s ({why})\n"
                "check OCR_SERVER_URL (it ends in /v1) and OCR_SERVER_API_KEY, or raise OCR_SERVER_WAIT_S"
            )
        if now - said > _SAY_EVERY_S:
            said = now
            log.info("waiting for the model server at %s: %.0f s (%s)", place(url), now - began, why)
        time.sleep(_LOOK_EVERY_S)


def _reads(session: requests.Session, url: str, model: str, timeout_s: float, *, limits: bool) -> bool:
    """Whether the server reads a crop, asked as the pipeline asks; False when it refuses the question."""
    try:
        response = session.post(f"{url}/chat/completions", json=_question(model, limits), timeout=timeout_s)
        if response.status_code in _REFUSED:
            return False
        response.raise_for_status()
        if isinstance(response.json()["choices"][0]["message"]["content"], str):
            return True
        why = "no text"
    except requests.Timeout:
        raise EngineTimedOut(
            f"the model server at {place(url)} lists its models but read no crop within {timeout_s:g} s"
            "\nrestart it, or raise OCR_ENGINE_TIMEOUT_S"
        ) from None
    except (requests.RequestException, ValueError, KeyError, TypeError, IndexError) as error:
        why = _reason(error)
    raise EngineUnavailable(f"the model server at {place(url)} does not answer a crop with text ({why}); see its log")


def _question(model: str, limits: bool) -> dict[str, Any]:
    image = "data:image/jpeg;base64," + jpeg(Image.new("RGB", (336, 336), "white"))
    content = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": "OCR:"}]
    question: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": content}], "temperature": 0}
    question["max_tokens"] = 8
    if limits:
        question["mm_processor_kwargs"] = {"min_pixels": DEFAULT_MIN_PIXELS, "max_pixels": DEFAULT_MAX_PIXELS}
    return question


def _reason(error: Exception) -> str:
    """The error without its text, which may hold the URL."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    return type(error).__name__
