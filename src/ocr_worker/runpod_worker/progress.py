"""Progress of a running job, which callers see in `/status`.

The SDK's own `progress_update` posts from a thread that nobody waits for. A late message can then arrive after the
final response and put the job back in progress. Here, a task of the job posts the messages by
`runpod_sdk.post_progress`, and the job waits for the last one before it answers.
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
    """The progress of one job: an async context manager that counts the job's pages and posts the counts."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job
        self._lock = threading.Lock()
        self._pages_expected: dict[str, int] = {}
        self._pages_done = 0
        self._start_time = time.monotonic()
        self._end = asyncio.Event()

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Count a page. See `OnPage`."""
        with self._lock:
            self._pages_expected[document_id] = pages_expected
            self._pages_done += 1

    async def __aenter__(self) -> Progress:
        self._post_task = asyncio.create_task(self._post_messages())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        await self._post_task

    async def _post_messages(self) -> None:
        last_message = None
        if not is_on_platform():
            return  # a dry run has no endpoint to post to
        while not await self._ends_within(_EVERY_S):
            message = self.message(time.monotonic() - self._start_time)
            if message and message != last_message:
                await _post(self._job, message)
                last_message = message

    async def _ends_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._end.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def message(self, elapsed_s: float) -> dict[str, Any] | None:
        """Return the message to post `elapsed_s` after the start; None when the response is due within 5 s."""
        with self._lock:
            done, expected = self._pages_done, sum(self._pages_expected.values())
        if not done:
            return {"stage": "opening", "pages_done": 0}
        if (expected - done) * elapsed_s / done < _EVERY_S:
            return None
        return {"stage": "parsing", "pages_done": done, "pages_expected": expected}


async def _post(job: Mapping[str, Any], message: dict[str, Any]) -> None:
    try:
        await asyncio.wait_for(runpod_sdk.post_progress(job, message), _POST_S)
    except TimeoutError:
        return  # the message is dropped: the response must not wait for it
