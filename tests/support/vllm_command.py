"""A `vllm` command for workers in tests: the double, or the one installed for `make test-vllm`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psutil

from support import tinyvl
from support.processes import command_line, descendants, is_alive

TESTS = Path(__file__).parents[1]


def double(folder: Path) -> Path:
    """Write an executable that runs the double as `vllm`; return its path."""
    command = folder / "vllm"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{TESTS}" exec "{sys.executable}" -m support.vllm_double "$@"\n')
    command.chmod(0o755)
    return command


def weights(folder: Path) -> Path:
    """Return a directory with the files that vLLM needs; the double reads none of them."""
    made = folder / "vllm-weights"
    made.mkdir(exist_ok=True)
    for name in ("config.json", "preprocessor_config.json", "tokenizer_config.json", "model.safetensors"):
        (made / name).write_bytes((tinyvl.VL / name).read_bytes())
    (made / "chat_template.jinja").write_text("x")
    (made / "tokenizer.json").write_text("{}")
    return made


def fields(folder: Path, **others: Any) -> dict[str, Any]:
    """Return settings of a worker that starts the double."""
    chosen = {
        "backend": "vllm-server",
        "server": "managed",
        "vllm": str(double(folder)),
        "vl_weights_dir": weights(folder),
        "warmup_check": False,
    }
    return chosen | others


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return the same as variables of a worker process."""
    named = {f"OCR_{name.upper()}": _written(value) for name, value in fields(folder).items()}
    return tinyvl.environment(**named | variables)


def real_environment(home: Path, **variables: str) -> dict[str, str]:
    """Return variables of a worker that starts the real vLLM in the environment `home` (see vllm_environment.sh)."""
    small = ["--dtype", "bfloat16", "--enforce-eager", "--max-model-len", "4096", "--max-num-seqs", "8"]
    chosen = {
        "OCR_BACKEND": "vllm-server",
        "OCR_SERVER": "managed",
        "OCR_VLLM": str(home / "bin" / "vllm"),
        "OCR_SERVER_ARGS": json.dumps(small),
        "OCR_VL_WEIGHTS_DIR": str(home / "tinyvl"),
        "OCR_WARMUP_CHECK": "false",
        "VLLM_CPU_KVCACHE_SPACE": "1",  # GB; without it vLLM takes a share of the machine's memory
    }
    return tinyvl.environment(**chosen | variables)


def processes(within: Path | str) -> list[psutil.Process]:
    """Return all live processes of a managed server: guard, server and engine, by their weights' folder."""
    named = [process for process in psutil.process_iter() if any(str(within) in part for part in command_line(process))]
    family = {process.pid: process for parent in named for process in [parent, *descendants(parent)]}
    return [process for process in family.values() if is_alive(process)]


def servers(within: Path | str) -> list[psutil.Process]:
    """Return the server's own process, or nothing."""
    return [
        process
        for process in processes(within)
        if "serve" in (command := command_line(process)) and "-P" not in command
    ]


def server(within: Path | str) -> psutil.Process:
    """Return the server's own process."""
    (process,) = servers(within)
    return process


def freeze(within: Path | str) -> None:
    """Suspend the server and its engine, but not their guard: connections are accepted and get no response."""
    serving_process = server(within)
    for process in [serving_process, *descendants(serving_process)]:
        process.suspend()


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else _path(value)


def _path(value: Any) -> str:
    return str(value) if isinstance(value, Path) else json.dumps(value)
