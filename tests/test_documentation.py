"""Documents that agree with the code: schemas, README's examples and tables, test_input.json."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ocr_worker.engines.registry import engine_spec, options_models, read_request
from ocr_worker.errors import error_types
from ocr_worker.settings import Settings, variable_name
from ocr_worker.wire.json_schema import wire_schemas
from ocr_worker.wire.schema import ParseResponse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """The code block after README's marker of this name."""
    block = re.search(rf"<!-- {name} -->\n```json\n(.*?)```", README, re.DOTALL)
    assert block, name
    return block[1]


SCHEMAS = wire_schemas(options_models("embedded"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_docs_hold_the_schemas_of_the_models(name: str) -> None:
    """docs/ is what `make schema` writes."""
    assert json.loads((ROOT / "docs" / name).read_text(encoding="utf-8")) == SCHEMAS[name]


def test_the_request_in_the_readme_is_valid() -> None:
    """README's request is one the worker takes, whichever engine runs."""
    for engine in ("embedded", "paddleocr-vl"):
        assert len(read_request(json.loads(example("request")), engine_spec(engine)).documents) == 3


def test_the_answer_in_the_readme_is_valid() -> None:
    """README's answer is one the worker could give."""
    ParseResponse.model_validate_json(example("answer"))


def test_the_test_input_is_valid() -> None:
    """test_input.json is in the platform's form and holds its document inside."""
    job = json.loads((ROOT / "test_input.json").read_text(encoding="utf-8"))
    documents = read_request(job["input"], engine_spec("embedded")).documents
    assert [bool(document.base64) for document in documents] == [True]


def test_every_setting_is_in_the_readme() -> None:
    """README's table names every environment variable, and none that does not exist."""
    settings = {variable_name(name) for name in Settings.model_fields}
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", README.split("## Settings")[1].split("## ")[0], re.MULTILINE))
    assert documented == settings


def test_every_error_code_is_in_the_readme() -> None:
    """README's table names every code that can reach a caller, and whether it is worth another try."""
    parents = {parent for error in error_types() for parent in error.__bases__}
    codes = {(error.code, "yes" if error.retryable else "no") for error in error_types() if error not in parents}
    codes |= {
        (error.code, "yes" if error.retryable else "no")
        for error in error_types()
        if error.code in ("ENGINE_UNAVAILABLE", "DELIVERY_FAILED")
    }
    documented = set(re.findall(r"^\| `([A-Z_]+)` \| (yes|no) \|", README, re.MULTILINE))
    assert documented == codes
