"""The settings of the HTTP app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

from pydantic import Field, SecretStr

from ocr_worker.settings.groups.base import SettingsGroup
from ocr_worker.settings.values import Expected, Hosts, Keys, Origins, Wire, Wires


class HttpSettings(SettingsGroup):
    """The HTTP app, `ocr-worker serve`."""

    api_keys: Keys = Field(
        [],
        description="Keys, such as `key1,key2`, one of which a client of the HTTP app must send. Default: no key, and"
        " the app listens on this machine only.",
    )
    port: int = Field(8000, ge=0, le=65535, validation_alias="PORT", description="Port of the HTTP app. Default: 8000.")
    health_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        validation_alias="PORT_HEALTH",
        description="Additional port that serves the probes, such as `/ping`, for a load balancer. Default: they are"
        " served on `PORT` only.",
    )
    queue: int = Field(
        64, ge=1, description="Number of jobs that the HTTP app accepts before it answers 429. Default: 64."
    )
    cors_origins: Origins = Field(
        [],
        description='Origins of web pages that may call the HTTP app, as JSON: `["https://a.example"]`. Default: none.',
    )
    trusted_hosts: Hosts = Field(
        [],
        description="Names in the `Host` header under which the HTTP app is served, beside `localhost` and loopback"
        " addresses, such as `ocr.example.com,10.*`; checks of `/ping` included. Others are answered 421. Default: none"
        " if the app listens on loopback, else any name.",
    )
    wires: Wires = Field(
        list(get_args(Wire)),
        description="APIs of other products that the HTTP app serves beside its own: `paddlex`, `jobs`, `mistral`,"
        " `docling`, `fastgpt` and `open-webui`. `[]`: none. Default: all.",
    )
    upload_ttl_s: float = Field(
        3600,
        gt=0,
        le=604_800,
        description="Seconds for which a file that was uploaded to `/v1/files` is kept for `/v1/ocr`. Default: 3600.",
    )
    upload_mb: float = Field(
        1000, gt=0, description="Disk space, in MB, for all files uploaded to `/v1/files`. Default: 1000."
    )
    grace_s: float = Field(
        30, gt=0, description="Seconds that running jobs may take after the HTTP app is asked to stop. Default: 30."
    )
    state_dir: Path = Field(
        Path("~/.local/state/ocr-worker"),
        description="Directory in which the HTTP app keeps the jobs of `/api/v2/ocr/jobs` and their results, so that a"
        " restart loses none; one `ocr-worker serve` uses it at a time. Default: `~/.local/state/ocr-worker`.",
    )
    waiting_jobs: int = Field(
        1000,
        ge=1,
        description="Number of open jobs of `/api/v2/ocr/jobs` at which the HTTP app answers 429. Default: 1000.",
    )
    result_keep_s: float = Field(
        86_400,
        gt=0,
        description="Seconds after which the result of a job of `/api/v2/ocr/jobs` is deleted. Default: 86400, a day.",
    )
    abandoned_job_s: float | None = Field(
        None,
        gt=0,
        description="Seconds after which a job of `/api/v2/ocr/jobs` is cancelled if no client asks for its state."
        " Default: never.",
    )
    public_url: Annotated[str | None, Expected("a URL such as https://ocr.example.com")] = Field(
        None,
        pattern=r"^https?://[^/]+.*$",
        description="URL under which clients reach the HTTP app, for the addresses of results and pictures. Default:"
        " the address to which the request was sent.",
    )
    trust_forwarded: bool = Field(
        False,
        description="Take the public address from `X-Forwarded-Proto`, `-Host` and `-Prefix`, which a proxy in front of"
        " the HTTP app must set. Default: false.",
    )
    token_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Secret of at least 16 characters that signs the ids and addresses of `ocr-worker serve"
        " --endpoint`; the same for all its instances. Default: none, and `--endpoint` is refused.",
    )
