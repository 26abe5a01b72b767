"""PaddleX's own PaddleOCR-VL pipeline, whose two models are doubles: layouts and answers are arranged by the test.

`Layout` and `Reader` take the places of the layout model and of the vision-language model; cutting, merging, assembling
and Markdown are PaddleX's own. Nothing is loaded, so that a pipeline is ready at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from support.planned import IGNORED, inner_pipeline

Region = tuple[str, tuple[float, float, float, float]]  # label, box


class Layout:
    """A layout model that finds these regions on the pages of its next calls."""

    def __init__(self, *pages: Sequence[Region]) -> None:
        self.pages = list(pages)

    def __call__(self, images: Sequence[Any], **arguments: Any) -> Iterator[dict[str, Any]]:
        for _ in images:
            yield {"boxes": [_detection(order, *region) for order, region in enumerate(self.pages.pop(0), start=1)]}


def _detection(order: int, label: str, box: tuple[float, float, float, float]) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    polygon = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    return {
        "cls_id": 22,
        "label": label,
        "score": 0.95,
        "coordinate": list(box),
        "order": order,
        "polygon_points": polygon,
    }


class Reader:
    """A model that answers each crop with `answer(crop)`. calls: the crops of each call."""

    def __init__(self, answer: Callable[[dict[str, Any]], str]) -> None:
        self.answer = answer
        self.calls: list[list[dict[str, Any]]] = []
        self.processor = SimpleNamespace(tokenizer=lambda text: {"input_ids": list(text)})

    @property
    def crops(self) -> list[dict[str, Any]]:
        """All crops of all calls."""
        return [crop for call in self.calls for crop in call]

    def predict(self, crops: Sequence[dict[str, Any]], **arguments: Any) -> list[dict[str, str]]:
        self.calls.append(list(crops))
        return [{"result": self.answer(crop)} for crop in crops]

    def close(self) -> None: ...


class ArrangedPipeline:
    """A pipeline with PaddleX's own code around the two doubles.

    quarters: of 90 degrees by which every page is turned counter-clockwise if the call asks for orientation.
    is_flattened: such a page counts as flattened.
    """

    def __init__(self, layout: Layout, reader: Reader, *, quarters: int = 0, is_flattened: bool = False) -> None:
        from paddlex.inference.common.batch_sampler import ImageBatchSampler
        from paddlex.inference.common.reader import ReadImage
        from paddlex.inference.pipelines.components import CropByBoxes

        inner = inner_pipeline(
            reader,
            layout_det_model=layout,
            use_doc_preprocessor=True,
            doc_preprocessor_pipeline=lambda images, **options: [
                {
                    "output_img": np.ascontiguousarray(np.rot90(image, quarters)),
                    "angle": 90 * quarters,
                    "model_settings": {"use_doc_unwarping": is_flattened},
                }
                for image in images
            ],
            use_layout_detection=True,
            use_chart_recognition=False,
            use_seal_recognition=False,
            use_ocr_for_image_block=False,
            format_block_content=False,
            use_queues=False,
            merge_layout_blocks=True,
            markdown_ignore_labels=IGNORED,
            layout_prep_cpu_workers=0,
            batch_sampler=ImageBatchSampler(batch_size=64),
            img_reader=ReadImage(format="BGR"),
            crop_by_boxes=CropByBoxes(),
        )
        self.paddlex_pipeline = SimpleNamespace(_pipeline=inner)

    def predict(self, pages: Sequence[Any], **arguments: Any) -> Iterator[Any]:
        return self.paddlex_pipeline._pipeline.predict(pages, **arguments)  # type: ignore[no-any-return]

    def close(self) -> None: ...
