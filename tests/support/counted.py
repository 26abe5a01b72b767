"""Our engines, which write each page that they read into a journal: `OCR_ENGINE=support.counted:embedded`.

The journal is the file COUNTED_JOURNAL. Each page has a line when its engine call begins and one when it ends: the
time, `begin` or `end`, and a digest of the pixels. So pages that are read twice are counted by the engine itself.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.embedded.spec import SPEC as EMBEDDED
from ocr_worker.engines.paddleocr_vl.spec import SPEC as PADDLEOCR_VL
from ocr_worker.pages import PageImage


class Counted:
    """An engine that notes its calls. Everything else is the engine's own."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def parse(self, pages: Sequence[PageImage], options: Any) -> Any:
        """Note the pages before and after the engine parses them."""
        digests = [hashlib.sha256(page.pixels.tobytes()).hexdigest()[:16] for page in pages]
        _note("begin", digests)
        results = self._engine.parse(pages, options)
        _note("end", digests)
        return results


def _note(word: str, digests: Sequence[str]) -> None:
    text = "".join(f"{time.time():.3f} {word} {digest}\n" for digest in digests)
    descriptor = os.open(os.environ["COUNTED_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def counted(spec: EngineSpec[Any]) -> EngineSpec[Any]:
    """Return the spec of an engine that is counted."""

    def builder(settings: Any) -> Any:
        build = spec.builder(settings)
        return lambda: Counted(build())

    return replace(spec, name=f"counted-{spec.name}", builder=builder)


embedded = counted(EMBEDDED)
paddleocr_vl = counted(PADDLEOCR_VL)


@dataclass(frozen=True)
class Journal:
    """The journal so far. reads: ended, also those of the same page. pages: distinct ones. begun, ends: their times."""

    reads: int
    pages: int
    begun: Sequence[float]
    ends: Sequence[float]

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Return the journal in a file, which may not exist yet."""
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        begun: dict[str, float] = {}
        ends = []
        for at, word, digest in lines:
            if word == "begin":
                begun[digest] = float(at)
            else:
                begun.pop(digest, None)
                ends.append((float(at), digest))
        pages = {digest for _, digest in ends}
        return cls(len(ends), len(pages), list(begun.values()), [at for at, _ in ends])

    def open_calls(self, since: float) -> int:
        """Return the number of pages in engine calls that began after `since`; those of a killed engine never end."""
        return sum(at > since for at in self.begun)
