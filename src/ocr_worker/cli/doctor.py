"""`ocr-worker doctor`: what the worker would run with the current settings, without running it.

The report has facts about the engine (versions, weights, device), the settings with the origin of each, warnings, and
the obstacles to a start, each with its remedy. By default it shows the settings that differ from their defaults.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Literal

from ocr_worker import __version__
from ocr_worker.cli import FAILED, OK
from ocr_worker.engines.process.engine import has_processes
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import SettingsInvalid
from ocr_worker.extras import installed_version, not_installed_message
from ocr_worker.settings import (
    SettingField,
    Settings,
    grouped_fields,
    load_settings,
    shown_value,
    source_variable,
    unknown_variables,
    written_value,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--all", action="store_true", help="show all settings by group, also those with their defaults")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON document, with all settings")


def run(options: argparse.Namespace) -> int:
    """Print the report. Return the exit code: 1 when the worker could not start."""
    try:
        report = examine(load_settings())
    except SettingsInvalid as error:
        if not options.json:
            raise
        report = Report(problems=[str(error)])
    if options.json:
        print(json.dumps(asdict(report) | {"can_start": report.can_start}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(report.lines(all_settings=options.all)))
    return OK if report.can_start else FAILED


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting in a report.

    value: text with secrets replaced. source: `environment`; `derived` from other settings; or `default`. variable: the
    environment variable that sets it, which may be another than `name`; else None.
    """

    name: str
    group: str
    value: str
    default: str
    source: Literal["environment", "derived", "default"]
    variable: str | None
    is_default: bool
    description: str

    def line(self) -> str:
        """Return the setting for people: value and origin."""
        if self.is_default and not self.value:
            return f"  {self.name}  (not set)"
        origin = f"{self.source} variable {self.variable}" if self.variable not in (None, self.name) else self.source
        default = f"; default: {self.default}" if self.default and not self.is_default else ""
        return f"  {self.name}={self.value}  ({origin}{default})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of an examination.

    facts: lines about the engine. problems: obstacles to a start, each with its remedy. warnings: lines about what is
    probably a mistake.
    """

    version: str = __version__
    engine: str | None = None
    facts: list[str] = field(default_factory=list)
    settings: list[ShownSetting] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def can_start(self) -> bool:
        """True if nothing is known that would stop the worker."""
        return not self.problems

    def lines(self, *, all_settings: bool = False) -> Iterator[str]:
        """Yield the report for people, a line at a time; lines about obstacles begin with `not ready`."""
        yield f"ocr-worker {self.version}, engine {self.engine}"
        yield from self.facts
        if all_settings:
            yield from self._grouped_lines()
        else:
            changed = [setting.line() for setting in self.settings if not setting.is_default]
            yield "settings that differ from their defaults:" if changed else "settings: all have their defaults"
            yield from changed
        yield from (f"warning: {warning}" for warning in self.warnings)
        yield from [f"not ready: {problem}".replace("\n", "\n  ") for problem in self.problems] or ["ready"]

    def _grouped_lines(self) -> Iterator[str]:
        group = None
        for setting in self.settings:
            if setting.group != group:
                group = setting.group
                yield f"settings, {group}:"
            yield setting.line()


def examine(settings: Settings) -> Report:
    """Return a report on what the worker would run with these settings, and whether it could start.

    It loads no engine and uses no network. Raises SettingsInvalid when the engine does not exist.
    """
    spec = engine_spec(settings.engine)
    diagnosis = spec.diagnose(settings)
    problems = list(diagnosis.remedies)
    if settings.bucket_endpoint_url and not installed_version("boto3"):
        problems.append(not_installed_message("boto3, the S3 client,", "s3"))
    place = "each in a process of its own" if has_processes(spec, settings) else "in the worker's process"
    return Report(
        engine=settings.engine,
        facts=[
            *diagnosis.lines,
            f"engines: {spec.replicas(settings)}, {place}",
            *(f"reads {name}: {description}" for name, description in spec.variables.items()),
        ],
        settings=[_show(settings, setting) for fields in grouped_fields().values() for setting in fields],
        warnings=[
            f"{name} is not a setting of this worker, and has no effect" for name in unknown_variables(spec.variables)
        ],
        problems=problems,
    )


def _show(settings: Settings, setting: SettingField) -> ShownSetting:
    """Return a setting with its value in use, without secrets, and its origin."""
    is_set = setting.field in settings.model_fields_set
    value = settings.derived_value(setting.field)
    is_derived = not is_set and value != getattr(settings, setting.field)
    text = written_value(value)
    default = written_value(Settings.model_construct().derived_value(setting.field))
    return ShownSetting(
        name=setting.name,
        group=setting.group,
        value=shown_value(text, is_secret=setting.is_secret),
        default=default,
        source="environment" if is_set else "derived" if is_derived else "default",
        variable=(source_variable(setting.field) or setting.name) if is_set else None,
        is_default=text == default,
        description=setting.description,
    )
