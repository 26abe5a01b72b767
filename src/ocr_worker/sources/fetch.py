"""From a source to its bytes: base64, data URIs, and http(s) by the SDK's pinned-address fetch.

Addresses are resolved once, checked, and dialled as they were checked, at every redirect again; private, link-local and
reserved ones are refused. Messages name scheme, host and path: the query and credentials of a URL are secret.
"""

from __future__ import annotations

import base64
import binascii
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from fnmatch import fnmatch
from urllib.parse import unquote_to_bytes, urlsplit

import requests
import stamina

from ocr_worker import runpod_sdk, threads
from ocr_worker.errors import Cancelled, SourceRejected, SourceTimedOut, SourceTooLarge, SourceUnavailable
from ocr_worker.http_headers import parse_retry_after
from ocr_worker.wire.schema import DocumentRequest, UploadedDocument

_ATTEMPTS = 5
_SOCKET_TIMEOUT_S = 20
_CHUNK_BYTES = 64 * 1024
_POLL_S = 0.2
_TRANSIENT = {408, 425, 429}
stamina.instrumentation.set_on_retry_hooks(())  # they would log arguments, and a URL holds secrets

_SPACE = re.compile(r"\s+")
_BLANKS = b" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class Fetcher:
    """Thread-safe. max_bytes: of one document. timeout_s: of one download, retries included. allowed_hosts: names or
    patterns such as `*.example.com`; none: every host."""

    def __init__(self, *, max_bytes: int, timeout_s: float, allowed_hosts: Sequence[str]) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._allowed_hosts = allowed_hosts

    def fetch(self, source: DocumentRequest, cancelled: Callable[[], bool] = lambda: False) -> bytes:
        """The document's bytes. Raises SourceError, Cancelled."""
        if isinstance(source, UploadedDocument):
            return self._uploaded(source)
        if source.base64 is not None:
            return self._decode(source.base64)
        url = source.url or ""
        return self._data_uri(url) if url[:5].lower() == "data:" else self._download(url, cancelled)

    # ----------------------------------------------------------------- inside the request

    def _uploaded(self, source: UploadedDocument) -> bytes:
        data: bytes = source.content.read(self._max_bytes + 1)
        if len(data) > self._max_bytes:
            raise self._too_large()
        return data

    def _decode(self, text: str) -> bytes:
        if len(text) * 3 // 4 > self._max_bytes * 1.1:  # white space and line ends are not counted before they are seen
            raise self._too_large()
        if not text.isascii():
            text = _SPACE.sub("", text)
        try:  # on bytes, five times as fast as on text, and whoever holds the interpreter holds up everybody
            packed = text.encode("ascii").translate(_URL_SAFE, _BLANKS).rstrip(b"=")
            data = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise SourceRejected("the text is neither an http(s) URL, a data: URI nor base64 of a file") from None
        if len(data) > self._max_bytes:
            raise self._too_large()
        return data

    def _data_uri(self, uri: str) -> bytes:
        head, comma, body = uri.partition(",")
        if not comma:
            raise SourceRejected('a data: URI holds a comma, as in "data:application/pdf;base64,JVBERi0..."')
        if head.lower().endswith(";base64"):
            return self._decode(body)
        data = unquote_to_bytes(body)
        if len(data) > self._max_bytes:
            raise self._too_large()
        return data

    def _too_large(self) -> SourceTooLarge:
        return SourceTooLarge(f"the document has more than {self._max_bytes:,} bytes, the limit: split or compress it")

    # ----------------------------------------------------------------- http(s)

    def _download(self, url: str, cancelled: Callable[[], bool]) -> bytes:
        """Tries until the deadline; only what may pass (5xx, 429, connections) is tried again."""
        self._check_url(url)
        deadline = time.monotonic() + self._timeout_s

        failures: list[SourceUnavailable] = []

        def wait_before_retry(error: Exception) -> bool | float:
            now = time.monotonic()
            if not isinstance(error, SourceUnavailable) or now >= deadline or cancelled():
                return False
            after = error.retry_after
            return True if after is None else after if now + after < deadline else False

        def attempt() -> bytes:
            try:
                return self._attempt(url, deadline, cancelled)
            except SourceUnavailable as error:
                failures.append(error)
                raise
            except SourceTimedOut:
                # The time went into tries that failed: their reason says more than the clock.
                if failures:
                    raise failures[-1] from None
                raise

        retrying = stamina.RetryingCaller(attempts=_ATTEMPTS, timeout=self._timeout_s, wait_initial=0.3, wait_max=5.0)
        return retrying(wait_before_retry, attempt)

    def _attempt(self, url: str, deadline: float, cancelled: Callable[[], bool]) -> bytes:
        """One try on a thread of its own, left behind at the deadline: a server that drips holds no job."""
        open_responses: list[requests.Response] = []
        given_up = threading.Event()
        download = threads.start(lambda: self._get(url, open_responses, given_up), "fetch")
        try:
            return _result_by(download, deadline, cancelled)
        except NotYet:
            raise SourceTimedOut(self._late(url)) from None
        finally:
            given_up.set()  # before the look at the open responses: a later one is closed by the thread that opens it
            if not download.done():
                for response in open_responses:
                    _hang_up(response)

    def _get(self, url: str, open_responses: list[requests.Response], given_up: threading.Event) -> bytes:
        where = shown(url)
        try:
            response = runpod_sdk.open_download(url, timeout_s=_SOCKET_TIMEOUT_S, max_bytes=self._max_bytes)
        except runpod_sdk.DownloadTooLarge:
            raise self._too_large() from None
        except runpod_sdk.DownloadRejected:
            raise _refusal(url) from None
        except requests.RequestException as error:
            raise SourceUnavailable(f"{where} does not answer ({type(error).__name__}); try again later") from None
        except ValueError:  # a host or port that cannot be, as in a redirect to port 99999
            raise SourceRejected(f"{where}, or what it redirects to, is no URL that can be fetched: check it") from None
        open_responses.append(response)
        try:
            with response:
                if given_up.is_set():
                    raise Cancelled("nobody waits for the download any more")
                self._check_host(response.url)  # first, so that nothing is told of a host that is not allowed
                _check_status(response, where)
                return b"".join(runpod_sdk.read_download(response, chunk_bytes=_CHUNK_BYTES, max_bytes=self._max_bytes))
        except runpod_sdk.DownloadTooLarge:
            raise self._too_large() from None
        except (requests.RequestException, OSError) as error:
            raise SourceUnavailable(f"{where} broke off ({type(error).__name__}); try again") from None

    def _check_url(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            hostname, _ = parts.hostname, parts.port
        except ValueError:
            raise SourceRejected("the URL cannot be read: check its host and port") from None
        if parts.scheme.lower() not in ("http", "https"):
            raise SourceRejected(f"{parts.scheme or 'no scheme'}: only http and https URLs are fetched")
        if not hostname:
            raise SourceRejected("the URL names no host")
        self._check_host(url)

    def _check_host(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        if self._allowed_hosts and not any(fnmatch(host, pattern.lower()) for pattern in self._allowed_hosts):
            raise SourceRejected(f"{host} is not among the hosts this worker may fetch from (OCR_ALLOWED_HOSTS)")

    def _late(self, url: str) -> str:
        return f"{shown(url)} was not read within {self._timeout_s:g} s; try again, or send the file as base64"


def shown(url: str) -> str:
    """A URL without what may be secret: no credentials, no query, no fragment."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _refusal(url: str) -> SourceUnavailable | SourceRejected:
    """Return the error for a URL that the SDK refused: it does not say whether the host failed to resolve."""
    host = urlsplit(url).hostname or ""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return SourceUnavailable(f"{host} does not resolve: check the name, or try again later")
    return SourceRejected(
        f"{shown(url)} is refused: it, or what it redirects to, is no public address, or redirects too often"
    )


def _check_status(response: requests.Response, where: str) -> None:
    status = response.status_code
    if status < 300:
        return
    if status in _TRANSIENT or status >= 500:
        error = SourceUnavailable(f"{where} answered {status}; try again later")
        error.retry_after = parse_retry_after(response.headers.get("Retry-After"), time.time())
        raise error
    raise SourceRejected(f"{where} answered {status}: check that the URL is right, public and not expired")


def _result_by(download: Future[bytes], deadline: float, cancelled: Callable[[], bool]) -> bytes:
    """The result. Raises TimeoutError at the deadline (monotonic), Cancelled soon after `cancelled` says so."""
    while True:
        remaining = deadline - time.monotonic()
        try:
            return download.result(timeout=max(0.0, min(_POLL_S, remaining)))
        except NotYet:
            if remaining <= 0 or download.done():
                raise
            if cancelled():
                raise Cancelled("the job was cancelled") from None


def _hang_up(response: requests.Response) -> None:
    """Wakes a thread that reads from the response; closing alone does not."""
    with suppress(ValueError, RuntimeError, OSError):  # it has ended by itself, or there is nothing left to shut
        response.raw.shutdown()
