"""PDFs of our own, damaged, through one real worker process: the codes they get, and whether it survives them all.

`python bench/fuzz_pdfs.py [N] [--seed 1]`; exits 1 when the worker crashed, a job took over a minute or failed in a way
nobody foresaw, or a sound document is not read afterwards.
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


def damaged(data: bytes, chance: random.Random) -> bytes:
    """`data` after one or two damages: few enough that many files still open, and the harm is met deeper inside."""
    for _ in range(chance.randint(1, 2)):
        data = chance.choice((flipped, cut, moved, renumbered, swapped, duplicated, garbled))(data, chance)
    return data


def flipped(data: bytes, chance: random.Random) -> bytes:
    """Some bytes are others."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 30)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return data[: max(200, int(len(data) * chance.uniform(0.3, 1)))]


def moved(data: bytes, chance: random.Random) -> bytes:
    """A part stands somewhere else, too."""
    start, target = chance.randrange(len(data)), chance.randrange(len(data))
    return data[:target] + data[start : start + chance.randrange(400)] + data[target:]


def renumbered(data: bytes, chance: random.Random) -> bytes:
    """A number is another one: small, huge or negative."""
    value = chance.choice((b"0", b"1", b"2", b"-1", b"65536", b"2147483647", b"4294967296", b"1e308"))
    return replaced(data, r"\d+", lambda old: value, chance)


def garbled(data: bytes, chance: random.Random) -> bytes:
    """The inside of a stream is noise."""
    return replaced(data, r"(?<=stream\n).*?(?=endstream)", lambda old: chance.randbytes(len(old)), chance)


def duplicated(data: bytes, chance: random.Random) -> bytes:
    """An object is there twice."""
    return replaced(data, r"\d+ 0 obj\n.*?endobj\n", lambda old: old * 2, chance)


def replaced(data: bytes, pattern: str, change: Any, chance: random.Random) -> bytes:
    """One of the places that match, changed."""
    found = list(re.finditer(pattern.encode(), data, re.DOTALL))
    if not found:
        return data
    place = chance.choice(found)
    return data[: place.start()] + change(place[0]) + data[place.end() :]


def swapped(data: bytes, chance: random.Random) -> bytes:
    """Two objects have each other's content."""
    objects = list(re.finditer(rb"obj\n(.*?)\nendobj", data, re.DOTALL))
    if len(objects) < 2:
        return data
    one, other = sorted(chance.sample(objects, 2), key=lambda found: found.start())
    return data[: one.start(1)] + other[1] + data[one.end(1) : other.start(1)] + one[1] + data[other.end(1) :]


# --------------------------------------------------------------------------- through the worker


def codes_of(entry: dict[str, Any]) -> list[str]:
    """What became of a document: its codes, or `read`."""
    if entry["status"] == "failed":
        return [entry["error"]["code"]]
    return sorted({page["error"]["code"] + " (a page)" for page in entry["pages"] if "error" in page}) or ["read"]


def read_all(worker: Worker, documents: Sequence[bytes]) -> tuple[Counter[str], float]:
    """How often each code came, and the longest time in seconds from a job's start to its answer."""
    encoded = [{"base64": base64.b64encode(data).decode()} for data in documents]
    jobs = [
        worker.plane.submit({"documents": encoded[start : start + DOCUMENTS_PER_JOB]})
        for start in range(0, len(encoded), DOCUMENTS_PER_JOB)
    ]
    worker.plane.wait_until(lambda: all(worker.plane.jobs[job].results for job in jobs), HANG_S * len(jobs))
    records = [worker.plane.jobs[job] for job in jobs]
    answers = [record.results[0] for record in records if record.results]
    tally = Counter({"NO ANSWER": len(records) - len(answers)})
    for answer in answers:
        for entry in answer.output["documents"]:
            tally.update(codes_of(entry))
    times = [record.results[0].at - (record.taken_at or 0) for record in records if record.results]
    return tally, max(times, default=0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    documents = [damaged(SEEDS[index % len(SEEDS)], chance) for index in range(given.count)]
    started = time.monotonic()
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        worker = start_worker(plane, Path(folder) / "log", OCR_ENGINE="support.doubles:reading").wait_ready()
        tally, slowest = read_all(worker, documents)
        crashed = worker.process.poll() is not None
        sound, _ = read_all(worker, [SOUND])
        tracebacks = worker.log().count("Traceback")
        worker.kill()
    found = {
        "documents": given.count,
        "seed": given.seed,
        "codes": dict((+tally).most_common()),
        "worker_crashed": crashed,
        "slowest_s": round(slowest, 2),
        "sound_document_afterwards": list(+sound),
        "tracebacks": tracebacks,
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(found, indent=2))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    unforeseen = tally["INTERNAL"] + tally["NO ANSWER"]
    return int(crashed or unforeseen > 0 or slowest > HANG_S or list(+sound) != ["read"])


if __name__ == "__main__":
    sys.exit(main())
