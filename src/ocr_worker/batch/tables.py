"""Tables with millions of rows as files: CSV, or Parquet where pyarrow is installed. Rows are written as they come."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

Columns = Mapping[str, str]  # name -> "string", "int64" or "double", as Arrow calls them

_GROUP_ROWS = 100_000


def has_parquet() -> bool:
    """Return whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


def write_csv(path: Path, columns: Columns, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write the rows as CSV with a header. None is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def write_parquet(path: Path, columns: Columns, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write the rows as a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in columns.items()])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        remaining_rows = iter(rows)
        while group := list(islice(remaining_rows, _GROUP_ROWS)):
            values = zip(*group, strict=True)
            arrays = [pyarrow.array(cells, field.type) for cells, field in zip(values, schema, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
