"""The settings, declared by group: one class per group, and `Settings` with the fields of all of them.

A field's description is read alone, in `ocr-worker doctor`, the documents and the Hub's form: it is a complete phrase
with the unit, and says what happens by default. Settings that follow from others when they are not set are properties
of `Settings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ocr_worker.settings.values import (
    Arguments,
    Expected,
    Hosts,
    Keys,
    Origins,
    PrivateHosts,
    ServerUrls,
    Wire,
    Wires,
)

MEGABYTE = 1_000_000
USABLE_GPU_SHARE = 0.9  # of a GPU's memory, for model servers and layout models together

_NATIVE_PAGE_MEMORY_MB = 100
_REPLICAS_PER_SERVER, _MIN_REPLICAS = 2, 4  # pipelines of model servers
_PAGE_MB = 6.25  # an A4 page at 144 dpi, in three bytes per pixel, with room for slightly larger paper


class EnvironmentModel(BaseSettings):
    """Base of all settings: frozen, and read from the environment under their documented names only."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources: arguments, by the name of the field, then the environment, by the variable's name."""
        # Else `populate_by_name` would also read PORT from OCR_PORT.
        env_settings.config = env_settings.config | SettingsConfigDict(populate_by_name=False)
        return init_settings, env_settings


class SettingsGroup(EnvironmentModel):
    """Base of the groups of the worker's settings."""

    model_config = SettingsConfigDict(env_prefix="OCR_")


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


class LimitSettings(SettingsGroup):
    """Limits on documents, downloads, rendering and responses."""

    max_source_mb: float = Field(200, gt=0, description="Largest size of one document, in MB. Default: 200.")
    fetch_timeout_s: float = Field(
        60, gt=0, description="Seconds that the download of one document may take, retries included. Default: 60."
    )
    fetch_concurrency: int = Field(
        4, ge=1, description="Number of documents of one job that are downloaded at the same time. Default: 4."
    )
    allowed_hosts: Hosts = Field(
        [],
        description="Hosts from which documents may be downloaded, such as `files.example.com,*.example.org`."
        " Default: every public host.",
    )
    private_hosts: PrivateHosts = Field(
        [],
        description="Private networks, addresses and host names from which documents may be downloaded, such as"
        " `10.1.0.0/16,minio.internal,*.svc.cluster.local`. Metadata addresses stay closed. If `OCR_ALLOWED_HOSTS` is"
        " set, it must name these hosts, too. Default: none.",
    )
    max_pages: int = Field(
        2000, ge=1, description="Largest number of pages of one document that a job may request. Default: 2000."
    )
    max_page_mpx: float = Field(
        50,
        gt=0,
        description="Largest page image, in megapixels; a larger page is rendered at a lower resolution. Default: 50.",
    )
    raster_workers: int = Field(
        2,
        ge=1,
        description="Number of processes that render documents. Default: 2. More are started while more documents are"
        " open, at most one for each job.",
    )
    raster_page_timeout_s: float = Field(
        30,
        gt=0,
        description="Seconds of processor time that rendering one page may take, or ten times as long by the clock."
        " Default: 30.",
    )
    raster_memory_mb: float = Field(
        2000,
        gt=0,
        description="Address space, in MB, that each rendering process may use in addition to what it has at its start."
        " Default: 2000.",
    )
    page_memory_mb: float | None = Field(
        None,
        gt=0,
        description="Memory, in MB, for the rendered pages of all jobs together. Default: 100; with a model server"
        " or `OCR_NATIVE=transformers`, room for twice `OCR_REPLICAS` times `OCR_PAGES_PER_CALL` pages, which is 400 or"
        " 100.",
    )
    verify_processes: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Number of processes of low priority that read pages a second time, for the option `verify`."
        " Default: half of the processors, 1 to 4.",
    )
    verify_niceness: int = Field(
        19,
        ge=0,
        le=19,
        description="Niceness of these processes. 19: they run only when no other process wants the processor; 0: they"
        " take their share of it, also from the engine. Default: 19.",
    )
    verify_wait_s: float = Field(
        10,
        ge=0,
        description="Seconds for which a parsed page waits for its second reading, for the option `verify`; then it is"
        " returned unverified. Default: 10.",
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
    replicas: int | None = Field(
        None,
        ge=1,
        le=16,
        description="Number of engines that parse pages side by side: with a model server, pipelines that send pages to"
        " it; otherwise engines that each load the models. Default: 4 with one or two model servers, 2 for each of more"
        " servers; without a server 1.",
    )
    engine_processes: bool | None = Field(
        None,
        description="Run each engine in a process of its own, so that a crash or a hanging page costs a restart of that"
        " process and not the worker. Default: true for several engines without a model server, and for PaddleOCR-VL on"
        " a GPU without a model server or with several; else false.",
    )
    engine_recycle_pages: int | None = Field(
        None,
        ge=1,
        description="Number of pages after which an engine process is replaced, between two calls. Default: no limit.",
    )
    engine_recycle_memory_mb: float | None = Field(
        None,
        gt=0,
        description="Memory in MB beyond which an engine process is replaced, between two calls; pages that it shares"
        " with other processes count in part (PSS). Default: no limit.",
    )
    start_timeout_s: float = Field(
        400,
        gt=0,
        description="Seconds that the engine may take to load and warm up. Default: 400, because the platform allows"
        " 420 for the complete start.",
    )
    device: Annotated[str, Expected("a device such as gpu, gpu:1 or cpu")] = Field(
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
    text_layer: Literal["never", "auto"] = Field(
        "never",
        description="Default of `options.text_layer` of PaddleOCR-VL. `auto`: take running text from a PDF page's own"
        " text where it is proven to be what the page shows. `never`: read all from the picture. Default: never.",
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
    native: Literal["paddle", "transformers"] = Field(
        "paddle",
        description="Framework that runs the models in the worker's process, the layout model included: `paddle`, or"
        " `transformers` with torch, for machines without Paddle's GPU wheel. Each reads weights in its own layout."
        " Default: `paddle`.",
    )
    server: Literal["external", "managed"] | None = Field(
        None,
        description="Who starts the model server: the worker (`managed`, with `vllm-server` only) or somebody else"
        " (`external`). Default: `managed` for `vllm-server` without `OCR_SERVER_URL`, else `external`.",
    )
    server_url: ServerUrls = Field(
        [],
        description="URLs of external model servers, such as `http://a:8000/v1,http://b:8000/v1`, up to and including"
        " `/v1`. Each call goes to the server that is least busy. Default: none.",
    )
    servers: int = Field(
        1,
        ge=1,
        le=8,
        description="Number of managed model servers that share the GPU. They start one after another; the worker takes"
        " jobs as soon as the first is ready. Default: 1.",
    )
    server_api_key: SecretStr | None = Field(
        None, description="API key that is sent to the model server. Default: no key."
    )
    server_model: str | None = Field(
        None, description="Name under which the model server serves the model. Default: PaddleOCR-VL's own name."
    )
    server_wait_s: float = Field(
        300, gt=0, description="Seconds to wait for each model server at its start. Default: 300."
    )
    server_args: Arguments = Field(
        [],
        description="Additional arguments for a managed `vllm serve`, as a shell-quoted line such as"
        " `--gpu-memory-utilization 0.7`, or as a JSON list. Default: none.",
    )
    vllm: str = Field(
        "vllm", description="Command that starts a managed model server, in its own environment. Default: `vllm`."
    )
    pages_per_call: int = Field(
        8,
        ge=1,
        le=64,
        description="Largest number of pages whose crops a pipeline has read together, by the model server or by"
        " `OCR_NATIVE=transformers`; Paddle reads one page. Default: 8.",
    )


class BucketSettings(SettingsGroup):
    """The S3 bucket for large responses and for checkpoints."""

    bucket_endpoint_url: Annotated[str | None, Expected("a URL such as https://s3.eu-central-1.amazonaws.com")] = Field(
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
    cache: bool = Field(
        False,
        description="Store each parsed page in the worker's own bucket under a digest of its content, and parse no page"
        " again that is stored there, in any job. Needs a bucket. Default: false.",
    )
    cache_prefix: str = Field(
        "",
        max_length=60,
        description="Name that separates the stored pages of tenants who share a bucket: workers with different"
        " prefixes share no page. Default: none.",
    )
    job_buckets: bool = Field(
        False,
        description="Accept jobs that name their own bucket, in the platform's `s3Config`. Default: false.",
    )


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
        30, gt=0, description="Seconds that running jobs may take after the HTTP app was told to stop. Default: 30."
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

        The default keeps the engines busy even if each job has one page: one more job downloads meanwhile.
        """
        return self.concurrency or (self._pages_on_the_way if self.reads_pages_together else self.replica_count + 1)

    @property
    def reads_pages_together(self) -> bool:
        """True if the crops of several pages are read together, which takes less time than page by page."""
        return self.backend != "native" or self.native == "transformers"

    @property
    def replica_count(self) -> int:
        """Number of engines of ours that parse pages side by side."""
        if self.replicas or self.backend == "native":
            return self.replicas or 1
        return max(_MIN_REPLICAS, _REPLICAS_PER_SERVER * self.server_count)

    @property
    def server_count(self) -> int:
        """Number of model servers that this worker uses."""
        return self.servers if self.has_managed_server else len(self.server_url)

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

    @property
    def has_managed_server(self) -> bool:
        """True if the worker starts the model server itself. The default follows from the backend and the URL."""
        if self.server is None:
            return self.backend == "vllm-server" and not self.server_url
        return self.server == "managed"

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
        problems = [*self._bucket_problems(), *self._server_problems()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _bucket_problems(self) -> Iterator[str]:
        values = {
            "BUCKET_ENDPOINT_URL": self.bucket_endpoint_url,
            "BUCKET_ACCESS_KEY_ID": self.bucket_access_key_id,
            "BUCKET_SECRET_ACCESS_KEY": self.bucket_secret_access_key,
        }
        present = [name for name, value in values.items() if value]
        if self.cache and not any(values.values()):
            yield "OCR_CACHE needs a bucket: set BUCKET_ENDPOINT_URL and its keys, or unset OCR_CACHE"
        present += ["BUCKET_NAME"] if self.bucket_name else []
        present += ["BUCKET_REGION"] if self.bucket_region else []
        missing = [name for name, value in values.items() if not value]
        if present and missing:
            verb, others = ("is", "it") if len(present) == 1 else ("are", "the others")
            yield (
                f"{_enumerate(present)} {verb} set, but a bucket also needs {_enumerate(missing)}; set what is missing,"
                f" or unset {others}"
            )

    def _server_problems(self) -> Iterator[str]:
        if self.server == "managed" and self.backend != "vllm-server":
            yield (
                f"OCR_SERVER=managed does not go with OCR_BACKEND={self.backend}: the worker can start vLLM only;"
                " unset OCR_SERVER, or set OCR_BACKEND=vllm-server"
            )
        elif self.server == "managed" and self.server_url:
            yield (
                "OCR_SERVER=managed does not go with OCR_SERVER_URL: the worker chooses the address of a server that it"
                " starts; unset one of them"
            )
        elif self.backend != "native" and not self.has_managed_server and not self.server_url:
            cause = f"OCR_BACKEND={self.backend}" + (" with OCR_SERVER=external" if self.server else "")
            managed = ", or unset OCR_SERVER" if self.backend == "vllm-server" else ""
            yield f"{cause} needs a model server; set OCR_SERVER_URL, such as http://127.0.0.1:8000/v1{managed}"
        if self.servers > 1:
            yield from self._problems_of_several_servers()

    def _problems_of_several_servers(self) -> Iterator[str]:
        if not self.has_managed_server:
            yield (
                f"OCR_SERVERS={self.servers} needs servers that the worker starts; set OCR_BACKEND=vllm-server and"
                " unset OCR_SERVER_URL, or unset OCR_SERVERS"
            )
        elif self.replica_count < self.servers:
            yield (
                f"OCR_SERVERS={self.servers} is more than OCR_REPLICAS={self.replica_count}, so that servers would be"
                " idle; raise OCR_REPLICAS, or lower OCR_SERVERS"
            )
        if self._gpu_share_in_arguments * self.servers > USABLE_GPU_SHARE:
            yield (
                f"OCR_SERVER_ARGS gives {self._gpu_share_in_arguments:g} of the GPU's memory to each of"
                f" OCR_SERVERS={self.servers}; set --gpu-memory-utilization to at most"
                f" {int(100 * USABLE_GPU_SHARE / self.servers) / 100:g}, or leave it out"
            )

    @property
    def _gpu_share_in_arguments(self) -> float:
        """Share of the GPU's memory in `server_args`, or 0 if they do not name one."""
        words = " ".join(self.server_args).replace("=", " ").split()
        shares = [after for name, after in pairwise(words) if name == "--gpu-memory-utilization"]
        return float(shares[-1]) if shares and shares[-1].replace(".", "", 1).isdigit() else 0.0


def _enumerate(names: list[str]) -> str:
    """Return the names as in `A, B and C`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


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
