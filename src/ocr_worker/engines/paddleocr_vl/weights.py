"""The model weights of PaddleOCR-VL: `locate` finds them, `verify` checks them, `fetch` downloads them.

They are searched in the directories that the settings name, on the platform's volume (its cached models included), and
in Paddle's cache. An incomplete directory counts as missing: Paddle itself would accept it and fail later. Only `fetch`
uses Paddle or the network.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ocr_worker import extras, threads
from ocr_worker.errors import WeightsMissing
from ocr_worker.settings import MEGABYTE, Settings, configure_paddle

log = logging.getLogger(__name__)

STATIC_FILES = ("inference.yml", "inference.json", "inference.pdiparams")
VL_FILES = (
    "inference.yml",
    "config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "chat_template.jinja",
    "tokenizer.model",
    "tokenizer_config.json",
)
VLLM_FILES = (
    "config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "chat_template.jinja",
    "tokenizer.json",
    "tokenizer_config.json",
)
# The layout that transformers reads, and the library's engine for it. Its repositories have a name of their own.
TRANSFORMERS_FILES = ("inference.yml", "config.json", "model.safetensors", "preprocessor_config.json")
_TRANSFORMERS_SUFFIX = "_safetensors"
_VL_NAMES = {"v1": "PaddleOCR-VL", "v1.5": "PaddleOCR-VL-1.5", "v1.6": "PaddleOCR-VL-1.6"}
_LAYOUT_NAMES = {"v1": "PP-DocLayoutV2", "v1.5": "PP-DocLayoutV3", "v1.6": "PP-DocLayoutV3"}
_CACHED_MODELS = "huggingface-cache/hub/models--PaddlePaddle--{name}"
_READ_AHEAD_BYTES = 4 * 1024 * 1024
_GIT_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """The weights of one model of the pipeline.

    name: of the model, on the hubs and in Paddle's cache. files: names of the required files. directory: from the
    settings; None: the weights are searched.
    """

    name: str
    files: tuple[str, ...]
    directory: Path | None = None


def models(settings: Settings) -> dict[str, ModelWeights]:
    """Return the models that this worker needs, by part of the pipeline.

    The parts are layout, vl, doc_orientation_classify and doc_unwarping.
    """
    version = settings.vl_version
    models_by_part = {"layout": _small_model(settings, _LAYOUT_NAMES[version], settings.layout_weights_dir)}
    if settings.backend == "native" or settings.has_managed_server:  # else the model server has them
        models_by_part["vl"] = ModelWeights(_VL_NAMES[version], _vl_files(settings), settings.vl_weights_dir)
    if settings.use_doc_orientation_classify:
        models_by_part["doc_orientation_classify"] = _small_model(settings, "PP-LCNet_x1_0_doc_ori")
    if settings.use_doc_unwarping:
        models_by_part["doc_unwarping"] = _small_model(settings, "UVDoc")
    return models_by_part


def _small_model(settings: Settings, name: str, directory: Path | None = None) -> ModelWeights:
    """Return the weights of a model beside the vision-language model, in the layout of the native framework."""
    if settings.native == "transformers":
        return ModelWeights(name + _TRANSFORMERS_SUFFIX, TRANSFORMERS_FILES, directory)
    return ModelWeights(name, STATIC_FILES, directory)


def _vl_files(settings: Settings) -> tuple[str, ...]:
    if settings.backend != "native":
        return VLLM_FILES
    return ("inference.yml", *VLLM_FILES) if settings.native == "transformers" else VL_FILES


def locate(settings: Settings) -> dict[str, Path]:
    """Return the directory of each model's complete weights, by part of the pipeline.

    Raises WeightsMissing, with a message that says what is missing and which command downloads it.
    """
    directories, missing_parts = _search(settings)
    if missing_parts:
        raise WeightsMissing(_remedy(settings, missing_parts))
    return directories


def verify(directory: Path, model: ModelWeights) -> list[str]:
    """Return the problems of `directory` as the weights of `model`; an empty list if it is complete."""
    if not directory.is_dir():
        return ["no such directory"]
    problems = [f"{name} is missing" for name in model.files if not (directory / name).is_file()]
    for name in model.files:
        path = directory / name
        if path.is_file() and (problem := _file_problem(path)):
            problems.append(f"{name} {problem}")
    return problems


def fetch(settings: Settings) -> dict[str, Path]:
    """Download the missing models into Paddle's cache, with Paddle's downloader. Return the directory of each model.

    An incomplete directory in that cache is removed first, because the downloader would accept it. Raises
    WeightsMissing if no hub can be reached or the downloaded weights are incomplete.
    """
    _, missing_parts = _search(settings)
    for part in missing_parts:
        model = models(settings)[part]
        if model.directory is None:
            _download(settings, model)
    return locate(settings)


def read_ahead(directories: Iterable[Path]) -> None:
    """Read the weights into the page cache, on a thread: the disk is idle while Paddle is imported."""

    def read() -> None:
        buffer = bytearray(_READ_AHEAD_BYTES)
        for path in (path for directory in directories for path in sorted(directory.iterdir()) if path.is_file()):
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass

    threads.start(read, "read-ahead")


def _search(settings: Settings) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the directories of the complete parts, and a description of each missing part."""
    directories: dict[str, Path] = {}
    missing_parts: dict[str, str] = {}
    for part, model in models(settings).items():
        details = ""
        for directory in _candidates(settings, model):
            problems = verify(directory, model)
            if not problems:
                directories[part] = directory
                break
            if directory.is_dir() or model.directory is not None:
                details = details or f" ({directory}: {', '.join(problems)})"
        else:
            missing_parts[part] = model.name + details
    return directories, missing_parts


def _candidates(settings: Settings, model: ModelWeights) -> Iterator[Path]:
    if model.directory is not None:  # a directory in the settings is the only candidate
        yield model.directory.expanduser()
        return
    for location in _locations(settings, model.name):
        yield location
        yield location / f"{model.name}-0.9B"  # v1's repository keeps a second copy for Paddle there
    for location in _locations(settings, _VL_NAMES[settings.vl_version]):
        yield location / model.name  # a repository may contain its layout model, too


def _locations(settings: Settings, name: str) -> Iterator[Path]:
    """Yield the directories that may contain a model of this name, in order of precedence."""
    volume = settings.volume_dir
    yield from (volume / "official_models" / name, volume / ".paddlex" / "official_models" / name, volume / name)
    cached_model = volume / _CACHED_MODELS.format(name=name)
    reference = cached_model / "refs" / "main"
    if reference.is_file():
        yield cached_model / "snapshots" / reference.read_text(encoding="utf-8").strip()
    yield from sorted(cached_model.glob("snapshots/*"))
    yield _cache(settings) / name


def _cache(settings: Settings) -> Path:
    return settings.weights_home.expanduser() / "official_models"


def _file_problem(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(_GIT_LFS_POINTER))
    if size == 0:
        return "is empty"
    if start == _GIT_LFS_POINTER:
        return "is a Git LFS pointer, not the file itself"
    return _safetensors_problem(path, size) if path.suffix == ".safetensors" else None


def _safetensors_problem(path: Path, size: int) -> str | None:
    """Return the problem of a safetensors file of `size` bytes, or None.

    Compares the size with the header: 8 bytes of length, a JSON header, then the tensors that the header lists.
    https://huggingface.co/docs/safetensors/index#format
    """
    with path.open("rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
        if header_size > size:
            return "is truncated or not a safetensors file"
        try:
            header = json.loads(file.read(header_size))
            end = max(tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return "is not a safetensors file"
    expected_size = 8 + header_size + end
    return f"is truncated: {size} of {expected_size} bytes" if size < expected_size else None


def _remedy(settings: Settings, missing_parts: dict[str, str]) -> str:
    version = settings.vl_version
    variables = [
        f"OCR_{part.upper()}_WEIGHTS_DIR" for part in missing_parts if models(settings)[part].directory is not None
    ]
    command = f"ocr-worker weights fetch --version {version}"
    remedy = f"correct {' and '.join(variables)}, or unset it and run: {command}" if variables else f"run: {command}"
    return (
        f"weights of PaddleOCR-VL {version} are missing: {'; '.join(missing_parts.values())}\n"
        f"searched: the directories in OCR_*_WEIGHTS_DIR, {settings.volume_dir}, {_cache(settings)}\n"
        f"{remedy} (or set OCR_DOWNLOAD_WEIGHTS=true, or OCR_ENGINE=embedded, which needs no weights)"
    )


def _download(settings: Settings, model: ModelWeights) -> None:
    configure_paddle(settings)
    with extras.needed_by("the download of weights", "paddle"):
        from ocr_worker.engines.paddleocr_vl.download import download  # takes seconds, and reads the environment

    target = _cache(settings) / model.name
    if target.exists():
        log.warning("removing %s, which is incomplete", target)
        shutil.rmtree(target)
    log.info("downloading %s into %s, trying %s first", model.name, target, settings.weights_source)
    started_at = time.monotonic()
    try:
        download(model.name)
    except Exception as error:  # the downloader raises bare exceptions
        log.debug("the downloader's error", exc_info=error)
        raise WeightsMissing(
            f"{model.name} could not be downloaded from any model hub ({type(error).__name__})\n"
            f"check the network, or choose another hub: ocr-worker weights fetch --version {settings.vl_version}"
            " --source modelscope"
        ) from None
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    log.info("downloaded %s: %.0f MB in %.0f s", model.name, size / MEGABYTE, time.monotonic() - started_at)
