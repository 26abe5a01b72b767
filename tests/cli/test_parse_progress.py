"""`ocr-worker parse` on a terminal: what it shows while the engine loads, and as soon as a document is open."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import doubles
from support.drawing import WHITE, png, tiff
from support.waiting import PATIENCE_S, eventually
from support.worker_process import environment

pytestmark = pytest.mark.process


@contextmanager
def on_terminal(*arguments: str | Path, **settings: str) -> Iterator[list[str]]:
    """Run `ocr-worker parse` with a terminal as stderr; yield a list to which its output is appended."""
    master, slave = pty.openpty()
    output: list[str] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "ocr_worker.cli", "parse", *map(str, arguments)],
        env=environment({"TERM": "xterm", "COLUMNS": "100", **settings}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=slave,
    )
    os.close(slave)

    def read() -> None:
        try:
            while data := os.read(master, 65536):
                output.append(re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", data.decode(errors="replace")))
        except OSError:  # the terminal's other end is closed
            return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield output
        assert process.wait(PATIENCE_S) == 0, "".join(output)
    finally:
        process.kill()
        process.wait()
        reader.join(PATIENCE_S)
        os.close(master)


def test_loading_is_shown_with_its_seconds(tmp_path: Path) -> None:
    """While the engine loads, a terminal shows for how long."""
    (tmp_path / "page.png").write_bytes(png(WHITE))
    gate = tmp_path / "gate"
    settings = {"OCR_ENGINE": "support.doubles:slow_to_load", "DOUBLE_GATE": str(gate)}
    with on_terminal(tmp_path / "page.png", **settings) as output:
        assert eventually(lambda: re.search(r"loading the engine \([1-9]\d* s\)", "".join(output)) is not None)
        gate.touch()


def test_pages_are_counted_as_soon_as_a_document_is_open(tmp_path: Path) -> None:
    """The number of a document's pages is shown before its first page is parsed."""
    (tmp_path / "book.tif").write_bytes(tiff([doubles.HELD, WHITE, WHITE]))
    gate = tmp_path / "gate"
    settings = {"OCR_ENGINE": "support.doubles:by_colour", "DOUBLE_GATE": str(gate)}
    with on_terminal(tmp_path / "book.tif", **settings) as output:
        assert eventually(lambda: "0/3" in "".join(output)), "".join(output)
        gate.touch()
