"""Parse a document with an endpoint and print its Markdown.

    export RUNPOD_API_KEY=...
    python examples/client.py ENDPOINT_ID report.pdf
    python examples/client.py ENDPOINT_ID https://example.com/report.pdf --async

In the place of an endpoint's id, the URL of an endpoint is possible, such as that of `ocr-worker endpoint`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from ocr_worker import AsyncClient, Client, OcrWorkerError, ParseResponse


def parse(endpoint: str, source: str) -> ParseResponse:
    """Parse a document and wait for the response."""
    with Client(endpoint) as client:
        return client.parse(source, timeout_s=600)


async def parse_async(endpoint: str, source: str) -> ParseResponse:
    """Parse a document in a program that uses asyncio, which can send many documents at once."""
    async with AsyncClient(endpoint) as client:
        return await client.parse(source, timeout_s=600)


def main() -> int:
    """Print the document's Markdown, and each page that failed on stderr. Return the exit code."""
    parser = argparse.ArgumentParser(description="Parse a document with an endpoint and print its Markdown.")
    parser.add_argument("endpoint", help="id or URL of the endpoint")
    parser.add_argument("source", help="path or URL of a PDF or an image")
    parser.add_argument("--async", dest="is_async", action="store_true", help="use AsyncClient")
    arguments = parser.parse_args()
    try:
        if arguments.is_async:
            response = asyncio.run(parse_async(arguments.endpoint, arguments.source))
        else:
            response = parse(arguments.endpoint, arguments.source)
    except OcrWorkerError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    for document in response.documents:
        for page in document.pages:
            print(page.markdown or "")
            if page.error:
                print(f"page {page.page}: {page.error.code}: {page.error.message}", file=sys.stderr)
    return 0 if response.status == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
