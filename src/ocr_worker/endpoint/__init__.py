"""RunPod's job API on this machine, in front of real workers: `handler.py` under the SDK's loop, in processes.

Clients are written against it without paying, and tests go the whole way: client, API, SDK, handler and back. What is
documented of the platform holds here: states, payload and answer limits, retention, time-to-live, execution timeout,
rates. Where it is not the real platform:

- No scaling and no cold start by demand: N workers start at once and stay. `/health` knows no throttled workers.
- `webhook` is passed on to the worker and never called; nothing is uploaded for `s3Config`. There is no `/retry`, no
  `/status-sync`, no batch jobs, no `/openai`; `?ttl=` of `/status` is ignored.
- A worker is lost when its process ends, not when its heartbeats stop. Its jobs go back to the front of the queue, and
  the job fails when that has happened `Limits.retries` times; the platform's own number is not documented.
- A job's answer is refused by `Limits.answer` however it came; a time in `policy` out of bounds gives 400; purged jobs
  stay visible as CANCELLED. What the platform does there is not documented either.
- Everything is in memory, on loopback, without TLS; without an API key everybody is let in. Every endpoint id is this
  one endpoint. The SDK's checks of GPU and network at a worker's start are off, unless the environment sets them.
- A stop (cancelled, timed out) is told to the worker once. The SDK loses one that comes in the tenth of a second before
  it calls the handler; the worker then goes on with a job that nobody waits for.
- Ended by SIGKILL, the endpoint leaves its workers behind; by anything else it does not.
- Rates are those of one endpoint with few workers; the platform's grow with their number.
"""

from __future__ import annotations

from ocr_worker import extras

with extras.needed_by("the local endpoint", "endpoint"):
    from ocr_worker.endpoint.limits import Limits
    from ocr_worker.endpoint.server import LocalEndpoint

__all__ = ["Limits", "LocalEndpoint"]
