"""`GET /docs`: the API's reference, drawn from `/openapi.json` by Swagger UI.

FastAPI's own page loads Swagger UI from another host and starts it with an inline script. Here it comes from the wheel
`fastapi-swagger`, of which only the files are used, and `page_files` adds the content security policy. The page needs
no key. With API keys, `/openapi.json` declares them, and Swagger UI shows its Authorize button.
"""

from __future__ import annotations

from importlib import resources

import fastapi_swagger
from fastapi import APIRouter

from ocr_worker.app.page_files import page_router

_OUR_FILES = ("index.html", "docs.css", "docs.js")
_SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")


def router() -> APIRouter:
    """Return the router of the page and its files."""
    our_folder = resources.files("ocr_worker") / "app" / "api_docs"
    swagger_folder = resources.files(fastapi_swagger) / "resources"
    contents = {name: (our_folder / name).read_bytes() for name in _OUR_FILES}
    contents |= {name: (swagger_folder / name).read_bytes() for name in _SWAGGER_FILES}
    return page_router("/docs", "/docs", contents)
