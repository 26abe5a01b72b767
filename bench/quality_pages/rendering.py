"""PDFs and images of pages, and changes of images as scanners, faxes and age cause them.

A real browser prints each page to a PDF. A scanned page is a PDF that contains only the changed image. The changes
(`Scan`) are functions from pixels to pixels, uint8 [height, width, 3] in BGR, and are seeded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from quality_pages.page import Page, Scan

CHROMIUM = Path("/usr/bin/chromium")
# True if something other than furniture reaches into the bottom margin, or beyond the right one.
_TOO_LONG = """() => {
  const style = getComputedStyle(document.body);
  const bottom = document.body.clientHeight - parseFloat(style.paddingBottom) + 1;
  const flowing = [...document.querySelectorAll("body *")].filter(e => !e.classList.contains("furniture"));
  return document.body.scrollWidth > document.body.clientWidth + 1
    || flowing.some(e => e.getBoundingClientRect().bottom > bottom);
}"""


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium, yield it, and close it."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


def print_pdf(page: Page, chromium: Browser) -> bytes:
    """Return the page as a PDF, with its text or as the image of its scan.

    Raises ValueError: the page does not fit its sheet.
    """
    sheet = chromium.new_page()
    sheet.set_content(page.html())
    too_long = sheet.evaluate(_TOO_LONG)
    pdf = sheet.pdf(prefer_css_page_size=True, print_background=True)
    sheet.close()
    if too_long:
        raise ValueError(f"{page.name} does not fit its sheet")
    return pdf if page.scan is None else wrap_image(page.scan(render_image(pdf, page.dpi)), page.dpi)


def render_image(pdf: bytes, dpi: int) -> np.ndarray:
    """Return the image of the first page, uint8 [height, width, 3], BGR."""
    return np.ascontiguousarray(pypdfium2.PdfDocument(pdf)[0].render(scale=dpi / 72).to_numpy()[:, :, :3])


def wrap_image(pixels: np.ndarray, dpi: int) -> bytes:
    """Return a PDF that contains only this image, as scanners write them."""
    file = BytesIO()
    Image.fromarray(pixels[:, :, ::-1]).save(file, "PDF", resolution=dpi, quality=90)
    return file.getvalue()


def scan(*steps: Scan) -> Scan:
    """Return a scan that applies the steps one after the other."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        for step in steps:
            pixels = step(pixels)
        return pixels

    return apply


def rotate(quarters: int) -> Scan:
    """Return a scan that is rotated counter-clockwise by quarter turns."""
    return lambda pixels: np.ascontiguousarray(np.rot90(pixels, quarters))


def skew(degrees: float) -> Scan:
    """Return a scan that is askew on the glass, counter-clockwise."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255))

    return apply


def compress(quality: int) -> Scan:
    """Return a scan with the blocks of JPEG of this quality."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        with Image.open(BytesIO(data.tobytes())) as image:
            return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])

    return apply


def fax(pixels: np.ndarray) -> np.ndarray:
    """Return the image as a fax: black or white, from a page at 204 dpi, with half of its rows lost."""
    height, width = pixels.shape[:2]
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (width, height // 2), interpolation=cv2.INTER_AREA)
    black = np.where(grey > 160, 255, 0).astype(np.uint8)
    specks = np.random.default_rng(3).random(black.shape)
    black[specks < 0.0006] = 0
    return cv2.cvtColor(cv2.resize(black, (width, height), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR)


def add_noise(amount: float) -> Scan:
    """Return a scan with grain. amount: standard deviation in gray values."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        grain = np.random.default_rng(5).normal(0, amount, pixels.shape[:2])[:, :, None]
        return np.clip(pixels + grain, 0, 255).astype(np.uint8)

    return apply


def blur(sigma: float) -> Scan:
    """Return a scan that is out of focus. sigma: in pixels."""
    return lambda pixels: cv2.GaussianBlur(pixels, (0, 0), sigma)


def age(ink: int = 70) -> Scan:
    """Return a scan of old paper in uneven light. ink: gray value of the pale ink."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        light = 0.78 + 0.22 * np.linspace(0, 1, width)[None, :] * np.linspace(1, 0.7, height)[:, None]
        paper = np.array([178, 222, 236]) * light[:, :, None]
        return (ink + (paper - ink) * (pixels / 255.0)).clip(0, 255).astype(np.uint8)

    return apply


def save(folder: Path, page: Page, pdf: bytes, names: Sequence[str] = ("pdf", "png")) -> None:
    """Write the PDF and its image to a folder, to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{page.name}.{names[0]}").write_bytes(pdf)
    cv2.imwrite(str(folder / f"{page.name}.{names[1]}"), render_image(pdf, 110))
