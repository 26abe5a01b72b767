"""The rules that keep the code readable: which way imports run, who may import what, how long things get."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.worker_process import ROOT

PACKAGE = ROOT / "src" / "ocr_worker"
SOURCES = [ROOT / "handler.py", *sorted(PACKAGE.rglob("*.py"))]
ALL = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]

MODULE_LINES = 300
FUNCTION_LINES = 45

# From the edge to the core. A room imports from itself and from the rooms below it; no two modules import each other.
ROOMS: list[tuple[str, set[str]]] = [
    ("the worker process", {"handler"}),
    ("ways in", {"app", "batch", "cli", "endpoint", "runpod_worker"}),
    ("one job", {"parsing"}),
    ("its stages", {"delivery", "engines", "sources", "wire"}),
    ("the ground", {"errors", "log", "settings", "threads", "ocr_worker"}),
]


def name_of(path: Path) -> str:
    """The module's dotted name."""
    if path.parent == ROOT:
        return path.stem
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Every name that is imported anywhere in the module; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(name: str) -> set[str]:
    """The modules of ours that this one imports; a package's own file counts only when nothing more exact is meant."""
    names = [found for found in imported_names(MODULES[name]) if found in MODULES]
    exact = {found for found in names if not any(other.startswith(f"{found}.") for other in names)}
    return exact - {name}


def room_of(name: str) -> int:
    """The number of the room, counted from the edge. Raises AssertionError for a module that has none."""
    parts = name.removeprefix("ocr_worker.").split(".")
    for number, (_, modules) in enumerate(ROOMS):
        if any(parts[0] == module or parts[0].startswith(f"{module}_") for module in modules):
            return number
    raise AssertionError(f"{name} has no room yet: give it one in ROOMS, and keep ARCHITECTURE.md in step")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_run_from_the_edge_to_the_core(name: str) -> None:
    """A module imports only from its own room and from rooms nearer to the core."""
    outward = {found for found in imports_of(name) if room_of(found) < room_of(name)}
    assert outward == set()


def test_no_modules_import_each_other() -> None:
    """The imports have no cycle."""
    left = {name: imports_of(name) for name in MODULES}
    while free := {name for name, imports in left.items() if not imports & left.keys()}:
        left = {name: imports for name, imports in left.items() if name not in free}
    assert left == {}


def test_only_the_worker_process_knows_the_handler() -> None:
    """Nothing imports `handler.py`, which would load the engine again."""
    assert [name for name, tree in MODULES.items() if "handler" in set(imported_names(tree))] == []


def test_only_its_engine_imports_paddle() -> None:
    """Paddle is imported by the adapter of PaddleOCR-VL and nowhere else."""
    paddle = ("paddle", "paddleocr", "paddlex")
    importers = [n for n, tree in MODULES.items() if any(i.split(".")[0] in paddle for i in imported_names(tree))]
    assert [name for name in importers if not name.startswith("ocr_worker.engines.paddleocr_vl")] == []


def test_only_the_settings_read_the_environment() -> None:
    """`os.environ` and `os.getenv` appear in settings.py only."""

    def reads(tree: ast.AST) -> bool:
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | set(imported_names(tree))
        return bool(names & {"environ", "getenv", "os.environ", "os.getenv"})

    assert [name for name, tree in MODULES.items() if reads(tree)] in ([], ["ocr_worker.settings"])


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_short(path: Path) -> None:
    """A module has at most 300 lines, a function at most 45 without its docstring."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MODULE_LINES
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {f.name: lines for f in functions if (lines := lines_of(f)) > FUNCTION_LINES} == {}


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the function without its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return lines - ((first.end_lineno or 0) - first.lineno + 1 if told else 0)
