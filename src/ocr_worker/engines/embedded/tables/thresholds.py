"""Thresholds of the table code, each with its meaning and its unit.

This module is the list of what can be tuned in `tables/`. It has no logic: the other modules of the room read
`THRESHOLDS`. A "line height" is the median height of the lines at hand, and a "share" is between 0 and 1. Neither the
code nor its comments record what a single value was measured on. `bench/quality.py` scores the tables that all values
produce together.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableThresholds:
    """Numbers that decide which regions are tables, and how their cells are cut."""

    # Rules, in all modules.
    same_level: float = 0.4  # line heights: rules no farther apart are one rule
    grid_margin: float = 0.3  # line heights: rules no farther apart meet and belong to one grid
    wide_rule: float = (
        0.75  # share of the table's width: a wider rule separates rows, a shorter one underlines a heading
    )

    # Tables that are not level (`leveling`).
    chain_length: float = 10.0  # line heights: only longer rules show the fall
    chain_gap: float = 0.2  # line heights between two pieces of one rule, at most
    chain_step: float = 0.3  # line heights by which the next piece of a rule is higher or lower, at most
    min_fall: float = 0.15  # line heights over the width of the table; with less it counts as level

    # Ruled or aligned (`tables`).
    ruled_columns: float = 0.5  # share of the columns that rules must close before the cells are taken from the rules
    min_grid_edges: int = 3  # edges per direction: two columns and two rows make a grid
    column_rule: float = 0.5  # share of the table's height: a longer rule separates columns in an open table
    heading_rule: float = 0.15  # share of the table's height: rules down that are no longer separate only headings
    max_over_text: float = 0.7  # share of a rule's length along lines of text, above which it is a leader or a strike
    max_through_words: float = 0.3  # share of a rule's length through words, above which it is a stroke of letters
    above_text: float = 0.1  # share of a line's height at its top where a rule is the table's: leaders are at the foot

    # Numbers in columns (`columns`).
    word_gap: float = 0.45  # line heights: words that are closer belong together
    bullet_gap: float = 2.0  # line heights from a bullet to the first word of its item, at most
    cell_gap: float = 1.0  # line heights: a wider gap between words separates two cells
    min_gutter: float = 0.5  # line heights: a column gutter is at least this wide
    max_height_per_width: float = 2.2  # mean character widths: a line is at most this high
    max_crossing_rows: float = 0.15  # share of the rows that may cross a gutter
    section_width: float = 0.4  # share of the table's width: a single text of this width is a section heading or a note
    gutter_slack: float = 0.3  # line heights a text may reach over a gutter and still belong to one column
    narrow_slack: float = 0.3  # the same for a narrow text, as a share of its own width
    min_gutter_rows: int = 2  # rows with text on both sides of a gutter
    min_rows_for_pairs: int = 3  # rows; in a smaller table one row with text on both sides is enough
    min_narrow_gutter_rows: int = 4  # rows with text on both sides; with fewer a gutter must be `cell_gap` wide

    sum_indent: float = 0.25  # share of the table's width at the left of the label of a sum below the columns
    narrow_gutter: float = 0.2  # line heights: narrowest gutter, between columns of numbers
    number_pairs: float = 0.8  # share of the rows with two cells around such a gutter
    max_groups: float = 0.9  # share of the pairs of numbers that may be one: with more, each is one, such as `1 234`
    filled_beside: float = 0.5  # share of the rows with words in the columns on both sides of such a gutter
    numeric_rows: float = 0.3  # share of the rows with several numbers, from which only these rows count for the same

    # Headings (`alignment`).
    max_head_rows: int = 5  # lines of text above the body
    max_ruled_head_rows: int = 9  # the same above a rule, if no line has numbers
    min_body_rows: int = 3  # lines of text below the headings, from which the gutters are taken without the headings
    max_apart_rows: int = 3  # rows at the end that white sets apart, such as totals
    apart_gap: float = 0.6  # line heights by which this white is higher than that between the other rows
    min_rows_for_text_head: int = 4  # lines of a table without numbers, from which its first line may be the headings
    numeric_row: float = 0.5  # share of the texts after the first that are numbers: the row is no heading
    labeled_rows_below: float = (
        0.8  # share of the rows below with a label: rows above a rule without labels are headings
    )
    nearer_column: float = 0.5  # line heights by which a heading must be nearer to one of two columns to be its alone
    numeric_column: float = 0.6  # share of numbers among a column's texts: headings that nearly touch are cut over it
    max_off_heading: float = 0.75  # line heights such a heading may be off the beginning, end or center of its column
    gutter_at_rule: float = 1.5  # line heights: a gutter no farther from a rule down the table is that rule
    underline_above: float = 0.3  # line heights an underline may be above the foot of its heading
    underline_below: float = 1.2  # line heights an underline may be below the foot of its heading
    piece_gap: float = 0.3  # line heights between two pieces of one rule, at most; underlines are farther apart
    max_off_center: float = 0.6  # line heights a heading may be off the center of the columns that it spans
    min_center_gain: float = 0.8  # line heights by which the span must fit better than the heading's own column
    head_pitch: float = 1.7  # line heights: closer lines of headings between the same rules are one row
    head_pitch_over_rule: float = 0.75  # line heights: the same for lines with a rule between them

    # Rows of several lines (`alignment`).
    min_pitch: float = 0.85  # line heights: lines of one cell are not closer to each other
    min_step: float = 1.08  # ratio of the pitch of rows to the pitch of lines in a cell that tells them apart
    steps_tried: int = 3  # largest steps between pitches that are tried
    max_spread: float = 0.7  # share of the step to the pitch of rows: the pitches in cells differ by less
    wrapped_pairs: float = 0.8  # share of the close pairs of lines in which one line is no full row
    sparse_row: float = 0.6  # share of the columns: a line that fills no more of them is no full row
    min_ruled_bands: int = 3  # bands between rules, before a band can be one row
    max_band_lines: int = 6  # median of the lines in a band; with more, the bands are sections and not rows
    listed_numbers: float = 0.5  # share of numbers in a column's texts: more is a list, one number a row
    full_row: float = 0.75  # share of the columns that every line of a band fills if the lines are rows
    centered_pitch: float = 0.75  # line heights: closer lines without overlap are two cells centered in one row
    continued_limit: float = 1.2  # a first cell goes on in lower case up to this multiple of the pitch limit
    continued_columns: float = 0.5  # share of the columns: a line with more texts is a row of its own
    set_out: float = (
        0.3  # line heights by which a label that begins farther left than the one above does not continue it
    )
    wrapped_pitch: float = 1.7  # line heights: farther lines do not continue a cell
    continued_pitch: float = 1.5  # line heights: a label goes on in lower case up to this pitch, even beside new cells

    # Ruled grids (`grid`).
    apart: float = 1.0  # line heights of white between the texts of two cells that no rule separates
    edge_slack: float = 0.45  # line heights a rule may be off an edge of the grid
    min_strip: float = 0.75  # line heights between two edges: less has no room for text, so that the edges are one
    ruled_edge: float = 0.5  # share of an edge that rules must cover
    cut_slack: float = 0.3  # line heights a text may reach over an edge without being cut
    level_text: float = 0.3  # line heights by which texts of one row are off its level
    min_stacked: int = 3  # rows with a text each, level with others, that are no single cell without a rule
    min_split_rows: int = 3  # rows with a number at the right, before a ruled column is split
    split_rows: float = 0.6  # share of a ruled column's rows that must be exceeded for the same
    text_pairs: float = 0.8  # share of a ruled column's rows with two texts apart at a gutter that no rule shows
    min_bands: int = 4  # bands between rules; with fewer, the table has few rules and its rows come from the text
    min_open_rows: int = 4  # rows of text in one band of such a table
    listing_rows: float = 0.7  # share of a band's rows with numbers, from which each is a row of the table

    # Bounds (`bounds`).
    same_grid: float = 0.5  # share of the grid and of the box that each must cover of the other to be one table
    sentence_words: int = 8  # words in a line of prose; lines of cells seldom have as many
    prose_width: float = 0.6  # share of the table's width: longer prose in a row of its own is no part of the table
    row_gap: float = 1.2  # line heights of white to the next row of the table, at most
    column_gap: float = 4.0  # line heights of white to the next column of the table, at most
    column_gap_width: float = 0.5  # the same as a share of the table's width; the larger limit holds
    sum_gap: float = 2.5  # line heights of white to a next row whose numbers are below the others': a total
    heading_center: float = 1.5  # line heights a heading may be off the center of the columns below it
    level_labels: float = 0.6  # share of the rows with a label level with them, above which it may be far away
    labeled_rows: float = 0.5  # share of the rows with a text beside the table, above which it is a column
    beside_overlap: float = 0.5  # share of a line's width over the table, above which it may be of the next row
    next_row_overlap: float = 0.5  # line heights the next row may overlap the table's outermost row
    rule_overlap: float = 0.5  # share of the shorter of rule and table that the other must cover from left to right

    # Unruled tables (`detection`).
    min_rows: int = 3  # rows of a table
    min_columns: int = 3  # texts in a row of a table; two are enough if the second is a number
    min_text_rows: int = 4  # rows of a table with few numbers
    max_row_gap: float = 2.5  # line heights of white between rows of a table
    table_rows: float = 0.5  # share of a block's rows with several cells
    min_filled: float = 0.5  # share of a table's places with text
    min_numbers: float = 0.3  # share of numbers among the texts after the first column
    min_numbers_two_columns: float = 0.8  # the same in a table of two columns, to be exceeded
    max_mean_words: float = 3.0  # words per text in a table with few numbers
    min_filled_text: float = 0.75  # share of the places with text in a table with few numbers, to be exceeded
    max_index_entries: float = 0.25  # share of texts such as "name, 12": with more, the block is an index
    max_contents_columns: int = 3  # columns of a table of contents
    min_page_numbers: int = 4  # numbers that must be exceeded in the last column of a table of contents
    page_numbers: float = 0.7  # share of that column's texts that numbers must exceed
    max_falls: float = 0.1  # share of these numbers that may be smaller than the number above

    # Detected tables and their neighbors (`detection`).
    certain: float = 0.8  # score of the layout model above which weaker evidence from rules and lines is enough
    min_wide_rules_certain: int = 2  # wide rules that make a table with a higher score certain
    min_wide_rules: int = 3  # the same for a table with a lower score
    column_height: float = 0.5  # share of the page's text height that a column of the page exceeds
    column_width: float = 0.6  # share of the page's text width: a column of the page is narrower
    full_line: float = 0.7  # share of a page column's width that its median line exceeds
    clear_lead: float = 0.1  # score by which a table in another one must lead to be the table
    same_table: float = 0.5  # share of a box in another, from which they are one table
    main_part: float = 0.5  # share of an uncertain table's area: a larger box that replaces it takes its bounds
    replaced: float = 0.7  # share of another detection in a certain table, above which the table replaces it
    part_of_detection: float = 0.9  # share of a grid in a detected table, above which it is part of it
    lines_in_grids: float = 0.8  # share of a detected table's lines in its grids, above which each grid is a table
    min_cells: float = 0.4  # share of a grid's cells with text; with less it is the grid of a chart
    min_cells_count: float = 3.0  # the same, in cells
    max_image_lines: float = 0.8  # share of the page's lines in an image with a lower score; with more it is text
    max_image_text: float = 0.1  # share of the area of such an image that lines cover; with more it is text
    max_image_sentences: int = 1  # lines of prose in an image; with more it is text
    detail_overlap: float = 0.5  # share of a box in an image, above which the box may be a detail of the image
    detail_area: float = 0.5  # share of the image's area: a smaller box is a detail, such as the figures of an axis
    long_text: int = 300  # characters of a cell, above which the rules may be the page's layout
    long_line: int = 25  # characters of a line, above which it counts for such a cell
    spanning_text: float = 0.5  # share of the characters in spanning cells, above which the rules are the layout
    min_spanning_rows: int = 3  # rows with the same span beside other columns, from which it is a column


THRESHOLDS = TableThresholds()
