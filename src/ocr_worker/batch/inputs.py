"""The inputs of a batch: turn arguments of the command line into documents.

An argument is a file, a folder, a glob, a URL, a folder of a bucket, a manifest, or `-` for a list on standard input.
`gather` yields an `Item` for each document, with a safe name for its folder, and a `SkippedEntry` for everything else
that it meets. `walking` looks at folders and files, `bucket_walking` at buckets, and `manifests` reads lists; none of
them opens a document. `planning` counts their pages, and `Ledger.add` makes the names unique.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ocr_worker.batch.manifests import (
    BUCKET_SCHEME,
    MANIFEST_SUFFIXES,
    NO_MANIFEST,
    decode,
    is_manifest,
    is_text,
    is_url,
    read_line,
    split_bucket_url,
    split_lines,
)
from ocr_worker.batch.walking import BATCH_RESULTS, NO_DOCUMENT, FolderEntry, result_folder, skip_reason, walk
from ocr_worker.errors import InvalidRequest

_UNSAFE_CHARACTERS = re.compile(r'[\x00-\x1f\x7f\\/:*?"<>|]+')
_UNDECODABLE = re.compile("[\ud800-\udfff]")  # bytes of a name that are not UTF-8; see `os.fsdecode`
_MAX_NAME_BYTES = 120  # bytes; file systems allow 255


@dataclass(frozen=True, slots=True)
class Item:
    """A document to parse.

    source: absolute path, http(s) or s3:// URL. name: name of its folder, not unique yet. pages: requested pages as
    text; None: all. options: request options of this document. password: of an encrypted PDF; it is never stored.
    manifest: absolute path of the manifest that lists it.
    """

    source: str
    name: str
    pages: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)
    manifest: str | None = field(default=None, compare=False)

    @property
    def is_url(self) -> bool:
        """True for a URL, which the service fetches itself."""
        return is_url(self.source)


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """An entry of the file system that is not parsed. source: its absolute path. reason: a phrase for people."""

    source: str
    reason: str


Entry = Item | SkippedEntry
ListBucket = Callable[[str], Iterable[FolderEntry]]


def gather(
    arguments: Sequence[str], stdin: Iterable[str], out: Path | None = None, list_bucket: ListBucket | None = None
) -> Iterator[Entry]:
    """Yield the documents of the arguments in their order, those of folders and globs sorted, and what is skipped.

    stdin: lines for the argument `-`. out: the folder that the batch writes to, which is no input. list_bucket: returns
    the objects below `s3://BUCKET/PREFIX/`, as `walk_bucket` does; None: such an argument is rejected.
    Raises InvalidRequest: an argument matches no file or folder, or a line is invalid.
    """
    gathering = _Gathering(stdin, str(out.absolute()) if out else None, list_bucket)
    for argument in arguments:
        yield from gathering.argument(argument)


class _Gathering:
    """The reading of all arguments. It reports the folder of a batch once, and reads no manifest inside itself."""

    def __init__(self, stdin: Iterable[str], out: str | None, list_bucket: ListBucket | None) -> None:
        self._stdin = stdin
        self._out = out
        self._list_bucket = list_bucket
        self._open_manifests: list[str] = []
        self._batch_folders: set[str] = set()

    def argument(self, argument: str) -> Iterator[Entry]:
        if argument == "-":
            return self._lines(self._stdin, "", "standard input")
        if is_url(argument):
            return iter([_url_item(argument)])
        if self._list_bucket and argument.startswith(BUCKET_SCHEME):
            return self._bucket(argument, self._list_bucket)
        return self._paths(argument)

    def _bucket(self, url: str, list_bucket: ListBucket) -> Iterator[Entry]:
        """Yield the objects below `s3://BUCKET` or `s3://BUCKET/PREFIX/`."""
        if not split_bucket_url(url)[0]:
            raise InvalidRequest(f"{url} names no bucket: write s3://BUCKET/ or s3://BUCKET/PREFIX/")
        entries = list(list_bucket(url))
        if not entries:
            raise InvalidRequest(f"there is no object below {url}: check the bucket and the prefix")
        for path, name, reason in entries:
            yield SkippedEntry(path, reason) if reason else Item(path, folder_name(name))

    def _paths(self, argument: str) -> Iterator[Entry]:
        if os.path.isdir(argument):
            for path, name, reason in walk(argument, self._out):
                yield SkippedEntry(path, reason) if reason else Item(path, folder_name(name))
        elif os.path.isfile(argument):
            yield from self._file(argument)
        elif matches := sorted(glob.glob(argument, recursive=True)):
            for path in matches:
                yield from self._match(path, matches)
        elif argument.startswith(BUCKET_SCHEME):
            raise InvalidRequest(f"{argument} is not an object: write s3://BUCKET/KEY")
        else:
            raise InvalidRequest(f"{argument}: no such file or folder")

    def _file(self, argument: str) -> Iterator[Entry]:
        """Yield the file that an argument names: it is a document, unless it is a list of documents or a result."""
        path = os.path.realpath(argument)
        reason = skip_reason(path)
        is_unknown = reason == NO_DOCUMENT
        if folder := result_folder(path, self._out):
            yield from self._result(folder)
        elif (reason and path.lower().endswith(MANIFEST_SUFFIXES)) or (is_unknown and is_manifest(path)):
            yield from self._manifest(path, argument)
        elif is_unknown and is_text(path):
            yield SkippedEntry(path, NO_MANIFEST)
        else:
            yield Item(path, folder_name(os.path.basename(argument)))

    def _match(self, path: str, matches: Sequence[str]) -> Iterator[Entry]:
        """Yield what a glob matches: like an entry of a folder."""
        if folder := result_folder(path, self._out):
            yield from self._result(folder)
        elif os.path.isdir(path):
            inside = os.path.join(path, "")
            if not any(match.startswith(inside) and match != path for match in matches):
                yield SkippedEntry(os.path.abspath(path), "a folder; name it without a pattern")
        elif reason := skip_reason(path):
            yield SkippedEntry(os.path.abspath(path), reason)
        else:
            yield Item(os.path.realpath(path), folder_name(os.path.basename(path)))

    def _result(self, folder: str) -> Iterator[Entry]:
        if folder not in self._batch_folders:
            self._batch_folders.add(folder)
            yield SkippedEntry(folder, BATCH_RESULTS)

    # ----------------------------------------------------------------- manifests

    def _manifest(self, path: str, argument: str) -> Iterator[Entry]:
        if path in self._open_manifests:
            raise InvalidRequest(f"{argument} lists itself")
        try:
            lines = split_lines(decode(Path(path).read_bytes()))
        except OSError as error:
            raise InvalidRequest(f"{argument} cannot be read ({error.strerror})") from None
        except InvalidRequest as error:
            raise InvalidRequest(f"{argument} cannot be read as a manifest: {error}") from None
        self._open_manifests.append(path)
        yield from self._lines(lines, os.path.dirname(argument), argument, path)
        self._open_manifests.pop()

    def _lines(self, lines: Iterable[str], folder: str, origin: str, manifest: str | None = None) -> Iterator[Entry]:
        for number, line in enumerate(lines, start=1):
            if text := line.strip().removeprefix("\ufeff"):
                try:
                    yield from self._line(text, folder, manifest)
                except InvalidRequest as error:
                    raise InvalidRequest(f"{origin}, line {number}: {error}") from None

    def _line(self, text: str, folder: str, manifest: str | None) -> Iterator[Entry]:
        if is_url(text):
            yield _url_item(text)
        elif text.startswith(BUCKET_SCHEME):
            raise InvalidRequest(f"{text} is not an object: write s3://BUCKET/KEY, or name the folder as an argument")
        elif not text.startswith("{"):
            yield from self._paths(os.path.join(folder, text))
        else:
            yield from self._json_line(text, folder, manifest)

    def _json_line(self, text: str, folder: str, manifest: str | None) -> Iterator[Entry]:
        line = read_line(text)
        path = os.path.join(folder, line.path or "")
        if line.path and not os.path.isfile(path):
            raise InvalidRequest(f"{line.path}: no such file")
        if line.path and (batch_folder := result_folder(path, self._out)):
            yield from self._result(batch_folder)
            return
        item = _url_item(line.url) if line.url else Item(os.path.realpath(path), folder_name(os.path.basename(path)))
        name = folder_name(line.id) if line.id else item.name
        yield Item(item.source, name, line.pages, line.options, line.password, manifest)


def _url_item(url: str) -> Item:
    """Return the document at a URL, in which bytes that are not UTF-8 are percent-encoded, as browsers do."""
    url = _UNDECODABLE.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", url)
    return Item(url, _name_of_url(url))


def _name_of_url(url: str) -> str:
    parts = urlsplit(url)
    return folder_name(unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.netloc.rpartition("@")[2])


def folder_name(name: str) -> str:
    """Return `name` as the name of one folder.

    Separators become `__`, other unsafe characters, bytes that are not UTF-8, and a leading dot become `_`, and a long
    name loses its start.
    """
    safe_name = _UNSAFE_CHARACTERS.sub("_", _UNDECODABLE.sub("_", name).replace("/", "__").replace("\\", "__"))
    safe_name = "_" + safe_name if safe_name.startswith(".") or not safe_name else safe_name
    return safe_name.encode()[-_MAX_NAME_BYTES:].decode(errors="ignore")
