"""The settings of the engine: its name, deadlines and processes, and the weights of PaddleOCR-VL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from ocr_worker.settings.groups.base import SettingsGroup
from ocr_worker.settings.values import Expected


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
