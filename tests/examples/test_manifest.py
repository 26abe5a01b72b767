"""`examples/manifest.jsonl`, run as a batch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.examples import EXAMPLES
from support.waiting import PATIENCE_S
from support.worker_process import environment


@pytest.mark.process
def test_the_manifest_runs_as_a_batch(tmp_path: Path) -> None:
    """Each line becomes a folder with the pages and options that the line asks for."""
    out = tmp_path / "out"
    arguments = ["batch", "run", str(EXAMPLES / "manifest.jsonl"), "--out", str(out), "--local"]
    completed = subprocess.run(
        [sys.executable, "-m", "ocr_worker.cli", *arguments],
        env=environment({"OCR_ENGINE": "embedded"}),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    documents = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in out.glob("*/document.json")}
    pages = {name: [page["page"] for page in document["pages"]] for name, document in documents.items()}
    assert pages == {"report": [1, 2, 3], "report-first-page": [1], "report-without-figures": [2, 3]}
    assert documents["report-first-page"]["pages"][0]["dpi"] == 150
    assert list((out / "report").rglob("*figure-1.jpg"))
