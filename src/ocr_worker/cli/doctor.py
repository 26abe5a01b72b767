"""`ocr-worker doctor`: what the worker would run with the current settings, without running it.

The report shows the engine, versions, weights, device, limits and settings. It says what is missing and what to do.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from pydantic import SecretStr

from ocr_worker import __version__
from ocr_worker.cli import FAILED, OK
from ocr_worker.engines.registry import engine_spec
from ocr_worker.extras import installed_version, not_installed_message
from ocr_worker.settings import Settings, load_settings, variable_name

_LIMITS = ("max_source_mb", "max_pages", "max_page_mpx", "page_memory_mb", "engine_timeout_s", "inline_limit_mb")
_SECRET_NAME = re.compile(r"key|token|secret|password")
_URL_SECRETS = re.compile(r"(?<=://)[^/@\s]+@|\?\S+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: none."""


def run(options: argparse.Namespace) -> int:
    """Print the report. Return the exit code: 1 when the worker could not start."""
    report = examine(load_settings())
    print("\n".join(report.lines))
    return OK if report.can_start else FAILED


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an examination. lines: text for people; lines about obstacles begin with `not ready`."""

    lines: list[str]
    can_start: bool


def examine(settings: Settings) -> Report:
    """Return a report on what the worker would run with these settings, and whether it could start.

    It loads no engine and uses no network. Raises SettingsInvalid when the engine does not exist.
    """
    spec = engine_spec(settings.engine)
    engine = spec.diagnose(settings)
    lines = [f"ocr-worker {__version__}, engine {settings.engine}", *engine.lines]
    lines += [f"reads {name}: {description}" for name, description in spec.variables.items()]
    lines.append("limits: " + ", ".join(f"{name} {_redact_setting(settings, name)}" for name in _LIMITS))
    lines += [
        f"  {variable_name(name, type(settings))}={_redact_setting(settings, name)}"
        for name in sorted(settings.model_fields_set)
    ]
    remedies = list(engine.remedies)
    if settings.bucket_endpoint_url and not installed_version("boto3"):
        remedies.append(not_installed_message("boto3, the S3 client,", "s3"))
    lines += [f"not ready: {remedy}".replace("\n", "\n  ") for remedy in remedies] or ["ready"]
    return Report(lines, can_start=not remedies)


def _redact_setting(settings: Settings, name: str) -> str:
    """Return a setting's value as text, with secrets, and credentials and queries of URLs, replaced by `***`."""
    value = getattr(settings, name)
    if isinstance(value, SecretStr) or (value and _SECRET_NAME.search(name)):
        return "***"
    return _URL_SECRETS.sub("***", str(value))
