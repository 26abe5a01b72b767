"""The display of a running batch: on terminals wide and narrow, on none, and how it tells speed and time left."""

from __future__ import annotations

import io
import json
import re
import sys
from typing import Any

import pytest
from rich.console import Console

from ocr_worker.batch.display import Display, JsonLines, Pace
from ocr_worker.batch.model import BatchSummary
from ocr_worker.client.service import Delay, State


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def summary(done: int = 0, expected: int = 1_000, **fields: Any) -> BatchSummary:
    values: dict[str, Any] = {
        "service": "endpoint abc",
        "engine": None,
        "jobs": {State.PLANNED: 20, State.SUBMITTING: 1, State.QUEUED: 7, State.RUNNING: 4, State.EXPIRED: 2},
        "documents": {"succeeded": 100, "failed": 3, "waiting": 197},
        "pages_expected": expected,
        "pages_parsed": done,
        "pages_failed": 0,
        "pages_from_checkpoint": 0,
        "documents_of_unknown_length": 0,
        "errors": {"DOCUMENT_CORRUPT": 3},
        "warnings": {},
        "resubmitted": 0,
        "execution_s": 0.0,
        "delay_s": 0.0,
        "busy_s": 0.0,
        "idle_s": 5.0,
        "cold_start_s": 0.0,
        "wall_s": 10.0,
        "cost": 0.42,
        "cold_start_cost": 0.08,
        "cost_bound": 3.0,
    }
    return BatchSummary(**{**values, **fields})


def terminal(width: int = 100, **options: Any) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, height=30, force_terminal=True, _environ={}, **options), file


def lines_of(text: str) -> list[str]:
    """Return the drawn lines without colors and cursor movements."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", text))]


# --------------------------------------------------------------------------- pace


def run(pace: Pace, clock: Clock, *, pages_per_s: float, seconds: int, done: float = 0) -> float:
    """Let the batch progress for `seconds`, with an update every half second; return the pages done then."""
    for _ in range(2 * seconds):
        clock.now += 0.5
        done += pages_per_s / 2
        pace.add(int(done))
    return done


def test_the_rate_is_that_of_the_last_minute() -> None:
    """The rate is that of the last minute; the time left is estimated over ten minutes."""
    clock = Clock()
    pace = Pace(clock)
    pace.add(0)
    done = int(run(pace, clock, pages_per_s=4, seconds=90, done=run(pace, clock, pages_per_s=1, seconds=300)))
    assert pace.pages_per_second(done) == pytest.approx(4, rel=0.05)
    assert pace.seconds_left(done, done + 1_000) == pytest.approx(1_000 / (660 / 390), rel=0.05)


def test_pages_of_earlier_runs_do_not_count() -> None:
    """A batch taken up again is as fast as this run."""
    clock = Clock()
    pace = Pace(clock)
    pace.add(5_000)
    run(pace, clock, pages_per_s=2, seconds=20, done=5_000)
    assert pace.pages_per_second(5_040) == pytest.approx(2)
    assert pace.seconds_left(5_040, 5_140) == pytest.approx(50)


def test_unknown_numbers_are_not_shown() -> None:
    """Neither rate nor time left at the start; no time left while nothing moves; none to wait at the end."""
    clock = Clock()
    pace = Pace(clock)
    assert (pace.pages_per_second(0), pace.seconds_left(0, 10)) == (None, None)
    pace.add(0)
    assert (pace.pages_per_second(0), pace.seconds_left(0, 10)) == (None, None)
    clock.now += 30
    pace.add(0)
    assert (pace.pages_per_second(0), pace.seconds_left(0, 10), pace.seconds_left(10, 10)) == (0.0, None, 0.0)
    assert pace.pages_per_second(-5) == 0.0


def test_a_long_batch_takes_no_memory() -> None:
    """A day's updates leave ten minutes of samples."""
    clock = Clock()
    pace = Pace(clock)
    run(pace, clock, pages_per_s=1, seconds=20_000)
    assert len(pace._samples) <= 601


# --------------------------------------------------------------------------- on a terminal


def test_a_terminal_shows_the_batch_and_keeps_its_status() -> None:
    """Documents, pages, speed, cost, time left, jobs and the reason to wait; at the end the status stays."""
    console, file = terminal()
    clock = Clock()
    with Display(console, clock=clock) as display:
        display.update(summary(100))
        clock.now += 20
        display.update(summary(200), pause_reason="stopping: waits for 3 jobs")
        shown = lines_of(file.getvalue())
    assert "documents   103 of 300 done, 3 failed" in shown
    assert any(line.startswith("pages       200/1,000 ━") and line.endswith("20 %") for line in shown)
    assert "jobs        20 to send, 8 queued, 4 running, 2 failed" in shown
    assert "speed       5.0 pages/s, about 2 min 40 s left" in shown
    assert "cost        about $0.42, at most $3.00; $2.10 per 1,000 pages" in shown
    assert "waiting     stopping: waits for 3 jobs" in shown
    assert "documents   300 = 100 succeeded + 3 failed + 197 waiting" in lines_of(file.getvalue())


def test_a_cost_limit_is_shown_with_the_figure_that_it_applies_to() -> None:
    """With --max-cost both displays show the estimate with cold starts, which is what the limit applies to."""
    phrase = "$0.50 of --max-cost $5.00, with cold starts"
    console, file = terminal()
    with Display(console, max_cost=5.0) as display:
        display.update(summary(100))
        assert f"cost        {phrase}" in lines_of(file.getvalue())
    file, clock = io.StringIO(), Clock()
    with Display(Console(file=file, width=60, _environ={}), max_cost=5.0, clock=clock) as display:
        clock.now += 10
        display.update(summary(100))
    assert f", cost: {phrase}, jobs: " in file.getvalue()


def test_skipped_entries_are_counted_while_the_batch_runs() -> None:
    """The live display counts what is skipped, and the status at the end has the reasons."""
    console, file = terminal()
    with Display(console) as display:
        display.update(summary(100, skipped={"hidden": 2, "not a PDF or image": 1}))
        shown = lines_of(file.getvalue())
    assert "documents   103 of 300 done, 3 failed, 3 skipped" in shown
    assert "skipped     2 hidden" in lines_of(file.getvalue())


@pytest.mark.parametrize("width", [60, 30, 12])
def test_a_narrow_terminal_gets_whole_lines(width: int) -> None:
    """No line of the live display is wider than the terminal, so nothing wraps and the frame stays in place."""
    console, file = terminal(width)
    with Display(console) as display:
        display.update(summary(200), pause_reason="the endpoint is busy, so nothing is sent for the moment " * 3)
        shown = lines_of(file.getvalue())
    assert max(map(len, shown)) <= width
    assert 5 <= len(shown) <= 7


def test_failures_stand_above_and_cannot_command_the_terminal() -> None:
    """A line of a document stays as it is, markup included, without what a terminal would obey."""
    console, file = terminal()
    with Display(console) as display:
        display.update(summary())
        display.document_ended("[red]a\x1b]0;owned\x07\x1b[2J\nb.pdf", "failed", "DOCUMENT_CORRUPT")
        display.update(summary())
    assert "\x1b]0" not in file.getvalue()
    assert "\x1b[2J" not in file.getvalue()
    assert any(
        "[red]a\ufffd]0;owned\ufffd\ufffd[2J b.pdf: failed: DOCUMENT_CORRUPT" in line
        for line in lines_of(file.getvalue())
    )


def test_no_colour_means_none() -> None:
    """Under NO_COLOR the display has no colours."""
    console, file = terminal(no_color=True)
    with Display(console) as display:
        display.update(summary(200))
    assert not re.search(r"\x1b\[(3|4|9)\d", file.getvalue())


def test_standard_output_stays_the_callers() -> None:
    """The program's own output does not go through the display."""
    console, _ = terminal()
    before = sys.stdout
    with Display(console) as display:
        display.update(summary())
        assert sys.stdout is before


def test_an_error_leaves_the_terminal_as_it_was() -> None:
    """After an error the cursor is visible and the status printed; closing again does nothing."""
    console, file = terminal()
    display = Display(console)

    def interrupted() -> None:
        with display:
            display.update(summary(7))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    output = file.getvalue()
    assert output.count("\x1b[?25l") == output.count("\x1b[?25h") == 1
    assert "pages       1,000 expected = 7 parsed + 0 failed + 993 waiting" in output
    display.close()
    assert file.getvalue() == output


# --------------------------------------------------------------------------- elsewhere


@pytest.mark.parametrize("dumb", [False, True], ids=["a file", "a dumb terminal"])
def test_without_a_terminal_there_is_a_line_every_ten_seconds(dumb: bool) -> None:
    """Plain lines of any length, none too often, the status at the end, and no escape sequences."""
    file, clock = io.StringIO(), Clock()
    console = Console(file=file, width=60, force_terminal=dumb, _environ={"TERM": "dumb"})
    with Display(console, clock=clock) as display:
        for second in range(25):
            display.update(summary(10 * second), pause_reason="the endpoint is busy" if second > 15 else None)
            clock.now += 1
        display.document_ended("a.pdf", "failed", "DOCUMENT_CORRUPT")
    output = file.getvalue()
    assert "\x1b" not in output
    lines = output.splitlines()
    assert lines[0] == (
        "103/300 documents, 100/1,000 pages, 10 pages/s, about 1 min 30 s left,"
        " cost: about $0.42, at most $3.00; $4.20 per 1,000 pages,"
        " jobs: 20 to send, 8 queued, 4 running, 2 failed"
    )
    assert lines[1].startswith("103/300 documents, 200/1,000 pages")
    assert lines[1].endswith(", the endpoint is busy")
    assert lines[2] == "a.pdf: failed: DOCUMENT_CORRUPT"
    assert lines[3].startswith("batch       Not finished: 197 documents")


def test_a_batch_without_updates_ends_quietly() -> None:
    """Without an update there is nothing to sum up."""
    file = io.StringIO()
    with Display(Console(file=file)):
        pass
    assert file.getvalue() == ""


def test_time_left_is_a_lower_bound_while_lengths_are_unknown() -> None:
    """Documents whose pages nobody has counted yet make it "or more"."""
    console, file = terminal()
    clock = Clock()
    with Display(console, clock=clock) as display:
        display.update(summary(0, documents_of_unknown_length=5))
        clock.now += 10
        display.update(summary(100, documents_of_unknown_length=5))
    assert "about 1 min 30 s left or more" in file.getvalue()


# --------------------------------------------------------------------------- a service that does not answer


OUTAGE = Delay("endpoint abc at api.runpod.ai responded with 502", 3, 4.2)


def test_a_terminal_shows_error_tries_and_the_next_one() -> None:
    """An outage has two rows, so that a narrow terminal, which cuts off the error, shows the tries in full."""
    console, file = terminal(60)
    with Display(console) as display:
        display.update(summary(), delay=OUTAGE)
        display.update(summary(), delay=Delay(OUTAGE.reason, 4))
        display.update(summary(), delay=Delay("loading the engine (4 s)"))
        shown = lines_of(file.getvalue())
    assert any(line.startswith("error       endpoint abc at api.runpod.ai responded") for line in shown)
    assert "retries     3 tries failed, the next in 4 s" in shown
    assert "retries     4 tries failed, trying again now" in shown
    assert "waiting     loading the engine (4 s)" in shown


def test_without_a_terminal_an_outage_has_a_line_at_once() -> None:
    """The first line of an outage does not wait for its ten seconds; the next one does."""
    file, clock = io.StringIO(), Clock()
    with Display(Console(file=file, width=60), clock=clock) as display:
        for tries in (1, 2, 3):
            display.update(summary(), delay=Delay(OUTAGE.reason, tries, 1.0))
            clock.now += 1
        lines = file.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("endpoint abc at api.runpod.ai responded with 502: 1 try failed, the next in 1 s")


def test_json_lines_hold_what_the_display_shows() -> None:
    """One object per line: progress at once and every ten seconds, documents that failed, and the last numbers."""
    file, clock = io.StringIO(), Clock()
    with JsonLines(file, clock=clock) as lines:
        for second in range(12):
            lines.update(summary(second), pause_reason="the cost limit", delay=OUTAGE)
            clock.now += 1
        lines.document_ended("a\ud800.pdf", "failed", "DOCUMENT_CORRUPT")
        lines.document_ended("b.pdf", "cancelled", None)
    events = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["progress", "progress", "document", "document", "end"]
    assert events[0]["delay"] == {"reason": OUTAGE.reason, "tries": 3, "next_try_s": 4.2}
    assert events[0]["pause_reason"] == "the cost limit"
    assert events[2] == {"event": "document", "name": "a\ud800.pdf", "status": "failed", "code": "DOCUMENT_CORRUPT"}
    assert (events[1]["summary"]["pages_parsed"], events[4]["summary"]["pages_parsed"]) == (10, 11)
    assert events[4]["summary"]["jobs"]["running"] == 4
