"""Runaway repetition: noticed, read once more, and the better answer kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.paddleocr_vl.repetition import Recognizer
from support import tinyvl

pytestmark = pytest.mark.paddle

LIMITS = {"min_pixels": 112_896, "max_pixels": 1_003_520, "max_new_tokens": 400}
LOOP = "The river rose. " + "and then again " * 20


class Model:
    """Answers by plan: a list of texts for each call."""

    def __init__(self, *plan: list[str]) -> None:
        self.plan = list(plan)
        self.calls: list[tuple[list[str], dict[str, Any]]] = []

    def predict(self, crops: Sequence[dict[str, Any]], **arguments: Any) -> list[dict[str, str]]:
        self.calls.append(([crop["image"] for crop in crops], arguments))
        return [{"result": text} for text in self.plan.pop(0)]

    def close(self) -> None: ...


def crops(*names: str, query: str = "OCR:") -> list[dict[str, Any]]:
    return [{"image": name, "query": query} for name in names]


def watch(model: Model, retry: bool = True) -> Recognizer:
    from paddlex.inference.pipelines.paddleocr_vl.uilts import truncate_repetitive_content

    return Recognizer(model, truncate_repetitive_content, count_tokens=len, can_retry=retry)


def texts(answers: Sequence[dict[str, Any]]) -> list[str]:
    return [answer["result"] for answer in answers]


def test_only_the_bad_crop_is_read_again() -> None:
    """A crop whose answer repeats itself is read again, alone and with other pixel limits; the clean answer stays."""
    model = Model(["fine", LOOP], ["The river rose."])
    recognizer = watch(model)
    assert texts(recognizer.predict(crops("a", "b"), **LIMITS)) == ["fine", "The river rose."]
    assert model.calls[1][0] == ["b"]
    assert model.calls[1][1] == {"min_pixels": 225_792, "max_pixels": 752_640, "max_new_tokens": 400}
    assert not any(recognizer.runaways)


@pytest.mark.parametrize("again", [LOOP, ""])
def test_a_second_answer_that_is_no_better(again: str) -> None:
    """When the second answer repeats itself, too, or is empty, the first stays and counts as repeated."""
    recognizer = watch(Model([LOOP], [again]))
    assert texts(recognizer.predict(crops("a"), **LIMITS)) == [LOOP]
    assert recognizer.runaways == [True]


def test_no_second_reading_by_setting() -> None:
    """Without the retry the repetition is only counted."""
    model = Model([LOOP])
    recognizer = watch(model, retry=False)
    recognizer.predict(crops("a"), **LIMITS)
    assert (recognizer.runaways, len(model.calls)) == ([True], 1)


def test_an_answer_as_long_as_the_limit() -> None:
    """An answer that reaches the limit of tokens counts, whatever it says; a shorter one does not."""
    words = " ".join(str(number) for number in range(1000))
    recognizer = watch(Model([words[:400], words[:380]]), retry=False)
    recognizer.predict(crops("a", "b"), **LIMITS)
    assert recognizer.runaways == [True, False]


def test_tables_may_repeat() -> None:
    """Cells that are all alike are no repetition, unless the table is as long as the pipeline's own limit for them."""
    cells = "<fcel>0" * 60
    recognizer = watch(Model([cells]), retry=False)
    recognizer.predict(crops("a", query="Table Recognition:"), **LIMITS | {"max_new_tokens": 4096})
    assert not any(recognizer.runaways)


def test_limits_never_exceed_the_largest() -> None:
    """The second reading never needs more memory than the first could."""
    model = Model([LOOP], ["fine"])
    watch(model).predict(crops("a"), **LIMITS | {"min_pixels": 900_000})
    assert (model.calls[1][1]["min_pixels"], model.calls[1][1]["max_pixels"]) == (1_003_520, 1_003_520)


def test_the_real_model_is_watched() -> None:
    """In the real pipeline the crops that reached the limit are read again, and the page still says so."""
    engine = Builder(tinyvl.settings(retry_repetition=True))()
    (parsed,) = engine.parse([tinyvl.page(tinyvl.LINES[:3])], PaddleOcrVlOptions(max_new_tokens=6))
    assert [len(block.content) for block in parsed.blocks] == [6, 6, 6]
    assert [warning.code for warning in parsed.warnings] == ["REPETITION"]
    engine.close()
