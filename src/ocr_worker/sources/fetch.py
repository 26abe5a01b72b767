"""Sources of documents: how to get the bytes of an upload, of base64 text, of a data URI, or of an http(s) URL.

Downloads use the SDK's fetch with pinned addresses, against requests that reach the worker's own network. Each host,
also at each redirect, is resolved once, its address is checked, and exactly that address is dialed. Private, link-local
and reserved addresses are rejected. Errors that may pass are retried until a deadline. Messages contain only scheme,
host and path: the query and the credentials of a URL are secret.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from fnmatch import fnmatch
from urllib.parse import urlsplit

import requests
import stamina

from ocr_worker import runpod_sdk, threads
from ocr_worker.errors import Cancelled, SourceRejected, SourceTimedOut, SourceTooLarge, SourceUnavailable
from ocr_worker.http_headers import parse_retry_after
from ocr_worker.wire import source_text
from ocr_worker.wire.schema import DocumentRequest, UploadedDocument

_ATTEMPTS = 5
_SOCKET_TIMEOUT_S = 20
_CHUNK_BYTES = 64 * 1024
_POLL_S = 0.2
_TRANSIENT = {408, 425, 429}
stamina.instrumentation.set_on_retry_hooks(())  # the hooks would log arguments, and a URL contains secrets


class Fetcher:
    """A reader of sources; thread-safe.

    max_bytes: of one document. timeout_s: of one download, retries included. allowed_hosts: names or patterns such as
    `*.example.com`; when empty, every host is allowed.
    """

    def __init__(self, *, max_bytes: int, timeout_s: float, allowed_hosts: Sequence[str]) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._allowed_hosts = allowed_hosts

    def fetch(self, source: DocumentRequest, is_cancelled: Callable[[], bool] = lambda: False) -> bytes:
        """Return the document's bytes.

        Raises SourceError when the source is invalid, too large or unavailable, Cancelled when `is_cancelled` returns
        true during a download.
        """
        if isinstance(source, UploadedDocument):
            return self._read_upload(source)
        text = source_text.clean(source.base64 or source.url or "")
        if source_text.is_url(text) or (source.base64 is None and not source_text.is_data_uri(text)):
            return self._download(text, is_cancelled)
        return self._decode(text)

    # ----------------------------------------------------------------- inside the request

    def _read_upload(self, source: UploadedDocument) -> bytes:
        data: bytes = source.content.read(self._max_bytes + 1)
        if len(data) > self._max_bytes:
            raise self._too_large()
        return data

    def _decode(self, text: str) -> bytes:
        # Before the text is decoded. The tolerance is for white space; percent-encoding takes up to three characters.
        if "%" not in text and len(text) * 3 // 4 > self._max_bytes * 1.1:
            raise self._too_large()
        try:
            data = source_text.decode(text)
        except ValueError as error:
            raise SourceRejected(f"the source {error}") from None
        if len(data) > self._max_bytes:
            raise self._too_large()
        return data

    def _too_large(self) -> SourceTooLarge:
        return SourceTooLarge(
            f"the document is larger than the limit of {self._max_bytes:,} bytes; split or compress it"
        )

    # ----------------------------------------------------------------- http(s)

    def _download(self, url: str, is_cancelled: Callable[[], bool]) -> bytes:
        """Download the URL, with retries until the deadline. Retry only errors that may pass: 5xx, 429, connections."""
        if problem := source_text.find_url_problem(url):
            raise SourceRejected(f"the source {problem}")
        self._check_url(url)
        deadline = time.monotonic() + self._timeout_s

        failures: list[SourceUnavailable] = []

        def wait_before_retry(error: Exception) -> bool | float:
            now = time.monotonic()
            if not isinstance(error, SourceUnavailable) or now >= deadline or is_cancelled():
                return False
            delay_s = error.retry_after
            return True if delay_s is None else delay_s if now + delay_s < deadline else False

        def attempt() -> bytes:
            try:
                return self._attempt(url, deadline, is_cancelled)
            except SourceUnavailable as error:
                failures.append(error)
                raise
            except SourceTimedOut:
                # Failed attempts used up the time: their error says more than the timeout.
                if failures:
                    raise failures[-1] from None
                raise

        retrying = stamina.RetryingCaller(attempts=_ATTEMPTS, timeout=self._timeout_s, wait_initial=0.3, wait_max=5.0)
        return retrying(wait_before_retry, attempt)

    def _attempt(self, url: str, deadline: float, is_cancelled: Callable[[], bool]) -> bytes:
        """Download the URL once, on a thread that is abandoned at the deadline, so that a slow server blocks no job."""
        open_responses: list[requests.Response] = []
        abandoned = threading.Event()
        download = threads.start(lambda: self._get(url, open_responses, abandoned), "fetch")
        try:
            return _wait_for_result(download, deadline, is_cancelled)
        except FutureTimeout:
            raise SourceTimedOut(self._timeout_message(url)) from None
        finally:
            abandoned.set()  # before the loop below: a response that opens later is closed by the thread itself
            if not download.done():
                for response in open_responses:
                    _hang_up(response)

    def _get(self, url: str, open_responses: list[requests.Response], abandoned: threading.Event) -> bytes:
        public_url = redact_url(url)
        try:
            response = runpod_sdk.open_download(url, timeout_s=_SOCKET_TIMEOUT_S, max_bytes=self._max_bytes)
        except runpod_sdk.DownloadTooLarge:
            raise self._too_large() from None
        except runpod_sdk.DownloadRejected as rejection:
            self._check_host(rejection.host or urlsplit(url).hostname or "")  # as below: of a redirect's target
            raise _address_error(url, rejection) from None
        except requests.RequestException as error:
            raise SourceUnavailable(
                f"{public_url} cannot be reached ({type(error).__name__}); try again later"
            ) from None
        except ValueError:  # an impossible host or port, as in a redirect to port 99999
            raise SourceRejected(
                f"{public_url} is not a valid URL, or redirects to one that is not; check its host and port"
            ) from None
        open_responses.append(response)
        try:
            with response:
                if abandoned.is_set():
                    raise Cancelled("the download was abandoned")
                # First, so that no message reveals anything about a host that is not allowed.
                self._check_host(urlsplit(response.url).hostname or "")
                _check_status(response, public_url)
                return b"".join(runpod_sdk.read_download(response, chunk_bytes=_CHUNK_BYTES, max_bytes=self._max_bytes))
        except runpod_sdk.DownloadTooLarge:
            raise self._too_large() from None
        except (requests.RequestException, OSError) as error:
            raise SourceUnavailable(
                f"the download of {public_url} was interrupted ({type(error).__name__}); try again"
            ) from None

    def _check_url(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            hostname, _ = parts.hostname, parts.port
        except ValueError:
            raise SourceRejected("the URL is invalid; check its host and port") from None
        if parts.scheme.lower() not in ("http", "https"):
            raise SourceRejected(f"the URL's scheme is {parts.scheme or 'missing'}; use http or https")
        if not hostname:
            raise SourceRejected("the URL has no host; write it like https://example.com/a.pdf")
        self._check_host(hostname)

    def _check_host(self, host: str) -> None:
        if self._allowed_hosts and not any(fnmatch(host, pattern.lower()) for pattern in self._allowed_hosts):
            raise SourceRejected(
                f"{host} is not an allowed host; the worker's OCR_ALLOWED_HOSTS lists the allowed ones"
            )

    def _timeout_message(self, url: str) -> str:
        return (
            f"{redact_url(url)} was not downloaded within {self._timeout_s:g} s; try again, or send the file as base64"
        )


def redact_url(url: str) -> str:
    """Return the URL without its possibly secret parts: credentials, query and fragment."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _address_error(url: str, rejection: runpod_sdk.DownloadRejected) -> SourceUnavailable | SourceRejected:
    """Return the error for a URL that the SDK rejected. The SDK does not say whether the host failed to resolve."""
    host = urlsplit(url).hostname or ""
    if rejection.address:
        return SourceRejected(_private_address_message(url, host, rejection))
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return SourceUnavailable(f"the host name {host} does not resolve; check it, or try again later")
    return SourceRejected(
        f"{redact_url(url)} is refused: it redirects too often or to a URL that cannot be fetched,"
        " or this worker would need a proxy for it; send the file as base64"
    )


def _private_address_message(url: str, host: str, rejection: runpod_sdk.DownloadRejected) -> str:
    """Return why a private address is refused, and what to do instead."""
    address = rejection.address if rejection.address == rejection.host else f"{rejection.host} ({rejection.address})"
    reason = f"{address} is" if rejection.host == host else f"it redirects to {address}, which is"
    return (
        f"{redact_url(url)} is refused: {reason} not a public address, and private addresses are closed to downloads;"
        " send the file as base64, or save it and run: ocr-worker parse FILE"
    )


def _check_status(response: requests.Response, public_url: str) -> None:
    status = response.status_code
    if status < 300:
        return
    if status in _TRANSIENT or status >= 500:
        error = SourceUnavailable(f"{public_url} responded with {status}; try again later")
        error.retry_after = parse_retry_after(response.headers.get("Retry-After"), time.time())
        raise error
    raise SourceRejected(f"{public_url} responded with {status}; check that the URL is correct, public and not expired")


def _wait_for_result(download: Future[bytes], deadline: float, is_cancelled: Callable[[], bool]) -> bytes:
    """Wait for the download and return its bytes.

    Raises TimeoutError at the deadline (monotonic), Cancelled within 0.2 s after `is_cancelled` returns true.
    """
    while True:
        remaining = deadline - time.monotonic()
        try:
            return download.result(timeout=max(0.0, min(_POLL_S, remaining)))
        except FutureTimeout:
            if remaining <= 0 or download.done():
                raise
            if is_cancelled():
                raise Cancelled("the job was cancelled") from None


def _hang_up(response: requests.Response) -> None:
    """Shut the response's socket down. That wakes the thread that reads from it; closing the response does not."""
    with suppress(ValueError, RuntimeError, OSError):  # the download has ended by itself, or nothing is left to shut
        response.raw.shutdown()
