"""Pages as a reader would see them, and every odd or hostile file with its code; through real rendering children."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocr_worker.errors import OcrWorkerError
from ocr_worker.pages import PageImage, Pixels
from ocr_worker.sources.rasterizer import FailedPage, RasterDocument, RasterPool, RasterRequest
from support import files
from support.files import RED, request, saved

pytestmark = pytest.mark.process


def rendered(
    pool: RasterPool, data: bytes, raster_request: RasterRequest | None = None
) -> list[PageImage | FailedPage]:
    with pool.open(data, raster_request or request()) as document:
        return list(document)


def picture(pool: RasterPool, data: bytes, raster_request: RasterRequest | None = None) -> PageImage:
    page = rendered(pool, data, raster_request)[0]
    assert isinstance(page, PageImage)
    return page


def colour_at(pixels: Pixels, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
    """RGB at a place given as shares of width and height."""
    blue, green, red = pixels[int(y * pixels.shape[0]), int(x * pixels.shape[1])]
    return int(red), int(green), int(blue)


def close_to(colour: tuple[int, ...], expected: tuple[int, ...], by: int = 12) -> bool:
    return all(abs(have - want) <= by for have, want in zip(colour, expected, strict=True))


def code_of(pool: RasterPool, data: bytes, raster_request: RasterRequest | None = None) -> str:
    try:
        page = rendered(pool, data, raster_request)[0]
    except OcrWorkerError as error:
        return error.code
    return page.error.code if isinstance(page, FailedPage) else "read"


def codes(warned: RasterDocument | PageImage) -> list[str]:
    return [warning.code for warning in warned.warnings]


# --------------------------------------------------------------------------- read rightly


def test_a_pdf_page_has_the_size_of_its_dpi(pool: RasterPool) -> None:
    """200 x 100 points at 144 dpi are 400 x 200 pixels, in BGR, and the page says its dpi."""
    page = picture(pool, files.pages([files.filled(RED)]), request(dpi=144))
    assert page.pixels.shape == (200, 400, 3)
    assert page.dpi == 144
    assert close_to(colour_at(page.pixels), RED)


def test_page_ranges_choose_pages_and_past_the_end_is_a_warning(pool: RasterPool) -> None:
    """Only the requested pages are returned, in order; pages past the end cause a warning."""
    data = files.pages([files.filled((shade, 0, 0)) for shade in (10, 80, 160, 240)])
    with pool.open(data, request(pages="4,2-3,9")) as document:
        pages = list(document)
    assert (document.page_count, document.numbers) == (4, [2, 3, 4])
    assert codes(document) == ["PAGE_OUT_OF_RANGE"]
    shades = [colour_at(page.pixels)[0] for page in pages if isinstance(page, PageImage)]
    assert shades == pytest.approx([80, 160, 240], abs=2)


def test_a_filled_form_shows_its_value(pool: RasterPool) -> None:
    """The value of a form field is drawn, though the field brings no appearance of its own."""
    empty = picture(pool, files.form_pdf("")).pixels
    filled = picture(pool, files.form_pdf("Ada Lovelace")).pixels
    assert (empty != filled).sum() > 300


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_white(pool: RasterPool, mode: str) -> None:
    """Transparent parts become white."""
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 10, 10), fill=(0, 0, 0, 255))
    page = picture(pool, saved(image.convert(mode), "PNG"))
    assert colour_at(page.pixels, 0.9, 0.9) == (255, 255, 255)
    assert colour_at(page.pixels, 0.1, 0.1) == (0, 0, 0)


def test_sixteen_bits_are_scaled_not_clipped(pool: RasterPool) -> None:
    """A mid grey of 16 bits is a mid grey of 8 bits."""
    image = Image.fromarray(np.full((30, 30), 32768, np.uint16))
    assert close_to(colour_at(picture(pool, saved(image, "PNG")).pixels), (128, 128, 128), by=1)
    assert close_to(colour_at(picture(pool, saved(image, "TIFF")).pixels), (128, 128, 128), by=1)


def test_an_exif_turned_photo_is_upright(pool: RasterPool) -> None:
    """Orientation 6 is applied: the left edge as stored comes out on top."""
    image = Image.new("RGB", (60, 40), "white")
    ImageDraw.Draw(image).rectangle((0, 0, 20, 40), fill=RED)
    exif = image.getexif()
    exif[0x0112] = 6
    page = picture(pool, saved(image, "JPEG", exif=exif, quality=95))
    assert page.pixels.shape == (60, 40, 3)
    assert close_to(colour_at(page.pixels, 0.5, 0.1), RED, by=30)


def test_cmyk_and_one_bit_are_read(pool: RasterPool) -> None:
    """Ink on paper stays ink on paper in CMYK and in black and white."""
    assert close_to(colour_at(picture(pool, saved(Image.new("CMYK", (20, 20)), "TIFF")).pixels), (255, 255, 255))
    assert colour_at(picture(pool, saved(Image.new("1", (20, 20), 0), "TIFF")).pixels) == (0, 0, 0)


def test_every_frame_of_a_tiff_is_a_page_of_its_own_size(pool: RasterPool) -> None:
    """A TIFF of two sizes has two pages of those sizes."""
    frames = [Image.new("RGB", (30, 20), "white"), Image.new("L", (10, 50), 0)]
    pages = rendered(pool, saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert [page.pixels.shape for page in pages if isinstance(page, PageImage)] == [(20, 30, 3), (50, 10, 3)]


def test_of_an_animation_the_first_frame_is_read(pool: RasterPool) -> None:
    """An animated GIF is one page, and the document says that there are more frames."""
    frames = [Image.new("RGB", (20, 20), RED), Image.new("RGB", (20, 20), "white")]
    with pool.open(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), request()) as document:
        pages = list(document)
    assert len(pages) == 1
    assert codes(document) == ["ANIMATION_FIRST_FRAME"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "HEIF"])
def test_every_kind_of_image_is_recognized_by_its_bytes(pool: RasterPool, kind: str) -> None:
    """Each kind of image is read, whatever it is called."""
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    assert close_to(colour_at(picture(pool, saved(Image.new("RGB", (64, 64), RED), kind)).pixels), RED)


def test_a_large_image_is_scaled_down_and_says_so(pool: RasterPool) -> None:
    """Over the budget, but not beyond decoding: fewer pixels, a warning, the dpi in proportion."""
    page = picture(pool, saved(files.noise(2000, 1500), "PNG", dpi=(200, 200)), request(max_pixels=1_000_000))
    assert page.pixels.shape[0] * page.pixels.shape[1] <= 1_000_000
    assert codes(page) == ["IMAGE_DOWNSCALED"]
    assert page.dpi == pytest.approx(200 * (1 / 3) ** 0.5, rel=0.02)


def test_a_large_page_is_rendered_at_a_lower_dpi(pool: RasterPool) -> None:
    """The dpi in the answer is the true one, and a warning says that it is lower."""
    page = picture(pool, files.pages([files.filled(RED)], box="0 0 7200 7200"), request(dpi=200, max_pixels=36_000_000))
    assert page.dpi is not None
    assert 36 <= page.dpi <= 60
    assert page.pixels.size <= 36_000_000 * 3
    assert codes(page) == ["DPI_LOWERED"]


def test_half_a_jpeg_is_read_as_far_as_it_goes(pool: RasterPool) -> None:
    """The existing part is read, the missing part is blank, and there is a warning."""
    data = saved(files.noise(400, 400), "JPEG")
    page = picture(pool, data[: len(data) // 2])
    assert page.pixels.shape == (400, 400, 3)
    assert codes(page) == ["TRUNCATED"]


# --------------------------------------------------------------------------- refused, with the right code


def bad_files() -> dict[str, tuple[bytes, str]]:
    good = files.pages([files.filled(RED)])
    return {
        "empty": (b"", "DOCUMENT_CORRUPT"),
        "text": (b"Dear Sir or Madam, this is called .pdf", "DOCUMENT_UNSUPPORTED_TYPE"),
        "html": (b"<!doctype html><html><body>403 Forbidden</body></html>", "DOCUMENT_UNSUPPORTED_TYPE"),
        "junk after the header": (b"%PDF-1.7\n" + b"junk " * 100, "DOCUMENT_CORRUPT"),
        "no pages": (files.pages([]), "DOCUMENT_CORRUPT"),
        "corrupt png": (saved(files.noise(50, 50), "PNG")[:40] + b"x" * 500, "DOCUMENT_CORRUPT"),
        "50,000 x 50,000 png": (files.huge_png(50_000), "DOCUMENT_PAGE_TOO_LARGE"),
        "35,000 x 35,000 fax": (files.huge_fax(35_000), "DOCUMENT_PAGE_TOO_LARGE"),
        "a page as long as a road": (
            files.pages([files.filled(RED)], box="0 0 595 2147483648"),
            "DOCUMENT_PAGE_TOO_LARGE",
        ),
        "encrypted": (files.encrypted_pdf("sesame"), "DOCUMENT_ENCRYPTED"),
        "good": (good, "read"),
        "good, after junk": (b"\0" * 500 + good, "read"),
    }


@pytest.mark.parametrize("name", bad_files())
def test_a_bad_file_gets_its_code(pool: RasterPool, name: str) -> None:
    """Each kind of bad file has one stable code; the process continues with the next."""
    data, code = bad_files()[name]
    assert code_of(pool, data) == code


def test_a_truncated_pdf_is_read_or_corrupt_never_encrypted(pool: RasterPool) -> None:
    """A PDF cut anywhere is repaired and read, or corrupt; right after an encrypted one it is still not called so."""
    complete = files.pages([files.filled(RED), files.text_page("hello")])
    for share in (0.2, 0.4, 0.6, 0.8, 0.95):
        assert code_of(pool, files.encrypted_pdf("sesame")) == "DOCUMENT_ENCRYPTED"
        assert code_of(pool, complete[: int(len(complete) * share)]) in {"read", "DOCUMENT_CORRUPT"}


def test_a_password_opens_and_a_wrong_one_does_not(pool: RasterPool) -> None:
    """With the right password the page is read, with a wrong one the code is the same as without."""
    data = files.encrypted_pdf("sesame")
    assert close_to(colour_at(picture(pool, data, request(password="sesame")).pixels), RED)
    assert code_of(pool, data, request(password="barley")) == "DOCUMENT_ENCRYPTED"


def test_ten_thousand_pages_want_a_range(pool: RasterPool) -> None:
    """More pages than the limit are refused as a whole; a range of them is read."""
    data = files.pages([""] * 10_000)
    assert code_of(pool, data, request(max_pages=2000)) == "DOCUMENT_TOO_MANY_PAGES"
    assert len(rendered(pool, data, request(pages="9999-", max_pages=2000))) == 2


def test_a_range_past_the_end_is_an_error(pool: RasterPool) -> None:
    """When none of the pages asked for exists there is nothing to read."""
    assert code_of(pool, files.pages([""]), request(pages="5-")) == "DOCUMENT_PAGE_OUT_OF_RANGE"


def test_one_page_too_large_costs_that_page(pool: RasterPool) -> None:
    """The neighbours of a page that cannot be rendered are rendered."""
    data = files.pages([files.filled(RED)] * 3).replace(
        b"/MediaBox [0 0 200 100]", b"/MediaBox [0 0 90000000 90000000]", 1
    )
    pages = rendered(pool, data)
    assert [type(page) for page in pages] == [FailedPage, PageImage, PageImage]


# --------------------------------------------------------------------------- text layer


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_text_layer_lies_on_the_ink(pool: RasterPool, rotate: int) -> None:
    """A page's own text comes exact, and its box is where its ink is, however the page is rotated."""
    data = files.pages([files.text_page("Grand total: 42.50")], extra=f"/Rotate {rotate}")
    page = picture(pool, data, request(dpi=144, text_layer=True))
    assert page.text_lines is not None
    assert [line.text for line in page.text_lines] == ["Grand total: 42.50"]
    dark = np.argwhere(page.pixels.min(axis=2) < 128)
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0)
    assert page.text_lines[0].bbox == pytest.approx((left, top, right, bottom), abs=8)
    words = page.text_lines[0].words
    assert [word.text for word in words] == ["Grand", "total:", "42.50"]
    along = rotate // 90 % 2  # the first word begins where the line does, and so on
    far = max(page.text_lines[0].bbox[along + 2] - page.text_lines[0].bbox[along], 1)
    starts = sorted(word.bbox[along] for word in words)
    assert all(b - a > far / 8 for a, b in pairwise(starts))


def test_a_font_that_lies_about_its_height_is_measured(pool: RasterPool) -> None:
    """Lines are about as high as their ink, not as several lines, whatever the font says of itself."""
    page = picture(pool, files.tall_font_pdf(["Hxgx gauges", "stood in May"]), request(dpi=144, text_layer=True))
    heights = [line.bbox[3] - line.bbox[1] for line in page.text_lines or ()]
    assert [line.text for line in page.text_lines or ()] == ["Hxgx gauges", "stood in May"]
    assert all(12 < height < 40 for height in heights)  # of letters of 12 points, at 2 pixels a point


ACUTE, GRAVE, DIERESIS = "\\302", "\\301", "\\310"  # accents of their own in the standard encoding


def overprinted(*pieces: tuple[int, str]) -> str:
    """Return a line of pieces of text, each at its own x."""
    return " ".join(f"BT /F 12 Tf {x} 50 Td ({piece}) Tj ET" for x, piece in pieces)


@pytest.mark.parametrize("rotate", [0, 90])
@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        pytest.param([(20, "cafe"), (38, ACUTE), (47, "bar")], "café bar", id="after"),
        pytest.param([(20, "caf"), (38, ACUTE), (36, "e"), (47, "bar")], "café bar", id="before"),
        pytest.param([(20, DIERESIS), (19, "U"), (28, "ber")], "Über", id="capital"),
        pytest.param(
            [(20, "la"), (24, GRAVE), (40, "M"), (50, "u"), (52, DIERESIS), (57, "ller")], "là Müller", id="two"
        ),
        pytest.param([(20, "e"), (60, ACUTE)], None, id="apart"),
        pytest.param([(20, "x^y ~z")], "x^y ~z", id="signs"),
    ],
)
def test_accents_over_letters_are_composed(
    pool: RasterPool, pieces: list[tuple[int, str]], text: str | None, rotate: int
) -> None:
    """An accent that is drawn over a letter, as TeX does, is one character with it; one beside it stays a sign."""
    data = files.pages([overprinted(*pieces)], extra=f"/Rotate {rotate}")
    lines = picture(pool, data, request(text_layer=True)).text_lines or ()
    assert [line.text for line in lines] == (["e", "´"] if text is None else [text])
    assert " ".join(word.text for line in lines for word in line.words) == " ".join(line.text for line in lines)


def test_soft_hyphens_within_a_line_are_no_text(pool: RasterPool) -> None:
    """A soft hyphen marks where a word may be broken; within a line it is not part of the word."""
    page = picture(pool, files.latin_pdf("co\u00adoperate and dis\u00adcre\u00adtion"), request(text_layer=True))
    (line,) = page.text_lines or ()
    assert line.text == "cooperate and discretion"
    assert [word.text for word in line.words] == ["cooperate", "and", "discretion"]


@pytest.mark.parametrize("text", ["1\u00ad12 months", "pages 117\u00ad124", "a 5\u00adyear plan for co\u00adoperation"])
def test_a_soft_hyphen_beside_a_digit_is_a_hyphen(pool: RasterPool, text: str) -> None:
    """No number is broken at the end of a line, so 1-12 is never 112."""
    page = picture(pool, files.latin_pdf(text), request(text_layer=True))
    (line,) = page.text_lines or ()
    assert line.text == text.replace("co\u00ad", "co").replace("\u00ad", "-")


def test_each_word_carries_its_font(pool: RasterPool) -> None:
    """Words of one font have the same number, and words of another font a different one."""
    page = picture(pool, files.two_fonts_pdf([("Total", "4817")]), request(text_layer=True))
    numbers = {word.text: word.font for line in page.text_lines or () for word in line.words}
    assert numbers["Total"] != numbers["4817"]


def test_invisible_text_is_not_the_pages_text(pool: RasterPool) -> None:
    """Invisible text behind a scan (render mode 3) is not part of the text layer; visible text beside it is."""
    content = files.text_page("Drawn", y=20) + " BT 3 Tr /F 12 Tf 20 80 Td (garbage of a scanner) Tj ET"
    page = picture(pool, files.pages([content]), request(text_layer=True))
    assert [line.text for line in page.text_lines or ()] == ["Drawn"]


def test_without_being_asked_no_text_layer_is_handed_out(pool: RasterPool) -> None:
    """The text layer costs nothing where nobody wants it."""
    assert picture(pool, files.pages([files.text_page("hello")])).text_lines is None
