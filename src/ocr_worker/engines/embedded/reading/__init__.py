"""From a page image, or from a page's own text layer, to lines of text.

`models` runs the OCR packages: it finds and reads lines, detects regions, and guesses which side of a page is up.
`layout_model` and `sessions` load what it runs. `upright` turns and straightens a page. `text_layer` checks the text of
a born-digital page against the page image. `confidence` drops specks and decides on warnings. What the lines mean for
the layout is not decided here.

Some readings are corrected by what the pixels show: `spacing` sets spaces by the white between characters,
`small_print` and `foreign_signs` read doubtful lines once more, and `letter_marks` finds accents that are dirt. What
the detector misses is looked for in the ink: `tick_boxes`, `radio_buttons`, `comb_fields` (a box for each character),
`large_letters` (initials), `page_numbers` (behind leaders) and `short_texts` (dashes, digits and signs of tables).
"""
