"""A run of a batch over a ledger that an earlier run left."""

from __future__ import annotations

from pathlib import Path

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.model import PlannedJob, Slice
from ocr_worker.client.remote import RemoteEndpoint
from support.faulty_endpoint import TAKEN, Answer, Server, play
from support.responses import response

JOBS = 6


def test_jobs_whose_sending_nobody_saw_the_end_of_are_all_sent_again(tmp_path: Path) -> None:
    """A run that was killed while it sent leaves jobs that the service may have or not: the next run does not end
    before each of them has come back, however few of them it may have there at once."""
    page = {"page": 1, "status": "succeeded", "markdown": "text"}
    documents = [
        {"id": f"document-{number}", "status": "succeeded", "page_count": 1, "pages": [page]}
        for number in range(1, JOBS + 1)
    ]
    script = {
        "run": [TAKEN],
        "status": [Answer(body={"status": "COMPLETED", "output": response(*documents)})],
        "health": [Answer(body={"workers": {}, "jobs": {}})],
    }

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        service.jobs_at_once = 1
        async with Batch(tmp_path / "out", service) as batch:
            batch.add(Item(f"https://example.com/{number}.png", f"{number}.png") for number in range(JOBS))
            batch.ledger.plan(PlannedJob("{}", [Slice(number, (1,))]) for number in range(1, JOBS + 1))
            for number in range(1, JOBS + 1):
                batch.ledger.mark_submitting(number)
            await batch.run()
            assert batch.summary().documents == {"succeeded": JOBS}

    assert play(scenario, script).count_requests("run") == JOBS
