"""A batch's numbers as plain lines, and how numbers are put into words for people everywhere in `batch`. Pure."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ocr_worker.batch.model import BatchSummary, State
from ocr_worker.errors import error_types

STATUSES = ("succeeded", "partial", "failed", "cancelled", "waiting")
LOST = (State.FAILED, State.TIMED_OUT, State.EXPIRED)
_LABEL = 12  # columns of a line's first word

_ERRORS = {error.code: error for error in error_types()[1:] if "code" in vars(error)}
_WARNINGS = {
    "ANIMATION_FIRST_FRAME": "Of an animation only the first frame was read.",
    "DPI_LOWERED": "The page is large and was rendered at a lower resolution; small print may suffer.",
    "FEWER_PIXELS": "Memory was short, so blocks were read with half the pixels; small print may suffer.",
    "IMAGE_DOWNSCALED": "The image is over the pixel budget and was scaled down; small print may suffer.",
    "LOW_CONFIDENCE": "The engine was not sure of what it read; compare the text with the page.",
    "PAGE_OUT_OF_RANGE": "Pages past the end of the document were asked for.",
    "REPETITION": "A block ran into repetition or was too long; its text may be cut or wrong.",
    "TABLE_CONTINUED": "A table runs over a page break; its rows are with its first page.",
    "TRUNCATED": "The image file is cut off; what was missing is blank.",
    "UNSUPPORTED_SCRIPT": "Much of the text is illegible; it may be in a script that the engine does not read.",
}


@dataclass(frozen=True, slots=True)
class Books:
    """Whether the account adds up. state: balanced, open (pages are still to come), stopped (documents were cancelled),
    or wrong. left: pages that are neither parsed nor failed. told: the same as a sentence."""

    state: Literal["balanced", "open", "stopped", "wrong"]
    left: int
    told: str


def books_of(summary: BatchSummary) -> Books:
    """The account of a batch: pages expected = parsed + failed, once no document waits."""
    left = summary.pages_expected - summary.pages_parsed - summary.pages_failed
    waiting, cancelled = summary.documents.get("waiting", 0), summary.documents.get("cancelled", 0)
    if left < 0:
        return Books("wrong", left, f"The books do not balance: {counted(-left, 'page')} more than expected.")
    if waiting:
        told = f"Not finished: {counted(waiting, 'document')} and {counted(left, 'page')} are still to come."
        return Books("open", left, told)
    if left and cancelled:
        told = f"Cancelled: {counted(left, 'page')} of {counted(cancelled, 'document')} {were(left)} not read."
        return Books("stopped", left, told)
    if left:
        told = f"The books do not balance: {counted(left, 'page')} {were(left)} neither parsed nor failed."
        return Books("wrong", left, told)
    return Books("balanced", 0, "The books balance: every page expected was either parsed or failed.")


def status_lines(summary: BatchSummary, width: int = 100) -> list[str]:
    """The state of a batch as aligned lines of at most `width` columns; what is not known, or nothing, has no line."""
    facts = {
        "batch": [books_of(summary).told],
        "documents": [_documents(summary)],
        "pages": _pages(summary),
        "jobs": [_jobs(summary)],
        "time": [_time(summary)],
        "cost": [_cost(summary)],
        "errors": _codes(summary.errors),
        "warnings": _codes(summary.warnings),
        "service": [", read by ".join(cleaned(word) for word in (summary.service, summary.engine) if word)],
    }
    return [line for label, values in facts.items() for line in _aligned(label, values, width)]


def _aligned(label: str, values: list[str], width: int) -> list[str]:
    room = max(20, width - _LABEL)
    wrapped = [line for value in values for line in textwrap.wrap(value, room, break_on_hyphens=False)]
    return [f"{'' if number else label:<{_LABEL}}{line}" for number, line in enumerate(wrapped)]


def _documents(summary: BatchSummary) -> str:
    """`300 = 285 succeeded + 9 partial + 6 failed`."""
    found = [f"{summary.documents[status]:,} {status}" for status in STATUSES if summary.documents.get(status)]
    return f"{sum(summary.documents.values()):,}" + (f" = {' + '.join(found)}" if found else "")


def _pages(summary: BatchSummary) -> list[str]:
    books = books_of(summary)
    terms = [f"{summary.pages_parsed:,} parsed", f"{summary.pages_failed:,} failed"]
    terms += {"open": [f"{books.left:,} to come"], "stopped": [f"{books.left:,} not read"]}.get(books.state, [])
    sign = "is not" if books.state == "wrong" else "="
    lines = [f"{summary.pages_expected:,} expected {sign} {' + '.join(terms)}"]
    if summary.pages_from_checkpoint:
        lines.append(f"{summary.pages_from_checkpoint:,} of the parsed were taken from checkpoints")
    if unknown := summary.documents_of_unknown_length:
        lines.append(f"not counted: those of {counted(unknown, 'document')} of unknown length")
    return lines


def jobs_told(jobs: Mapping[State, int]) -> str:
    """`118 collected, 2 timed out`."""
    return ", ".join(f"{number:,} {state.replace('_', ' ')}" for state, number in jobs.items() if number)


def _jobs(summary: BatchSummary) -> str:
    again = f"{summary.resubmitted:,} sent again" if summary.resubmitted else ""
    return ", ".join(filter(None, [jobs_told(summary.jobs), again]))


def _time(summary: BatchSummary) -> str:
    if not summary.wall_s:
        return ""
    found = [f"{duration(summary.wall_s)} at work"]
    if summary.pages_parsed:
        found.append(f"{rate(summary.pages_parsed / summary.wall_s)} pages/s")
    found.append(f"{duration(summary.execution_s)} of execution")
    found.append(f"{duration(summary.delay_s)} in the queue")
    return ", ".join(found)


def _cost(summary: BatchSummary) -> str:
    """`$1.23, $0.30 per 1,000 pages`; empty when no price is known."""
    if summary.cost is None:
        return ""
    per = f", {money(1000 * summary.cost / summary.pages_parsed)} per 1,000 pages" if summary.pages_parsed else ""
    return money(summary.cost) + per


def _codes(codes: Mapping[str, int]) -> list[str]:
    ranked = sorted(codes.items(), key=lambda found: (-found[1], found[0]))
    width = max((len(f"{number:,}") for _, number in ranked), default=0)
    return [f"{number:>{width},} {cleaned(code)}" for code, number in ranked]


# --------------------------------------------------------------------------- words


def meaning(code: str) -> tuple[str, str]:
    """What an error or warning is, and what to do about it; either may be empty."""
    if code in _WARNINGS:
        return _WARNINGS[code], ""
    if code not in _ERRORS:
        return "", ""
    error = _ERRORS[code]
    todo = "Try again: it may pass." if error.retryable else "Mend the cause, then try again."
    return inspect.getdoc(error) or "", todo


def counted(number: int, noun: str) -> str:
    """`1 page`, `2,000 pages`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def were(number: int) -> str:
    """`was` or `were`."""
    return "was" if number == 1 else "were"


def duration(seconds: float) -> str:
    """`0.4 s`, `41 s`, `12 min 5 s`, `3 h 12 min`, `2 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds else "0 s"
    whole = round(seconds)
    for size, name, small, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def rate(per_second: float) -> str:
    """Two digits that matter: `0.031`, `5.6`, `13`, `1,240`."""
    if per_second >= 10:
        return f"{per_second:,.0f}"
    return f"{per_second:.1f}" if per_second >= 1 else f"{per_second:.2g}"


def money(amount: float) -> str:
    """US dollars, in which the platform bills: `$0.0031`, `$1.23`; at least a hundredth of a cent."""
    return f"${amount:,.2f}" if amount >= 0.1 or not amount else f"${max(amount, 0.0001):.4f}"


def share(part: int, whole: int) -> str:
    """A percentage that is 0 % and 100 % only when it is nothing or all."""
    if not part or not whole:
        return "0 %"
    tenths = min(999, max(1, round(1000 * part / whole))) if part < whole else 1000
    return f"{tenths / 10:g} %"


def cleaned(text: str) -> str:
    """`text` on one line, without anything a terminal would obey or an encoder refuse."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)
