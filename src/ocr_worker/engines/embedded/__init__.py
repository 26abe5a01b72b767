"""The embedded engine: it parses pages on the CPU, with models that are inside wheels, so that nothing is downloaded.

`page` takes a page through all steps. `upright` turns it. The lines come from the page's own `text_layer` if the page
image confirms it; `models` then read only what the layer leaves `uncovered`, and on other pages everything. Lines that
run across the white between columns are cut at `gutters`. `rules` are found on the page image, and `tables` are
separated from prose. `regions` contain each line once, cut at the `columns` that the lines show. `furniture` is
labeled, and `reading_order` sorts the regions. `text` joins lines into paragraphs, `markdown` writes the result with
what would be markup escaped (`escaping`), and `confidence` decides on warnings.

Each room keeps its numbers in a `thresholds` module.
"""
