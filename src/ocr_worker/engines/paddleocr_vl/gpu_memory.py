"""The division of a GPU's memory: between model servers and layout models, or between native engine processes.

Measured on an H100 with PyTorch's layout engine: 2.4 GB for one pipeline that reads one page at a time, and 5.9 GB more
with eight pages in a layout batch. Paddle's layout engine was not measured on a GPU. Pure functions, except for the
cached question to `nvidia-smi`.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

from ocr_worker.settings import USABLE_GPU_SHARE, Settings

MAX_SERVER_SHARE = 0.5  # of a GPU's memory, for one server, as in PaddleX
MIN_SERVER_MB = 6_000  # of a server: an H200 showed 10.5 GB with a cache of 6 GB, and 83,000 tokens of cache are 1.5 GB
_LAYOUT_PAGES = 8  # in the layout batches of all pipelines together
_LAYOUT_SHARE = USABLE_GPU_SHARE - MAX_SERVER_SHARE  # of a GPU's memory, for the layout models, if its size is unknown
_BASE_MB = 1_600  # of a process with a layout model: CUDA, libraries, weights
_PAGE_MB = 850  # of a page in a layout batch


def layout_batch(settings: Settings, card_mb: float | None) -> int:
    """Return how many pages a pipeline may give to its layout model at once; at least 1.

    card_mb: memory of the GPU; None: unknown, or no GPU. All pipelines may run their layout model at the same time.
    """
    pages = _LAYOUT_PAGES
    if card_mb is not None:
        pages = min(pages, int((_LAYOUT_SHARE * card_mb - _base_mb(settings)) / _PAGE_MB))
    return max(1, min(settings.pages_per_call, pages // settings.replica_count))


def server_share(settings: Settings, card_mb: float | None) -> float:
    """Return the share of the GPU's memory for each managed server, rounded down to hundredths.

    Servers and layout models together get at most `USABLE_GPU_SHARE`.
    """
    layout_share = _LAYOUT_SHARE
    if card_mb is not None:
        layout_mb = _base_mb(settings) + settings.replica_count * layout_batch(settings, card_mb) * _PAGE_MB
        layout_share = layout_mb / card_mb
    share = min(MAX_SERVER_SHARE, (USABLE_GPU_SHARE - layout_share) / settings.servers)
    return int(max(0.0, share) * 100 + 1e-9) / 100


def native_share(settings: Settings) -> float | None:
    """Return the share of the GPU's memory for each native engine process; None: a single one, which has no limit."""
    if settings.device == "cpu" or settings.replica_count == 1:
        return None
    return USABLE_GPU_SHARE / settings.replica_count


def _base_mb(settings: Settings) -> int:
    """Return the memory of all processes with a layout model, before their first page; see `engine_builders`."""
    return _BASE_MB * (settings.replica_count if settings.engine_processes else 1)


@cache
def smallest_card_mb() -> float | None:
    """Return the memory of the smallest GPU that `nvidia-smi` lists, in MB; None if it lists none."""
    sizes = [float(size) for size in query_gpus("memory.total", "nounits") if size.replace(".", "").isdigit()]
    return min(sizes) * 1.048576 if sizes else None  # in MiB


def query_gpus(fields: str, *formats: str) -> list[str]:
    """Return a line with the fields of each GPU, as `nvidia-smi` prints them; none without it."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = [command, f"--query-gpu={fields}", f"--format={','.join(('csv', 'noheader', *formats))}"]
    try:
        process = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return process.stdout.strip().splitlines()
