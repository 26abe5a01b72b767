"""The embedded engine: pages are read on the CPU, every model inside a wheel, nothing fetched.

`page` is the way of a page. It is set `upright`; its lines come from its own `text_layer` where that does not lie, else
`models` find and read them; they are parted at `gutters`. `rules` are found on the picture, `tables` told from prose.
`regions` hold each line once, cut at the `columns` that the lines show; `furniture` is labelled, `reading_order` finds
the order, `text` makes paragraphs of lines, `markdown` writes it all, and `confidence` says what to be warned of.
"""
