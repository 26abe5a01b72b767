"""Thresholds of the layout, each with its meaning and its unit.

This module is the list of what can be tuned in `layout/`. It has no logic: the other modules of the room read
`THRESHOLDS`. A "line height" is the height of the line in question or the median height of the lines at hand, a
"share" is between 0 and 1, and a "side" is the longer side of the page. The code does not record what single values
were measured on. They were chosen on the pages of `bench/quality.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayoutThresholds:
    """Numbers that decide where lines, columns, regions and rules begin and end."""

    # Gutters between columns of prose (`columns`).
    # Line heights of the narrowest gutter: outlines of lines that were found on an image nearly touch across it.
    min_gutter_width: float = 0.15
    outline_margin: float = 0.15  # line heights by which outlines on a page image surely reach beyond the letters
    min_gutter_lines: int = 4  # lines on each side of a gutter
    min_column_width: float = 5.0  # line heights: a list's numbers or a table's column are narrower
    min_column_fill: float = 0.6  # share of the widest line that the median line fills: labels and cells fill less
    wider_lines: float = 0.1  # share of the lines that may be wider: headings over several columns
    beside_overlap: float = 0.3  # share of the lower height: lines that share more are beside one another
    next_neighbors: float = 2.0  # line heights behind the nearest line at the right, within which others are as near
    crossing_width: float = 0.2  # share of a gutter's width: a line that covers more of it crosses the gutter
    crossing_height: float = 0.3  # share of a line's height beside the gutter, from which the line can cross it
    # Labels at the left of a gutter, each with its text at the right, are no column of prose (`columns`).
    max_option_words: float = 2.0  # median words of such a label
    filled_column_room: float = 1.5  # line heights that a filled line of a column leaves free at its right
    level_option: float = 0.3  # line heights by which a label and its text may differ
    # Columns of prose in a box that was detected as a table (`columns`).
    max_row_rules: int = 3  # rules across the gutters: so many separate the rows of a table
    min_framed_lines: int = 24  # lines in the box
    min_words_per_line: float = 3.0  # mean of the lines in the box: cells have fewer
    beside_gutters: float = 0.85  # share of the lines that must be right beside a gutter

    # Lines across a gutter (`gutters`).
    min_word_gap: float = 0.55  # line heights between two words: spaces of justified text are narrower or not aligned
    witness_distance: float = 6.0  # line heights up or down to the farthest line that counts as evidence
    alignment: float = 0.6  # line heights within which the beginnings of a column's lines differ
    min_part_width: float = 5.0  # line heights of each part of a cut line: the number of a list item is narrower
    min_witnesses: int = 3  # other lines nearby that begin at the gutter
    witnesses_per_crossing: float = 3.0  # such lines for each line that runs across the gutter
    crossing_margin: float = 0.5  # line heights inside both ends of a line within which a gutter can cross it
    gutter_end: float = 0.6  # line heights of white between a gutter and the line across it that it is continued in
    heading_size: float = 1.25  # heights of the columns' lines: a line across their gutter that is higher heads them
    gap_slack: float = 0.3  # line heights around a wide gap within which the gutter is in that gap

    # Reading order (`reading_order`).
    box_tolerance: float = 0.15  # share of a box's side by which neighbors may touch or overlap
    max_tolerant_side: float = 40.0  # pixels of the side of which that share is taken, at most
    # A row is a few low boxes far apart, unlike columns. Shares of the height and width of all text.
    max_row_height: float = 0.08
    min_row_gap: float = 0.08
    row_level: float = 0.3  # share of the row's height by which the upper and lower edges of its boxes differ in sum
    # Lines of the highest box of a column, above which it is one: labels and their values, each of one line, are read
    # row by row.
    min_column_lines: float = 2.0
    uneven_title: float = 0.05  # share of the columns' width by which a title over their middle may be off

    # Cards in frames (`cards`), and cards without frames that begin with titles (`reading_order`). Line heights.
    frame_corner: float = 1.0  # by which the edges of a frame may miss each other: corners are often round
    frame_side: float = 0.9  # share of a side that rules cover, without its corners
    min_card_side: float = 3.0  # shortest side of a frame; boxes to tick and combs are smaller
    min_card_gap: float = 0.3  # white between two cards; cells of a table touch
    card_level: float = 0.5  # by which the upper edges of cards side by side differ

    framed_cell: float = 0.5  # share of a frame in a table or a picture, of which it is then a part
    min_framed_text: int = 4  # lines in a frame that touches others: cells of a table have fewer

    # Notes in the margins (`margin_notes`). Line heights, unless another unit is named.
    note_gap: float = 0.3  # white between a note and the margin of the text
    note_alignment: float = 0.5  # by which the beginnings of lines at the margin differ
    note_text_width: float = 12.0  # width of a line that shows where the margin is
    note_text_lines: int = 8  # such lines
    note_text_share: float = 0.6  # share of them that begin at the margin: those of two columns do not
    note_letters: int = 3  # letters of a note; numbers of equations and of lines have none
    note_share: float = 0.5  # lines of notes for each line at the margin, at most: a column beside the text has more
    note_width: float = 0.4  # share of the text's width, to which notes are narrower
    note_level: float = 0.5  # share of a note's height in common with the row beside it

    # Regions and their lines (`regions`).
    max_vertical: float = 0.5  # share of the lines: from it on, vertical lines are the page's text
    line_in_region: float = 0.5  # share of a line's area inside a region to which it belongs
    furniture_in_line: float = (
        0.7  # share of the area of a detected header or footer inside a line, which is then in it
    )
    share_digits: int = 1  # decimals of that share: regions that are equal after rounding compete by their size
    same_detection: float = 0.7  # share of a detection's area inside another that makes it a double
    one_column: float = 0.5  # share of the narrower text's width that two texts of a column share
    nested_region: float = 0.7  # share of a region's area inside a text that makes it a part of the text
    # The numbers along the upright axis of a chart (`charts`).
    min_ticks: int = 4  # numbers on a scale
    tick_rounding: float = 0.01  # steps by which a number may differ from a multiple of the step
    max_chart_lines: int = 80  # lines of a chart: a picture with more has tables in it
    max_ticks: int = 30  # numbers in a column: longer ones are those of a table
    tick_slack: float = 0.5  # line heights by which their edges or middles may differ from left to right
    tick_misfit: float = 0.15  # steps by which a number may miss its place
    ticks_in_step: float = 0.75  # share of the numbers in the column that are on the scale
    even_ticks: float = 2.4  # ratio of the largest step to the smallest: a number may not be read

    # A detected figure is a picture with some words, and not text that the model mistook for a picture.
    line_in_figure: float = 0.5  # share of a line's area inside a figure whose words it counts among
    max_text_in_figure: float = 0.3  # share of the figure's area covered by lines
    min_lines_to_doubt: int = 5  # lines in the figure; with fewer it is always a picture
    certain_figure: float = 0.6  # certainty of the layout model, below which a figure of so many lines is text
    sentence_words: float = 3.0  # mean words per line of a figure's text: sentences have more
    most_lines: float = 0.6  # share of the page's lines: a figure with more of them may only have `axis_words`
    words_in_photo: float = 1.5  # mean words per line of the text of a photographed page: labels of a map have fewer
    axis_words: float = 1.5  # mean words per line: the axes of a chart have fewer

    # Neighbors in a paragraph (`regions`). Line heights of the lower line, unless another unit is named.
    max_size_ratio: float = 1.5  # ratio of the heights of two lines
    max_line_gap: float = 0.7  # white between a line and the next below it
    clearly_closer: float = 0.4  # white by which a line is closer to one neighbor than to another
    same_row_overlap: float = 0.6  # vertical overlap: lines that share more are beside one another
    max_row_overlap: float = 0.5  # horizontal overlap of lines beside one another
    max_row_distance: float = 1.5  # white between lines beside one another
    stacked_width: float = 0.5  # share of the narrower line's width that lines below one another have in common
    max_stacked_overlap: float = 0.5  # vertical overlap of lines below one another

    # Parts of a paragraph (`sentences`).
    sentence_gap: float = 2.0  # line heights of white between two regions that a sentence continues across

    # Captions, titles and labels (`regions`).
    caption_overlap: float = 0.5  # share of the narrower width that a caption and its figure have in common
    max_caption_gap: float = 2.5  # line heights of white between a caption and its figure
    min_capitals: int = 4  # characters of a first line in capitals, which is a title even over a single row
    larger_rows: float = 1.22  # ratio of the heights of a text layer's rows that are of two sizes
    larger_title_rows: float = 1.12  # the same for a title, whose rows have one font
    larger_number_row: float = 1.06  # ratio of the letters' heights in a numbered title and in the row below it
    max_numbered_title: int = 60  # characters of such a title
    min_prose_rows: int = 4  # rows of a region in which centered rows are titles
    prose_row: float = 0.85  # share of the region's width that a filled row of prose has
    filled_prose: float = 0.5  # share of the region's rows that are filled
    capital_white: float = 1.2  # line heights of white at both sides of a centered row of capitals
    centered_white: float = 3.0  # the same for other rows: the first row of a paragraph is set in by less
    uneven_row: float = 0.8  # line heights by which the white at both sides differs
    min_title_rows: int = 3  # rows of a region, with which its first line is a title without capitals
    title_room: float = 0.4  # share of the region's width that a title leaves free at its right
    full_row_room: float = 0.12  # share of the region's width free at the right of the full row below a title
    min_labels: int = 2  # lines with a value beside them, in a form
    labels_with_value: float = 0.5  # share of the lines with a value beside them
    max_label_words: float = 5.0  # median words of the lines: a label has no more, a line of prose has
    value_overlap: float = 0.5  # share of a label's height that its value has in common with it

    # Rules on the page image (`rules`).
    fine_side: int = 3600  # pixels of the side to about which larger pages are reduced; A4 at up to 400 dpi is kept
    small_side: int = 1100  # pixels of the side of the reduced image for faint rules and fills
    min_side: int = 12  # pixels of the page's shorter side: a smaller page has no room for a rule
    ink_surroundings: float = 0.007  # share of the side around a pixel with whose mean it is compared
    min_surroundings: int = 3  # pixels of that window
    ink_step: int = 12  # gray values by which ink is darker than its surroundings
    min_rule_length: float = 0.015  # share of the side
    min_rule_pixels: int = 12  # pixels: no rule is shorter, however small the page
    max_rule_thickness: float = 0.004  # share of the side
    max_slope: float = 0.02  # fall of a long rule that is not quite level, per width
    min_thickness_limit: int = 3  # pixels: lowest limit of the thickness
    # Faint, dotted and broken rules are visible when the image is blurred along them; they are thin and isolated.
    blur_length: float = 0.007  # share of the side
    min_blur: int = 3  # pixels
    faint_step: int = 7  # gray values by which such a rule is darker than its surroundings
    faint_length: int = 3  # shortest such rule, in lengths of the shortest solid one
    faint_thickness: float = 0.0022  # share of the side
    min_faint_limit: int = 2  # pixels: lowest limit of that thickness
    max_ink_beside: float = 0.4  # share of the rule's length with ink right above or below: more is a row of letters
    # Edges of filled areas.
    fill_step: int = 5  # gray values between both sides of an edge
    fill_length: float = 0.03  # share of the side: shortest edge
    fill_edge: float = 0.0015  # share of the side between the two places that are compared
    edge_thickness: int = 4  # thickest edge, in distances of `fill_edge`
    dark_fill: int = 110  # gray value below which a fill is dark, so that its letters are light
    medium_fill: int = 200  # gray value below which a fill may be colored and have light letters
    letter_step: int = 30  # gray values between such a fill and its letters
    min_light_letters: float = 0.01  # share of the fill that its light letters cover, to be exceeded
    light_per_dark: float = 4.0  # pixels of light letters for each of dark letters: with fewer the letters are dark
    stroke: float = 0.008  # share of the side: no stroke of small print is thicker, and no fill is thinner
    min_stroke: int = 3  # pixels
    fill_strip: int = 3  # pixels of the small image: the height of what a low fill has above and below its letters
    letter_gap: int = 3  # widest gap that light letters leave in a dark fill, in strokes
    speckle: int = 3  # pixels of the median filter that removes noise from fills


THRESHOLDS = LayoutThresholds()
