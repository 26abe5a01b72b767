"""Detection of runaway repetition, the model's best known failure.

The pipeline cuts off a repeated tail and does not report it. So `Recognizer` replaces the pipeline's model: it checks
the raw output for each crop, and reads a crop with repetition once more with changed arguments. Changed pixel limits
break such a loop when the model cannot sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

# Texts shorter than this are never cut by the pipeline (`_paddleocr_vl_assemble_parsing_results`).
_MIN_CUT_CHARACTERS = 50
_MIN_CUT_CHARACTERS_OF_TABLE = 5000


class TruncatedText(str):
    """The text of a crop at which a model server stopped because of the limit of tokens."""


RetryArguments = Callable[[dict[str, Any]], dict[str, Any]]


class VisionLanguageModel(Protocol):
    """The pipeline's vision-language model, as far as the pipeline uses it."""

    def predict(self, crops: Sequence[dict[str, Any]], **arguments: Any) -> Any:
        """Return an output with its text as `result` for each crop (`image`, `query`), in order."""

    def close(self) -> None:
        """Release the model's resources."""


class Recognizer:
    """A wrapper of the model that reads crops with repetition once more, and reports those that still have it.

    cut: PaddleX's `truncate_repetitive_content`. count_tokens: returns the number of tokens in a text, by the model's
    tokenizer. retry_arguments: returns the arguments to change for the second reading, from those of the call; default:
    pixel limits. runaways: whether each crop has repetition, in the order of the calls; the caller clears it.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        cut: Callable[..., str],
        count_tokens: Callable[[str], int],
        can_retry: bool,
        retry_arguments: RetryArguments | None = None,
    ) -> None:
        self._model = model
        self._cut = cut
        self._count_tokens = count_tokens
        self._can_retry = can_retry
        self._retry_arguments = retry_arguments or retry_pixel_limits
        self.runaways: list[bool] = []

    def predict(self, crops: Sequence[dict[str, Any]], **arguments: Any) -> list[Any]:
        """Return the model's output for each crop, in order, after the second reading."""
        outputs = list(self._model.predict(crops, **arguments))
        runaways = [index for index, output in enumerate(outputs) if self._is_runaway(crops[index], output, arguments)]
        if runaways and self._can_retry:
            new_outputs = self._model.predict(
                [crops[index] for index in runaways], **arguments | self._retry_arguments(arguments)
            )
            for index, output in zip(list(runaways), new_outputs, strict=True):
                if output.get("result") and not self._is_runaway(crops[index], output, arguments):
                    outputs[index] = output
                    runaways.remove(index)
        self.runaways += [index in runaways for index in range(len(crops))]
        return outputs

    def close(self) -> None:
        """Close the model."""
        self._model.close()

    def _is_runaway(self, crop: dict[str, Any], output: Any, arguments: dict[str, Any]) -> bool:
        """Return True if the pipeline will cut the output's tail, or the output reaches the limit of tokens."""
        text: str = output.get("result") or ""
        min_count = _MIN_CUT_CHARACTERS_OF_TABLE if crop["query"] == "Table Recognition:" else _MIN_CUT_CHARACTERS
        if isinstance(text, TruncatedText) or self._cut(text, min_count=min_count) != text:
            return True
        max_tokens: int = arguments["max_new_tokens"]
        max_tokens -= max_tokens // 50  # a text can have a few tokens less than the model generated
        # A token is at least one byte, so most texts need no tokenizer.
        return len(text.encode()) >= max_tokens and self._count_tokens(text) >= max_tokens


def sampling_arguments(arguments: dict[str, Any]) -> dict[str, float]:
    """Return arguments for a little sampling, for model servers, which support it."""
    return {"temperature": 0.2, "repetition_penalty": 1.1}


def retry_pixel_limits(arguments: dict[str, Any]) -> dict[str, int]:
    """Return pixel limits that change the size of small and of large crops, and need no more memory."""
    min_pixels, max_pixels = arguments["min_pixels"], arguments["max_pixels"]
    return {
        "min_pixels": min(2 * min_pixels, max_pixels),
        "max_pixels": max(max_pixels * 3 // 4, min(2 * min_pixels, max_pixels)),
    }
