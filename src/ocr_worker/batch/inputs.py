"""From what stands on the command line to the documents of a batch: files, folders, globs, URLs, manifests, stdin."""

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
from ocr_worker.wire.schema import NonEmpty, PageRanges, WireModel

SUFFIXES = frozenset(
    (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".heic", ".heif", ".avif")
)
_UNFIT = re.compile(r'[\x00-\x1f\x7f\\/:*?"<>|]+')
_LONGEST_NAME = 120  # bytes; file systems allow 255


@dataclass(frozen=True, slots=True)
class Item:
    """One document to read. source: absolute path, or http(s) URL. name: of its folder, to be made unique."""

    source: str
    name: str
    pages: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_url(self) -> bool:
        """Whether the service fetches it itself."""
        return is_url(self.source)


class ManifestLine(WireModel):
    """A line of a JSONL manifest; a relative `path` is meant from the manifest's folder."""

    id: NonEmpty | None = None
    url: NonEmpty | None = None
    path: NonEmpty | None = None
    pages: PageRanges | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> ManifestLine:
        if (self.url is None) == (self.path is None):
            raise ValueError("a line has exactly one of `url` and `path`")
        return self


def is_url(text: str) -> bool:
    """Whether it is an http(s) URL."""
    return text.startswith(("http://", "https://"))


def gather(arguments: Sequence[str], stdin: Iterable[str]) -> Iterator[Item]:
    """The documents, in the order given; folders and globs sorted. Raises InvalidRequest for what names none."""
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
    elif found := [Path(match) for match in sorted(glob.glob(argument, recursive=True))]:
        yield from (_file(file, file.name) for file in found if file.is_file())
    else:
        raise InvalidRequest(f"{argument}: there is no such file or folder")


def _folder(root: str) -> Iterator[Item]:
    """What looks like a document in it and below it, sorted; what is hidden does not count."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = os.path.relpath(folder, root)
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                found.append((os.path.normpath(os.path.join(below, name)), os.path.join(folder, name)))
    return (Item(path, folder_name(name)) for name, path in sorted(found) if os.path.isfile(path))


def _file(path: Path, name: str) -> Item:
    return Item(str(path.resolve()), folder_name(name))


def _lines(lines: Iterable[str], folder: Path, where: str) -> Iterator[Item]:
    for number, line in enumerate(lines, start=1):
        if text := line.strip():
            try:
                yield from _line(text, folder)
            except InvalidRequest as error:
                raise InvalidRequest(f"{where}, line {number}: {error}") from None


def _line(text: str, folder: Path) -> Iterator[Item]:
    if not text.startswith("{"):
        yield from gather([text], ()) if is_url(text) else _paths(str(folder / text))
        return
    try:
        line = ManifestLine.model_validate(json.loads(text))
    except json.JSONDecodeError:
        raise InvalidRequest("is no JSON") from None
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise InvalidRequest("; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults)) from None
    path = folder / (line.path or "")
    if line.path and not path.is_file():
        raise InvalidRequest(f"{line.path}: there is no such file")
    source = line.url or str(path.resolve())
    name = folder_name(line.id) if line.id else _name_of_url(source) if line.url else folder_name(path.name)
    yield Item(source, name, line.pages, line.options)


def _name_of_url(url: str) -> str:
    parts = urlsplit(url)
    return folder_name(unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.netloc.rpartition("@")[2])


def folder_name(name: str) -> str:
    """`name` as one folder: no separators (they become `__`), control characters or leading dot, not too long."""
    plain = _UNFIT.sub("_", name.replace("/", "__").replace("\\", "__"))
    plain = "_" + plain if plain.startswith(".") or not plain else plain
    shortened = plain.encode()[-_LONGEST_NAME:] if len(plain.encode()) > _LONGEST_NAME else plain.encode()
    return shortened.decode(errors="ignore")
