"""The plain handler of bench/busy_share.py: it downloads, renders and parses, one after the other.

Most people write their first handler like this.
"""

from __future__ import annotations

from typing import Any

import bench_engines
import pypdfium2 as pdfium
import requests
import runpod

from ocr_worker.pages import PageImage
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ParseOptions

engine = bench_engines.timed.builder(Settings())()


def handler(job: dict[str, Any]) -> dict[str, Any]:
    """Parse the documents of a job, one after the other."""
    options = ParseOptions.model_validate(job["input"]["options"])
    results = []
    for source in job["input"]["documents"]:
        response = requests.get(source["url"], timeout=60)
        response.raise_for_status()
        document = pdfium.PdfDocument(response.content)
        images = [page.render(scale=(options.dpi or 144) / 72).to_numpy() for page in document]
        for number, pixels in enumerate(images, start=1):
            (page,) = engine.parse([PageImage(number, pixels)], options)
            results.append({"page": number, "markdown": page.markdown})
    return {"pages": results}


if __name__ == "__main__":
    runpod.serverless.start({"handler": handler})
