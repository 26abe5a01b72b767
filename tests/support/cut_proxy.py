"""A TCP proxy whose connections a test cuts, as a network does that forgets a frozen machine."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from ocr_worker import threads


class CutProxy:
    """A context manager: passes connections on to `port` on loopback. Its own port is `port`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> CutProxy:
        threads.start(self._accept, "proxy")
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> int:
        """Reset all connections; return how many there were."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for connection in sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        return len(sockets) // 2

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            with self._lock:
                self._sockets += [client, server]
            threads.start(lambda a=client, b=server: _pass_on(a, b), "proxy-up")
            threads.start(lambda a=server, b=client: _pass_on(a, b), "proxy-down")


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
