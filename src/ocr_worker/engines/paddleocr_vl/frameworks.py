"""The framework under the native pipeline: Paddle, or torch through the library's own engine for transformers.

`OCR_NATIVE` chooses it, for the layout model as well as for the vision-language model. `load` imports the chosen
framework and nothing of the other: a machine with torch needs no Paddle. With torch the crops of a call are read
together, by `CropBatches`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ocr_worker.engines.paddleocr_vl.failures import Failure, classify
from ocr_worker.engines.paddleocr_vl.repetition import VisionLanguageModel
from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import Settings

log = logging.getLogger(__name__)

_CROPS_PER_CALL = 64  # their cache takes about 6 GB at the default limit of pixels; fewer if memory runs out


class Framework(Protocol):
    """Services of a framework that the engine uses besides the pipeline."""

    version: str
    pipeline_arguments: dict[str, Any]

    def device_count(self) -> int | None:
        """Return the number of GPUs, or None if the build has no support for GPUs."""

    def limit_memory(self, device: str, share: float) -> None:
        """Let this process take at most this share of a GPU's memory. Call before the first use of the device."""

    def free_cache(self) -> None:
        """Return unused memory of the device to its driver."""

    def model(self, predictor: Any) -> VisionLanguageModel:
        """Return the pipeline's model, prepared for this framework."""


def load(settings: Settings) -> Framework:
    """Import the framework that `settings.native` names, and return it. Raises ImportError if it is not installed."""
    return Torch() if settings.native == "transformers" else Paddle()


def check_device(framework: Framework, device: str) -> None:
    """Raise SettingsInvalid if `device`, such as "gpu:1", does not exist."""
    if device == "cpu":
        return
    name = type(framework).__name__
    count = framework.device_count()
    if count is None:
        remedy = "install paddlepaddle-gpu" if name == "Paddle" else "install torch for this GPU"
        raise SettingsInvalid(
            f"OCR_DEVICE={device} needs a GPU build of {name}, and the CPU build is installed\n"
            f"{remedy}, or set OCR_DEVICE=cpu"
        )
    if _device_index(device) >= count:
        raise SettingsInvalid(
            f"OCR_DEVICE={device} does not exist: {name} finds {count} GPUs\nset OCR_DEVICE to one of them, or to cpu"
        )


def _device_index(device: str) -> int:
    """Return the number of the GPU in a name such as "gpu:1"."""
    return int(device.partition(":")[2] or 0)


class Paddle:
    """Paddle."""

    pipeline_arguments: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self) -> None:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"paddle")  # about ccache and tensor copies
        import paddle

        self._paddle: Any = paddle
        self.version = f"paddle {paddle.version.full_version}"

    def device_count(self) -> int | None:
        """See `Framework`."""
        device = self._paddle.device
        return int(device.cuda.device_count()) if device.is_compiled_with_cuda() else None

    def limit_memory(self, device: str, share: float) -> None:
        """See `Framework`. Paddle reads the flag when it takes memory for the first time (gpu_info.cc)."""
        total_bytes = self._paddle.device.cuda.get_device_properties(_device_index(device)).total_memory
        self._paddle.set_flags({"FLAGS_gpu_memory_limit_mb": int(share * total_bytes) >> 20})

    def free_cache(self) -> None:
        """See `Framework`."""
        if self._paddle.device.is_compiled_with_cuda():
            self._paddle.device.cuda.empty_cache()

    def model(self, predictor: Any) -> VisionLanguageModel:
        """Return the predictor, which reads one crop at a time."""
        return predictor  # type: ignore[no-any-return]


class Torch:
    """torch, for NVIDIA's and AMD's GPUs alike: both are `torch.cuda`."""

    pipeline_arguments: dict[str, Any] = {"engine": "transformers"}  # noqa: RUF012

    def __init__(self) -> None:
        import torch
        import transformers

        transformers.utils.logging.disable_progress_bar()
        self._torch: Any = torch
        self.version = f"torch {torch.__version__}, transformers {transformers.__version__}"

    def device_count(self) -> int | None:
        """See `Framework`."""
        is_gpu_build = self._torch.version.cuda or self._torch.version.hip
        return int(self._torch.cuda.device_count()) if is_gpu_build else None

    def limit_memory(self, device: str, share: float) -> None:
        """See `Framework`."""
        self._torch.cuda.set_per_process_memory_fraction(share, _device_index(device))

    def free_cache(self) -> None:
        """See `Framework`."""
        if self._torch.cuda.is_initialized():
            self._torch.cuda.empty_cache()

    def model(self, predictor: Any) -> VisionLanguageModel:
        """Return a model that reads several crops in one call, which the predictor alone cannot."""
        return CropBatches(predictor, _CROPS_PER_CALL, self.free_cache)


class CropBatches:
    """A wrapper of the library's predictor on torch that reads crops together, those of similar size in one call.

    The predictor refuses several crops, whose prompts differ in length, because it does not pad them (paddlex 3.7.2,
    `DocVLMTransformersPredictor`; a test by hand checks it). Padding is on the left, so that each prompt ends where its
    text begins. If memory runs out, the crops are read in halves.

    predictor: its `preprocess_images` and its tokenizer are changed. size: largest number of crops in a call.
    free_cache: frees the memory of a failed call.
    """

    def __init__(self, predictor: Any, size: int, free_cache: Callable[[], None]) -> None:
        self._predictor = predictor
        self._size = size
        self._free_cache = free_cache
        self.processor = predictor.processor
        predictor.processor.tokenizer.padding_side = "left"
        preprocess = predictor.preprocess_images
        predictor.preprocess_images = lambda images, **options: preprocess(images, padding=True, **options)

    def predict(self, crops: Sequence[dict[str, Any]], **arguments: Any) -> list[Any]:
        """Return the model's output for each crop, in order."""
        order = sorted(range(len(crops)), key=lambda index: crops[index]["image"].size)
        outputs: list[Any] = [None] * len(crops)
        for start in range(0, len(order), self._size):
            indices = order[start : start + self._size]
            for index, output in zip(indices, self._read([crops[i] for i in indices], arguments), strict=True):
                outputs[index] = output
        return outputs

    def close(self) -> None:
        """Close the model."""
        self._predictor.close()

    def _read(self, crops: list[dict[str, Any]], arguments: dict[str, Any]) -> list[Any]:
        """Return the model's output for each crop, read in one call, or in halves if memory runs out."""
        try:
            self._predictor.batch_sampler.batch_size = len(crops)
            return list(self._predictor.predict(crops, **arguments))
        except Exception as error:
            failure, text = classify(error)
            if failure is not Failure.OUT_OF_MEMORY or len(crops) < 2:
                raise
        log.warning("%d crops ran out of memory together (%s); they are read in halves", len(crops), text)
        self._free_cache()
        middle = len(crops) // 2
        return self._read(crops[:middle], arguments) + self._read(crops[middle:], arguments)
