"""The plan: pages are counted, the sample is spread over all of them, and the rate gives time and cost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from ocr_worker.batch.inputs import Item
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import PlannedJob, Slice
from ocr_worker.batch.plan import Rate, count_pages, former_rate, measure, parse_deadline
from ocr_worker.batch.runner import RunOptions
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import JobTimes, State
from ocr_worker.errors import InvalidRequest
from ocr_worker.settings import load_settings
from support.drawing import png
from support.faulty_endpoint import TAKEN, Answer, Server, play
from support.responses import response

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_more_workers_are_faster_and_cost_their_starts() -> None:
    """The work is divided among the workers, each of which starts first and is paid for its start."""
    rate = Rate(page_s=0.5, cold_start_s=20.0, pages=20)
    assert (rate.estimate(1_000, 1).seconds, rate.estimate(1_000, 4).seconds) == (520.0, 145.0)
    assert (rate.estimate(1_000, 1, 0.1).cost, rate.estimate(1_000, 4, 0.1).cost) == (52.0, 58.0)
    assert rate.estimate(1_000, 4).cost is None


def test_a_deadline_needs_workers() -> None:
    """As many as divide the work into the time after their start; before that, no number is enough."""
    rate = Rate(page_s=0.5, cold_start_s=20.0, pages=20)
    assert [rate.workers_for(1_000, seconds) for seconds in (600, 145, 144, 20)] == [1, 4, 5, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:00", "2026-03-01T18:00:00+00:00"),
        ("08:15", "2026-03-02T08:15:00+00:00"),
        ("2026-03-05T10:00", "2026-03-05T10:00:00+00:00"),
        ("2026-03-01T14:00+01:00", "2026-03-01T14:00:00+01:00"),
    ],
)
def test_a_deadline_is_a_time_ahead(text: str, expected: str) -> None:
    """A time of day is its next one."""
    assert parse_deadline(text, NOW).isoformat() == expected


@pytest.mark.parametrize("text", ["25:00", "soon", "2026-02-28T10:00", "2026-03-01T12:30"])
def test_other_deadlines_are_refused(text: str) -> None:
    """A time in the past and a text that is no time."""
    with pytest.raises(ValueError):  # noqa: PT011  (any of the standard library's messages)
        parse_deadline(text, NOW)


def test_a_former_run_has_a_rate(tmp_path: Path) -> None:
    """Its workers' busy seconds per page, and the mean start of a worker; without a measured job there is none."""
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    with pytest.raises(InvalidRequest, match="--like"):
        former_rate(ledger)
    ledger.add([Item("/in/a.pdf", "a.pdf")])
    ledger.plan(PlannedJob("{}", [Slice(1, tuple(range(first, first + 10)))]) for first in (1, 11))
    for job, worker in ((1, "a"), (2, "b")):
        ledger.record_end(job, State.COLLECTED, {job: (10, 0, 0)}, JobTimes(5.0 * job, 10.0 * job, worker, 1_000.0))
    assert former_rate(ledger) == Rate(page_s=15.0 / 20, cold_start_s=15.0, pages=20)


def test_the_first_page_of_a_sample_pays_for_the_start(tmp_path: Path) -> None:
    """It is parsed alone: its delay is the cold start, and the rate is that of the other pages."""
    page = {"page": 1, "status": "succeeded", "markdown": "text"}
    documents = [
        {"id": f"document-{number}", "status": "succeeded", "page_count": 1, "pages": [page]} for number in range(1, 6)
    ]
    output = {"status": "COMPLETED", "output": response(*documents), "workerId": "w"}
    script = {
        "run": [TAKEN],
        "status": [
            Answer(body={**output, "executionTime": 90, "delayTime": 300}),
            Answer(body={**output, "executionTime": 40, "delayTime": 1}),
        ],
        "health": [Answer(body={"workers": {}, "jobs": {}})],
    }
    items = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        path.write_bytes(png((number, 0, 0)))
        items.append(Item(str(path), path.name))
    rates = []

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        rates.append(await measure(items, service, load_settings(), RunOptions()))

    assert play(scenario, script).count_requests("run") == 2
    assert rates == [Rate(page_s=pytest.approx(0.01), cold_start_s=pytest.approx(0.3), pages=4)]


def test_pages_are_counted_and_drawn(tmp_path: Path) -> None:
    """URLs are not counted, and files that cannot be opened have no pages; the sample is the same in each plan."""
    items = [Item(f"https://example.com/{number}.pdf", "a") for number in range(2)]
    for number in range(100):
        path = tmp_path / f"{number}.png"
        Image.new("L", (8, 8)).save(path)
        items.append(Item(str(path), path.name, None, {"dpi": 100}))
    (tmp_path / "bad.pdf").write_bytes(b"text")
    items += [Item(str(tmp_path / "bad.pdf"), "bad.pdf"), Item(str(tmp_path / "0.png"), "0.png", "2")]
    first, second = (count_pages(iter(items), load_settings(), 10) for _ in range(2))
    assert (first.documents, first.pages, first.url_count, first.unreadable_count) == (104, 100, 2, 2)
    assert first == second
    numbers = sorted(int(Path(item.source).stem) for item in first.sample or [])
    assert len(set(numbers)) == 10
    assert numbers[0] < 40 < 60 < numbers[-1]
    assert {(item.pages, item.options["dpi"]) for item in first.sample or []} == {("1", 100)}
