"""The gate between the SDK and the queue: how many jobs are taken at once, and leaving in order, that is, stop taking
jobs first, answer every admitted one, then ask the platform for a replacement.

The SDK does not drain: asked to refresh, it goes on taking jobs. And a loop that has as many jobs as it may take looks
again only after a second, so that short jobs leave the engine idle. Its one seam is the function that fetches jobs, so
the gate stands there (`runpod_sdk.wrap_job_fetcher`): the SDK is told a concurrency that it never reaches
(`runpod_sdk.unreachable_concurrency`), and the gate opens as soon as a job is answered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from ocr_worker import runpod_sdk
from ocr_worker.log import event
from ocr_worker.runpod_sdk import FetchJobs, JobDict

log = logging.getLogger(__name__)

_PAUSE_S = 0.05
_LOOK_EVERY_S = 0.01
_HOLD_S = 1.0  # then the SDK looks whether it is to end


class Drain:
    """Counts what was taken and what was answered. All but `request` runs on the SDK's event loop."""

    def __init__(self) -> None:
        self.requested = False
        self._taken = 0
        self._answered = 0
        self._polling = False

    def request(self, reason: str) -> None:
        """From now on no job is taken. May be called from any thread, and more than once."""
        if not self.requested:
            self.requested = True
            event(log, "drain", reason=reason)

    def install(self, jobs_at_once: Callable[[], int]) -> None:
        """Put the gate between the SDK's loop and its fetching of jobs; before `runpod.serverless.start`.

        jobs_at_once: asked when the loop runs, which it does not in a worker that could not be loaded.
        """
        runpod_sdk.wrap_job_fetcher(lambda fetch_jobs: self._gated(fetch_jobs, jobs_at_once))

    def _gated(self, fetch_jobs: FetchJobs, jobs_at_once: Callable[[], int]) -> FetchJobs:
        async def gated(session: Any, wanted: int) -> list[JobDict] | None:
            room = await self._room(jobs_at_once())
            if self.requested:
                self._leave_if_idle()
                await asyncio.sleep(_PAUSE_S)
            if self.requested or room <= 0:
                return None
            self._polling = True
            try:
                jobs = await fetch_jobs(session, min(wanted, room))
            finally:
                self._polling = False
            self._taken += len(jobs or ())
            return jobs

        return gated

    async def _room(self, jobs_at_once: int) -> int:
        """How many jobs may be taken; waits a moment while there is no room."""
        deadline = time.monotonic() + _HOLD_S
        while (room := jobs_at_once - runpod_sdk.jobs_in_progress()) <= 0:
            if self.requested or time.monotonic() >= deadline:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        return room

    async def asks_for_replacement(self) -> bool:
        """Called by each job once, just before it answers: whether its answer is the last and asks to be replaced."""
        self._answered += 1
        if not self.requested or self._polling or self._answered < self._taken:
            return False
        # Neighbours have their answers but may still be posting them, and we may be stopped as soon as we ask.
        while runpod_sdk.jobs_in_progress() > 1:
            await asyncio.sleep(_PAUSE_S)
        event(log, "replacement", answered=self._answered)
        return True

    def _leave_if_idle(self) -> None:
        """No job is left whose answer could ask: end, and the platform starts the container again."""
        if runpod_sdk.jobs_in_progress() == 0:
            runpod_sdk.stop_fetching()
