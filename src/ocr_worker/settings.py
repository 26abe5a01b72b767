"""The worker's settings: one frozen model, the only reader of the environment. Each is `OCR_<NAME>` there."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ocr_worker.errors import SettingsInvalid

MEGABYTE = 1_000_000


class Settings(BaseSettings):
    """What an operator may choose. Sizes are decimal megabytes (10^6 bytes), times seconds."""

    model_config = SettingsConfigDict(env_prefix="OCR_", frozen=True, extra="ignore", env_ignore_empty=True)

    engine: str = Field("paddleocr-vl", description="`paddleocr-vl`, `embedded`, or `module:factory` of your own")
    concurrency: int = Field(2, ge=1, le=64, description="jobs admitted at once; more than one hides their downloads")

    max_source_mb: float = Field(200, gt=0, description="largest document")
    fetch_timeout_s: float = Field(60, gt=0, description="total time of a download, retries included")
    fetch_concurrency: int = Field(4, ge=1, description="downloads at once in a job")
    allowed_hosts: list[str] = Field([], description='hosts that URLs may name, as JSON: `["files.example.com"]`; none: all')

    max_pages: int = Field(2000, ge=1, description="pages of one document that one job may ask for")
    max_page_mpx: float = Field(50, gt=0, description="pixel budget of a page, in megapixels; above it the dpi is lowered")
    raster_workers: int = Field(2, ge=1, description="child processes that render documents")
    raster_page_timeout_s: float = Field(30, gt=0, description="longest a page may take to render")
    raster_memory_mb: float = Field(2000, gt=0, description="address space a rendering child may use beyond its start")
    page_memory_mb: float = Field(1000, gt=0, description="rendered pages in memory at once, over all jobs")

    engine_timeout_s: float = Field(120, gt=0, description="longest an engine call may take, per page in it")
    job_timeout_s: float | None = Field(None, gt=0, description="answer with what is there after this long")

    inline_limit_mb: float = Field(10, gt=0, description="largest answer; the platform drops what is larger")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


def load_settings() -> Settings:
    """The settings of this environment. Raises SettingsInvalid, naming every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(f"{_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise SettingsInvalid(f"the environment is not valid: {faults}") from None
    except ValueError as error:  # pydantic-settings raises a plain error for lists that are no JSON
        raise SettingsInvalid(f"the environment is not valid: {error}") from None


def _variable(path: tuple[int | str, ...]) -> str:
    return "OCR_" + str(path[0]).upper() if path else "OCR_*"


