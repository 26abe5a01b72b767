"""A double of `vllm serve`: a model server (see `model_server`) and a second process that outlives it, like vLLM's.

The second process is in a session of its own. DOUBLE_VLLM: fine, fails, silent (never listens).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time

from support.model_server import ModelServer

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
    time.sleep(float(os.environ.get("DOUBLE_VLLM_SECONDS", "0")))
    if mode != "silent":
        ModelServer(mode, model=options.served_model_name, port=options.port, journal=os.environ.get("DOUBLE_JOURNAL"))
    threading.Event().wait()


if __name__ == "__main__":
    main()
