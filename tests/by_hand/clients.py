"""Clients of other people, as their packages bring them, against `ocr-worker serve` and `ocr-worker endpoint`.

`make clients` installs each client in an environment of its own, runs its snippet from the table `CLIENTS` with and
without API keys, on the embedded engine, and prints a table of client, packages, keys and outcome. A snippet calls the
client as its documentation does, with its default settings, and changes nothing but address and key. To add a client,
add a row. Not collected by `make test`: it needs the package indexes, and minutes.

A snippet reads the addresses BASE (`serve`) and ENDPOINT, the KEY (empty: none) and the path FILE from its environment,
and prints the text that the client returned. It must contain WORDS. A client that is listed as failing must fail: when
it works one day, its row is wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from ocr_worker.endpoint import LocalEndpoint
from support.app_process import App, serving
from support.worker_process import HANDLER, ROOT, environment

SAMPLE = ROOT / "examples" / "sample.pdf"
WORDS = "Low Water at Four Gauges"  # on the sample's first page
KEY = "open-sesame"
ENVIRONMENTS = ROOT / ".cache" / "clients"
INSTALL_S, CALL_S = 1800, 600


@dataclass(frozen=True)
class Client:
    """A client. packages: pinned, all that are needed. service: whether it calls `serve` or the endpoint.

    without_dependencies: a package to install alone. fails: why it cannot work, for a client that does not.
    """

    name: str
    packages: tuple[str, ...]
    snippet: str
    language: str = "python"
    service: str = "serve"
    without_dependencies: str = ""
    fails: str = ""

    @property
    def folder(self) -> Path:
        """Folder of the client's environment."""
        return ENVIRONMENTS / self.name

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
        base, file, key = os.environ["BASE"], os.environ["FILE"], os.environ["KEY"] or "none"
        loaders = [
            MistralLoader(base_url=base + "/v1", api_key=key, file_path=file),
            MistralLoader(base_url=base + "/v1", api_key=key, file_path=file, use_base64=True),
            ExternalDocumentLoader(file, base, key, mime_type="application/pdf"),
            DoclingLoader(base, api_key=key, file_path=file, mime_type="application/pdf"),
        ]
        texts = ["\\n".join(document.page_content for document in loader.load()) for loader in loaders]
        assert all("Low Water at Four Gauges" in text for text in texts), texts
        print(texts[0])
        """,
        without_dependencies="open-webui==0.12.4",  # its own are gigabytes, of which the loaders need little
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


@pytest.fixture(scope="module", params=["", KEY], ids=["without-keys", "with-keys"])
def key(request: pytest.FixtureRequest) -> str:
    """API key of the services; empty: none."""
    value: str = request.param
    return value


@pytest.fixture(scope="module")
def app(key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    settings = {"OCR_ENGINE": "embedded"} | ({"OCR_API_KEYS": key} if key else {})
    with serving(tmp_path_factory.mktemp("clients") / "log", **settings) as started:
        yield started.wait(200, CALL_S)


@pytest.fixture(scope="module")
def endpoint(key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    settings = environment({"OCR_ENGINE": "embedded"})
    logs = tmp_path_factory.mktemp("workers")
    with LocalEndpoint(handler=HANDLER, settings=settings, log_dir=logs, api_key=key or None) as started:
        yield started.wait_ready(CALL_S)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_gets_the_text(client: Client, key: str, request: pytest.FixtureRequest) -> None:
    """The unmodified client returns the sample's text."""
    client.install()
    variables = {"KEY": key, "FILE": str(SAMPLE)}
    if client.service == "endpoint":
        variables["ENDPOINT"] = request.getfixturevalue("endpoint").base_url
    else:
        variables["BASE"] = request.getfixturevalue("app").url
    done = client.call(variables)
    works = done.returncode == 0 and WORDS in done.stdout
    outcome = "works" if works else f"fails: {client.fails or done.stderr.strip()[-2000:]}"
    print(f"| {client.name} | {', '.join(client.packages)} | {'with' if key else 'without'} keys | {outcome} |")
    assert works == (not client.fails), done.stdout[-2000:] + done.stderr[-4000:]
