"""The engine: it lists the most frequent colors of each page, and the share of the page that each covers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from ocr_worker.errors import EngineUnavailable
from ocr_worker.pages import PageImage, ParsedPage, Pixels
from ocr_worker.pictures import jpeg_of_pixels
from ocr_worker.wire.schema import Block, EngineInfo
from own_engine import ColorOptions

Color = tuple[int, ...]  # red, green, blue


class ColorEngine:
    """Pillow's color quantization. It keeps nothing between calls."""

    batch_size = 4

    def __init__(self, names_file: Path | None) -> None:
        """names_file: JSON of color names; None for those that Pillow knows. Raises EngineUnavailable if unreadable."""
        self._names = _color_names(names_file)
        self.info = EngineInfo(name="own-engine", version=version("own-engine"), backend="pillow")

    def warm_up(self) -> None:
        """See `Engine`."""
        page = PageImage(number=1, pixels=np.zeros((8, 8, 3), np.uint8))
        if not self.parse([page], ColorOptions())[0].markdown.endswith("100 %"):
            raise EngineUnavailable("a page of one color has several; reinstall Pillow")

    def parse(self, pages: Sequence[PageImage], options: ColorOptions) -> list[ParsedPage]:
        """See `Engine`."""
        return [self._parse(page, options) for page in pages]

    def close(self) -> None:
        """See `Engine`."""

    def _parse(self, page: PageImage, options: ColorOptions) -> ParsedPage:
        height, width = page.pixels.shape[:2]
        lines = [f"- {self._name(color)}: {share:.0%}" for color, share in _shares(page.pixels, options.colors)]
        text = "\n".join(line.replace("%", " %") for line in lines)
        return ParsedPage(
            width=width,
            height=height,
            markdown=text,
            blocks=[Block(label="text", content=text, bbox=(0, 0, width, height))],
            image=jpeg_of_pixels(page.pixels) if options.page_images == "inline" else None,
        )

    def _name(self, color: Color) -> str:
        """Return the name of the color nearest to `color`."""
        return min(self._names, key=lambda name: _distance(self._names[name], color))


def _shares(pixels: Pixels, count: int) -> list[tuple[Color, float]]:
    """Return at most `count` colors with the share of the page that each covers, the largest first."""
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1])).quantize(count).convert("RGB")
    colors, counts = np.unique(np.asarray(image).reshape(-1, 3), axis=0, return_counts=True)
    return [(tuple(colors[i].tolist()), counts[i] / counts.sum()) for i in counts.argsort()[::-1]]


def _distance(color: Color, other: Color) -> int:
    return sum((a - b) ** 2 for a, b in zip(color, other, strict=True))


def _color_names(file: Path | None) -> Mapping[str, Color]:
    if file is None:
        return {name: ImageColor.getrgb(name) for name in ImageColor.colormap}
    try:
        return {name: ImageColor.getrgb(color) for name, color in json.loads(file.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise EngineUnavailable(f"COLOR_NAMES={file} cannot be read: {error}; correct it, or unset it") from error
