"""One witness process, as the worker sees it: its start, one page at a time, and its end."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ocr_worker import awake
from ocr_worker.pages import PageImage, TextLine
from ocr_worker.sources.rasterizer import protocol
from ocr_worker.sources.rasterizer.process import enlarge_pipe
from ocr_worker.wire.schema import Block
from ocr_worker.witness.confirmation import readings_of
from ocr_worker.witness.evidence import Evidence

START_S = 120.0  # enough for a cold disk and a busy machine, at the lowest priority
PAGE_S = 120.0  # a page takes seconds; a process that takes longer hangs
_POLL_S = 1.0


class WitnessFailed(Exception):
    """A page without evidence: its process died, hangs, or could not read it."""


class WitnessProcess:
    """A process that reads pages, used by one thread. Only `kill` may be called on any thread."""

    def __init__(self, niceness: int = 19) -> None:
        """Start the process. niceness: of the process once its models are loaded; 19: the lowest priority."""
        command = (sys.executable, "-m", "ocr_worker.witness.child", str(niceness))
        # In a session of its own, the terminal's Ctrl-C does not reach it; it ends with its stdin.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        assert self._process.stdin is not None
        enlarge_pipe(self._process.stdin.fileno())
        self._is_ready = False

    def wait_ready(self) -> None:
        """Wait until the models are loaded. Raises WitnessFailed when the process died or hangs."""
        if not self._is_ready:
            self._receive(START_S)
            self._is_ready = True

    def send(self, page: PageImage, blocks: Sequence[Block] = ()) -> None:
        """Hand over a page, whose pixels are not needed afterwards. Raises WitnessFailed when the process died.

        blocks: of the engine, if it has parsed the page.
        """
        self.wait_ready()
        header = {
            "shape": page.pixels.shape,
            "text_lines": text_lines_json(page.text_lines or ()),
            "proven_fonts": sorted(page.proven_fonts),
            "readings": readings_of(blocks) if page.text_lines else [],
        }
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(protocol.encode(header, page.pixels.nbytes))
            self._process.stdin.write(np.ascontiguousarray(page.pixels).data)
            self._process.stdin.flush()
        except (BrokenPipeError, OSError) as error:
            self.kill()
            raise WitnessFailed("the witness process died") from error

    def receive(self) -> Evidence:
        """Return the evidence of the page that was sent.

        Raises WitnessFailed when the process died, hangs, or could not read the page. Only in the last case,
        `is_usable` is still true.
        """
        reply = self._receive(PAGE_S)
        if "error" in reply:
            raise WitnessFailed(f"the witness could not read the page: {reply['error']}")
        return Evidence.from_json(reply)

    @property
    def is_usable(self) -> bool:
        """True if the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and close its pipes. Call on the thread that uses it."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was not sent is lost with the process

    def _receive(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = awake.now() + seconds
        while not select.select([self._process.stdout], [], [], _POLL_S)[0]:
            if awake.now() >= deadline:
                self.kill()
                raise WitnessFailed("the witness process hangs")
        try:
            return protocol.read_message(self._process.stdout.read)[0]
        except (EOFError, json.JSONDecodeError) as error:
            self.kill()
            raise WitnessFailed("the witness process died") from error


def text_lines_json(lines: Sequence[TextLine]) -> list[list[Any]]:
    """Return the lines of a text layer as JSON, in the form from which `make_text_line` makes them."""
    return [[line.text, line.bbox, _words_json(line), line.corners, line.has_space_after] for line in lines]


def _words_json(line: TextLine) -> list[list[Any]]:
    return [[word.text, word.bbox, [word.font, *word.other_fonts]] for word in line.words]
