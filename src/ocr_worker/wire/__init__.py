"""The data that travels between a caller and a worker: requests, results and responses.

`schema` defines the models, `json_schema` derives their JSON Schemas, and `page_ranges` reads the page ranges in
them. `request` reads a job's input; `names` knows which field belongs where, and `source_text` what the text of a
source is. `results` derives facts from results, and `response` encodes what a job returns. Everything here is pure, and
of the rest of the package it imports `errors` only.
"""
