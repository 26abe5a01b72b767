"""APIs of other products, so that their clients need only another address.

Each module translates one API to the pipeline's request and its response back; it decides nothing about parsing. All
modules run a document through `one_document`, and write references to figures in the form of each API. `uploads` keeps
files that are uploaded before they are parsed. The setting `OCR_WIRES` names the APIs that are served.

request ─▶ mistral, docling, fastgpt, open_webui ─▶ one_document ─▶ worker
"""
