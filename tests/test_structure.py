"""The rules that keep the code readable: which way imports run, who may import what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.worker_process import ROOT

PACKAGE = ROOT / "src" / "ocr_worker"
SOURCES = [ROOT / "handler.py", *sorted(PACKAGE.rglob("*.py"))]

# From the edge to the core. A room imports from itself and from the rooms below it; no two modules import each other.
ROOMS: list[tuple[str, set[str]]] = [
    ("the worker process", {"handler"}),
    ("ways in", {"app", "batch", "cli", "endpoint", "runpod_worker"}),
    ("one job", {"parsing"}),
    ("what becomes of results", {"delivery"}),
    ("stages", {"engines", "sources"}),
    ("what stages hand on", {"pages"}),
    ("what travels", {"wire"}),
    (
        "the ground",
        {
            "characters",
            "errors",
            "extras",
            "http_headers",
            "log",
            "memory",
            "pictures",
            "runpod_sdk",
            "settings",
            "threads",
            "ocr_worker",
        },
    ),
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


def test_only_one_module_imports_the_sdk() -> None:
    """RunPod's SDK is imported by `runpod_sdk` and nowhere else."""
    importers = [n for n, tree in MODULES.items() if any(i.split(".")[0] == "runpod" for i in imported_names(tree))]
    assert [name for name in importers if name != "ocr_worker.runpod_sdk"] == []


def test_only_the_settings_read_the_environment() -> None:
    """`os.environ` and `os.getenv` appear in settings.py only."""

    def reads(tree: ast.AST) -> bool:
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | set(imported_names(tree))
        return bool(names & {"environ", "getenv", "os.environ", "os.getenv"})

    assert [name for name, tree in MODULES.items() if reads(tree)] in ([], ["ocr_worker.settings"])
