"""The settings of the batch client."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from ocr_worker.settings.groups.base import EnvironmentModel
from ocr_worker.settings.values import Expected


class ClientSettings(EnvironmentModel):
    """The batch client's settings, under the names that the platform's own client uses."""

    api_key: SecretStr | None = Field(
        None,
        validation_alias="RUNPOD_API_KEY",
        description="API key of the platform, which the client sends to the endpoint. Default: no key.",
    )
    base_url: Annotated[str, Expected("a URL such as https://api.runpod.ai/v2")] = Field(
        "https://api.runpod.ai/v2",
        pattern=r"^https?://[^/]+.*$",
        validation_alias="RUNPOD_ENDPOINT_BASE_URL",
        description="URL of the job API, without the endpoint's id. Default: the platform, https://api.runpod.ai/v2.",
    )
