"""Paddle's failures, by a double that raises its texts: they are taken from its sources, not seen on a GPU."""

from __future__ import annotations

from typing import Any

import pytest

from ocr_worker.engines.paddleocr_vl import frameworks
from ocr_worker.engines.paddleocr_vl.failures import Failure, classify
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.errors import EngineOutOfMemory, EngineUnavailable
from ocr_worker.pages import ParsedPage
from support import tinyvl
from support.planned import PlannedPipeline, block, result

pytestmark = pytest.mark.paddle

OUT_OF_MEMORY = MemoryError(
    "(ResourceExhausted) \n\nOut of memory error on GPU 0. Cannot allocate 2.000000GB memory on GPU 0, "
    "23.100000GB memory has been allocated and available memory is only 512.000000MB.\n"
)
POISON = [
    OSError("(External) CUDA error(700), an illegal memory access was encountered. \n  [Hint: ...]"),
    OSError("(External) CUDA error(710), device-side assert triggered. \n  [Hint: ...]"),
    OSError("(External) CUDA error(719), unspecified launch failure. "),
    SystemError(
        "(Fatal) CUDA error after kernel (softmax): CUDA error(700), an illegal memory access was encountered. "
    ),
    OSError("(External) CUDNN error(1), CUDNN_STATUS_NOT_INITIALIZED. \n  [Hint: ...]"),
    OSError("(External) CUBLAS error(1). \n  [Hint: 'CUBLAS_STATUS_NOT_INITIALIZED'. ...]"),
    OSError("(External) CUBLAS error(13). \n  [Hint: 'CUBLAS_STATUS_EXECUTION_FAILED'. ...]"),
]


def good() -> Any:
    """A page that was read."""
    return result(block("text", (0, 0, 100, 20), "read"))


def parse(pipeline: PlannedPipeline, **options: object) -> ParsedPage:
    from ocr_worker.engines.paddleocr_vl.adapter import PaddleOcrVl

    settings = tinyvl.settings()
    (parsed,) = PaddleOcrVl(pipeline, settings, frameworks.load(settings)).parse(
        [tinyvl.page(["one"])], PaddleOcrVlOptions.model_validate(options)
    )
    return parsed


def test_out_of_memory_is_tried_with_half_the_pixels() -> None:
    """A page that runs out of memory is read once more with half the pixels, and says so."""
    pipeline = PlannedPipeline(OUT_OF_MEMORY, good())
    parsed = parse(pipeline, max_pixels=400_000)
    assert parsed.markdown == "read"
    assert [warning.code for warning in parsed.warnings] == ["FEWER_PIXELS"]
    assert [call["max_pixels"] for call in pipeline.calls] == [400_000, 200_000]


def test_half_of_the_default_pixels() -> None:
    """Without limits in the request it is half of the pipeline's own, and the minimum never above it."""
    pipeline = PlannedPipeline(OUT_OF_MEMORY, good())
    parse(pipeline, min_pixels=700_000)
    assert (pipeline.calls[1]["min_pixels"], pipeline.calls[1]["max_pixels"]) == (501_760, 501_760)


def test_out_of_memory_twice() -> None:
    """A page that does not fit with fewer pixels either fails with its own error, which names the way out."""
    with pytest.raises(EngineOutOfMemory, match="lower `max_pixels` or `dpi`"):
        parse(PlannedPipeline(OUT_OF_MEMORY, OUT_OF_MEMORY))


@pytest.mark.parametrize("error", POISON, ids=lambda error: str(error)[:40])
def test_poison_makes_the_engine_unavailable(error: Exception) -> None:
    """After an error that breaks the CUDA context the engine says that it cannot go on, without a second try."""
    pipeline = PlannedPipeline(error)
    with pytest.raises(EngineUnavailable, match=r"error\(\d+\)"):
        parse(pipeline)
    assert len(pipeline.calls) == 1


def test_poison_while_memory_is_short() -> None:
    """Poison is noticed on the second try, too."""
    with pytest.raises(EngineUnavailable):
        parse(PlannedPipeline(OUT_OF_MEMORY, POISON[0]))


def test_a_pages_own_error_goes_through() -> None:
    """Any other error is the page's own and goes to the worker as it is."""
    with pytest.raises(ValueError, match="bad page"):
        parse(PlannedPipeline(ValueError("bad page")))


def test_poison_is_found_behind_another_error() -> None:
    """An error that a broken context caused counts as that, however it was wrapped."""
    error = RuntimeError("worker failed")
    error.__cause__ = POISON[0]
    assert classify(error) == (Failure.POISONED, "CUDA error(700)")


def test_an_invalid_argument_is_no_poison() -> None:
    """CUDA errors that leave the context whole cost the page only."""
    assert classify(OSError("(External) CUDA error(9), invalid configuration argument. "))[0] is Failure.PAGE


def test_paddles_own_out_of_memory() -> None:
    """The error that the installed Paddle raises when an allocation fails is classified as out of memory."""
    import paddle

    with pytest.raises(MemoryError) as caught:
        paddle.zeros([10**13], dtype="float64")
    assert classify(caught.value) == (Failure.OUT_OF_MEMORY, "(ResourceExhausted)")


def test_what_the_pipeline_is_asked_for() -> None:
    """Queues are off, orientation and unwarping always said outright, and the options passed on under their names."""
    pipeline = PlannedPipeline(good())
    parse(pipeline, use_chart_recognition=True, merge_layout_blocks=False, use_seal_recognition=True)
    (call,) = pipeline.calls
    assert call["use_queues"] is False
    assert (call["use_doc_orientation_classify"], call["use_doc_unwarping"]) == (False, False)
    assert (call["use_chart_recognition"], call["use_seal_recognition"]) == (True, True)
    assert call["merge_layout_blocks"] is False
