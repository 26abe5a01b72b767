"""The inputs of a batch: turn arguments of the command line into documents.

An argument is a file, a folder, a glob, a URL, a JSONL manifest, or `-` for a list on standard input. `gather` yields
an `Item` for each document, with a safe name for its folder. Nothing is opened or counted here except manifests;
`planning` does that. `Ledger.add` makes the names unique.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError, model_validator

from ocr_worker.errors import InvalidRequest
from ocr_worker.wire.request import collect_problems
from ocr_worker.wire.schema import NonEmpty, PageRanges, WireModel

SUFFIXES = frozenset(
    (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".heic", ".heif", ".avif")
)
_UNSAFE_CHARACTERS = re.compile(r'[\x00-\x1f\x7f\\/:*?"<>|]+')
_MAX_NAME_BYTES = 120  # bytes; file systems allow 255


@dataclass(frozen=True, slots=True)
class Item:
    """A document to parse.

    source: absolute path or http(s) URL. name: name of its folder, not unique yet. pages: requested pages as text;
    None: all. options: request options of this document.
    """

    source: str
    name: str
    pages: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_url(self) -> bool:
        """True for a URL, which the service fetches itself."""
        return is_url(self.source)


class ManifestLine(WireModel):
    """A line of a JSONL manifest. A relative `path` starts at the manifest's folder."""

    id: NonEmpty | None = None
    url: NonEmpty | None = None
    path: NonEmpty | None = None
    pages: PageRanges | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> ManifestLine:
        if (self.url is None) == (self.path is None):
            raise ValueError("needs exactly one of `url` and `path`")
        return self


def is_url(text: str) -> bool:
    """Return whether the text is an http(s) URL."""
    return text.startswith(("http://", "https://"))


def gather(arguments: Sequence[str], stdin: Iterable[str]) -> Iterator[Item]:
    """Yield the documents of the arguments in their order, those of folders and globs sorted.

    stdin: lines for the argument `-`.
    Raises InvalidRequest: an argument matches no file or folder, or a line is invalid.
    """
    for argument in arguments:
        if argument == "-":
            yield from _lines(stdin, Path(), "standard input")
        elif is_url(argument):
            yield Item(argument, _name_of_url(argument))
        else:
            yield from _paths(argument)


def _paths(argument: str) -> Iterator[Item]:
    path = Path(argument)
    if path.is_dir():
        yield from _folder(str(path.resolve()))
    elif path.suffix == ".jsonl" and path.is_file():
        with path.open(encoding="utf-8") as manifest:
            yield from _lines(manifest, path.parent, argument)
    elif path.is_file():
        yield _file(path, path.name)
    elif matches := [Path(match) for match in sorted(glob.glob(argument, recursive=True))]:
        yield from (_file(file, file.name) for file in matches if file.is_file())
    else:
        raise InvalidRequest(f"{argument}: no such file or folder")


def _folder(root: str) -> Iterator[Item]:
    """Return the documents in a folder and its subfolders by suffix, sorted, without hidden files and folders."""
    files_by_name = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        relative = os.path.relpath(folder, root)
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                files_by_name.append((os.path.normpath(os.path.join(relative, name)), os.path.join(folder, name)))
    return (Item(path, folder_name(name)) for name, path in sorted(files_by_name) if os.path.isfile(path))


def _file(path: Path, name: str) -> Item:
    return Item(str(path.resolve()), folder_name(name))


def _lines(lines: Iterable[str], folder: Path, origin: str) -> Iterator[Item]:
    for number, line in enumerate(lines, start=1):
        if text := line.strip():
            try:
                yield from _line(text, folder)
            except InvalidRequest as error:
                raise InvalidRequest(f"{origin}, line {number}: {error}") from None


def _line(text: str, folder: Path) -> Iterator[Item]:
    if not text.startswith("{"):
        yield from gather([text], ()) if is_url(text) else _paths(str(folder / text))
        return
    try:
        line = ManifestLine.model_validate(json.loads(text))
    except json.JSONDecodeError:
        raise InvalidRequest("not valid JSON") from None
    except ValidationError as error:
        problems = collect_problems(error, (), ManifestLine)
        raise InvalidRequest(
            "; ".join(f"{'.'.join(map(str, path))} {text}".strip() for path, text in problems)
        ) from None
    path = folder / (line.path or "")
    if line.path and not path.is_file():
        raise InvalidRequest(f"{line.path}: no such file")
    source = line.url or str(path.resolve())
    name = folder_name(line.id) if line.id else _name_of_url(source) if line.url else folder_name(path.name)
    yield Item(source, name, line.pages, line.options)


def _name_of_url(url: str) -> str:
    parts = urlsplit(url)
    return folder_name(unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.netloc.rpartition("@")[2])


def folder_name(name: str) -> str:
    """Return `name` as the name of one folder.

    Separators become `__`, other unsafe characters and a leading dot become `_`, and a long name loses its start.
    """
    safe_name = _UNSAFE_CHARACTERS.sub("_", name.replace("/", "__").replace("\\", "__"))
    safe_name = "_" + safe_name if safe_name.startswith(".") or not safe_name else safe_name
    return safe_name.encode()[-_MAX_NAME_BYTES:].decode(errors="ignore")
