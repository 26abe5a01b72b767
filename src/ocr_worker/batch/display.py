"""The display of a running batch: live on a terminal, a plain line every ten seconds anywhere else, or JSON lines.

`Display` gets a `BatchSummary` from the command at short intervals and shows it; it never reads the ledger itself.
`Pace` measures how fast pages are finished, for the speed and the time left. The words and numbers come from `status`.
When the display closes, it prints the same lines as `ocr-worker batch status`. `JsonLines` takes its place for
programs: the same calls, as JSON on standard output.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ocr_worker.batch.model import BatchSummary
from ocr_worker.batch.report import summary_json
from ocr_worker.batch.status import (
    FAILED_STATES,
    clean_line,
    format_cost,
    format_cost_limit,
    format_duration,
    format_rate,
    format_share,
    status_lines,
)
from ocr_worker.client.service import Delay, State

Clock = Callable[[], float]

PLAIN_LINE_EVERY_S = 10.0
_LABEL_WIDTH = 11  # columns of the live display's first word


class Pace:
    """The speed at which pages are finished, from samples of the last ten minutes.

    The time left looks back further than the speed: pages are finished in whole jobs, so a minute says little about the
    next hour. clock: monotonic seconds.
    """

    SPEED_WINDOW_S, TIME_LEFT_WINDOW_S, SAMPLE_INTERVAL_S = 60.0, 600.0, 1.0

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, pages_done: int) -> None:
        """Record that `done` pages are finished now."""
        now = self._clock()
        if self._samples and now - self._samples[-1][0] < self.SAMPLE_INTERVAL_S:
            return
        self._samples.append((now, pages_done))
        while now - self._samples[0][0] > self.TIME_LEFT_WINDOW_S:
            self._samples.popleft()

    def pages_per_second(self, pages_done: int) -> float | None:
        """Return the pages per second over the last minute; None before there are enough samples."""
        return self._rate(pages_done, self.SPEED_WINDOW_S)

    def seconds_left(self, pages_done: int, pages_expected: int) -> float | None:
        """Return the seconds until all pages are finished; None while the speed is unknown or zero."""
        if pages_done >= pages_expected:
            return 0.0
        per_second = self._rate(pages_done, self.TIME_LEFT_WINDOW_S)
        return (pages_expected - pages_done) / per_second if per_second else None

    def _rate(self, pages_done: int, window_s: float) -> float | None:
        now = self._clock()
        first = next((sample for sample in self._samples if now - sample[0] <= window_s), None)
        if first is None or now - first[0] < self.SAMPLE_INTERVAL_S:
            return None
        return max(0.0, (pages_done - first[1]) / (now - first[0]))


class Display:
    """Context manager that shows a running batch.

    On a terminal it shows a few lines that change in place and disappear at the end. Elsewhere it prints a line every
    ten seconds, and one when the service stops responding. Both print the batch's status at the end. It starts no
    thread: every method runs on the caller's.
    console: default: stderr. max_cost: cost limit of the run in US dollars.
    """

    def __init__(
        self, console: Console | None = None, *, max_cost: float | None = None, clock: Clock = time.monotonic
    ) -> None:
        self._console = console or Console(stderr=True)
        self._max_cost = max_cost
        self._clock = clock
        self._pace = Pace(clock)
        self._summary: BatchSummary | None = None
        self._next_line_at = clock() + PLAIN_LINE_EVERY_S
        self._has_outage = False
        # No thread refreshes it: it shows the last summary of `update`. Standard output stays the caller's.
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal

    def __enter__(self) -> Display:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def update(self, summary: BatchSummary, *, pause_reason: str | None = None, delay: Delay | None = None) -> None:
        """Show the batch's numbers.

        pause_reason: why no more jobs are sent; None: they are. delay: why the service processes none; None: it does.
        """
        self._summary = summary
        self._pace.add(_done_pages(summary))
        if self._is_live:
            self._live.update(self._lines(summary, pause_reason, delay), refresh=True)
        elif self._clock() >= self._next_line_at or _begins_outage(self._has_outage, delay):
            self._next_line_at = self._clock() + PLAIN_LINE_EVERY_S
            reasons = [clean_line(str(reason)) for reason in (delay, pause_reason) if reason]
            self._print(", ".join([*self._plain(summary), *reasons]))
        self._has_outage = _is_outage(delay)

    def document_ended(self, name: str, status: str, code: str | None) -> None:
        """Print a line that stays, above the live display, for a document that did not succeed."""
        self._print(clean_line(": ".join(filter(None, (name, status, code)))))

    def close(self) -> None:
        """Remove the live display and print the batch's status. A second call does nothing."""
        self._live.stop()
        if self._summary is not None:
            for line in status_lines(self._summary, min(100, self._console.width) if self._is_live else 100):
                self._print(line)
        self._summary = None

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    # ----------------------------------------------------------------- on a terminal

    def _lines(self, summary: BatchSummary, pause_reason: str | None, delay: Delay | None) -> RenderableType:
        pages_done, pages_expected = _done_pages(summary), summary.pages_expected
        total, completed = max(1, pages_expected), min(pages_done, pages_expected)
        bar = ProgressBar(total=total, completed=completed, complete_style="green")
        table = Table.grid(padding=(0, 1, 0, 0), expand=True)
        table.add_column(width=_LABEL_WIDTH, no_wrap=True, style="bold")
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(justify="right", width=6, no_wrap=True)
        table.add_row("pages", f"{pages_done:,}/{pages_expected:,}", bar, format_share(pages_done, pages_expected))
        rows = {
            "documents": _documents(summary),
            "jobs": _jobs(summary),
            "speed": self._speed(summary),
            "cost": self._cost(summary),
        }
        lines = [_row(label, ", ".join(words)) for label, words in rows.items() if words]
        return Group(*lines[:1], table, *lines[1:], *_delay_rows(delay), *_pause_rows(pause_reason))

    def _speed(self, summary: BatchSummary) -> list[str]:
        pages_done = _done_pages(summary)
        per_second = self._pace.pages_per_second(pages_done)
        seconds_left = self._pace.seconds_left(pages_done, summary.pages_expected)
        phrases = [f"{format_rate(per_second)} pages/s"] if per_second is not None else []
        if seconds_left:
            suffix = " or more" if summary.documents_of_unknown_length else ""
            phrases.append(f"about {format_duration(max(seconds_left, 10.0))} left{suffix}")
        return phrases

    def _cost(self, summary: BatchSummary) -> list[str]:
        """Return what the cost limit applies to, or the cost where there is no limit."""
        if summary.cost is None:
            return []
        return [format_cost(summary) if self._max_cost is None else format_cost_limit(summary, self._max_cost)]

    def _plain(self, summary: BatchSummary) -> list[str]:
        ended_count, total = _ended_documents(summary), sum(summary.documents.values())
        counts = [f"{ended_count:,}/{total:,} documents", f"{_done_pages(summary):,}/{summary.pages_expected:,} pages"]
        counts += _skipped(summary)
        numbers = [*counts, *self._speed(summary), *(f"cost: {phrase}" for phrase in self._cost(summary))]
        return [*numbers, *(["jobs: " + ", ".join(jobs)] if (jobs := _jobs(summary)) else [])]


class JsonLines:
    """Context manager that prints a running batch as JSON lines, in place of `Display`.

    `progress`: at the first update, every ten seconds, and when the service stops responding. `document`: a document
    that did not succeed. `end`: the last numbers. Each line is written at once. file: default: standard output.
    """

    def __init__(self, file: TextIO | None = None, *, clock: Clock = time.monotonic) -> None:
        self._file = file or sys.stdout
        self._clock = clock
        self._next_line_at = clock()
        self._has_outage = False
        self._summary: BatchSummary | None = None

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._summary is not None:
            self._print("end", summary=summary_json(self._summary))

    def update(self, summary: BatchSummary, *, pause_reason: str | None = None, delay: Delay | None = None) -> None:
        """See `Display`."""
        self._summary = summary
        if self._clock() >= self._next_line_at or _begins_outage(self._has_outage, delay):
            self._next_line_at = self._clock() + PLAIN_LINE_EVERY_S
            self._print(
                "progress",
                summary=summary_json(summary),
                pause_reason=pause_reason,
                delay=asdict(delay) if delay else None,
            )
        self._has_outage = _is_outage(delay)

    def document_ended(self, name: str, status: str, code: str | None) -> None:
        """See `Display`."""
        self._print("document", name=name, status=status, code=code)

    def _print(self, event: str, **fields: Any) -> None:
        # ASCII: a name on the disk may be no valid UTF-8.
        print(json.dumps({"event": event, **fields}), file=self._file, flush=True)


def _is_outage(delay: Delay | None) -> bool:
    return delay is not None and delay.tries > 0


def _begins_outage(has_outage: bool, delay: Delay | None) -> bool:
    """Return whether a line is due before its time: the first of an outage."""
    return _is_outage(delay) and not has_outage


def _row(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<{_LABEL_WIDTH + 1}}", "bold"), text, no_wrap=True, overflow="ellipsis")


def _pause_rows(pause_reason: str | None) -> list[Text]:
    return [_row("waiting", clean_line(pause_reason))] if pause_reason else []


def _delay_rows(delay: Delay | None) -> list[Text]:
    """Return the rows of a delay: an error and its tries apart, because a narrow terminal cuts off a long error."""
    if delay is None:
        return []
    if not delay.tries:
        return [_row("waiting", clean_line(delay.reason))]
    return [_row("error", clean_line(delay.reason)), _row("retries", delay.retries)]


def _done_pages(summary: BatchSummary) -> int:
    return summary.pages_parsed + summary.pages_failed


def _ended_documents(summary: BatchSummary) -> int:
    return sum(summary.documents.values()) - summary.documents.get("waiting", 0)


def _documents(summary: BatchSummary) -> list[str]:
    """Return the documents that have ended, such as `212 of 300 done`, and how many were partial or failed."""
    phrases = [f"{_ended_documents(summary):,} of {sum(summary.documents.values()):,} done"]
    phrases += [
        f"{summary.documents[status]:,} {status}" for status in ("partial", "failed") if summary.documents.get(status)
    ]
    return phrases + _skipped(summary)


def _skipped(summary: BatchSummary) -> list[str]:
    count = sum(summary.skipped.values())
    return [f"{count:,} skipped"] if count else []


def _jobs(summary: BatchSummary) -> list[str]:
    jobs = summary.jobs
    numbers = {
        "to send": jobs.get(State.PLANNED, 0),
        "queued": jobs.get(State.SUBMITTING, 0) + jobs.get(State.QUEUED, 0),
        "running": jobs.get(State.RUNNING, 0),
        "failed": sum(jobs.get(state, 0) for state in FAILED_STATES),
    }
    return [f"{number:,} {word}" for word, number in numbers.items() if number]
