"""A folder of documents through an endpoint: resumable, every page accounted for.

inputs ─▶ ledger ─▶ runner: counts, plans, sends, looks, collects ─▶ a folder for each document ─▶ report
                      │ one small interface (`model.Service`): `remote`, an endpoint; `local`, the pipeline here

async with Batch(Path("out"), RemoteEndpoint(...)) as batch:
    batch.add(gather(["scans/"], ()))
    await batch.run()
    print(batch.summary())
"""

from __future__ import annotations

from ocr_worker import extras

with extras.needed_by("the batch client", "batch"):
    from ocr_worker.batch.batch import Batch
    from ocr_worker.batch.inputs import Item, gather
    from ocr_worker.batch.model import BatchSummary, DocumentSummary, Health, Look, Service, State
    from ocr_worker.batch.remote import RemoteEndpoint
    from ocr_worker.batch.runner import RunOptions

__all__ = [
    "Batch",
    "BatchSummary",
    "DocumentSummary",
    "Health",
    "Item",
    "Look",
    "RemoteEndpoint",
    "RunOptions",
    "Service",
    "State",
    "gather",
]
