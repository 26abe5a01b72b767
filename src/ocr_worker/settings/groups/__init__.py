"""The worker's settings by group, a class and a module for each; `GROUPS` has their names and order in documents.

A field's description is read alone, in `ocr-worker doctor`, the documents and the Hub's form: it is a complete phrase
with the unit, and says what happens by default. A group also checks its own fields against each other. Settings that
follow from others are properties of `Settings`, which has the fields of all groups.
"""

from __future__ import annotations

from collections.abc import Mapping

from ocr_worker.settings.groups.base import EnvironmentModel, SettingsGroup
from ocr_worker.settings.groups.bucket import BucketSettings
from ocr_worker.settings.groups.engine import EngineSettings
from ocr_worker.settings.groups.http import HttpSettings
from ocr_worker.settings.groups.limits import LimitSettings
from ocr_worker.settings.groups.model_server import USABLE_GPU_SHARE, ModelServerSettings
from ocr_worker.settings.groups.platform import PlatformSettings
from ocr_worker.settings.groups.worker import WorkerSettings

GROUPS: Mapping[str, type[SettingsGroup]] = {
    "worker": WorkerSettings,
    "limits": LimitSettings,
    "engine": EngineSettings,
    "model server": ModelServerSettings,
    "bucket": BucketSettings,
    "HTTP": HttpSettings,
    "platform": PlatformSettings,
}

__all__ = [
    "GROUPS",
    "USABLE_GPU_SHARE",
    "BucketSettings",
    "EngineSettings",
    "EnvironmentModel",
    "HttpSettings",
    "LimitSettings",
    "ModelServerSettings",
    "PlatformSettings",
    "SettingsGroup",
    "WorkerSettings",
]
