"""From the command line to documents: what is taken, what it is called, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocr_worker.batch.inputs import Item, folder_name, gather
from ocr_worker.errors import InvalidRequest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.PDF", "a.png", "notes.txt", "sub/c.tif", ".hidden/d.png", ".e.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def names(items: list[Item]) -> list[str]:
    return [item.name for item in items]


def test_a_folder_gives_its_documents_sorted(folder: Path) -> None:
    """Whatever lies in a folder and below it and looks like a document; what is hidden or looks otherwise does not."""
    assert names(list(gather([str(folder)], ()))) == ["a.png", "b.PDF", "sub__c.tif"]


def test_files_globs_and_urls(folder: Path) -> None:
    """A file is taken whatever its name, a glob's matches sorted, a URL by its last step, without its query."""
    url = "https://example.com/files/My%20report.pdf?signature=secret"
    found = list(gather([str(folder / "notes.txt"), str(folder / "*.p*"), url, "https://example.com/"], ()))
    assert names(found) == ["notes.txt", "a.png", "My report.pdf", "example.com"]
    assert found[-2].source == url


def test_a_manifest_names_pages_options_and_ids(folder: Path) -> None:
    """Each line of a manifest is a document, by URL or by path from the manifest's folder, with what it asks for."""
    lines = [
        {"id": "first", "path": "a.png", "options": {"figures": "none"}},
        {"url": "https://example.com/b.pdf", "pages": "1-3,8"},
    ]
    manifest = folder / "list.jsonl"
    manifest.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    first, second = gather([str(manifest)], ())
    assert first == Item(str((folder / "a.png").resolve()), "first", None, {"figures": "none"})
    assert (second.name, second.pages, second.is_url) == ("b.pdf", "1-3,8", True)


def test_standard_input_is_read_line_by_line(folder: Path) -> None:
    """Paths, URLs and manifest lines may come on standard input."""
    lines = [str(folder / "a.png"), "https://example.com/x.pdf", json.dumps({"path": str(folder / "b.PDF")})]
    assert names(list(gather(["-"], [line + "\n" for line in lines]))) == ["a.png", "x.pdf", "b.PDF"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": "a"}', "exactly one of"),
        ('{"path": "no.png"}', "no such file"),
        ('{"path": "a.png", "page": "1"}', "page"),
        ('{"path": "a.png", "pages": "3-1"}', "pages"),
        ("{nonsense", "not valid JSON"),
    ],
)
def test_a_wrong_line_is_named(folder: Path, line: str, told: str) -> None:
    """What is wrong with a manifest is told with its file and line, before anything is sent."""
    manifest = folder / "list.jsonl"
    manifest.write_text('{"path": "a.png"}\n' + line + "\n")
    with pytest.raises(InvalidRequest, match=rf"list\.jsonl, line 2: .*{told}"):
        list(gather([str(manifest)], ()))


def test_what_is_not_there_is_refused(folder: Path) -> None:
    """A name without a file is a mistake, and never a batch of nothing."""
    with pytest.raises(InvalidRequest, match="no such file"):
        list(gather([str(folder / "missing.pdf")], ()))


def test_names_stay_inside_the_folder() -> None:
    """No name has a separator, a leading dot or a control character, or is longer than a file system takes."""
    nasty = ["../../etc/passwd", "..", ".", "", "a/b\\c", 'x\n\0:*?"<>|', "ä" * 300, ".hidden"]
    for name in map(folder_name, nasty):
        assert name
        assert not set(name) & set('/\\\0\n:*?"<>|')
        assert not name.startswith(".")
        assert len(name.encode()) <= 121
