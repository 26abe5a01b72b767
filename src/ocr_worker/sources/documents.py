"""Turn what a program has at hand (paths, bytes, URLs) into the documents of a request.

`ocr_worker.Client` sends these documents to an endpoint, and `ocr_worker.parse_file` parses them in this process. A
file becomes base64. A URL stays a URL, which the worker downloads.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence

from ocr_worker.errors import SourceRejected, SourceTooLarge

Source = str | os.PathLike[str] | bytes
"""A path, an http(s) URL, a data URI, or the bytes of a file."""

_URL_SCHEMES = ("http://", "https://", "data:")
_MAX_NAME_LENGTH = 200  # characters of a path in a message
_ENTRY_BYTES = 1_000  # upper bound of a document's JSON besides its file


def make_documents(
    sources: Source | Sequence[Source],
    *,
    pages: str | None = None,
    password: str | None = None,
    max_bytes: int | None = None,
) -> list[dict[str, str]]:
    """Return a document of a request for each source, in their order.

    pages: 1-based ranges such as `1-3,8`, of every source; None: all. password: for encrypted PDFs. max_bytes: size
    limit of all documents as JSON; None: no limit.

    Raises SourceRejected: a file cannot be read; SourceTooLarge: the documents exceed `max_bytes`.
    """
    fields = {name: value for name, value in (("pages", pages), ("password", password)) if value is not None}
    documents = []
    bytes_left = max_bytes
    for source in [sources] if isinstance(sources, str | bytes | os.PathLike) else sources:
        document = _make_document(source, bytes_left)
        if bytes_left is not None:
            bytes_left -= sum(map(len, document.values())) + _ENTRY_BYTES
            if bytes_left < 0:
                raise _too_large(source, max_bytes)
        documents.append({**document, **fields})
    return documents


def _make_document(source: Source, bytes_left: int | None) -> dict[str, str]:
    if isinstance(source, bytes):
        return {"base64": base64.b64encode(source).decode()}
    if isinstance(source, str) and source.startswith(_URL_SCHEMES):
        return {"url": source}
    return {"base64": base64.b64encode(_read_file(source, bytes_left)).decode()}


def _read_file(path: str | os.PathLike[str], max_bytes: int | None) -> bytes:
    """Return the file's bytes, or a part that certainly exceeds `max_bytes`, since such a file is never sent."""
    try:
        with open(path, "rb") as file:
            return file.read(-1 if max_bytes is None else max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise SourceRejected(f"{_name_of(path)} cannot be read: {getattr(error, 'strerror', error)}") from None


def _too_large(source: Source, max_bytes: int | None) -> SourceTooLarge:
    return SourceTooLarge(
        f"{_name_of(source)} makes the job larger than {max_bytes:,} bytes, which the endpoint accepts (a file grows by"
        " a third in base64): pass a URL that the worker can download, send fewer files in a job, or use `Batch`, which"
        " divides PDFs among jobs"
    )


def _name_of(source: Source) -> str:
    if isinstance(source, bytes):
        return f"a file of {len(source):,} bytes"
    name = os.fspath(source)
    if name.startswith("data:"):
        return f"a data URI of {len(name):,} characters"
    if name.startswith(_URL_SCHEMES):
        return name.partition("?")[0]
    return name if len(name) <= _MAX_NAME_LENGTH else f"a file name of {len(name):,} characters"
