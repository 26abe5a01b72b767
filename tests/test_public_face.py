"""The files at the repository's front agree with the code: .env.example, the version, the changelog, GitHub's files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import ocr_worker
from ocr_worker.settings import ClientSettings, Settings, load_client_settings, load_settings, variable_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENV_EXAMPLE = dict(
    re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
)
VARIABLES = {
    variable_name(setting, model): (setting, model)
    for model in (Settings, ClientSettings)
    for setting in model.model_fields
}


@pytest.mark.parametrize("variable", ENV_EXAMPLE)
def test_every_variable_in_the_env_example_exists(variable: str) -> None:
    """.env.example names only variables that a setting is read from."""
    assert variable in VARIABLES


def test_the_values_in_the_env_example_are_valid_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every line uncommented, the settings are valid, and each value arrives."""
    for variable, value in ENV_EXAMPLE.items():
        monkeypatch.setenv(variable, value)
    loaded = {Settings: load_settings(), ClientSettings: load_client_settings()}
    for variable in ENV_EXAMPLE:
        setting, model = VARIABLES[variable]
        assert setting in loaded[model].model_fields_set


def test_the_version_has_one_source() -> None:
    """The package's metadata takes the version from `ocr_worker`, which holds the number as a literal."""
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "ocr_worker.__version__"}
    source = (ROOT / "src" / "ocr_worker" / "__init__.py").read_text(encoding="utf-8")
    assert f'\n__version__ = "{ocr_worker.__version__}"\n' in source


def test_the_changelog_has_the_version() -> None:
    """CHANGELOG.md begins with what is unreleased, and has a section for the present version."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert ocr_worker.__version__ in headings


def test_the_workflow_runs_every_supported_python() -> None:
    """GitHub's workflow runs the gate on each version that `requires-python` allows."""
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (versions,) = re.findall(r"^ +python: \[(.+)\]$", workflow, re.MULTILINE)
    oldest, too_new = re.findall(r"3\.(\d+)", PYPROJECT["project"]["requires-python"])
    assert re.findall(r"\d\.\d+", versions) == [f"3.{minor}" for minor in range(int(oldest), int(too_new))]
    assert re.search(r"run: \.ci/run\n +env:\n +PYTHON: python\$\{\{ matrix\.python \}\}\n", workflow)
