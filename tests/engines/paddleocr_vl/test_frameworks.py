"""OCR_NATIVE=transformers without torch: its weights, crops that are read together, the check of the device.

`tests/by_hand/torch_engine.py` runs the real library on torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ocr_worker.engines.paddleocr_vl import frameworks, weights
from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.frameworks import CropBatches
from ocr_worker.errors import EngineUnavailable, SettingsInvalid
from ocr_worker.settings import Settings

SHORT_OF_MEMORY = RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


class Predictor:
    """Stands for `DocVLMTransformersPredictor`: it reads `batch_size` crops in each call, after preprocessing them."""

    def __init__(self, most: int = 99) -> None:
        self.most = most
        self.calls: list[list[int]] = []
        self.batch_sampler = SimpleNamespace(batch_size=1)
        self.processor = SimpleNamespace(tokenizer=SimpleNamespace(padding_side="right"))

    def preprocess_images(self, images: list[Any], **options: Any) -> list[Any]:
        assert options["padding"] is True
        assert self.processor.tokenizer.padding_side == "left"
        return images

    def predict(self, crops: list[dict[str, Any]], **arguments: Any) -> Iterator[dict[str, Any]]:
        assert arguments == {"max_new_tokens": 8}
        size = self.batch_sampler.batch_size
        for start in range(0, len(crops), size):
            images = self.preprocess_images([crop["image"] for crop in crops[start : start + size]], text=[])
            if len(images) > self.most:
                raise SHORT_OF_MEMORY
            self.calls.append([image.shape[0] for image in images])
            yield from ({"result": str(image.shape[0])} for image in images)


def read(predictor: Predictor, heights: list[int], size: int = 2) -> list[str]:
    crops = [{"image": np.zeros((height, 4, 3), np.uint8), "query": "OCR:"} for height in heights]
    batches = CropBatches(predictor, size, free_cache=lambda: None)
    return [output["result"] for output in batches.predict(crops, max_new_tokens=8)]


def test_crops_are_read_together_and_padded_on_the_left() -> None:
    """Crops of similar size share a call, and the outputs have the order of the crops."""
    predictor = Predictor()
    assert read(predictor, [9, 1, 8, 2, 5]) == ["9", "1", "8", "2", "5"]
    assert predictor.calls == [[1, 2], [5, 8], [9]]


def test_too_little_memory_for_several_crops() -> None:
    """If memory runs out, the crops are read in halves, as often as it takes."""
    predictor = Predictor(most=2)
    assert read(predictor, [3, 1, 2, 5, 4], size=4) == ["3", "1", "2", "5", "4"]
    assert predictor.calls == [[1, 2], [3, 4], [5]]


def test_too_little_memory_for_a_crop() -> None:
    """A crop that does not fit alone is the engine's to handle: the error passes."""
    with pytest.raises(RuntimeError, match="out of memory"):
        read(Predictor(most=0), [3])


def test_weights_in_the_layout_of_transformers() -> None:
    """Each model beside the vision-language model has a repository of its own for transformers."""
    settings = Settings(native="transformers", device="cpu", use_doc_orientation_classify=True, use_doc_unwarping=True)
    models = weights.models(settings)
    assert {part: model.name for part, model in models.items()} == {
        "layout": "PP-DocLayoutV3_safetensors",
        "vl": "PaddleOCR-VL-1.6",
        "doc_orientation_classify": "PP-LCNet_x1_0_doc_ori_safetensors",
        "doc_unwarping": "UVDoc_safetensors",
    }
    assert all({"model.safetensors", "config.json"} <= set(model.files) for model in models.values())
    assert "tokenizer.json" in models["vl"].files


@pytest.mark.parametrize(
    ("framework", "device", "message"),
    [
        (frameworks.Torch, "gpu", "needs a GPU build of Torch"),
        (frameworks.Paddle, "gpu", "install paddlepaddle-gpu"),
        (frameworks.Torch, "gpu:1", "does not exist: Torch finds 1 GPUs"),
    ],
)
def test_a_device_that_does_not_exist(framework: type, device: str, message: str) -> None:
    """The error names the setting, and what the chosen framework has instead."""
    build = framework.__new__(framework)  # imports nothing
    build.device_count = lambda: 1 if device == "gpu:1" else None
    with pytest.raises(SettingsInvalid, match=re.escape(message)):
        frameworks.check_device(build, device)
    frameworks.check_device(build, "cpu")


def test_the_memory_of_a_process_is_limited() -> None:
    """Half of a GPU with 80,000 MiB is 40,000 MiB for Paddle, and a share for torch, on the device of the setting."""
    limits: list[Any] = []
    size = SimpleNamespace(total_memory=80_000 << 20)
    paddle = frameworks.Paddle.__new__(frameworks.Paddle)  # imports nothing
    cuda = SimpleNamespace(get_device_properties=lambda index: limits.append(index) or size)
    paddle._paddle = SimpleNamespace(device=SimpleNamespace(cuda=cuda), set_flags=limits.append)
    paddle.limit_memory("gpu:1", 0.5)
    torch = frameworks.Torch.__new__(frameworks.Torch)
    torch._torch = SimpleNamespace(
        cuda=SimpleNamespace(set_per_process_memory_fraction=lambda share, index: limits.append((share, index)))
    )
    torch.limit_memory("gpu", 0.5)
    assert limits == [1, {"FLAGS_gpu_memory_limit_mb": 40_000}, (0.5, 0)]


@pytest.mark.parametrize(
    ("native", "name", "extra"),
    [("paddle", "Paddle", "paddlepaddle=="), ("transformers", "torch", ".[torch]")],
)
def test_a_framework_that_does_not_load(monkeypatch: pytest.MonkeyPatch, native: str, name: str, extra: str) -> None:
    """If the framework's libraries do not load, the error names it and the command that installs it."""

    def fail(settings: Settings) -> None:
        raise ImportError("libfabric.so.1: cannot open shared object file")

    monkeypatch.setattr(frameworks, "load", fail)
    monkeypatch.setattr(weights, "locate", lambda settings: {})
    with pytest.raises(EngineUnavailable) as raised:
        Builder(Settings(native=native))()
    assert str(raised.value).startswith(f"{name} cannot be loaded: libfabric.so.1")
    assert extra in str(raised.value)
