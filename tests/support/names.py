"""Names for servers of this machine. No name server runs here: these answers take the place of one."""

from __future__ import annotations

import socket
from collections import Counter
from typing import Any

import pytest


class Names:
    """Answers of a name server, by host. The last answer for a host is repeated; other hosts are resolved as ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lookups: Counter[str] = Counter()
        self._answers: dict[str, list[list[str]]] = {}
        self._look_up = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)

    def add(self, host: str, *answers: list[str]) -> None:
        """Add a host with the addresses of its first, second, ... answer."""
        self._answers[host] = list(answers)

    def _getaddrinfo(self, host: Any, port: Any, *more: Any, **named: Any) -> Any:
        self.lookups[host] += 1
        answers = self._answers.get(host, [[host]])
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for address in addresses for entry in self._look_up(address, port, *more, **named)]
