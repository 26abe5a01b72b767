"""Read the settings from the environment, once, into frozen models.

`Settings` are the worker's own; each is the environment variable `OCR_<NAME>`, except for those that the platform or
another tool names. `ClientSettings` are the batch client's. No other module reads settings from the environment. The
last functions work the other way: they set up the environment of Paddle and of child processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ocr_worker.errors import SettingsInvalid

MEGABYTE = 1_000_000
SettingsModel = TypeVar("SettingsModel", bound=BaseSettings)


class SettingsGroup(BaseSettings):
    """Base of the groups of the worker's settings."""

    model_config = SettingsConfigDict(
        env_prefix="OCR_", frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )


class WorkerSettings(SettingsGroup):
    """How many jobs a worker runs, and when it ends one or asks to be replaced."""

    concurrency: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Number of jobs processed at the same time. Default: 2, so that one downloads while another is"
        " parsed; 16 with a model server.",
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


class LimitSettings(SettingsGroup):
    """Limits on documents, downloads, rendering and responses."""

    max_source_mb: float = Field(200, gt=0, description="Largest size of one document, in MB. Default: 200.")
    fetch_timeout_s: float = Field(
        60, gt=0, description="Seconds that the download of one document may take, retries included. Default: 60."
    )
    fetch_concurrency: int = Field(
        4, ge=1, description="Number of documents of one job that are downloaded at the same time. Default: 4."
    )
    allowed_hosts: list[str] = Field(
        [],
        description="Hosts from which documents may be downloaded, such as `files.example.com,*.example.org`."
        " Default: every public host.",
    )
    max_pages: int = Field(
        2000, ge=1, description="Largest number of pages of one document that a job may request. Default: 2000."
    )
    max_page_mpx: float = Field(
        50,
        gt=0,
        description="Largest page image, in megapixels; a larger page is rendered at a lower resolution. Default: 50.",
    )
    raster_workers: int = Field(2, ge=1, description="Number of processes that render documents. Default: 2.")
    raster_page_timeout_s: float = Field(30, gt=0, description="Seconds that rendering one page may take. Default: 30.")
    raster_memory_mb: float = Field(
        2000,
        gt=0,
        description="Address space, in MB, that each rendering process may use in addition to what it has at its start."
        " Default: 2000.",
    )
    page_memory_mb: float = Field(
        100, gt=0, description="Memory, in MB, for the rendered pages of all jobs together. Default: 100."
    )
    inline_limit_mb: float = Field(
        10,
        gt=0,
        description="Largest inline response, in MB; what does not fit goes to the bucket or is shortened. Default: 10,"
        " because the platform drops larger responses.",
    )


class EngineSettings(SettingsGroup):
    """The engine, its deadlines, and the device and weights of PaddleOCR-VL."""

    engine: str = Field(
        "paddleocr-vl",
        description="Engine that parses the pages: `paddleocr-vl`, `embedded`, or the `module:attribute` of another"
        " package's EngineSpec. Default: `paddleocr-vl`.",
    )
    engine_timeout_s: float = Field(
        120, gt=0, description="Seconds that an engine call with one page may take. Default: 120."
    )
    engine_page_timeout_s: float = Field(
        30, ge=0, description="Extra seconds per additional page in the same engine call. Default: 30."
    )
    start_timeout_s: float = Field(
        400,
        gt=0,
        description="Seconds that the engine may take to load and warm up. Default: 400, because the platform allows"
        " 420 for the complete start.",
    )
    device: str = Field(
        "gpu",
        pattern=r"^(cpu|gpu(:\d+)?)$",
        description="Device that PaddleOCR-VL runs on: `gpu`, `gpu:1` for the second GPU, or `cpu`. Default: `gpu`.",
    )
    vl_version: Literal["v1", "v1.5", "v1.6"] = Field(
        "v1.6", description="Version of the PaddleOCR-VL model. Default: v1.6."
    )
    layout_weights_dir: Path | None = Field(
        None,
        description="Directory of the layout model's weights. Default: they are searched on the volume and in"
        " `OCR_WEIGHTS_HOME`.",
    )
    vl_weights_dir: Path | None = Field(
        None,
        description="Directory of the vision-language model's weights. Default: they are searched on the volume and in"
        " `OCR_WEIGHTS_HOME`.",
    )
    weights_home: Path = Field(
        Path("~/.paddlex"),
        validation_alias=AliasChoices("OCR_WEIGHTS_HOME", "PADDLE_PDX_CACHE_HOME"),
        description="Directory that weights are downloaded to. Default: `~/.paddlex`, as in PaddleX.",
    )
    download_weights: bool = Field(
        False, description="Download missing weights at the start. Default: false, so that the worker stops instead."
    )
    weights_source: Literal["huggingface", "modelscope", "aistudio", "bos"] = Field(
        "huggingface", description="Model hub that weights are downloaded from first. Default: huggingface."
    )
    use_doc_orientation_classify: bool = Field(
        False, description="Load the model that turns rotated pages upright, so that jobs can use it. Default: false."
    )
    use_doc_unwarping: bool = Field(
        False, description="Load the model that flattens photographed pages, so that jobs can use it. Default: false."
    )
    warmup_check: bool = Field(
        True,
        description="Stop the worker if the warm-up page is not read correctly. Default: true; set false only for test"
        " weights.",
    )
    retry_repetition: bool = Field(
        True, description="Read a block once more if its text ended in endless repetition. Default: true."
    )


class ModelServerSettings(SettingsGroup):
    """The backend of PaddleOCR-VL's vision-language model, and the model server if it is one."""

    backend: Literal[
        "native", "vllm-server", "sglang-server", "fastdeploy-server", "llama-cpp-server", "mlx-vlm-server"
    ] = Field(
        "native",
        description="What runs the vision-language model: `native`, which is Paddle in the worker's process, or a model"
        " server of this kind. Default: `native`.",
    )
    server: Literal["external", "managed"] = Field(
        "external",
        description="Who starts the model server: the worker (`managed`, with `vllm-server` only) or somebody else"
        " (`external`). Default: `external`.",
    )
    server_url: str | None = Field(
        None,
        pattern=r"^https?://[^/]+.*$",
        description="URL of an external model server, up to and including `/v1`. Default: none.",
    )
    server_api_key: SecretStr | None = Field(
        None, description="API key that is sent to the model server. Default: no key."
    )
    server_model: str | None = Field(
        None, description="Name under which the model server serves the model. Default: PaddleOCR-VL's own name."
    )
    server_wait_s: float = Field(
        300, gt=0, description="Seconds to wait for the model server at the worker's start. Default: 300."
    )
    server_args: list[str] = Field(
        [],
        description="Additional arguments for a managed `vllm serve`, as JSON:"
        ' `["--gpu-memory-utilization", "0.7"]`. Default: none.',
    )
    vllm: str = Field(
        "vllm", description="Command that starts a managed model server, in its own environment. Default: `vllm`."
    )
    replicas: int = Field(
        2,
        ge=1,
        le=16,
        description="Number of pipelines that send pages to the model server; the native backend has one. Default: 2.",
    )


class BucketSettings(SettingsGroup):
    """The S3 bucket for large responses and for checkpoints."""

    bucket_endpoint_url: str | None = Field(
        None,
        pattern=r"^https?://[^/]+",
        validation_alias="BUCKET_ENDPOINT_URL",
        description="URL of the S3 endpoint that stores large responses and checkpoints. Default: no bucket.",
    )
    bucket_access_key_id: str | None = Field(
        None, validation_alias="BUCKET_ACCESS_KEY_ID", description="Access key id for the bucket. Default: no bucket."
    )
    bucket_secret_access_key: SecretStr | None = Field(
        None,
        validation_alias="BUCKET_SECRET_ACCESS_KEY",
        description="Secret access key for the bucket. Default: no bucket.",
    )
    bucket_name: str | None = Field(
        None,
        validation_alias="BUCKET_NAME",
        description="Name of the bucket. Default: the name in the host or path of `BUCKET_ENDPOINT_URL`.",
    )
    bucket_region: str | None = Field(
        None,
        validation_alias="BUCKET_REGION",
        description="Region of the bucket. Default: the region in the host of `BUCKET_ENDPOINT_URL`, or us-east-1.",
    )
    bucket_link_s: int = Field(
        604_800,
        ge=60,
        le=604_800,
        description="Seconds for which the signed URL of a stored response is valid. Default: 604800, seven days.",
    )
    bucket_patience_s: float = Field(
        60, gt=0, description="Seconds during which a failing request to the bucket is retried. Default: 60."
    )
    job_buckets: bool = Field(
        False,
        description="Accept jobs that name their own bucket, in the platform's `s3Config`. Default: false.",
    )


class HttpSettings(SettingsGroup):
    """The HTTP app, `ocr-worker serve`."""

    api_keys: list[SecretStr] = Field(
        [],
        description='Keys that clients of the HTTP app must send one of, as JSON: `["secret"]`. Default: no key, and'
        " the app listens on this machine only.",
    )
    port: int = Field(8000, ge=0, le=65535, validation_alias="PORT", description="Port of the HTTP app. Default: 8000.")
    health_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        validation_alias="PORT_HEALTH",
        description="Additional port that serves `/ping`, for a load balancer. Default: `/ping` is served on `PORT`"
        " only.",
    )
    queue: int = Field(
        64, ge=1, description="Number of jobs that the HTTP app accepts before it answers 429. Default: 64."
    )
    cors_origins: list[str] = Field(
        [],
        description='Origins of web pages that may call the HTTP app, as JSON: `["https://a.example"]`. Default: none.',
    )
    grace_s: float = Field(
        30, gt=0, description="Seconds that running jobs may take after the HTTP app was told to stop. Default: 30."
    )


class PlatformSettings(SettingsGroup):
    """What the platform provides, and its SDK."""

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


GROUPS: Mapping[str, type[SettingsGroup]] = {
    "worker": WorkerSettings,
    "limits": LimitSettings,
    "engine": EngineSettings,
    "model server": ModelServerSettings,
    "bucket": BucketSettings,
    "HTTP": HttpSettings,
    "platform": PlatformSettings,
}


# Pydantic takes the fields of the last base first: so the fields have the order of `GROUPS`.
class Settings(
    PlatformSettings, HttpSettings, BucketSettings, ModelServerSettings, EngineSettings, LimitSettings, WorkerSettings
):
    """The worker's settings. Sizes are in decimal megabytes (10^6 bytes), times in seconds."""

    @property
    def jobs_at_once(self) -> int:
        """Number of jobs that run at the same time.

        The default is 2, so that one job downloads while another is parsed. With a model server it is 16: eight pages
        are with the server while eight more wait.
        """
        return self.concurrency or (2 if self.backend == "native" else 16)

    @model_validator(mode="after")
    def _check_bucket(self) -> Settings:
        credentials = (self.bucket_endpoint_url, self.bucket_access_key_id, self.bucket_secret_access_key)
        if any(credentials) and not all(credentials):
            raise ValueError("a bucket needs BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID and BUCKET_SECRET_ACCESS_KEY")
        return self

    @model_validator(mode="after")
    def _check_model_server(self) -> Settings:
        if self.server == "managed" and self.backend != "vllm-server":
            raise ValueError(f"OCR_SERVER=managed starts vLLM: it needs OCR_BACKEND=vllm-server, not {self.backend}")
        if self.server == "managed" and self.server_url:
            raise ValueError("OCR_SERVER=managed chooses the server's address itself: leave OCR_SERVER_URL out")
        if self.backend != "native" and self.server == "external" and not self.server_url:
            raise ValueError(
                f"OCR_BACKEND={self.backend} needs OCR_SERVER_URL, such as http://127.0.0.1:8000/v1"
                " (or OCR_SERVER=managed: the worker starts vLLM itself)"
            )
        return self


class ClientSettings(BaseSettings):
    """The batch client's settings, under the names that the platform's own client uses."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    api_key: SecretStr | None = Field(
        None,
        validation_alias="RUNPOD_API_KEY",
        description="API key of the platform, which the client sends to the endpoint. Default: no key.",
    )
    base_url: str = Field(
        "https://api.runpod.ai/v2",
        pattern=r"^https?://[^/]+.*$",
        validation_alias="RUNPOD_ENDPOINT_BASE_URL",
        description="URL of the job API, without the endpoint's id. Default: the platform, https://api.runpod.ai/v2.",
    )


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting, as documents and `ocr-worker doctor` show it.

    name: environment variable. field: attribute of the model. group: key of `GROUPS`, or `client`. default: text that
    would set it; empty if the default is no single value, as the description then explains. is_secret: never print it.
    """

    name: str
    field: str
    group: str
    default: str
    description: str
    is_secret: bool


def grouped_fields() -> dict[str, list[SettingField]]:
    """Return the worker's settings by group, in the order in which they are documented."""
    return {group: list_fields(model, group) for group, model in GROUPS.items()}


def list_fields(model: type[BaseSettings], group: str) -> list[SettingField]:
    """Return the settings of one model, which are of this group."""
    return [
        SettingField(
            name=variable_name(field, model),
            field=field,
            group=group,
            default=written_value(info.default),
            description=info.description or "",
            is_secret="SecretStr" in str(info.annotation) or "key" in field,
        )
        for field, info in model.model_fields.items()
    ]


def written_value(value: object) -> str:
    """Return the text that sets a setting to `value`; empty for None and for an empty list."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(written_value, value))
    return "" if value is None else str(value)


def variable_name(setting: str, model: type[BaseSettings] = Settings) -> str:
    """Return the environment variable that a setting is read from. setting: the name of a field of `model`."""
    alias = model.model_fields[setting].validation_alias
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    return alias if isinstance(alias, str) else f"OCR_{setting.upper()}"


def load_client_settings() -> ClientSettings:
    """Return the batch client's settings. Raises SettingsInvalid, naming every variable that is wrong."""
    return _load(ClientSettings)


def load_settings() -> Settings:
    """Return the worker's settings. Raises SettingsInvalid, naming every variable that is wrong."""
    return _load(Settings)


def _load(model: type[SettingsModel]) -> SettingsModel:
    try:
        return model()
    except ValidationError as error:
        problems = "; ".join(_problem(model, detail["loc"], detail["msg"]) for detail in error.errors())
        raise SettingsInvalid(f"the environment is not valid: {problems}") from None
    except ValueError as error:  # pydantic-settings raises a plain error for a list that is not JSON
        raise SettingsInvalid(f"the environment is not valid: {error}") from None


def _problem(model: type[BaseSettings], path: tuple[int | str, ...], text: str) -> str:
    """Return one problem that pydantic found. path: of a value; empty where several variables contradict each other."""
    if not path:
        return text.removeprefix("Value error, ")
    name = str(path[0])  # an alias is reported as it is, a field without one by its name
    return f"{variable_name(name, model) if name in model.model_fields else name}: {text}"


def is_on_platform() -> bool:
    """Return whether jobs come from an endpoint. Otherwise `handler.py` makes a dry run.

    The rule is that of the SDK (`runpod.serverless.worker`); a contract test compares the two.
    """
    is_dry_run = any(argument.startswith("--test_input") for argument in sys.argv)
    return "RUNPOD_WEBHOOK_GET_JOB" in os.environ and not is_dry_run


def keep_logs_from_callers() -> None:
    """Switch off the SDK's log capture, unless the operator chose a mode of it. Call before a job runs.

    From 2.0 on, RunPod's SDK can attach the end of the worker's log to the error that a caller gets. Its default,
    `auto`, does so if prestart hooks are registered. 1.12.0 ignores the variable.
    """
    os.environ.setdefault("RUNPOD_LOG_CAPTURE", "off")


def configure_paddle(settings: Settings) -> None:
    """Set the environment variables that PaddleX reads when it is imported, and for which it has no argument."""
    os.environ["PADDLE_PDX_CACHE_HOME"] = str(settings.weights_home.expanduser())
    os.environ["PADDLE_PDX_MODEL_SOURCE"] = settings.weights_source
    # By default, PaddleX silently uses the CPU if the configured GPU does not exist.
    os.environ["PADDLE_PDX_DISABLE_DEVICE_FALLBACK"] = "True"


def model_server_environment() -> dict[str, str]:
    """Return the environment of a managed model server: this process's, without the variables of the worker.

    Further variables keep the server from using the network.
    """
    prefixes = ("OCR_", "RUNPOD_", "BUCKET_", "PADDLE_", "PYTHON", "VIRTUAL_ENV")  # of the worker's own variables
    variables = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return variables | {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }


def worker_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a local endpoint's worker: this process's with `variables`.

    variables: those that the platform would set. The SDK's own checks require free memory, the internet and CUDA; they
    are off unless this process's environment turns them on.
    """
    checks = {"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true", "RUNPOD_SKIP_GPU_CHECK": "true"}
    defaults = checks | {"RUNPOD_LOG_LEVEL": "INFO", "PYTHONUNBUFFERED": "1"}
    return {**defaults, **os.environ, **variables}
