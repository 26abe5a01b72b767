"""Threads: each has a name, and ARCHITECTURE.md says what it may touch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from support.worker_process import ROOT

SOURCES = [ROOT / "handler.py", *sorted((ROOT / "src").rglob("*.py"))]
STARTER = ROOT / "src" / "ocr_worker" / "threads.py"  # where names are arguments
NAME_AT = {"threads.start": 1, "threads.map_bounded": 3}  # the place of the name among the arguments


def fixed_part(name: ast.expr | None, where: str) -> str:
    """Return the beginning of a thread's name, without the id. Raises AssertionError if there is none."""
    start = name.values[0] if isinstance(name, ast.JoinedStr) else name
    assert isinstance(start, ast.Constant), f"{where}: the thread has no name that begins with a word"
    return str(start.value)


def names_in(path: Path) -> Iterator[str]:
    """The fixed part of the name of each thread that the module starts."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    timers = [node for node in nodes if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "timer.name"]
    for node in (node for node in nodes if isinstance(node, ast.Call)):
        called, where = ast.unparse(node.func), f"{path.name}:{node.lineno}"
        if called in NAME_AT:
            yield fixed_part(node.args[NAME_AT[called]], where)
        elif called == "threading.Thread":
            yield fixed_part(next((word.value for word in node.keywords if word.arg == "name"), None), where)
        elif called == "threading.Timer":  # its constructor takes no name
            yield fixed_part(timers.pop().value if timers else None, where)


def test_every_thread_is_in_the_table_of_threads() -> None:
    """ARCHITECTURE.md has a row for each thread of the code, and none for a thread that is gone."""
    in_code = {name for path in SOURCES if path != STARTER for name in names_in(path)}
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\n\| thread \|.*?\n\n", text, re.DOTALL)
    cells = [line.split("|")[1] for line in table.strip().splitlines()[2:]]
    in_table = {re.sub("[A-Z]+$", "", name) for cell in cells for name in re.findall("`(.+?)`", cell)}
    assert in_table == in_code
