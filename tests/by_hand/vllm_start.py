"""Two starts of a real vLLM (`make test-vllm`): the second one uses the code that the first one compiled.

The servers of the other tests compile nothing, to be quick. Here vLLM compiles, for the CPU. Each worker of the test
has a home and a folder for temporary files of its own, as on another machine: only the volume is the same.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from support import tinyvl, vllm_command
from support.drawing import request
from support.processes import is_alive
from support.waiting import eventually
from support.worker_process import StartWorker

HOME = Path(os.environ["VLLM_UNDER_TEST"])
ARGUMENTS = ["--dtype", "bfloat16", "--max-model-len", "4096", "--max-num-seqs", "8"]
WAIT_S = 1_200  # a busy machine compiles for minutes
COMPILATION = ("Warming up model for the compilation", "Warming up done")  # vLLM's lines on its begin and end


def start(worker_of: StartWorker, volume: Path, machine: str) -> Mapping[str, float]:
    """Start a worker, let it read a page, and end it. Return the seconds of its server's start, by step.

    machine: folder with a short name: it also holds sockets, whose paths have at most 107 characters.
    """
    limits = {"OCR_SERVER_WAIT_S": str(WAIT_S), "OCR_START_TIMEOUT_S": str(WAIT_S)}
    places = {"OCR_VOLUME_DIR": str(volume), "HOME": machine, "TMPDIR": machine}
    variables = {"OCR_SERVER_ARGS": json.dumps(ARGUMENTS), **limits, **places}
    worker = worker_of(**vllm_command.real_environment(HOME, **variables)).wait_ready(WAIT_S)
    answer = worker.answer(request(tinyvl.tiff([tinyvl.LINES[:3]]), max_new_tokens=tinyvl.LIMIT)).output
    assert answer["coverage"]["pages_parsed"] == 1
    log = worker.log()
    family = vllm_command.processes(HOME / "tinyvl")
    used = sum(sum(process.cpu_times()[:4]) for process in family)  # with children that have ended: the compilers
    worker.terminate()
    worker.exit_code()
    assert eventually(lambda: not any(map(is_alive, family)))
    began, ended = (moment(log, words) for words in COMPILATION)
    (total,) = re.findall(r"event=model_server .*seconds=([\d.]+)", log)
    print("\n".join(line for line in log.splitlines() if re.search(r"ompil|took|event=", line)))
    return {"start": float(total), "compilation": (ended - began).total_seconds(), "processor time": round(used, 1)}


def moment(log: str, words: str) -> datetime:
    """Return the time of the first line with these words."""
    line = next(line for line in log.splitlines() if words in line)
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f")


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_a_second_start_compiles_nothing(worker_of: StartWorker, tmp_path: Path) -> None:
    """The second worker finds on the volume what the first one compiled, and adds no library to it.

    vLLM for the CPU (0.32) cannot load its own record of the compilation, and traces the model again.
    """
    starts, made = [], []
    for name in ("first", "second"):
        before = files(tmp_path)
        with tempfile.TemporaryDirectory() as machine:
            starts.append(start(worker_of, tmp_path, machine))
        made.append(files(tmp_path) - before)
        suffixes = Counter(path.suffix for path in made[-1])
        print(f"{name} start, in seconds: {starts[-1]}; new files on the volume: {dict(suffixes)}")
    libraries = [{path for path in paths if path.suffix == ".so"} for paths in made]
    assert libraries[0]
    assert not libraries[1]
    assert starts[1]["processor time"] < starts[0]["processor time"]
