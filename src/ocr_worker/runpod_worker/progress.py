"""Words on a job's progress, for those who look at `/status` meanwhile.

The SDK's own `progress_update` posts from a thread nobody waits for, and a late word can land after the final answer
and put the job back in progress. So a task of the job posts the words (`runpod_sdk.post_progress`), and the job waits
for the last before it answers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ocr_worker import runpod_sdk
from ocr_worker.settings import is_on_platform
from ocr_worker.wire.schema import PageResult

_EVERY_S = 5.0
_POST_S = 5.0


class Progress:
    """An async context manager around a job; counts its pages and posts how many there are."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job
        self._lock = threading.Lock()
        self._expected: dict[str, int] = {}
        self._done = 0
        self._began = time.monotonic()
        self._over = asyncio.Event()

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Count a page. See `OnPage`."""
        with self._lock:
            self._expected[document_id] = pages_expected
            self._done += 1

    async def __aenter__(self) -> Progress:
        self._telling = asyncio.create_task(self._tell())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        await self._telling

    async def _tell(self) -> None:
        last = None
        if not is_on_platform():
            return  # in a dry run there is nobody to tell
        while not await self._ends_within(_EVERY_S):
            told = self.told(time.monotonic() - self._began)
            if told and told != last:
                await _post(self._job, told)
                last = told

    async def _ends_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def told(self, elapsed_s: float) -> dict[str, Any] | None:
        """The word after so many seconds; None near the end, where the answer itself is the better word."""
        with self._lock:
            done, expected = self._done, sum(self._expected.values())
        if not done:
            return {"stage": "opening", "pages_done": 0}
        if (expected - done) * elapsed_s / done < _EVERY_S:
            return None
        return {"stage": "parsing", "pages_done": done, "pages_expected": expected}


async def _post(job: Mapping[str, Any], told: dict[str, Any]) -> None:
    try:
        await asyncio.wait_for(runpod_sdk.post_progress(job, told), _POST_S)
    except TimeoutError:
        return  # a word less; the answer must not wait for it
