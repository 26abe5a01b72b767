"""The local endpoint: RunPod's job API on this machine, in front of real workers.

A worker is `handler.py` under the SDK's loop, in a process of its own. Developers write clients against the endpoint
without paying, and tests cover the complete path: client, API, SDK, handler and back. `server` runs the HTTP server and
the workers. `callers` and `workers_api` are its routes, `jobs` is the queue, and `processes` keeps the workers running.

The endpoint behaves as RunPod documents it: states, payload and response limits, retention, time-to-live, execution
timeout and rates. It differs from the real platform as follows:

- No scaling and no cold start on demand: N workers start at once and stay. `/health` reports no throttled workers.
- `webhook` is passed to the worker and never called. Nothing is uploaded for `s3Config`. There is no `/retry`, no
  batch jobs and no `/openai`. `?ttl=` of `/status` is ignored.
- A worker is lost when its process ends, not when its heartbeats stop. Its jobs return to the front of the queue. A job
  fails when it loses its worker again after `EndpointLimits.retries` retries; the platform's number is not documented.
- A response larger than `EndpointLimits.response` is rejected, no matter how it arrived. A time in `policy` that is out
  of bounds gives 400. Purged jobs stay visible as CANCELLED. The platform's behavior in these cases is not documented.
- Everything is in memory, on loopback, without TLS. Without an API key, every program is admitted, but no web page.
  Every endpoint id means this one endpoint. The SDK's checks of GPU and network at a worker's start are off, unless the
  environment sets them.
- A worker learns once that it must stop a job (cancelled, timed out). The SDK loses a stop in the last tenth of a
  second before it calls the handler. The worker then continues a job whose client no longer waits.
- The endpoint leaves its workers behind when SIGKILL ends it, and in no other case.
- The rates are those of an endpoint with few workers. On the platform they grow with the number of workers.
"""

from __future__ import annotations

from ocr_worker import extras

with extras.needed_by("the local endpoint", "endpoint"):
    from ocr_worker.endpoint.limits import EndpointLimits
    from ocr_worker.endpoint.server import LocalEndpoint

__all__ = ["EndpointLimits", "LocalEndpoint"]
