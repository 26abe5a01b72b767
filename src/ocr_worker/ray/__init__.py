"""Stages for Ray Data: `PageParser` parses documents, and `PageRenderer` renders them before that, on other processors.

`parser` and `renderer` have the two stages, and `tables` what they share: the columns, the reading of rows, and a
rendered page as bytes. Ray does the placement, the restarts and the transport: the stages know nothing of them, and
import only pyarrow.
"""

from ocr_worker import extras

with extras.needed_by("PageParser", "ray"):
    import pyarrow as pyarrow  # before the stages, for one message about what is missing

from ocr_worker.ray.parser import PageParser
from ocr_worker.ray.renderer import PageRenderer

__all__ = ["PageParser", "PageRenderer"]
