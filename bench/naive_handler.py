"""For bench/busy_share.py: the handler people write first: it downloads, renders and parses, one after the other."""

from __future__ import annotations

from typing import Any

import bench_engines
import pypdfium2 as pdfium
import requests
import runpod

from ocr_worker.pages import PageImage
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ParseOptions

engine = bench_engines.timed(Settings())


def handler(job: dict[str, Any]) -> dict[str, Any]:
    options = ParseOptions.model_validate(job["input"]["options"])
    read = []
    for source in job["input"]["documents"]:
        answer = requests.get(source["url"], timeout=60)
        answer.raise_for_status()
        document = pdfium.PdfDocument(answer.content)
        images = [page.render(scale=(options.dpi or 144) / 72).to_numpy() for page in document]
        for number, pixels in enumerate(images, start=1):
            (page,) = engine.parse([PageImage(number, pixels)], options)
            read.append({"page": number, "markdown": page.markdown})
    return {"pages": read}


if __name__ == "__main__":
    runpod.serverless.start({"handler": handler})
