"""A serverless worker that turns images and PDFs into Markdown and structured blocks.

This package runs as a RunPod worker (`runpod_worker`, started by `handler.py`), as an HTTP app (`app`), and as a
command line (`cli`). It also has a batch client (`batch`) and a local endpoint (`endpoint`). All of them parse
documents in the same way (`parsing`), with an exchangeable engine (`engines`). ARCHITECTURE.md describes the parts and
their order.
"""

__version__ = "0.1.0"
