"""The folder of a batch: locked, and each document in it whole or absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocr_worker.batch.folders import Folder
from ocr_worker.errors import BatchUnusable
from ocr_worker.wire.schema import DocumentResult


def document(*pages: dict[str, Any]) -> DocumentResult:
    return DocumentResult.read({"id": "a.pdf", "status": "succeeded", "pages": list(pages)})


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """The second run that locks the folder gets the process id of the first."""
    first, second = Folder(tmp_path / "out"), Folder(tmp_path / "out")
    first.lock()
    assert second.is_locked()
    with pytest.raises(BatchUnusable, match=r"in use by process \d+"):
        second.lock()


def test_a_document_folder_is_replaced_whole(tmp_path: Path) -> None:
    """Written again, a folder holds the new files only; pictures are files beside the Markdown and not in the JSON."""
    folder = Folder(tmp_path / "out")
    figure = {"name": "page-1-figure-1.jpg", "bbox": [0, 0, 1, 1], "base64": "AAEC"}
    page = {"page": 1, "status": "succeeded", "markdown": "text", "figures": [figure]}
    folder.put_document("a.pdf", document(page))
    entry = json.loads((tmp_path / "out" / "a.pdf" / "document.json").read_text())
    assert entry["pages"][0]["figures"] == [
        {"name": "page-1-figure-1.jpg", "bbox": [0, 0, 1, 1], "media_type": "image/jpeg"}
    ]
    assert (tmp_path / "out" / "a.pdf" / "page-1-figure-1.jpg").read_bytes() == b"\0\1\2"
    files = folder.put_document("a.pdf", document(page | {"figures": []}))
    assert sorted(path.name for path in (tmp_path / "out" / "a.pdf").iterdir()) == ["document.json", "document.md"]
    assert folder.differences("a.pdf", files) == []
    (tmp_path / "out" / "a.pdf" / "document.md").write_text("changed")
    (tmp_path / "out" / "a.pdf" / "document.json").unlink()
    assert len(folder.differences("a.pdf", files)) == 2


def test_pages_are_separated_as_the_options_say(tmp_path: Path) -> None:
    """The separator of a document's options is between the pages of its file, too."""
    pages = [{"page": number, "status": "succeeded", "markdown": f"text {number}"} for number in (1, 2)]
    Folder(tmp_path / "out").put_document("a.pdf", document(*pages), "---")
    assert (tmp_path / "out" / "a.pdf" / "document.md").read_text() == "text 1\n\n---\n\ntext 2\n"


def test_an_answer_is_kept_as_it_came(tmp_path: Path) -> None:
    """A stored result is JSON by slice, readable by every version; unknown fields are ignored.

    A damaged file is reported with its path.
    """
    folder = Folder(tmp_path / "out")
    stored = tmp_path / "out" / ".batch" / "answers" / "4.json"
    page = {"page": 2, "status": "succeeded", "markdown": "ä", "seconds": 0.5, "from_checkpoint": True}
    page |= {"figures": [], "warnings": [], "blocks": [{"label": "text", "content": "ä", "bbox": [0, 0, 9, 9]}]}
    entry = {"id": "document-1", "status": "succeeded", "page_count": 3, "pages": [page], "warnings": []}
    stored.write_text(json.dumps({"11": {**entry, "new": 1, "pages": [{**page, "new": {}}]}}))
    answer = folder.stored_results(4)
    assert answer == {11: DocumentResult.read(entry)}
    folder.store_results(4, answer)
    assert json.loads(stored.read_text()) == {"11": entry}
    assert folder.stored_results(5) == {}
    stored.write_text('{"11": {"id": 1')
    with pytest.raises(BatchUnusable, match=r"answers/4\.json"):
        folder.stored_results(4)
