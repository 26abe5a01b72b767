"""An endpoint of the platform as a service, over its job API. Every call is rate-limited, and repeated where safe.

A completed job's output has one of three forms: a complete response, the chunks of a streaming worker
(`chunks.join_chunks`), or a link into a bucket (`_fetch`). All three become a `ParseResponse`.
Workers of other versions may write fields that this client does not know; these are ignored. An output that still is no
valid response leaves the job without one, and its documents are counted as failed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from math import inf, isfinite
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from pydantic import SecretStr, ValidationError

from ocr_worker import threads
from ocr_worker.client.calls import AttemptFailed, Gate, Outage, Retries
from ocr_worker.client.chunks import delivery_of, join_chunks
from ocr_worker.client.service import ENDED_STATES, Delay, JobStatus, JobTimes, Json, ServiceHealth, State
from ocr_worker.errors import (
    AuthenticationFailed,
    DeliveryFailed,
    EndpointUnavailable,
    JobExpired,
    JobFailed,
    SettingsInvalid,
    error_types,
)
from ocr_worker.http_headers import parse_retry_after
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import Delivered, ErrorInfo, ParseResponse

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs URLs, signed queries included

StatusAndBody = tuple[int, Mapping[str, Any]]

# Well below what the platform allows in 10 s: 1000 of /run, 2000 of /status, 100 of /cancel.
_CALLS_PER_S, _CALLS_AT_ONCE = 80, 40
_CANCELS_PER_S, _CANCELS_AT_ONCE = 5, 10
_DOWNLOADS_AT_ONCE = 4  # each is completely in memory
_CONNECT_S = 10.0
_RECHECK_S = 1.0
_FIRST_CONNECTIONS = 3  # tries at the start of a run, over about two seconds, before an address counts as wrong
_STREAM_S = 120.0  # the platform may hold a request for chunks until there is one

_NEVER_SENT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_PERMANENT_ERRORS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.TooManyRedirects)
_UNPROCESSED_STATUSES = (408, 425, 429)
_RETRYABLE = {error.code for error in error_types() if error.retryable}
_STATES = {
    "IN_QUEUE": State.QUEUED,
    "IN_PROGRESS": State.RUNNING,
    "RUNNING": State.RUNNING,  # in some places of the documentation
    "COMPLETED": State.COLLECTED,
    "FAILED": State.FAILED,
    "TIMED_OUT": State.TIMED_OUT,
    "CANCELLED": State.CANCELLED,
}


class _NoServer(AttemptFailed):
    """No connection: the name has no address, or no server listens there."""


class StreamUpdate(NamedTuple):
    """Chunks of a streaming job as the endpoint sent them, and the state of the job."""

    state: State
    chunks: list[Any]


class RemoteEndpoint:
    """A `Service` that sends jobs to an endpoint.

    base_url: URL before the endpoint's id, such as `https://api.runpod.ai/v2`. endpoint: the id. api_key: sent to the
    endpoint only; None: no key. patience_s: seconds after a call's first failure during which it is repeated.
    timeout_s: longest silence of a connected server.
    Raises SettingsInvalid: the base URL is not a URL; AuthenticationFailed: the key has characters that no key has.
    """

    def __init__(
        self,
        base_url: str,
        endpoint: str,
        api_key: SecretStr | str | None,
        *,
        patience_s: float = 60.0,
        timeout_s: float = 30.0,
    ) -> None:
        self.name = f"endpoint {endpoint} at {_host(base_url)}"
        self.jobs_at_once = 4
        self.outlives_client = True
        self.reads_files = False
        self.payload_bytes = 9_500_000  # the platform allows 10 MB; the rest is for the policy and the envelope
        self._url = f"{base_url.rstrip('/')}/{quote(endpoint, safe='')}"
        self._retries = Retries(patience_s)
        self._outage = Outage()
        self._calls = Gate(_CALLS_PER_S, _CALLS_PER_S, _CALLS_AT_ONCE)
        self._cancels = Gate(_CANCELS_PER_S, _CANCELS_AT_ONCE, _CANCELS_AT_ONCE)
        self._downloads = asyncio.Semaphore(_DOWNLOADS_AT_ONCE)
        timeout = httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s))
        limits = httpx.Limits(max_connections=_CALLS_AT_ONCE, keepalive_expiry=15)
        self._client = httpx.AsyncClient(headers=_headers(api_key), timeout=timeout, limits=limits)
        # For links, which need no key: the key is sent to the endpoint only.
        self._link_client = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity"}, timeout=timeout, follow_redirects=True
        )

    async def submit(
        self, job_input: Json, *, execution_timeout_s: float | None = None, ttl_s: float | None = None
    ) -> str:
        """See `Service`. Repeats the call only while the endpoint certainly did not accept the job.

        That is the case without a connection and after 408, 425, 429, and 503 with a Retry-After. After anything else
        the job may be there: a broken connection, a timeout, another 5xx, a response without an id. Then the call
        raises EndpointUnavailable at once, and the caller decides whether to send the job again. The endpoint's own
        settings hold for a time that is None.
        """
        times_s = {"executionTimeout": execution_timeout_s, "ttl": ttl_s}
        policy = {name: round(seconds * 1000) for name, seconds in times_s.items() if seconds is not None}
        content = json.dumps({"input": job_input, "policy": policy}).encode()
        status, body = await self._call("POST", "run", content, is_idempotent=False)
        if status == 404:
            raise self._unknown_endpoint()
        if status >= 400:
            raise JobFailed(f"{self.name} rejects the job: {_error_text(status, body)}")
        if not (job_id := body.get("id")) or not isinstance(job_id, str):
            raise EndpointUnavailable(f"{self.name} returned no job id; it may have accepted the job nevertheless")
        return job_id

    async def status(self, job_id: str) -> JobStatus:
        """See `Service`. Fetches a response from its bucket.

        Raises also JobFailed: the output of a completed job is incomplete or not from this worker; DeliveryFailed: the
        response cannot be fetched.
        """
        path = f"status/{quote(job_id, safe='')}"
        status, body = await self._call("GET", path)
        if status == 404:  # a replica of the API may not know the job yet
            await asyncio.sleep(_RECHECK_S)
            status, body = await self._call("GET", path)
        if status == 404:
            raise JobExpired(
                f"{self.name} no longer has the job; its time to live, or the time its result is kept, has passed"
            )
        state = _STATES.get(str(body.get("status")))
        if status >= 400 or state is None:
            raise EndpointUnavailable(f"{self.name} does not return the job's status: {_error_text(status, body)}")
        output = body.get("output")
        times = _job_times(body, state)
        if state is State.RUNNING:
            done, expected = (int(_number(_object(output).get(name))) for name in ("pages_done", "pages_expected"))
            return JobStatus(state, times=times, pages_done=done, pages_expected=expected)
        if state is State.COLLECTED:
            return JobStatus(state, await self._read_output(output), times=times)
        error = _job_error(body) if state is State.FAILED else None
        return JobStatus(state, _parse_response(output), error, times)

    async def stream(self, job_id: str) -> StreamUpdate:
        """Return the chunks that the endpoint has not returned yet.

        The endpoint returns each chunk once, so that a lost answer leaves a gap in the numbers of the chunks. Raises
        JobExpired, EndpointUnavailable, AuthenticationFailed.
        """
        status, body = await self._call("GET", f"stream/{quote(job_id, safe='')}", read_s=_STREAM_S)
        if status == 404:
            raise JobExpired(f"{self.name} does not know the job, or no longer")
        state, items = _STATES.get(str(body.get("status"))), body.get("stream", [])
        if status >= 400 or state is None or not isinstance(items, list):
            raise EndpointUnavailable(f"{self.name} does not stream the job: {_error_text(status, body)}")
        return StreamUpdate(state, [_object(item).get("output") for item in items])

    async def cancel(self, job_id: str) -> None:
        """See `Service`. Raises also AuthenticationFailed."""
        async with self._cancels:
            await self._call("POST", f"cancel/{quote(job_id, safe='')}")

    async def health(self) -> ServiceHealth:
        """See `Service`. Throttled and unhealthy workers are not counted."""
        return self._read_health(*await self._call("GET", "health"))

    async def check(self) -> ServiceHealth:
        """See `Service`."""
        return self._read_health(*await self._call("GET", "health", max_connections=_FIRST_CONNECTIONS))

    def delay(self) -> Delay | None:
        """See `Service`."""
        return self._outage.delay()

    def _read_health(self, status: int, body: Mapping[str, Any]) -> ServiceHealth:
        if status == 404:
            raise self._unknown_endpoint()
        if status >= 400:
            raise EndpointUnavailable(f"{self.name} does not return its health: {_error_text(status, body)}")
        workers, jobs = _object(body.get("workers")), _object(body.get("jobs"))
        # `ready` is a newer field, the sum of the other two.
        ready_count = max(_number(workers.get("ready")), _number(workers.get("idle")) + _number(workers.get("running")))
        return ServiceHealth(int(ready_count + _number(workers.get("initializing"))), int(_number(jobs.get("inQueue"))))

    async def close(self) -> None:
        """See `Service`."""
        await self._client.aclose()
        await self._link_client.aclose()

    def _unknown_endpoint(self) -> SettingsInvalid:
        return SettingsInvalid(f"{self.name} does not exist; check the endpoint's id and RUNPOD_ENDPOINT_BASE_URL")

    # ----------------------------------------------------------------- calls

    async def _call(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        is_idempotent: bool = True,
        read_s: float | None = None,
        max_connections: float = inf,
    ) -> StatusAndBody:
        """Return any response below 300 or from 400 to 499.

        read_s: longest silence of the server, if not that of all calls. max_connections: most tries while no server is
        at the address. Raises AuthenticationFailed, EndpointUnavailable.
        """
        request = self._client.build_request(method, f"{self._url}/{path}", content=content)
        if read_s is not None:
            request.extensions["timeout"]["read"] = read_s

        connections = 0

        async def attempt() -> StatusAndBody:
            nonlocal connections
            try:
                async with self._calls:
                    return await self._attempt(request)
            except _NoServer as error:
                connections += 1
                if connections < max_connections:
                    raise
                raise EndpointUnavailable(
                    f"{self.name} {error}; check RUNPOD_ENDPOINT_BASE_URL and the network"
                ) from None

        try:
            response = await self._retries.call(
                path.partition("/")[0],
                attempt,
                is_idempotent=is_idempotent,
                on_failure=lambda error, wait_s: self._outage.add(f"{self.name} {error}", wait_s),
            )
        except AttemptFailed as error:
            hint = "" if is_idempotent or error.is_unprocessed else "; it may have accepted the job nevertheless"
            raise EndpointUnavailable(f"{self.name} {error}{hint}") from None
        self._outage.end()
        return response

    async def _attempt(self, request: httpx.Request) -> StatusAndBody:
        try:
            response = await self._client.send(request)
        except _NEVER_SENT_ERRORS as error:
            kind = _NoServer if isinstance(error, httpx.ConnectError) else AttemptFailed
            raise kind(f"cannot be reached ({type(error).__name__})", is_unprocessed=True) from None
        except httpx.RequestError as error:
            raise AttemptFailed(f"did not respond ({type(error).__name__})") from None
        status, retry_after_s = response.status_code, _retry_after_s(response)
        if status in (401, 403):
            reason = "rejects the API key" if "Authorization" in request.headers else "needs an API key"
            raise AuthenticationFailed(
                f"{self.name} {reason} ({status}): set RUNPOD_API_KEY, which is sent only below"
                " RUNPOD_ENDPOINT_BASE_URL, or pass `api_key` to the client"
            )
        if status in _UNPROCESSED_STATUSES or status >= 500:
            is_unprocessed = status in _UNPROCESSED_STATUSES or (status == 503 and retry_after_s is not None)
            raise AttemptFailed(f"responded with {status}", is_unprocessed=is_unprocessed, retry_after_s=retry_after_s)
        if 300 <= status < 400:
            raise EndpointUnavailable(
                f"{self.name} redirects ({status}); check the base URL (RUNPOD_ENDPOINT_BASE_URL)"
            )
        body = None
        with suppress(ValueError):
            body = response.json()
        if not isinstance(body, dict) and status < 300:
            raise AttemptFailed("did not return a JSON object")
        return status, _object(body)

    # ----------------------------------------------------------------- output of completed jobs

    async def _read_output(self, output: Any) -> ParseResponse | None:
        """Return the complete response, fetched if it has a `delivery`; None for a JSON object that is not a response.

        Raises DeliveryFailed; JobFailed: the output is neither an object nor a list, or its chunks are invalid.
        """
        if not isinstance(output, dict | list):
            raise JobFailed(f"{self.name} returned something that is not a response of this worker; check what it runs")
        if delivery := output.get("delivery") if isinstance(output, dict) else delivery_of(output):
            return await self._fetch(delivery)
        return join_chunks(output) if isinstance(output, list) else _parse_response(output)

    async def _fetch(self, delivery: Any) -> ParseResponse | None:
        try:
            link = Delivered.read(delivery)
            label = f"the response in the bucket {link.bucket!r} at {httpx.URL(link.url).host}"
        except (ValidationError, httpx.InvalidURL):
            raise DeliveryFailed("the response has an invalid `delivery`, so its pages cannot be found") from None
        try:
            return await self._retries.call("fetch", lambda: self._download(link, label))
        except AttemptFailed as error:
            raise DeliveryFailed(f"{label} {error}") from None

    async def _download(self, link: Delivered, label: str) -> ParseResponse | None:
        body = bytearray()
        try:
            async with self._downloads, self._link_client.stream("GET", link.url) as response:
                status = response.status_code
                if status in _UNPROCESSED_STATUSES or status >= 500:
                    raise AttemptFailed(f"cannot be downloaded ({status})", retry_after_s=_retry_after_s(response))
                if status != 200:
                    raise DeliveryFailed(
                        f"{label} cannot be downloaded ({status}); it was deleted, or its link has expired"
                    )
                async for part in response.aiter_raw():
                    body += part
                    if len(body) > link.bytes:
                        raise AttemptFailed(f"is larger than the {link.bytes:,} bytes that were delivered")
        except _PERMANENT_ERRORS as error:
            raise DeliveryFailed(f"{label} has a link that cannot be followed ({type(error).__name__})") from None
        except httpx.RequestError as error:
            raise AttemptFailed(f"cannot be downloaded ({type(error).__name__})") from None
        return await asyncio.wrap_future(threads.start(lambda: _verify(body, link), "fetched"))


def _verify(body: bytearray, link: Delivered) -> ParseResponse | None:
    """Return the response in these bytes. Raises AttemptFailed: they differ from the delivered ones."""
    if len(body) != link.bytes or hashlib.sha256(body).hexdigest() != link.sha256:
        raise AttemptFailed("was damaged in transit: its size or its sha256 differs")
    with suppress(ValueError):
        if isinstance(output := json.loads(body), dict):
            return _parse_response(output)
    raise AttemptFailed("is not a JSON object")


def _parse_response(output: Any) -> ParseResponse | None:
    try:
        return ParseResponse.read(output)
    except ValidationError:
        return None


def _job_error(body: Mapping[str, Any]) -> ErrorInfo:
    """Return the error of a failed job: from its output, or from the platform's text, `CODE: message`."""
    output = _object(body.get("output"))
    if output.get("code"):
        with suppress(ValidationError):
            return ErrorInfo.read({"message": "", "retryable": False, **output})
    code, _, message = (_text(body.get("error")) or "").partition(": ")
    if code.isupper():
        return ErrorInfo(code=code, message=message, retryable=code in _RETRYABLE)
    return error_info(JobFailed("the job failed without an error code; see the endpoint's log for the reason"))


def _host(base_url: str) -> str:
    with suppress(httpx.InvalidURL):
        if netloc := httpx.URL(base_url).netloc.decode():
            return netloc
    raise SettingsInvalid(
        "the base URL (RUNPOD_ENDPOINT_BASE_URL) is not a URL; set it to one such as https://api.runpod.ai/v2"
    )


def _headers(api_key: SecretStr | str | None) -> dict[str, str]:
    key = (api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key or "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise AuthenticationFailed(
            "RUNPOD_API_KEY contains a character that no key has, such as a space; copy the key again"
        )
    return {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}


def _error_text(status: int, body: Mapping[str, Any]) -> str:
    """Return the `error` of a response, or its HTTP status and job status."""
    return (_text(body.get("error")) or f"HTTP {status}, status {body.get('status')!r}")[:300]


def _retry_after_s(response: httpx.Response) -> float | None:
    return parse_retry_after(response.headers.get("Retry-After"), time.time())


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _job_times(body: Mapping[str, Any], state: State) -> JobTimes:
    """Return the times of a job whose status has just arrived. Its output may still have to be fetched."""
    execution_ms, delay_ms = (max(0.0, _number(body.get(name))) for name in ("executionTime", "delayTime"))
    worker_id = body.get("workerId")
    return JobTimes(
        execution_ms / 1000,
        delay_ms / 1000,
        worker_id if isinstance(worker_id, str) and worker_id else None,
        time.time() if state in ENDED_STATES else None,
    )


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and isfinite(value) else 0.0
