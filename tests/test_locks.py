"""The locks agree with each other and with `pyproject.toml`, and what they name can be checked when it is installed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements/check.txt", "requirements/full.txt", "requirements/light.txt")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def lines(lock: str) -> str:
    """The lock without its comments, one requirement a line."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", "")
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def pins(lock: str) -> dict[str, str]:
    """The version of each package."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lines(lock), re.MULTILINE))


@pytest.mark.parametrize("lock", [*LOCKS, "requirements/docs.txt"])
def test_every_pin_has_hashes(lock: str) -> None:
    """Every requirement is one version with its hashes; no lock says where packages come from."""
    for line in lines(lock).splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==\S+ (; .+?)?( *--hash=sha256:[0-9a-f]{64})+", line), line[:80]


@pytest.mark.parametrize("lock", LOCKS)
def test_one_version_of_each_package_and_one_opencv(lock: str) -> None:
    """A package has the version that the tests run with, and `cv2/` comes from one build."""
    tested, versions = pins("requirements/full.txt"), pins(lock)
    builds = {name for name in versions if name.startswith("opencv-")}
    assert len(builds) == 1
    assert {name for name, version in versions.items() if tested.get(name) != version} <= builds


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.txt", {"paddle", "embedded", "http", "s3"}),
        ("requirements/light.txt", {"embedded"}),
        ("requirements/check.txt", {"embedded", "http", "batch", "endpoint", "s3"}),
        ("requirements/full.txt", {"paddle", "embedded", "http", "batch", "endpoint", "s3"}),
    ],
)
def test_a_lock_holds_its_extras(lock: str, extras: set[str]) -> None:
    """A lock has what every job needs and what its extras list; the image has what its ways in need."""
    project = PYPROJECT["project"]
    needed = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    names = {re.split(r"[\[=<>]", requirement)[0] for requirement in needed} - {"opencv-python-headless"}
    assert names <= pins(lock).keys()
