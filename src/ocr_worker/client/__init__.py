"""The client of an endpoint: send documents, wait for the response or read its pages as they come.

`Client` and `AsyncClient` are the interface for programs; `ocr_worker` exports both. `service` describes what any
service of jobs offers. `remote` implements it for an endpoint of the platform, on httpx: `calls` paces and repeats each
request, and `chunks` reads the pages of a streaming worker. The batch client sends its jobs through `remote`, too.

    with Client("ENDPOINT_ID") as client:
        print(client.parse("report.pdf").documents[0].markdown)
"""

from __future__ import annotations

from ocr_worker import extras

with extras.needed_by("the client of an endpoint", "batch"):
    from ocr_worker.client.async_client import AsyncClient, Chunk, JobArguments
    from ocr_worker.client.remote import RemoteEndpoint
    from ocr_worker.client.service import JobStatus, JobTimes, Service, ServiceHealth, State
    from ocr_worker.client.sync_client import Client

__all__ = [
    "AsyncClient",
    "Chunk",
    "Client",
    "JobArguments",
    "JobStatus",
    "JobTimes",
    "RemoteEndpoint",
    "Service",
    "ServiceHealth",
    "State",
]
