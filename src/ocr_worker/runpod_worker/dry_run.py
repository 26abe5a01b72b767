"""The output of a dry run, that is, of `python handler.py` without an endpoint.

A person sees the Markdown of each document, a line that summarizes the response, and the path of `answer.json`, which
holds the whole response.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ocr_worker.wire.response import JsonObject

RESPONSE_FILE = Path("answer.json")

Handler = Callable[[dict[str, Any]], Awaitable[JsonObject]]


def print_responses(handler: Handler) -> Handler:
    """Return a handler that also prints each response of `handler` and writes it to `answer.json`.

    The SDK then sets the exit code from the response.
    """

    async def printing_handler(job: dict[str, Any]) -> JsonObject:
        response = await handler(job)
        RESPONSE_FILE.write_text(json.dumps(response, ensure_ascii=False, indent=2), encoding="utf-8")
        print(summarize(response))
        return response

    return printing_handler


def summarize(response: JsonObject) -> str:
    """Return the response as text for a terminal: each document's Markdown and errors, then a line of summary."""
    parts = [text for document in response.get("documents", []) for text in _document_texts(document)]
    if "coverage" in response and "engine" in response:
        parts.append(_summary_line(response))
    if "error" in response:
        parts.append(f"failed: {response['error']}")
    return "\n\n".join([*parts, f"Complete response: {RESPONSE_FILE.resolve()}"])


def _document_texts(document: dict[str, Any]) -> list[str]:
    errors = [document["error"]] if "error" in document else []
    errors += [page["error"] | {"page": page["page"]} for page in document["pages"] if "error" in page]
    lines = [f"{document['id']}: {_page_prefix(error)}{error['code']}: {error['message']}" for error in errors]
    return [text for text in (document.get("markdown"), "\n".join(lines)) if text]


def _page_prefix(error: dict[str, Any]) -> str:
    return f"page {error['page']}: " if "page" in error else ""


def _summary_line(response: JsonObject) -> str:
    coverage, engine = response["coverage"], response["engine"]
    parsed, expected = coverage["pages_parsed"], coverage["pages_expected"]
    pages = f"{parsed} page{'s' * (parsed != 1)}" if parsed == expected else f"{parsed} of {expected} pages"
    engine_name = f"{engine['name']} {engine['version']} ({engine['backend']})"
    return f"--- {response['status']}: {pages} parsed in {response['timing']['total']:.1f} s by {engine_name}"
