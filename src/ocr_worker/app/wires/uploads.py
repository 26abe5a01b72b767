"""Files that a client uploads first and parses with a later request, as Mistral's clients do.

Each file is on disk without a name, so that nothing is left when the process ends in whatever way. Its id is the only
way to it, and cannot be guessed; there is no list of files. A file is deleted after the setting `OCR_UPLOAD_TTL_S`, and
the space of all files is limited. Call `Uploads` on one event loop.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from typing import IO

from starlette.concurrency import run_in_threadpool

from ocr_worker.errors import QueueFull
from ocr_worker.settings import MEGABYTE, Settings

ID_PATTERN = r"file-[0-9a-f]{48}"
_MAX_FILES = 256  # each holds a file descriptor, of which a process commonly has 1024


@dataclass(frozen=True)
class StoredFile:
    """An uploaded file. size: bytes. created_at, expires_at: Unix time in seconds."""

    id: str
    name: str
    size: int
    expires_at: int
    content: IO[bytes] = field(repr=False)
    created_at: int = field(default_factory=lambda: int(time.time()))

    def read(self, size: int = -1, /) -> bytes:
        """Return the first `size` bytes, all by default. Several requests may read at the same time."""
        return os.pread(self.content.fileno(), self.size if size < 0 else size, 0)


class Uploads:
    """The uploaded files, by id."""

    def __init__(self, settings: Settings) -> None:
        self._ttl_s = settings.upload_ttl_s
        self._max_bytes = int(settings.upload_mb * MEGABYTE)
        self._files: dict[str, StoredFile] = {}
        self._bytes = 0

    async def add(self, content: IO[bytes], name: str) -> StoredFile:
        """Copy an open file to disk and return it. Raises QueueFull: there is no space for it."""
        size = content.seek(0, os.SEEK_END)
        if self._bytes + size > self._max_bytes or len(self._files) >= _MAX_FILES:
            raise QueueFull(
                f"there is no space for this file beside {len(self._files)} uploaded files; delete files that are"
                f" parsed, wait until they expire after {self._ttl_s:g} s, or raise OCR_UPLOAD_MB"
            )
        self._bytes += size
        copy = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as the entry)
        try:
            content.seek(0)
            await run_in_threadpool(_copy, content, copy)
        except BaseException:
            copy.close()
            self._bytes -= size
            raise
        file = StoredFile(f"file-{secrets.token_hex(24)}", name, size, int(time.time() + self._ttl_s), copy)
        self._files[file.id] = file
        asyncio.get_running_loop().call_later(self._ttl_s, self.delete, file.id)
        return file

    def get(self, file_id: str) -> StoredFile | None:
        """Return the file with this id; None if there is none, or no longer."""
        return self._files.get(file_id)

    def delete(self, file_id: str) -> bool:
        """Delete a file. Return False if there was none."""
        file = self._files.pop(file_id, None)
        if file is None:
            return False
        self._bytes -= file.size
        return True  # a thread may read it now; the last reference closes it


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    shutil.copyfileobj(source, target)
    target.flush()
