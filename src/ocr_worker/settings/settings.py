"""All settings of a worker together, and the values that follow from several of them."""

from __future__ import annotations

from pydantic import model_validator

from ocr_worker.settings.groups import (
    BucketSettings,
    EngineSettings,
    HttpSettings,
    LimitSettings,
    ModelServerSettings,
    PlatformSettings,
    WorkerSettings,
)

MEGABYTE = 1_000_000

_NATIVE_PAGE_MEMORY_MB = 100
_REPLICAS_PER_SERVER, _MIN_REPLICAS = 2, 4  # pipelines of model servers
_PAGE_MB = 6.25  # an A4 page at 144 dpi, in three bytes per pixel, with room for slightly larger paper


# Pydantic takes the fields of the last base first: so the fields have the order of `GROUPS`.
class Settings(
    PlatformSettings, HttpSettings, BucketSettings, ModelServerSettings, EngineSettings, LimitSettings, WorkerSettings
):
    """The worker's settings. Sizes are in decimal megabytes (10^6 bytes), times in seconds."""

    @property
    def jobs_at_once(self) -> int:
        """Number of jobs that run at the same time.

        The default keeps the engines busy even if each job has one page: one more job downloads meanwhile.
        """
        return self.concurrency or (self._pages_on_the_way if self.reads_pages_together else self.replica_count + 1)

    @property
    def replica_count(self) -> int:
        """Number of engines of ours that parse pages side by side."""
        if self.replicas or self.backend == "native":
            return self.replicas or 1
        return max(_MIN_REPLICAS, _REPLICAS_PER_SERVER * self.server_count)

    @property
    def page_room_mb(self) -> float:
        """Memory for the rendered pages of all jobs together, in MB. The default has room for `_pages_on_the_way`."""
        if self.page_memory_mb is not None:
            return self.page_memory_mb
        return self._pages_on_the_way * _PAGE_MB if self.reads_pages_together else _NATIVE_PAGE_MEMORY_MB

    @property
    def _pages_on_the_way(self) -> int:
        """Number of pages if they are read together: as many wait as are in the calls of all replicas."""
        return 2 * self.replica_count * self.pages_per_call

    def for_one_job(self, documents: int) -> Settings:
        """Return the settings of a process that runs a single job: it renders no more documents than the job has."""
        return self.model_copy(update={"concurrency": 1, "raster_workers": min(self.raster_workers, documents)})

    def derived_value(self, field: str) -> object:
        """Return the value of a setting, or the one that follows from other settings if it is not set."""
        if field == "concurrency":
            return self.jobs_at_once
        if field == "replicas":
            return self.replica_count
        if field == "page_memory_mb":
            return self.page_room_mb
        if field == "server" and self.backend != "native":
            return "managed" if self.has_managed_server else "external"
        return getattr(self, field)

    @model_validator(mode="after")
    def _check_contradictions(self) -> Settings:
        problems = [*self.bucket_problems(), *self.server_problems()]
        if self.has_managed_server and self.replica_count < self.servers:
            problems.append(
                f"OCR_SERVERS={self.servers} is more than OCR_REPLICAS={self.replica_count}, so that servers would be"
                " idle; raise OCR_REPLICAS, or lower OCR_SERVERS"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self
