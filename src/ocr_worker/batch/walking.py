"""The entries of a folder: documents, and everything else with the reason why it is skipped.

`walk` accounts for every entry below a folder. A file is a document if a worker would accept it: the same
function looks at its first bytes. So is a file with the suffix of a document, so that a damaged document fails
visibly instead of being skipped. Linked folders are followed once, after all others. Results of a batch are never an
input: `walk` does not enter the folder of a batch, and `result_folder` recognizes paths in one. Nothing here reads more
than the first bytes of a file.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ocr_worker.batch.folders import HIDDEN_FOLDER, LEDGER, RESERVED_NAMES
from ocr_worker.errors import Corrupt, DocumentError
from ocr_worker.sources.rasterizer.media_type import HEAD_BYTES, detect_media_type
from ocr_worker.wire.document_files import DOCUMENT

SUFFIXES = frozenset(
    (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".heic", ".heif", ".avif")
)
HIDDEN = "hidden"
NO_DOCUMENT = "not a PDF or image"
EMPTY = "empty (0 bytes)"
IRREGULAR = "not a regular file"
BROKEN_LINK = "a link to nothing"
REPEATED_FOLDER = "a folder that is read elsewhere, or contains this one"
BATCH_RESULTS = "results of a batch"
_SCHEMA_BYTES = 16_384  # of an SQLite file, which hold the tables' definitions


class FolderEntry(NamedTuple):
    """An entry of a folder. path: absolute. name: path from the folder. reason: of skipping it; None: a document."""

    path: str
    name: str
    reason: str | None


def walk(root: str, out: str | None = None) -> list[FolderEntry]:
    """Return the documents below the folder `root`, and the entries that are skipped, sorted by name.

    A skipped folder is one entry. out: absolute path of the folder that this batch writes to.
    """
    return sorted(_Walk(root, out).entries(), key=lambda entry: entry.name)


class _Walk:
    """The way through a folder. Real folders come before linked ones, so that a file has its real path."""

    def __init__(self, root: str, out: str | None) -> None:
        self._root = os.path.realpath(root)
        self._out = out
        self._visited: set[tuple[int, int]] = set()
        self._folders: deque[tuple[str, str]] = deque([(self._root, "")])

    def entries(self) -> Iterator[FolderEntry]:
        while self._folders:
            path, name = self._folders.popleft()
            try:
                if reason := self._skip_reason(path):
                    yield FolderEntry(path, name or os.path.basename(path), reason)
                    continue
                with os.scandir(path) as children:
                    paths = [child.path for child in children]
            except OSError as error:
                yield FolderEntry(path, name or os.path.basename(path), _unreadable(error))
                continue
            for child in paths:
                yield from self._child(child, os.path.join(name, os.path.basename(child)))

    def _child(self, path: str, name: str) -> Iterator[FolderEntry]:
        if os.path.basename(path).startswith("."):
            yield FolderEntry(path, name, HIDDEN)
        elif os.path.islink(path) and result_folder(path, self._out):
            yield FolderEntry(path, name, BATCH_RESULTS)
        elif not os.path.isdir(path):
            yield FolderEntry(path, name, skip_reason(path))
        elif os.path.islink(path):
            self._folders.append((path, name))
        else:
            self._folders.appendleft((path, name))

    def _skip_reason(self, path: str) -> str | None:
        """Return why the folder is not entered, or mark it as visited. Raises OSError: it is not there any more."""
        status = os.stat(path)
        identity = (status.st_dev, status.st_ino)
        real_path = os.path.realpath(path)
        is_ancestor = real_path != self._root and Path(self._root).is_relative_to(real_path)
        if identity in self._visited or is_ancestor:
            return REPEATED_FOLDER
        if is_batch_folder(path, self._out) or result_folder(path, self._out):
            return BATCH_RESULTS
        self._visited.add(identity)
        return None


# --------------------------------------------------------------------------- files


def skip_reason(path: str) -> str | None:
    """Return why the file is not a document; None for a document, or for a file whose name claims to be one."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return IRREGULAR  # opening a pipe would block
        detect_media_type(read_head(path))
    except FileNotFoundError:
        return BROKEN_LINK
    except (OSError, DocumentError) as error:
        if os.path.splitext(path)[1].lower() in SUFFIXES:
            return None
        if isinstance(error, OSError):
            return _unreadable(error)
        return EMPTY if isinstance(error, Corrupt) else NO_DOCUMENT
    return None


def read_head(path: str, size: int = HEAD_BYTES) -> bytes:
    """Return the first bytes of a file. Raises OSError: it cannot be read."""
    with open(path, "rb") as file:
        return file.read(size)


def _unreadable(error: OSError) -> str:
    return f"cannot be read ({error.strerror})"


# --------------------------------------------------------------------------- folders of batches


def is_batch_folder(path: str, out: str | None = None) -> bool:
    """Return whether a batch writes its results to the folder. out: absolute path of this batch's folder."""
    if out is not None and os.path.realpath(path) == os.path.realpath(out):
        return True
    ledger = os.path.join(path, LEDGER)
    if not os.path.isfile(ledger):
        return False
    return os.path.isdir(os.path.join(path, HIDDEN_FOLDER)) or b"CREATE TABLE slices" in read_head(
        ledger, _SCHEMA_BYTES
    )


def result_folder(path: str, out: str | None = None) -> str | None:
    """Return the folder of the batch that wrote the file or folder `path`; None if no batch did.

    Other files in or below the folder of a batch are no results: `--out .` may be the parent of all documents.
    """
    real_path = Path(os.path.realpath(path))
    for parent in real_path.parents:
        if is_batch_folder(str(parent), out):
            parts = real_path.relative_to(parent).parts
            folders = parent / parts[0], parent.joinpath(*parts[:2])  # of a small batch, and of a large one
            is_result = any((folder / DOCUMENT).is_file() for folder in folders)
            if is_result or parts[0] == HIDDEN_FOLDER or parts[0] in RESERVED_NAMES:
                return str(parent)
    return None
