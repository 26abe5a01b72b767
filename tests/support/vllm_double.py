"""A double of `vllm serve`: a model server (see `model_server`) and a second process that outlives it, like vLLM's.

The second process is in a session of its own. DOUBLE_VLLM: fine, fails, silent (never listens). DOUBLE_STARTS: a file
that gets `start PORT` and `ready PORT`. DOUBLE_LATER: a file for which each start but the first waits.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from support.model_server import ModelServer

STARTS = Path(os.environ["DOUBLE_STARTS"]) if "DOUBLE_STARTS" in os.environ else None
ENGINE = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)  # double-engine"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name", required=True)
    options, others = parser.parse_known_args()
    mode = os.environ.get("DOUBLE_VLLM", "fine")
    print("arguments:", *others, flush=True)
    print("asked for data:image/jpeg;base64,c2VjcmV0 here", flush=True)
    if mode == "fails":
        print("ValueError: No available memory for the cache blocks.", flush=True)
        sys.exit(1)
    subprocess.Popen([sys.executable, "-c", ENGINE], start_new_session=True)
    signal.signal(signal.SIGTERM, lambda signum, frame: os._exit(0))
    note(f"start {options.port}")
    time.sleep(float(os.environ.get("DOUBLE_VLLM_SECONDS", "0")))
    wait_for_later()
    if mode != "silent":
        ModelServer(mode, model=options.served_model_name, port=options.port, journal=os.environ.get("DOUBLE_JOURNAL"))
        note(f"ready {options.port}")
    threading.Event().wait()


def note(line: str) -> None:
    """Append a line to DOUBLE_STARTS."""
    if STARTS:
        with STARTS.open("a") as lines:
            lines.write(f"{line}\n")


def wait_for_later() -> None:
    """Wait for DOUBLE_LATER unless this is the first start."""
    later = os.environ.get("DOUBLE_LATER")
    if later and STARTS and STARTS.read_text().count("start") > 1:
        while not Path(later).exists():
            time.sleep(0.05)


if __name__ == "__main__":
    main()
