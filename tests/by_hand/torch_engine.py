"""Tests that need torch: OCR_NATIVE=transformers on the test weights, and errors that torch raises itself.

Run by hand, with the extras [paddle] and [torch], Paddle or not:
    python -m pytest tests/by_hand/torch_engine.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PPDocLayoutV3Config, PPDocLayoutV3ForObjectDetection

from ocr_worker.engines.paddleocr_vl.failures import Failure, classify
from ocr_worker.engines.paddleocr_vl.frameworks import CropBatches
from ocr_worker.settings import Settings
from support import tinyvl

LABELS = {22: "text"}
PROGRAM = """
import json, sys
sys.modules["paddle"] = None  # as on a machine without Paddle
from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.settings import load_settings
from support import tinyvl
engine = Builder(load_settings())()
pages = [tinyvl.page([line]) for line in tinyvl.LINES[:2]]
options = PaddleOcrVlOptions.model_validate({"use_layout_detection": False, "max_new_tokens": tinyvl.LIMIT})
strips = [type(page)(number=number, pixels=page.pixels[24:60]) for number, page in enumerate(pages, start=1)]
texts = [parsed.markdown for parsed in engine.parse(strips, options)]
print(json.dumps([engine.info.version, texts, engine.merge_pages([None]) == [None]]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test weights as transformers reads them, and a layout model of random weights, which finds nothing."""
    home = tmp_path_factory.mktemp("weights")
    program = [sys.executable, "-B", str(tinyvl.HOME / "vllm_model.py"), str(home / "vl")]
    subprocess.run(program, check=True)
    (home / "vl" / "inference.yml").write_bytes((tinyvl.VL / "inference.yml").read_bytes())
    names = {index: LABELS.get(index, f"label{index}") for index in range(25)}
    config = PPDocLayoutV3Config(id2label=names, label2id={name: index for index, name in names.items()})
    PPDocLayoutV3ForObjectDetection(config).save_pretrained(home / "layout")
    processor = {
        "image_processor_type": "PPDocLayoutV3ImageProcessor",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "rescale_factor": 1 / 255,
        "image_mean": [0, 0, 0],
        "image_std": [1, 1, 1],
        "size": {"height": 800, "width": 800},
    }
    (home / "layout" / "preprocessor_config.json").write_text(json.dumps(processor))
    listed = "".join(f"- {name}\n" for name in names.values())
    (home / "layout" / "inference.yml").write_text(
        "Global:\n  model_name: PP-DocLayoutV3\nPreprocess:\n- type: Resize\n  target_size: [800, 800]\n"
        f"draw_threshold: 0.5\nlabel_list:\n{listed}"
    )
    return home


def test_the_engine_without_paddle(home: Path) -> None:
    """The engine is built and reads lines on a machine that has torch and no Paddle, and says so in its version."""
    environment = tinyvl.environment(
        OCR_NATIVE="transformers",
        OCR_LAYOUT_WEIGHTS_DIR=str(home / "layout"),
        OCR_VL_WEIGHTS_DIR=str(home / "vl"),
        PYTHONPATH=":".join(sys.path),
    )
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    version, texts, is_merged = json.loads(process.stdout.splitlines()[-1])
    print(version, texts)
    assert "torch" in version
    assert "paddle " not in version
    assert is_merged
    assert all(tinyvl.character_error_rate(text, line) < 0.3 for text, line in zip(texts, tinyvl.LINES, strict=False))


def predictor(home: Path) -> Any:
    from paddlex.inference.models import create_predictor

    return create_predictor(
        "PaddleOCR-VL-1.6-0.9B", model_dir=str(home / "vl"), device="cpu", engine="transformers", batch_size=-1
    )


def test_crops_read_together_have_the_text_of_crops_read_alone(home: Path) -> None:
    """Five crops of three sizes in one call give the text of five calls; the library alone refuses them."""
    heights = [36, 36, 72, 36, 108]
    crops = [
        {"image": tinyvl.pixels(tinyvl.draw([line] * 3))[24 : 24 + height], "query": "OCR:"}
        for line, height in zip(tinyvl.LINES, heights, strict=False)
    ]
    limits = {"max_new_tokens": 60, "min_pixels": 112_896, "max_pixels": 1_003_520}
    model = predictor(home)
    alone = [output["result"] for output in model.predict(crops, **limits)]
    model.batch_sampler.batch_size = len(crops)
    with pytest.raises(ValueError, match="padding"):
        list(model.predict(crops, **limits))
    together = CropBatches(model, len(crops), free_cache=lambda: None).predict(crops, **limits)
    print(alone)
    assert [output["result"] for output in together] == alone
    assert any(alone)


def test_errors_that_torch_raises() -> None:
    """The classes of torch, and the error of its allocator for the processor, are classified as their texts are."""
    assert (
        classify(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))[0] is Failure.OUT_OF_MEMORY
    )
    broken = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    assert classify(broken)[0] is Failure.POISONED
    with pytest.raises(RuntimeError) as raised:
        torch.empty(10**15)
    assert classify(raised.value)[0] is Failure.OUT_OF_MEMORY


def test_the_setting(home: Path) -> None:
    """The weights made here are complete by the list of files of OCR_NATIVE=transformers."""
    from ocr_worker.engines.paddleocr_vl import weights

    settings = Settings(
        native="transformers", device="cpu", layout_weights_dir=home / "layout", vl_weights_dir=home / "vl"
    )
    assert set(weights.locate(settings)) == {"layout", "vl"}
