"""The process that cuts pages out of a PDF: what ends it, and what its end costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from ocr_worker.batch.model import Slice
from ocr_worker.batch.sending import cut_pages
from ocr_worker.errors import SourceRejected
from support.drawing import WHITE, pdf
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.process


def killed_at_first(folder: Path, times: int) -> str:
    """Return a Python interpreter that is killed when it starts, so many times."""
    script = folder / "python"
    script.write_text(
        f'#!/bin/sh\necho x >> "{folder}/starts"\n'
        f'[ "$(wc -l < "{folder}/starts")" -le {times} ] && kill -9 $$\nexec "{sys.executable}" "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


def test_a_process_that_is_killed_from_outside_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages are cut by a second process, once; a second kill is an error of the file."""
    (tmp_path / "book.pdf").write_bytes(pdf([WHITE] * 3))
    part = Slice(1, (2, 3), True)
    monkeypatch.setattr(sys, "executable", killed_at_first(tmp_path, 1))
    data = cut_pages(tmp_path / "book.pdf", part, None)
    (tmp_path / "part.pdf").write_bytes(data)
    assert len(PdfReader(tmp_path / "part.pdf").pages) == 2
    (tmp_path / "starts").unlink()
    monkeypatch.setattr(sys, "executable", killed_at_first(tmp_path, 2))
    with pytest.raises(SourceRejected):
        cut_pages(tmp_path / "book.pdf", part, None)


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """A process whose output nobody reads any more ends, even while it waits for its file."""
    os.mkfifo(tmp_path / "book.pdf")
    command = [sys.executable, "-m", "ocr_worker.batch.cutting", tmp_path / "book.pdf", "1"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.close()
    assert process.wait(PATIENCE_S) == 0
