"""Responses as a worker sends them, with all required fields."""

from __future__ import annotations

from typing import Any


def response(*documents: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the JSON of a worker's response with these documents."""
    return {
        "status": "succeeded",
        "engine": {"name": "double", "version": "1", "backend": "none"},
        "documents": list(documents),
        "coverage": {
            "documents_expected": len(documents),
            "documents_failed": 0,
            "pages_expected": 0,
            "pages_parsed": 0,
            "pages_failed": 0,
        },
        "timing": {},
        **more,
    }
