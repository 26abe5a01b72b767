"""From the command line to documents: what is taken, what it is called, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from ocr_worker.batch.inputs import Entry, Item, SkippedEntry, folder_name, gather
from ocr_worker.batch.manifests import NO_MANIFEST
from ocr_worker.batch.walking import BATCH_RESULTS, HIDDEN, NO_DOCUMENT
from ocr_worker.errors import InvalidRequest

PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.PDF", "a.png", "notes.txt", "sub/c.tif", ".hidden/d.png", ".e.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def items_of(entries: Iterable[Entry]) -> list[Item]:
    return [entry for entry in entries if isinstance(entry, Item)]


def names(entries: Iterable[Entry]) -> list[str]:
    return [item.name for item in items_of(entries)]


def skipped(entries: Iterable[Entry]) -> dict[str, str]:
    """Return name -> reason of the skipped entries."""
    return {Path(entry.source).name: entry.reason for entry in entries if isinstance(entry, SkippedEntry)}


def test_a_folder_gives_its_documents_sorted(folder: Path) -> None:
    """A folder yields all documents in it and below it, sorted, and every other entry with the reason."""
    entries = list(gather([str(folder)], ()))
    assert names(entries) == ["a.png", "b.PDF", "sub__c.tif"]
    assert skipped(entries) == {".hidden": HIDDEN, ".e.png": HIDDEN, "notes.txt": NO_DOCUMENT}


def test_files_globs_and_urls(folder: Path) -> None:
    """A file is taken whatever its name, a glob's matches sorted, a URL by its last step, without its query."""
    (folder / "scan0001").write_bytes(PNG)
    url = "https://example.com/files/My%20report.pdf?signature=secret"
    entries = list(gather([str(folder / "scan0001"), str(folder / "*.[pt]*"), url, "https://example.com/"], ()))
    assert names(entries) == ["scan0001", "a.png", "My report.pdf", "example.com"]
    assert items_of(entries)[-2].source == url
    assert skipped(entries) == {"notes.txt": NO_DOCUMENT}


def test_a_file_that_is_no_document_fails_visibly_or_is_skipped(folder: Path) -> None:
    """A file that was named is a document, which fails, unless it is text: that could be a list of documents."""
    (folder / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0\0\0")
    entries = list(gather([str(folder / "old.doc"), str(folder / "notes.txt")], ()))
    assert (names(entries), skipped(entries)) == (["old.doc"], {"notes.txt": NO_MANIFEST})


# --------------------------------------------------------------------------- what a batch wrote


@pytest.fixture
def batch_in_folder(tmp_path: Path) -> Path:
    """Return the folder of a batch inside a folder of documents."""
    (tmp_path / "scan.png").write_bytes(PNG)
    out = tmp_path / "out"
    for name in (".batch/answers", "scan.png"):
        (out / name).mkdir(parents=True)
    for name in ("ledger.sqlite3", "report.html", "scan.png/document.json", "scan.png/document.md"):
        (out / name).write_bytes(b"")
    (out / "scan.png" / "page-1-figure-1.png").write_bytes(PNG)
    return out


@pytest.mark.parametrize(
    "argument", [".", "*", "**", "**/*.png", "out", "out/scan.png", "out/scan.png/page-1-figure-1.png", "-"]
)
def test_results_of_a_batch_are_no_input(batch_in_folder: Path, argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that runs again in its input never reads what it wrote, however its files are named."""
    monkeypatch.chdir(batch_in_folder.parent)
    files = [str(path) for path in batch_in_folder.parent.rglob("*") if path.is_file()]
    arguments = [argument, *(["out/report.html"] if argument == "." else [])]
    for out in (Path("out"), None):
        entries = list(gather(arguments, files, out))
        assert names(entries) == ([] if argument.startswith("out") else ["scan.png"])
        assert BATCH_RESULTS in skipped(entries).values() or argument == "*"


def test_the_folder_of_a_batch_is_recognized_before_and_after_its_time(tmp_path: Path) -> None:
    """`--out` is no input before it has a ledger, and a copy of a batch without its hidden folder is none."""
    for name in ("new", "copied"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "figure.png").write_bytes(PNG)
    (tmp_path / "copied" / "ledger.sqlite3").write_bytes(b"SQLite format 3\0 CREATE TABLE slices (")
    entries = list(gather([str(tmp_path)], (), tmp_path / "new"))
    assert (names(entries), skipped(entries)) == ([], {"new": BATCH_RESULTS, "copied": BATCH_RESULTS})


def test_a_link_to_a_result_is_no_input(batch_in_folder: Path, tmp_path: Path) -> None:
    """A linked file or folder of results is skipped like the results themselves."""
    links = tmp_path / "links"
    links.mkdir()
    (links / "figure.png").symlink_to(batch_in_folder / "scan.png" / "page-1-figure-1.png")
    (links / "folder").symlink_to(batch_in_folder / "scan.png")
    (links / "scan.png").symlink_to(tmp_path / "scan.png")
    entries = list(gather([str(links)], ()))
    assert names(entries) == ["scan.png"]
    assert skipped(entries) == {"figure.png": BATCH_RESULTS, "folder": BATCH_RESULTS}


def test_documents_beside_results_are_an_input(tmp_path: Path) -> None:
    """With `--out .`, the folder of the batch is the parent of the documents, which are read nevertheless."""
    (tmp_path / "scans").mkdir()
    for name in ("scans/a.png", "b.png"):
        (tmp_path / name).write_bytes(PNG)
    entries = list(gather([str(tmp_path / "scans"), str(tmp_path / "b.png")], (), tmp_path))
    assert (names(entries), skipped(entries)) == (["a.png", "b.png"], {})


# --------------------------------------------------------------------------- manifests


def test_a_manifest_names_pages_options_and_ids(folder: Path) -> None:
    """Each line of a manifest is a document, by URL or by path from the manifest's folder, with what it asks for."""
    lines = [
        {"id": "first", "path": "a.png", "options": {"figures": "none"}},
        {"url": "https://example.com/b.pdf", "pages": "1-3,8"},
    ]
    manifest = folder / "list.jsonl"
    manifest.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    first, second = items_of(gather([str(manifest)], ()))
    assert first == Item(str((folder / "a.png").resolve()), "first", None, {"figures": "none"})
    assert (second.name, second.pages, second.is_url) == ("b.pdf", "1-3,8", True)


def test_standard_input_is_read_line_by_line(folder: Path) -> None:
    """Paths, URLs and manifest lines may come on standard input."""
    lines = [str(folder / "a.png"), "https://example.com/x.pdf", json.dumps({"path": str(folder / "b.PDF")})]
    lines += ["s3://scans/march/y.pdf", json.dumps({"url": "s3://scans/z.pdf"})]
    items = items_of(gather(["-"], [line + "\n" for line in lines]))
    assert [item.name for item in items] == ["a.png", "x.pdf", "b.PDF", "y.pdf", "z.pdf"]
    assert [item.is_url for item in items] == [False, True, False, True, True]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a"}', "exactly one of"),
        ('{"path": "no.png"}', "no such file"),
        ('{"path": "a.png", "page": "1"}', "page"),
        ('{"path": "a.png", "pages": "3-1"}', "pages"),
        ("{nonsense", "not valid JSON"),
        ('{"path": "a.png", "password": 17}', "password should be a valid string"),
        ('{"path": "a.png", "id": "\\ud800"}', "id has characters that are not Unicode"),
        ('{"path": "a.png", "options": {"x": "\\ud800"}}', "`options` or `password` has characters"),
        ('{"url": "ftp://example.com/a.pdf"}', "should begin with http"),
        ("list.jsonl", "lists itself"),
    ],
)
def test_a_wrong_line_is_named(folder: Path, line: str, message: str) -> None:
    """An error in a manifest is reported with file and line, before anything is sent."""
    manifest = folder / "list.jsonl"
    manifest.write_text('{"path": "a.png"}\n' + line + "\n")
    with pytest.raises(InvalidRequest, match=rf"list\.jsonl, line 2: .*{message}"):
        list(gather([str(manifest)], ()))


def test_what_is_not_there_is_rejected(folder: Path) -> None:
    """A name without a file is a mistake, and never a batch of nothing; so is a bucket without an object."""
    with pytest.raises(InvalidRequest, match="no such file"):
        list(gather([str(folder / "missing.pdf")], ()))
    for bucket in ("s3://scans", "s3://scans/", "s3://scans/march/", "s3:///a.pdf"):
        with pytest.raises(InvalidRequest, match="is not an object"):
            list(gather([bucket], ()))


def test_names_stay_inside_the_folder() -> None:
    """No name has a separator, a leading dot or a control character, or is longer than a file system takes."""
    nasty = ["../../etc/passwd", "..", ".", "", "a/b\\c", 'x\n\0:*?"<>|', "ä" * 300, ".hidden"]
    for name in map(folder_name, nasty):
        assert name
        assert not set(name) & set('/\\\0\n:*?"<>|')
        assert not name.startswith(".")
        assert len(name.encode()) <= 121


# --------------------------------------------------------------------------- manifests of other programs


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_a_manifest_may_come_from_any_program(folder: Path, encoding: str, line_break: str) -> None:
    """A byte order mark, other line breaks, and line separators inside a string change nothing."""
    lines = ['{"path": "a.png", "id": "Zu\u2028tritt \x85"}', "", '{"path": "b.PDF"}', ""]
    manifest = folder / "list.jsonl"
    manifest.write_bytes(line_break.join(lines).encode(encoding))
    assert names(gather([str(manifest)], ())) == ["Zu\u2028tritt \x85", "b.PDF"]


@pytest.mark.parametrize("name", ["list.JSONL", "list.ndjson", "list.txt", "list.csv", "list", "list.json"])
@pytest.mark.parametrize("line", ['\ufeff{"path": "a.png"}', "\ufeffa.png\r\n", "\n  \nsub/../a.png"])
def test_a_manifest_is_recognized_under_any_name(folder: Path, name: str, line: str) -> None:
    """A list of documents is read as one, whatever its suffix, and never sent as a document."""
    (folder / name).write_text(line, encoding="utf-8", newline="")
    assert names(gather([str(folder / name)], ())) == ["a.png"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("list.csv", b"path;pages\na.png;1-3\n"),
        ("list.json", b'[{"path": "a.png"}]'),
        ("list.txt", b"\xff\xfem\0i\0s\0s\0i\0n\0g\0"),
    ],
)
def test_other_text_is_no_manifest(folder: Path, name: str, data: bytes) -> None:
    """Text that lists no documents as a manifest does is skipped, and the reason describes a manifest."""
    (folder / name).write_bytes(data)
    assert list(gather([str(folder / name)], ())) == [SkippedEntry(str(folder / name), NO_MANIFEST)]


@pytest.mark.parametrize("data", ['{"path": "a.png"}'.encode("utf-16-le"), b"\xff\xfe{\0\n"])
def test_a_manifest_that_is_not_text_is_rejected(folder: Path, data: bytes) -> None:
    """UTF-16 without a mark, or cut within a character, is an error with a remedy."""
    (folder / "list.jsonl").write_bytes(data)
    with pytest.raises(InvalidRequest, match=r"list\.jsonl cannot be read as a manifest: it is not text; save it as"):
        list(gather([str(folder / "list.jsonl")], ()))


def test_a_line_has_a_password_that_is_not_shown(folder: Path) -> None:
    """A line says of a document what a request can, the password included; no text of the item contains it."""
    (folder / "list.jsonl").write_text('{"path": "b.PDF", "password": "lamp", "pages": "2"}\n')
    (item,) = items_of(gather([str(folder / "list.jsonl")], ()))
    assert (item.password, item.pages, item.manifest) == ("lamp", "2", str(folder / "list.jsonl"))
    assert "lamp" not in repr(item)


# --------------------------------------------------------------------------- names are bytes


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"\xff\xfe.pdf", b"caf\xe9/a.png"])
def test_a_name_may_be_any_bytes(tmp_path: Path, name: bytes) -> None:
    """A name that is not UTF-8 is found in a folder, by a glob, and in a list; its folder has a name that is."""
    path = tmp_path / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(PNG)
    (tmp_path / "list.jsonl").write_bytes(b'{"path": "' + name + b'"}\n' + name + b"\n")
    (tmp_path / "ascii.jsonl").write_text(json.dumps({"path": os.fsdecode(name)}))
    arguments = [str(tmp_path), str(tmp_path / "**/*.p*"), str(tmp_path / "list.jsonl"), str(tmp_path / "ascii.jsonl")]
    items = items_of(gather(arguments, ()))
    assert {os.fsencode(item.source) for item in items} == {os.fsencode(path)}
    assert len(items) == 5
    for item in items:
        item.name.encode()


def test_a_url_may_have_any_bytes() -> None:
    """Bytes of a URL that are not UTF-8 are percent-encoded, as browsers do."""
    (item,) = items_of(gather(["-"], [os.fsdecode(b"https://example.com/caf\xe9.pdf")]))
    assert item.source == "https://example.com/caf%E9.pdf"
