"""`GET /`: a page to try the worker in a browser.

The page uses the API like any other client, and its files come with this package. Its content security policy allows
nothing from other hosts and no inline scripts.
"""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, HTTPException, Response

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_FILES = ("index.html", "playground.css", "app.js", "engine.js", "job.js", "pages.js", "stream.js")

# The last defense: even content that the sanitizer missed could not run, load or send anything.
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
HEADERS = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def router() -> APIRouter:
    """Return the router of the page and its files.

    The page needs no key; it asks the user for one when the API rejects a document without a key.
    """
    router = APIRouter(include_in_schema=False)
    folder = resources.files("ocr_worker") / "app" / "playground"
    contents = {name: (folder / name).read_bytes() for name in _FILES}

    @router.get("/")
    async def page() -> Response:
        return _file_response("index.html", contents["index.html"])

    @router.get("/playground/{name}")
    async def file(name: str) -> Response:
        if name not in contents:
            raise HTTPException(404, "the page has no such file")
        return _file_response(name, contents[name])

    return router


def _file_response(name: str, content: bytes) -> Response:
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=HEADERS)
