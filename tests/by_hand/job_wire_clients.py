"""Run the clients of the job wire, as their packages ship them, against a server that is running.

Each client needs an environment of its own, with the package of its name installed:

    python3.11 -m venv /tmp/haystack && /tmp/haystack/bin/pip install paddleocr-haystack
    /tmp/haystack/bin/python tests/by_hand/job_wire_clients.py paddleocr-haystack http://127.0.0.1:8000 KEY FILE

It prints the version of the client and the beginning of the text that the client returns, and fails if there is none.
The clients `paddleocr-async` and `paddleocr-api` are in the package `paddleocr`.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def paddleocr(url: str, key: str, file: str) -> str:
    """The official client: a document with its pictures, a text model, a batch, and what a wrong key gives."""
    from paddleocr import PaddleOCRClient, PaddleOCRVLOptions
    from paddleocr._api_client.errors import AuthError, InvalidRequestError

    with PaddleOCRClient(token=key, base_url=url) as client:
        options = PaddleOCRVLOptions(visualize=True, restructure_pages=False)
        job = client.submit_document_parsing(file_path=file, options=options, batch_id="batch-1", page_ranges="1")
        result = client.wait_document_parsing_result(job)
        assert result.pages[0].input_image_url
        with tempfile.TemporaryDirectory() as folder:
            client.save_resource(result.pages[0].input_image_url, folder)
            assert os.listdir(folder)
        assert client.get_batch_status("batch-1").jobs[-1].state == "done"
        assert client.ocr(file_path=file).pages[0].pruned_result["rec_texts"]
        try:
            client.submit_document_parsing(file_path=file, page_ranges="3-1")
        except InvalidRequestError as error:
            print("page ranges:", error)
    try:
        PaddleOCRClient(token="wrong", base_url=url).parse_document(file_path=file)
        print("wrong key: accepted, the server has no keys")
    except AuthError as error:
        print("wrong key:", error)
    return result.pages[0].markdown_text


def paddleocr_async(url: str, key: str, file: str) -> str:
    """The official asynchronous client."""
    from paddleocr import AsyncPaddleOCRClient

    async def run() -> Any:
        async with AsyncPaddleOCRClient(token=key, base_url=url) as client:
            return await client.parse_document(file_path=file)

    return str(asyncio.run(run()).pages[0].markdown_text)


def paddleocr_cli(url: str, key: str, file: str) -> str:
    """`paddleocr api`."""
    arguments = ["api", "--model_type", "doc_parsing", "--file_path", file, "--base_url", url, "--token", key]
    command = [str(Path(sys.executable).with_name("paddleocr")), *arguments]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return output[output.index("{") :]


def langchain(url: str, key: str, file: str) -> str:
    """LangChain's loader."""
    from langchain_paddleocr import PaddleOCRVLLoader
    from pydantic import SecretStr

    (document,) = PaddleOCRVLLoader(file, access_token=SecretStr(key), base_url=url).load()
    return document.page_content


def haystack(url: str, key: str, file: str) -> str:
    """Haystack's converter."""
    from haystack.utils import Secret
    from haystack_integrations.components.converters.paddleocr import PaddleOCRVLDocumentConverter

    converter = PaddleOCRVLDocumentConverter(base_url=url, access_token=Secret.from_token(key))
    return str(converter.run(sources=[file])["documents"][0].content)


def langflow(url: str, key: str, file: str) -> str:
    """Langflow's component, for both of its tasks."""
    os.environ.setdefault("LANGFLOW_SSRF_ALLOWED_HOSTS", urlsplit(url).hostname or "")  # it refuses private addresses

    from lfx_paddle.components.paddle.paddleocr import PaddleOCRComponent

    texts = []
    for task, model in (("ocr", "PP-OCRv6"), ("document_parsing", "PaddleOCR-VL-1.6")):
        component = PaddleOCRComponent(access_token=key, base_url=url, task_type=task, model=model)
        (result,) = component.process_files([PaddleOCRComponent.BaseFile([], Path(file))])
        texts.append(str(result.data[0].data["text"]))
    assert all(texts)
    return texts[-1]


def markitdown(url: str, key: str, file: str) -> str:
    """markitdown's plugin. Only its client takes an address; the converter always uses the hosted service."""
    from markitdown_paddleocr._config import PaddleOcrConfig
    from markitdown_paddleocr._paddle_client import PaddleClient

    client = PaddleClient(PaddleOcrConfig(token=key, job_url=f"{url}/api/v2/ocr/jobs"))
    return client.ocr(file_bytes=Path(file).read_bytes(), filename="document.pdf")


def mcp(url: str, key: str, file: str) -> str:
    """paddleocr-mcp with the source `aistudio` and an address of its own."""
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    settings = {
        "PADDLEOCR_MCP_MODEL": "PaddleOCR-VL-1.6",
        "PADDLEOCR_MCP_PPOCR_SOURCE": "aistudio",
        "PADDLEOCR_MCP_AISTUDIO_BASE_URL": url,
        "PADDLEOCR_MCP_AISTUDIO_ACCESS_TOKEN": key,
    }
    command = str(Path(sys.executable).with_name("paddleocr_mcp"))

    async def run() -> str:
        async with Client(StdioTransport(command, [], env={**os.environ, **settings})) as client:
            (tool,) = await client.list_tools()
            result = await client.call_tool(tool.name, {"input_data": file, "output_mode": "simple"})
            return "\n".join(getattr(part, "text", "") for part in result.content)

    return asyncio.run(run())


CLIENTS: dict[str, tuple[str, Callable[[str, str, str], str]]] = {
    "paddleocr": ("paddleocr", paddleocr),
    "paddleocr-async": ("paddleocr", paddleocr_async),
    "paddleocr-api": ("paddleocr", paddleocr_cli),
    "langchain-paddleocr": ("langchain-paddleocr", langchain),
    "paddleocr-haystack": ("paddleocr-haystack", haystack),
    "lfx-paddle": ("lfx-paddle", langflow),
    "markitdown-paddleocr": ("markitdown-paddleocr", markitdown),
    "paddleocr-mcp": ("paddleocr-mcp", mcp),
}


def main(name: str, url: str, key: str, file: str) -> None:
    """Run one client and print what it returned."""
    package, call = CLIENTS[name]
    text = call(url, key, str(Path(file).resolve()))
    assert text.strip(), "the client returned no text"
    print(name, version(package), json.dumps(text[:600], ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
