"""PaddleX's client of a model server, made to send each call to another server and to end a call that hangs.

PaddleX gives a pipeline one address for its life, and waits half an hour for a server that does not respond.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any


class ServerClient:
    """The client of one pipeline. `cancel` may be called on any thread, the rest on the engine's.

    client: PaddleX's `GenAIClient` (attributes of paddlex 3.7.2, checked by tests with the real pipeline).
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._create_completion = client.create_chat_completion
        self._requests: list[Future[Any]] = []
        client.create_chat_completion = self._create_and_keep

    def use(self, url: str) -> None:
        """Send the requests of the next call to the server at `url`. The last call must have ended."""
        self._requests = []
        self._client.openai_client.base_url = url

    def cancel(self) -> None:
        """Cancel all open requests: the call that waits for them ends with CancelledError."""
        for request in list(self._requests):
            request.cancel()

    def _create_and_keep(self, *arguments: Any, **keywords: Any) -> Any:
        request = self._create_completion(*arguments, **keywords)
        self._requests.append(request)
        return request
