"""The batch client: send many documents through a service into one folder, resumable, with every page counted.

    inputs ─▶ ledger ─▶ planning ─▶ runner ─▶ service: remote | local
                ▲                     │
                └──── collecting ◀────┘ ─▶ folders ─▶ report, status, display

`inputs` turns the command line into documents and skipped entries: `walking` reads folders, `manifests` lists. The
`ledger`, an SQLite file, holds their complete state, except `passwords`. `planning` counts their pages and cuts them
into slices, which share jobs. The `runner` sends jobs (`sending` builds their input, `cutting` makes a part of a large
PDF), as many as `rates` allows, and polls each until it ends. Every service returns the `ParseResponse` of `wire`: an
endpoint (`client.remote`), the pipeline in this process (`local`), or such pipelines in actors (`ray_cluster`).
`collecting` applies the responses, plans retries, and assembles complete documents, which `folders` writes. `costs`
estimates the seconds of workers that are billed. `report`, `status` and `display` show the ledger's summaries. `batch`
is the interface to all of this, and `model` holds the data that the modules share.

async with Batch(Path("out"), RemoteEndpoint(...)) as batch:
    batch.add(gather(["scans/"], ()))
    await batch.run()
    print(batch.summary())
"""

from __future__ import annotations

from ocr_worker import extras

with extras.needed_by("the batch client", "batch"):
    from ocr_worker.batch.batch import Batch
    from ocr_worker.batch.inputs import Item, SkippedEntry, gather
    from ocr_worker.batch.model import BatchSummary, DocumentSummary
    from ocr_worker.batch.runner import RunOptions
    from ocr_worker.client.remote import RemoteEndpoint
    from ocr_worker.client.service import JobStatus, JobTimes, Service, ServiceHealth, State

__all__ = [
    "Batch",
    "BatchSummary",
    "DocumentSummary",
    "Item",
    "JobStatus",
    "JobTimes",
    "RemoteEndpoint",
    "RunOptions",
    "Service",
    "ServiceHealth",
    "SkippedEntry",
    "State",
    "gather",
]
