"""The gate between the SDK and the queue: it limits the jobs that run at the same time, and it drains the worker.

To drain means: stop fetching jobs, answer every admitted one, then ask the platform for a replacement. The SDK does not
drain: it continues to fetch jobs after a request to refresh. And when its loop has as many jobs as it may fetch, it
checks again only after a second, so that short jobs leave the engine idle. Its only extension point is the function
that fetches jobs, so the gate wraps that one (`runpod_sdk.wrap_job_fetcher`). The SDK gets a concurrency that it never
reaches (`runpod_sdk.unreachable_concurrency`), and the gate opens as soon as a job is answered.
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
_CHECK_EVERY_S = 0.01
_HOLD_S = 1.0  # after which the SDK checks whether it must end
_PAUSE_AFTER_ERROR_S = 1.0  # the SDK repeats a failed fetch at once, and would keep a processor busy


class Drain:
    """The gate of one worker, with counts of jobs. Every method except `request` runs on the SDK's event loop."""

    def __init__(self) -> None:
        self.is_requested = False
        self._jobs_fetched = 0
        self._jobs_answered = 0
        self._is_fetching = False

    def request(self, reason: str) -> None:
        """Stop fetching jobs from now on. May be called on any thread, and more than once."""
        if not self.is_requested:
            self.is_requested = True
            event(log, "drain", reason=reason)

    def install(self, jobs_at_once: Callable[[], int]) -> None:
        """Put the gate between the SDK's loop and its job fetcher. Call before `runpod.serverless.start`.

        jobs_at_once: called while the loop runs, which never happens in a worker that could not be loaded.
        """
        runpod_sdk.wrap_job_fetcher(lambda fetch_jobs: self._wrap(fetch_jobs, jobs_at_once))

    def _wrap(self, fetch_jobs: FetchJobs, jobs_at_once: Callable[[], int]) -> FetchJobs:
        async def fetch_through_gate(session: Any, number_of_jobs: int) -> list[JobDict] | None:
            free_places = await self._wait_for_free_places(jobs_at_once())
            if self.is_requested:
                self._stop_if_idle()
                await asyncio.sleep(_PAUSE_S)
            if self.is_requested or free_places <= 0:
                return None
            self._is_fetching = True
            try:
                jobs = await fetch_jobs(session, min(number_of_jobs, free_places))
            except Exception:
                self._is_fetching = False
                await asyncio.sleep(_PAUSE_AFTER_ERROR_S)
                raise
            finally:
                self._is_fetching = False
            self._jobs_fetched += len(jobs or ())
            return jobs

        return fetch_through_gate

    async def _wait_for_free_places(self, jobs_at_once: int) -> int:
        """Return how many jobs may be fetched, after waiting up to a second for a free place."""
        deadline = time.monotonic() + _HOLD_S
        while (free_places := jobs_at_once - runpod_sdk.jobs_in_progress()) <= 0:
            if self.is_requested or time.monotonic() >= deadline:
                break
            await asyncio.sleep(_CHECK_EVERY_S)
        return free_places

    async def is_last_response(self) -> bool:
        """Count a response, and return whether it is the worker's last, which must ask for a replacement.

        Call once per job, just before its response is returned. In the case of the last one, it waits until all other
        responses are posted.
        """
        self._jobs_answered += 1
        if not self.is_requested or self._is_fetching or self._jobs_answered < self._jobs_fetched:
            return False
        # Other jobs may still be posting their responses, and the platform may stop us as soon as we ask.
        while runpod_sdk.jobs_in_progress() > 1:
            await asyncio.sleep(_PAUSE_S)
        event(log, "replacement", answered=self._jobs_answered)
        return True

    def _stop_if_idle(self) -> None:
        """End the loop when no job is left whose response could ask; the platform then restarts the container."""
        if runpod_sdk.jobs_in_progress() == 0:
            runpod_sdk.stop_fetching()
