"""What would run here, told without running it: engine, versions, weights, device, settings, limits."""

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
_SECRET = re.compile(r"key|token|secret|password")
_IN_URL = re.compile(r"(?<=://)[^/@\s]+@|\?\S+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: none."""


def run(options: argparse.Namespace) -> int:
    """Print the report. Return the exit code: 1 when the worker could not start."""
    report = examine(load_settings())
    print("\n".join(report.lines))
    return OK if report.ok else FAILED


@dataclass(frozen=True, slots=True)
class Report:
    """ok: the worker could start. lines: for people; what stands in the way begins with `not ready`."""

    lines: list[str]
    ok: bool


def examine(settings: Settings) -> Report:
    """Return what the worker would run with these settings, and whether it could start.

    Loads no engine and uses no network. Raises SettingsInvalid for an engine that does not exist.
    """
    spec = engine_spec(settings.engine)
    engine = spec.diagnose(settings)
    lines = [f"ocr-worker {__version__}, engine {settings.engine}", *engine.lines]
    lines += [f"reads {name}: {description}" for name, description in spec.variables.items()]
    lines.append("limits: " + ", ".join(f"{name} {_shown(settings, name)}" for name in _LIMITS))
    lines += [
        f"  {variable_name(name, type(settings))}={_shown(settings, name)}"
        for name in sorted(settings.model_fields_set)
    ]
    remedies = list(engine.remedies)
    if settings.bucket_endpoint_url and not installed_version("boto3"):
        remedies.append(not_installed_message("boto3, the S3 client,", "s3"))
    lines += [f"not ready: {remedy}".replace("\n", "\n  ") for remedy in remedies] or ["ready"]
    return Report(lines, ok=not remedies)


def _shown(settings: Settings, name: str) -> str:
    """A setting's value, without what must not be shown."""
    value = getattr(settings, name)
    if isinstance(value, SecretStr) or (value and _SECRET.search(name)):
        return "***"
    return _IN_URL.sub("***", str(value))
