"""Call the engine so that an error costs only the page that it belongs to.

A batch that fails is parsed again, page by page, so that each page gets its own result or error. If the engine's
process ended, it is started again first, and a page in whose calls it ended twice fails. Results are validated, never
trusted: an engine may be the operator's own code. A page with ink and without text gets a warning here, whatever its
engine is. Deadlines and hanging calls are the subject of `replicas`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ocr_worker.engines.base import Engine
from ocr_worker.errors import EngineCrashed, EngineUnavailable, OcrWorkerError, PageFailed
from ocr_worker.ink import has_ink
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.wire.schema import Block, Figure, PageWarning, ParseOptions

log = logging.getLogger(__name__)

_TEXT = TypeAdapter(str)
_NO_TEXT = "the page has ink, but no text of it is in the Markdown; look at the page, or scan it at a higher resolution"
_MARKUP = re.compile(r"(?<=\])\([^)]*\)|<[^>]*>")  # targets of figures, comments and tags, whose attributes are no text


def parse_isolated(
    engine: Engine[Any],
    pages: Sequence[PageImage],
    options: ParseOptions,
    revive: Callable[[], None] = lambda: None,
) -> Iterator[tuple[ParsedPage | OcrWorkerError, float]]:
    """Yield the result or error of each page, in order, with its seconds of engine time.

    A batch that fails is parsed again page by page. revive: starts the engine's process again; called after each call
    that raised EngineCrashed. Raises EngineUnavailable, also from `revive`, when the engine cannot
    continue; the pages that were yielded before stay valid.
    """
    started_at = time.monotonic()
    has_crashed = False
    if len(pages) > 1:
        try:
            if results := _parse_batch(engine, pages, options):
                seconds = (time.monotonic() - started_at) / len(pages)
                yield from ((result, seconds) for result in results)
                return
        except EngineCrashed:
            has_crashed = True
            revive()
    for page in pages:
        started_at = time.monotonic()
        result = _parse_page(engine, page, options)
        if isinstance(result, EngineCrashed) and not has_crashed:
            revive()
            started_at = time.monotonic()
            result = _parse_page(engine, page, options)
        yield result, time.monotonic() - started_at
        if isinstance(result, EngineCrashed):
            revive()


def _parse_batch(engine: Engine[Any], pages: Sequence[PageImage], options: ParseOptions) -> list[ParsedPage] | None:
    """Return the parsed pages, or None if the batch failed and each page deserves a call of its own."""
    try:
        results = list(engine.parse(pages, options))
        if len(results) != len(pages):
            return None
        return [_warn_of_no_text(_validate(result), page) for result, page in zip(results, pages, strict=True)]
    except (EngineUnavailable, EngineCrashed):
        raise
    except Exception:
        log.warning("a batch of %d pages failed; trying them one by one", len(pages), exc_info=True)
        return None


def _parse_page(engine: Engine[Any], page: PageImage, options: ParseOptions) -> ParsedPage | OcrWorkerError:
    try:
        results: Any = list(engine.parse([page], options))
        if len(results) != 1:
            return PageFailed(f"the engine returned {len(results)} results for one page")
        return _warn_of_no_text(_validate(results[0]), page)
    except EngineUnavailable:
        raise
    except OcrWorkerError as error:
        return error
    except Exception:
        log.exception("the engine failed on page %d", page.number)
        return PageFailed("the engine failed on this page; the worker's log has the details")


def _validate(result: Any) -> ParsedPage:
    """Return `result` if it is a valid page. Raises PageFailed for anything else that an engine may return."""
    try:
        if not isinstance(result, ParsedPage):
            raise TypeError(type(result).__name__)
        if type(result.width) is not int or type(result.height) is not int:
            raise TypeError("width or height")
        _TEXT.validate_python(result.markdown, strict=True)
        for model, values in ((Block, result.blocks), (Figure, result.figures), (PageWarning, result.warnings)):
            for value in values:
                # Dump and validate again: `model_construct` and NumPy numbers bypass a model's own checks.
                model.model_validate(model.model_dump(value, warnings=False), strict=True)
    except (TypeError, AttributeError, ValidationError) as error:
        log.error("the engine returned an invalid page: %s", type(error).__name__)
        raise PageFailed("the engine returned an invalid page; the worker's log has the details") from None
    return result


def _warn_of_no_text(result: ParsedPage, page: PageImage) -> ParsedPage:
    """Return the result, with a warning if its Markdown has no letter or digit although the page has ink."""
    if any(map(str.isalnum, _MARKUP.sub("", result.markdown))) or not has_ink(page.pixels):
        return result
    return replace(result, warnings=[*result.warnings, PageWarning(code="NO_TEXT", message=_NO_TEXT)])
