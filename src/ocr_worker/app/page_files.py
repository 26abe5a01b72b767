"""Static files of the app's pages, all under one content security policy.

`playground` and `api_docs` serve their files through `page_router`. The policy allows nothing from other hosts and no
inline scripts or styles, so a page that works here also works without the internet.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, HTTPException, Response

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}

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


def page_router(path: str, folder: str, contents: Mapping[str, bytes]) -> APIRouter:
    """Return the router of a page at `path` and of its files below `folder`.

    contents: of each file, by name; `index.html` is the page. The ending `html`, `css` or `js` decides the media type.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(path)
    async def page() -> Response:
        return _file_response("index.html", contents["index.html"])

    @router.get(folder + "/{name}")
    async def file(name: str) -> Response:
        if name not in contents:
            raise HTTPException(404, f"the page has no file {name!r}")
        return _file_response(name, contents[name])

    return router


def _file_response(name: str, content: bytes) -> Response:
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=HEADERS)
