"""Access to the app: `Host` names, web pages of other origins, and error responses in the metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ocr_worker.app.access import _is_origin_of
from support.app_process import App, serving
from support.http_callers import dialled, said
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.process

ENGINE = {"OCR_ENGINE": "support.doubles:reading"}
ROUTES = (
    *("GET /", "GET /ping", "GET /readyz", "GET /livez", "GET /health"),
    *("GET /metrics", "GET /docs", "GET /openapi.json", "GET /nothing"),
)
POST_ROUTES = ("POST /v1/parse", "POST /layout-parsing", "POST /restructure-pages")


def answer(app: App, route: str, *headers: str) -> tuple[int, str]:
    """Return status and code of the response to a request of these header lines, written by hand."""
    lines = [f"{route} HTTP/1.1", "Connection: close", "Content-Length: 0", *headers]
    with dialled(app) as caller:
        caller.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1"))
        response = said(caller).decode()
    code = re.search(r'"code":"(\w+)"', response)
    return int(response.split()[1]), code[1] if code else ""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app on loopback, without keys, with one more name and one allowed origin."""
    settings = {"OCR_TRUSTED_HOSTS": "ocr.example.com,10.*", "OCR_CORS_ORIGINS": "https://tool.example:8443"}
    with serving(tmp_path_factory.mktemp("app") / "log", **ENGINE, **settings) as started:
        yield started.wait(200)


@pytest.fixture(scope="module")
def open_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that listens everywhere, with a key, as behind a load balancer."""
    arguments = ("--host", "0.0.0.0")
    with serving(tmp_path_factory.mktemp("open") / "log", *arguments, **ENGINE, OCR_API_KEYS="secret") as started:
        yield started.wait(200)


# --------------------------------------------------------------------------- Host


@pytest.mark.parametrize("route", [*ROUTES, *POST_ROUTES])
def test_no_route_serves_an_unknown_host(app: App, route: str) -> None:
    """A name that only resolves to this machine (DNS rebinding) is answered 421 at every route."""
    assert answer(app, route, "Host: rebound.example:8000") == (421, "HOST_REJECTED")


HOSTS = {
    "localhost": True,
    "LOCALHOST:9": True,
    "127.0.0.1:8000": True,
    "127.255.1.2": True,
    "[::1]:65535": True,
    "[::1]": True,
    "ocr.example.com": True,
    "OCR.example.com:443": True,
    "10.1.2.3:80": True,
    "": False,
    "0.0.0.0:8000": False,
    "localhost.rebound.example": False,
    "127.0.0.1.rebound.example": False,
    "rebound.example@localhost": False,
    "localhost@rebound.example": False,
    "[::2]": False,
    "192.168.0.1": False,
    "a.ocr.example.com": False,
    "localhost:80:80": False,
    "localhost/": False,
    "xn--lcalhost-9ya": False,
}


@pytest.mark.parametrize("host", HOSTS)
def test_loopback_and_trusted_hosts_are_served(app: App, host: str) -> None:
    """Loopback names and addresses with any port are served, those of OCR_TRUSTED_HOSTS, and no others."""
    assert answer(app, "GET /ping", f"Host: {host}")[0] == (200 if HOSTS[host] else 421)


def test_a_message_names_the_host_on_one_line(app: App) -> None:
    """The rejected name is in the message, cut to the length of a host name."""
    response = requests.get(f"{app.url}/ping", headers={"Host": "a" * 9000}, timeout=PATIENCE_S)
    assert (response.status_code, response.headers["Content-Type"]) == (421, "application/problem+json")
    assert "OCR_TRUSTED_HOSTS" in response.json()["detail"]
    assert len(response.json()["detail"]) < 500


def test_elsewhere_any_host_is_served_unless_hosts_are_named(open_app: App, tmp_path: Path) -> None:
    """An app that others reach is behind names that it does not know, until OCR_TRUSTED_HOSTS lists them."""
    assert answer(open_app, "GET /ping", "Host: any.example")[0] == 200
    settings = {**ENGINE, "OCR_TRUSTED_HOSTS": "*.example.com"}
    with serving(tmp_path / "log", "--host", "0.0.0.0", "--open", **settings) as app:
        app.wait(200)
        assert answer(app, "GET /ping", "Host: a.example.com")[0] == 200
        assert answer(app, "GET /ping", "Host: any.example") == (421, "HOST_REJECTED")


# --------------------------------------------------------------------------- origins

FOREIGN = {
    "cross-site": ["Sec-Fetch-Site: cross-site"],
    "another origin": ["Origin: http://evil.example"],
    "another port of this machine": ["Origin: http://localhost:1", "Sec-Fetch-Site: same-site"],
    "a page without an origin": ["Origin: null", "Sec-Fetch-Site: cross-site"],
    "a file": ["Origin: null"],
    "an origin that begins like an allowed one": ["Origin: https://tool.example:8443.evil.example"],
    "an allowed host with another scheme": ["Origin: http://tool.example:8443"],
    "no origin at all": ["Origin: localhost"],
    "a wrong key": ["Origin: http://evil.example", "Authorization: Bearer nothing"],
}
OURS = {
    "a program": [],
    "our own page": ["Origin: http://localhost", "Sec-Fetch-Site: same-origin"],
    "our own page, without the newer header": ["Origin: http://localhost"],
    "our own page, behind a proxy that changes Host": ["Origin: https://a.example", "Sec-Fetch-Site: same-origin"],
    "our own page, behind a proxy with TLS": ["Origin: https://localhost"],
    "an allowed page": ["Origin: https://tool.example:8443", "Sec-Fetch-Site: cross-site"],
}


@pytest.mark.parametrize("route", POST_ROUTES)
@pytest.mark.parametrize("name", FOREIGN)
def test_a_page_of_another_origin_cannot_post(app: App, name: str, route: str) -> None:
    """A POST that a browser marks as another page's is answered 403 before anything is read."""
    assert answer(app, route, "Host: localhost", *FOREIGN[name]) == (403, "ORIGIN_REJECTED")


@pytest.mark.parametrize("name", OURS)
def test_programs_our_page_and_allowed_pages_can_post(app: App, name: str) -> None:
    """Requests without the headers, of our own page and of OCR_CORS_ORIGINS get as far as their empty body."""
    assert answer(app, "POST /v1/parse", "Host: localhost", *OURS[name]) == (415, "INVALID_REQUEST")


def test_with_a_valid_key_the_origin_does_not_matter(open_app: App) -> None:
    """On any address a foreign page needs a valid key; without one it gets 403, and a program 401."""
    foreign = ["Host: localhost", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"]
    assert answer(open_app, "POST /v1/parse", *foreign, "Authorization: Bearer secret") == (415, "INVALID_REQUEST")
    assert answer(open_app, "POST /v1/parse", *foreign, "Authorization: Bearer other") == (403, "ORIGIN_REJECTED")
    assert answer(open_app, "POST /v1/parse", *foreign) == (403, "ORIGIN_REJECTED")
    assert answer(open_app, "POST /v1/parse", "Host: localhost") == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("host", "origin", "is_own"),
    [
        ("a.example", "https://a.example", True),
        ("a.example:443", "https://a.example", True),
        ("a.example", "https://a.example:443", True),
        ("A.example:8000", "http://a.EXAMPLE:8000", True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("a.example:8000", "http://a.example", False),
        ("a.example:443", "http://a.example", False),
        ("a.example", "https://b.example", False),
        ("", "", False),
        ("null", "null", False),
        ("a.example", "https://a.example@b.example", False),
    ],
)
def test_an_origin_is_compared_with_the_host(host: str, origin: str, is_own: bool) -> None:
    """Name and port decide, with the default port of the origin's scheme."""
    assert _is_origin_of(host, origin) is is_own


def test_a_rejection_of_paddlexs_routes_has_their_form(open_app: App) -> None:
    """A middleware's 403 and 413 have `errorMsg`, the only member that clients of these routes show."""
    foreign = {"Origin": "http://evil.example"}
    for headers, status in ((foreign, 403), ({"X-Api-Key": "secret", "Content-Length": str(10**12)}, 413)):
        response = requests.post(f"{open_app.url}/layout-parsing", headers=headers, timeout=PATIENCE_S)
        body = response.json()
        assert (response.status_code, body["errorCode"]) == (status, status)
        assert body["errorMsg"] == body["error"]["message"]
        assert body["logId"]


# --------------------------------------------------------------------------- keys

KEY_HEADERS = {
    "Bearer": ("Authorization: Bearer secret", 415),
    "bearer": ("Authorization: bearer secret", 415),
    "token, as Open WebUI and paddleocr-cli send it": ("Authorization: token secret", 415),
    "Token": ("Authorization: Token  secret", 415),
    "a header of its own": ("X-Api-Key: secret", 415),
    "that header in lower case": ("x-api-key: secret ", 415),
    "a wrong token": ("Authorization: token Secret", 401),
    "a wrong header": ("X-Api-Key: secret1", 401),
    "an empty header": ("X-Api-Key:", 401),
    "a scheme without a key": ("Authorization: token", 401),
    "a key without a scheme": ("Authorization: secret", 401),
    "a scheme of another kind": ("Authorization: Basic secret", 401),
}


@pytest.mark.parametrize("route", POST_ROUTES[:2])
@pytest.mark.parametrize("name", KEY_HEADERS)
def test_every_route_accepts_a_key_in_the_ways_of_other_servers(open_app: App, name: str, route: str) -> None:
    """`Bearer` and `token` in any case and `X-Api-Key` are the same key; anything else is answered 401."""
    header, status = KEY_HEADERS[name]
    expected = 422 if (status, route) == (415, "POST /layout-parsing") else status
    assert answer(open_app, route, "Host: localhost", header)[0] == expected


def test_a_wrong_key_in_one_header_does_not_hide_the_right_one_in_the_other(open_app: App) -> None:
    """A gateway's own `Authorization` may be beside our key."""
    headers = ("Authorization: Bearer gateway", "X-Api-Key: secret")
    assert answer(open_app, "POST /v1/parse", "Host: localhost", *headers)[0] == 415


# --------------------------------------------------------------------------- metrics


def test_error_responses_are_counted_by_route_and_code(open_app: App) -> None:
    """Each error response is counted under its route, status and code; paths of no route share one label."""
    key = {"Authorization": "Bearer secret"}

    def post(path: str, **arguments: object) -> None:
        requests.post(f"{open_app.url}{path}", timeout=PATIENCE_S, **arguments)  # type: ignore[arg-type]

    def counts() -> dict[str, float]:
        text = requests.get(f"{open_app.url}/metrics", timeout=PATIENCE_S).text
        return {match[1]: float(match[2]) for match in re.finditer(r"ocr_http_errors_total\{(.*)\} (\S+)", text)}

    before = counts()
    post("/v1/parse", json={}, headers={"Origin": "http://evil.example"})
    post("/v1/parse", json={})
    post("/layout-parsing", json={})
    post("/v1/parse", json={}, headers=key)
    post("/v1/parse", data="x", headers=key)
    post("/layout-parsing", json={"file": "x", "fileType": 0, "useDocUnwarping": True}, headers=key)
    post("/a/b", json={})
    post("/v1/parse", headers={**key, "Content-Length": str(10**12)})
    added = {name for name, count in counts().items() if count == before.get(name, 0) + 1}
    assert added == {
        f'code="{code}",route="{route}",status="{status}"'
        for code, route, status in (
            ("ORIGIN_REJECTED", "/v1/parse", 403),
            ("UNAUTHORIZED", "/v1/parse", 401),
            ("UNAUTHORIZED", "/layout-parsing", 401),
            ("INVALID_REQUEST", "/v1/parse", 422),
            ("INVALID_REQUEST", "/v1/parse", 415),
            ("INVALID_REQUEST", "/layout-parsing", 422),
            ("INVALID_REQUEST", "other", 404),
            ("SOURCE_TOO_LARGE", "/v1/parse", 413),
        )
    }
