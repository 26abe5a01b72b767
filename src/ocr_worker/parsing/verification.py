"""The option `verify`: whether a worker can honor it, and what it adds to the outcome of a page."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ocr_worker.engines.base import EngineSpec
from ocr_worker.errors import InvalidRequest
from ocr_worker.extras import installed_version, not_installed_message
from ocr_worker.pages import PageOutcome, ParsedPage, Verification
from ocr_worker.wire.schema import PageWarning, ParseOptions, Repair
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.findings import Finding
from ocr_worker.witness.regions import regions_of

if TYPE_CHECKING:
    from ocr_worker.parsing.rereading import Rereader
    from ocr_worker.witness.verdict import Verdict

_MAX_WARNINGS = 20  # of a page; a page with more is to be read by a person anyway
_MAX_TEXT = 1_000  # characters of a warning's text
_OUTCOMES = {
    "replaced": "; the block was read again, and the new reading is in the result",
    "inserted": "; the place was read again, and its text is in the result as a block",
    "kept": "; it was read again without more evidence, and the result is unchanged",
    "unread": "; it was not read again",
}
VerifyMode = Literal["auto", "repair"]
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
    if options.verify == "repair" and spec.block_repair is None:
        raise InvalidRequest(
            f"options: `verify: repair` needs an engine that reads blocks once more, which OCR_ENGINE={spec.name} does"
            " not; use `auto`"
        )


def verify_modes(spec: EngineSpec[Any]) -> list[VerifyMode]:
    """Return the values of the option `verify` that this worker honors, besides `off`."""
    if spec.reads_as_witness or not installed_version("rapidocr"):
        return []
    return ["auto"] if spec.block_repair is None else ["auto", "repair"]


def verified(
    outcome: PageOutcome, evidence: Future[Evidence | None], wait_s: float, rereader: Rereader | None = None
) -> PageOutcome:
    """Return the outcome with its verification, after waiting for the evidence at most `wait_s`.

    rereader: reads the places of findings once more; None without `verify: repair`.
    """
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
    return _with_verdict(outcome, parsed, report, rereader)


def _with_verdict(outcome: PageOutcome, parsed: ParsedPage, report: Evidence, rereader: Rereader | None) -> PageOutcome:
    from ocr_worker.witness.confidence import confidence
    from ocr_worker.witness.verdict import is_legible, judge  # needs RapidFuzz, which only `verify` does

    if not is_legible(report):
        return replace(outcome, verification=_UNVERIFIED)
    verdict = judge(parsed.blocks, report)
    findings: Sequence[tuple[Finding, Repair | None]] = [(finding, None) for finding in verdict.findings]
    seconds, reread_count = outcome.seconds, None
    if rereader:
        parsed, verdict, findings, reread_count = _repaired(parsed, report, verdict, rereader)
        seconds += rereader.engine_s
    blocks = [
        block if agreement is None else block.model_copy(update={"confidence": confidence(agreement)})
        for block, agreement in zip(parsed.blocks, verdict.agreements, strict=True)
    ]
    warnings = [_warning(finding, repair) for finding, repair in findings[:_MAX_WARNINGS]]
    verification = Verification(True, verdict.ink_coverage, warnings, reread_count)
    return replace(outcome, result=replace(parsed, blocks=blocks), seconds=seconds, verification=verification)


def _repaired(
    parsed: ParsedPage, report: Evidence, verdict: Verdict, rereader: Rereader
) -> tuple[ParsedPage, Verdict, Sequence[tuple[Finding, Repair | None]], int]:
    """Return the page after its repair, its verdict, all findings, and the number of regions that were read."""
    from ocr_worker.witness.repair import apply_readings

    readings = rereader.read(regions_of(parsed.blocks, verdict.findings), parsed.blocks)
    repaired = apply_readings(parsed.blocks, report, verdict, readings)
    if not any(block.repair for block in repaired.blocks):
        return parsed, verdict, repaired.findings, len(readings)
    page = rereader.rewritten(parsed, repaired.blocks)
    if page is None:  # nothing is changed if the Markdown cannot be
        return parsed, verdict, [(finding, Repair(outcome="unread")) for finding in verdict.findings], len(readings)
    return page, repaired.verdict, repaired.findings, len(readings)


def _warning(finding: Finding, repair: Repair | None) -> PageWarning:
    message = f"{finding.message}{_OUTCOMES[repair.outcome]}" if repair else finding.message
    text = finding.text[:_MAX_TEXT] or None
    return PageWarning(code=finding.code, message=message, bbox=finding.box, text=text, repair=repair)
