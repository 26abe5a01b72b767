"""Write the reference tables of `docs/` from the models, so that they cannot disagree with the code (`make schema`).

A page holds a table between the markers `<!-- table: NAME -->` and `<!-- end of table -->`. `TABLES` has a function for
each name, which returns the table's Markdown. `python -m support.reference` replaces the tables of all pages, and
`tests/test_documentation.py` fails when one is stale. All of this is for the documentation and not in the package.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_settings import BaseSettings

from ocr_worker.app.problems import status_of
from ocr_worker.batch import status
from ocr_worker.engines.registry import BUILT_IN, engine_spec
from ocr_worker.errors import (
    ClientError,
    DeliveryFailed,
    OcrWorkerError,
    ResponseTooLarge,
    SettingsInvalid,
    error_types,
)
from ocr_worker.settings import GROUPS, ClientSettings, SettingField, expected_values, grouped_fields, list_fields
from ocr_worker.wire import schema
from ocr_worker.wire.schema import ParseOptions

DOCS = Path(__file__).parents[2] / "docs"
# No response of the HTTP app has these: it delivers nothing to buckets, and has no limit for a response.
WITHOUT_STATUS = (ClientError, SettingsInvalid, DeliveryFailed, ResponseTooLarge)
# Base classes that are raised themselves, beside their subclasses.
RAISED_BASES = ("ENGINE_UNAVAILABLE", "DELIVERY_FAILED")

_TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def main() -> None:
    """Write every page of `docs/` that holds a table, and print its path."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if _TABLE.search(text):
            path.write_text(with_tables(text), encoding="utf-8")
            print(path.relative_to(DOCS.parent))


def with_tables(page: str) -> str:
    """Return a page of `docs/` with its tables as they should be. Raises KeyError for an unknown table."""
    return _TABLE.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}", page)


def table_names(page: str) -> list[str]:
    """Return the names of a page's tables."""
    return [name for _, name, _ in _TABLE.findall(page)]


# --------------------------------------------------------------------------- tables


def settings_tables() -> str:
    """Return the worker's settings: for each group a heading, a sentence, and a table."""
    parts = []
    for group, fields in grouped_fields().items():
        title = group[:1].upper() + group[1:]
        parts.append(f"## {title}\n\n{inspect.getdoc(GROUPS[group])}\n\n{_settings_table(fields, GROUPS[group])}")
    return "\n".join(parts)


def client_settings_table() -> str:
    """Return the table of the batch client's settings."""
    return _settings_table(list_fields(ClientSettings, "client"), ClientSettings)


def _settings_table(fields: Iterable[SettingField], model: type[BaseSettings]) -> str:
    rows = []
    for field in fields:
        values = expected_values(field.field, model).replace("*", r"\*")
        sentence = "" if values in ("a text", "a path") else f" *{values[:1].upper()}{values[1:]}.*"
        rows.append([f"`{field.name}`", f"{field.description}{sentence}"])
    return _table(("Variable", "Description, and *valid values*"), rows)


def options_table(model: type[ParseOptions], base: type[ParseOptions] | None = None) -> str:
    """Return the table of a model's request options, without those of `base`."""
    properties = model.model_json_schema()["properties"]
    names = [name for name in model.model_fields if base is None or name not in base.model_fields]
    rows = ([f"`{name}`", _default(properties[name]), _description(properties[name])] for name in names)
    return _table(("Option", "Default", "Description"), rows)


def fields_table(model: type[BaseModel]) -> str:
    """Return the table of a model's fields."""
    properties = model.model_json_schema()["properties"]
    rows = ([f"`{name}`", _description(properties[name])] for name in model.model_fields)
    return _table(("Field", "Description"), rows)


def errors_table() -> str:
    """Return the table of every error that can reach a caller."""
    rows = (
        [
            f"`{error.code}`",
            "" if issubclass(error, WITHOUT_STATUS) else str(int(status_of(error.code))),
            "yes" if error.retryable else "no",
            f"{_first_line(error)} *{error.remedy}*",
        ]
        for error in public_errors()
    )
    return _table(("Code", "HTTP", "Retry", "Meaning, and *what to do*"), rows)


def public_errors() -> Iterator[type[OcrWorkerError]]:
    """Yield the errors that can reach a caller: all but the base classes that are never raised themselves."""
    bases = {base for error in error_types() for base in error.__bases__}
    yield from (error for error in error_types() if error not in bases or error.code in RAISED_BASES)


def warnings_table() -> str:
    """Return the table of the warnings."""
    rows = ([f"`{code}`", description] for code, description in status._WARNINGS.items())
    return _table(("Code", "Meaning"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_tables,
    "client-settings": client_settings_table,
    "errors": errors_table,
    "warnings": warnings_table,
    "options": partial(options_table, ParseOptions),
    **{f"options-{name}": partial(options_table, engine_spec(name).options, ParseOptions) for name in BUILT_IN},
    **{
        f"fields-{name}": partial(fields_table, model)
        for name, model in {
            "request": schema.ParseRequest,
            "document-request": schema.DocumentRequest,
            "response": schema.ParseResponse,
            "document": schema.DocumentResult,
            "page": schema.PageResult,
            "block": schema.Block,
            "figure": schema.Figure,
            "coverage": schema.Coverage,
            "timing": schema.Timing,
            "error": schema.ErrorInfo,
            "delivery": schema.Delivered,
            "page-chunk": schema.PageChunk,
            "part": schema.PagePart,
        }.items()
    },
}


# --------------------------------------------------------------------------- cells


def _table(head: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _default(property_schema: Mapping[str, Any]) -> str:
    """Return the cell of a default; empty where nothing is the default, or where a field is required."""
    value = property_schema.get("default")
    return "" if value is None else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _description(property_schema: Mapping[str, Any]) -> str:
    """Return the cell of a description: a sentence, with the values that the field accepts."""
    text = property_schema.get("description", "").rstrip(".")
    sentences = [f"{text}."] if text else []
    return " ".join([*sentences, *_values(property_schema, text)])


def _values(property_schema: Mapping[str, Any], text: str) -> list[str]:
    """Return a sentence about the values that a field accepts, unless its description names them all."""
    for part in (property_schema, property_schema.get("items", {}), *property_schema.get("anyOf", [])):
        values = [f"`{value}`" for value in part.get("enum", [])]
        if values and not all(value in text for value in values):
            return [f"One of {', '.join(values)}."]
        if sentence := _range(part):
            return [sentence]
    return []


def _range(part: Mapping[str, Any]) -> str:
    least, most, above = (part.get(name) for name in ("minimum", "maximum", "exclusiveMinimum"))
    if least is not None and most is not None:
        return f"{_number(least)} to {_number(most)}."
    limits = {"At least": least, "Above": above, "At most": most}
    bounds = [f"{word} {_number(limit)}" for word, limit in limits.items() if limit is not None]
    return f"{bounds[0]}{''.join(f', {bound.lower()}' for bound in bounds[1:])}." if bounds else ""


def _number(value: float) -> str:
    return f"{value:,g}" if value < 1e6 else f"{value:,.0f}"


def _first_line(error: type[OcrWorkerError]) -> str:
    return (error.__doc__ or "").partition("\n\n")[0]


if __name__ == "__main__":
    main()
