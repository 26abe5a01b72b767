"""Clients of other people, as their packages bring them, against `ocr-worker serve` and `ocr-worker endpoint`.

`make clients` installs each client in an environment of its own, runs its snippet from the table `CLIENTS` with and
without API keys, on the embedded engine and on PaddleOCR-VL with its test weights, and prints a table of client,
packages, engine, keys and outcome. A snippet calls the client as its documentation does, with its default settings, and
changes nothing but address and key. To add a client, add a row. Not collected by `make test`: it needs the package
indexes, and minutes.

A snippet reads the addresses BASE (`serve`) and ENDPOINT, the KEY (empty: none) and the path FILE from its environment,
and prints the text that the client returned. It must contain WORDS. A client that is listed as failing must fail: when
it works one day, its row is wrong.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from ocr_worker.endpoint import LocalEndpoint
from support import tinyvl
from support.app_process import App, serving
from support.worker_process import HANDLER, ROOT, environment

SAMPLE = ROOT / "examples" / "sample.pdf"
# On the first page of each FILE; the test weights read the figures of its other lines wrong.
WORDS = {"embedded": "Low Water at Four Gauges", "paddleocr-vl": tinyvl.LINES[2]}
KEY = "open-sesame"
ENVIRONMENTS = ROOT / ".cache" / "clients"
INSTALL_S, CALL_S = 1800, 600


@dataclass(frozen=True)
class Client:
    """A client. packages: pinned, all that are needed. service: whether it calls `serve` or the endpoint.

    without_dependencies: a package to install alone. fails: why it cannot work, for a client that does not.
    sends_key: False for a client that cannot send one, which works without keys only.
    """

    name: str
    packages: tuple[str, ...]
    snippet: str
    language: str = "python"
    service: str = "serve"
    without_dependencies: str = ""
    fails: str = ""
    sends_key: bool = True

    @property
    def folder(self) -> Path:
        """Folder of the client's environment, which clients of the same packages share."""
        return ENVIRONMENTS / re.sub(r"[^\w.=-]", "-", self.without_dependencies or self.packages[0])

    def install(self) -> None:
        """Install the packages, unless they are there already."""
        mark = self.folder / "packages.json"
        if mark.exists() and json.loads(mark.read_text()) == list(self.packages):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.language == "node":
            _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(self.folder), *self.packages])
        else:
            _run([sys.executable, "-m", "venv", "--clear", str(self.folder)])
            install = [str(self.folder / "bin" / "python"), "-m", "pip", "--quiet", "install"]
            _run([*install, *self.packages])
            if self.without_dependencies:
                _run([*install, "--no-deps", self.without_dependencies])
        mark.write_text(json.dumps(self.packages))

    def call(self, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run the snippet."""
        command = [str(self.folder / "bin" / "python"), "-c"]
        if self.language == "node":
            command = ["node", "--input-type=module", "-e"]
        environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables
        return subprocess.run(
            [*command, dedent(self.snippet)],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=CALL_S,
        )


def job_wire(name: str, *packages: str) -> Client:
    """Return a client of the job wire. name: of its function in `job_wire_clients.py`."""
    script = Path(__file__).with_name("job_wire_clients.py")
    snippet = f"""
        import os, runpy
        main = runpy.run_path({str(script)!r})["main"]
        main({name!r}, os.environ["BASE"], os.environ["KEY"] or "none", os.environ["FILE"])
        """
    return Client(f"{name}-jobs", packages, snippet)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, done.stderr[-4000:]


CLIENTS = [
    Client(
        "mistralai",
        ("mistralai==3.7.0",),
        """
        import os
        from mistralai.client import Mistral
        client = Mistral(api_key=os.environ["KEY"] or "none", server_url=os.environ["BASE"])
        with open(os.environ["FILE"], "rb") as file:
            upload = client.files.upload(file={"file_name": "sample.pdf", "content": file}, purpose="ocr")
        url = client.files.get_signed_url(file_id=upload.id).url
        by_url = client.ocr.process(model="mistral-ocr-latest", document={"type": "document_url", "document_url": url},
                                    include_image_base64=True)
        by_id = client.ocr.process(model="mistral-ocr-latest", document={"type": "file", "file_id": upload.id},
                                   pages="0")
        assert client.files.delete(file_id=upload.id).deleted
        assert [page.index for page in by_id.pages] == [0] and by_url.pages[0].images[0].image_base64
        print(by_url.pages[0].markdown)
        """,
    ),
    Client(
        "litellm",
        ("litellm==1.110.2",),
        """
        import base64, os
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm
        data = base64.b64encode(open(os.environ["FILE"], "rb").read()).decode()
        document = {"type": "document_url", "document_url": "data:application/pdf;base64," + data}
        response = litellm.ocr(model="mistral/mistral-ocr-latest", document=document,
                               api_key=os.environ["KEY"] or "none", api_base=os.environ["BASE"] + "/v1")
        print(response.pages[0].markdown)
        """,
    ),
    Client(
        "mistralai-node",
        ("@mistralai/mistralai@2.7.0",),
        """
        import { readFileSync } from "node:fs";
        import { Mistral } from "@mistralai/mistralai";
        const client = new Mistral({ apiKey: process.env.KEY || "none", serverURL: process.env.BASE });
        const data = readFileSync(process.env.FILE).toString("base64");
        const response = await client.ocr.process({
          model: "mistral-ocr-latest",
          document: { type: "document_url", documentUrl: "data:application/pdf;base64," + data },
        });
        console.log(response.pages[0].markdown);
        """,
        language="node",
    ),
    Client(
        "open-webui",
        (
            *("langchain-core==1.8.3", "langchain-community==0.4.2", "requests==2.34.2", "ftfy==6.3.1"),
            *("azure-identity==1.27.0", "fastapi==0.165.0", "aiohttp==3.14.5", "typer==0.29.2", "uvicorn==0.54.0"),
            *("Markdown==3.11.3", "beautifulsoup4==4.15.0", "python-engineio==4.15.1", "python-socketio==5.18.1"),
            *("mimeparse==0.1.3", "Authlib==1.9.10", "mcp==2.3.0", "redis==8.1.0", "alembic==1.20.1", "bcrypt==5.0.0"),
            *(
                "chromadb==1.5.9",
                "validators==0.36.0",
                "pytz",
                "pillow==13.0.0",
                "aiosqlite==0.22.1",
                "greenlet==3.5.6",
            ),
        ),
        """
        import os
        os.makedirs("data", exist_ok=True)
        os.environ.update(WEBUI_SECRET_KEY="x", DATA_DIR="data", FROM_INIT_PY="true")
        from open_webui.retrieval.loaders.external_document import ExternalDocumentLoader
        from open_webui.retrieval.loaders.main import DoclingLoader
        from open_webui.retrieval.loaders.mistral import MistralLoader
        from open_webui.retrieval.loaders.paddleocr_vl import PaddleOCRVLLoader
        base, file, key = os.environ["BASE"], os.environ["FILE"], os.environ["KEY"] or "none"
        loaders = [
            MistralLoader(base_url=base + "/v1", api_key=key, file_path=file),
            MistralLoader(base_url=base + "/v1", api_key=key, file_path=file, use_base64=True),
            ExternalDocumentLoader(file, base, key, mime_type="application/pdf"),
            DoclingLoader(base, api_key=key, file_path=file, mime_type="application/pdf"),
            PaddleOCRVLLoader(base, key, file),
        ]
        texts = ["\\n".join(document.page_content for document in loader.load()) for loader in loaders]
        assert all(os.environ["WORDS"] in text for text in texts), texts
        print(texts[0])
        """,
        without_dependencies="open-webui==0.12.4",  # its own are gigabytes, of which the loaders need little
    ),
    job_wire("paddleocr", "paddleocr==3.7.0"),
    job_wire("paddleocr-async", "paddleocr==3.7.0"),
    job_wire("paddleocr-api", "paddleocr==3.7.0"),
    job_wire("langchain-paddleocr", "langchain-paddleocr==0.2.2"),
    job_wire("paddleocr-haystack", "paddleocr-haystack==3.0.0"),
    job_wire("lfx-paddle", "lfx-paddle==0.2.1"),
    job_wire("markitdown-paddleocr", "markitdown-paddleocr==0.2.3"),
    job_wire("paddleocr-mcp", "paddleocr-mcp==0.8.5"),
    *(
        Client(
            f"paddleocr-mcp-{model}",
            ("paddleocr-mcp==0.8.5",),
            f"""
            import asyncio, os, sys
            from pathlib import Path
            from fastmcp import Client
            from fastmcp.client.transports import StdioTransport
            settings = {{
                "PADDLEOCR_MCP_MODEL": {model!r},
                "PADDLEOCR_MCP_PPOCR_SOURCE": "self_hosted",
                "PADDLEOCR_MCP_SELF_HOSTED_BASE_URL": os.environ["BASE"],
            }}
            command = str(Path(sys.executable).with_name("paddleocr_mcp"))

            async def run():
                async with Client(StdioTransport(command, [], env={{**os.environ, **settings}})) as client:
                    (tool,) = await client.list_tools()
                    result = await client.call_tool(tool.name, {{"input_data": os.environ["FILE"]}})
                    print("\\n".join(getattr(part, "text", "") for part in result.content))

            asyncio.run(run())
            """,
            sends_key=False,
        )
        for model in ("PaddleOCR-VL-1.6", "PP-StructureV3")
    ),
    Client(
        "paddleocr-cli",
        ("paddleocr-cli==0.2.1",),
        "import paddleocr_cli",
        fails="no release of it can be imported: a string in its __init__.py does not end",
    ),
    Client(
        "paddleocr-cli-mended",
        ("paddleocr-cli==0.2.1",),
        """
        import importlib.util, os, re, shutil, subprocess, sys
        from pathlib import Path
        shutil.copytree(importlib.util.find_spec("paddleocr_cli").submodule_search_locations[0], "mended/paddleocr_cli",
                        dirs_exist_ok=True)
        package = Path("mended/paddleocr_cli/__init__.py")
        package.write_text(re.sub(r"(?m)^__version__ = .*$", '__version__ = "0.2.1"', package.read_text()))
        os.environ |= {"HOME": os.getcwd(), "PYTHONPATH": os.path.abspath("mended")}
        command = [sys.executable, "-c", "from paddleocr_cli.cli import main; main()"]
        token = os.environ["KEY"] or "none"
        subprocess.run([*command, "configure", "--server-url", os.environ["BASE"], "--token", token], check=True)
        subprocess.run([*command, os.environ["FILE"]], check=True)
        """,
    ),
    Client(
        "pyconverters-paddleocr",
        (
            *("pymultirole-plugins==0.7.8", "requests", "filetype==1.0.13", "beautifulsoup4", "markdownify"),
            *("pylatexenc", "pymupdf==1.24.11", "starlette", "pydantic<2"),
        ),
        """
        import os
        from starlette.datastructures import UploadFile
        from pyconverters_paddleocr.paddleocr import PaddleOCRConverter, PaddleOCRParameters
        with open(os.environ["FILE"], "rb") as file:
            source = UploadFile(filename="document.pdf", file=file)
            parameters = PaddleOCRParameters(base_url=os.environ["BASE"])
            print(PaddleOCRConverter().convert(source, parameters)[0].text)
        """,
        without_dependencies="pyconverters-paddleocr==0.7.2",  # its own need a pymupdf that is no longer on the index
        sends_key=False,
    ),
    Client(
        "docling-client",
        ("docling-client==2.143.0",),
        """
        import os
        from docling.service_client import DoclingServiceClient
        client = DoclingServiceClient(os.environ["BASE"], api_key=os.environ["KEY"] or None)
        print(client.convert(os.environ["FILE"]).document.export_to_markdown())
        """,
        fails="uses the asynchronous routes and reads a DoclingDocument",
    ),
    Client(
        "runpod-node",
        ("runpod-sdk@1.1.2",),
        """
        import { readFileSync } from "node:fs";
        import runpod from "runpod-sdk";
        const endpoint = runpod(process.env.KEY || "none", { baseUrl: process.env.ENDPOINT }).endpoint("local");
        const input = { base64: readFileSync(process.env.FILE).toString("base64") };
        let job = await endpoint.runSync({ input }, 1000);  // shorter than a job: then it asks /status-sync
        while (!job.completed) job = await endpoint.statusSync(job.id, 90000);
        console.log(JSON.stringify(job));
        """,
        language="node",
        service="endpoint",
    ),
]


# --------------------------------------------------------------------------- the services


@pytest.fixture(scope="module", params=["embedded", "paddleocr-vl"])
def engine(request: pytest.FixtureRequest) -> str:
    """Engine of the services."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def settings(engine: str) -> dict[str, str]:
    return tinyvl.environment() if engine == "paddleocr-vl" else {"OCR_ENGINE": engine}


@pytest.fixture(scope="module")
def file(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the document: the sample, or a page that the test weights can read."""
    if engine == "embedded":
        return SAMPLE
    path = tmp_path_factory.mktemp("files") / "document.pdf"
    tinyvl.draw(tinyvl.LINES[:3], bar=True).save(path, resolution=144, quality=95)
    return path


@pytest.fixture(scope="module", params=["", KEY], ids=["without-keys", "with-keys"])
def key(request: pytest.FixtureRequest) -> str:
    """API key of the services; empty: none."""
    value: str = request.param
    return value


@pytest.fixture(scope="module")
def app(settings: dict[str, str], key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("clients")
    variables = {"OCR_STATE_DIR": str(folder / "state")} | ({"OCR_API_KEYS": key} if key else {})
    with serving(folder / "log", **settings, **variables) as started:
        yield started.wait(200, CALL_S)


@pytest.fixture(scope="module")
def endpoint(settings: dict[str, str], key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    logs = tmp_path_factory.mktemp("workers")
    with LocalEndpoint(handler=HANDLER, settings=environment(settings), log_dir=logs, api_key=key or None) as started:
        yield started.wait_ready(CALL_S)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_gets_the_text(
    client: Client, engine: str, key: str, file: Path, request: pytest.FixtureRequest
) -> None:
    """The unmodified client returns the document's text."""
    client.install()
    variables = {"KEY": key, "FILE": str(file), "WORDS": WORDS[engine]}
    if client.service == "endpoint":
        variables["ENDPOINT"] = request.getfixturevalue("endpoint").base_url
    else:
        variables["BASE"] = request.getfixturevalue("app").url
    done = client.call(variables)
    works = done.returncode == 0 and WORDS[engine] in done.stdout
    reason = client.fails or ("sends no key" if key and not client.sends_key else "")
    outcome = "works" if works else f"fails: {reason or done.stderr.strip()[-2000:]}"
    print(
        f"| {client.name} | {', '.join(client.packages)} | {engine} | {'with' if key else 'without'} keys | {outcome} |"
    )
    assert works == (not reason), done.stdout[-2000:] + done.stderr[-4000:]
