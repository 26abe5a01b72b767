"""The client that sends crops to model servers: which certificates it trusts, and that it leaves nothing open."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.model_server import TEXT, ModelServer
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.paddle

TLS = Path(__file__).parents[2] / "resources" / "tls"
NAME = "files.test"  # of the certificate


@pytest.fixture
def plain() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.die()


@pytest.fixture
def encrypted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A server with a certificate of the tests' authority, under the certificate's name."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **kw: resolve(host.replace(NAME, "127.0.0.1"), *more, **kw)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    server = ModelServer(tls=context)
    server.url = server.url.replace("127.0.0.1", NAME)
    yield server
    server.die()


@pytest.fixture
def client() -> Iterator[Any]:
    from ocr_worker.engines.paddleocr_vl.server_client import ServerClient

    client = ServerClient(SimpleNamespace(_model_name="any"))
    yield client
    client.close()


def read(client: Any, url: str) -> str:
    """Return the text of a crop, as PaddleX asks for it."""
    client.use(url)
    answer = client._create_completion([], timeout=PATIENCE_S).result(PATIENCE_S)
    return str(answer.choices[0].message.content)


@pytest.mark.parametrize("is_plain_first", [True, False])
def test_the_environment_names_the_authorities_of_every_url(
    client: Any, plain: ModelServer, encrypted: ModelServer, is_plain_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count for each https URL, also if the first server of a pipeline has another scheme."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(TLS / "authority.pem"))
    servers = [plain, encrypted] if is_plain_first else [encrypted, plain]
    assert [read(client, server.url) for server in servers] == [TEXT, TEXT]


def test_a_certificate_of_another_authority_is_rejected(
    client: Any, encrypted: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent to a server whose certificate no trusted authority has signed."""
    from ocr_worker.engines.paddleocr_vl import server_client

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(server_client, "_ATTEMPTS", 1)
    with pytest.raises(server_client.ServerUnreachable, match="CertificateError"):
        read(client, encrypted.url)
    assert encrypted.questions == []


def test_a_crop_after_the_cancellation_is_cancelled_too(client: Any, plain: ModelServer) -> None:
    """A call that is cancelled while it sends its crops sends no more; the next call reads."""
    plain.mode = "hangs"
    client.use(plain.url)
    first = client._create_completion([], timeout=PATIENCE_S)
    client.cancel()
    second = client._create_completion([], timeout=PATIENCE_S)
    for request in (first, second):
        with pytest.raises(CancelledError):
            request.result(PATIENCE_S)
    plain.mode = "fine"
    assert read(client, plain.url) == TEXT


def test_a_closed_client_has_no_open_session(plain: ModelServer) -> None:
    """`close` ends the session, of which aiohttp would otherwise warn when it is deleted."""
    from ocr_worker.engines.paddleocr_vl.server_client import ServerClient

    client = ServerClient(SimpleNamespace(_model_name="any"))
    assert read(client, plain.url) == TEXT
    client.close()
    assert client._session is not None
    assert client._session.closed
