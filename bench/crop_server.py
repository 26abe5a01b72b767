"""Double of a model server for benchmarks: `python crop_server.py PORT [ROOM]`; 400 ms per crop, room for 64 at once.

It is a separate process that reads no crop and always answers the same text. `GET /read` returns the number of crops
that it has answered.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

SECONDS = 0.4
ROOM = 64
MODEL = "PaddleOCR-VL-1.6-0.9B"


def create_app(size: int = ROOM) -> web.Application:
    """Return the application with its three routes. size: room for crops."""
    room = asyncio.Semaphore(size)
    crops = 0

    async def completion(request: web.Request) -> web.Response:
        nonlocal crops
        await request.read()
        async with room:
            await asyncio.sleep(SECONDS)
        crops += 1
        message = {"role": "assistant", "content": "read by the double"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return web.json_response(
            {"id": "1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
        )

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def count(request: web.Request) -> web.Response:
        return web.json_response({"read": crops})

    app = web.Application(client_max_size=2**28)
    app.add_routes(
        [
            web.post("/v1/chat/completions", completion),
            web.get("/v1/models", models),
            web.get("/read", count),
        ]
    )
    return app


if __name__ == "__main__":
    app = create_app(int(sys.argv[2]) if len(sys.argv) > 2 else ROOM)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
