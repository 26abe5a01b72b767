"""One attempt to download a URL that comes from a caller: follow its redirects, and read its body within a limit.

`Download.read` follows redirects as a browser follows those of an address that was typed in: `Location` is read as
bytes, cookies are kept for this download, and https may lead to http. Each hop passes the same checks in the same
order. The host must be allowed by name, before anything else about it is looked at. No proxy may be set for it, since
nobody knows which address a proxy dials. Then `_Connections`, the only place that opens a socket, resolves the host
once, has the addresses judged by the `AddressRule`, and dials one of exactly these. TLS is verified against the name in
the URL, not against the address.

httpcore speaks HTTP. httpx brings the models (URLs, cookies, basic authentication) and the roots of trust; its client
is not used, because it would resolve, redirect and decompress on its own terms. Messages contain only scheme, host and
path of the first URL, and the hosts of redirects. Nothing is logged.
"""

from __future__ import annotations

import io
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote_from_bytes
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from ocr_worker import __version__
from ocr_worker.errors import Cancelled, SourceError, SourceRejected, SourceUnavailable
from ocr_worker.http_headers import parse_retry_after
from ocr_worker.sources import inflate
from ocr_worker.sources.addresses import AddressClosed, AddressRule, HostNameInvalid
from ocr_worker.tls import create_tls_context
from ocr_worker.wire.source_text import find_url_problem

MAX_REDIRECTS = 20  # as in Chrome and Firefox

_SOCKET_TIMEOUT_S = 20
_TIMEOUTS = dict.fromkeys(("connect", "read", "write", "pool"), _SOCKET_TIMEOUT_S)
_HEADERS = {
    "User-Agent": f"ocr-worker/{__version__}",
    "Accept": "*/*",
    "Accept-Encoding": inflate.ACCEPTED,
    "Connection": "close",  # a connection serves one request
}
_HEADER_ENCODING = "latin-1"  # each byte is a character, so that cookies are returned as they came
_REDIRECTS = {301, 302, 303, 307, 308}
_TRANSIENT = {408, 425, 429}
_MAX_PORT = 65535
_DROPPED_CHARACTERS = re.compile(r"[\t\r\n]")  # browsers drop them anywhere in a URL
_SEND_AS_BASE64 = "send the file as base64"

logging.getLogger("httpcore").setLevel(logging.WARNING)  # at DEBUG it logs headers, signed URLs included


class BodyTooLarge(Exception):
    """A body with more bytes than the limit, by its announced size or by those that came."""


def parse_url(text: str) -> httpx.URL:
    """Return the URL that a caller wrote.

    Raises SourceRejected when it is invalid, has no host, or has another scheme than http and https.
    """
    if problem := find_url_problem(text):
        raise SourceRejected(f"the source {problem}")
    try:
        url = httpx.URL(_DROPPED_CHARACTERS.sub("", text.strip()))
    except (httpx.InvalidURL, ValueError):
        raise SourceRejected("the URL is invalid; check its host and port") from None
    # The connection follows httpx, which must not read another scheme or host than the check above.
    if url.scheme not in ("http", "https") or not url.raw_host or not _is_port(url.port):
        raise SourceRejected("the URL is invalid; check its host and port")
    return url


def host_names(url: httpx.URL) -> set[str]:
    """Return the host of a URL in its ASCII form and, if it is an international name, in that form, too."""
    names = {_host(url)}
    with suppress(UnicodeError):  # an `xn--` name outside IDNA 2008, such as one with an emoji
        names.add(url.host)
    return names


def trusted_context() -> ssl.SSLContext:
    """Return the context of `create_tls_context`. Raises SourceUnavailable: the authorities cannot be read."""
    try:
        return create_tls_context()
    except OSError as error:
        raise SourceUnavailable(
            f"the worker's certificate authorities cannot be read ({error.strerror or error}); check"
            " REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR of its environment"
        ) from None


class Download:
    """An attempt to download a URL. One thread calls `read`, any other may call `abandon`.

    public_url: the URL without its secret parts, for messages. check_host: raises for a host that is not allowed.
    """

    def __init__(
        self,
        url: httpx.URL,
        *,
        public_url: str,
        max_bytes: int,
        addresses: AddressRule,
        tls: ssl.SSLContext,
        check_host: Callable[[httpx.URL], None],
    ) -> None:
        self._first_url = self._url = url
        self._public_url = public_url
        self._max_bytes = max_bytes
        self._tls = tls
        self._check_host = check_host
        self._connections = _Connections(addresses)
        self._cookies = httpx.Cookies()

    def read(self) -> bytes:
        """Return the body at the end of the redirects, decompressed.

        Raises BodyTooLarge, Cancelled after `abandon`, SourceRejected and SourceUnavailable for all other errors.
        """
        try:
            body = self._follow_redirects()
            self._check_abandoned()  # the end of a connection may look like the end of a body
            return body
        except Exception as error:
            self._check_abandoned()
            if translated := self._translate(error):
                raise translated from None
            raise
        finally:
            self._connections.close()

    def abandon(self) -> None:
        """End the download: wake the thread that waits for the server, and open no further connection."""
        self._connections.shut_down()

    def _check_abandoned(self) -> None:
        if self._connections.are_shut:
            raise Cancelled("the download was abandoned") from None

    # ----------------------------------------------------------------- hops

    def _follow_redirects(self) -> bytes:
        requests: list[tuple[str, str]] = []  # the same URL with the same cookies gets the same answer
        for _ in range(MAX_REDIRECTS + 1):
            self._check_host(self._url)
            self._check_proxy()
            request = self._request()
            requests.append((str(self._url.copy_with(fragment=None)), request.headers.get("Cookie", "")))
            with self._send(request) as response:
                location = _location(response)
                if location is None:
                    return self._read_body(response)
                self._keep_cookies(request, response)
            self._url = self._redirected(location)
        is_circle = len(set(requests)) < len(requests)
        ending = "in a circle" if is_circle else f"more than {MAX_REDIRECTS} times"
        raise SourceRejected(f"{self._public_url} redirects {ending}; check it in a browser, or {_SEND_AS_BASE64}")

    def _request(self) -> httpx.Request:
        headers = {"Host": self._url.netloc.decode("ascii"), **_HEADERS}
        request = httpx.Request("GET", self._url, headers=headers)
        request.headers.encoding = _HEADER_ENCODING
        self._cookies.set_cookie_header(request)
        if self._url.userinfo:
            next(httpx.BasicAuth(self._url.username, self._url.password).auth_flow(request))
        return request

    def _keep_cookies(self, request: httpx.Request, response: httpcore.Response) -> None:
        parsed = httpx.Response(response.status, headers=response.headers, request=request)
        parsed.headers.encoding = _HEADER_ENCODING
        self._cookies.extract_cookies(parsed)

    @contextmanager
    def _send(self, request: httpx.Request) -> Iterator[httpcore.Response]:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with (
            httpcore.HTTPConnection(url.origin, self._tls, network_backend=self._connections) as connection,
            connection.stream("GET", url, headers=request.headers.raw, extensions={"timeout": _TIMEOUTS}) as response,
        ):
            yield response

    def _redirected(self, location: bytes) -> httpx.URL:
        """Return the URL of the next hop. Credentials of this one are kept within its origin, as browsers keep them."""
        invalid = SourceRejected(f"{self._public_url} redirects to an invalid URL; {_SEND_AS_BASE64}")
        try:
            url = self._url.join(_text(location))
        except (httpx.InvalidURL, ValueError):
            raise invalid from None
        if url.scheme not in ("http", "https"):
            if url.raw_host:
                self._check_host(url)
            raise SourceRejected(
                f"{self._public_url} redirects to a URL with the scheme {url.scheme}, which is neither http nor https;"
                f" {_SEND_AS_BASE64}"
            )
        if not url.raw_host or not _is_port(url.port):
            raise invalid
        is_same_origin = _origin(url) == _origin(self._url)
        return url.copy_with(userinfo=self._url.userinfo) if is_same_origin and not url.userinfo else url

    def _check_proxy(self) -> None:
        proxies = getproxies()
        host = _host(self._url)
        if (proxies.get(self._url.scheme) or proxies.get("all")) and not proxy_bypass(host):
            raise SourceRejected(
                f"{self._subject} is refused: a proxy is set for it, and the address that a proxy connects to cannot be"
                f" checked; add {host} to NO_PROXY if it can be reached without the proxy, or {_SEND_AS_BASE64}"
            )

    # ----------------------------------------------------------------- response

    def _read_body(self, response: httpcore.Response) -> bytes:
        headers = httpx.Headers(response.headers, encoding=_HEADER_ENCODING)
        self._check_status(response.status, headers)
        announced = headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            raise BodyTooLarge
        parts: Iterable[bytes] = response.iter_stream()
        body = io.BytesIO()
        for part in inflate.decoded(parts, headers.get("Content-Encoding", "")):
            if body.tell() + len(part) > self._max_bytes:
                raise BodyTooLarge
            body.write(part)
        return body.getvalue()

    def _check_status(self, status: int, headers: httpx.Headers) -> None:
        if status < 300:
            return
        if status in _TRANSIENT or status >= 500:
            error = SourceUnavailable(f"{self._subject} responded with {status}; try again later")
            error.retry_after = parse_retry_after(headers.get("Retry-After"), time.time())
            raise error
        raise SourceRejected(
            f"{self._subject} responded with {status}; check that the URL is correct, public and not expired"
        )

    # ----------------------------------------------------------------- messages

    @property
    def _subject(self) -> str:
        """The URL as the subject of a sentence and, after a redirect to another host, that host."""
        return f"{self._public_url} redirects to {_host(self._url)}, which" if self._is_elsewhere else self._public_url

    @property
    def _is_elsewhere(self) -> bool:
        """True after a redirect to another host."""
        return self._url.raw_host != self._first_url.raw_host

    def _translate(self, error: Exception) -> SourceError | None:
        """Return the error for callers, or None if this one is no failure of a download."""
        match error:
            case AddressClosed():
                return self._closed(error)
            case socket.gaierror():
                return self._unresolved()
            case HostNameInvalid():
                return SourceRejected(f"{self._subject} has an impossible host name; check it")
            case httpcore.ConnectError() | httpcore.ConnectTimeout():
                return self._unreachable(error)
            case inflate.EncodingUnknown():
                return SourceRejected(
                    f"{self._subject} responded with an encoding that was not asked for; {_SEND_AS_BASE64}"
                )
            case httpcore.TimeoutException() | httpcore.NetworkError() | httpcore.ProtocolError() | OSError():
                return self._interrupted(type(error).__name__)
            case inflate.BodyCorrupt():
                return self._interrupted("the compressed body is damaged or incomplete")
        return None

    def _interrupted(self, reason: str) -> SourceUnavailable:
        return SourceUnavailable(f"the download of {self._public_url} was interrupted ({reason}); try again")

    def _closed(self, error: AddressClosed) -> SourceRejected:
        address = error.host if error.address == error.host else f"{error.host} ({error.address})"
        if error.objection == "metadata":
            kind, reason = "link-local or cloud metadata", "such addresses are always closed to downloads"
        else:
            kind, reason = "private", "private addresses are closed unless the worker's OCR_PRIVATE_HOSTS opens them"
        problem = f"it redirects to a {kind} address, {address}"
        if not self._is_elsewhere:
            problem = f"{address} is a {kind} address, not a public address"
        return SourceRejected(
            f"{self._public_url} is refused: {problem}; {reason}, so {_SEND_AS_BASE64}, or save it and run:"
            " ocr-worker parse FILE"
        )

    def _unresolved(self) -> SourceUnavailable:
        subject = self._subject if self._is_elsewhere else f"the host name {_host(self._url)}"
        return SourceUnavailable(f"{subject} does not resolve; check it, or try again later")

    def _unreachable(self, error: httpcore.ConnectError | httpcore.ConnectTimeout) -> SourceError:
        cause = error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SourceRejected(
                f"{self._subject} has no valid TLS certificate ({cause.verify_message.rstrip('.')}); correct the URL,"
                f" or {_SEND_AS_BASE64}"
            )
        if isinstance(cause, ssl.SSLError):
            reason = f"TLS failed, {cause.reason}"
        elif isinstance(error, httpcore.ConnectTimeout):
            reason = f"no connection within {_SOCKET_TIMEOUT_S} s"
        else:
            reason = getattr(cause, "strerror", None) or type(error).__name__
        return SourceUnavailable(f"{self._subject} cannot be reached ({reason}); try again later")


class _Connections(httpcore.NetworkBackend):
    """The connections of one download: each to an address that the rule has let through, all shut from any thread."""

    def __init__(self, addresses: AddressRule) -> None:
        self._addresses = addresses
        self._backend = httpcore.SyncBackend()
        self._lock = threading.Lock()  # over the two below
        self._sockets: list[socket.socket] = []
        self.are_shut = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that accepts a connection."""
        failure: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("the host has no address")
        for address in self._addresses.resolve(host, port):
            if self.are_shut:
                break
            try:
                stream = self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                self._keep(stream)
                return stream
        raise failure

    def shut_down(self) -> None:
        """Shut all connections down. That wakes a thread that reads from one; closing it would not."""
        with self._lock:
            self.are_shut = True
            for connection in self._sockets:
                _shut(connection)

    def close(self) -> None:
        """Give up what is kept for `shut_down`, after the download."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()

    def _keep(self, stream: httpcore.NetworkStream) -> None:
        """Keep a second handle of the connection: TLS takes the first one over, and this one remains valid."""
        connection: socket.socket = stream.get_extra_info("socket").dup()
        with self._lock:
            self._sockets.append(connection)
            if self.are_shut:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the server has ended it
        connection.shutdown(socket.SHUT_RDWR)


def _location(response: httpcore.Response) -> bytes | None:
    """Return the target of a redirect as it was sent, or None for any other response."""
    if response.status not in _REDIRECTS:
        return None
    return next((value for name, value in response.headers if name.lower() == b"location" and value), None)


def _text(location: bytes) -> str:
    r"""Return a `Location` header as text. Bytes that are no UTF-8 are percent-encoded; in a path, `\` means `/`."""
    try:
        text = location.decode()
    except UnicodeDecodeError:
        text = quote_from_bytes(location, safe=bytes(range(0x21, 0x7F)))
    text = _DROPPED_CHARACTERS.sub("", text.strip())
    query = re.search(r"[?#]", text)
    end = query.start() if query else len(text)
    return text[:end].replace("\\", "/") + text[end:]


def _host(url: httpx.URL) -> str:
    """Return the host in ASCII, in which international names begin with `xn--`."""
    return url.raw_host.decode("ascii")


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, url.raw_host, url.port


def _is_port(port: int | None) -> bool:
    return port is None or 0 < port <= _MAX_PORT
