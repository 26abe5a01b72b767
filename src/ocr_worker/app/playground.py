"""`GET /`: a page to try the worker in a browser.

The page uses the API like any other client, and its files come with this package. `page_files` adds the content
security policy.
"""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, HTTPException, Response

from ocr_worker.app.page_files import file_response

_FILES = ("index.html", "playground.css", "app.js", "engine.js", "job.js", "pages.js", "stream.js", "zip.js")


def router() -> APIRouter:
    """Return the router of the page and its files.

    The page needs no key; it asks the user for one when the API rejects a document without a key.
    """
    router = APIRouter(include_in_schema=False)
    folder = resources.files("ocr_worker") / "app" / "playground"
    contents = {name: (folder / name).read_bytes() for name in _FILES}

    @router.get("/")
    async def page() -> Response:
        return file_response("index.html", contents["index.html"])

    @router.get("/playground/{name}")
    async def file(name: str) -> Response:
        if name not in contents:
            raise HTTPException(404, f"the page has no file {name!r}")
        return file_response(name, contents[name])

    return router
