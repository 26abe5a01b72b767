"""`ocr-worker endpoint` in a process of its own, as a person starts and ends it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from support.drawing import WHITE, png, request
from support.processes import in_group
from support.waiting import PATIENCE_S, eventually
from support.worker_process import HANDLER, environment

pytestmark = pytest.mark.process


def test_it_serves_until_ctrl_c_and_leaves_nobody_behind(tmp_path: Path) -> None:
    """URL, curl line and the worker's life on stdout; a job goes round; SIGINT ends it with 130 and all its workers."""
    command = [sys.executable, "-m", "ocr_worker.cli", "endpoint", "--port", "0", "--handler", str(HANDLER)]
    stdout = tmp_path / "stdout"
    with stdout.open("wb") as output, (tmp_path / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            command,
            env=environment({"OCR_ENGINE": "support.doubles:by_colour"}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    try:
        assert eventually(lambda: "worker-1: ready" in stdout.read_text()), (tmp_path / "stderr").read_text()
        text = stdout.read_text()
        url = re.search(r"^Endpoint: (\S+)$", text, re.MULTILINE)
        assert url
        assert f"curl -s {url[1]}/runsync" in text
        assert "Not the real platform:" in text
        done = requests.post(f"{url[1]}/runsync", json={"input": request(png(WHITE))}, timeout=PATIENCE_S).json()
        assert done["status"] == "COMPLETED"
        worker = int(re.search(r"worker-1: started, pid (\d+)", text)[1])  # type: ignore[index]
        assert in_group(worker) != []
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert in_group(worker) == []
        assert "worker-1: exited with code 0" in stdout.read_text()
        assert "worker-1 | " in (tmp_path / "stderr").read_text()
        assert "Traceback" not in (tmp_path / "stderr").read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE_S)


def test_wrong_usage_is_reported_in_a_line(tmp_path: Path) -> None:
    """A handler that is not there and a port that is taken: exit code 2, one line, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments in (["--handler", "nowhere.py"], ["--handler", str(HANDLER), "--port", port]):
            done = subprocess.run(
                [sys.executable, "-m", "ocr_worker.cli", "endpoint", *arguments],
                env=environment({}),
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            assert done.returncode == 2
            assert len(done.stderr.splitlines()) == 1, done.stderr
