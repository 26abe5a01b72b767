"""`GET /docs`: the API's reference, drawn from `/openapi.json` by Swagger UI.

FastAPI's own page loads Swagger UI from another host and starts it with an inline script. Here it comes from the wheel
`fastapi-swagger`, of which only the files are used, and `page_files` adds the content security policy. The page needs
no key. With API keys, `/openapi.json` declares them, and Swagger UI shows its Authorize button.
"""

from __future__ import annotations

from importlib import resources

import fastapi_swagger
from fastapi import APIRouter, HTTPException, Response

from ocr_worker.app.page_files import file_response

_OUR_FILES = ("index.html", "docs.css", "docs.js")
_SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")


def router() -> APIRouter:
    """Return the router of the page and its files."""
    router = APIRouter(include_in_schema=False)
    our_folder = resources.files("ocr_worker") / "app" / "api_docs"
    swagger_folder = resources.files(fastapi_swagger) / "resources"
    contents = {name: (our_folder / name).read_bytes() for name in _OUR_FILES}
    contents |= {name: (swagger_folder / name).read_bytes() for name in _SWAGGER_FILES}

    @router.get("/docs")
    async def page() -> Response:
        return file_response("index.html", contents["index.html"])

    @router.get("/docs/{name}")
    async def file(name: str) -> Response:
        if name not in contents:
            raise HTTPException(404, f"the page has no file {name!r}")
        return file_response(name, contents[name])

    return router
