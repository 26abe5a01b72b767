"""The status: whether every page is counted, the same numbers as plain lines, and the words for numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ocr_worker.batch.inputs import SkippedEntry
from ocr_worker.batch.status import (
    cost_warning,
    coverage_of,
    format_duration,
    format_money,
    format_rate,
    format_share,
    skipped_lines,
    status_lines,
)
from support.summaries import document, failed, partial, summary_of

# Of 80 s busy, 20 s of cold starts and 120 s of execution, at about $0.00026 a second.
COSTS = {"cost": 0.021, "cold_start_cost": 0.00525, "cost_bound": 0.0368}


@pytest.mark.parametrize(
    ("fields", "state", "sentence"),
    [
        ({}, "complete", "Every expected page was either parsed or failed"),
        ({"pages_expected": 10}, "wrong", "3 pages were neither parsed nor failed"),
        ({"pages_expected": 6}, "wrong", "1 page more than expected"),
        ({"pages_expected": 10, "documents": {"waiting": 1, "partial": 1}}, "open", "1 document and 3 pages are"),
        ({"pages_expected": 8, "documents": {"cancelled": 2}}, "stopped", "1 page of 2 documents was not parsed"),
    ],
)
def test_the_coverage_says_what_is_missing(fields: Mapping[str, Any], state: str, sentence: str) -> None:
    """The states complete, open, stopped and wrong each have a sentence with the missing pages."""
    coverage = coverage_of(summary_of([document(), partial()], **fields))
    assert (coverage.state, sentence in coverage.sentence) == (state, True)


def test_the_status_has_the_same_numbers() -> None:
    """Aligned lines, one fact each, codes with the most first."""
    documents = [document(warnings={"TRUNCATED": 1}), partial(), failed(), failed("c.pdf", "SOURCE_REJECTED")]
    assert status_lines(summary_of(documents, **COSTS, resubmitted=1, pages_from_checkpoint=3)) == [
        "batch       Every expected page was either parsed or failed.",
        "documents   4 = 1 succeeded + 1 partial + 2 failed",
        "pages       7 expected = 5 parsed + 2 failed",
        "            3 of the parsed pages are from checkpoints",
        "            not included: pages of 2 documents of unknown length",
        "jobs        3 collected, 1 timed out, 1 sent again",
        "time        1 min working time, 0.083 pages/s",
        "workers     1 min 20 s busy, idle time unknown, 20 s of cold starts at most (an estimate)",
        "            jobs: 2 min of execution after 30 s of queue and cold start",
        "cost        about $0.0210, at most $0.0368 without idle time; $4.20 per 1,000 pages",
        "errors      2 PAGE_FAILED",
        "            1 DOCUMENT_CORRUPT",
        "            1 SOURCE_REJECTED",
        "warnings    1 TRUNCATED",
        "service     endpoint abc, engine paddleocr-vl v1.6 (native)",
    ]


def test_the_cost_says_what_it_includes() -> None:
    """With the idle timeout, idle seconds are in the status and in the cost; without a price there is no cost."""
    lines = status_lines(summary_of([document()], **COSTS, idle_s=10.0))
    assert "workers     1 min 20 s busy, 10 s idle, 20 s of cold starts at most (an estimate)" in lines
    assert "cost        about $0.0210, at most $0.0368; $10.50 per 1,000 pages" in lines
    assert not any(line.startswith("cost") for line in status_lines(summary_of([document()])))
    assert not any(line.startswith("workers") for line in status_lines(summary_of([document()], execution_s=0.0)))


@pytest.mark.parametrize(
    ("max_cost", "expected"),
    [
        (None, ""),
        (0.04, ""),
        (
            0.03,
            "cost: $0.0263 of --max-cost $0.0300, with cold starts; if no jobs shared a worker, it is $0.0368, above"
            " the limit",
        ),
    ],
)
def test_a_limit_that_may_be_exceeded_is_announced(max_cost: float | None, expected: str) -> None:
    """The limit applies to the estimate with cold starts; an upper bound above the limit has a line of its own."""
    assert cost_warning(summary_of([document()], **COSTS), max_cost) == expected


def test_the_status_fits_where_it_is_shown() -> None:
    """Narrow lines are wrapped under their fact, and no name can reach the terminal's commands."""
    lines = status_lines(summary_of([document()], service="evil\x1b[2J\nname"), 40)
    assert max(map(len, lines)) <= 40
    assert not any(set(line) & {"\x1b", "\n"} for line in lines)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            [format_duration(s) for s in (0, 0.44, 41, 60, 725, 11_520, 187_200)],
            "0 s|0.4 s|41 s|1 min|12 min 5 s|3 h 12 min|2 d 4 h",
        ),
        ([format_rate(r) for r in (0, 0.0312, 5.61, 13.2, 1240)], "0|0.031|5.6|13|1,240"),
        ([format_money(m) for m in (0, 0.00001, 0.0031, 1.234, 1234.5)], "$0.00|$0.0001|$0.0031|$1.23|$1,234.50"),
        ([format_share(p, 9999) for p in (0, 1, 5000, 9998, 9999)], "0 %|0.1 %|50 %|99.9 %|100 %"),
    ],
)
def test_numbers_are_formatted_for_people(texts: Sequence[str], expected: str) -> None:
    """Durations, rates, money and shares keep the digits that matter; nothing and all are only said when true."""
    assert "|".join(texts) == expected


def test_skipped_entries_are_counted_and_listed() -> None:
    """The status counts them by reason; the lines name each, undecodable bytes escaped, and count the rest."""
    lines = status_lines(summary_of([document()], skipped={"not a PDF or image": 1_200, "hidden": 1}))
    assert lines[2:5] == [
        "skipped     1,200 not a PDF or image",
        "            1 hidden",
        "            each of them is listed in the report",
    ]
    entries = [SkippedEntry("/in/caf\udce9\n.txt", "not a PDF"), *[SkippedEntry("/in/b", "hidden")] * 3]
    assert skipped_lines(entries[:1], 4) == [
        "skipped: /in/caf\\udce9 .txt: not a PDF",
        "skipped: and 3 more, which the report lists",
    ]
