"""The program of `python -m ocr_worker.cli`, which is the command `ocr-worker`."""

from ocr_worker.cli import program

program()
