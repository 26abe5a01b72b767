"""A Ray cluster as a service: the jobs of a batch run in actors of an existing cluster.

`RayCluster` sends each job to one of its actors and polls it there. `PipelineActor` is a `LocalPipeline` in an actor,
which holds a warm engine. Ray places the actors, starts lost ones again, and moves the bytes: there is no scheduler,
queue or transport of our own. The actors are detached and named after the batch, so that jobs run on when the process
that sent them is killed, and the next run finds their results. They end themselves when nobody has called them for a
while. The jobs in progress of a lost actor are unknown to the one that replaces it; a run sends them again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from ocr_worker import extras
from ocr_worker.batch.local import LocalPipeline
from ocr_worker.client.service import Delay, JobStatus, Json, ServiceHealth
from ocr_worker.errors import EndpointUnavailable, JobExpired, OcrWorkerError
from ocr_worker.settings import Settings

with extras.needed_by("--ray", "ray"):
    import ray
    from ray.exceptions import RayActorError, RayError, RayTaskError

NAMESPACE = "ocr-worker"
IDLE_S = 600.0
_CALL_S = 30.0  # for a call of an actor, which answers at once when it is alive
_IDLE_CHECK_S = 5.0


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Options of the actors.

    actors: their number. num_cpus, num_gpus: that Ray reserves for each; fractions share a card. idle_s: seconds
    without a call after which an actor ends itself.
    """

    actors: int = 1
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    idle_s: float = IDLE_S


class PipelineActor:
    """A pipeline in an actor. Its methods run on the actor's event loop."""

    def __init__(self, settings: Settings, idle_s: float) -> None:
        self._service = LocalPipeline(settings)
        self._idle_s = idle_s
        self._called_at = time.monotonic()
        self._watch: asyncio.Task[None] | None = None

    async def submit(self, job_input: Json, execution_timeout_s: float) -> str:
        """See `Service.submit`."""
        self._note_call()
        try:
            return await self._service.submit(job_input, execution_timeout_s=execution_timeout_s, ttl_s=0.0)
        finally:
            self._called_at = time.monotonic()  # the first call waits for the engine

    async def status(self, job_id: str) -> JobStatus:
        """See `Service.status`."""
        self._note_call()
        return await self._service.status(job_id)

    async def cancel(self, job_id: str) -> None:
        """See `Service.cancel`."""
        self._note_call()
        await self._service.cancel(job_id)

    def _note_call(self) -> None:
        self._called_at = time.monotonic()
        if self._watch is None:
            self._watch = asyncio.ensure_future(self._end_when_idle())

    async def _end_when_idle(self) -> None:
        while time.monotonic() - self._called_at < self._idle_s:
            await asyncio.sleep(min(_IDLE_CHECK_S, self._idle_s))
        await self._service.close()
        ray.actor.exit_actor()


class RayCluster:
    """A `Service` that runs jobs in the actors of a batch. The ids of jobs begin with the number of the actor.

    address: of the cluster, as `ray.init` takes it; `auto`: the one of this machine; `local`: a new one, which ends
    with this process. batch: the key of the batch, which names the actors. settings: of each actor's pipeline.
    """

    def __init__(self, address: str, batch: str, settings: Settings, options: RayOptions) -> None:
        self.name = f"Ray at {address}, with the engine {settings.engine}"
        self.jobs_at_once = options.actors * settings.jobs_at_once
        self.payload_bytes = 200_000_000
        self.outlives_client = address != "local"
        self._address = address
        self._batch = batch
        self._settings = settings
        self._options = options
        self._jobs_sent = 0
        self._starting_since: float | None = None
        if not ray.is_initialized():
            try:
                ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")
            except (RayError, ConnectionError, RuntimeError, ValueError) as error:
                raise EndpointUnavailable(f"there is no Ray cluster at {address}: {error}") from None

    async def submit(self, job_input: Json, *, execution_timeout_s: float, ttl_s: float) -> str:
        """See `Service`. The first job of an actor waits until its engine is loaded."""
        number = self._jobs_sent % self._options.actors
        self._jobs_sent += 1
        call = self._actor(number).submit.remote(job_input, execution_timeout_s)
        job_id = await self._result(call, self._settings.start_timeout_s + _CALL_S)
        return f"{number}/{job_id}"

    async def status(self, job_id: str) -> JobStatus:
        """See `Service`."""
        number, _, actor_job_id = job_id.partition("/")
        actor = self._existing_actor(number)
        if actor is None:
            raise JobExpired("the actor of the job has ended, and its results with it")
        status: JobStatus = await self._result(actor.status.remote(actor_job_id))
        return status

    async def cancel(self, job_id: str) -> None:
        """See `Service`."""
        number, _, actor_job_id = job_id.partition("/")
        if actor := self._existing_actor(number):
            await self._result(actor.cancel.remote(actor_job_id))

    async def health(self) -> ServiceHealth:
        """See `Service`. It needs no answer of an actor, because one that is loading its engine gives none."""
        if not ray.is_initialized():
            raise EndpointUnavailable("the connection to the Ray cluster is lost")
        return ServiceHealth(workers=self._options.actors, in_queue=0)

    async def check(self) -> ServiceHealth:
        """See `Service`."""
        return await self.health()

    def delay(self) -> Delay | None:
        """See `Service`. Until an actor has answered: for how long they have been starting."""
        if self._starting_since is None:
            return None
        return Delay(f"starting actors ({time.monotonic() - self._starting_since:.0f} s)")

    async def close(self) -> None:
        """See `Service`. The actors live on."""
        ray.shutdown()

    # ----------------------------------------------------------------- actors

    def _actor(self, number: int) -> Any:
        """Return an actor, which is started unless an earlier run has done so."""
        options = self._options
        actor_class = ray.remote(PipelineActor).options(
            name=f"{self._batch}-{number}",
            namespace=NAMESPACE,
            lifetime="detached" if self.outlives_client else None,
            get_if_exists=True,
            num_cpus=options.num_cpus,
            num_gpus=options.num_gpus,
            max_restarts=-1,
            max_concurrency=1000,
        )
        return actor_class.remote(self._settings, options.idle_s)

    def _existing_actor(self, number: str) -> Any | None:
        return _find_actor(f"{self._batch}-{number}")

    async def _result(self, call: Awaitable[Any], timeout_s: float = _CALL_S) -> Any:
        """Return the result of a call. Raises its error; EndpointUnavailable: the actor is lost or does not answer."""
        self._starting_since = self._starting_since or time.monotonic()
        try:
            result = await asyncio.wait_for(call, timeout_s)
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, OcrWorkerError):
                raise cause from None
            raise
        except (RayActorError, TimeoutError) as error:
            raise EndpointUnavailable(f"an actor of {self.name} is lost or busy ({type(error).__name__})") from None
        self._starting_since = None
        return result


def end_actors(batch: str, count: int) -> None:
    """End all actors of a batch, with the jobs in them. The process is connected to their cluster."""
    for number in range(count):
        if actor := _find_actor(f"{batch}-{number}"):
            ray.kill(actor)


def _find_actor(name: str) -> Any | None:
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None
