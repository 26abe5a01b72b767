"""PDFs of our own, mutated, through one RasterPool: what comes of each, and whether anything survives that should not.

`python bench/fuzz_pdfs.py [N] [--seed 1]`; exits 1 when an error has no type of ours, or a document outlives its time.
The same damages each time for a seed; the encrypted file alone is salted afresh.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "resources"))

import make_hostile

from ocr_worker.errors import OcrWorkerError
from ocr_worker.rasterizer import PageFault, RasterPool, RasterRequest

PAGE_TIMEOUT_S = 10
REQUEST = RasterRequest(None, make_hostile.SECRET, 72, 20_000_000, 200, text_layer=True)
SEEDS = [
    make_hostile.pdf(["one", "two", "three"]),
    make_hostile.form_pdf(),
    make_hostile.annotated_pdf(),
    make_hostile.layered_pdf(),
    make_hostile.encrypted_pdf(),
    make_hostile.huge_page_pdf(),
    make_hostile.many_pages_pdf(50),
]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """`data` after one or two damages. Cutting is rare: PDFium finds nothing in a file that has lost its trailer."""
    for _ in range(chance.randint(1, 2)):
        data = chance.choices((flipped, moved, renumbered, swapped, cut), weights=(6, 6, 6, 6, 1))[0](data, chance)
    return data


def flipped(data: bytes, chance: random.Random) -> bytes:
    """Some bytes are others."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def cut(data: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return data[: max(200, int(len(data) * chance.uniform(0.3, 1)))]


def moved(data: bytes, chance: random.Random) -> bytes:
    """A part stands somewhere else, too."""
    start, target = chance.randrange(len(data)), chance.randrange(len(data))
    return data[:target] + data[start : start + chance.randrange(400)] + data[target:]


def renumbered(data: bytes, chance: random.Random) -> bytes:
    """A number is another one, small, huge or negative."""
    numbers = list(re.finditer(rb"\d+", data))
    found = chance.choice(numbers)
    value = chance.choice((b"0", b"1", b"2", b"-1", b"65536", b"2147483647", b"4294967296", b"1e308"))
    return data[: found.start()] + value + data[found.end() :]


def swapped(data: bytes, chance: random.Random) -> bytes:
    """Two objects have each other's content."""
    objects = list(re.finditer(rb"obj\n(.*?)\nendobj", data, re.DOTALL))
    if len(objects) < 2:
        return data
    one, other = sorted(chance.sample(objects, 2), key=lambda found: found.start())
    return data[: one.start(1)] + other[1] + data[one.end(1) : other.start(1)] + one[1] + data[other.end(1) :]


def outcome(pool: RasterPool, data: bytes) -> tuple[list[str], float]:
    """The codes that a document came to, and its seconds."""
    started = time.monotonic()
    try:
        with pool.open(data, REQUEST) as document:
            found = [page.error.code + " (a page)" if isinstance(page, PageFault) else "" for page in document]
        codes = sorted(set(filter(None, found))) or ["read"]
    except OcrWorkerError as error:
        codes = [error.code]
    except Exception as error:
        codes = [f"UNTYPED {type(error).__name__}"]
    return codes, time.monotonic() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    files = [mutated(SEEDS[index % len(SEEDS)], random.Random(f"{given.seed} {index}")) for index in range(given.count)]
    pool = RasterPool(workers=2, memory_bytes=1_000_000_000, page_timeout_s=PAGE_TIMEOUT_S)
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(lambda data: outcome(pool, data), files))
    sound, _ = outcome(pool, SEEDS[0])
    pool.close()
    tally = Counter(code for codes, _ in outcomes for code in codes)
    for code, count in tally.most_common():
        print(f"{count:5}  {code}")
    slowest = max(spent for _, spent in outcomes)
    print(f"{given.count} documents, the slowest {slowest:.1f} s; a sound one afterwards: {sound[0]}")
    untyped = any(code.startswith("UNTYPED") for code in tally)
    return int(untyped or sound != ["read"] or slowest > 60 * PAGE_TIMEOUT_S)


if __name__ == "__main__":
    sys.exit(main())
