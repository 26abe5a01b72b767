"""Count what the rules of writing forbid in identifiers and docstrings; fail when a count grows (`make words`).

The rules: values are nouns, never pronouns, participles or verb forms; docstrings begin with what something does or is.
The allowed counts are in `words.json` beside this file. `make words UPDATE=--update` writes the present counts there.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALLOWED = Path(__file__).with_name("words.json")
TREES = ("handler.py", "src", "bench", "tests")
SKIPPED = "tests/resources/tinyvl"

NAMES = frozenset(
    ["told", "one", "found", "given", "seen", "own", "asked", "known", "whole", "here", "there", "wanted"]
)
HEADLESS = re.compile(r"(What|Who|Whom|Whose|Whether|Where|Why|Whoever|Whichever)\b")
PHRASES = re.compile(r"\b(is|are|was|were|be) told\b|\bcomes? to\b|\bhas it\b|\bgoes on\b|\bstands?\b|\blies\b")


def main() -> int:
    """Print the counts, and where the most are. Return the exit code: 1 when any count has grown."""
    counts: Counter[str] = Counter()
    places: dict[str, Counter[str]] = {}
    for path in sources():
        for category in findings(ast.parse(path.read_text(encoding="utf-8"))):
            counts[category] += 1
            places.setdefault(category, Counter())[str(path.relative_to(ROOT))] += 1
    allowed: dict[str, int] = json.loads(ALLOWED.read_text()) if ALLOWED.exists() else {}
    for category in sorted({*counts, *allowed}):
        most = ", ".join(f"{place} {count}" for place, count in places.get(category, Counter()).most_common(3))
        print(f"{category}: {counts[category]} (allowed {allowed.get(category, 0)}) {most}")
    if "--update" in sys.argv:
        ALLOWED.write_text(json.dumps(dict(sorted(counts.items())), indent=2) + "\n")
        return 0
    return int(any(count > allowed.get(category, 0) for category, count in counts.items()))


def sources() -> Iterator[Path]:
    """Yield the Python files of this project."""
    for tree in TREES:
        path = ROOT / tree
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        yield from (file for file in files if SKIPPED not in str(file))


def findings(tree: ast.AST) -> Iterator[str]:
    """Yield a category for each finding in a module."""
    for node in ast.walk(tree):
        yield from (f"name {name}" for name in bound_names(node) if name.strip("_") in NAMES)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            if HEADLESS.match(text):
                yield "docstring without a head"
            yield from ("docstring with a riddle" for _ in PHRASES.findall(text))


def bound_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds: variables, arguments, attributes, functions, classes."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name


if __name__ == "__main__":
    sys.exit(main())
