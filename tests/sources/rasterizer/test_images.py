"""Image files as cameras, scanners and programs write them; through a real rasterizer process."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin, TiffImagePlugin

from ocr_worker.ink import has_ink
from ocr_worker.pages import PageImage, Pixels
from ocr_worker.sources.rasterizer import RasterDocument, RasterPool
from support.files import RED, request, saved

pytestmark = pytest.mark.process


def read(pool: RasterPool, data: bytes, max_pixels: int = 40_000_000) -> tuple[RasterDocument, list[Pixels]]:
    with pool.open(data, request(max_pixels=max_pixels)) as document:
        pages = list(document)
    assert all(isinstance(page, PageImage) for page in pages), pages
    return document, [page.pixels for page in pages if isinstance(page, PageImage)]


def codes(document: RasterDocument) -> list[str]:
    return [warning.code for warning in document.warnings]


def lettering(color: tuple[int, int, int], ground: tuple[int, int, int] = (0, 0, 0)) -> Image.Image:
    """Strokes in a color, opaque, on a transparent ground."""
    image = Image.new("RGBA", (300, 200), (*ground, 0))
    for y in range(30, 170, 40):
        ImageDraw.Draw(image).text((20, y), "Nothing is left out", (*color, 255), font_size=24)
    return image


# --------------------------------------------------------------------------- transparency


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_white_letters_on_a_transparent_ground_can_be_seen(
    pool: RasterPool, mode: str, ground: tuple[int, int, int]
) -> None:
    """White letters stay visible in every mode with transparency, whatever color the transparent pixels have."""
    kind = "TIFF" if mode == "PA" else "PNG"
    image = lettering((255, 255, 255), ground)
    if mode == "PA":
        mode, kind = "LA", "WEBP"
    _, (pixels,) = read(pool, saved(image.convert(mode), kind, lossless=True))
    assert has_ink(pixels)
    assert np.ptp(pixels) > 200


@pytest.mark.parametrize("color", [(255, 255, 200), (235, 235, 235), (200, 255, 255)])
def test_light_letters_can_be_seen(pool: RasterPool, color: tuple[int, int, int]) -> None:
    """Letters nearly as light as paper are put on a dark ground."""
    _, (pixels,) = read(pool, saved(lettering(color), "PNG"))
    assert tuple(pixels[0, 0]) == (0, 0, 0)


def test_letters_of_white_and_black_can_both_be_seen(pool: RasterPool) -> None:
    """The ground is gray if neither white nor black shows all letters."""
    image = lettering((255, 255, 255))
    image.alpha_composite(lettering((0, 0, 0)).crop((0, 0, 300, 90)), (0, 100))
    _, (pixels,) = read(pool, saved(image, "PNG"))
    assert tuple(pixels[0, 0]) == (128, 128, 128)


def test_dark_letters_and_pictures_with_holes_stay_on_white(pool: RasterPool) -> None:
    """Dark letters are on white, and so is a light picture with round corners that shows its own letters."""
    _, (pixels,) = read(pool, saved(lettering((40, 40, 60)), "PNG"))
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    panel = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    ImageDraw.Draw(panel).rounded_rectangle((0, 0, 299, 199), 30, (250, 250, 250, 255))
    panel.alpha_composite(lettering((0, 0, 0)))
    _, (pixels,) = read(pool, saved(panel, "PNG"))
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert has_ink(pixels)


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize("alpha", [12, 60])
def test_faint_drawings_can_be_read(pool: RasterPool, shade: int, alpha: int) -> None:
    """Letters that are nearly transparent all over have the contrast of opaque ones."""
    image = lettering((shade, shade, shade), (shade, shade, shade))
    image.putalpha(image.getchannel("A").point(lambda value: value * alpha // 255))
    _, (pixels,) = read(pool, saved(image, "PNG"))
    assert np.ptp(pixels) > 200


@pytest.mark.parametrize("shade", [0, 255])
def test_letters_beside_a_card_can_be_seen(pool: RasterPool, shade: int) -> None:
    """Letters outside of an opaque card of their own color decide on the ground; the card shows its letters anyway."""
    image = Image.new("RGBA", (300, 400), (0, 0, 0, 0))
    card = Image.new("RGBA", (300, 200), (shade, shade, shade, 255))
    card.alpha_composite(lettering((255 - shade,) * 3))
    image.paste(card, (0, 0))
    image.alpha_composite(lettering((shade,) * 3), (0, 200))
    _, (pixels,) = read(pool, saved(image, "PNG"))
    assert has_ink(pixels[:200])
    assert np.ptp(pixels[210:390]) > 200


def test_twelve_bits_in_sixteen_are_scaled(pool: RasterPool) -> None:
    """Gray values of 12 bits, as cameras and X-ray scanners write them in 16 bits, become black to white."""
    ink = np.asarray(lettering((255, 255, 255)).getchannel("A")) > 128
    _, (pixels,) = read(pool, saved(Image.fromarray(np.where(ink, 0, 4000).astype(np.uint16)), "TIFF"))
    assert np.ptp(pixels) > 200


def test_sixteen_bits_with_a_transparent_value(pool: RasterPool) -> None:
    """White letters in 16-bit gray, whose ground is transparent and hardly darker, stay visible."""
    ink = np.asarray(lettering((255, 255, 255)).getchannel("A")) > 128
    values = np.where(ink, 65535, 65000).astype(np.uint16)
    _, (pixels,) = read(pool, saved(Image.fromarray(values), "PNG", transparency=65000))
    assert has_ink(pixels)


def test_a_useless_alpha_channel_is_ignored(pool: RasterPool) -> None:
    """An image that is transparent everywhere shows its colors, if anything is drawn in them."""
    image = Image.new("RGBA", (300, 200), "white")
    image.alpha_composite(lettering((0, 0, 0)))
    image.putalpha(0)
    _, (pixels,) = read(pool, saved(image, "PNG"))
    assert has_ink(pixels)
    _, (pixels,) = read(pool, saved(Image.new("RGBA", (300, 200), (0, 0, 0, 0)), "PNG"))
    assert pixels.min() == 255


# --------------------------------------------------------------------------- metadata


def chunk(name: bytes, data: bytes, checksum: int | None = None) -> bytes:
    crc = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def after_header(png: bytes, *chunks: bytes) -> bytes:
    """The PNG with these chunks behind its IHDR."""
    return png[:33] + b"".join(chunks) + png[33:]


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"tEXt", b"Comment\0drawn by hand", checksum=1),
        chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"prompt " * 2_000_000)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0not compressed at all"),
        chunk(b"iCCP", b"profile\0\0damaged"),
        chunk(b"tIME", b"\0", checksum=7),
        chunk(b"pHYs", b"\0" * 9, checksum=7),
        chunk(b"prVt", b"of some program", checksum=7),
    ],
    ids=lambda data: data[4:8].decode(),
)
def test_comments_of_a_png_are_no_damage(pool: RasterPool, extra: bytes) -> None:
    """A comment that is large, damaged or has a wrong checksum does not matter: the pixels are whole."""
    document, (pixels,) = read(pool, after_header(saved(Image.new("RGB", (40, 30), RED), "PNG"), extra))
    assert tuple(pixels[15, 20][::-1]) == RED
    assert not codes(document)


def test_a_png_keeps_its_transparency_resolution_and_orientation(pool: RasterPool) -> None:
    """Transparency, resolution and orientation of a PNG survive beside a damaged comment."""
    image = Image.new("P", (60, 40), 1)
    image.putpalette([0, 0, 0, *RED])
    image.paste(0, (0, 0, 20, 40))
    exif = image.getexif()
    exif[0x0112] = 6
    data = saved(image, "PNG", transparency=0, dpi=(300, 300), exif=exif)
    with pool.open(after_header(data, chunk(b"tEXt", b"a\0b", checksum=1)), request()) as document:
        (page,) = document
    assert isinstance(page, PageImage)
    assert page.pixels.shape == (60, 40, 3)
    assert page.dpi == pytest.approx(300, abs=0.1)
    assert tuple(page.pixels[5, 20]) == (255, 255, 255)


def test_damaged_exif_is_no_damage(pool: RasterPool) -> None:
    """A photo whose EXIF data cannot be read is read as it is stored."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03\0\0"
    _, (pixels,) = read(pool, saved(Image.new("RGB", (60, 40), RED), "JPEG", exif=exif))
    assert pixels.shape == (40, 60, 3)


# --------------------------------------------------------------------------- frames


@pytest.mark.parametrize("tags", [{254: 1}, {254: 4}, {255: 2}], ids=["reduced", "mask", "old reduced"])
def test_thumbnails_of_a_tiff_are_no_pages(pool: RasterPool, tags: dict[int, int]) -> None:
    """Frames that say they are reduced copies or masks are left out; the pages keep their order."""
    extra = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        extra[tag] = value
        extra.tagtype[tag] = 4 if tag == 254 else 3
    frames = [Image.new("L", (60, 40), 200), Image.new("L", (12, 8), 0), Image.new("L", (50, 70), 100)]
    frames[1].encoderinfo = {"tiffinfo": extra}
    document, pages = read(pool, saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert [page.shape[:2] for page in pages] == [(40, 60), (70, 50)]
    assert (document.page_count, codes(document)) == (2, [])


def test_a_tiff_of_thumbnails_alone_has_pages(pool: RasterPool) -> None:
    """If every frame says it is a reduced copy, all are pages: something must be read."""
    extra = TiffImagePlugin.ImageFileDirectory_v2()
    extra[254] = 1
    _, pages = read(pool, saved(Image.new("L", (60, 40), 200), "TIFF", tiffinfo=extra))
    assert len(pages) == 1


def test_each_picture_of_a_heic_is_a_page(pool: RasterPool) -> None:
    """Several pictures in one HEIC file are its pages and no animation."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    pictures = [Image.new("RGB", (64, 64), RED), Image.new("RGB", (64, 96), "white")]
    document, pages = read(pool, saved(pictures[0], "HEIF", save_all=True, append_images=pictures[1:]))
    assert [page.shape[:2] for page in pages] == [(64, 64), (96, 64)]
    assert codes(document) == []


def test_a_very_long_image_is_bounded(pool: RasterPool) -> None:
    """No side has more than 32,766 pixels, whatever the budget is."""
    with pool.open(saved(Image.new("L", (20, 50_000), 255), "PNG"), request(max_pixels=40_000_000)) as document:
        (page,) = document
    assert isinstance(page, PageImage)
    assert page.pixels.shape[0] == 32_766
    assert [warning.code for warning in page.warnings] == ["IMAGE_DOWNSCALED"]


def test_a_large_text_in_a_png_written_by_pillow(pool: RasterPool) -> None:
    """The text chunk of an image generator, larger than Pillow's own limit, is not looked at."""
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a castle by the river, " * 200_000, zip=True)
    _, (pixels,) = read(pool, saved(Image.new("RGB", (40, 30), RED), "PNG", pnginfo=info))
    assert tuple(pixels[0, 0][::-1]) == RED
