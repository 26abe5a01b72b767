"""A Ray cluster as a service: the jobs of a batch run in actors of an existing cluster.

`RayCluster` sends each job to the actor with the fewest jobs and polls it there. `PipelineActor` is a `LocalPipeline`
in an actor, which holds a warm engine. Ray places the actors, starts lost ones again, and moves the bytes: there is no
scheduler, queue or transport of our own. The actors are detached and named after the batch, so that jobs run on when
the process that sent them is killed, and the next run finds their results, which wait in Ray's object store. They end
themselves when they have not been called for a while. The jobs in progress of a lost actor are unknown to the one that
replaces it; a run sends them again.

Files travel by their path where the actors can read them, on shared storage, and as bytes otherwise.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ocr_worker import extras, threads
from ocr_worker.batch.local import LocalPipeline
from ocr_worker.batch.sending import inline_files
from ocr_worker.client.service import ENDED_STATES, Delay, JobStatus, Json, ServiceHealth
from ocr_worker.errors import EndpointUnavailable, JobExpired, OcrWorkerError, SourceRejected
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ParseResponse

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
    without a call after which an actor ends itself. is_detached: whether they outlive the process that started them.
    """

    actors: int = 1
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    idle_s: float = IDLE_S
    is_detached: bool = True


class PipelineActor:
    """A pipeline in an actor. Its methods run on the actor's event loop."""

    def __init__(self, settings: Settings, idle_s: float) -> None:
        self._service = LocalPipeline(settings, _in_object_store)
        self._idle_s = idle_s
        self._called_at = time.monotonic()
        self._watch: asyncio.Task[None] | None = None

    async def submit(self, job_input: Json, execution_timeout_s: float) -> str | None:
        """See `Service.submit`. Return None if files of the job are not on this node, or are others."""
        self._note_call()
        try:
            job_input = await _read_files(job_input)
        except SourceRejected:
            return None
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
        self.reads_files = True  # until an actor cannot
        self.outlives_client = options.is_detached and address != "local"
        self._address = address
        self._batch = batch
        self._settings = settings
        self._options = options
        self._open_jobs: set[str] = set()
        self._submitting: Counter[int] = Counter()  # jobs by the number of their actor
        self._actors: dict[int, Any] = {}
        self._starting_since: float | None = None
        if not ray.is_initialized():
            try:
                ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")
            except (RayError, ConnectionError, RuntimeError, ValueError) as error:
                raise EndpointUnavailable(f"there is no Ray cluster at {address}: {error}") from None

    async def submit(self, job_input: Json, *, execution_timeout_s: float, ttl_s: float) -> str:
        """See `Service`. The first job of an actor waits until its engine is loaded."""
        number = self._least_busy_actor()
        self._submitting[number] += 1
        try:
            actor_job_id = await self._submit(number, job_input, execution_timeout_s)
            if actor_job_id is None:
                job_input = await _read_files(job_input)
                self.reads_files = False
                actor_job_id = await self._submit(number, job_input, execution_timeout_s)
        finally:
            self._submitting[number] -= 1
        job_id = f"{number}/{actor_job_id}"
        self._open_jobs.add(job_id)
        return job_id

    def _least_busy_actor(self) -> int:
        jobs = self._submitting + Counter(_parse(job_id)[0] for job_id in self._open_jobs)
        return min(range(self._options.actors), key=jobs.__getitem__)

    async def _submit(self, number: int, job_input: Json, execution_timeout_s: float) -> str | None:
        """Return the id of the job in the actor; None: the actor cannot read its files."""
        job_id: str | None = await self._result(
            number,
            self._actor(number).submit.remote(job_input, execution_timeout_s),
            self._settings.start_timeout_s + _CALL_S,
        )
        return job_id

    async def status(self, job_id: str) -> JobStatus:
        """See `Service`."""
        try:
            status = await self._status(job_id)
        except JobExpired:
            self._open_jobs.discard(job_id)
            raise
        if status.state in ENDED_STATES:
            self._open_jobs.discard(job_id)
        else:
            self._open_jobs.add(job_id)  # perhaps one of an earlier run
        return status

    async def _status(self, job_id: str) -> JobStatus:
        number, actor_job_id = _parse(job_id)
        actor = self._existing_actor(number)
        if actor is None:
            raise JobExpired("the actor of the job has ended, and its results with it")
        status: JobStatus = await self._result(number, actor.status.remote(actor_job_id))
        return status

    async def cancel(self, job_id: str) -> None:
        """See `Service`."""
        number, actor_job_id = _parse(job_id)
        if actor := self._existing_actor(number):
            await self._result(number, actor.cancel.remote(actor_job_id))

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
        if number not in self._actors:
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
            self._actors[number] = actor_class.remote(self._settings, options.idle_s)
        return self._actors[number]

    def _existing_actor(self, number: int) -> Any | None:
        return self._actors.get(number) or _find_actor(f"{self._batch}-{number}")

    async def _result(self, number: int, call: Awaitable[Any], timeout_s: float = _CALL_S) -> Any:
        """Return the result of a call of an actor.

        Raises its error; EndpointUnavailable: the actor is lost or does not answer.
        """
        self._starting_since = self._starting_since or time.monotonic()
        try:
            result = await asyncio.wait_for(call, timeout_s)
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, OcrWorkerError):
                raise cause from None
            raise
        except (RayActorError, TimeoutError) as error:
            self._actors.pop(number, None)  # it may have ended itself: the next call looks for it
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


def _parse(job_id: str) -> tuple[int, str]:
    """Return the number of a job's actor, and the id of the job there."""
    number, _, actor_job_id = job_id.partition("/")
    return int(number), actor_job_id


async def _read_files(job_input: Json) -> Json:
    """Return the input of a job with the bytes of its files. Raises SourceRejected."""
    return await asyncio.wrap_future(threads.start(lambda: inline_files(job_input), "batch"))


def _in_object_store(response: ParseResponse) -> Callable[[], ParseResponse]:
    """Keep a response where Ray moves it to the disk when memory is short, until the run collects it."""
    try:
        reference = ray.put(response)
    except RayError:  # the store and the disk are full
        return lambda: response

    def restore() -> ParseResponse:
        stored: ParseResponse = ray.get(reference)
        return stored

    return restore
