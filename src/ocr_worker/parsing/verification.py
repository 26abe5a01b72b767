"""The option `verify`: whether a worker can honor it, and what it adds to the outcome of a page."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from typing import Any

from ocr_worker.engines.base import EngineSpec
from ocr_worker.errors import InvalidRequest
from ocr_worker.extras import installed_version, not_installed_message
from ocr_worker.pages import PageOutcome, ParsedPage, Verification
from ocr_worker.wire.schema import PageWarning, ParseOptions
from ocr_worker.witness.evidence import Evidence

_MAX_WARNINGS = 20  # of a page; a page with more is to be read by a person anyway
_MAX_TEXT = 1_000  # characters of a warning's text
_UNVERIFIED = Verification(is_verified=False)


def check_verify(options: ParseOptions, spec: EngineSpec[Any]) -> None:
    """Raise InvalidRequest if the request asks for `verify` and this worker has no second reader."""
    if options.verify == "off":
        return
    if spec.reads_as_witness:
        raise InvalidRequest(
            f"options: `verify` compares the engine with the small reader, which OCR_ENGINE={spec.name} uses itself;"
            " remove the option"
        )
    if not installed_version("rapidocr"):
        missing = not_installed_message("RapidOCR", "embedded")
        raise InvalidRequest(f"options: `verify` needs a second reader: {missing}")


def can_verify(spec: EngineSpec[Any]) -> bool:
    """Return whether this worker honors the option `verify`."""
    return not spec.reads_as_witness and bool(installed_version("rapidocr"))


def verified(outcome: PageOutcome, evidence: Future[Evidence | None], wait_s: float) -> PageOutcome:
    """Return the outcome with its verification, after waiting for the evidence at most `wait_s`."""
    parsed = outcome.result
    if not isinstance(parsed, ParsedPage):
        return outcome
    try:
        report = evidence.result(timeout=wait_s)
    except FutureTimeoutError:
        report = None
    # An engine that turned the page has boxes on another page image.
    if report is None or (report.width, report.height) != (parsed.width, parsed.height):
        return replace(outcome, verification=_UNVERIFIED)
    return _with_verdict(outcome, parsed, report)


def _with_verdict(outcome: PageOutcome, parsed: ParsedPage, report: Evidence) -> PageOutcome:
    from ocr_worker.witness.confidence import confidence
    from ocr_worker.witness.verdict import is_legible, judge  # needs RapidFuzz, which only `verify` does

    if not is_legible(report):
        return replace(outcome, verification=_UNVERIFIED)
    verdict = judge(parsed.blocks, report)
    blocks = [
        block if agreement is None else block.model_copy(update={"confidence": confidence(agreement)})
        for block, agreement in zip(parsed.blocks, verdict.agreements, strict=True)
    ]
    warnings = [
        PageWarning(code=finding.code, message=finding.message, bbox=finding.box, text=finding.text[:_MAX_TEXT] or None)
        for finding in verdict.findings[:_MAX_WARNINGS]
    ]
    verification = Verification(is_verified=True, ink_coverage=verdict.ink_coverage, warnings=warnings)
    return replace(outcome, result=replace(parsed, blocks=blocks), verification=verification)
