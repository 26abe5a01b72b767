"""Runaway repetition, the model's best known failure: noticed on each crop, and the crop read once more.

The pipeline cuts a repeated tail without a word, so its model is watched instead: `Recognizer` stands in the model's
place, sees every raw answer, and asks again with other pixel limits, which is what breaks such a loop when nothing can
be sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

# Shortest texts the pipeline cuts repetition from (`_paddleocr_vl_assemble_parsing_results`).
_SHORTEST_CUT = 50
_SHORTEST_CUT_OF_TABLE = 5000


Again = Callable[[dict[str, Any]], dict[str, Any]]


class Model(Protocol):
    """The pipeline's vision-language model, as far as the pipeline uses it."""

    def predict(self, crops: Sequence[dict[str, Any]], **arguments: Any) -> Any:
        """Answers, one for each crop (`image`, `query`), each with its text under `result`."""

    def close(self) -> None:
        """Frees the model."""


class Recognizer:
    """A model that reads crops which ran into repetition once more and counts those that did so again.

    cut: PaddleX's `truncate_repetitive_content`. count_tokens: of a text, by the model's tokenizer.
    again: from a call's arguments, those to change when a crop is read once more; pixel limits when not given.
    """

    def __init__(
        self,
        model: Model,
        cut: Callable[..., str],
        count_tokens: Callable[[str], int],
        retry: bool,
        again: Again | None = None,
    ) -> None:
        self._model = model
        self._cut = cut
        self._count_tokens = count_tokens
        self._retry = retry
        self._again = again or other_limits
        self.repeated = 0

    def predict(self, crops: Sequence[dict[str, Any]], **arguments: Any) -> list[Any]:
        """The model's answers, one for each crop, in order."""
        answers = list(self._model.predict(crops, **arguments))
        bad = [i for i, answer in enumerate(answers) if self._runs_away(crops[i], answer, arguments)]
        if bad and self._retry:
            again = self._model.predict([crops[i] for i in bad], **arguments | self._again(arguments))
            for i, answer in zip(list(bad), again, strict=True):
                if answer.get("result") and not self._runs_away(crops[i], answer, arguments):
                    answers[i] = answer
                    bad.remove(i)
        self.repeated += len(bad)
        return answers

    def close(self) -> None:
        """Closes the model."""
        self._model.close()

    def _runs_away(self, crop: dict[str, Any], answer: Any, arguments: dict[str, Any]) -> bool:
        """Whether the pipeline will cut the answer's tail, or the answer reaches the limit of tokens."""
        text: str = answer.get("result") or ""
        shortest = _SHORTEST_CUT_OF_TABLE if crop["query"] == "Table Recognition:" else _SHORTEST_CUT
        if self._cut(text, min_count=shortest) != text:
            return True
        limit: int = arguments["max_new_tokens"]
        limit -= limit // 50  # a text may come back from its tokens as a few tokens less
        # A token is at least one byte, so most texts need no tokenizer.
        return len(text.encode()) >= limit and self._count_tokens(text) >= limit


def sampled(arguments: dict[str, Any]) -> dict[str, float]:
    """A little sampling, for model servers, which can."""
    return {"temperature": 0.2, "repetition_penalty": 1.1}


def other_limits(arguments: dict[str, Any]) -> dict[str, int]:
    """Pixel limits that change the size of small and of large crops, within the memory the old ones needed."""
    smallest, largest = arguments["min_pixels"], arguments["max_pixels"]
    return {"min_pixels": min(2 * smallest, largest), "max_pixels": max(largest * 3 // 4, min(2 * smallest, largest))}
