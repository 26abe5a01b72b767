"""The download of a model with Paddle's own downloader.

Besides `adapter`, this is the only module that imports a part of Paddle. `weights` imports it only when it downloads.
"""

from __future__ import annotations

import logging
from pathlib import Path

from paddlex.inference.utils.official_models import official_models

logging.getLogger("paddlex").setLevel(logging.CRITICAL)  # it logs each error and then raises it


def download(name: str) -> Path:
    """Download the model `name` and return its directory, below the cache that `settings.configure_paddle` sets.

    Raises whatever the hubs' clients raise if no hub delivers the model.
    """
    return Path(official_models[name])
