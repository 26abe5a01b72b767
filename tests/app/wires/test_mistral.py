"""Mistral's API: requests as its clients send them, uploaded files, and errors in its form."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ocr_worker.app import create_app
from ocr_worker.app.wires import mistral
from ocr_worker.app.wires.uploads import Uploads
from ocr_worker.errors import Corrupt, EngineUnavailable, QueueFull
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import Block, UploadedDocument
from support.wire_service import CROP, WireService, failed_page, figure, page

PDF = b"%PDF-1.7 and so on"
DATA_URI = f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
BY_URL = {"document": {"type": "document_url", "document_url": DATA_URI}, "model": "mistral-ocr-latest"}


def post(client: TestClient, **fields: Any) -> Any:
    """Return the response of `/v1/ocr`."""
    return client.post("/v1/ocr", json=BY_URL | fields)


# --------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (None, None),
        ([], None),
        ("", None),
        ([0, 1, 5], "1,2,6"),
        (0, "1"),
        ("0", "1"),
        ("0,2-4", "1,3-5"),
        ("9-", "10-"),
        ([9, 10], "10,11"),
    ],
)
def test_pages_count_from_zero(pages: Any, expected: str | None) -> None:
    """Pages of the API count from 0, also in ranges, and all are parsed by default."""
    service = WireService(page(1))
    assert post(service.client(mistral.router), pages=pages).status_code == 200
    assert service.requests[0].documents[0].pages == expected


@pytest.mark.parametrize("pages", [[-1], "a", "3-1", [True, "x"], {"from": 0}])
def test_invalid_pages_are_errors(pages: Any) -> None:
    """Pages that cannot be read are an invalid request with a message, in the two places where clients look."""
    response = post(WireService(page(1)).client(mistral.router), pages=pages)
    body = response.json()
    assert (response.status_code, body["object"], body["code"]) == (422, "error", "INVALID_REQUEST")
    assert "pages" in body["message"]
    assert body["detail"][0]["msg"] == body["message"]


@pytest.mark.parametrize(
    "document",
    [
        {"type": "document_url", "document_url": DATA_URI, "document_name": "a.pdf"},
        {"document_url": DATA_URI},
        {"type": "image_url", "image_url": DATA_URI},
        {"type": "image_url", "image_url": {"url": DATA_URI, "detail": "high"}},
    ],
)
def test_every_form_of_a_document(document: dict[str, Any]) -> None:
    """A document is a URL or data URI in any of the fields; unknown fields are ignored."""
    service = WireService(page(1))
    response = post(service.client(mistral.router), document=document, id="x", include_blocks=True)
    assert response.json()["usage_info"] == {"pages_processed": 1, "doc_size_bytes": len(PDF)}
    assert service.requests[0].documents[0].url == DATA_URI


@pytest.mark.parametrize(
    "fields",
    [
        {"document": {"type": "document_url"}},
        {"document": {"document_url": DATA_URI, "image_url": DATA_URI}},
        {"document_annotation_format": {"type": "json_schema"}},
        {"table_format": "markdown"},
    ],
)
def test_what_would_be_missing_is_an_error(fields: dict[str, Any]) -> None:
    """A request whose result would lack what was asked for is rejected with the name of its field."""
    response = post(WireService(page(1)).client(mistral.router), **fields)
    assert response.status_code == 422
    assert next(iter(fields)) in response.json()["message"]


# --------------------------------------------------------------------------- responses


def test_a_page_in_full() -> None:
    """Number from 0, size, header, footer, blocks and figures; a figure's reference is its id, as programs replace."""
    blocks = [
        Block(label="header", content="Annual report", bbox=(1, 2, 3, 4)),
        Block(label="doc_title", content="Levels", bbox=(5, 6, 7, 8)),
        Block(label="image", content="May Jun", bbox=(0, 0, 100, 100)),
        Block(label="table", content="<table></table>", bbox=(9, 9, 10, 10)),
        Block(label="number", content="17", bbox=(1, 1, 2, 2)),
    ]
    service = WireService(page(3, "# Levels\n\n![May Jun](f.jpg)", blocks, figures=[figure("f.jpg")]))
    response = post(service.client(mistral.router), include_image_base64=True, table_format="html")
    (entry,) = response.json()["pages"]
    assert (entry["index"], entry["header"], entry["footer"]) == (2, "Annual report", "17")
    assert entry["markdown"] == "# Levels\n\n![f.jpg](f.jpg)\n\nMay Jun"
    assert entry["dimensions"] == {"dpi": 200, "width": 1000, "height": 1400}
    corners = {"top_left_x": 0, "top_left_y": 0, "bottom_right_x": 100, "bottom_right_y": 100}
    assert entry["images"] == [{"id": "f.jpg", "image_base64": f"data:image/jpeg;base64,{CROP}", **corners}]
    assert [block["type"] for block in entry["blocks"]] == ["header", "title", "image", "table", "footer"]
    assert entry["blocks"][2] == {"type": "image", "content": "May Jun", "image_id": "f.jpg", **corners}
    assert entry["tables"] == [{"id": "tbl-0.html", "content": "<table></table>", "format": "html"}]
    assert response.json()["model"] == "mistral-ocr-latest"
    assert service.requests[0].options.figures == "inline"


@pytest.mark.parametrize(("fields", "names"), [({"image_limit": 1}, ["b"]), ({"image_min_size": 60}, ["b", "c"])])
def test_figures_are_selected(fields: dict[str, int], names: list[str]) -> None:
    """Figures that are too small or too many are not listed, and no reference to them is left."""
    pages = [
        page(1, "![](a)\n\n![](b)", figures=[figure("a", 50, 200), figure("b", 300, 60)]),
        page(2, "![](c)", figures=[figure("c")]),
    ]
    fields = fields if "image_min_size" in fields else {**fields, "image_min_size": 60}
    entries = post(WireService(*pages).client(mistral.router), **fields).json()["pages"]
    assert [image["id"] for entry in entries for image in entry["images"]] == names
    assert [name for name in "abc" if f"]({name})" in "".join(entry["markdown"] for entry in entries)] == names


def test_a_failed_page_is_visible() -> None:
    """A page that failed has an entry with its error's code, and the headers tell of it."""
    response = post(WireService(page(1), failed_page(2)).client(mistral.router))
    assert [entry["markdown"] for entry in response.json()["pages"]] == ["text", "<!-- page 2: ENGINE_TIMED_OUT -->"]
    assert response.json()["pages"][1]["dimensions"] is None
    assert (response.headers["X-Status"], response.json()["usage_info"]["pages_processed"]) == ("partial", 1)


@pytest.mark.parametrize(
    ("error", "status"), [(Corrupt("the PDF is damaged"), 422), (EngineUnavailable("no engine is alive"), 503)]
)
def test_an_error_has_the_form_of_the_api(error: Any, status: int) -> None:
    """A document of which no page was parsed is an error with message, code, and whether to come again."""
    response = post(WireService(error=error).client(mistral.router))
    body = response.json()
    assert (response.status_code, body["object"], body["code"]) == (status, "error", error.code)
    assert str(error) in body["message"]
    assert body["retryable"] is error.retryable is ("Retry-After" in response.headers)


def test_a_missing_key_has_the_form_of_the_api() -> None:
    """A wrong key is answered before the document is looked at, in the API's form."""
    client = WireService(page(1)).client(mistral.router, key="secret")
    assert post(client).json()["type"] == "authentication_error"
    headers = {"Authorization": "Bearer secret"}
    assert client.post("/v1/ocr", json=BY_URL, headers=headers).status_code == 200


def test_what_a_middleware_rejects_has_the_form_of_the_api() -> None:
    """A body that is too large, or an unknown host, is answered before the route, and in its form."""
    app = create_app(Settings(engine="embedded", max_source_mb=0.001), is_local=True)
    large = TestClient(app, base_url="http://localhost").post("/v1/ocr", content=b"x" * 5000)
    assert (large.status_code, large.json()["object"], large.json()["code"]) == (413, "error", "SOURCE_TOO_LARGE")
    foreign = TestClient(app, base_url="http://elsewhere").post("/v1/files")
    assert (foreign.status_code, foreign.json()["code"]) == (421, "HOST_REJECTED")


# --------------------------------------------------------------------------- files


def test_a_file_is_uploaded_parsed_and_deleted() -> None:
    """The steps of LibreChat and Open WebUI: upload, address, parse, delete; later the file is unknown."""
    service = WireService(page(1))
    with service.client(mistral.router) as client:
        entry = client.post("/v1/files", files={"file": ("a.pdf", PDF)}, data={"purpose": "ocr"}).json()
        assert (entry["object"], entry["bytes"], entry["filename"]) == ("file", len(PDF), "a.pdf")
        path = f"/v1/files/{entry['id']}"
        assert client.get(path).json()["id"] == entry["id"]
        assert client.get(f"{path}/content").content == PDF
        url = client.get(f"{path}/url", params={"expiry": 24}).json()["url"]
        for document in ({"document_url": url}, {"type": "file", "file_id": entry["id"]}):
            assert post(client, document=document).json()["usage_info"]["doc_size_bytes"] == len(PDF)
        assert client.delete(path).json() == {"id": entry["id"], "object": "file", "deleted": True}
        for response in (client.get(path), client.delete(path), post(client, document={"document_url": url})):
            assert (response.status_code, response.json()["type"]) == (404, "not_found_error")
    assert service.uploads == [PDF, PDF]
    assert isinstance(service.requests[0].documents[0], UploadedDocument)


@pytest.mark.parametrize("form", [{"data": {"purpose": "ocr"}}, {"files": {"document": ("a.pdf", PDF)}}])
def test_an_upload_without_a_file(form: dict[str, Any]) -> None:
    """A form without a file in its field is an error that names the field."""
    response = WireService().client(mistral.router).post("/v1/files", **form)
    assert response.status_code == 422
    assert "`file`" in response.json()["message"]


def test_files_are_bounded() -> None:
    """A file that does not fit beside the others is rejected for now, and fits after one was deleted."""

    async def fill() -> None:
        uploads = Uploads(Settings(upload_mb=0.001))
        file = await uploads.add(io.BytesIO(b"x" * 600), "a")
        with pytest.raises(QueueFull, match="OCR_UPLOAD_MB"):
            await uploads.add(io.BytesIO(b"y" * 600), "b")
        uploads.delete(file.id)
        assert (await uploads.add(io.BytesIO(b"y" * 600), "b")).read(3) == b"yyy"

    asyncio.run(fill())


def test_a_file_expires() -> None:
    """A file is deleted after its time, and its space is free again; one that is being read stays readable."""

    async def wait() -> None:
        uploads = Uploads(Settings(upload_ttl_s=0.01, upload_mb=0.001))
        file = await uploads.add(io.BytesIO(b"x" * 600), "a")
        while uploads.get(file.id):
            await asyncio.sleep(0.01)
        assert file.read() == b"x" * 600
        await uploads.add(io.BytesIO(b"y" * 600), "b")

    asyncio.run(wait())
