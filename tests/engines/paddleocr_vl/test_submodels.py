"""Submodels are loaded only where the settings say so: an orientation "model" that takes every page for turned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.errors import WeightsMissing
from support import tinyvl

pytestmark = pytest.mark.paddle

CONFIGURATION: dict[str, Any] = {
    "Global": {"model_name": "PP-LCNet_x1_0_doc_ori"},
    "PreProcess": {
        "transform_ops": [
            {"ResizeImage": {"resize_short": 256}},
            {"CropImage": {"size": 224}},
            {"NormalizeImage": {"mean": [0, 0, 0], "std": [1, 1, 1], "scale": 1 / 255, "channel_num": 3, "order": ""}},
            {"ToCHWImage": None},
        ]
    },
    "PostProcess": {"Topk": {"topk": 1, "label_list": ["0", "90", "180", "270"]}},
}


def save_turned(path: Path) -> None:
    """Writes a network whose scores of 0, 90, 180, 270 degrees are always 90, whatever the image
    [pages, 3, 224, 224]."""
    import paddle

    class Turned(paddle.nn.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            always = paddle.nn.initializer.Assign([[0.0, 1, 0, 0]])
            self.scores = self.create_parameter([1, 4], default_initializer=always)

        def forward(self, x: Any) -> Any:
            return x.mean(axis=[1, 2, 3]).unsqueeze(1) * 0 + self.scores

    shape = paddle.static.InputSpec([None, 3, 224, 224], "float32", "x")
    network = Turned()
    network.eval()
    paddle.jit.save(paddle.jit.to_static(network, input_spec=[shape], full_graph=True), str(path))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of weights that holds the orientation model."""
    home = tmp_path_factory.mktemp("home")
    directory = home / "official_models" / "PP-LCNet_x1_0_doc_ori"
    save_turned(directory / "inference")
    (directory / "inference.yml").write_text(yaml.safe_dump(CONFIGURATION), encoding="utf-8")
    return home


def test_pages_are_turned_where_it_is_loaded(home: Path) -> None:
    """With the orientation model loaded pages are turned, and so is their size; a request may say no."""
    engine = Builder(tinyvl.settings(weights_home=home, use_doc_orientation_classify=True))()

    def size(**options: Any) -> tuple[int, int]:
        chosen = PaddleOcrVlOptions.model_validate({"max_new_tokens": tinyvl.LIMIT} | options)
        (parsed,) = engine.parse([tinyvl.page(tinyvl.LINES[:3])], chosen)
        return parsed.width, parsed.height

    assert size() == (240, 1000)
    assert size(use_doc_orientation_classify=False) == (1000, 240)
    engine.close()


def test_a_submodel_that_is_wanted_and_missing(tmp_path: Path) -> None:
    """A submodel that the settings want and that is nowhere stops the start, by its name."""
    chosen = tinyvl.settings(weights_home=tmp_path, volume_dir=tmp_path, use_doc_unwarping=True)
    with pytest.raises(WeightsMissing, match="UVDoc"):
        Builder(chosen)()
