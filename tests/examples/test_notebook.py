"""`examples/page.ipynb`: its cells are run in order, each as a notebook runs them."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from support.examples import EXAMPLES

NOTEBOOK = json.loads((EXAMPLES / "page.ipynb").read_text(encoding="utf-8"))


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell and return the value of its last line, which a notebook shows; None if that is a statement."""
    *statements, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        statements, last = [*statements, last], ast.Expr(ast.Constant(None))
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.process
def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows the coverage, the page with colored boxes, the table and the Markdown."""
    monkeypatch.chdir(EXAMPLES)
    names: dict[str, Any] = {}
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    coverage, picture, tables, nothing = [run_cell("".join(cell["source"]), names) for cell in cells]
    assert coverage["pages_parsed"] == 3
    colors = {color for _, color in picture.getcolors(picture.width * picture.height)}
    assert (65, 105, 225) in colors, "no box has the color of text"
    assert "Stone Bridge" in tables._repr_html_()
    assert nothing is None
    assert capsys.readouterr().out.startswith("# Low Water at Four Gauges")


def test_the_notebook_is_stored_without_outputs() -> None:
    """The file stays small, and a new run changes no line of it unless somebody stores the outputs."""
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
