"""Static files of the app's pages, all under one content security policy.

`playground` and `api_docs` serve their files through `file_response`. The policy allows nothing from other hosts and no
inline scripts or styles, so a page that works here also works without the internet.
"""

from __future__ import annotations

from fastapi import Response

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


def file_response(name: str, content: bytes) -> Response:
    """Return a file of a page as a response, with the page's headers.

    name: its ending, `html`, `css` or `js`, decides the media type.
    """
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=HEADERS)
