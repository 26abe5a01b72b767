"""`examples/README.md` names every example, and its commands are those of the code."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib import import_module

from ocr_worker.cli import COMMANDS
from support.examples import EXAMPLES

README = (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_every_example_is_named() -> None:
    """No file or folder of `examples/` is missing from the table."""
    for path in EXAMPLES.iterdir():
        if path.name not in ("README.md", "__pycache__"):
            assert f"`{path.name}{'/' if path.is_dir() else ''}`" in README


def test_its_commands_parse() -> None:
    """Each `ocr-worker` command in the table has arguments that the command line accepts."""
    commands = [shlex.split(text) for text in re.findall(r"`OCR_ENGINE=embedded (ocr-worker [^`]+)`", README)]
    assert len(commands) >= 3
    for _, command, *arguments in commands:
        assert command in COMMANDS
        parser = argparse.ArgumentParser()
        import_module(f"ocr_worker.cli.{command}").add_arguments(parser)
        parser.parse_args(arguments)
