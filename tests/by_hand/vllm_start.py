"""Two starts of a real vLLM (`make test-vllm`): the second one uses the code that the first one compiled.

The servers of the other tests compile nothing, to be quick. Here vLLM compiles, for the CPU. Each worker of the test
has a home and a folder for temporary files of its own, as on another machine: only the volume is the same.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from support import tinyvl, vllm_command
from support.drawing import request
from support.waiting import PATIENCE_S, eventually
from support.worker_process import StartWorker

HOME = Path(os.environ["VLLM_UNDER_TEST"])
ARGUMENTS = ["--dtype", "bfloat16", "--max-model-len", "4096", "--max-num-seqs", "8"]
# vLLM's own lines on the steps of its start.
STEPS = {
    "compilation": r"torch\.compile (?:and initial profiling/warmup run together )?took ([\d.]+) s",
    "profiling, cache and warm-up": r"init engine .* took ([\d.]+) s",
}


def start(worker_of: StartWorker, volume: Path, machine: str) -> Mapping[str, float]:
    """Start a worker, let it read a page, and end it. Return the seconds of its server's start, by step.

    machine: folder with a short name: it also holds sockets, whose paths have at most 107 characters.
    """
    places = {"HOME": machine, "TMPDIR": machine}
    variables = {"OCR_VOLUME_DIR": str(volume), "OCR_SERVER_ARGS": json.dumps(ARGUMENTS), **places}
    worker = worker_of(**vllm_command.real_environment(HOME, **variables)).wait_ready(5 * PATIENCE_S)
    answer = worker.answer(request(tinyvl.tiff([tinyvl.LINES[:3]]), max_new_tokens=tinyvl.LIMIT)).output
    assert answer["coverage"]["pages_parsed"] == 1
    log = worker.log()
    family = vllm_command.processes(HOME / "tinyvl")
    worker.terminate()
    worker.exit_code()
    assert eventually(lambda: not any(process.is_running() for process in family))
    print("\n".join(line for line in log.splitlines() if re.search(r"ompil|took|event=", line)))
    seconds = {step: float(match[1]) for step, words in STEPS.items() if (match := re.search(words, log))}
    (total,) = re.findall(r"event=model_server .*seconds=([\d.]+)", log)
    return {"start of the server": float(total)} | seconds


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_a_second_start_compiles_nothing(worker_of: StartWorker, tmp_path: Path) -> None:
    """The second worker finds on the volume what the first one compiled; a third one without it compiles again."""
    volume, other = tmp_path / "volume", tmp_path / "other"
    volume.mkdir()
    other.mkdir()
    starts = {}
    for name, place in (("first", volume), ("second", volume), ("without the volume", other)):
        before = files(place)
        with tempfile.TemporaryDirectory() as machine:
            starts[name] = start(worker_of, place, machine)
        print(f"{name}: {len(files(place) - before)} new files, {starts[name]}")
    assert starts["second"]["compilation"] < starts["first"]["compilation"] / 2
    shutil.rmtree(volume)
