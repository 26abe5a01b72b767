"""Leaving in order: stop taking jobs first, answer every admitted one, then ask the platform for a replacement.

The SDK does not drain: asked to refresh, it goes on taking jobs. Its one seam is the function that fetches them, so the
gate stands there (runpod 1.12.0, `rp_scale.get_job`; tests/test_sdk_contract.py holds it in place).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from ocr_worker.log import event

log = logging.getLogger(__name__)

GetJobs = Callable[..., Awaitable[list[dict[str, Any]] | None]]

_PAUSE_S = 0.05


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

    def install(self) -> None:
        """Puts the gate between the SDK's loop and its fetching of jobs; before `runpod.serverless.start`."""
        from runpod.serverless.modules import rp_scale

        rp_scale.get_job = self._gated(rp_scale.get_job)

    def _gated(self, get_jobs: GetJobs) -> GetJobs:
        async def gated(*args: Any) -> list[dict[str, Any]] | None:
            if self.requested:
                self._leave_if_idle()
                await asyncio.sleep(_PAUSE_S)
                return None
            self._polling = True
            try:
                jobs = await get_jobs(*args)
            finally:
                self._polling = False
            self._taken += len(jobs or ())
            return jobs

        return gated

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
