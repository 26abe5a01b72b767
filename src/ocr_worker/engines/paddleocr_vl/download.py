"""Fetches one model by Paddle's own downloader; beside `adapter` the only module that imports a part of Paddle."""

from __future__ import annotations

import logging
from pathlib import Path

from paddlex.inference.utils.official_models import official_models

logging.getLogger("paddlex").setLevel(logging.CRITICAL)  # it logs what it then raises


def download(name: str) -> Path:
    """The directory that the model `name` was fetched into, below the cache that `settings.configure_paddle` named.

    Raises whatever the hubs' clients raise, when none of the hubs gave the model.
    """
    return Path(official_models[name])
