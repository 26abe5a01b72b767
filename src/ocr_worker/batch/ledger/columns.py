"""Conversions between the columns of a ledger and the values of the batch: paths, pages, options."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from ocr_worker.batch.model import SHARD_PATH
from ocr_worker.wire.page_ranges import parse_page_ranges, select_pages

# The path of a document's result in the batch's folder: its own folder, or the Parquet file with its rows.
RESULT_PATH = f"CASE WHEN shard IS NULL THEN COALESCE(folder, name) ELSE printf('{SHARD_PATH}', shard) END"


def encode_path(path: str) -> str | bytes:
    """Return a path as a column holds it: text, or its bytes if they are not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def decode_path(column: str | bytes) -> str:
    """Return the path in a column."""
    return os.fsdecode(column)


def page_numbers(text: str | None, count: int) -> tuple[int, ...]:
    """Return the pages of a slice's row. NULL: all `count` pages, as earlier versions wrote a complete document."""
    if text is None:
        return tuple(range(1, count + 1))
    ranges = parse_page_ranges(text)
    return tuple(select_pages(ranges, max(last or first for first, last in ranges)))


def placeholders(values: Collection[Any]) -> str:
    """Return a question mark for each value."""
    return ",".join("?" * len(values))


def encode_json(value: Mapping[str, Any]) -> str:
    """Return options as a column holds them: equal options are equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
