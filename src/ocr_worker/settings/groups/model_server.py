"""The settings of the backend of PaddleOCR-VL: native, or a model server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from pydantic import Field, SecretStr

from ocr_worker.settings.groups.base import SettingsGroup
from ocr_worker.settings.values import Arguments, ServerUrls

USABLE_GPU_SHARE = 0.9  # of a GPU's memory, for model servers and layout models together


class ModelServerSettings(SettingsGroup):
    """The backend of PaddleOCR-VL's vision-language model, and the model server if it is one."""

    backend: Literal[
        "native", "vllm-server", "sglang-server", "fastdeploy-server", "llama-cpp-server", "mlx-vlm-server"
    ] = Field(
        "native",
        description="Software that runs the vision-language model: `native`, which is Paddle in the worker's process,"
        " or a model server of this kind. Default: `native`.",
    )
    native: Literal["paddle", "transformers"] = Field(
        "paddle",
        description="Framework that runs the models in the worker's process, the layout model included: `paddle`, or"
        " `transformers` with torch, for machines without Paddle's GPU wheel. Each reads weights in its own layout."
        " Default: `paddle`.",
    )
    server: Literal["external", "managed"] | None = Field(
        None,
        description="Origin of the model server: `managed`, started by the worker, with `vllm-server` only; or"
        " `external`, started elsewhere. Default: `managed` for `vllm-server` without `OCR_SERVER_URL`, else"
        " `external`.",
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

    @property
    def reads_pages_together(self) -> bool:
        """True if the crops of several pages are read together, which takes less time than page by page."""
        return self.backend != "native" or self.native == "transformers"

    @property
    def has_managed_server(self) -> bool:
        """True if the worker starts the model server itself. The default follows from the backend and the URL."""
        if self.server is None:
            return self.backend == "vllm-server" and not self.server_url
        return self.server == "managed"

    @property
    def server_count(self) -> int:
        """Number of model servers that this worker uses."""
        return self.servers if self.has_managed_server else len(self.server_url)

    def server_problems(self) -> Iterator[str]:
        """Yield the contradictions among these settings, each with its remedy."""
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
