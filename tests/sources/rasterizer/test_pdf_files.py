"""PDF files as programs write them: page units, scans, protection, damage, forms and attachments."""

from __future__ import annotations

import io
import re

import pytest
from pypdf import PdfReader, PdfWriter

from ocr_worker.errors import Encrypted, OcrWorkerError
from ocr_worker.pages import PageImage
from ocr_worker.sources.rasterizer import RasterDocument, RasterPool, RasterRequest
from ocr_worker.sources.rasterizer.pdf_file import saslprep
from support import files
from support.files import RED, request

pytestmark = pytest.mark.process

A4_REQUEST = request(dpi=200, max_pixels=40_000_000)


def read(
    pool: RasterPool, data: bytes, raster_request: RasterRequest | None = None
) -> tuple[RasterDocument, PageImage]:
    with pool.open(data, raster_request or A4_REQUEST) as document:
        page = next(iter(document))
    assert isinstance(page, PageImage), page
    return document, page


def codes(warned: RasterDocument | PageImage) -> list[str]:
    return [warning.code for warning in warned.warnings]


def written(writer: PdfWriter) -> bytes:
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


# --------------------------------------------------------------------------- scale


def test_a_page_has_the_size_of_its_units(pool: RasterPool) -> None:
    """A box of 74 x 105 units of 8 points is nearly A4, and its dpi is true."""
    _, page = read(pool, files.pages([files.text_page("Plan")], box="0 0 74.41 105.24", extra="/UserUnit 8"))
    assert page.pixels.shape[:2] == (2339, 1654)
    assert page.dpi == 200


def test_units_in_compressed_objects_count(pool: RasterPool) -> None:
    """A unit in a compressed object stream counts."""
    import pikepdf

    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(files.pages([files.filled(RED)], box="0 0 60 80", extra="/UserUnit 10"))) as document:
        document.save(buffer, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert b"/UserUnit" not in buffer.getvalue()
    _, page = read(pool, buffer.getvalue(), request(dpi=72))
    assert page.pixels.shape[:2] == (800, 600)


def scan(width: int, height: int, box: tuple[int, int]) -> bytes:
    """A gray picture of so many pixels over a page of this size in points."""
    picture = b"\x80" * (width * height)
    return files.pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {box[0]} {box[1]}] /Contents 4 0 R "
            "/Resources << /XObject << /I 5 0 R >> >> >>",
            files.stream(f"q {box[0]} 0 0 {box[1]} 0 0 cm /I Do Q"),
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8 "
            f"/ColorSpace /DeviceGray /Length {len(picture)} >>\nstream\n".encode()
            + picture
            + b"\nendstream",
        ]
    )


@pytest.mark.parametrize("size", [(1654, 2339), (2480, 3508)])
def test_a_scan_on_a_tiny_page_keeps_its_pixels(pool: RasterPool, size: tuple[int, int]) -> None:
    """A full scan on a box of a few centimeters is rendered with about as many pixels as it has."""
    _, page = read(pool, scan(*size, box=(74, 105)))
    assert page.pixels.shape[1] == pytest.approx(size[0], rel=0.01)
    assert codes(page) == []


def test_a_scan_on_a_usual_page_and_a_small_picture_keep_the_requested_dpi(pool: RasterPool) -> None:
    """A page of A4 has the dpi that was asked for, whatever its picture has; so has a stamp that is no larger."""
    _, page = read(pool, scan(1654, 2339, box=(595, 842)), request(dpi=100, max_pixels=40_000_000))
    assert page.dpi == 100
    _, page = read(pool, scan(20, 30, box=(74, 105)))
    assert page.dpi == 200


def test_tiny_letters_on_a_small_page_become_readable(pool: RasterPool) -> None:
    """Letters of one point on a small page are rendered as large as letters of six points."""
    content = "BT /F 1 Tf 5 50 Td (The ferry left the northern quay at seven) Tj ET"
    _, page = read(pool, files.pages([content], box="0 0 60 80"))
    assert page.dpi is not None
    assert page.dpi > 800
    assert page.pixels.shape[0] < 2400


def test_a_very_long_page_is_bounded(pool: RasterPool) -> None:
    """No side of a page has more than 32,766 pixels; its dpi is true."""
    _, page = read(pool, files.pages([files.filled(RED)], box="0 0 20 14000"))
    assert max(page.pixels.shape) <= 32_766
    assert codes(page) == ["DPI_LOWERED"]


# --------------------------------------------------------------------------- protection


def protected(handler: str) -> bytes:
    """A PDF under a security handler other than the standard one."""
    return files.pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>",
            f"<< /Filter /{handler} /V 4 /R 4 /Length 128 /O ({'o' * 32}) /U ({'u' * 32}) /P -4 >>",
        ],
        trailer="/Encrypt 4 0 R /ID [(a) (b)]",
    )


@pytest.mark.parametrize("handler", ["FOPN_fLock", "Adobe.PubSec", "EBX_HANDLER"])
def test_rights_management_is_called_so(pool: RasterPool, handler: str) -> None:
    """A PDF that no password opens says so, with or without a password."""
    for password in (None, "sesame"):
        with pytest.raises(Encrypted, match="rights management or a certificate"):
            pool.open(protected(handler), request(password=password))


def encrypted(password: str) -> bytes:
    writer = PdfWriter(PdfReader(io.BytesIO(files.pages([files.filled(RED)]))))
    writer.encrypt(password, algorithm="AES-256")
    return written(writer)


@pytest.mark.parametrize(
    ("stored", "typed"),
    [("IX", "\u2168"), ("naïve", "nai\u0308ve"), ("my word", "my\u00a0word"), ("soft", "so\u00adft")],
    ids=["compatible", "decomposed", "space", "hyphen"],
)
def test_passwords_are_prepared_as_pdf_2_does(pool: RasterPool, stored: str, typed: str) -> None:
    """A password typed in another form of the same characters opens the PDF; so does the form that is stored."""
    assert saslprep(typed) == stored
    for password in (stored, typed):
        _, page = read(pool, encrypted(stored), request(password=password))
        assert tuple(page.pixels[10, 10][::-1]) == RED


def test_a_file_that_needs_no_password_opens_with_any(pool: RasterPool) -> None:
    """A password is ignored where none is needed: a batch has the same one for all its files."""
    for data in (files.pages([files.filled(RED)]), encrypted("")):
        _, page = read(pool, data, request(password="sesame"))
        assert tuple(page.pixels[10, 10][::-1]) == RED


@pytest.mark.parametrize("password", ["5€", "Łódź".replace("ź", "z"), "clé"])
def test_older_pdfs_have_passwords_in_their_own_encoding(pool: RasterPool, password: str) -> None:
    """Characters that the encoding of older PDFs has beyond Latin-1 open a file of 128 bits."""
    import pikepdf

    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(files.pages([files.filled(RED)]))) as document:
        document.save(buffer, encryption=pikepdf.Encryption(user=password, owner="owner", R=4))
    _, page = read(pool, buffer.getvalue(), request(password=password))
    assert tuple(page.pixels[10, 10][::-1]) == RED
    with pytest.raises(Encrypted, match="password does not open"):
        pool.open(buffer.getvalue(), request(password="sesame"))


def code_of(pool: RasterPool, data: bytes) -> str:
    try:
        with pool.open(data, request()) as document:
            page = next(iter(document))
    except OcrWorkerError as error:
        return error.code
    return "read" if isinstance(page, PageImage) else page.error.code


def test_the_code_does_not_depend_on_the_file_before(pool: RasterPool) -> None:
    """A file gets the same code after a good, an encrypted, a protected and a broken file."""
    broken = b"%PDF-1.7\n/Encrypt 5 0 R\n" + b"junk " * 100
    no_pages = files.pages([]).replace(b"/Count 0", b"/Count 9") + b"\n% /Encrypt"
    before = [files.pages([files.filled(RED)]), encrypted("sesame"), protected("FOPN_fLock"), broken]
    for data in (broken, no_pages):
        later_codes = set()
        for file in before:
            code_of(pool, file)
            later_codes.add(code_of(pool, data))
        assert later_codes == {"DOCUMENT_CORRUPT"}


# --------------------------------------------------------------------------- damage


def without_root(data: bytes) -> bytes:
    """The PDF whose trailer refers to a catalog that does not exist, and whose table of objects is gone."""
    return re.sub(rb"xref.*", b"trailer\n<< /Size 9 >>\nstartxref\n5\n%%EOF\n", data, flags=re.DOTALL)


def test_a_file_that_can_be_repaired_gets_its_pages(pool: RasterPool) -> None:
    """Pages of a PDF without a usable trailer are read, with the document's warning REPAIRED."""
    document, page = read(pool, without_root(files.pages([files.filled(RED)])))
    assert tuple(page.pixels[10, 10][::-1]) == RED
    assert codes(document) == ["REPAIRED"]


def test_pages_without_their_tree_are_found(pool: RasterPool) -> None:
    """The pages of an incomplete download are read, although the object that lists them is at the lost end."""
    import pikepdf

    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(files.pages([files.filled(RED)] * 3))) as document:
        document.save(buffer, linearize=True)
    data = buffer.getvalue()
    document, page = read(pool, data[: data.rindex(b"/Kids")])
    assert (document.page_count, codes(document)) == (3, ["REPAIRED"])
    assert tuple(page.pixels[10, 10][::-1]) == RED


@pytest.mark.parametrize("box", ["1000 1000 1200 1200", "10 10 10 10"])
def test_a_crop_box_without_a_part_of_the_page_is_ignored(pool: RasterPool, box: str) -> None:
    """A page whose crop box is outside of its media box, or empty, is rendered as a whole, as viewers do."""
    _, page = read(pool, files.pages([files.filled(RED)], extra=f"/CropBox [{box}]"), request())
    assert page.pixels.shape == (100, 200, 3)
    assert tuple(page.pixels[10, 10][::-1]) == RED


# --------------------------------------------------------------------------- what pages do not show


def with_catalog(extra: str, objects: tuple[str, ...] = ()) -> bytes:
    return files.pdf(
        [
            f"<< /Type /Catalog /Pages 2 0 R {extra} >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R "
            "/Resources << /Font << /F 5 0 R >> >> >>",
            files.stream(files.text_page("Please wait...")),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            *objects,
        ]
    )


@pytest.mark.parametrize("needs", ["/NeedsRendering true", ""], ids=["stated", "without fields"])
def test_a_dynamic_form_warns(pool: RasterPool, needs: str) -> None:
    """A form in XFA whose page is a placeholder has the document's warning XFA_FORM."""
    xfa = with_catalog(f"{needs} /AcroForm << /Fields [] /XFA 6 0 R >>", (files.stream("<xdp/>"),))
    document, _ = read(pool, xfa)
    assert codes(document) == ["XFA_FORM"]


def test_a_form_that_is_on_its_pages_does_not_warn(pool: RasterPool) -> None:
    """A form with fields on its pages is read without a warning, even if it also has XFA."""
    data = files.form_pdf("Ada Lovelace")
    assert codes(read(pool, data)[0]) == []
    assert codes(read(pool, data.replace(b"/Fields [4 0 R]", b"/Fields [4 0 R] /XFA [(a) 5 0 R]"))[0]) == []


@pytest.mark.parametrize("count", [1, 3])
def test_attachments_warn(pool: RasterPool, count: int) -> None:
    """Files inside a PDF, as in a portfolio, are the document's warning ATTACHMENTS."""
    writer = PdfWriter(PdfReader(io.BytesIO(files.pages([files.filled(RED)]))))
    for number in range(count):
        writer.add_attachment(f"{number}.txt", b"not on any page")
    document, _ = read(pool, written(writer))
    assert codes(document) == ["ATTACHMENTS"]


def test_a_file_that_is_attached_to_a_page_warns(pool: RasterPool) -> None:
    """A file behind an icon on a page, which the list of the document's files lacks, is the page's warning."""
    data = with_catalog(
        "",
        (
            "<< /Type /Annot /Subtype /FileAttachment /Rect [150 50 170 70] /FS 7 0 R >>",
            "<< /Type /Filespec /F (a.txt) /EF << /F 8 0 R >> >>",
            files.stream("not on the page"),
        ),
    ).replace(b"/Contents 4 0 R", b"/Contents 4 0 R /Annots [6 0 R]")
    document, page = read(pool, data)
    assert (codes(document), codes(page)) == ([], ["ATTACHMENTS"])
