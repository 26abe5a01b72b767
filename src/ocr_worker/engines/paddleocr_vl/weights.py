"""Model weights: where they are, whether they are whole, how they are fetched. Only `fetch` uses Paddle or the network.

They are looked for in the directories that the settings name, on the platform's volume (its cached models included),
and in Paddle's cache. A directory that is not whole counts as missing: Paddle itself would take it and fail later.
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
_VL_NAMES = {"v1": "PaddleOCR-VL", "v1.5": "PaddleOCR-VL-1.5", "v1.6": "PaddleOCR-VL-1.6"}
_LAYOUT_NAMES = {"v1": "PP-DocLayoutV2", "v1.5": "PP-DocLayoutV3", "v1.6": "PP-DocLayoutV3"}
_CACHED_MODELS = "huggingface-cache/hub/models--PaddlePaddle--{name}"
_READ_AHEAD_BYTES = 4 * 1024 * 1024
_GIT_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the pipeline. name: on the hubs and in Paddle's cache. directory: where the settings say it is."""

    name: str
    files: tuple[str, ...]
    directory: Path | None = None


def models(settings: Settings) -> dict[str, Model]:
    """The models this worker needs, by part of the pipeline: layout, vl, doc_orientation_classify, doc_unwarping."""
    version = settings.vl_version
    needed = {
        "layout": Model(_LAYOUT_NAMES[version], STATIC_FILES, settings.layout_weights_dir),
    }
    if settings.backend == "native" or settings.server == "managed":  # else the model server has them
        files = VL_FILES if settings.backend == "native" else VLLM_FILES
        needed["vl"] = Model(_VL_NAMES[version], files, settings.vl_weights_dir)
    if settings.use_doc_orientation_classify:
        needed["doc_orientation_classify"] = Model("PP-LCNet_x1_0_doc_ori", STATIC_FILES)
    if settings.use_doc_unwarping:
        needed["doc_unwarping"] = Model("UVDoc", STATIC_FILES)
    return needed


def locate(settings: Settings) -> dict[str, Path]:
    """The directory of each model, whole. Raises WeightsMissing: what is missing, and the command that gets it."""
    found, missing = _search(settings)
    if missing:
        raise WeightsMissing(_remedy(settings, missing))
    return found


def verify(directory: Path, model: Model) -> list[str]:
    """What is wrong with `directory` as the weights of `model`; empty when it is whole."""
    if not directory.is_dir():
        return ["no such directory"]
    faults = [f"{name} is missing" for name in model.files if not (directory / name).is_file()]
    for name in model.files:
        path = directory / name
        if path.is_file() and (fault := _fault_of_file(path)):
            faults.append(f"{name} {fault}")
    return faults


def fetch(settings: Settings) -> dict[str, Path]:
    """Fetches the models that are not there into Paddle's cache, by Paddle's own downloader; the directory of each.

    A partial directory in that cache is removed first, since the downloader would take it for whole. Raises
    WeightsMissing when the hubs cannot be reached or what came is not whole.
    """
    _, missing = _search(settings)
    for part in missing:
        model = models(settings)[part]
        if model.directory is None:
            _download(settings, model)
    return locate(settings)


def read_ahead(directories: Iterable[Path]) -> None:
    """Reads the weights into the page cache, on a thread: while Paddle is imported the disk has nothing to do."""

    def read() -> None:
        buffer = bytearray(_READ_AHEAD_BYTES)
        for path in (path for directory in directories for path in sorted(directory.iterdir()) if path.is_file()):
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass

    threads.start(read, "read-ahead")


def _search(settings: Settings) -> tuple[dict[str, Path], dict[str, str]]:
    """The parts that are there, and of the others what was found wrong."""
    found: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for part, model in models(settings).items():
        partial = ""
        for directory in _candidates(settings, model):
            faults = verify(directory, model)
            if not faults:
                found[part] = directory
                break
            if directory.is_dir() or model.directory is not None:
                partial = partial or f" ({directory}: {', '.join(faults)})"
        else:
            missing[part] = model.name + partial
    return found, missing


def _candidates(settings: Settings, model: Model) -> Iterator[Path]:
    if model.directory is not None:  # who names a directory means that one
        yield model.directory.expanduser()
        return
    for home in _homes(settings, model.name):
        yield home
        yield home / f"{model.name}-0.9B"  # where v1's repository keeps a second copy for Paddle
    for home in _homes(settings, _VL_NAMES[settings.vl_version]):
        yield home / model.name  # a repository may hold its layout model, too


def _homes(settings: Settings, name: str) -> Iterator[Path]:
    """Where a model of this name may lie, by precedence."""
    volume = settings.volume_dir
    yield from (volume / "official_models" / name, volume / ".paddlex" / "official_models" / name, volume / name)
    cached = volume / _CACHED_MODELS.format(name=name)
    reference = cached / "refs" / "main"
    if reference.is_file():
        yield cached / "snapshots" / reference.read_text(encoding="utf-8").strip()
    yield from sorted(cached.glob("snapshots/*"))
    yield _cache(settings) / name


def _cache(settings: Settings) -> Path:
    return settings.weights_home.expanduser() / "official_models"


def _fault_of_file(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(_GIT_LFS_POINTER))
    if size == 0:
        return "is empty"
    if start == _GIT_LFS_POINTER:
        return "is a Git LFS pointer, not the file itself"
    return _fault_of_safetensors(path, size) if path.suffix == ".safetensors" else None


def _fault_of_safetensors(path: Path, size: int) -> str | None:
    """Holds the header's promise against the size: 8 bytes of length, a JSON header, then the tensors it lists.

    https://huggingface.co/docs/safetensors/index#format
    """
    with path.open("rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
        if header_size > size:
            return "is cut off or no safetensors file"
        try:
            header = json.loads(file.read(header_size))
            end = max(tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return "is no safetensors file"
    promised = 8 + header_size + end
    return f"is cut off: {size} of {promised} bytes" if size < promised else None


def _remedy(settings: Settings, missing: dict[str, str]) -> str:
    version = settings.vl_version
    wrong = [f"OCR_{part.upper()}_WEIGHTS_DIR" for part in missing if models(settings)[part].directory is not None]
    command = f"ocr-worker weights fetch --version {version}"
    get = f"correct {' and '.join(wrong)}, or unset it and run: {command}" if wrong else f"get them: {command}"
    return (
        f"weights of PaddleOCR-VL {version} are missing: {'; '.join(missing.values())}\n"
        f"looked in the directories that OCR_*_WEIGHTS_DIR name, {settings.volume_dir}, {_cache(settings)}\n"
        f"{get} (or start with OCR_DOWNLOAD_WEIGHTS=true; without weights: OCR_ENGINE=embedded)"
    )


def _download(settings: Settings, model: Model) -> None:
    target = _cache(settings) / model.name
    if target.exists():
        log.warning("removing %s, which is not whole", target)
        shutil.rmtree(target)
    log.info("fetching %s into %s, from %s first", model.name, target, settings.weights_source)
    started = time.monotonic()
    configure_paddle(settings)
    with extras.needed_by("the download of weights", "paddle"):
        from ocr_worker.engines.paddleocr_vl.download import download  # takes seconds, and reads the environment

    try:
        download(model.name)
    except Exception as error:  # the downloader raises bare exceptions
        log.debug("the downloader's error", exc_info=error)
        raise WeightsMissing(
            f"{model.name} could not be fetched: no model hub gave it ({type(error).__name__})\n"
            f"check the network, or choose another hub: ocr-worker weights fetch --version {settings.vl_version}"
            " --source modelscope"
        ) from None
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    log.info("fetched %s: %.0f MB in %.0f s", model.name, size / MEGABYTE, time.monotonic() - started)
