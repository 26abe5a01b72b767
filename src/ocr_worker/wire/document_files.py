"""Write a document's result as files: its Markdown, its JSON, and its figures.

The batch client's folders and the HTTP app's zip hold the same files. Names of figures come from a worker, and names of
documents from a caller: neither can lead out of a folder.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import PureWindowsPath
from typing import Any

from ocr_worker.wire.results import document_markdown
from ocr_worker.wire.schema import DocumentResult

MARKDOWN, DOCUMENT = "document.md", "document.json"
_FIGURE_BYTES: Any = {"pages": {"__all__": {"figures": {"__all__": {"base64"}}}}}
_UNSAFE_CHARACTERS = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*/\\\ud800-\udfff]')
_UNSAFE_ENDS = re.compile(r"^[. ]|[. ]$|^$")  # hidden files, and what Windows cuts off
_MAX_NAME_BYTES = 180  # file systems allow 255, and a suffix may follow


def document_files(result: DocumentResult, separator: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file: the figures, the Markdown, and the JSON without the bytes of the figures.

    separator: between the pages in the Markdown, if the result has none of its own.
    """
    for _, name, data in figure_files(result):
        yield name, data
    entry = result.model_dump(mode="json", exclude_none=True, exclude=_FIGURE_BYTES)
    yield MARKDOWN, (document_markdown(result, separator=separator) + "\n").encode()
    yield DOCUMENT, (json.dumps(entry, ensure_ascii=False, indent=2) + "\n").encode()


def figure_files(result: DocumentResult) -> Iterator[tuple[str, str, bytes]]:
    """Yield each figure that has a crop: its name in the Markdown, a safe name of a file, and its bytes."""
    for page in result.pages:
        for figure in page.figures:
            data = _decode(figure.base64)
            if data is not None:
                yield figure.name, _safe_name(PureWindowsPath(figure.name).name), data  # knows `/`, `\` and drives


def folder_names(ids: Sequence[str]) -> list[str]:
    """Return a folder's name for each document id; names are safe, and differ in more than case."""
    names: list[str] = []
    used: set[str] = set()
    for document_id in ids:
        name = base = _safe_name(document_id)
        number = 2
        while name.casefold() in used:
            name, number = f"{base}-{number}", number + 1
        used.add(name.casefold())
        names.append(name)
    return names


def _safe_name(name: str) -> str:
    """Return `name` as the name of one file or folder on any system; a long name loses its start."""
    short_name = _UNSAFE_CHARACTERS.sub("_", name).encode()[-_MAX_NAME_BYTES:].decode(errors="ignore")
    return _UNSAFE_ENDS.sub("_", short_name)


def _decode(text: str | None) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if text else None
    except binascii.Error:
        return None
