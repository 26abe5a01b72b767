"""A model server of this worker's own: `vllm serve` as a child, proven, watched, started again once, and ended.

One thread lives its life from start to end (`_live`); engines wait for it (`wait`) and tell it that it failed
(`abandon`). It runs under `guard`, which ends it in whatever way the worker does.
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
from collections import deque
from functools import partial
from pathlib import Path

from ocr_worker import threads
from ocr_worker.engines.paddleocr_vl import guard
from ocr_worker.engines.paddleocr_vl.model_server import Server, connect, model_name
from ocr_worker.errors import EngineUnavailable, OcrWorkerError, SettingsInvalid, as_worker_error
from ocr_worker.settings import Settings, model_server_environment

log = logging.getLogger(__name__)

STARTS = 2  # a server that has died twice would die again: then the worker is replaced
_LAST_LINES = 30
_LONGEST_LINE = 500
_DOCUMENT = re.compile(r"data:[\w./+-]*;base64,\S*")
# Of vLLM's own recipe for this model: https://docs.vllm.ai/projects/recipes/en/latest/PaddlePaddle/PaddleOCR-VL.html,
# without its --trust-remote-code. The layout model shares the card; PaddleX gives its server half of it, too.
_ARGUMENTS = (
    *("--max-num-batched-tokens", "16384", "--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"),
    *("--limit-mm-per-prompt", '{"image": 1}', "--trust-request-mm-kwargs", "--disable-uvicorn-access-log"),
)
_ON_A_CARD = ("--gpu-memory-utilization", "0.5")


class ManagedServer:
    """`vllm serve` on the weights in `directory`. Construction starts it and returns at once.

    Raises SettingsInvalid when there is no such command.
    """

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._settings = settings
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self._command = _command(settings, directory, self._port)
        self._changed = threading.Condition()
        self._users = 0
        self._starts = 0
        self._server: Server | None = None  # while it can be used
        self._lost: OcrWorkerError | None = None
        self._process = self._launched()
        threads.start(self._live, "model-server")

    def join(self) -> None:
        """One more engine uses the server."""
        with self._changed:
            self._users += 1

    def leave(self) -> None:
        """One engine less; the last one ends the server."""
        with self._changed:
            self._users -= 1
            last = self._users <= 0
        if last:
            self.close()

    def wait(self) -> tuple[Server, int]:
        """The server as soon as it can be used, and which start of it this is.

        Raises the reason when there will be none: EngineUnavailable or EngineTimedOut.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._server or self._lost)
            if self._lost:
                raise self._lost
            assert self._server is not None
            return self._server, self._starts

    def abandon(self, start: int) -> OcrWorkerError | None:
        """This start of the server is dead or frozen: it is ended; why no other one follows, if so."""
        with self._changed:
            if start == self._starts:
                self._down("it does not answer")
            return self._lost

    def lost(self) -> OcrWorkerError | None:
        """Why there will be no server any more, if so."""
        with self._changed:
            return self._lost

    def close(self) -> None:
        """Ends the server and everything it started; does not wait."""
        with self._changed:
            self._lost = self._lost or EngineUnavailable("the worker is stopping; send the job again")
            self._server = None
            self._process.terminate()
            self._changed.notify_all()

    # ----------------------------------------------------------------- its life

    def _live(self) -> None:
        while True:
            self._prove()
            code = self._process.wait()
            with self._changed:
                self._down(f"exit code {code}")
                if self._lost:
                    return
                log.warning("the model server is started again")
                self._process = self._launched()

    def _prove(self) -> None:
        """Makes the server usable, or lost for good when it is not what it should be."""
        try:
            server = connect(self._settings, self.url, self._ended)
        except Exception as error:
            if not isinstance(error, OcrWorkerError):
                log.exception("the model server could not be proven")
            with self._changed:
                self._lost = self._lost or as_worker_error(error)
                self._changed.notify_all()
            self._process.terminate()
            return
        with self._changed:
            if not self._lost:
                self._server = server
                self._changed.notify_all()

    def _down(self, why: str) -> None:
        """Under the lock: this start is over. Told once for each start."""
        if self._server is None:
            return
        self._server = None
        self._process.terminate()
        log.error("the model server is gone: %s", why)
        if self._starts == STARTS:
            self._lost = EngineUnavailable("the model server died a second time; the worker is replaced")
        self._changed.notify_all()

    def _launched(self) -> subprocess.Popen[str]:
        self._starts += 1
        self._said: deque[str] = deque(maxlen=_LAST_LINES)  # of this start; an earlier one may still be speaking
        process = subprocess.Popen(
            [sys.executable, "-P", guard.__file__, str(os.getpid()), *self._command],
            env=model_server_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # what is sent to the worker's group is for the worker; the guard notices its end
        )
        self._output = threads.start(partial(_log_output, process, self._said), "model-server-log")
        return process

    def _ended(self) -> str | None:
        code = self._process.poll()
        if code is None:
            return None
        self._output.result()  # its last words may still be on their way
        errors = [line for line in self._said if "rror" in line]
        why = (errors or list(self._said) or ["it said nothing"])[-1]
        return f"the model server ended with code {code} before it could be used: {why}\nthe log has all it said"


def _log_output(process: subprocess.Popen[str], last_lines: deque[str]) -> None:
    """Log the server's output, without documents that it may hold, and keep its last lines."""
    assert process.stdout is not None
    for line in process.stdout:
        message = _DOCUMENT.sub("data:...", line.rstrip())[:_LONGEST_LINE]
        last_lines.append(message)
        log.info("vllm: %s", message)


def _command(settings: Settings, directory: Path, port: int) -> list[str]:
    program = shutil.which(settings.vllm)
    if program is None:
        raise SettingsInvalid(
            f"OCR_SERVER=managed, but there is no command {settings.vllm!r}\n"
            "install vLLM into an environment of its own and set OCR_VLLM to its `vllm`"
        )
    address = ("--host", "127.0.0.1", "--port", str(port), "--served-model-name", model_name(settings))
    card = () if settings.device == "cpu" else _ON_A_CARD
    return [program, "serve", str(directory), *address, *_ARGUMENTS, *card, *settings.server_args]


def _free_port() -> int:
    """Taken again by the server a moment later, and by each start of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
