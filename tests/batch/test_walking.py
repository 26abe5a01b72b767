"""The walk through a folder: every entry is a document or skipped, and none is met twice."""

from __future__ import annotations

import os
from pathlib import Path

from ocr_worker.batch.walking import (
    BROKEN_LINK,
    EMPTY,
    HIDDEN,
    IRREGULAR,
    NO_DOCUMENT,
    REPEATED_FOLDER,
    result_folder,
    walk,
)

PNG, PDF = b"\x89PNG\r\n\x1a\n and so on", b"%PDF-1.7 and so on"


def reasons(root: Path) -> dict[str, str | None]:
    """Return name -> reason of all entries, None for documents."""
    return {entry.name: entry.reason for entry in walk(str(root))}


def test_the_bytes_decide_what_a_document_is(tmp_path: Path) -> None:
    """A document is found under any name; everything else is skipped, with the reason."""
    documents = {"a.png": PNG, "b.jfif": b"\xff\xd8\xff\xe0", "scan0001": PDF, "d.png ": PNG, "e.PNG_": PNG}
    documents["junk first"] = b"x" * 1000 + PDF
    claims = {"login.pdf": b"<html>", "empty.TIF": b""}  # they fail visibly
    others = {"notes.txt": (b"a note", NO_DOCUMENT), "touched": (b"", EMPTY), ".DS_Store": (PNG, HIDDEN)}
    for name, data in (documents | claims).items():
        (tmp_path / name).write_bytes(data)
    for name, (data, _) in others.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert reasons(tmp_path) == {
        **dict.fromkeys(documents | claims),
        **{name: reason for name, (_, reason) in others.items()},
        "pipe": IRREGULAR,
        "gone": BROKEN_LINK,
    }


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    """A linked folder is read under the link's name; one that is read already, or contains the link, is skipped."""
    root, far = tmp_path / "in", tmp_path / "far"
    for folder in (root / "real", far / "deep"):
        folder.mkdir(parents=True)
    for file in (root / "real" / "a.png", far / "b.png", far / "deep" / "c.png"):
        file.write_bytes(PNG)
    (far / "back").symlink_to(root)
    for name, target in {"1-link": root / "real", "2-far": far, "3-far": far, "up": tmp_path, "self": root}.items():
        (root / name).symlink_to(target)
    assert reasons(root) == {
        "real/a.png": None,
        "2-far/b.png": None,
        "2-far/deep/c.png": None,
        **dict.fromkeys(("1-link", "2-far/back", "3-far", "self", "up"), REPEATED_FOLDER),
    }


def test_a_deep_folder_is_read(tmp_path: Path) -> None:
    """The depth of a folder is limited by the file system only."""
    folder = tmp_path
    for _ in range(300):
        folder /= "d"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(PNG)
    assert list(reasons(tmp_path).values()) == [None]


def test_a_link_in_a_circle_is_skipped(tmp_path: Path) -> None:
    """A link that leads to itself costs nothing else."""
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "a.png").write_bytes(PNG)
    entries = reasons(tmp_path)
    assert entries.pop("a.png", "") is None
    assert str(entries["circle"]).startswith("cannot be read (")


def test_results_of_a_large_batch_are_results(tmp_path: Path) -> None:
    """A file in a document's folder is a result, also where the folders are fanned out; other files there are not."""
    (tmp_path / ".batch").mkdir()
    (tmp_path / "ledger.sqlite3").touch()
    folder = tmp_path / "ab" / "a.pdf"
    folder.mkdir(parents=True)
    for path in (folder / "document.json", folder / "page-1-figure-1.jpg", tmp_path / "ab" / "b.png"):
        path.touch()
    assert result_folder(str(folder / "page-1-figure-1.jpg")) == str(tmp_path)
    assert result_folder(str(tmp_path / "ab" / "b.png")) is None
