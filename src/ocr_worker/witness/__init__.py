"""A second reading of each page, with which the text of an engine is compared.

An engine that runs a vision-language model may leave text out, repeat it or invent it, and does not say so. The witness
is the small reader of the embedded engine in processes of low priority (`child`, `process`, `pool`), or the text layer
of a born-digital page where its fonts are reliable (`reader`). It returns `evidence`: lines of text with boxes, and the
places of ink that looks like text. `comparison` aligns each block with the evidence in its box and returns findings,
`tables` compares tables cell by cell, and `coverage` looks for text in no block. `confidence` turns the agreement into
a number between 0 and 1. `verdict` puts the parts together for a page. All but the processes are pure functions.
"""
