"""The status of a batch as plain lines of text, and the formatting of numbers that all displays share.

`coverage_of` compares the pages expected with the pages parsed and failed. `status_lines` prints that and every other
number of a `BatchSummary`, aligned, for `ocr-worker batch status` and for the end of a run. The functions below them
format counts, durations, rates and money, and explain error codes; `display` and `report` use them, too. All of it is
pure: it reads no ledger and writes nothing.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ocr_worker.batch.inputs import SkippedEntry
from ocr_worker.batch.model import BatchSummary
from ocr_worker.client.service import State
from ocr_worker.errors import error_types

STATUSES = ("succeeded", "partial", "failed", "cancelled", "waiting")
FAILED_STATES = (State.FAILED, State.TIMED_OUT, State.EXPIRED)
_LABEL_WIDTH = 12  # columns of a line's first word

_ERRORS = {error.code: error for error in error_types()[1:] if "code" in vars(error)}
KNOWN_CODES = tuple(sorted(_ERRORS))
_WARNINGS = {
    "ANIMATION_FIRST_FRAME": "The image is an animation, and only its first frame was parsed.",
    "ATTACHMENTS": "The PDF contains files besides its pages, or attached to them; they were not parsed.",
    "CUT": "A block ends before the text on the page, by a second reading; look at the page.",
    "DPI_LOWERED": "The page is large and was rendered at a lower resolution; small print may be misread.",
    "FEWER_PIXELS": "Device memory was short, so blocks were read with half the pixels; small print may be misread.",
    "FORMULA_AS_TEXT": "The engine does not recognize formulas; they are the text that it read, and no LaTeX.",
    "IMAGE_DOWNSCALED": "The image has more pixels than the limit and was scaled down; small print may be misread.",
    "LOW_CONFIDENCE": "The engine is not sure of the page, or of the lines in `bbox`; compare the text with the page.",
    "NO_TEXT": "The page has ink, but no text of it is in the Markdown; look at the page.",
    "NUMBERS_DIFFER": "A number differs from what a second reader sees; look at the page.",
    "PAGE_OUT_OF_RANGE": "Some requested pages do not exist in the document.",
    "REPAIRED": "The PDF is damaged and was repaired; parts of it may be missing.",
    "REPEATED": "The result repeats text more often than the page has it, by a second reading; look at the page.",
    "REPETITION": "A block repeated itself or was too long; its text may be truncated or wrong.",
    "TABLE_CONTINUED": "A table continues across a page break; all its rows are on its first page.",
    "TABLE_FIXED_FROM_LAYER": "Digits in a table that were read wrongly are those of the text layer.",
    "TEXT_LEFT_OUT": "More than a tenth of the page's text is not in the Markdown; it is in `blocks` with a label that"
    " `markdown_ignore_labels` lists.",
    "TEXT_MISSED": "The page has text that is not in the result, by a second reading; look at the page.",
    "TEXT_UNSUPPORTED": "The result has text without evidence on the page, by a second reading; look at the page.",
    "TRUNCATED": "The image file is truncated; the missing part is blank.",
    "UNSUPPORTED_SCRIPT": "Much of the text is illegible; it may be in a script that the engine does not support.",
    "XFA_FORM": "The PDF is a dynamic form (XFA); its pages may show a placeholder only.",
}


@dataclass(frozen=True, slots=True)
class BatchCoverage:
    """Coverage of a batch: the pages that are neither parsed nor failed.

    state: "complete"; "open" (pages are still to come); "stopped" (documents were cancelled); or "wrong".
    pages_left: pages that are neither parsed nor failed. sentence: the same for people.
    """

    state: Literal["complete", "open", "stopped", "wrong"]
    pages_left: int
    sentence: str


def coverage_of(summary: BatchSummary) -> BatchCoverage:
    """Return the coverage of a batch: pages expected = parsed + failed, once no document waits."""
    pages_left = summary.pages_expected - summary.pages_parsed - summary.pages_failed
    pages = format_count(abs(pages_left), "page")
    waiting_count, cancelled_count = summary.documents.get("waiting", 0), summary.documents.get("cancelled", 0)
    if pages_left < 0:
        return BatchCoverage("wrong", pages_left, f"The totals are wrong: {pages} more than expected.")
    if waiting_count:
        sentence = f"Not finished: {format_count(waiting_count, 'document')} and {pages} are still waiting."
        return BatchCoverage("open", pages_left, sentence)
    if pages_left and cancelled_count:
        documents = format_count(cancelled_count, "document")
        sentence = f"Cancelled: {pages} of {documents} {was_or_were(pages_left)} not parsed."
        return BatchCoverage("stopped", pages_left, sentence)
    if pages_left:
        sentence = f"The totals are wrong: {pages} {was_or_were(pages_left)} neither parsed nor failed."
        return BatchCoverage("wrong", pages_left, sentence)
    return BatchCoverage("complete", 0, "Every expected page was either parsed or failed.")


def status_lines(summary: BatchSummary, width: int = 100) -> list[str]:
    """Return the state of a batch as aligned lines of at most `width` columns.

    An unknown or empty value has no line.
    """
    values_by_label = {
        "batch": [coverage_of(summary).sentence],
        "documents": [_documents(summary)],
        "skipped": _skipped(summary),
        "pages": _pages(summary),
        "jobs": [_jobs(summary)],
        "time": [_time(summary)],
        "workers": _workers(summary),
        "cost": [format_cost(summary)],
        "errors": _codes(summary.errors),
        "warnings": _codes(summary.warnings),
        "service": [", engine ".join(clean_line(word) for word in (summary.service, summary.engine) if word)],
    }
    return [line for label, values in values_by_label.items() for line in _align(label, values, width)]


def _align(label: str, values: list[str], width: int) -> list[str]:
    room = max(20, width - _LABEL_WIDTH)
    lines = [line for value in values for line in textwrap.wrap(value, room, break_on_hyphens=False)]
    return [f"{'' if number else label:<{_LABEL_WIDTH}}{line}" for number, line in enumerate(lines)]


def _documents(summary: BatchSummary) -> str:
    """Return the documents by status, such as `300 = 285 succeeded + 9 partial + 6 failed`."""
    counts = [f"{summary.documents[status]:,} {status}" for status in STATUSES if summary.documents.get(status)]
    return f"{sum(summary.documents.values()):,}" + (f" = {' + '.join(counts)}" if counts else "")


def _skipped(summary: BatchSummary) -> list[str]:
    """Return the entries that are not parsed by reason, such as `2 hidden`, and where they are listed."""
    lines = [f"{number:,} {clean_line(reason)}" for reason, number in summary.skipped.items()]
    return [*lines, "each of them is listed in the report"] if lines else []


def skipped_lines(entries: Sequence[SkippedEntry], count: int) -> list[str]:
    """Return a line for each of these skipped entries, and one on the rest. count: number of all skipped entries."""
    lines = [f"skipped: {clean_line(entry.source)}: {clean_line(entry.reason)}" for entry in entries]
    rest = count - len(entries)
    return [*lines, f"skipped: and {rest:,} more, which the report lists"] if rest > 0 else lines


def _pages(summary: BatchSummary) -> list[str]:
    coverage = coverage_of(summary)
    terms = [f"{summary.pages_parsed:,} parsed", f"{summary.pages_failed:,} failed"]
    pages_left = coverage.pages_left
    terms += {"open": [f"{pages_left:,} waiting"], "stopped": [f"{pages_left:,} not parsed"]}.get(coverage.state, [])
    sign = "is not" if coverage.state == "wrong" else "="
    lines = [f"{summary.pages_expected:,} expected {sign} {' + '.join(terms)}"]
    if summary.pages_from_checkpoint:
        lines.append(f"{summary.pages_from_checkpoint:,} of the parsed pages are from checkpoints")
    if unknown_count := summary.documents_of_unknown_length:
        lines.append(f"not included: pages of {format_count(unknown_count, 'document')} of unknown length")
    return lines


def format_job_counts(jobs: Mapping[State, int]) -> str:
    """Return the jobs by state, such as `118 collected, 2 timed out`."""
    return ", ".join(f"{number:,} {state.replace('_', ' ')}" for state, number in jobs.items() if number)


def _jobs(summary: BatchSummary) -> str:
    resubmissions = f"{summary.resubmitted:,} sent again" if summary.resubmitted else ""
    return ", ".join(filter(None, [format_job_counts(summary.jobs), resubmissions]))


def _time(summary: BatchSummary) -> str:
    if not summary.wall_s:
        return ""
    phrases = [f"{format_duration(summary.wall_s)} working time"]
    if summary.pages_parsed:
        phrases.append(f"{format_rate(summary.pages_parsed / summary.wall_s)} pages/s")
    return ", ".join(phrases)


def _workers(summary: BatchSummary) -> list[str]:
    """Return the seconds of workers that are billed, and those of jobs, which may share workers."""
    if not summary.execution_s:
        return []
    idle = f"{format_duration(summary.idle_s)} idle" if summary.idle_s is not None else "idle time unknown"
    starts = f"{format_duration(summary.cold_start_s)} of cold starts at most (an estimate)"
    jobs = f"jobs: {format_duration(summary.execution_s)} of execution after {format_duration(summary.delay_s)}"
    return [f"{format_duration(summary.busy_s)} busy, {idle}, {starts}", f"{jobs} of queue and cold start"]


def format_cost(summary: BatchSummary) -> str:
    """Return the cost and its upper bound; empty when no price is known.

    Such as `about $1.23, at most $4.50 without idle time; $0.30 per 1,000 pages`.
    """
    if summary.cost is None or summary.cost_bound is None:
        return ""
    cost = f"about {format_money(summary.cost)}, at most {format_money(summary.cost_bound)}"
    cost += " without idle time" if summary.idle_s is None else ""
    pages = summary.pages_parsed
    return cost + (f"; {format_money(1000 * summary.cost / pages)} per 1,000 pages" if pages else "")


def format_cost_limit(summary: BatchSummary, max_cost: float) -> str:
    """Return the part of the cost limit that is used, and the figure that the limit applies to."""
    return f"{format_money(summary.limited_cost or 0.0)} of --max-cost {format_money(max_cost)}, with cold starts"


def cost_warning(summary: BatchSummary, max_cost: float | None) -> str:
    """Return a warning that the cost may be above the limit; empty when it cannot be."""
    if max_cost is None or summary.cost_bound is None or summary.cost_bound <= max_cost:
        return ""
    used, bound = format_cost_limit(summary, max_cost), format_money(summary.cost_bound)
    return f"cost: {used}; if no jobs shared a worker, it is {bound}, above the limit"


def _codes(codes: Mapping[str, int]) -> list[str]:
    items = sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    width = max((len(f"{number:,}") for _, number in items), default=0)
    return [f"{number:>{width},} {clean_line(code)}" for code, number in items]


# --------------------------------------------------------------------------- words


def explain_code(code: str) -> tuple[str, str]:
    """Return the meaning of an error or warning code, and the remedy. Either may be empty."""
    if code in _WARNINGS:
        return _WARNINGS[code], ""
    if code not in _ERRORS:
        return "", ""
    error = _ERRORS[code]
    remedy = "Retry; the error may be temporary." if error.retryable else "Fix the cause, then retry."
    return inspect.getdoc(error) or "", remedy


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 page` or `2,000 pages`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def was_or_were(number: int) -> str:
    """Return `was` for 1 and `were` for any other number."""
    return "was" if number == 1 else "were"


def format_duration(seconds: float) -> str:
    """Return seconds in words, such as `0.4 s`, `41 s`, `12 min 5 s`, `3 h 12 min` or `2 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds else "0 s"
    total = round(seconds)
    for size, name, part_size, part_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if total >= size:
            remainder = total % size // part_size
            return f"{total // size} {name}" + (f" {remainder} {part_name}" if remainder else "")
    return f"{total} s"


def format_rate(per_second: float) -> str:
    """Return a rate with two significant digits or all integer digits, such as `0.031`, `5.6`, `13` or `1,240`."""
    if per_second >= 10:
        return f"{per_second:,.0f}"
    return f"{per_second:.1f}" if per_second >= 1 else f"{per_second:.2g}"


def format_money(amount: float) -> str:
    """Return an amount in US dollars, in which the platform bills, such as `$0.0031` or `$1.23`.

    An amount above zero is at least a hundredth of a cent.
    """
    return f"${amount:,.2f}" if amount >= 0.1 or not amount else f"${max(amount, 0.0001):.4f}"


def format_share(part: int, total: int) -> str:
    """Return `part` of `total` as a percentage: `0 %` only for nothing, `100 %` only for all."""
    if not part or not total:
        return "0 %"
    tenths = min(999, max(1, round(1000 * part / total))) if part < total else 1000
    return f"{tenths / 10:g} %"


def replace_unencodable(text: str) -> str:
    """Return `text` with the undecodable bytes of file names escaped."""
    return text.encode(errors="backslashreplace").decode()


def clean_line(text: str) -> str:
    """Return `text` on one line, without control characters of a terminal, and with undecodable bytes escaped."""
    text = replace_unencodable(text)
    return "".join(char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)
