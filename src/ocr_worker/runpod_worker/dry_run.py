"""What a person sees of a dry run: the Markdown, one line that sums it up, and where the whole answer lies."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ocr_worker.wire.response import JsonObject

ANSWER = Path("answer.json")

Handler = Callable[[dict[str, Any]], Awaitable[JsonObject]]


def shown(handler: Handler) -> Handler:
    """`handler`, whose answer is also printed and written to `answer.json`; the SDK then sets the exit code."""

    async def showing(job: dict[str, Any]) -> JsonObject:
        answer = await handler(job)
        ANSWER.write_text(json.dumps(answer, ensure_ascii=False, indent=2), encoding="utf-8")
        print(summary(answer))
        return answer

    return showing


def summary(answer: JsonObject) -> str:
    """The answer for a terminal: each document's Markdown and errors, then one line that sums it up."""
    parts = [text for document in answer.get("documents", []) for text in _document(document)]
    if "coverage" in answer and "engine" in answer:
        parts.append(_closing(answer))
    if "error" in answer:
        parts.append(f"failed: {answer['error']}")
    return "\n\n".join([*parts, f"The whole answer: {ANSWER.resolve()}"])


def _document(document: dict[str, Any]) -> list[str]:
    faults = [document["error"]] if "error" in document else []
    faults += [page["error"] | {"page": page["page"]} for page in document["pages"] if "error" in page]
    told = [f"{document['id']}: {_where(fault)}{fault['code']}: {fault['message']}" for fault in faults]
    return [text for text in (document.get("markdown"), "\n".join(told)) if text]


def _where(fault: dict[str, Any]) -> str:
    return f"page {fault['page']}: " if "page" in fault else ""


def _closing(answer: JsonObject) -> str:
    counts, engine = answer["coverage"], answer["engine"]
    parsed, expected = counts["pages_parsed"], counts["pages_expected"]
    pages = f"{parsed} page{'s' * (parsed != 1)}" if parsed == expected else f"{parsed} of {expected} pages"
    who = f"{engine['name']} {engine['version']} ({engine['backend']})"
    return f"--- {answer['status']}: {pages} parsed in {answer['timing']['total']:.1f} s by {who}"
