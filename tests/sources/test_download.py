"""Downloads: redirects as a browser follows them, connections to checked addresses, bodies within their limits.

Real servers listen on two addresses of this machine. 127.0.0.1 is open to downloads and takes the place of a public
host. 127.0.0.2 is a private one, and no test may reach it.
"""

from __future__ import annotations

import base64
import gzip
import logging
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from http.server import ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import stamina

from ocr_worker import threads
from ocr_worker.errors import Cancelled, OcrWorkerError
from ocr_worker.sources import inflate
from ocr_worker.sources.addresses import EVERYWHERE, AddressRule, Network
from ocr_worker.sources.download import MAX_REDIRECTS
from ocr_worker.sources.fetch import Fetcher
from ocr_worker.wire.schema import DocumentRequest
from support.http_handler import Answering
from support.names import Names
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.process

DATA = bytes(range(256)) * 40
SECRET = "s3cr3t"
TLS = Path(__file__).parents[1] / "resources" / "tls"
OPEN = (ip_network("127.0.0.1/32"),)
MAX_BYTES = 100_000


class Site(Answering):
    """A server whose paths are functions, by their names. It keeps the requests that it gets."""

    def do_GET(self) -> None:
        requests, paths = self.server.requests, self.server.paths  # type: ignore[attr-defined]
        requests.append((self.path, dict(self.headers)))
        paths.get(self.path.partition("?")[0], Site.serve_missing)(self)

    def serve_missing(self) -> None:
        self.answer(b"no", 404)

    def redirect(self, location: bytes | str, *cookies: str) -> None:
        """Send a redirect; bytes of its target are sent as they are."""
        self.send_response(302)
        text = location.decode("latin-1") if isinstance(location, bytes) else location
        self.send_header("Location", text)
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", "0")
        self.end_headers()


Serve = Callable[[Site], None]


class RunningSite:
    """A site that runs on a thread of this process."""

    def __init__(self, address: str, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.paths: dict[str, Serve] = {"/good": lambda site: site.answer(DATA)}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._http = ThreadingHTTPServer((address, port), Site)
        self._http.daemon_threads = True
        self._http.paths, self._http.requests = self.paths, self.requests  # type: ignore[attr-defined]
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def __enter__(self) -> RunningSite:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(autouse=True)
def _single_attempts() -> Iterator[None]:
    """One attempt for each download; `test_fetch` tests retries."""
    stamina.set_testing(True, attempts=1)
    yield
    stamina.set_testing(False)


@pytest.fixture
def site() -> Iterator[RunningSite]:
    """The site at 127.0.0.1, which is open."""
    with RunningSite("127.0.0.1") as running:
        yield running


@pytest.fixture
def private_site(site: RunningSite) -> Iterator[RunningSite]:
    """The site at 127.0.0.2, which is closed, on the same port."""
    with RunningSite("127.0.0.2", site.port) as running:
        running.paths["/good"] = lambda site: site.answer(SECRET.encode())
        yield running


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """A name server: `open.test` and `other.test` are the open site, `private.test` is the closed one."""
    names = Names(monkeypatch)
    names.add("open.test", ["127.0.0.1"])
    names.add("other.test", ["127.0.0.1"])
    names.add("private.test", ["127.0.0.2"])
    return names


def fetch(
    url: str, *, hosts: Sequence[str] = (), networks: Sequence[Network] = OPEN, timeout: float = PATIENCE_S
) -> bytes:
    fetcher = Fetcher(max_bytes=MAX_BYTES, timeout_s=timeout, allowed_hosts=hosts, addresses=AddressRule(networks))
    return fetcher.fetch(DocumentRequest(url=url))


def refusal(url: str, **arguments: Any) -> OcrWorkerError:
    """Return the error of a download. No secret part of a URL is in it."""
    with pytest.raises(OcrWorkerError) as caught:
        fetch(url, **arguments)
    assert SECRET not in str(caught.value)
    return caught.value


# --------------------------------------------------------------------------- addresses


def test_the_address_that_was_checked_is_the_one_connected_to(
    site: RunningSite, private_site: RunningSite, names: Names
) -> None:
    """A name that is public when it is checked and private afterwards is looked up once, so it stays public."""
    names.add("rebinding.test", ["127.0.0.1"], ["127.0.0.2"])
    assert fetch(f"http://rebinding.test:{site.port}/good") == DATA
    assert names.lookups["rebinding.test"] == 1
    assert site.requests[0][1]["Host"] == f"rebinding.test:{site.port}"
    assert private_site.requests == []


def test_a_name_that_turns_private_at_a_redirect_is_refused(
    site: RunningSite, private_site: RunningSite, names: Names
) -> None:
    """Each hop is looked up and checked for itself, also at the same name."""
    names.add("rebinding.test", ["127.0.0.1"], ["127.0.0.2"])
    site.paths["/start"] = lambda site: site.redirect("/good")
    error = refusal(f"http://rebinding.test:{site.port}/start?token={SECRET}")
    assert error.code == "SOURCE_REJECTED"
    assert "rebinding.test (127.0.0.2) is a private address" in str(error)
    assert private_site.requests == []


def test_a_named_private_host_is_open_by_its_name_alone(
    site: RunningSite, private_site: RunningSite, names: Names
) -> None:
    """OCR_PRIVATE_HOSTS opens a host at once and behind a redirect; its address stays closed, with the remedy."""
    fetcher = Fetcher(
        max_bytes=MAX_BYTES, timeout_s=PATIENCE_S, allowed_hosts=(), private_hosts=["127.0.0.1", "private.test"]
    )
    private_url = f"http://private.test:{private_site.port}/good"
    assert fetcher.fetch(DocumentRequest(url=private_url)) == SECRET.encode()
    site.paths["/start"] = lambda site: site.redirect(private_url)
    assert fetcher.fetch(DocumentRequest(url=f"http://127.0.0.1:{site.port}/start")) == SECRET.encode()
    with pytest.raises(OcrWorkerError) as caught:
        fetcher.fetch(DocumentRequest(url=f"http://127.0.0.2:{private_site.port}/good"))
    assert "OCR_PRIVATE_HOSTS" in str(caught.value)


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("http://127.0.0.2:{port}/good", "127.0.0.2"),
        ("//127.0.0.2:{port}/good", "127.0.0.2"),
        ("http://private.test:{port}/good", "private.test (127.0.0.2)"),
        ("http://[::ffff:127.0.0.2]:{port}/good", "::ffff:127.0.0.2"),
        ("http://[64:ff9b::7f00:2]:{port}/good", "64:ff9b::7f00:2"),
        ("http://2130706434:{port}/good", "2130706434 (127.0.0.2)"),
        ("http://0x7f000002:{port}/good", "0x7f000002 (127.0.0.2)"),
        ("http://open.test@private.test:{port}/good", "private.test (127.0.0.2)"),
    ],
)
def test_a_redirect_from_public_to_private_is_refused(
    site: RunningSite, private_site: RunningSite, names: Names, target: str, address: str
) -> None:
    """The message says that it redirects to a private address, and to which; that address gets no connection."""
    location = target.format(port=private_site.port)
    site.paths["/start"] = lambda site: site.redirect(location)
    error = refusal(f"http://open.test:{site.port}/start?token={SECRET}")
    assert error.code == "SOURCE_REJECTED"
    assert f"http://open.test:{site.port}/start is refused: it redirects to a private address, {address};" in str(error)
    assert private_site.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "metadata.test",
    ],
)
def test_metadata_is_closed_whatever_is_open(site: RunningSite, names: Names, host: str) -> None:
    """With all private addresses open, a metadata address is refused at once and behind a redirect."""
    names.add("metadata.test", ["169.254.169.254"])
    error = refusal(f"http://{host}/latest?token={SECRET}", networks=EVERYWHERE)
    assert error.code == "SOURCE_REJECTED"
    assert "is a link-local or cloud metadata address, not a public address; such addresses are always closed" in str(
        error
    )
    site.paths["/start"] = lambda site: site.redirect(f"http://{host}/latest?token={SECRET}")
    error = refusal(f"http://127.0.0.1:{site.port}/start", networks=EVERYWHERE)
    assert "redirects to a link-local or cloud metadata address" in str(error)


def test_the_variable_of_the_sdk_opens_private_addresses_and_no_others(
    site: RunningSite, private_site: RunningSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS opens loopback, and leaves metadata closed."""
    url = f"http://127.0.0.2:{private_site.port}/good"
    for value, is_open in (("", False), ("0", False), ("1", True), ("true", True), ("Yes", True)):
        monkeypatch.setenv("RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", value)
        fetcher = Fetcher(max_bytes=MAX_BYTES, timeout_s=PATIENCE_S, allowed_hosts=())
        if is_open:
            assert fetcher.fetch(DocumentRequest(url=url)) == SECRET.encode()
        else:
            with pytest.raises(OcrWorkerError, match="private addresses are closed unless"):
                fetcher.fetch(DocumentRequest(url=url))
    with pytest.raises(OcrWorkerError, match="always closed"):
        fetcher.fetch(DocumentRequest(url="http://169.254.169.254/"))


def test_the_next_address_is_tried_when_one_refuses(site: RunningSite, names: Names) -> None:
    """A name with an address where nobody listens is reached at another one."""
    names.add("two.test", ["127.0.0.3", "127.0.0.1"])
    assert fetch(f"http://two.test:{site.port}/good", networks=[ip_network("127.0.0.0/8")]) == DATA


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_host_behind_a_proxy_is_refused(site: RunningSite, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect to an address that nobody checked; NO_PROXY excepts a host, which is then fetched."""
    monkeypatch.setenv(variable, f"http://user:{SECRET}@127.0.0.1:{site.port}")
    url = f"http://127.0.0.1:{site.port}/good"
    assert "add 127.0.0.1 to NO_PROXY" in str(refusal(url))
    assert "add 127.0.0.1 to NO_PROXY" in str(refusal(url, networks=EVERYWHERE))
    assert site.requests == []
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetch(url) == DATA


# --------------------------------------------------------------------------- redirects


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/café.png".encode(), "/caf%C3%A9.png"),
        ("/文書.pdf?名=一".encode(), "/%E6%96%87%E6%9B%B8.pdf?%E5%90%8D=%E4%B8%80"),
        ("/caf\xe9.png".encode("latin-1"), "/caf%E9.png"),
        ("/日本.pdf".encode("euc-jp"), "/%C6%FC%CB%DC.pdf"),
        (b"/caf%C3%A9.png", "/caf%C3%A9.png"),
        (b"/two words.pdf", "/two%20words.pdf"),
        (b"good?a=1&b=/%2F+", "/folder/good?a=1&b=/%2F+"),
        (b"../up", "/up"),
        (b"?page=2", "/folder/start?page=2"),
        (b"\\folder\\good?a=\\", "/folder/good?a=\\"),
        (b"http://open.test:{port}\\@private.test/good", "/@private.test/good"),
        (b"//other.test:{port}/good#part", "/good"),
        ("http://b\u00fccher.test:{port}/good".encode(), "/good"),
        (b"HTTP://OPEN.TEST:{port}/Good", "/Good"),
    ],
)
def test_a_location_is_read_as_browsers_read_it(site: RunningSite, names: Names, location: bytes, path: str) -> None:
    """Raw UTF-8, bytes of another encoding, relative targets, spaces and backslashes lead where a browser goes."""
    names.add("xn--bcher-kva.test", ["127.0.0.1"])
    target = location.replace(b"{port}", str(site.port).encode())
    site.paths["/folder/start"] = lambda site: site.redirect(target)
    site.paths[path.partition("?")[0]] = lambda site: site.answer(DATA)
    if path.startswith("/folder/start"):
        site.paths["/folder/start"] = lambda site: site.answer(DATA) if "page" in site.path else site.redirect(target)
    assert fetch(f"http://open.test:{site.port}/folder/start") == DATA
    assert site.requests[-1][0] == path


def test_a_location_in_utf_8_beside_a_header_in_latin_1(site: RunningSite) -> None:
    """The encoding of one header decides nothing about another."""

    def start(site: Site) -> None:
        site.send_response(302)
        site.send_header("Location", "/café.png".encode().decode("latin-1"))
        site.send_header("X-Author", "Andr\xe9")
        site.send_header("Content-Length", "0")
        site.end_headers()

    site.paths |= {"/start": start, "/caf%C3%A9.png": lambda site: site.answer(DATA)}
    assert fetch(f"http://127.0.0.1:{site.port}/start") == DATA


def cookie_wall(site: Site) -> None:
    """Answer with the file if the cookies are here; otherwise set them and redirect to the same URL."""
    cookies = site.headers.get("Cookie", "")
    site.answer(DATA) if "ok=1" in cookies else site.redirect(site.path, "ok=1", f"session={SECRET}; HttpOnly")


def test_cookies_are_kept_during_a_download(site: RunningSite) -> None:
    """A wall that sets a cookie and redirects to itself is passed; the next download starts without cookies."""
    site.paths["/file"] = cookie_wall
    for _ in range(2):
        site.requests.clear()
        assert fetch(f"http://127.0.0.1:{site.port}/file") == DATA
        cookies = [headers.get("Cookie") for _, headers in site.requests]
        assert cookies == [None, f"ok=1; session={SECRET}"]


def test_cookies_go_where_they_belong(site: RunningSite, names: Names) -> None:
    """A cookie is sent to its own host and path, never over http if it is secure, and not after it was deleted."""
    port = site.port
    site.paths |= {
        "/start": lambda site: site.redirect(
            "/a/1", "all=1", "a=2; Path=/a", "late=caf\xe9; Path=/b", "safe=3; Secure"
        ),
        "/a/1": lambda site: site.redirect("/b", "all=; Max-Age=0; Path=/", "utf=\xc3\xa9; Path=/"),
        "/b": lambda site: site.redirect(f"http://other.test:{port}/good"),
    }
    assert fetch(f"http://open.test:{port}/start") == DATA
    cookies = [set(headers.get("Cookie", "").split("; ")) for _, headers in site.requests]
    assert cookies == [{""}, {"all=1", "a=2"}, {"late=caf\xe9", "utf=\xc3\xa9"}, {""}]


def test_a_circle_is_named(site: RunningSite) -> None:
    """Redirects that come back to the same URL with the same cookies are a circle."""
    site.paths |= {"/a": lambda site: site.redirect("/b"), "/b": lambda site: site.redirect("/a", "seen=1")}
    error = refusal(f"http://127.0.0.1:{site.port}/a?token={SECRET}")
    assert error.code == "SOURCE_REJECTED"
    assert f"http://127.0.0.1:{site.port}/a redirects in a circle" in str(error)


def test_the_number_of_redirects_is_limited(site: RunningSite) -> None:
    """Twenty redirects are followed, and no more."""
    for number in range(MAX_REDIRECTS + 1):
        site.paths[f"/{number}"] = lambda site, number=number: site.redirect(f"/{number + 1}")  # type: ignore[misc]
    site.paths[f"/{MAX_REDIRECTS + 1}"] = lambda site: site.answer(DATA)
    assert fetch(f"http://127.0.0.1:{site.port}/1") == DATA
    error = refusal(f"http://127.0.0.1:{site.port}/0?token={SECRET}")
    assert error.code == "SOURCE_REJECTED"
    assert "/0 redirects more than 20 times" in str(error)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("file:///etc/passwd", "redirects to a URL with the scheme file, which is neither http nor https"),
        ("ftp://open.test/a", "redirects to a URL with the scheme ftp"),
        ("data:,text", "redirects to a URL with the scheme data"),
        ("http://open.test:99999/", "redirects to an invalid URL"),
        ("http://[::1", "redirects to an invalid URL"),
        ("http://no-such-host.invalid/", "redirects to no-such-host.invalid, which does not resolve"),
        (f"http://{'a' * 70}.test/", "has an impossible host name"),
        ("http://other.test:{port}/missing", "redirects to other.test, which responded with 404"),
        ("/missing", "/start responded with 404"),
        ("", "/start responded with 302"),
    ],
)
def test_each_bad_redirect_has_its_message(site: RunningSite, names: Names, target: str, message: str) -> None:
    """A redirect that leads nowhere is refused with its cause."""
    location = target.format(port=site.port)
    site.paths["/start"] = lambda site: site.redirect(location)
    error = refusal(f"http://open.test:{site.port}/start?token={SECRET}")
    assert message in str(error)


def test_every_host_of_a_chain_must_be_allowed(site: RunningSite, private_site: RunningSite, names: Names) -> None:
    """A host that is not allowed is neither looked up nor connected to, and the message tells nothing else about it."""
    port = site.port
    site.paths["/start"] = lambda site: site.redirect(f"http://other.test:{port}/good")
    site.paths["/inside"] = lambda site: site.redirect(f"http://private.test:{port}/good?token={SECRET}")
    assert fetch(f"http://open.test:{port}/start", hosts=["open.test", "OTHER.*"]) == DATA
    names.lookups.clear()
    for path, host in (("/start", "other.test"), ("/inside", "private.test")):
        error = refusal(f"http://open.test:{port}{path}", hosts=["open.test"])
        assert str(error).startswith(f"{host} is not an allowed host; ")
        assert names.lookups[host] == 0


def test_an_international_name_is_allowed_in_both_forms(site: RunningSite, names: Names) -> None:
    """A pattern may be written as people write the name, or in ASCII."""
    names.add("xn--bcher-kva.test", ["127.0.0.1"])
    for host in ("bücher.test", "xn--bcher-kva.test"):
        for pattern in ("bücher.test", "xn--bcher-kva.*"):
            assert fetch(f"http://{host}:{site.port}/good", hosts=[pattern]) == DATA


@pytest.mark.parametrize("host", ["xn--i-7iq.test", "xn--a.test", "under_score.test", "open.test."])
def test_unusual_names_are_fetched(site: RunningSite, names: Names, host: str) -> None:
    """A name that resolves is fetched, also where it is no valid international name, or ends with a dot."""
    names.add(host, ["127.0.0.1"])
    site.paths["/start"] = lambda site: site.redirect(f"http://{host}:{port}/good")
    port = site.port
    for url in (f"http://{host}:{port}/good", f"http://127.0.0.1:{port}/start"):
        assert fetch(url) == DATA
        assert site.requests[-1][1]["Host"] == f"{host}:{port}"


def test_credentials_of_a_url_stay_at_its_origin(site: RunningSite, names: Names) -> None:
    """`user:password@` is sent as basic authentication, also after a redirect within the origin, and nowhere else."""
    port = site.port
    site.paths |= {
        "/start": lambda site: site.redirect("/next"),
        "/next": lambda site: site.redirect(f"http://open.test:{port}/last"),
        "/last": lambda site: site.redirect(f"http://other.test:{port}/good"),
    }
    assert fetch(f"http://us%20er:{SECRET}@open.test:{port}/start") == DATA
    sent = [headers.get("Authorization") for _, headers in site.requests]
    expected = "Basic " + base64.b64encode(f"us er:{SECRET}".encode()).decode()
    assert sent == [expected, expected, expected, None]


def test_nothing_of_a_download_is_logged(site: RunningSite, caplog: pytest.LogCaptureFixture) -> None:
    """Neither queries nor cookies reach a log, at any level."""
    caplog.set_level(logging.DEBUG)
    site.paths["/file"] = cookie_wall
    assert fetch(f"http://127.0.0.1:{site.port}/file?token={SECRET}") == DATA
    assert SECRET not in caplog.text


# --------------------------------------------------------------------------- TLS


@pytest.fixture
def tls_site() -> Iterator[RunningSite]:
    """A site at 127.0.0.1 with a certificate for `files.test` that the tests' authority signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    with RunningSite("127.0.0.1", tls=context) as running:
        yield running


def test_tls_is_verified_against_the_name(tls_site: RunningSite, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate must be for the name in the URL; that the connection goes to an address changes nothing."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(TLS / "authority.pem"))
    names.add("files.test", ["127.0.0.1"], ["127.0.0.2"])
    assert fetch(f"https://files.test:{tls_site.port}/good") == DATA
    for host in ("open.test", "127.0.0.1"):
        error = refusal(f"https://{host}:{tls_site.port}/good?token={SECRET}")
        assert error.code == "SOURCE_REJECTED"
        assert f"https://{host}:{tls_site.port}/good has no valid TLS certificate" in str(error)
        assert "not valid for" in str(error)
    assert len(tls_site.requests) == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_authorities_come_from_the_environment(
    tls_site: RunningSite, names: Names, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each usual variable names the trusted authorities; without one, the tests' authority is not trusted."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    names.add("files.test", ["127.0.0.1"])
    url = f"https://files.test:{tls_site.port}/good"
    assert "has no valid TLS certificate (unable to get local issuer certificate)" in str(refusal(url))
    monkeypatch.setenv(variable, str(TLS / "authority.pem"))
    assert fetch(url) == DATA
    monkeypatch.setenv(variable, str(TLS / "no-such-file.pem"))
    if variable != "SSL_CERT_FILE":  # httpx passes over a file that does not exist
        assert "certificate authorities cannot be read" in str(refusal(url))


def test_https_may_redirect_to_http(
    site: RunningSite, tls_site: RunningSite, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a browser's address bar; secure cookies stay behind."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(TLS / "authority.pem"))
    names.add("files.test", ["127.0.0.1"])
    tls_site.paths["/start"] = lambda tls: tls.redirect(f"http://files.test:{site.port}/good", "a=1; Secure", "b=2")
    assert fetch(f"https://files.test:{tls_site.port}/start") == DATA
    assert site.requests[0][1].get("Cookie") == "b=2"


def test_a_server_without_tls_is_named(site: RunningSite, names: Names) -> None:
    """https at a port that speaks http: the message says that TLS failed."""
    error = refusal(f"https://open.test:{site.port}/good")
    assert error.code == "SOURCE_UNAVAILABLE"
    assert f"https://open.test:{site.port}/good cannot be reached (TLS failed, " in str(error)


# --------------------------------------------------------------------------- bodies


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(DATA)),
        ("X-GZIP", gzip.compress(DATA)),
        ("gzip", gzip.compress(DATA[:100]) + gzip.compress(DATA[100:])),
        ("gzip", gzip.compress(DATA) + b"\0" * 30),
        ("deflate", zlib.compress(DATA)),
        ("deflate", raw_deflate(DATA)),
        ("identity", DATA),
    ],
)
def test_compressed_bodies_are_decompressed(site: RunningSite, encoding: str, body: bytes) -> None:
    """gzip and both kinds of deflate bring the file itself."""
    site.paths["/file"] = lambda site: site.answer(body, Content_Encoding=encoding)
    assert fetch(f"http://127.0.0.1:{site.port}/file") == DATA


@pytest.mark.parametrize(
    ("encoding", "body", "code"),
    [
        ("gzip", gzip.compress(DATA)[:-20], "SOURCE_UNAVAILABLE"),
        ("gzip", b"no gzip at all", "SOURCE_UNAVAILABLE"),
        ("br", DATA, "SOURCE_REJECTED"),
        ("gzip, gzip", gzip.compress(gzip.compress(DATA)), "SOURCE_REJECTED"),
        ("gzip", gzip.compress(bytes(50_000_000)), "SOURCE_TOO_LARGE"),
        ("deflate", raw_deflate(bytes(50_000_000)), "SOURCE_TOO_LARGE"),
        ("gzip", gzip.compress(b"x" * 60_000) * 2, "SOURCE_TOO_LARGE"),
    ],
    ids=["incomplete", "damaged", "not asked for", "nested", "bomb", "deflate bomb", "two members"],
)
def test_a_compressed_body_that_cannot_be_used(site: RunningSite, encoding: str, body: bytes, code: str) -> None:
    """A body that is damaged, nested or not asked for has its code; the limit counts decompressed bytes."""
    site.paths["/file"] = lambda site: site.answer(body, Content_Encoding=encoding)
    assert refusal(f"http://127.0.0.1:{site.port}/file?token={SECRET}").code == code


def test_a_bomb_is_decompressed_in_small_pieces() -> None:
    """A hundred megabytes of zeros come in pieces of one, so that whoever counts them can stop."""
    pieces = [len(piece) for piece in inflate.decoded([gzip.compress(bytes(100_000_000))], "gzip")]
    assert sum(pieces) == 100_000_000
    assert max(pieces) <= 1 << 20


@pytest.mark.parametrize("path", ["/headers", "/body"])
def test_a_download_that_was_given_up_ends(site: RunningSite, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that drips, in headers or body, holds neither thread nor connection after the deadline."""
    downloads: list[Future[bytes]] = []
    closed = threading.Event()

    def drip(site: Site) -> None:
        site.send_response(200)
        if path == "/body":
            site.end_headers()
        try:
            while not closed.wait(0.05):
                site.wfile.write(b"X-Part: 1\r\n")
        except OSError:
            closed.set()

    def start(function: Callable[[], bytes], name: str) -> Future[bytes]:
        downloads.append(start_thread(function, name))
        return downloads[-1]

    start_thread = threads.start
    monkeypatch.setattr(threads, "start", start)
    site.paths[path] = drip
    assert refusal(f"http://127.0.0.1:{site.port}{path}?token={SECRET}", timeout=0.5).code == "SOURCE_TIMED_OUT"
    assert isinstance(downloads[-1].exception(timeout=PATIENCE_S), Cancelled)
    assert closed.wait(PATIENCE_S)
