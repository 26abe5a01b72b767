"""The program of `python -m ocr_worker.cli`, which is the command `ocr-worker`."""

import sys

from ocr_worker.cli import main

sys.exit(main())
