"""Fuzz test of PDFs: our own PDFs, damaged, through one real worker process that must survive them all.

`python bench/fuzz_pdfs.py [N] [--seed 1]`; counts the error codes. It exits 1 when the worker crashed, or
when a job took over a minute or failed with an unforeseen code. It also exits 1 when an intact document is not parsed
afterwards.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import files
from support.control_plane import ControlPlane
from support.worker_process import Worker, start_worker

HANG_S = 60.0
DOCUMENTS_PER_JOB = 10
RESULTS = Path(__file__).parent / "results" / "fuzz_pdfs.json"
SOUND = files.pages([files.text_page(word) for word in ("one", "two", "three")])
ANNOTATED = files.pages(
    [files.text_page("see the note")],
    extra="/Annots [<< /Type /Annot /Subtype /Square /Rect [0 0 50 50] /C [1 0 0] >>]",
)
SEEDS = [
    SOUND,
    ANNOTATED,
    files.form_pdf("Ada Lovelace"),
    files.encrypted_pdf("sesame"),
    files.encrypted_pdf(""),
    files.pages([files.filled(files.RED)], extra="/Rotate 90 /UserUnit 2"),
    files.pages([files.filled(files.RED)], box="0 0 595 2147483648"),
    files.pages([files.text_page(str(number)) for number in range(50)]),
]


# --------------------------------------------------------------------------- damages


def damage(data: bytes, chance: random.Random) -> bytes:
    """Return `data` after one or two damages: few enough that many files still open and fail deeper inside."""
    for _ in range(chance.randint(1, 2)):
        data = chance.choice((flip, cut, copy_part, renumber, swap, duplicate, garble))(data, chance)
    return data


def flip(data: bytes, chance: random.Random) -> bytes:
    """Change some bytes."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 30)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    """Remove the end."""
    return data[: max(200, int(len(data) * chance.uniform(0.3, 1)))]


def copy_part(data: bytes, chance: random.Random) -> bytes:
    """Copy a part to another place."""
    start, target = chance.randrange(len(data)), chance.randrange(len(data))
    return data[:target] + data[start : start + chance.randrange(400)] + data[target:]


def renumber(data: bytes, chance: random.Random) -> bytes:
    """Change a number to another: small, huge or negative."""
    value = chance.choice((b"0", b"1", b"2", b"-1", b"65536", b"2147483647", b"4294967296", b"1e308"))
    return change_match(data, r"\d+", lambda old: value, chance)


def garble(data: bytes, chance: random.Random) -> bytes:
    """Change the content of a stream to noise."""
    return change_match(data, r"(?<=stream\n).*?(?=endstream)", lambda old: chance.randbytes(len(old)), chance)


def duplicate(data: bytes, chance: random.Random) -> bytes:
    """Duplicate an object."""
    return change_match(data, r"\d+ 0 obj\n.*?endobj\n", lambda old: old * 2, chance)


def change_match(data: bytes, pattern: str, change: Any, chance: random.Random) -> bytes:
    """Change one of the matches of a pattern."""
    matches = list(re.finditer(pattern.encode(), data, re.DOTALL))
    if not matches:
        return data
    match = chance.choice(matches)
    return data[: match.start()] + bytes(change(match[0])) + data[match.end() :]


def swap(data: bytes, chance: random.Random) -> bytes:
    """Exchange the content of two objects."""
    objects = list(re.finditer(rb"obj\n(.*?)\nendobj", data, re.DOTALL))
    if len(objects) < 2:
        return data
    a, b = sorted(chance.sample(objects, 2), key=lambda match: match.start())
    return data[: a.start(1)] + b[1] + data[a.end(1) : b.start(1)] + a[1] + data[b.end(1) :]


# --------------------------------------------------------------------------- through the worker


def list_codes(entry: dict[str, Any]) -> list[str]:
    """Return the error codes of a document and its pages, or `read`."""
    if entry["status"] == "failed":
        return [entry["error"]["code"]]
    return sorted({page["error"]["code"] + " (a page)" for page in entry["pages"] if "error" in page}) or ["read"]


def read_all(worker: Worker, documents: Sequence[bytes]) -> tuple[Counter[str], float]:
    """Parse the documents. Return the count of each code, and the longest seconds from taking a job to its answer."""
    encoded = [{"base64": base64.b64encode(data).decode()} for data in documents]
    jobs = [
        worker.plane.submit({"documents": encoded[start : start + DOCUMENTS_PER_JOB]})
        for start in range(0, len(encoded), DOCUMENTS_PER_JOB)
    ]
    worker.plane.wait_until(lambda: all(worker.plane.jobs[job].results for job in jobs), HANG_S * len(jobs))
    records = [worker.plane.jobs[job] for job in jobs]
    results = [record.results[0] for record in records if record.results]
    tally = Counter({"NO ANSWER": len(records) - len(results)})
    for result in results:
        for entry in result.output["documents"]:
            tally.update(list_codes(entry))
    times = [record.results[0].at - (record.taken_at or 0) for record in records if record.results]
    return tally, max(times, default=0)


def main() -> int:
    """Run the test, print and write the counts, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    documents = [damage(SEEDS[index % len(SEEDS)], chance) for index in range(arguments.count)]
    started = time.monotonic()
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        worker = start_worker(plane, Path(folder) / "log", OCR_ENGINE="support.doubles:reading").wait_ready()
        tally, slowest = read_all(worker, documents)
        has_crashed = worker.process.poll() is not None
        sound, _ = read_all(worker, [SOUND])
        tracebacks = worker.log().count("Traceback")
        worker.kill()
    metrics = {
        "documents": arguments.count,
        "seed": arguments.seed,
        "codes": dict((+tally).most_common()),
        "worker_crashed": has_crashed,
        "slowest_s": round(slowest, 2),
        "sound_document_afterwards": list(+sound),
        "tracebacks": tracebacks,
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(metrics, indent=2))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    unforeseen = tally["INTERNAL"] + tally["NO ANSWER"]
    return int(has_crashed or unforeseen > 0 or slowest > HANG_S or list(+sound) != ["read"])


if __name__ == "__main__":
    sys.exit(main())
