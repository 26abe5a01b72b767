"""From a page image, or from a page's own text layer, to lines of text.

`models` runs the OCR packages: it finds and reads lines, detects regions, and guesses which side of a page is up.
`layout_model` and `sessions` load what it runs. `upright` turns and straightens a page. `text_layer` checks the text of
a born-digital page against the page image. `confidence` drops specks and decides on warnings. What the lines mean for
the layout is not decided here.
"""
