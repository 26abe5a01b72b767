"""The settings of the worker itself: jobs, its end, its log."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ocr_worker.settings.groups.base import SettingsGroup


class WorkerSettings(SettingsGroup):
    """How many jobs a worker runs, and when it ends one or asks to be replaced."""

    concurrency: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Number of jobs processed at the same time. Default: one more than `OCR_REPLICAS`, so that one"
        " downloads while the others are parsed, which is 2; with a model server, twice `OCR_REPLICAS` times"
        " `OCR_PAGES_PER_CALL`, which is 64; likewise with `OCR_NATIVE=transformers`, which is 16.",
    )
    job_timeout_s: float | None = Field(
        None,
        gt=0,
        le=604_800,
        description="Seconds after which a job is answered with the pages parsed so far. Default: no limit.",
    )
    stream: bool = Field(
        False, description="Send each page as soon as it is parsed, through the platform's `/stream`. Default: false."
    )
    recycle_pages: int | None = Field(
        None, ge=1, description="Number of pages after which the worker asks to be replaced. Default: no limit."
    )
    recycle_memory_mb: float | None = Field(
        None,
        gt=0,
        description="Ask for a replacement when resident memory approaches this many MB. Default: 90 % of the"
        " container's memory.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level of the messages in the worker's log, on stderr. Default: INFO."
    )
