"""What a person sees of a batch at work: a live display on a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ocr_worker.batch.model import BatchSummary, State
from ocr_worker.batch.status import FAILED_STATES, cleaned, duration, money, rate, share, status_lines

Clock = Callable[[], float]

PLAIN_EVERY_S = 10.0
_LABEL = 11  # columns of the live display's first word


class Pace:
    """How fast pages get done. Time left looks back further than the rate: pages come in whole jobs, so a minute
    tells little of the next hour. clock: seconds, monotonic."""

    MINUTE_S, MEMORY_S, APART_S = 60.0, 600.0, 1.0

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, done: int) -> None:
        """So many pages are done now."""
        now = self._clock()
        if self._samples and now - self._samples[-1][0] < self.APART_S:
            return
        self._samples.append((now, done))
        while now - self._samples[0][0] > self.MEMORY_S:
            self._samples.popleft()

    def rate(self, done: int) -> float | None:
        """Pages a second over the last minute; None before there is anything to tell it by."""
        return self._rate(done, self.MINUTE_S)

    def left(self, done: int, expected: int) -> float | None:
        """Seconds until all are done; None while that cannot be told."""
        if done >= expected:
            return 0.0
        per_second = self._rate(done, self.MEMORY_S)
        return (expected - done) / per_second if per_second else None

    def _rate(self, done: int, over_s: float) -> float | None:
        now = self._clock()
        first = next((sample for sample in self._samples if now - sample[0] <= over_s), None)
        if first is None or now - first[0] < self.APART_S:
            return None
        return max(0.0, (done - first[1]) / (now - first[0]))


class Display:
    """Shows a batch at work. On a terminal: a few lines that change in place, gone at the end; elsewhere a line every
    ten seconds. Either leaves the batch's status behind. One thread, that of the caller; console: stderr by default."""

    def __init__(self, console: Console | None = None, *, clock: Clock = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._pace = Pace(clock)
        self._summary: BatchSummary | None = None
        self._told_at = clock()
        # No thread refreshes it: what stands there is what the runner told last. Standard output stays the caller's.
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

    def update(self, summary: BatchSummary, *, waiting: str | None = None) -> None:
        """The batch's numbers now. waiting: why nothing moves, where that is so."""
        self._summary = summary
        self._pace.add(_done(summary))
        if self._is_live:
            self._live.update(self._lines(summary, waiting), refresh=True)
        elif self._clock() - self._told_at >= PLAIN_EVERY_S:
            self._told_at = self._clock()
            self._print(", ".join([*self._plain(summary), *_waiting(waiting)]))

    def say(self, line: str) -> None:
        """One line that stays, above the live display; it may hold names from outside."""
        self._print(cleaned(line))

    def close(self) -> None:
        """Takes the live display away and leaves the batch's status; again: nothing."""
        self._live.stop()
        if self._summary is not None:
            for line in status_lines(self._summary, min(100, self._console.width) if self._is_live else 100):
                self._print(line)
        self._summary = None

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    # ----------------------------------------------------------------- on a terminal

    def _lines(self, summary: BatchSummary, waiting: str | None) -> RenderableType:
        done, expected = _done(summary), summary.pages_expected
        bar = ProgressBar(total=max(1, expected), completed=min(done, expected), complete_style="green")
        table = Table.grid(padding=(0, 1, 0, 0), expand=True)
        table.add_column(width=_LABEL, no_wrap=True, style="bold")
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(justify="right", width=6, no_wrap=True)
        table.add_row("pages", f"{done:,}/{expected:,}", bar, share(done, expected))
        rows = {"documents": _documents(summary), "jobs": _jobs(summary), "speed": self._speed(summary)}
        told = [_row(label, ", ".join(words)) for label, words in rows.items() if words]
        return Group(*told[:1], table, *told[1:], *(_row("waiting", one) for one in _waiting(waiting)))

    def _speed(self, summary: BatchSummary) -> list[str]:
        done = _done(summary)
        per_second, left = self._pace.rate(done), self._pace.left(done, summary.pages_expected)
        found = [f"{rate(per_second)} pages/s"] if per_second is not None else []
        if left:
            more = " or more" if summary.documents_of_unknown_length else ""
            found.append(f"about {duration(max(left, 10.0))} left{more}")
        return found + ([money(summary.cost)] if summary.cost is not None else [])

    def _plain(self, summary: BatchSummary) -> list[str]:
        ended, every = _ended(summary), sum(summary.documents.values())
        found = [f"{ended:,}/{every:,} documents", f"{_done(summary):,}/{summary.pages_expected:,} pages"]
        return [*found, *self._speed(summary), *(["jobs: " + ", ".join(jobs)] if (jobs := _jobs(summary)) else [])]


def _row(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<{_LABEL + 1}}", "bold"), text, no_wrap=True, overflow="ellipsis")


def _waiting(waiting: str | None) -> list[str]:
    return [cleaned(waiting)] if waiting else []


def _done(summary: BatchSummary) -> int:
    return summary.pages_parsed + summary.pages_failed


def _ended(summary: BatchSummary) -> int:
    return sum(summary.documents.values()) - summary.documents.get("waiting", 0)


def _documents(summary: BatchSummary) -> list[str]:
    """`212 of 300 done`, and how many of them are not as they should be."""
    found = [f"{_ended(summary):,} of {sum(summary.documents.values()):,} done"]
    return found + [
        f"{summary.documents[status]:,} {status}" for status in ("partial", "failed") if summary.documents.get(status)
    ]


def _jobs(summary: BatchSummary) -> list[str]:
    jobs = summary.jobs
    numbers = {
        "to send": jobs.get(State.PLANNED, 0),
        "queued": jobs.get(State.SUBMITTING, 0) + jobs.get(State.QUEUED, 0),
        "running": jobs.get(State.RUNNING, 0),
        "failed": sum(jobs.get(state, 0) for state in FAILED_STATES),
    }
    return [f"{number:,} {word}" for word, number in numbers.items() if number]
