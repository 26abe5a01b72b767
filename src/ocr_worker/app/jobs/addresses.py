"""The public address of the app, for addresses in responses.

`OCR_PUBLIC_URL` decides. Without it, a proxy may say so in forwarding headers (`OCR_TRUST_FORWARDED`), and else it is
the address to which the client sent its request.
"""

from __future__ import annotations

import re

from fastapi import Request

from ocr_worker.settings import Settings

_HOST = re.compile(r"[A-Za-z0-9.\-_]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")
_PREFIX = re.compile(r"(/[A-Za-z0-9.\-_~]+)*/?")


def public_base(request: Request, settings: Settings) -> str:
    """Return the URL under which the client reaches the app, without a slash at its end."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    base = request.base_url
    if settings.trust_forwarded:
        scheme, host, prefix = (
            request.headers.get(f"x-forwarded-{name}", "").partition(",")[0].strip()
            for name in ("proto", "host", "prefix")
        )
        base = base.replace(
            scheme=scheme if scheme in ("http", "https") else base.scheme,
            netloc=host if _HOST.fullmatch(host) else base.netloc,
            path=prefix if prefix and _PREFIX.fullmatch(prefix) else base.path,
        )
    return str(base).rstrip("/")
