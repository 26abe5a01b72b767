"""A model server that the worker runs itself: `vllm serve` as a child process.

One thread supervises it from start to end (`_supervise`): it starts and checks the server, waits for its exit, and
starts it again once. Engines report when it fails (`abandon`). The server runs under `guard`, which stops it however
the worker ends. A worker can have several servers on one GPU (`servers`): each measures the GPU's free memory when it
starts, so they take turns in starting.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from functools import partial
from pathlib import Path

from ocr_worker import threads
from ocr_worker.engines.paddleocr_vl import guard
from ocr_worker.engines.paddleocr_vl.model_server import ServedModel, connect, model_name
from ocr_worker.errors import EngineUnavailable, OcrWorkerError, SettingsInvalid, as_worker_error
from ocr_worker.log import event
from ocr_worker.settings import Settings, model_server_environment

log = logging.getLogger(__name__)

MAX_STARTS = 2  # a server that died twice would die again: then the worker asks for a replacement
_KEPT_LINES = 30
_MAX_LINE_LENGTH = 500
_DATA_URL = re.compile(r"data:[\w./+-]*;base64,\S*")
# From vLLM's recipe for this model: https://docs.vllm.ai/projects/recipes/en/latest/PaddlePaddle/PaddleOCR-VL.html,
# without its --trust-remote-code.
_ARGUMENTS = (
    *("--max-num-batched-tokens", "16384", "--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"),
    *("--limit-mm-per-prompt", '{"image": 1, "video": 0}', "--trust-request-mm-kwargs", "--disable-uvicorn-access-log"),
)


class ManagedServer:
    """A `vllm serve` on the weights in `directory`. Construction returns at once; a thread starts it.

    gpu_share: share of the GPU's memory. condition: the pool's. start_turn: lock that is held from a start of the
    server until it can be used or is lost. Raises SettingsInvalid if the command does not exist.
    """

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        gpu_share: float,
        condition: threading.Condition,
        start_turn: threading.Lock,
    ) -> None:
        self._settings = settings
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self._command = _command(settings, directory, self._port, gpu_share)
        self._condition = condition
        self._start_turn = start_turn
        self._starts = 0
        self._served_model: ServedModel | None = None  # not None while the server can be used
        self._loss: OcrWorkerError | None = None
        self._process: subprocess.Popen[str] | None = None
        threads.start(self._supervise, "model-server")

    def served(self) -> tuple[ServedModel, int] | None:
        """Return the model and the start if the server can be used now, else None."""
        return (self._served_model, self._starts) if self._served_model else None

    def abandon(self, start: int) -> OcrWorkerError | None:
        """Stop this start of the server, which is dead or hangs. Return why it will not be started again, or None."""
        with self._condition:
            if start == self._starts:
                self._mark_down("no response")
            return self._loss

    def lost(self) -> OcrWorkerError | None:
        """Return why the server will never be usable again, or None."""
        with self._condition:
            return self._loss

    def close(self) -> None:
        """Stop the server and all its child processes, without waiting for their end."""
        with self._condition:
            self._loss = self._loss or EngineUnavailable("the worker is stopping; send the job again")
            self._served_model = None
            if self._process:
                self._process.terminate()
            self._condition.notify_all()

    # ----------------------------------------------------------------- supervision

    def _supervise(self) -> None:
        while process := self._start():
            code = process.wait()
            with self._condition:
                self._mark_down(f"exit code {code}")
            if not self._loss:
                log.warning("starting the model server again")

    def _start(self) -> subprocess.Popen[str] | None:
        """Start and check the server when it is its turn. Return its process, or None if the server is lost."""
        with self._start_turn:
            with self._condition:
                if self._loss:
                    return None
                process = self._process = self._launch()
            self._verify(process)
        return process

    def _verify(self, process: subprocess.Popen[str]) -> None:
        """Check the server. Mark it as usable, or as lost if the check fails."""
        try:
            served_model = connect(self._settings, self.url, lambda: self._find_end_reason(process))
        except Exception as error:
            if not isinstance(error, OcrWorkerError):
                log.exception("the check of the model server failed")
            with self._condition:
                self._lose(as_worker_error(error))
            process.terminate()
            return
        event(log, "model_server", port=self._port, start=self._starts, seconds=time.monotonic() - self._launched_at)
        with self._condition:
            if not self._loss:
                self._served_model = served_model
                self._condition.notify_all()

    def _lose(self, error: OcrWorkerError) -> None:
        """Give the server up. The caller holds the condition."""
        if not self._loss:
            log.error("model server at port %d: %s", self._port, error)
            self._loss = error
            self._condition.notify_all()

    def _mark_down(self, reason: str) -> None:
        """Mark this start as over, once for each start. The caller holds the condition."""
        if self._served_model is None or self._process is None:
            return
        self._served_model = None
        self._process.terminate()
        log.error("the model server stopped: %s", reason)
        if self._starts == MAX_STARTS:
            self._lose(
                EngineUnavailable("the model server stopped twice and is not started again; send the page again")
            )
        self._condition.notify_all()

    def _launch(self) -> subprocess.Popen[str]:
        self._starts += 1
        self._launched_at = time.monotonic()
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)  # of this start; an earlier start may still be writing
        process = subprocess.Popen(
            [sys.executable, "-P", guard.__file__, str(os.getpid()), *self._command],
            env=model_server_environment(self._settings.volume_dir),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # signals to the worker's group are for the worker; the guard notices its end
        )
        self._output = threads.start(partial(_log_output, process, self._last_lines), "model-server-log")
        return process

    def _find_end_reason(self, process: subprocess.Popen[str]) -> str | None:
        code = process.poll()
        if code is None:
            return None
        self._output.result()  # wait for its last lines
        errors = [line for line in self._last_lines if "rror" in line]
        reason = (errors or list(self._last_lines) or ["no output"])[-1]
        return f"the model server exited with code {code} before it was ready: {reason}\nsee its output in the log"


def _log_output(process: subprocess.Popen[str], last_lines: deque[str]) -> None:
    """Log the server's output, without the documents it may contain, and keep its last lines."""
    assert process.stdout is not None
    for line in process.stdout:
        message = _DATA_URL.sub("data:...", line.rstrip())[:_MAX_LINE_LENGTH]
        last_lines.append(message)
        log.info("vllm: %s", message)


def missing_command_message(command: str) -> str:
    """Return the message for a worker that has to start vLLM and finds no such command."""
    return (
        f"OCR_VLLM={command} is not a command, but the worker has to start vLLM; install vLLM into its own environment"
        " and set OCR_VLLM to its `vllm`, or set OCR_SERVER_URL to a server that is started elsewhere"
    )


def _command(settings: Settings, directory: Path, port: int, gpu_share: float) -> list[str]:
    program = shutil.which(settings.vllm)
    if program is None:
        raise SettingsInvalid(missing_command_message(settings.vllm))
    address = ("--host", "127.0.0.1", "--port", str(port), "--served-model-name", model_name(settings))
    gpu_arguments = () if settings.device == "cpu" else ("--gpu-memory-utilization", f"{gpu_share:.2f}")
    return [program, "serve", str(directory), *address, *_ARGUMENTS, *gpu_arguments, *settings.server_args]


def _free_port() -> int:
    """Return a free port, which each start of the server then uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
