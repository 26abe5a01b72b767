"""Ids of uploads, and the messages for fields of a form that are in the wrong place."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.app.body import read_body, upload_ids
from ocr_worker.app.problems import HttpError
from ocr_worker.engines.registry import engine_spec


@pytest.mark.parametrize(
    ("names", "url_count", "ids"),
    [
        (["a.pdf", "b.pdf"], 0, ["a.pdf", "b.pdf"]),
        (["a.pdf", "a.pdf", "a.pdf"], 0, ["a.pdf", "a-2.pdf", "a-3.pdf"]),
        (["a.pdf", "a-2.pdf", "a.pdf"], 0, ["a.pdf", "a-2.pdf", "a-3.pdf"]),
        (["../../etc/passwd", "C:\\scans\\x.png", "/"], 0, ["passwd", "x.png", "document-3"]),
        (["", "document-1"], 0, ["document-1", "document-1-2"]),
        (["document-2"], 1, ["document-2-2"]),
        (["x" * 500 + ".pdf"], 0, ["x" * 150 + ".pdf"]),
    ],
)
def test_the_id_of_an_upload_is_its_file_name(names: list[str], url_count: int, ids: list[str]) -> None:
    """Folders are cut off, equal names are numbered, and the default ids of URLs stay theirs."""
    assert upload_ids(names, url_count) == ids


@given(st.lists(st.text(st.characters(), max_size=250), max_size=8), st.integers(0, 3))
def test_ids_of_uploads_are_valid_and_unique(names: list[str], url_count: int) -> None:
    """Whatever files are called, each has an id of its own that fits and can be encoded."""
    ids = upload_ids(names, url_count)
    assert len(set(ids)) == len(names)
    assert all(1 <= len(upload_id) <= 200 and upload_id.encode() for upload_id in ids)


def form_error(**fields: Any) -> str:
    """Return the message for a form with these fields."""
    app = FastAPI()
    messages = []

    @app.post("/")
    async def post(request: Request) -> None:
        with pytest.raises(HttpError) as caught:
            await read_body(request, engine_spec("embedded"))
        messages.append(str(caught.value))

    TestClient(app).post("/", files=fields)
    return messages[0]


def test_the_message_for_an_unknown_form_field_names_its_place() -> None:
    """An option belongs in `options`, and a file in `file`, whatever other tools call it."""
    message = form_error(image=("a.png", b"x"), dpi=(None, "200"), colour=(None, "red"))
    assert message == (
        "unknown form fields: colour, dpi (belongs in `options`), image (send a file as `file`);"
        " allowed: file, files, url, id, pages, password, options"
    )


@pytest.mark.parametrize("names", [["files"], ["files", "files"], ["file", "files"]])
def test_files_may_be_in_the_field_of_other_servers(names: list[str]) -> None:
    """`files` is read as `file` is, and both may be in one form."""
    app, ids = FastAPI(), []

    @app.post("/")
    async def post(request: Request) -> None:
        parse_request = await read_body(request, engine_spec("embedded"))
        ids.extend(document.id for document in parse_request.documents)

    TestClient(app).post("/", files=[(name, (f"{number}.pdf", b"x")) for number, name in enumerate(names)])
    assert ids == [f"{number}.pdf" for number in range(len(names))]
