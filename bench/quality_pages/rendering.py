"""Pages to PDFs by a real browser, PDFs to pictures, and pictures as scanners, faxes and years make them."""

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
# Whether something that is not furniture reaches into the bottom margin, or beyond the right one.
_TOO_LONG = """() => {
  const style = getComputedStyle(document.body);
  const bottom = document.body.clientHeight - parseFloat(style.paddingBottom) + 1;
  const flowing = [...document.querySelectorAll("body *")].filter(e => !e.classList.contains("furniture"));
  return document.body.scrollWidth > document.body.clientWidth + 1
    || flowing.some(e => e.getBoundingClientRect().bottom > bottom);
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


def document(page: Page, chromium: Browser) -> bytes:
    """The page as a PDF: with its text, or as the picture that its scan makes of it."""
    sheet = chromium.new_page()
    sheet.set_content(page.html())
    too_long = sheet.evaluate(_TOO_LONG)
    pdf = sheet.pdf(prefer_css_page_size=True, print_background=True)
    sheet.close()
    if too_long:
        raise ValueError(f"{page.name} does not fit its sheet")
    return pdf if page.scan is None else pictured(page.scan(picture(pdf, page.dpi)), page.dpi)


def picture(pdf: bytes, dpi: int) -> np.ndarray:
    """The first page, uint8 [height, width, 3], BGR."""
    return np.ascontiguousarray(pypdfium2.PdfDocument(pdf)[0].render(scale=dpi / 72).to_numpy()[:, :, :3])


def pictured(pixels: np.ndarray, dpi: int) -> bytes:
    """A PDF that is but this picture, as scanners write them."""
    file = BytesIO()
    Image.fromarray(pixels[:, :, ::-1]).save(file, "PDF", resolution=dpi, quality=90)
    return file.getvalue()


def scan(*steps: Scan) -> Scan:
    """One after the other."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        for step in steps:
            pixels = step(pixels)
        return pixels

    return apply


def turned(quarters: int) -> Scan:
    """Counter-clockwise, by so many quarters."""
    return lambda pixels: np.ascontiguousarray(np.rot90(pixels, quarters))


def skewed(degrees: float) -> Scan:
    """Laid askew on the glass, counter-clockwise."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255))

    return apply


def compressed(quality: int) -> Scan:
    """JPEG's blocks."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        with Image.open(BytesIO(data.tobytes())) as image:
            return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])

    return apply


def faxed(pixels: np.ndarray) -> np.ndarray:
    """Black or white, from a page at 204 dpi, half of its rows lost."""
    height, width = pixels.shape[:2]
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (width, height // 2), interpolation=cv2.INTER_AREA)
    black = np.where(grey > 160, 255, 0).astype(np.uint8)
    specks = np.random.default_rng(3).random(black.shape)
    black[specks < 0.0006] = 0
    return cv2.cvtColor(cv2.resize(black, (width, height), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR)


def noisy(amount: float) -> Scan:
    """Grain; the standard deviation in grey values."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        grain = np.random.default_rng(5).normal(0, amount, pixels.shape[:2])[:, :, None]
        return np.clip(pixels + grain, 0, 255).astype(np.uint8)

    return apply


def blurred(sigma: float) -> Scan:
    """Out of focus, in pixels."""
    return lambda pixels: cv2.GaussianBlur(pixels, (0, 0), sigma)


def yellowed(ink: int = 70) -> Scan:
    """Old paper, unevenly lit, its ink as pale as `ink`."""

    def apply(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        light = 0.78 + 0.22 * np.linspace(0, 1, width)[None, :] * np.linspace(1, 0.7, height)[:, None]
        paper = np.array([178, 222, 236]) * light[:, :, None]
        return (ink + (paper - ink) * (pixels / 255.0)).clip(0, 255).astype(np.uint8)

    return apply


def save(folder: Path, page: Page, pdf: bytes, names: Sequence[str] = ("pdf", "png")) -> None:
    """The document and its picture, to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{page.name}.{names[0]}").write_bytes(pdf)
    cv2.imwrite(str(folder / f"{page.name}.{names[1]}"), picture(pdf, 110))
