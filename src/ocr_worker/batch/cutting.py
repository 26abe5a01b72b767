"""`python -m ocr_worker.batch.cutting FILE PAGE...`: a PDF of these pages only, on stdout. PDFium is C++ and fed by
strangers, so it works in a process that may die."""

from __future__ import annotations

import io
import sys

HAS_FORMS = 3  # exit code: what is filled in would be lost


def main() -> int:
    """Writes the PDF; the exit code."""
    import pypdfium2

    source = pypdfium2.PdfDocument(sys.argv[1])
    if source.get_formtype():
        return HAS_FORMS
    part = pypdfium2.PdfDocument.new()
    part.import_pages(source, [int(number) - 1 for number in sys.argv[2:]])
    buffer = io.BytesIO()
    part.save(buffer)
    sys.stdout.buffer.write(buffer.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
