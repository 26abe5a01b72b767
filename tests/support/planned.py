"""A pipeline that returns and fails by plan, with the real result classes of PaddleX."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:  # importing Paddle takes seconds, and not every machine has it
    from paddlex.inference.pipelines.paddleocr_vl.result import PaddleOCRVLBlock, PaddleOCRVLResult

IGNORED = ["number", "footnote", "header", "header_image", "footer", "footer_image", "aside_text"]


def block(
    label: str, bbox: Sequence[int], content: str = "", group: int | None = None, crop: Image.Image | None = None
) -> PaddleOCRVLBlock:
    """Return a block as the pipeline makes it. crop: of a figure."""
    from paddlex.inference.pipelines.paddleocr_vl.result import PaddleOCRVLBlock

    made = PaddleOCRVLBlock(label=label, bbox=list(bbox), content=content, group_id=group)
    if crop is not None:
        made.image = {"path": f"imgs/img_in_{label}_box_{'_'.join(map(str, bbox))}.jpg", "img": crop}
    return made


def result(*blocks: PaddleOCRVLBlock, in_tables: Sequence[dict[str, Any]] = ()) -> PaddleOCRVLResult:
    """Return a page of 1000 x 800 pixels. in_tables: figures that only a table's HTML refers to."""
    from paddlex.inference.pipelines.paddleocr_vl.result import PaddleOCRVLResult

    model_settings = {
        "use_doc_preprocessor": False,
        "use_layout_detection": True,
        "use_chart_recognition": False,
        "use_seal_recognition": False,
        "use_ocr_for_image_block": False,
        "format_block_content": False,
        "markdown_ignore_labels": IGNORED,
    }
    return PaddleOCRVLResult(
        {
            "input_path": None,
            "page_index": None,
            "page_count": None,
            "width": 1000,
            "height": 800,
            "parsing_res_list": list(blocks),
            "imgs_in_doc": list(in_tables),
            "model_settings": model_settings,
        }
    )


def inner_pipeline(model: Any, **attributes: Any) -> Any:
    """Return PaddleX's own pipeline object without models of its own, with this vision-language model."""
    from paddlex.inference.pipelines.paddleocr_vl.pipeline import _PaddleOCRVLPipeline

    inner = _PaddleOCRVLPipeline({}, initial_predictor=False)
    for name, value in {"vl_rec_model": model, **attributes}.items():
        setattr(inner, name, value)
    return inner


class PlannedPipeline:
    """A pipeline whose calls take the next item of `plan`: an exception to raise, or the page's result."""

    def __init__(self, *plan: Any) -> None:
        self.plan = list(plan)
        self.calls: list[dict[str, Any]] = []
        model = SimpleNamespace(processor=SimpleNamespace(tokenizer=lambda text: {"input_ids": list(text)}))
        self.paddlex_pipeline = SimpleNamespace(_pipeline=inner_pipeline(model))

    def predict(self, pages: Sequence[Any], **arguments: Any) -> list[Any]:
        self.calls.append(arguments)
        outcome = self.plan.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return [outcome for _ in pages]
