"""Double of a model server for benchmarks: `python crop_server.py PORT [SECONDS ROOM]`.

It takes SECONDS (0.4) per crop and has room for ROOM (64) crops at once. It is a separate process that reads no crop
and always answers the same text. `GET /read` returns the number of crops that it has answered.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

SECONDS = 0.4
ROOM = 64
MODEL = "PaddleOCR-VL-1.6-0.9B"


def create_app(seconds: float, places: int) -> web.Application:
    """Return the application with its three routes."""
    room = asyncio.Semaphore(places)
    crops = 0

    async def completion(request: web.Request) -> web.Response:
        nonlocal crops
        await request.read()
        async with room:
            await asyncio.sleep(seconds)
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
    port = int(sys.argv[1])
    seconds, places = (float(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 2 else (SECONDS, ROOM)
    web.run_app(create_app(seconds, places), host="127.0.0.1", port=port, print=None, access_log=None)
