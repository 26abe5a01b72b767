"""Build the keys of objects in a bucket from ids that callers chose.

A caller's id may hold any character, so `safe_name` turns it into one step of a key; different ids never share a key.
The layout is `ocr-worker/answers/JOB/answer.json` for responses, `ocr-worker/checkpoints/KEY/DOCUMENT/DIGEST/` for the
pages of a document, and `ocr-worker/cache/` for the content cache. The HTTP app in front of an endpoint adds
`ocr-worker/batches/BATCH/` for the jobs of a batch, and `ocr-worker/uploads/ID` for large files.
"""

from __future__ import annotations

import hashlib
import re

_ROOT = "ocr-worker"
_UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9_-]+")
_SAFE_NAME = re.compile(r"(?!.*-[0-9a-f]{12}$)[A-Za-z0-9_-]{1,60}")
_MAX_LENGTH = 60


def safe_name(name: str) -> str:
    """Return `name` as one step of a key: at most 73 letters, digits, `-` and `_`.

    Different names stay different, because a changed name ends in a digest of the original.
    """
    if _SAFE_NAME.fullmatch(name):
        return name
    return f"{_UNSAFE_CHARACTERS.sub('-', name)[:_MAX_LENGTH]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def response_key(job_id: str) -> str:
    """Return the key of a job's response."""
    return f"{_ROOT}/answers/{safe_name(job_id)}/answer.json"


def checkpoint_folder(idempotency_key: str, document: str, digest: str) -> str:
    """Return the prefix of the keys of a document's pages.

    digest: of the document's bytes and of everything else that changes the result of a page.
    """
    return f"{_ROOT}/checkpoints/{safe_name(idempotency_key)}/{safe_name(document)}/{digest}/"


def cache_key(prefix: str, digest: str) -> str:
    """Return the key of a page in the content cache. prefix: separates tenants, or empty. digest: of the page."""
    folder = f"{safe_name(prefix)}/" if prefix else ""
    return f"{_ROOT}/cache/{folder}{digest[:2]}/{digest}.json"


def batch_folder(batch_id: str) -> str:
    """Return the prefix of the keys of a batch's jobs."""
    return f"{_ROOT}/batches/{safe_name(batch_id)}/"


def upload_key(upload_id: str) -> str:
    """Return the key of a file that is too large for a job's input."""
    return f"{_ROOT}/uploads/{safe_name(upload_id)}"


def page_key(folder: str, number: int) -> str:
    """Return the key of page `number` in its document's folder."""
    return f"{folder}page-{number:06d}.json"


def page_number(key: str) -> int | None:
    """Return the page number in a key made by `page_key`, or None for any other key."""
    match = re.search(r"/page-(\d+)\.json$", key)
    return int(match[1]) if match else None
