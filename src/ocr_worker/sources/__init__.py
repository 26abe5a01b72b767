"""From a source to page images: bytes are fetched, then rendered in disposable child processes."""
