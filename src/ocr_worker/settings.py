"""Read the settings from the environment, once, into frozen models.

`Settings` are the worker's own; each is the environment variable `OCR_<NAME>`, except for those that the platform or
another tool names. `ClientSettings` are the batch client's. No other module reads settings from the environment. The
last functions work the other way: they set up the environment of Paddle and of child processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ocr_worker.errors import SettingsInvalid

MEGABYTE = 1_000_000
SettingsModel = TypeVar("SettingsModel", bound=BaseSettings)


class Settings(BaseSettings):
    """The worker's settings. Sizes are in decimal megabytes (10^6 bytes), times in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="OCR_", frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    engine: str = Field(
        "paddleocr-vl",
        description="`paddleocr-vl`, `embedded`, or the `module:attribute` of an EngineSpec of your own",
    )
    concurrency: int | None = Field(
        None, ge=1, le=64, description="jobs admitted at once; none: 2, or 16 where a model server reads"
    )

    max_source_mb: float = Field(200, gt=0, description="largest document")
    fetch_timeout_s: float = Field(60, gt=0, description="total time of a download, retries included")
    fetch_concurrency: int = Field(4, ge=1, description="downloads at once in a job")
    allowed_hosts: list[str] = Field(
        [], description='hosts that URLs may name, as JSON: `["files.example.com"]`; none: all'
    )

    max_pages: int = Field(2000, ge=1, description="pages of one document that one job may ask for")
    max_page_mpx: float = Field(
        50, gt=0, description="pixel budget of a page, in megapixels; above it the dpi is lowered"
    )
    raster_workers: int = Field(2, ge=1, description="child processes that render documents")
    raster_page_timeout_s: float = Field(30, gt=0, description="longest a page may take to render")
    raster_memory_mb: float = Field(2000, gt=0, description="address space a rendering child may use beyond its start")
    page_memory_mb: float = Field(100, gt=0, description="rendered pages in memory at once, over all jobs")

    engine_timeout_s: float = Field(120, gt=0, description="longest an engine call may take")
    engine_page_timeout_s: float = Field(30, ge=0, description="and how much longer for each further page in it")
    start_timeout_s: float = Field(
        400, gt=0, description="longest the engine may take to load and warm up; the platform waits 7 minutes in all"
    )
    init_timeout_s: float = Field(
        420, gt=0, validation_alias="RUNPOD_INIT_TIMEOUT", description="what the platform allows for the whole start"
    )
    job_timeout_s: float | None = Field(None, gt=0, le=604_800, description="answer with what is there after this long")

    recycle_pages: int | None = Field(None, ge=1, description="pages after which the worker asks to be replaced")
    recycle_memory_mb: float | None = Field(
        None, gt=0, description="resident memory towards which it does; none: nine tenths of the container's"
    )

    inline_limit_mb: float = Field(10, gt=0, description="largest answer; the platform drops what is larger")

    api_keys: list[SecretStr] = Field([], description='of the HTTP app, as JSON: `["secret"]`; none: on loopback only')
    port: int = Field(8000, ge=0, le=65535, validation_alias="PORT", description="of the HTTP app")
    health_port: int | None = Field(
        None, ge=1, le=65535, validation_alias="PORT_HEALTH", description="where `/ping` is served beside `PORT`"
    )
    queue: int = Field(64, ge=1, description="jobs that the HTTP app takes before it answers 429")
    cors_origins: list[str] = Field(
        [], description='pages that may call the HTTP app, as JSON: `["https://a.example"]`'
    )
    grace_s: float = Field(30, gt=0, description="how long the HTTP app, told to stop, lets its jobs go on")

    stream: bool = Field(False, description="jobs give their pages as they are parsed, by `/stream`")
    job_buckets: bool = Field(False, description="jobs may bring a bucket of their own, as `s3Config`")
    bucket_endpoint_url: str | None = Field(
        None,
        pattern=r"^https?://[^/]+",
        validation_alias="BUCKET_ENDPOINT_URL",
        description="of an S3 bucket for answers and checkpoints",
    )
    bucket_access_key_id: str | None = Field(None, validation_alias="BUCKET_ACCESS_KEY_ID", description="its key")
    bucket_secret_access_key: SecretStr | None = Field(
        None, validation_alias="BUCKET_SECRET_ACCESS_KEY", description="and the key's secret"
    )
    bucket_name: str | None = Field(
        None, validation_alias="BUCKET_NAME", description="none: the endpoint's host or path holds it"
    )
    bucket_region: str | None = Field(
        None, validation_alias="BUCKET_REGION", description="none: the endpoint's host tells it, if it matters"
    )
    bucket_link_s: int = Field(604_800, ge=60, le=604_800, description="how long a signed URL is good; seven days")
    bucket_patience_s: float = Field(
        60, gt=0, description="Seconds during which a failing request to the bucket is retried"
    )

    backend: Literal[
        "native", "vllm-server", "sglang-server", "fastdeploy-server", "llama-cpp-server", "mlx-vlm-server"
    ] = Field("native", description="what reads the crops: Paddle in this process, or a model server of this kind")
    server: Literal["external", "managed"] = Field(
        "external", description="the model server is started elsewhere, or by the worker (`vllm-server` only)"
    )
    server_url: str | None = Field(
        None, pattern=r"^https?://[^/]+.*$", description="of an external model server, up to and with `/v1`"
    )
    server_api_key: SecretStr | None = Field(None, description="key of the model server, where it wants one")
    server_model: str | None = Field(None, description="name the server gives the model; none: PaddleOCR-VL's own")
    server_wait_s: float = Field(300, gt=0, description="longest wait for the model server at start")
    server_args: list[str] = Field(
        [], description='more arguments for a managed `vllm serve`, as JSON: `["--gpu-memory-utilization", "0.7"]`'
    )
    vllm: str = Field("vllm", description="the command of a managed server, in an environment of its own")
    replicas: int = Field(2, ge=1, le=16, description="pipelines that feed a model server; the native backend has one")
    vl_version: Literal["v1", "v1.5", "v1.6"] = Field("v1.6", description="PaddleOCR-VL's version")
    device: str = Field("gpu", pattern=r"^(cpu|gpu(:\d+)?)$", description="`gpu`, `gpu:1`, `cpu`")
    layout_weights_dir: Path | None = Field(None, description="directory of the layout model; none: it is looked for")
    vl_weights_dir: Path | None = Field(
        None, description="directory of the vision-language model; none: it is looked for"
    )
    volume_dir: Path = Field(Path("/runpod-volume"), description="where the platform mounts volumes and cached models")
    weights_home: Path = Field(
        Path("~/.paddlex"),
        validation_alias=AliasChoices("OCR_WEIGHTS_HOME", "PADDLE_PDX_CACHE_HOME"),
        description="cache that weights are fetched into",
    )
    download_weights: bool = Field(False, description="fetch missing weights at start; else the worker stops")
    weights_source: Literal["huggingface", "modelscope", "aistudio", "bos"] = Field(
        "huggingface", description="the model hub that is asked first"
    )
    use_doc_orientation_classify: bool = Field(False, description="load the model that turns pages upright")
    use_doc_unwarping: bool = Field(False, description="load the model that flattens photographed pages")
    warmup_check: bool = Field(True, description="the warm-up page must read right; off for test weights only")
    retry_repetition: bool = Field(True, description="read a block that ran into repetition once more")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="of the worker's own log")
    sdk_log_level: Literal["DEBUG", "INFO", "WARN", "ERROR"] | None = Field(
        None, validation_alias="RUNPOD_LOG_LEVEL", description="of the SDK's log; at DEBUG it holds document text"
    )

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

    api_key: SecretStr | None = Field(None, validation_alias="RUNPOD_API_KEY")
    base_url: str = Field(
        "https://api.runpod.ai/v2", pattern=r"^https?://[^/]+.*$", validation_alias="RUNPOD_ENDPOINT_BASE_URL"
    )


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


def is_dry_run() -> bool:
    """Return whether `handler.py` runs one job from `--test_input` or `test_input.json` and exits.

    Otherwise it serves an endpoint, or the SDK's own API server for tests (`--rp_serve_api`, RUNPOD_REALTIME_PORT).
    """
    is_api_server = "--rp_serve_api" in sys.argv or os.environ.get("RUNPOD_REALTIME_PORT", "0") != "0"
    return not is_on_platform() and not is_api_server


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
