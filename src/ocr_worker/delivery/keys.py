"""Names of objects, made from ids that strangers chose."""

from __future__ import annotations

import hashlib
import re

_ROOT = "ocr-worker"
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_AS_IT_IS = re.compile(r"(?!.*-[0-9a-f]{12}$)[A-Za-z0-9_-]{1,60}")
_LONGEST = 60


def safe(name: str) -> str:
    """`name` as one step of a key: letters, digits, `-` and `_`, at most 73 of them; different names stay different."""
    if _AS_IT_IS.fullmatch(name):
        return name
    return f"{_UNSAFE.sub('-', name)[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def answer_key(job_id: str) -> str:
    """Where a job's answer lies."""
    return f"{_ROOT}/answers/{safe(job_id)}/answer.json"


def checkpoint_folder(idempotency_key: str, document: str, identity: str) -> str:
    """Where a document's pages are kept; `identity` is a digest of all that decides what its pages say."""
    return f"{_ROOT}/checkpoints/{safe(idempotency_key)}/{safe(document)}/{identity}/"


def page_key(folder: str, number: int) -> str:
    """Where page `number` lies in its document's folder."""
    return f"{folder}page-{number:06d}.json"


def page_number(key: str) -> int | None:
    """The number in a key of `page_key`, if it is one."""
    found = re.search(r"/page-(\d+)\.json$", key)
    return int(found[1]) if found else None
