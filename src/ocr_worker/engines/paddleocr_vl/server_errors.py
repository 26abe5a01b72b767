"""The errors of a request to a model server. They carry no text of the server's answer, which may repeat a document."""

from __future__ import annotations


class ServerUnreachable(Exception):
    """The server does not respond, or the connection ends before its answer is complete."""


class ServerRejection(Exception):
    """The server responds with an error status, which may concern this crop or every crop. status: of HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the model server responds with HTTP status {status}")
        self.status = status
