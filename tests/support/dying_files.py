"""A file system whose process dies in a write, for pipelines of Ray Data; a module, so that Ray can import it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from fsspec.implementations.local import LocalFileSystem


class DyingFiles(LocalFileSystem):  # type: ignore[misc]
    """The local file system. Its process is killed twice: with half a file written, and with a complete file."""

    cachable = False

    def __init__(self, markers: str) -> None:
        super().__init__()
        self._markers = Path(markers)

    def open(self, path: str, mode: str = "rb", **arguments: object) -> object:
        file = super().open(path, mode, **arguments)
        if mode != "wb":
            return file
        marker = next((name for name in ("half", "complete") if not (self._markers / name).exists()), None)
        return DyingFile(file, marker and self._markers / marker)


class DyingFile:
    """A file that ends its process when `marker` is not None: a file that says so."""

    closed = False

    def __init__(self, file: BinaryIO, marker: Path | None) -> None:
        self._file = file
        self._marker = marker

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: bytes) -> int:
        if self._marker and self._marker.name == "half" and len(data) > 100:
            self._file.write(bytes(data)[: len(data) // 2])
            self._file.flush()
            self._die()
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._file.close()
            if self._marker:
                self._die()

    def _die(self) -> None:
        assert self._marker
        self._marker.touch()
        os._exit(1)
