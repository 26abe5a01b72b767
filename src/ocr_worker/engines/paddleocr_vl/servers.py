"""The model servers of a worker, and the choice among them for each call of an engine.

`ServerPool` owns all servers: those that the worker starts on its GPU (`managed_server`), or those that run elsewhere
(`external_server`). Each engine gets a `ServerShare`, which is its `ModelServer`. Before each call, the share takes the
server that fewest other shares use. So calls spread over the servers, and those of a server that died go to the others
until it is back. An engine waits only if no server can be used, and is lost only if none ever will be.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ocr_worker.engines.paddleocr_vl.external_server import ExternalServer
from ocr_worker.engines.paddleocr_vl.gpu_memory import MIN_SERVER_MB, server_share, smallest_card_mb
from ocr_worker.engines.paddleocr_vl.managed_server import ManagedServer
from ocr_worker.engines.paddleocr_vl.model_server import ServedModel
from ocr_worker.errors import OcrWorkerError, SettingsInvalid
from ocr_worker.settings import Settings


class PooledServer(Protocol):
    """One server of a pool. Its state is read and changed under the pool's condition, which it notifies.

    `abandon`, `lost` and `close` are those of `ModelServer`.
    """

    url: str

    def served(self) -> tuple[ServedModel, int] | None:
        """Return the model and the start of the server if it can be used now, else None."""
        ...

    def abandon(self, start: int) -> OcrWorkerError | None:
        """Report that this start of the server is dead or hangs. Return why it will not come back, or None."""
        ...

    def lost(self) -> OcrWorkerError | None:
        """Return why the server cannot be used and is not expected back, or None."""
        ...

    def close(self) -> None:
        """Stop a managed server."""


class ServerPool:
    """The model servers of a worker. `start_pool` makes it.

    servers: all have `condition`, and are started by the caller.
    """

    def __init__(self, servers: Sequence[PooledServer], condition: threading.Condition) -> None:
        self._servers = servers
        self._condition = condition
        self._shares: list[ServerShare] = []
        self._users = 0

    def share(self) -> ServerShare:
        """Return the model server for one more engine."""
        share = ServerShare(self)
        with self._condition:
            self._shares.append(share)
        return share

    def close(self) -> None:
        """Stop all managed servers, without waiting for their end."""
        for server in self._servers:
            server.close()

    # ----------------------------------------------------------------- for the shares

    @property
    def url(self) -> str:
        """Base URL of the first server, for a client that has made no call yet."""
        return self._servers[0].url

    def join(self) -> None:
        """Count one more engine."""
        with self._condition:
            self._users += 1

    def leave(self) -> None:
        """Count one engine less; after the last engine, close."""
        with self._condition:
            self._users -= 1
            is_last = self._users <= 0
        if is_last:
            self.close()

    def take(self, share: ServerShare) -> tuple[ServedModel, int]:
        """Wait until a server can be used. Let the share use the one that fewest others use; return model and start.

        The start is unique in the pool. Raises the error of the first server if all are lost.
        """
        with self._condition:
            share.server = None
            self._condition.wait_for(lambda: self._usable() or self.lost())
            if error := self.lost():
                raise error
            in_use = [other.server for other in self._shares]
            server = min(self._usable(), key=in_use.count)
            served = server.served()
            assert served is not None
            share.server = server
            model, start = served
            return model, start * len(self._servers) + self._servers.index(server)

    def abandon(self, start: int) -> OcrWorkerError | None:
        """Abandon a start that `take` returned. Return why no server will be usable again, or None."""
        server_start, index = divmod(start, len(self._servers))
        self._servers[index].abandon(server_start)
        return self.lost()

    def lost(self) -> OcrWorkerError | None:
        """Return why no server will be usable again, or None."""
        with self._condition:
            errors = [server.lost() for server in self._servers]
            return errors[0] if all(errors) else None

    def _usable(self) -> list[PooledServer]:
        return [server for server in self._servers if server.served()]


class ServerShare:
    """The `ModelServer` of one engine. `ServerPool.share` makes it.

    server: the server of its current or last call, under the pool's condition.
    """

    def __init__(self, pool: ServerPool) -> None:
        self._pool = pool
        self.url = pool.url
        self.server: PooledServer | None = None

    def join(self) -> None:
        """Count this engine."""
        self._pool.join()

    def leave(self) -> None:
        """Count this engine no more; after the last engine, managed servers are stopped."""
        self._pool.leave()

    def wait(self) -> tuple[ServedModel, int]:
        """Wait until a server can be used; return the model of the least busy one, and its start."""
        return self._pool.take(self)

    def abandon(self, start: int) -> OcrWorkerError | None:
        """Report that the server of this start is dead or hangs. Return why no server will be usable again, or None."""
        return self._pool.abandon(start)

    def lost(self) -> OcrWorkerError | None:
        """Return why no server will be usable again, or None."""
        return self._pool.lost()

    def close(self) -> None:
        """Stop all managed servers of the pool."""
        self._pool.close()


def start_pool(settings: Settings, directories: Mapping[str, Path]) -> ServerPool:
    """Start or connect the model servers that the settings ask for; return at once.

    directories: of the weights, by part of the pipeline; managed servers need `vl`. Raises SettingsInvalid: the command
    of a managed server does not exist, or the GPU has too little memory for so many servers.
    """
    condition = threading.Condition()
    if not settings.has_managed_server:
        return ServerPool([ExternalServer(settings, url, condition) for url in settings.server_url], condition)
    # Servers that measure the GPU's memory at the same time count each other's.
    start_turn = threading.Lock()
    card_mb = smallest_card_mb()
    gpu_share = server_share(settings, card_mb)
    if card_mb and gpu_share * card_mb < MIN_SERVER_MB and "--gpu-memory-utilization" not in settings.server_args:
        raise SettingsInvalid(
            f"the GPU has {card_mb / 1000:.0f} GB, of which layout models leave {gpu_share * card_mb / 1000:.1f} GB to"
            f" each of {settings.servers} model servers, which need {MIN_SERVER_MB / 1000:.0f} GB\n"
            "lower OCR_SERVERS or OCR_REPLICAS, or set OCR_ENGINE_PROCESSES=false"
        )
    managed_servers = [
        ManagedServer(settings, directories["vl"], gpu_share, condition, start_turn) for _ in range(settings.servers)
    ]
    return ServerPool(managed_servers, condition)
