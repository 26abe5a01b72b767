"""Turn a document's result into rows of a table, one per page, for `PageParser` and `batch run --format parquet`.

A row has all fields of a page, as in a response. Lists are JSON, because their fields may grow in later versions; an
error has two columns. A document that failed as a whole is one row, with the page `NO_PAGE`. The module knows no
library of tables: the types are named as Arrow names them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ocr_worker.wire.schema import DocumentResult, ErrorInfo

NO_PAGE = 0  # `page` of the row of a document that failed as a whole
PAGE_COLUMNS = {  # name -> type; the first five and `engine` are the same in all rows of a document
    "name": "string",
    "document_sha256": "string",
    "page": "int32",
    "page_count": "int32",
    "engine": "string",
    "status": "string",
    "markdown": "string",
    "blocks": "string",
    "figures": "string",
    "width": "int32",
    "height": "int32",
    "dpi": "double",
    "text_source": "string",
    "verified": "bool",
    "ink_coverage": "double",
    "image": "string",
    "warnings": "string",
    "seconds": "double",
    "from_checkpoint": "bool",
    "error_code": "string",
    "error_message": "string",
}


def page_rows(result: DocumentResult, shared: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for each page of a document, or one with `NO_PAGE` if it failed as a whole.

    shared: values of all rows, such as `name`. A missing value has no key.
    """
    if result.error and not result.pages:
        yield {**shared, "page": NO_PAGE, "status": "failed", **_error_columns(result.error)}
    for page in result.pages:
        values = page.model_dump(mode="json", exclude_none=True, exclude={"error"})
        yield {
            **shared,
            "page_count": result.page_count,
            **{name: _cell(value) for name, value in values.items()},
            **_error_columns(page.error),
        }


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _error_columns(error: ErrorInfo | None) -> dict[str, str]:
    return {"error_code": error.code, "error_message": error.message} if error else {}
