"""The settings that the platform defines."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ocr_worker.settings.groups.base import SettingsGroup


class PlatformSettings(SettingsGroup):
    """The platform's volume, its limit for a start, and the log of its SDK."""

    init_timeout_s: float = Field(
        420,
        gt=0,
        validation_alias="RUNPOD_INIT_TIMEOUT",
        description="Seconds that the platform allows for the worker's complete start; a start that takes more than"
        " half of them is logged as a warning. Default: 420.",
    )
    volume_dir: Path = Field(
        Path("/runpod-volume"),
        description="Directory where the platform mounts network volumes and cached models. Default: /runpod-volume.",
    )
    sdk_log_level: Literal["DEBUG", "INFO", "WARN", "ERROR"] | None = Field(
        None,
        validation_alias="RUNPOD_LOG_LEVEL",
        description="Lowest level of the messages in the log of RunPod's SDK; at DEBUG it contains document text."
        " Default: INFO.",
    )
