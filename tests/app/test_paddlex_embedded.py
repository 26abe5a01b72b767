"""PaddleX's API with the real embedded engine: default requests of clients, and the resolution of pages."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import SecretStr

from ocr_worker.app import create_app
from ocr_worker.settings import Settings
from resources.make_page import page_png
from support.examples import EXAMPLES
from support.waiting import eventually

pytestmark = pytest.mark.process

PATHS = re.compile(r"page-\d+-figure-\d+\.jpg|imgs/[a-z0-9_]+\.jpg")  # of figures, which each route names its own way
TOKEN = {"Authorization": "token secret"}


def picture(form: str) -> bytes:
    """Return the upper half of a page, as an image or as the only picture of a PDF."""
    page = Image.open(io.BytesIO(page_png())).convert("RGB")
    buffer = io.BytesIO()
    page.crop((0, 0, page.width, page.height // 2)).save(buffer, form, resolution=150)
    return buffer.getvalue()


DOCUMENTS = {
    "a text layer": (EXAMPLES / "sample.pdf").read_bytes(),
    "a scan": picture("PDF"),
    "an image": picture("PNG"),
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """The app with the embedded engine and a key."""
    app = create_app(Settings(engine="embedded", api_keys=[SecretStr("secret")]))
    with TestClient(app, base_url="http://localhost", headers=TOKEN) as started:
        assert eventually(lambda: started.get("/readyz").status_code == 200)
        yield started


def post(client: TestClient, data: bytes, **options: Any) -> dict[str, Any]:
    body = {"file": base64.b64encode(data).decode(), "fileType": 0 if data.startswith(b"%PDF") else 1}
    response = client.post("/layout-parsing", json=body | options)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


def parsed_pages(client: TestClient, data: bytes) -> list[dict[str, Any]]:
    """Return the pages of `/v1/parse` without escaped signs, which PaddleX's API does not have."""
    document = {"base64": base64.b64encode(data).decode()}
    response = client.post("/v1/parse", json={**document, "options": {"markdown_escape": False}})
    pages: list[dict[str, Any]] = response.json()["documents"][0]["pages"]
    return pages


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_text_is_that_of_our_own_route_and_the_page_has_144_dpi(client: TestClient, name: str) -> None:
    """The engine reads at its own resolution, and boxes and sizes are scaled afterwards; images are not scaled."""
    pages = parsed_pages(client, DOCUMENTS[name])
    result = post(client, DOCUMENTS[name], returnMarkdownImages=False, visualize=False)["result"]
    for page, entry in zip(pages, result["layoutParsingResults"], strict=True):
        assert PATHS.sub("", entry["markdown"]["text"]) == PATHS.sub("", page["markdown"])
        blocks = entry["prunedResult"]["parsing_res_list"]
        assert [block["block_content"] for block in blocks] == [block["content"] for block in page["blocks"]]
        factor = 1 if name == "an image" else 144 / page["dpi"]
        assert entry["prunedResult"]["width"] == round(page["width"] * factor)
        boxes = [[round(value * factor) for value in block["bbox"]] for block in page["blocks"]]
        assert [block["block_bbox"] for block in blocks] == boxes
    assert any(page["blocks"] for page in pages)


def test_ragflow_gets_its_default_request_answered(client: TestClient) -> None:
    """RAGFlow's body is answered 200, with blocks in Markdown, and its key in the header of AI Studio's clients."""
    body = post(client, DOCUMENTS["a text layer"], formatBlockContent=True, mergeLayoutBlocks=False)
    assert body["errorCode"] == 0
    assert [warning["message"].split("`")[1] for warning in body["warnings"]] == ["mergeLayoutBlocks"]
    entries = body["result"]["layoutParsingResults"]
    titles = [
        block["block_content"]
        for entry in entries
        for block in entry["prunedResult"]["parsing_res_list"]
        if block["block_label"].endswith("_title") and block["block_label"] != "figure_title"
    ]
    assert titles
    text = "\n\n".join(entry["markdown"]["text"] for entry in entries)
    assert all(title.startswith("#") and title in text for title in titles)


def test_a_file_that_cannot_be_read_says_why_in_the_message_that_clients_show(client: TestClient) -> None:
    """`errorMsg` has PaddleX's words and our reason."""
    body = {"file": base64.b64encode(b"%PDF-1.7 and nothing else").decode(), "fileType": 0}
    response = client.post("/layout-parsing", json=body)
    assert response.status_code == 422
    message = response.json()["errorMsg"]
    assert message.startswith("Invalid input file: ")
    assert message.endswith(response.json()["error"]["message"])
