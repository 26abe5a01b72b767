"""Sources of documents: how to get the bytes of an upload, of base64 text, of a data URI, or of an http(s) URL.

A download is a series of attempts (`download`), each on a thread of its own. Errors that may pass are retried until a
deadline. Each host, also at each redirect, is resolved once, its address is checked (`addresses`), and exactly that
address is dialed, so that a request cannot reach the worker's own network. Messages contain only scheme, host and path:
the query and the credentials of a URL are secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from fnmatch import fnmatch
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import stamina

from ocr_worker import awake, threads
from ocr_worker.errors import Cancelled, SourceRejected, SourceTimedOut, SourceTooLarge, SourceUnavailable
from ocr_worker.settings import are_private_downloads_allowed
from ocr_worker.sources.addresses import EVERYWHERE, AddressRule
from ocr_worker.wire import source_text
from ocr_worker.wire.schema import DocumentRequest, UploadedDocument

if TYPE_CHECKING:
    import ssl

    import httpx

_ATTEMPTS = 5
_POLL_S = 0.2
stamina.instrumentation.set_on_retry_hooks(())  # the hooks would log arguments, and a URL contains secrets


class Fetcher:
    """A reader of sources; thread-safe.

    max_bytes: of one document. timeout_s: of one download, retries included. allowed_hosts: names or patterns such as
    `*.example.com`; when empty, every host is allowed. private_hosts: see `OCR_PRIVATE_HOSTS`. addresses: the addresses
    that a download may connect to, in place of those of `private_hosts` and of the SDK's switch.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        timeout_s: float,
        allowed_hosts: Sequence[str],
        private_hosts: Sequence[str] = (),
        addresses: AddressRule | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._allowed_hosts = allowed_hosts
        if addresses is None:
            is_open = are_private_downloads_allowed()
            addresses = AddressRule(EVERYWHERE) if is_open else AddressRule.of_hosts(private_hosts)
        self._addresses = addresses

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
        from ocr_worker.sources.download import parse_url  # takes a tenth of a second, which other sources save

        parsed_url, public_url = parse_url(url), redact_url(url.strip())
        self._check_host(parsed_url)
        deadline = awake.now() + self._timeout_s

        failures: list[SourceUnavailable] = []

        def wait_before_retry(error: Exception) -> bool | float:
            now = awake.now()
            if not isinstance(error, SourceUnavailable) or now >= deadline or is_cancelled():
                return False
            delay_s = error.retry_after
            return True if delay_s is None else delay_s if now + delay_s < deadline else False

        def attempt() -> bytes:
            try:
                return self._attempt(parsed_url, public_url, deadline, is_cancelled)
            except SourceUnavailable as error:
                failures.append(error)
                raise
            except SourceTimedOut:
                # Failed attempts used up the time: their error says more than the timeout.
                if failures:
                    raise failures[-1] from None
                raise

        retrying = stamina.RetryingCaller(attempts=_ATTEMPTS, timeout=None, wait_initial=0.3, wait_max=5.0)
        return retrying(wait_before_retry, attempt)

    def _attempt(self, url: httpx.URL, public_url: str, deadline: float, is_cancelled: Callable[[], bool]) -> bytes:
        """Download the URL once, on a thread that is abandoned at the deadline, so that a slow server blocks no job."""
        from ocr_worker.sources.download import BodyTooLarge, Download

        download = Download(
            url,
            public_url=public_url,
            max_bytes=self._max_bytes,
            addresses=self._addresses,
            tls=self._tls,
            check_host=self._check_host,
        )
        body = threads.start(download.read, "fetch")
        try:
            return _wait_for_result(body, deadline, is_cancelled)
        except BodyTooLarge:
            raise self._too_large() from None
        except FutureTimeout:
            raise SourceTimedOut(self._timeout_message(public_url)) from None
        finally:
            download.abandon()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        from ocr_worker.sources.download import trusted_context

        return trusted_context()

    def _check_host(self, url: httpx.URL) -> None:
        from ocr_worker.sources.download import host_names

        names = host_names(url)
        patterns = [pattern.lower() for pattern in self._allowed_hosts]
        if patterns and not any(fnmatch(name, pattern) for name in names for pattern in patterns):
            raise SourceRejected(
                f"{url.raw_host.decode('ascii')} is not an allowed host; the worker's OCR_ALLOWED_HOSTS lists the"
                " allowed ones"
            )

    def _timeout_message(self, public_url: str) -> str:
        return f"{public_url} was not downloaded within {self._timeout_s:g} s; try again, or send the file as base64"


def redact_url(url: str) -> str:
    """Return the URL without its possibly secret parts: credentials, query and fragment."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _wait_for_result(download: Future[bytes], deadline: float, is_cancelled: Callable[[], bool]) -> bytes:
    """Wait for the download and return its bytes.

    Raises TimeoutError at the deadline (of `awake`), Cancelled within 0.2 s after `is_cancelled` returns true.
    """
    while True:
        remaining = deadline - awake.now()
        try:
            return download.result(timeout=max(0.0, min(_POLL_S, remaining)))
        except FutureTimeout:
            if remaining <= 0 or download.done():
                raise
            if is_cancelled():
                raise Cancelled("the job was cancelled") from None
