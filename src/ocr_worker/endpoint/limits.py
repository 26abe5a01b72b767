"""The platform's documented limits. A test or a developer may change each of them.

The defaults are RunPod's documented numbers. Numbers that no document gives are marked as ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ocr_worker.endpoint.rates import Rate

_DAY_S = 86_400.0

EXECUTION_TIMEOUT_S = (5.0, 7 * _DAY_S)  # minimum and maximum in a job's policy
TTL_S = (10.0, 7 * _DAY_S)  # likewise
WAIT_S = (1.0, 300.0)  # minimum and maximum of `/runsync?wait=`

RATES: Mapping[str, Rate] = MappingProxyType(
    {
        "run": Rate(1000, 200),
        "runsync": Rate(2000, 400),
        "status": Rate(2000, 400),
        "stream": Rate(2000, 400),
        "cancel": Rate(100, 20),
        "purge-queue": Rate(2),
    }
)


@dataclass(frozen=True, slots=True)
class EndpointLimits:
    """The limits of an endpoint. Sizes in bytes, times in seconds."""

    run_body: int = 10_000_000
    runsync_body: int = 20_000_000
    response: int = 10_000_000  # a worker's response to a job
    stream_chunk: int = 1_000_000
    execution_timeout_s: float = 600.0
    ttl_s: float = _DAY_S  # from submission, time in the queue included
    run_retention_s: float = 1800.0  # from the job's end
    runsync_retention_s: float = 60.0
    runsync_wait_s: float = 90.0
    stream_hold_s: float = 1.0  # ours: how long `/stream` waits for a chunk
    poll_hold_s: float = 1.0  # ours: how long a worker's poll waits for news
    retries: int = 3  # ours: how often a job is run again after it lost its worker
    rates: Mapping[str, Rate] = field(default_factory=lambda: RATES)
