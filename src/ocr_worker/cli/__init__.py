"""`ocr-worker`, the command line."""
