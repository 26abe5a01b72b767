"""Build the settings from the environment, and report everything that is wrong with it at once.

A problem is one line: the variable with its value, what is wrong with it, then the remedy. Secrets are not shown. A
variable that begins with `OCR_` and is almost the name of a setting is a problem, too: a worker with a misspelled
setting would run with the default, and `OCR_API_KEY` would leave it open to everyone. Other unknown variables are
reported by `unknown_variables`, where the engine is known, which may read some of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings.catalog import expected_values, is_secret, literal_values, variable_name, variable_names
from ocr_worker.settings.client import ClientSettings
from ocr_worker.settings.settings import Settings
from ocr_worker.settings.values import shown_value, written_value

SettingsModel = TypeVar("SettingsModel", bound=BaseSettings)

_PREFIX = "OCR_"
_CLOSE_NAME = 0.8  # difflib's ratio of names without prefix: one or two letters of a usual name differ
_SHOWN_CHARACTERS = 100  # of a wrong value in a message
_CLOSE_VALUE = 0.5  # of the values of a setting: `vllm` is meant to be `vllm-server`


def load_settings() -> Settings:
    """Return the worker's settings. Raises SettingsInvalid, with every problem under the name of its variable."""
    return _load(Settings, _misspelled_variables())


def load_client_settings() -> ClientSettings:
    """Return the batch client's settings. Raises SettingsInvalid, with every problem under the name of its variable."""
    return _load(ClientSettings, [])


def unknown_variables(declared: Iterable[str] = ()) -> list[str]:
    """Return the `OCR_` variables of the environment that no setting is read from.

    declared: variables that the engine reads, by name or by a pattern such as `OCR_FONT_*`.
    """
    known_names = _known_names().values()
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(_PREFIX)
        and name.upper() not in known_names
        and not any(fnmatchcase(name, pattern) for pattern in declared)
    )


def source_variable(field: str, model: type[BaseSettings] = Settings) -> str | None:
    """Return the variable of the environment that sets a field of `model`, or None if none is set."""
    values = _environment()
    return next((name for name in variable_names(field, model) if values.get(name)), None)


def _load(model: type[SettingsModel], problems: list[str]) -> SettingsModel:
    try:
        settings = model()
    except ValidationError as error:
        for detail in error.errors():
            problems += [problem for problem in _problems(model, detail) if problem not in problems]
    if problems:
        raise SettingsInvalid(_message(problems))
    return settings


def _message(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return "\n".join([f"{len(problems)} settings are wrong:", *(f"- {problem}" for problem in problems)])


def _problems(model: type[BaseSettings], detail: ErrorDetails) -> list[str]:
    """Return the problems in one error of pydantic: several if settings contradict each other, else one."""
    if not detail["loc"]:
        return detail["msg"].removeprefix("Value error, ").splitlines()
    field = _field(model, str(detail["loc"][0]))
    name = source_variable(field, model) or variable_name(field, model)
    value = shown_value(_environment().get(name, ""), is_secret=is_secret(field, model))
    problem = f"{name}={_in_line(value)} is not {expected_values(field, model)}"
    literals = {literal.lower(): literal for literal in literal_values(field, model)}
    matches = get_close_matches(value.lower(), literals, n=1, cutoff=_CLOSE_VALUE)
    if matches:
        return [f"{problem}; did you mean {literals[matches[0]]}?"]
    default = written_value(model.model_fields[field].default)
    return [f"{problem}; correct it, or unset it" + (f" for the default, {default}" if default else "")]


def _in_line(value: str) -> str:
    """Return a value as it can be shown within a line: shortened, and quoted if it contains white space."""
    text = value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}..."
    return text if text.isprintable() and " " not in text else repr(text)


def _field(model: type[BaseSettings], location: str) -> str:
    """Return the field that pydantic names by itself or, if it has an alias, by one of its variables."""
    return next(field for field in model.model_fields if location in (field, *variable_names(field, model)))


def _environment() -> Mapping[str, str]:
    """Return the environment's variables in upper case: settings are read regardless of case."""
    return {name.upper(): value for name, value in os.environ.items()}


def _known_names() -> dict[str, str]:
    """Return the variables of all settings by their names without prefix, and by the names of their fields."""
    names: dict[str, str] = {}
    for model in (Settings, ClientSettings):
        for field in model.model_fields:
            for name in variable_names(field, model):
                names[name.removeprefix(_PREFIX)] = name
    for field in Settings.model_fields:  # OCR_HEALTH_PORT, for PORT_HEALTH
        names.setdefault(field.upper(), variable_name(field))
    return names


def _misspelled_variables() -> list[str]:
    """Return a problem for each unknown variable whose name is close to that of a setting."""
    names = _known_names()
    problems = []
    for variable in unknown_variables():
        matches = get_close_matches(variable.upper().removeprefix(_PREFIX), names, n=1, cutoff=_CLOSE_NAME)
        if matches:
            problems.append(f"{variable} is not a setting; did you mean {names[matches[0]]}? Rename it, or unset it")
    return problems
