"""The client that sends the crops of one pipeline to model servers, in place of PaddleX's.

PaddleX sends crops through the openai package, to one address for the pipeline's life, and waits half an hour for a
server that does not respond. For each request, that package takes twelve times as much processor time as aiohttp does
(5.3 and 0.4 ms). All pipelines of a process share one interpreter lock, so this limited how many pages a worker could
send. So `ServerClient` replaces the method that sends a crop. The rest of PaddleX's client, which builds the requests
and collects the answers, stays.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import stamina
from paddlex.inference.models.common.genai import run_async

from ocr_worker.engines.paddleocr_vl.repetition import TruncatedText
from ocr_worker.engines.paddleocr_vl.server_errors import ServerRejection, ServerUnreachable
from ocr_worker.tls import create_tls_context

stamina.instrumentation.set_on_retry_hooks(())  # the hooks would log addresses

_IN_FLIGHT = 200  # crops of one pipeline, as in PaddleX's client
_ATTEMPTS = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 8.0
_RETRYABLE_STATUSES = (408, 409, 429)  # and all from 500 on


class ServerClient:
    """The client of one pipeline. `cancel` may be called on any thread, the rest on the engine's.

    client: PaddleX's `GenAIClient` (attributes of paddlex 3.7.2, checked by tests with the real pipeline). api_key: of
    the servers. Requests run on PaddleX's event loop, which has a thread of its own.
    """

    def __init__(self, client: Any, api_key: str | None = None) -> None:
        self._model: str = client._model_name
        self._api_key = api_key
        self._url = ""
        self._session: aiohttp.ClientSession | None = None  # used on the event loop only
        self._tls_context: ssl.SSLContext | None = None
        self._lock = threading.Lock()  # of the two below
        self._requests: list[Future[Any]] = []
        self._is_cancelled = False  # the current call, whose next crops may still come
        client.create_chat_completion = self._create_completion

    def use(self, url: str) -> None:
        """Send the requests of the next call to the server at `url`. The last call must have ended."""
        with self._lock:
            self._requests, self._is_cancelled = [], False
        self._url = url

    def cancel(self) -> None:
        """Cancel all requests of the current call, later ones included: the call ends with CancelledError."""
        with self._lock:
            self._is_cancelled = True
            requests = list(self._requests)
        for request in requests:
            request.cancel()

    def close(self) -> None:
        """Close the connections. No call may be open."""
        if self._session:
            run_async(self._session.close(), timeout=5)

    def _create_completion(
        self,
        messages: Any,
        *,
        return_future: bool = True,
        timeout: float = 600,
        extra_body: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Future[Any]:
        """Send a crop as `GenAIClient.create_chat_completion` does; return the future of an object like its answer.

        PaddleX always asks for a future. timeout: in seconds without a byte from the server.
        """
        body = {"model": self._model, "messages": messages, **fields, **(extra_body or {})}
        request: Future[Any] = run_async(self._read(self._url, json.dumps(body).encode(), timeout), return_future=True)
        with self._lock:
            self._requests.append(request)
            is_cancelled = self._is_cancelled
        if is_cancelled:
            request.cancel()
        return request

    async def _read(self, url: str, body: bytes, timeout_s: float) -> Any:
        """Return the server's answer to a crop, after further attempts if they can help.

        Raises ServerRejection: the server responds with an error. Raises ServerUnreachable: there is no response.
        """
        attempts = stamina.retry_context(
            on=_can_succeed_later,
            attempts=_ATTEMPTS,
            timeout=None,
            wait_initial=_FIRST_WAIT_S,
            wait_max=_LONGEST_WAIT_S,
        )
        async for attempt in attempts:
            with attempt:
                choice = (await self._post(f"{url}/chat/completions", body, timeout_s))["choices"][0]
        text = choice["message"]["content"]
        if choice.get("finish_reason") == "length":
            text = TruncatedText(text or "")
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=text))])

    async def _post(self, url: str, body: bytes, timeout_s: float) -> Any:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s)
        try:
            async with self._open_session().post(
                url, data=body, headers=self._headers(url), timeout=timeout, ssl=self._tls(url)
            ) as response:
                if response.status >= 400:
                    raise ServerRejection(response.status)
                return await response.json(content_type=None)
        except aiohttp.ServerTimeoutError:
            raise  # the worker's own deadline decides
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise ServerUnreachable(type(error).__name__) from error

    def _open_session(self) -> aiohttp.ClientSession:
        if not self._session:
            resolver = aiohttp.ThreadedResolver()  # the system's names, as for the check of the server at the start
            connector = aiohttp.TCPConnector(limit=_IN_FLIGHT, resolver=resolver)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session

    def _tls(self, url: str) -> ssl.SSLContext | bool:
        """Return the certificate authorities for a URL: those that downloads trust. They are loaded once."""
        if not url.startswith("https:"):
            return True
        self._tls_context = self._tls_context or create_tls_context()
        return self._tls_context

    def _headers(self, url: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._api_key and not urlsplit(url).username:  # a user in the URL is sent instead
            headers["Authorization"] = f"Bearer {self._api_key}"
        return headers


def _can_succeed_later(error: Exception) -> bool:
    if isinstance(error, ServerRejection):
        return error.status in _RETRYABLE_STATUSES or error.status >= 500
    return isinstance(error, ServerUnreachable | asyncio.TimeoutError)
