"""The gate between the SDK and the queue: how many jobs are taken at once, and leaving in order, that is, stop taking
jobs first, answer every admitted one, then ask the platform for a replacement.

The SDK does not drain: asked to refresh, it goes on taking jobs. And a loop that has as many jobs as it may take looks
again only after a second, so that short jobs leave the engine idle. Its one seam is the function that fetches jobs, so
the gate stands there (runpod 1.12.0, `rp_scale.get_job`; tests/test_runpod_sdk.py holds it in place): the SDK is told
a concurrency that it never reaches, and the gate opens as soon as a job is answered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ocr_worker.log import event

log = logging.getLogger(__name__)

GetJobs = Callable[..., Awaitable[list[dict[str, Any]] | None]]

_PAUSE_S = 0.05
_LOOK_EVERY_S = 0.01
_HOLD_S = 1.0  # then the SDK looks whether it is to end


def told_concurrency(jobs_at_once: int) -> int:
    """What the SDK is told, constant: it counts jobs in its queue twice, and must never find itself full."""
    return 2 * jobs_at_once + 1


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
        """Puts the gate between the SDK's loop and its fetching of jobs; before `runpod.serverless.start`.

        jobs_at_once: asked when the loop runs, which it does not in a worker that could not be loaded.
        """
        from runpod.serverless.modules import rp_scale

        rp_scale.get_job = self._gated(rp_scale.get_job, jobs_at_once)

    def _gated(self, get_jobs: GetJobs, jobs_at_once: Callable[[], int]) -> GetJobs:
        async def gated(session: Any, wanted: int) -> list[dict[str, Any]] | None:
            room = await self._room(jobs_at_once())
            if self.requested:
                self._leave_if_idle()
                await asyncio.sleep(_PAUSE_S)
            if self.requested or room <= 0:
                return None
            self._polling = True
            try:
                jobs = await get_jobs(session, min(wanted, room))
            finally:
                self._polling = False
            self._taken += len(jobs or ())
            return jobs

        return gated

    async def _room(self, jobs_at_once: int) -> int:
        """How many jobs may be taken; waits a moment while there is no room."""
        deadline = time.monotonic() + _HOLD_S
        while (room := jobs_at_once - _jobs_in_progress()) <= 0 and time.monotonic() < deadline and not self.requested:
            await asyncio.sleep(_LOOK_EVERY_S)
        return room

    async def asks_for_replacement(self) -> bool:
        """Called by each job once, just before it answers: whether its answer is the last and asks to be replaced."""
        self._answered += 1
        if not self.requested or self._polling or self._answered < self._taken:
            return False
        # Neighbours have their answers but may still be posting them, and we may be stopped as soon as we ask.
        while _jobs_in_progress() > 1:
            await asyncio.sleep(_PAUSE_S)
        event(log, "replacement", answered=self._answered)
        return True

    def _leave_if_idle(self) -> None:
        """No job is left whose answer could ask: end, and the platform starts the container again."""
        if _jobs_in_progress() == 0:
            os.kill(os.getpid(), signal.SIGTERM)


def _jobs_in_progress() -> int:
    from runpod.serverless.modules.worker_state import JobsProgress

    return int(JobsProgress().get_job_count())
