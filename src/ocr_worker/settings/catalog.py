"""The list of all settings: variable, group, default, description and valid values of each.

It is computed from the fields of the models, for error messages, `ocr-worker doctor` and documents, so that they all
name the same variables.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from ocr_worker.settings.groups import GROUPS
from ocr_worker.settings.settings import Settings
from ocr_worker.settings.values import Expected, written_value

_BOUNDS = ("gt", "ge", "le")  # attributes of the constraints in a field's metadata


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting, as documents and `ocr-worker doctor` show it.

    name: environment variable. field: attribute of the model. group: key of `GROUPS`, or another word for a model
    outside them. default: text that would set it; empty if the default is no single value, as the description then
    explains. is_secret: never print the value.
    """

    name: str
    field: str
    group: str
    default: str
    description: str
    is_secret: bool


def grouped_fields() -> dict[str, list[SettingField]]:
    """Return the worker's settings by group, in the order in which they are documented."""
    return {group: list_fields(model, group) for group, model in GROUPS.items()}


def list_fields(model: type[BaseSettings], group: str) -> list[SettingField]:
    """Return the settings of one model. group: its name, such as `client` for `ClientSettings`."""
    return [
        SettingField(
            name=variable_name(field, model),
            field=field,
            group=group,
            default=written_value(info.default),
            description=info.description or "",
            is_secret=is_secret(field, model),
        )
        for field, info in model.model_fields.items()
    ]


def variable_names(field: str, model: type[BaseSettings] = Settings) -> tuple[str, ...]:
    """Return the environment variables that a field of `model` is read from, in order of precedence."""
    alias = model.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(choice for choice in alias.choices if isinstance(choice, str))
    return (alias if isinstance(alias, str) else f"{model.model_config.get('env_prefix', '')}{field}".upper(),)


def variable_name(field: str, model: type[BaseSettings] = Settings) -> str:
    """Return the environment variable that a field of `model` is documented under."""
    return variable_names(field, model)[0]


def is_secret(field: str, model: type[BaseSettings] = Settings) -> bool:
    """Return whether the value of a field must never be printed."""
    return "SecretStr" in str(model.model_fields[field].annotation) or "access_key" in field


def expected_values(field: str, model: type[BaseSettings] = Settings) -> str:
    """Return the phrase for the valid values of a field, such as `a whole number from 1 to 64`."""
    info = model.model_fields[field]
    phrases = [item.phrase for item in info.metadata if isinstance(item, Expected)]
    if phrases:
        return phrases[0]
    annotation = _without_none(info.annotation)
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(get_args(annotation))}"
    names = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}
    return names.get(annotation, "a text") + _bounds(info)


def literal_values(field: str, model: type[BaseSettings] = Settings) -> tuple[str, ...]:
    """Return the values of a field that has a fixed set of them; else nothing."""
    annotation = _without_none(model.model_fields[field].annotation)
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _without_none(annotation: Any) -> Any:
    """Return `T` for the annotation `T | None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _bounds(info: FieldInfo) -> str:
    above, least, most = ([getattr(item, name) for item in info.metadata if hasattr(item, name)] for name in _BOUNDS)
    if least and most:
        return f" from {least[0]} to {most[0]}"
    if least:
        return f" of at least {least[0]}"
    if above:
        return f" above {above[0]}" + (f" and up to {most[0]}" if most else "")
    return ""
