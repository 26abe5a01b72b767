"""Documents that agree with the code: the schemas, tables and examples of `docs/`, and test_input.json."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from ocr_worker import cli
from ocr_worker.engines.registry import engine_spec, options_models, read_request
from ocr_worker.errors import OcrWorkerError
from ocr_worker.settings import ClientSettings, Settings, variable_name
from ocr_worker.wire.json_schema import wire_schemas
from ocr_worker.wire.schema import PageChunk, ParseResponse, PartChunk, SummaryChunk
from support import reference

ROOT = Path(__file__).parents[1]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
SCHEMAS = wire_schemas(options_models("embedded"))


def examples(page: str, name: str, language: str = "json") -> list[str]:
    """The code blocks after a page's markers of this name."""
    blocks = re.findall(rf"<!-- {name} -->\n```{language}\n(.*?)```", PAGES[page], re.DOTALL)
    assert blocks, f"{page} has no example {name}"
    return blocks


def commands() -> list[str]:
    """Every line in the shell blocks of `docs/` that calls `ocr-worker`, from that word on."""
    shell = "\n".join(block for text in PAGES.values() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    return sorted(set(re.findall(r"\bocr-worker [a-z].*", shell.replace("\\\n", ""))))


# --------------------------------------------------------------------------- what `make schema` writes


@pytest.mark.parametrize("name", SCHEMAS)
def test_docs_hold_the_schemas_of_the_models(name: str) -> None:
    """docs/ is what `make schema` writes."""
    assert json.loads((ROOT / "docs" / name).read_text(encoding="utf-8")) == SCHEMAS[name]


@pytest.mark.parametrize("page", PAGES)
def test_docs_hold_the_tables_of_the_models(page: str) -> None:
    """A page's tables are what `make schema` writes."""
    assert PAGES[page] == reference.with_tables(PAGES[page])


def test_every_table_is_in_a_page() -> None:
    """No table is left out or written twice: settings, errors, options and fields are all in the reference."""
    names = [name for text in PAGES.values() for name in reference.table_names(text)]
    assert sorted(names) == sorted(reference.TABLES)


def test_every_setting_and_error_is_in_its_table() -> None:
    """The tables have a row for each environment variable and for each code that can reach a caller."""
    variables = {variable_name(name) for name in Settings.model_fields}
    codes = {error.code for error in reference.public_errors()}
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", reference.settings_tables(), re.MULTILINE)) == variables
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", reference.errors_table(), re.MULTILINE)) == codes


def test_every_row_of_the_reference_says_something() -> None:
    """Each error has a remedy of its own, and no field, option or setting is without a description."""
    errors = list(reference.public_errors())
    assert len({error.remedy for error in errors} - {OcrWorkerError.remedy}) == len(errors)
    tables = [table() for name, table in reference.TABLES.items() if name != "client-settings"]
    assert not [row for table in tables for row in table.splitlines() if row.endswith("|  |")]


# --------------------------------------------------------------------------- examples


def test_the_request_is_valid() -> None:
    """The documented request is one that the worker accepts, whichever engine runs."""
    for engine in ("embedded", "paddleocr-vl"):
        request = json.loads(examples("request-response.md", "request")[0])
        assert len(read_request(request, engine_spec(engine)).documents) == 3


def test_the_response_is_valid() -> None:
    """The documented response is one that the worker could return."""
    ParseResponse.model_validate_json(examples("request-response.md", "response")[0])


def test_the_chunks_are_valid() -> None:
    """The documented chunks are a page, a part and a summary that a streaming worker could send."""
    chunk: TypeAdapter[PageChunk | PartChunk | SummaryChunk] = TypeAdapter(PageChunk | PartChunk | SummaryChunk)
    chunks = [chunk.validate_json(text) for text in examples("delivery.md", "chunk")]
    assert [type(example) for example in chunks] == [PageChunk, PartChunk, SummaryChunk]


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_exists(command: str) -> None:
    """The command line accepts every command in docs/: its name, its flags and the number of its arguments."""
    _, *arguments = shlex.split(command.partition(" > ")[0].partition(" | ")[0], comments=True)
    cli.make_parser(arguments[0]).parse_args(arguments)


def test_the_documented_variables_exist() -> None:
    """Shell examples set no environment variable of ours that does not exist."""
    variables = {variable_name(name) for name in Settings.model_fields}
    variables |= {variable_name(name, ClientSettings) for name in ClientSettings.model_fields}
    blocks = "\n".join(block for text in PAGES.values() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    assert set(re.findall(r"\b((?:OCR|BUCKET|RUNPOD)_[A-Z_]+)=", blocks)) <= variables


@pytest.mark.process
def test_the_example_of_a_local_endpoint_runs() -> None:
    """The documented program starts a local endpoint, asks for its workers, and ends."""
    program = examples("local-endpoint.md", "local endpoint", "python")[0]
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "ready" in run.stdout


def test_the_test_input_is_valid() -> None:
    """test_input.json is in the platform's form and holds its document inside."""
    job = json.loads((ROOT / "test_input.json").read_text(encoding="utf-8"))
    documents = read_request(job["input"], engine_spec("embedded")).documents
    assert [bool(document.base64) for document in documents] == [True]


# --------------------------------------------------------------------------- the site


def test_every_page_is_in_the_menu() -> None:
    """The site's navigation names every page of docs/ once, and no other."""
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    assert sorted(re.findall(r"\S+\.md$", menu, re.MULTILINE)) == sorted(PAGES)
