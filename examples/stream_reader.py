"""Print the pages of a job as a streaming endpoint parses them. Needs no package besides `requests`.

The endpoint runs with `OCR_STREAM=true`. The argument is a file with the body of a request, such as `test_input.json`.

    export ENDPOINT_URL=https://api.runpod.ai/v2/ENDPOINT_ID RUNPOD_API_KEY=...
    python examples/stream_reader.py test_input.json
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

ENDPOINT_URL = os.environ["ENDPOINT_URL"]
HEADERS = {"Authorization": f"Bearer {os.environ.get('RUNPOD_API_KEY', '')}"}
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


def submit(body: dict[str, Any]) -> str:
    """Send a job and return its id."""
    response = requests.post(f"{ENDPOINT_URL}/run", json=body, headers=HEADERS, timeout=60)
    response.raise_for_status()
    return str(response.json()["id"])


def get(operation: str, job_id: str) -> dict[str, Any]:
    """Return the JSON of `/status` or `/stream` for the job."""
    response = requests.get(f"{ENDPOINT_URL}/{operation}/{job_id}", headers=HEADERS, timeout=120)
    response.raise_for_status()
    return dict(response.json())


def read_chunks(job_id: str) -> Iterator[dict[str, Any]]:
    """Yield the chunks of the job until it has ended. The endpoint returns each chunk once."""
    while True:
        update = get("stream", job_id)
        yield from (item["output"] for item in update.get("stream", []))
        if not update.get("stream"):
            if update["status"] in ENDED:
                return
            time.sleep(0.5)


def join_parts(chunks: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the chunks, each page that came in parts as one chunk. The parts of a page follow each other."""
    text = ""
    for chunk in chunks:
        if "part" not in chunk:
            yield chunk
            continue
        part = chunk["part"]
        text += part["base64"]
        if part["number"] == part["of"]:
            yield {"document": chunk["document"], "page": json.loads(base64.b64decode(text))}
            text = ""


def main() -> None:
    """Print each page as it comes, then the coverage. Exit with the job's error if it failed."""
    job_id = submit(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    for chunk in join_parts(read_chunks(job_id)):
        if "page" in chunk:
            page = chunk["page"]
            print(f"--- {chunk['document']}, page {page['page']}: {page['status']}", flush=True)
            print(page.get("markdown") or page.get("error", {}).get("message", ""), flush=True)
        elif "summary" in chunk:
            print("--- " + json.dumps(chunk["summary"]["coverage"]))
    job = get("status", job_id)
    if job["status"] != "COMPLETED":
        sys.exit(job.get("error") or job["status"])


if __name__ == "__main__":
    main()
