"""Open PDF files: with their password, repaired if they are broken, and with warnings of what no page shows.

Runs only in a rasterizer process. PDFium renders. pikepdf reads what PDFium does not tell, and writes broken files
again; it is imported when it is needed, since most files do not need it.
"""

from __future__ import annotations

import io
import re
import stringprep
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ocr_worker.errors import Corrupt, Encrypted
from ocr_worker.sources.rasterizer.rendered import make_warning

REPAIRED = make_warning("REPAIRED", "the PDF is damaged and was repaired; parts of it may be missing")
_XFA = "the PDF is a dynamic form (XFA), whose contents are not on its pages; print it to a new PDF in Adobe Acrobat"
_PAGE_BYTES = 4096  # of an object, in which it says that it is a page
_CHECKED_PAGES = 5  # first pages on which fields of a form are looked for


class PdfFile:
    """An open PDF. `document` is PDFium's; `repair` replaces it by a repaired one.

    Raises Encrypted when no or a wrong password is given, or when no password can open the file; Corrupt when it cannot
    be opened or has no pages.
    """

    def __init__(self, data: bytes, password: str | None) -> None:
        self._data = data
        self._password: str | None = None
        self.document: Any = None
        self._is_repaired = False
        self.warnings: list[dict[str, str]] = []
        self.document = self._open(password)
        if not len(self.document) and not self.repair():
            raise Corrupt("the PDF has no pages")
        self.warnings += _unseen_contents(self.document)
        if self._is_repaired:
            self.warnings.append(REPAIRED)

    def repair(self) -> bool:
        """Replace the document by one that pikepdf has written again. Return whether that gave a document with pages.

        Raises Encrypted when pikepdf finds that the password is missing or wrong. The second call does nothing.
        """
        if self._is_repaired:
            return False
        self._is_repaired = True
        import pikepdf

        try:
            document = self._write_again() or self._list_pages()
        except pikepdf.PasswordError:
            raise _password_error(self._password) from None
        self.document = document or self.document
        return document is not None

    def _write_again(self) -> Any:
        """Return the document that pikepdf has written again; None if it has no pages. Raises pikepdf.PasswordError."""
        import pikepdf

        repaired = io.BytesIO()
        try:
            with self.structure() as structure:
                structure.save(repaired)
            document = pdfium.PdfDocument(repaired.getvalue())
        except pikepdf.PasswordError:
            raise
        except (pikepdf.PdfError, pdfium.PdfiumError, ValueError, RuntimeError, TypeError, KeyError):
            return None
        return document if len(document) else None

    def _list_pages(self) -> Any:
        """Return the document with a new list of its pages; None if it has none."""
        with suppress(pdfium.PdfiumError):
            document = pdfium.PdfDocument(_with_page_tree(self._data), password=self._password)
            return document if len(document) else None
        return None

    def structure(self) -> Any:
        """Return the file as pikepdf reads it. Raises any error of pikepdf."""
        import pikepdf

        return pikepdf.open(io.BytesIO(self._data), password=self._password or "")

    def user_units(self) -> list[float]:
        """Return the size of each page's unit, in points; empty if it cannot be found out."""
        with suppress(Exception), self.structure() as structure:  # a file that PDFium reads may still puzzle pikepdf
            return [float(page.obj.get("/UserUnit", 1)) for page in structure.pages]
        return []

    def _open(self, password: str | None) -> Any:
        error_codes = set()
        for attempt in _forms_of(password):
            self._password = attempt
            _forget_last_error()
            try:
                return pdfium.PdfDocument(self._data, password=attempt)
            except pdfium.PdfiumError as error:
                error_codes.add(error.err_code)
        if pdfium_c.FPDF_ERR_SECURITY in error_codes:
            raise Encrypted(
                "the PDF is protected by rights management or a certificate, which no password opens;"
                " export it without protection"
            )
        if pdfium_c.FPDF_ERR_PASSWORD in error_codes:
            raise _password_error(password)
        if self.repair():
            return self.document
        raise Corrupt("the PDF is damaged and cannot be opened; print it to a new PDF, or send images of its pages")


def _password_error(password: str | None) -> Encrypted:
    problem = "the password does not open the PDF" if password else "the PDF is encrypted"
    return Encrypted(f'{problem}; set "password" next to "url" or "base64"')


def _forget_last_error() -> None:
    """Set PDFium's last error to that of a file that is no PDF.

    It is global to the process, and PDFium does not set it for every failure. It could be that of an earlier document.
    """
    pdfium_c.FPDF_LoadMemDocument(b"-", 1, None)


def _forms_of(password: str | None) -> list[str | None]:
    """Return the forms of a password that are tried: as it is, as PDF 2.0 prepares it (SASLprep), and none at all.

    PDFium takes characters up to U+00FF as the bytes of older PDFs, whose encoding has some others as well, such as the
    euro sign. A file that opens without a password opens with any.
    """
    if password is None:
        return [None]
    forms: list[str | None] = [password, saslprep(password)]
    if max(password, default="") > "\xff":
        import pikepdf.codec  # noqa: F401 (registers the encoding)

        with suppress(UnicodeEncodeError):
            forms.append(password.encode("pdfdoc").decode("latin-1"))
    return [*dict.fromkeys(forms), None]


def _with_page_tree(data: bytes) -> bytes:
    """Return the file with a list of all its pages if its own is lost, as at the end of an incomplete download.

    Pages in compressed objects are not found.
    """
    tree = re.search(rb"/Pages\s+(\d+)\s+\d+\s+R", data)
    if not tree:
        return data
    starts = {match.start(): match for match in re.finditer(rb"(\d+)\s+\d+\s+obj\b", data)}
    ends = [*[*starts][1:], len(data)]
    pages = [
        match[1]
        for (start, match), end in zip(starts.items(), ends, strict=True)
        if re.search(rb"/Type\s*/Page\b", data[start : min(end, start + _PAGE_BYTES)])
    ]
    kids = b" ".join(b"%s 0 R" % page for page in pages)
    return b"%s\nendobj\n%s 0 obj\n<< /Type /Pages /Kids [%s] /Count %d >>\nendobj\n" % (
        data,
        tree[1],
        kids,
        len(pages),
    )


def saslprep(password: str) -> str:
    """Return the password with compatible characters, spaces and invisible characters made equal (RFC 4013)."""
    mapped = (
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    return unicodedata.normalize("NFKC", "".join(mapped))


def _unseen_contents(document: Any) -> list[dict[str, str]]:
    """Return the warnings of what the file has besides its pages."""
    warnings = []
    form_type = pdfium_c.FPDF_GetFormType(document.raw)
    is_placeholder = form_type == pdfium_c.FORMTYPE_XFA_FOREGROUND and not _has_fields(document)
    if form_type == pdfium_c.FORMTYPE_XFA_FULL or is_placeholder:
        warnings.append(make_warning("XFA_FORM", _XFA))
    count = pdfium_c.FPDFDoc_GetAttachmentCount(document.raw)
    if count > 0:
        warnings.append(attachments_warning("PDF", count))
    return warnings


def attachments_warning(place: str, count: int) -> dict[str, str]:
    """Return the warning for so many files inside a PDF, or attached to a page of it. place: "PDF" or "page"."""
    files = "a file" if count == 1 else f"{count} files"
    contains = f"PDF contains {files} besides its pages" if place == "PDF" else f"page has {files} attached"
    which = "it" if count == 1 else "them"
    message = f"the {contains}, which the result lacks; extract {which} and send {which} separately"
    return make_warning("ATTACHMENTS", message)


def annotation_kinds(page: Any) -> Iterator[int]:
    """Yield PDFium's subtype of each annotation on the page."""
    for index in range(pdfium_c.FPDFPage_GetAnnotCount(page.raw)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, index)
        kind: int = pdfium_c.FPDFAnnot_GetSubtype(annotation)
        pdfium_c.FPDFPage_CloseAnnot(annotation)
        yield kind


def _has_fields(document: Any) -> bool:
    """Return whether one of the first pages has a field of a form, so that the form is on the pages."""
    for number in range(min(_CHECKED_PAGES, len(document))):
        with suppress(pdfium.PdfiumError):
            page = document[number]
            kinds = set(annotation_kinds(page))
            page.close()
            if pdfium_c.FPDF_ANNOT_WIDGET in kinds:
                return True
    return False
