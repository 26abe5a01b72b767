"""Sources: what is inside the request, and what is fetched from servers that behave, fail, or mean harm."""

from __future__ import annotations

import base64
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from http.server import ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from ocr_worker import threads
from ocr_worker.errors import Cancelled, OcrWorkerError
from ocr_worker.sources.fetch import Fetcher, redact_url
from ocr_worker.wire.schema import DocumentRequest
from support.http_handler import Answering
from support.waiting import PATIENCE_S

DATA = bytes(range(256)) * 40
SECRET = "s3cr3t"


class Server(Answering):
    """Each path is one behaviour; `hits` counts the requests for each."""

    hits: ClassVar[dict[str, int]] = {}
    may_answer: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.hits[path] = self.hits.get(path, 0) + 1
        getattr(self, "serve_" + path.strip("/").replace("-", "_"))()

    def serve_good(self) -> None:
        self.answer(DATA)

    def serve_missing(self) -> None:
        self.answer(b"no", 404)

    def serve_down(self) -> None:
        self.answer(b"no", 503)

    def serve_third_time(self) -> None:
        self.answer(b"no", 500) if self.hits["/third-time"] < 3 else self.answer(DATA)

    def serve_busy(self) -> None:
        self.answer(b"", 429, Retry_After="1") if self.hits["/busy"] < 2 else self.answer(DATA)

    def serve_busy_for_an_hour(self) -> None:
        self.answer(b"", 429, Retry_After="3600")

    def serve_short(self) -> None:
        self.answer(DATA[:100], Content_Length=str(len(DATA)))
        self.close_connection = True

    def serve_large(self) -> None:
        self.answer(b"x" * 200_000)

    def serve_lies(self) -> None:
        self.endless(b"x" * 10_000)

    def serve_drip(self) -> None:
        self.endless(b"x", pause=0.05)

    def serve_late_drip(self) -> None:
        self.may_answer.wait()
        self.serve_drip()

    def endless(self, part: bytes, pause: float = 0.0) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for _ in range(2_000):
                self.wfile.write(part)
                time.sleep(pause)
        except OSError:
            return

    def serve_bomb(self) -> None:
        self.answer(gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip")

    def serve_loop(self) -> None:
        self.answer(b"", 302, Location="/loop")

    def serve_redirect(self) -> None:
        self.answer(b"", 302, Location="/good")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()


@pytest.fixture
def private_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Private addresses are open: tests serve from loopback."""
    monkeypatch.setenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "true")
    Server.hits.clear()


def fetch(
    *, url: str | None = None, inline: str | None = None, timeout: float = PATIENCE_S, hosts: tuple[str, ...] = ()
) -> bytes:
    fetcher = Fetcher(max_bytes=100_000, timeout_s=timeout, allowed_hosts=hosts)
    return fetcher.fetch(DocumentRequest(url=url, base64=inline))


def refusal(**source: Any) -> OcrWorkerError:
    with pytest.raises(OcrWorkerError) as caught:
        fetch(**source)
    assert SECRET not in str(caught.value)
    return caught.value


# --------------------------------------------------------------------------- inside the request


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text,
        lambda text: text.rstrip("="),
        lambda text: "\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + " \r\n",
        lambda text: text.replace("+", "-").replace("/", "_"),
    ],
    ids=["plain", "unpadded", "wrapped", "url-safe"],
)
def test_base64_is_read_as_people_write_it(write: Callable[[str], str]) -> None:
    """Line ends, missing padding and the URL-safe alphabet are all the same bytes."""
    data = DATA + b"x"
    assert fetch(inline=write(base64.b64encode(data).decode())) == data


def test_data_uris_are_read() -> None:
    """Both forms of a data URI hold their bytes."""
    assert fetch(url="data:image/png;base64," + base64.b64encode(DATA).decode()) == DATA
    assert fetch(url="data:,a%20b") == b"a b"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"inline": "scan.pdf, please"}, "SOURCE_REJECTED"),
        ({"inline": "A" * 200_000}, "SOURCE_TOO_LARGE"),
        ({"url": "data:image/png;base64"}, "SOURCE_REJECTED"),
        ({"url": "file:///etc/passwd"}, "SOURCE_REJECTED"),
        ({"url": f"ftp://user:{SECRET}@example.com/a"}, "SOURCE_REJECTED"),
        ({"url": "http://"}, "SOURCE_REJECTED"),
        ({"url": "http://[::1"}, "SOURCE_REJECTED"),
        ({"url": "http://x:99999/"}, "SOURCE_REJECTED"),
        ({"url": "http://x:0/"}, "SOURCE_REJECTED"),
        ({"url": "http://x:port/"}, "SOURCE_REJECTED"),
    ],
)
def test_a_source_that_can_never_work_is_rejected(source: dict[str, str], code: str) -> None:
    """An invalid source, or one with an unsupported scheme, is rejected without a retry."""
    error = refusal(**source)
    assert (error.code, error.retryable) == (code, False)


def test_only_allowed_hosts_are_fetched(server: str, private_allowed: None) -> None:
    """With a list of hosts, every other host is rejected by name."""
    assert fetch(url=server + "/good", hosts=("127.0.0.*",)) == DATA
    error = refusal(url=server + "/good", hosts=("*.example.com",))
    assert error.code == "SOURCE_REJECTED"
    assert "OCR_ALLOWED_HOSTS" in str(error)


# --------------------------------------------------------------------------- servers


@pytest.mark.process
@pytest.mark.parametrize("path", ["/good", "/third-time", "/busy", "/redirect"])
def test_what_passes_is_tried_again(server: str, path: str, private_allowed: None) -> None:
    """A good file comes, also after two errors, after being asked to wait, and through a redirect."""
    assert fetch(url=server + path) == DATA


@pytest.mark.process
def test_retry_after_is_honoured(server: str, private_allowed: None) -> None:
    """Asked to wait a second, it waits a second; asked to wait beyond the deadline, far as that is, it gives up."""
    started = time.monotonic()
    fetch(url=server + "/busy")
    assert time.monotonic() - started >= 0.9
    assert refusal(url=server + "/busy-for-an-hour", timeout=3500).code == "SOURCE_UNAVAILABLE"


@pytest.mark.process
@pytest.mark.parametrize(
    ("path", "code", "retryable"),
    [
        ("/missing", "SOURCE_REJECTED", False),
        ("/down", "SOURCE_UNAVAILABLE", True),
        ("/short", "SOURCE_UNAVAILABLE", True),
        ("/large", "SOURCE_TOO_LARGE", False),
        ("/lies", "SOURCE_TOO_LARGE", False),
        ("/bomb", "SOURCE_TOO_LARGE", False),
        ("/loop", "SOURCE_REJECTED", False),
        ("/drip", "SOURCE_TIMED_OUT", True),
    ],
)
def test_a_server_that_fails_gets_its_code(
    server: str, path: str, code: str, retryable: bool, private_allowed: None
) -> None:
    """Each way a server can fail has its code, and says rightly whether to try again."""
    error = refusal(url=f"{server}{path}?token={SECRET}", timeout=2 if path == "/drip" else PATIENCE_S)
    assert (error.code, error.retryable) == (code, retryable)


@pytest.mark.process
def test_a_dead_host_and_an_unknown_name_are_unavailable(private_allowed: None) -> None:
    """Nobody listening, or no such name: worth another try later."""
    assert refusal(url="http://127.0.0.1:9/a").code == "SOURCE_UNAVAILABLE"
    error = refusal(url=f"http://no-such-host.invalid/a?token={SECRET}")
    assert error.code == "SOURCE_UNAVAILABLE"


def test_a_cancelled_job_stops_fetching(server: str, private_allowed: None) -> None:
    """A download is given up soon after its job was cancelled."""
    cancelled = threading.Event()
    threading.Timer(0.4, cancelled.set).start()
    fetcher = Fetcher(max_bytes=100_000, timeout_s=2 * PATIENCE_S, allowed_hosts=())
    with pytest.raises(Cancelled):
        fetcher.fetch(DocumentRequest(url=server + "/drip"), cancelled.is_set)


def test_a_download_that_begins_after_it_was_given_up_ends(
    server: str, private_allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers only after the deadline, and then drips, holds neither the thread nor the connection."""
    downloads: list[Future[bytes]] = []

    def start(function: Callable[[], bytes], name: str) -> Future[bytes]:
        downloads.append(start_thread(function, name))
        return downloads[-1]

    start_thread = threads.start
    monkeypatch.setattr(threads, "start", start)
    assert refusal(url=f"{server}/late-drip", timeout=0.5).code == "SOURCE_TIMED_OUT"
    Server.may_answer.set()
    assert isinstance(downloads[-1].exception(timeout=30), Cancelled)


def test_a_shown_url_has_no_secret() -> None:
    """Scheme, host, port and path are shown; credentials, query and fragment are not."""
    assert (
        redact_url(f"https://user:{SECRET}@h.example:8443/a/b.pdf?sig={SECRET}#{SECRET}")
        == "https://h.example:8443/a/b.pdf"
    )
