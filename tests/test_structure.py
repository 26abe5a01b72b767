"""Rules on the package's structure that the import contracts in pyproject.toml (`lint-imports`) cannot express."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "ocr_worker"
ENVIRONMENT = {"environ", "getenv"}


def test_architecture_lists_the_packages_of_the_contract() -> None:
    """The table in ARCHITECTURE.md has the packages and modules of the import contract, in its order, each once."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (house,) = (contract for contract in contracts["contracts"] if contract["id"] == "house")
    layers = [layer.split(" | ") for layer in house["layers"]]
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("| package |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`([a-z_]+)/?`", row.split("|")[1]) for row in table.splitlines() if row.startswith("| `")]
    packages = [package for row in rows for package in row if package != "handler"]
    assert sorted(packages) == sorted(package for layer in layers for package in layer)
    depth = {package: number for number, layer in enumerate(layers) for package in layer}
    assert [depth[package] for package in packages] == sorted(depth[package] for package in packages)


def test_only_the_settings_read_the_environment() -> None:
    """`os.environ` and `os.getenv` appear in the package `settings` only."""
    readers = {path for path in [ROOT / "handler.py", *PACKAGE.rglob("*.py")] if _reads_environment(path)}
    assert {path.parent for path in readers} == {PACKAGE / "settings"}


def _reads_environment(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return bool(ENVIRONMENT & (attributes | names))


def test_only_runpod_sdk_names_modules_of_the_sdk() -> None:
    """The SDK is imported lazily, by name, which no import contract sees: its names appear in runpod_sdk.py only."""
    namers = {path.name for path in PACKAGE.rglob("*.py") if re.search(r'"runpod(\.[a-z_.]+)?"', path.read_text())}
    assert namers == {"runpod_sdk.py"}
