"""`GET /`: a page to try the worker in a browser.

The page uses the API like any other client, and its files come with this package. `page_files` adds the content
security policy.
"""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter

from ocr_worker.app.page_files import page_router

_FILES = (
    "index.html",
    "playground.css",
    "app.js",
    "engine.js",
    "findings.js",
    "job.js",
    "pages.js",
    "stream.js",
    "zip.js",
)


def router() -> APIRouter:
    """Return the router of the page and its files.

    The page needs no key; it asks the user for one when the API rejects a document without a key.
    """
    folder = resources.files("ocr_worker") / "app" / "playground"
    contents = {name: (folder / name).read_bytes() for name in _FILES}
    return page_router("/", "/playground", contents)
