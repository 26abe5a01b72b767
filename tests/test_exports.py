"""The names that `ocr_worker` exports: lazy, complete, and clear about a missing extra."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ocr_worker
from ocr_worker import extras
from support.worker_process import environment

INIT = Path(ocr_worker.__file__)
EXTRAS = {
    "AsyncClient": ("batch", "httpx"),
    "Batch": ("batch", "httpx"),
    "Client": ("batch", "httpx"),
    "LocalEndpoint": ("endpoint", "aiohttp"),
    "RemoteEndpoint": ("batch", "httpx"),
}


def run_python(program: str, *arguments: str) -> str:
    """Run a program in a fresh process and return what it prints."""
    process = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment({}),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return process.stdout


@pytest.mark.process
def test_the_import_loads_the_standard_library_only() -> None:
    """In a fresh process, `import ocr_worker` loads no module besides its own and those of the standard library."""
    program = """
import sys
before = set(sys.modules)
import ocr_worker
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(names - set(sys.stdlib_module_names)))
print(*sorted(name for name in sys.modules if name.startswith("ocr_worker")))
"""
    assert run_python(program).splitlines() == ["ocr_worker", "ocr_worker"]


@pytest.mark.process
@pytest.mark.parametrize("name", ocr_worker.__all__)
def test_an_attribute_is_imported_when_it_is_used(name: str) -> None:
    """Each name of `__all__` can be imported from the package, and is listed before it is imported."""
    program = (
        f"import ocr_worker; assert {name!r} in dir(ocr_worker); from ocr_worker import {name}; print({name}.__doc__)"
    )
    assert run_python(program) != "None\n"


def test_type_checkers_see_the_names() -> None:
    """The imports for type checkers name the modules that the attributes come from."""
    tree = ast.parse(INIT.read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    modules = {alias.name: node.module for node in imports for alias in node.names}
    assert modules == ocr_worker._MODULES
    assert sorted(modules) == sorted(ocr_worker.__all__)


def test_an_unknown_attribute() -> None:
    """A name that the package does not have is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Clients'"):
        ocr_worker.Clients  # noqa: B018


@pytest.mark.process
@pytest.mark.parametrize("name", EXTRAS)
def test_a_missing_extra_is_named(name: str) -> None:
    """An attribute whose extra is not installed raises an error with the extra and the command that installs it."""
    extra, module = EXTRAS[name]
    program = """
import sys
sys.modules[sys.argv[2]] = None  # Python raises ModuleNotFoundError, as for a module that is not installed
import ocr_worker
try:
    getattr(ocr_worker, sys.argv[1])
except ocr_worker.OcrWorkerError as error:
    print(error.code, error)
"""
    message = run_python(program, name, module)
    assert message.startswith("SETTINGS_INVALID ")
    assert f"needs {module!r}" in message
    assert f"[{extra}]" in message
    assert extras.install_command(extra) in message


@pytest.mark.parametrize("name", ["AsyncClient", "Client"])
def test_both_clients_have_the_same_methods(name: str) -> None:
    """`Client` and `AsyncClient` have the same public methods with the same parameters, except for `close`."""

    def signatures(client: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(client, inspect.isfunction)
        public = {name: list(inspect.signature(method).parameters) for name, method in methods if name[0] != "_"}
        public.pop("close", None)
        public.pop("aclose", None)
        return public

    assert signatures(getattr(ocr_worker, name)) == signatures(ocr_worker.Client)
