"""docling's, FastGPT's and Open WebUI's APIs: requests as their clients send them, and answers that they read."""

from __future__ import annotations

import base64
from typing import Any, get_args

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from ocr_worker.app import WIRES, create_app
from ocr_worker.app.wires import docling, fastgpt, open_webui
from ocr_worker.errors import Corrupt
from ocr_worker.settings import Settings
from ocr_worker.settings.values import Wire
from ocr_worker.wire.schema import Block
from support.wire_service import CROP, WireService, failed_page, figure, page

PDF = b"%PDF-1.7 and so on"
FILES = {"files": ("a.pdf", PDF)}
SOURCE = {"kind": "file", "base64_string": base64.b64encode(PDF).decode(), "filename": "a.pdf"}
CORRUPT = Corrupt("the PDF is damaged")


def test_every_wire_can_be_switched_off() -> None:
    """Each API has a name in the setting; the list chooses which are served, and an empty list switches all off."""
    assert set(get_args(Wire)) == {*WIRES, "jobs"} == set(Settings().wires)
    paths = {name: _paths([name]) for name in get_args(Wire)}
    assert all(paths.values())
    assert _paths([]) == set()
    assert _paths(["mistral", "docling", "mistral"]) == paths["mistral"] | paths["docling"]


def _paths(wires: list[str]) -> set[str]:
    """Return the paths of these APIs in an app, without those of the app itself."""
    operations = create_app(Settings(engine="embedded", wires=wires)).openapi()["paths"]
    return set(operations) - {"/v1/parse", "/ping", "/health", "/metrics", "/readyz", "/livez"}


def test_every_wire_has_a_tag_of_its_own() -> None:
    """The operations of an API have its name as their tag."""
    for name, router in WIRES.items():
        routes = [route for route in router(WireService()).routes if isinstance(route, APIRoute)]
        assert {tag for route in routes for tag in route.tags} == {name}


# --------------------------------------------------------------------------- docling


def test_docling_converts_a_file() -> None:
    """Open WebUI's request: placeholders instead of figures, and a form feed between pages."""
    blocks = [
        Block(label="text", content="Levels & flows", bbox=(0, 0, 1, 1)),
        Block(label="table", content="<table><tr><td>a &lt; b</td><td>2</td></tr></table>", bbox=(0, 0, 1, 1)),
    ]
    service = WireService(page(1, "one ![x](f.jpg)", blocks, figures=[figure("f.jpg")]))
    form = {"image_export_mode": "placeholder", "md_page_break_placeholder": "\f", "to_formats": ["md", "json"]}
    response = service.client(docling.router).post("/v1/convert/file", files=FILES, data=form)
    body = response.json()
    assert (body["status"], body["errors"], body["document"]["filename"]) == ("success", [], "a.pdf")
    assert body["document"]["md_content"] == "one <!-- image -->\n\nx"
    assert body["document"]["text_content"] == "Levels & flows\n\na < b\t2"
    assert body["document"]["json_content"] is None
    assert service.uploads == [PDF]
    assert service.requests[0].options.page_separator == "\f"


def test_docling_converts_a_source() -> None:
    """A file in base64 and a URL; options that choose docling's models have no effect."""
    service = WireService(page(1, "![](f.jpg)", figures=[figure("f.jpg")]))
    client = service.client(docling.router)
    options = {"to_formats": ["md"], "do_ocr": True, "force_ocr": True, "page_range": [2, 5], "ocr_engine": "easyocr"}
    body = client.post("/v1/convert/source", json={"sources": [SOURCE], "options": options}).json()
    assert body["document"]["md_content"] == f"![](data:image/jpeg;base64,{CROP})"
    assert (service.requests[0].documents[0].pages, service.requests[0].options.text_layer) == ("2-5", "never")
    link = {"kind": "http", "url": "https://example.com/b.pdf?x=1", "headers": {}}
    body = client.post("/v1/convert/source", json={"sources": [link], "target": {"kind": "inbody"}}).json()
    assert body["document"]["filename"] == "b.pdf"
    assert service.requests[1].documents[0].url == link["url"]


@pytest.mark.parametrize("page_range", [["2", "5"], ["2,5"], ["[2, 5]"]])
def test_docling_reads_a_page_range_of_a_form(page_range: list[str]) -> None:
    """A form repeats the field, or has both numbers in one text."""
    service = WireService(page(1))
    response = service.client(docling.router).post(
        "/v1/convert/file", files=FILES, data={"page_range": page_range, "document_timeout": "60"}
    )
    assert response.status_code == 200, response.text
    assert (service.requests[0].documents[0].pages, service.requests[0].options.timeout_s) == ("2-5", 60)


def test_docling_tells_of_failed_pages() -> None:
    """The status says that something is missing, and `errors` has each page that failed."""
    body = WireService(page(1), failed_page(2)).client(docling.router).post("/v1/convert/file", files=FILES).json()
    assert body["status"] == "partial_success"
    assert [error["error_message"][:25] for error in body["errors"]] == ["page 2: ENGINE_TIMED_OUT:"]


@pytest.mark.parametrize(
    ("path", "request_fields", "word"),
    [
        ("file", {"data": {"to_formats": "md"}}, "`files`"),
        ("file", {"files": [("files", ("a", b"a")), ("files", ("b", b"b"))]}, "one file"),
        ("file", {"files": FILES, "data": {"target_type": "zip"}}, "target_type"),
        ("file", {"files": FILES, "data": {"image_export_mode": "none"}}, "image_export_mode"),
        ("source", {"json": {"sources": [SOURCE], "options": {"do_chunking": True}}}, "do_chunking"),
        ("source", {"json": {"sources": [SOURCE, SOURCE]}}, "sources"),
        ("source", {"json": {"sources": [{"kind": "http"}]}}, "`url`"),
        ("source", {"json": {"sources": [{"kind": "file", "url": "https://a.b/c"}]}}, "`base64_string`"),
        ("source", {"json": {"sources": [{"kind": "http", "url": "https://a.b", "headers": {"a": "b"}}]}}, "headers"),
        ("source", {"json": {"sources": [SOURCE], "target": {"kind": "zip"}}}, "target"),
    ],
)
def test_docling_rejects_what_it_cannot_do(path: str, request_fields: dict[str, Any], word: str) -> None:
    """A request that cannot be served has a `detail`, which clients show, with the name of the field."""
    response = WireService(page(1)).client(docling.router).post(f"/v1/convert/{path}", **request_fields)
    assert (response.status_code, response.json()["code"]) == (422, "INVALID_REQUEST")
    assert word in response.json()["detail"]


def test_docling_shows_the_error_of_a_document() -> None:
    """A document of which no page was parsed is an error, not an empty text."""
    response = WireService(error=CORRUPT).client(docling.router).post("/v1/convert/file", files=FILES)
    assert response.status_code == 422
    assert "the PDF is damaged" in response.json()["detail"]


def test_docling_clients_send_their_key_in_a_header_of_its_own() -> None:
    """Open WebUI sends `X-Api-Key`."""
    client = WireService(page(1)).client(docling.router, key="secret")
    statuses = [client.post("/v1/convert/file", files=FILES, headers={"X-Api-Key": key}) for key in ("x", "secret")]
    assert [response.status_code for response in statuses] == [401, 200]


def test_the_probes_of_docling_clients() -> None:
    """The requests by which clients find out whether a server is there succeed, while the engine loads, too."""
    client = TestClient(create_app(Settings(engine="embedded")), base_url="http://localhost")
    assert client.head("/openapi.json").status_code == 200
    assert client.get("/health").status_code == 200


# --------------------------------------------------------------------------- FastGPT and Open WebUI


def test_fastgpt_reads_three_fields() -> None:
    """Markdown with the figures as data URIs, the number of pages, and no `error`."""
    service = WireService(page(1, "![x](f.jpg)", figures=[figure("f.jpg")]), failed_page(2))
    body = service.client(fastgpt.router).post("/v1/fastgpt", files={"file": ("file.pdf", PDF)}).json()
    assert body["markdown"].startswith(f"![](data:image/jpeg;base64,{CROP})\n\nx")
    assert "<!-- page 2: ENGINE_TIMED_OUT -->" in body["markdown"]
    assert (body["pages"], body.get("error"), service.uploads) == (1, None, [PDF])


@pytest.mark.parametrize(("files", "status"), [({"file": ("a.pdf", PDF)}, 422), ({"x": ("a.pdf", PDF)}, 422)])
def test_fastgpt_shows_the_message_of_an_error(files: dict[str, Any], status: int) -> None:
    """An error is a status with `message` and `error`, which FastGPT shows."""
    response = WireService(error=CORRUPT).client(fastgpt.router).post("/v1/fastgpt", files=files)
    assert response.status_code == status
    assert response.json()["message"] == response.json()["error"] != ""


def test_open_webui_sends_a_file_as_the_body() -> None:
    """The body is the file, whatever its type is called; its name is decoded from a header."""
    service = WireService(page(1, "# Levels"))
    headers = {"Content-Type": "application/pdf", "X-Filename": "B%C3%A4che.pdf"}
    body = service.client(open_webui.router).put("/process", content=PDF, headers=headers).json()
    assert body["page_content"] == "# Levels"
    metadata = {"source": "Bäche.pdf", "engine": "double", "status": "succeeded", "page_count": 1}
    assert body["metadata"] == metadata
    assert service.uploads == [PDF]


def test_open_webui_shows_the_text_of_an_error() -> None:
    """The text of an error has the reason."""
    response = WireService(error=CORRUPT).client(open_webui.router).put("/process", content=PDF)
    assert response.status_code == 422
    assert "the PDF is damaged" in response.text
