"""The process that cuts pages out of a PDF: `python -m ocr_worker.batch.cutting FILE PAGE...`.

It reads the PDF's password from stdin, since arguments are visible in `ps`; stdin is empty without one. It writes a PDF
of only these pages to stdout, which is not encrypted. PDFium is C++ and the file is untrusted, so it runs in a process
that may crash. `sending` starts the process and turns its exit code into errors. The process ignores Ctrl-C, which is
for the batch, and ends when its stdout is closed.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from ocr_worker.exits import follow_parent

HAS_FORMS = 3  # exit code: the values of form fields would be lost


def main() -> int:
    """Write the PDF to stdout. Return the exit code."""
    follow_parent(1)
    import pypdfium2

    password = sys.stdin.buffer.read().decode() or None
    source = pypdfium2.PdfDocument(Path(sys.argv[1]).read_bytes(), password=password)  # not by name, which may be bytes
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
