"""Sources: the way from a source in a request to page images.

`fetch` gets a document's bytes. `rasterizer` then renders them in disposable processes. No engine is involved here.
"""
