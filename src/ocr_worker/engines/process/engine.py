"""The engine that the worker sees when its engines have processes of their own.

`ProcessEngine` passes each call to an engine process, and starts another one when that has ended. It knows three kinds
of ends. A process that ends during a call crashed: the call raises EngineCrashed, and is repeated page by page in the
next process (`parsing.isolation`). A process that hangs is killed by `abandon`, on the watchdog's thread. A process
that has parsed its number of pages, or has grown too large, is replaced between two calls, which is no failure. The
engine is lost after three failures without a page in between, and when a process does not even end by SIGKILL.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ocr_worker.engines.base import Engine, EngineSpec, WorkerPart
from ocr_worker.engines.process.process import EngineProcess, ProcessEnded
from ocr_worker.engines.process.protocol import decode_pages, encode_images, encode_pages
from ocr_worker.errors import EngineCrashed, EngineUnavailable, OcrWorkerError
from ocr_worker.log import event
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.settings import Settings, dump_settings
from ocr_worker.wire.schema import EngineInfo, ParseOptions

log = logging.getLogger(__name__)

MAX_ENDS = 3  # in a row, without a page: a fourth process would end, too


def engine_builders(spec: EngineSpec[Any], settings: Settings) -> list[Callable[[], Engine[Any]]]:
    """Return the function that builds each replica, in the worker's process or in processes of their own.

    The engines get the settings with this decision in `engine_processes`.
    """
    count, are_processes = spec.replicas(settings), has_processes(spec, settings)
    settings = settings.model_copy(update={"engine_processes": are_processes})
    if not are_processes:
        return [spec.builder(settings)] * count
    make_part = spec.process_parts.worker_part(settings) if spec.process_parts else lambda: None
    return [lambda: build(settings, make_part())] * count


def has_processes(spec: EngineSpec[Any], settings: Settings) -> bool:
    """Return whether each engine has a process of its own: `OCR_ENGINE_PROCESSES`, or what the engine prefers."""
    return spec.has_processes(settings) if settings.engine_processes is None else settings.engine_processes


def build(settings: Settings, worker_part: WorkerPart | None) -> ProcessEngine:
    """Return an engine in a new process. It offers `merge_pages` only if the engine in the process does.

    Raises the error of the engine's builder, and EngineUnavailable if the process ends.
    """
    process = EngineProcess(worker_part)
    try:
        traits = _build_in(process, settings)
    except BaseException:
        process.kill()
        if worker_part:
            worker_part.close()
        raise
    engine_type = MergingProcessEngine if traits["merges_pages"] else ProcessEngine
    return engine_type(settings, worker_part, process, traits)


def _build_in(process: EngineProcess, settings: Settings) -> dict[str, Any]:
    try:
        traits, _ = process.call("build", {"settings": dump_settings(settings)}, seconds=settings.start_timeout_s)
    except ProcessEnded as error:
        raise EngineUnavailable(f"the engine process failed while it loaded the engine: {error}") from None
    return dict(traits)


class ProcessEngine:
    """An engine in a process of its own; see `Engine` and `Revives` for its methods and their threads.

    process: runs, with an engine that was built. traits: the reply to `build`. The state is changed under `_lock`; a
    process is started under `_start_lock`, by the engine's thread or by a job's thread that merges.
    """

    def __init__(
        self, settings: Settings, worker_part: WorkerPart | None, process: EngineProcess, traits: dict[str, Any]
    ) -> None:
        self.info = EngineInfo.model_validate(traits["info"])
        self.batch_size = int(traits["batch_size"])
        # The part in the worker does what takes minutes; its time does not count.
        has_other_process = traits["revives"] and worker_part is None
        self._revival_s = settings.start_timeout_s if has_other_process else settings.engine_timeout_s
        self._settings = settings
        self._worker_part = worker_part
        self._process = process
        self._lock = threading.Lock()
        self._start_lock = threading.Lock()
        self._end_count = 0  # since the last page
        self._loss: OcrWorkerError | None = None

    def warm_up(self) -> None:
        """Warm the engine up; see `Engine.warm_up`."""
        try:
            self._process.call("warm_up", {}, seconds=self._settings.start_timeout_s)
        except ProcessEnded as error:
            raise EngineUnavailable(f"the engine process failed while it warmed up: {error}") from None

    def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> Sequence[ParsedPage]:
        """Parse the pages in the process. Raises its errors, and EngineCrashed if it ends."""
        process = self._process
        headers, pixels = encode_images(pages)
        values = {"options": options.model_dump_json(exclude_unset=True), "pages": headers}
        try:
            _, parts = process.call("parse", values, pixels)
        except ProcessEnded as error:
            if process.is_abandoned:
                raise EngineUnavailable(f"the engine process does not respond: {error}; send the page again") from None
            self._count_end(process, str(error))
            raise EngineCrashed(f"the engine process ended while it parsed this page: {error}") from None
        except EngineUnavailable:
            raise
        except Exception:
            self._record(process, len(pages))
            raise
        self._record(process, len(pages))
        return decode_pages(parts)  # type: ignore[return-value]  # `isolation` validates each page

    def revive(self) -> None:
        """Replace the process if it has ended, does not respond, or is due. Wait for what else its engine needs."""
        while True:
            process = self._usable_process(may_recycle=True)
            try:
                process.call("revive", {}, seconds=self._revival_s)
                return
            except ProcessEnded as error:
                process.kill()
                self._count_end(process, str(error))

    def abandon(self) -> OcrWorkerError | None:
        """Kill the process, unless its last call failed for a reason outside of it. See `Revives`."""
        process = self._process
        if not process.is_spared:
            process.is_abandoned = True
            process.kill()
            self._count_end(process, "a call failed or hangs")
        return self.lost()

    def lost(self) -> OcrWorkerError | None:
        """Return why no process will be started any more, or None."""
        return self._loss or (self._worker_part.lost() if self._worker_part else None)

    def close(self) -> None:
        """Close the engine and end its process."""
        with self._lock:
            self._loss = self._loss or EngineUnavailable("the worker is stopping; send the job again")
        if self._start_lock.acquire(blocking=False):
            self._process.close()
            self._start_lock.release()
        else:
            self._process.kill()  # a job's thread is starting it
        if self._worker_part:
            self._worker_part.close()

    # ----------------------------------------------------------------- the process

    def _usable_process(self, *, may_recycle: bool = False) -> EngineProcess:
        """Return the process, after starting another one if it has ended. Raises the loss of the engine."""
        with self._start_lock:
            while True:
                if self._loss:
                    raise self._loss
                process = self._process
                is_due = may_recycle and process.is_running() and self._is_due(process)
                if process.is_running() and not is_due:
                    return process
                self._retire(process, is_due=is_due)
                self._start()

    def _is_due(self, process: EngineProcess) -> bool:
        pages, memory_mb = self._settings.engine_recycle_pages, self._settings.engine_recycle_memory_mb
        return (pages is not None and process.page_count >= pages) or (
            memory_mb is not None and process.page_count > 0 and process.memory_mb() > memory_mb
        )

    def _retire(self, process: EngineProcess, *, is_due: bool) -> None:
        """End the process, and count its end unless it was planned."""
        if is_due:
            event(log, "engine_recycled", pid=process.pid, pages=process.page_count)
            process.is_counted = True  # also for a job's thread that merges pages in it
            process.close()
        else:
            process.kill()
            self._count_end(process, "it ended between two calls")
        if not process.has_ended():
            self._lose(f"the engine process {process.pid} does not end, and the worker asks to be replaced")
        elif process.is_abandoned and self._worker_part:
            self._worker_part.examine()

    def _start(self) -> None:
        """Start another process with a warm engine; count it as one more end if that fails."""
        if self._loss:
            return
        process = self._process = EngineProcess(self._worker_part)
        try:
            _build_in(process, self._settings)
            self.warm_up()
            event(log, "engine_restarted", pid=process.pid)
        except Exception as error:
            process.kill()
            self._count_end(process, str(error) if isinstance(error, OcrWorkerError) else "the engine failed to start")
            if not isinstance(error, OcrWorkerError):
                log.exception("the engine process failed to start")

    def _count_end(self, process: EngineProcess, reason: str) -> None:
        """Count the end of a process, once. The engine is lost after `MAX_ENDS`."""
        with self._lock:
            if process.is_counted:
                return
            process.is_counted = True
            self._end_count += 1
            is_last = self._end_count >= MAX_ENDS
        log.error("engine process %d failed: %s", process.pid, reason)
        if is_last:
            self._lose(
                f"engine processes failed {MAX_ENDS} times without parsing a page ({reason}), and the worker asks to be"
                " replaced"
            )

    def _record(self, process: EngineProcess, page_count: int) -> None:
        with self._lock:
            process.page_count += page_count
            self._end_count = 0

    def _lose(self, reason: str) -> None:
        with self._lock:
            self._loss = self._loss or EngineUnavailable(f"{reason}; send the page again")


class MergingProcessEngine(ProcessEngine):
    """A `ProcessEngine` whose engine implements `MergesPages`."""

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
        """Return the document's pages, merged in the process while it parses others.

        Raises the engine's error; EngineUnavailable if no process can be started; EngineCrashed if the process ends.
        """
        settings = self._settings
        seconds = settings.engine_timeout_s + len(pages) * settings.engine_page_timeout_s
        process = self._usable_process()
        try:
            return decode_pages(process.merge(encode_pages(pages), seconds))
        except ProcessEnded as error:
            process.kill()
            self._count_end(process, str(error))
            raise EngineCrashed(f"the engine process ended while it merged the document's pages: {error}") from None
