"""Engine calls that cost a fault no more than the page it belongs to; what comes out is checked, never trusted."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ocr_worker.engines.base import Engine
from ocr_worker.errors import EngineUnavailable, OcrWorkerError, PageFailed
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.wire.schema import Block, Figure, PageWarning, ParseOptions

log = logging.getLogger(__name__)

_TEXT = TypeAdapter(str)


def parse_isolated(
    engine: Engine[Any], pages: Sequence[PageImage], options: ParseOptions
) -> Iterator[tuple[ParsedPage | OcrWorkerError, float]]:
    """One result or error for each page, in order, with its seconds; a failed batch is tried again page by page.

    Raises EngineUnavailable; the pages that came before it stand.
    """
    started = time.monotonic()
    if len(pages) > 1 and (results := _parse_together(engine, pages, options)):
        seconds = (time.monotonic() - started) / len(pages)
        yield from ((result, seconds) for result in results)
        return
    for page in pages:
        started = time.monotonic()
        result = _parse_one(engine, page, options)
        yield result, time.monotonic() - started


def _parse_together(engine: Engine[Any], pages: Sequence[PageImage], options: ParseOptions) -> list[ParsedPage] | None:
    """The parsed pages, or None when more can be learnt page by page."""
    try:
        results = list(engine.parse(pages, options))
        return [_checked(result) for result in results] if len(results) == len(pages) else None
    except EngineUnavailable:
        raise
    except Exception:
        log.warning("a batch of %d pages failed; trying them one by one", len(pages), exc_info=True)
        return None


def _parse_one(engine: Engine[Any], page: PageImage, options: ParseOptions) -> ParsedPage | OcrWorkerError:
    try:
        results: Any = list(engine.parse([page], options))
        if len(results) != 1:
            return PageFailed(f"the engine answered {len(results)} results for one page")
        return _checked(results[0])
    except EngineUnavailable:
        raise
    except OcrWorkerError as error:
        return error
    except Exception:
        log.exception("the engine failed on page %d", page.number)
        return PageFailed("the engine failed on this page; the worker's log has the details")


def _checked(result: Any) -> ParsedPage:
    """`result` when it is a sound page. Raises PageFailed for anything else an engine may babble."""
    try:
        if not isinstance(result, ParsedPage):
            raise TypeError(type(result).__name__)
        if type(result.width) is not int or type(result.height) is not int:
            raise TypeError("width or height")
        _TEXT.validate_python(result.markdown, strict=True)
        for model, values in ((Block, result.blocks), (Figure, result.figures), (PageWarning, result.warnings)):
            for value in values:
                # Dumped and read again: `model_construct` and numpy's numbers get past a model's own checks.
                model.model_validate(model.model_dump(value, warnings=False), strict=True)
    except (TypeError, AttributeError, ValidationError) as error:
        log.error("the engine answered something that is no page: %s", type(error).__name__)
        raise PageFailed("the engine answered something that is no page") from None
    return result
