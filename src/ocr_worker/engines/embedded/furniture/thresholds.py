"""Thresholds of page furniture and headings, each with its meaning and its unit.

This module is the list of what can be tuned in `furniture/`. It has no logic: the other modules of the room read
`THRESHOLDS`. A "line height" is that of the page's body text, a "line spacing" is the distance from line to line in the
body text, a "share" is between 0 and 1, and "points" are added up as evidence for page furniture. The code does not
record what single values were measured on. They were chosen on the pages of `bench/quality.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FurnitureThresholds:
    """Numbers that decide which lines are page furniture, footnotes and titles."""

    # What proves that a row is furniture (`evidence`). Line heights and widths of a character are those of the body.
    larger: float = 1.1  # line heights: letters above this are larger than the body's
    smaller: float = 0.93  # line heights, and widths of a character: letters below are lower and narrower
    clearly_smaller: float = 0.9  # line heights: letters of a text layer below are clearly small
    clearly_smaller_read: float = 0.8  # the same for letters that were read from the page image
    larger_repeated: float = 1.4  # line heights, and widths of a character: a line that comes again may be so large
    capital_width: float = 1.3  # ratio of the width of capitals to that of small letters
    certain_header: float = 0.8  # score from which the layout model is certain of a header
    certain_footer: float = 0.4  # the same for a footer: no title is at the foot
    slightly_larger: float = 1.25  # line heights: letters of a strip that is set off in the margin may be so large
    far_gap: float = 5.0  # line spacings: a line at the foot that is farther from all text is no part of it
    min_equal_ends: int = 3  # parts of a row that may have the same text at both ends

    # Points that a row needs to be taken off the page's edge (the package itself).
    enough: float = 3.0  # points for the outermost row
    enough_per_joined_row: float = 0.5  # points more for each row that is taken together with the first
    enough_on_sparse_page: float = 1.0  # points more on a page of few lines
    sparse_page: int = 8  # lines of such a page, at most
    enough_close: float = 0.5  # points more for a row farther in that is close to the row taken before
    enough_farther: float = 1.5  # points more for a row farther in that is not close to it
    close_rows: float = 1.5  # line spacings: rows that are nearer are close
    enough_above_salutation: float = 2.0  # points more above a letter's salutation
    max_rows: int = 4  # rows taken at one edge
    max_depth: float = 0.2  # share of the page's height from the edge: no furniture is farther in
    max_photo_depth: float = 0.35  # the same on a photograph, which has a desk around its page
    max_joined_rows: int = 3  # rows that are taken together
    joined_rows: float = 1.35  # line spacings: only rows that are no farther apart are taken together
    row_overlap: float = 0.4  # share of the lower height: a line that shares more with a row's first line is in the row
    long_rule: float = 0.6  # share of the body's width: a longer rule separates furniture from the text
    rule_distance: float = 1.5  # line spacings from a row to the rule that separates it, at most
    rule_slack: float = 0.3  # line heights that this rule may be inside the text farther in
    letter_head: float = 0.5  # share of the page's height: a salutation is looked for above it

    # Colored bands (`bands`).
    band_contrast: int = 30  # levels of a color by which the band differs from the page
    band_width: float = 0.6  # share of the page's width
    band_height: float = 1.5  # line heights above the line and below it, at most

    # Points for a page number (`evidence`).
    page_word: float = 3.0  # points for a number with its word: "Page 3"
    separate_number: float = 2.5  # points for a number alone, or apart at an end of the row
    number_in_line: float = 1.0  # points for a number at an end of a line of words
    second_number: float = 1.0  # points at most for a number without its word, when the page's number is known
    clear_number: float = 2.0  # points: with more, the row has the page's number
    centered_number: float = 1.0  # points more for a lone number below the middle of a text
    middle: float = 0.06  # share of the body's width by which that number may be off the middle
    max_words_beside: int = 3  # other lines in the row of a separate number
    number_distance: float = 1.5  # line heights of white between a separate number and the other lines
    max_lines_with_number: int = 2  # lines of a row in which `number_in_line` counts

    # Points for the gap between a row and the text farther in, in line spacings (`evidence`).
    no_gap: float = 1.3  # less white than this is within a text
    some_gap: float = 1.6
    wide_gap: float = 2.2
    no_gap_points: float = -1.5  # below `no_gap`
    some_gap_points: float = 1.0  # from `some_gap`; between `no_gap` and `some_gap` there are no points
    wide_gap_points: float = 2.0  # from `wide_gap`

    # Points for the distance to the page's edge, as a share of the page's height (`evidence`).
    at_edge: float = 0.06
    near_edge: float = 0.085
    at_edge_points: float = 2.0  # below `at_edge`
    near_edge_points: float = 1.0  # below `near_edge`
    cut_margin: float = 0.04  # share of the page's width: with less margin the sheet was cut
    cut_divisor: float = 2.0  # divisor of these points on a cut sheet

    # Points for the size of the letters, in line heights (`evidence`).
    huge: float = 1.4
    large: float = 1.2
    small: float = 0.85
    huge_points: float = -4.0  # above `huge`
    large_points: float = -2.0  # above `large`
    small_points: float = 0.5  # below `small`
    number_divisor: float = 2.0  # divisor of these points in a row with the page's number
    min_letters: int = 3  # letters of a line whose size counts

    # Points for the layout model's label (`evidence`).
    header_points: float = 1.0  # "header" or "footer"; the model calls many titles headers
    certain_points: float = 1.0  # more if the model is certain of the header or footer
    table_points: float = -2.0  # "table"; the model recognizes nearly every table
    title_points: float = -1.0  # "paragraph_title"

    # Points for other signs of furniture or of text (`evidence`).
    ruled_points: float = 2.0  # a long rule between the row and the text
    repeated_points: float = 4.0  # a line that comes again on neighboring pages
    running_points: float = 1.5  # text that running headers and footers have
    capitals_points: float = 0.5  # text in capitals
    numbered_capitals_points: float = 2.0  # text in capitals beside the page's number
    parts_points: float = 1.0  # two or three parts with much white between them
    wide_points: float = -1.5  # a line about as wide as the body
    prose_lines: int = 3  # lines of a text beside which a row is judged
    wide_line: float = 0.8  # share of the body's width above which a line is that wide
    sentence_points: float = -1.0  # part of a sentence
    section_points: float = -3.0  # heading of a numbered part, without the page's number
    min_capitals: int = 6  # letters of a text in capitals
    max_parts: int = 3  # parts of a row with white between them
    indented_row: float = 3.0  # line heights between the left margin and the first row of a text, at most
    filled_row: float = 8.0  # line heights between a filled row and the right margin, at most: room for a long word
    catchword_room: float = 1.5  # line heights right of a word that belongs to the next page, at most
    sheet_mark: int = 6  # characters of the number of a sheet beside that word, at most
    set_in: float = 0.5  # line heights of white at both sides of a row of capitals that is no part of the text below
    part_gap: float = 0.2  # share of the body's width: the widest white between parts is wider
    min_sentence_words: int = 6  # words of a text that begins in lower case and is part of a sentence

    # Body text (`evidence`, `headings`).
    min_step: float = 0.8  # line heights from a line to the next: a smaller step does not count for the line spacing
    max_step: float = 4.0  # line heights from a line to the next: a larger step does not count for the line spacing
    usual_spacing: float = 1.4  # line heights: the line spacing of a page without two lines below one another
    characters_per_vote: int = 10  # characters of a line for each vote on the line height: long lines count more

    # Titles (`headings`).
    max_sentence_title: int = 60  # characters of a title that ends with a full stop
    title_size: float = 1.3  # line heights: the median line of a title is higher
    min_title_size: float = 1.1  # line heights: the lowest line of a title is higher
    max_title_lines: int = 3  # lines of a title in large letters
    min_title_text: int = 3  # characters of a line that begins like a title
    title_indent: float = 1.5  # line heights between the left edges of a title and of the text below it
    title_overlap: float = 0.3  # line heights by which a title may overlap the text below it
    title_gap: float = 1.5  # line heights of white between a title and the text below it
    bold_title_gap: float = 3.0  # line heights of white below a bold title
    title_width: float = 0.7  # share of the width of the text below: a title is narrower
    number_gap: float = 3.0  # line heights from the number of a section to its title, at most
    number_size: float = 1.5  # ratio of the heights of the number and the title, at most
    title_row_white: float = 0.5  # line heights of white between two rows of a title, at most
    same_title_size: float = 1.06  # ratio of the heights of two rows of a title, at most
    row_white: float = 0.7  # line heights of white below a title that is the first row of its text
    over_text: float = 0.5  # share of a first row's width over its text; a title over several columns has less
    head_title_size: float = 1.1  # line heights: larger letters make a title of the first line above white
    next_texts: int = 3  # regions below the first row of a page among which is prose, if the row is its title
    head_title_white: float = 0.8  # line heights of white below such a title
    uneven_center: float = 0.12  # share of the text's width by which the indents of centered text may differ
    center_indent: float = 3.0  # line heights by which centered text is indented on both sides
    document_title_depth: float = 0.4  # share of the page's height above which the document's title begins
    document_title_size: float = 1.15  # ratio of its line height to that of all other titles and of the body

    # Titles that are none (`false_titles`). Line heights, unless another unit is named.
    larger_title: float = 1.12  # ratio of the letters' heights from which a title is larger than what is beside it
    contact_distance: float = 2.5  # white between the names of authors and their address, at most
    min_name_words: int = 2
    max_name_words: int = 4
    first_row_indent: float = 6.0  # by which the first row of a paragraph is set in, at most
    word_space: float = 0.3  # space between two words
    prose_width: float = 8.0  # width of a paragraph whose rows are filled
    address_rows: int = 6  # rows of an address, at most

    # Footnotes (`footnotes`).
    small_print: float = 0.9  # line heights: a note's lines are lower
    note_gap: float = 1.3  # line spacings: a note is farther from the text above it
    note_spacing: float = 1.2  # line spacings of the body per line of the note, at most
    note_depth: float = 0.4  # share of the text's height, from its foot, in which a note may begin
    above_note: float = 0.5  # line heights by which text above a note may overlap its beginning
    note_rule: float = 0.55  # share of the column's width: a longer rule belongs to a table or a footer
    min_note_rule: float = 1.5  # line spacings; a shorter rule is a stroke of a letter, such as those of Hangul
    note_rule_indent: float = 0.5  # line spacings by which a rule may begin right of its note
    note_rule_slack: float = 0.3  # line spacings that a note's rule may overlap the text above or the note
    note_rule_distance: float = 2.0  # line spacings from the rule down to the note, and right to its left edge

    # Margins (`margins`).
    margin: float = 0.1  # share of the page's width at each side
    tall_region: float = 3.0  # ratio of height to width above which a region is vertical text
    text_line: int = 20  # characters: a longer line shows where the text begins
    left_edge_divisor: int = 10  # one line in so many may begin left of the text's left edge
    max_digits: int = 3  # digits of a line number
    min_line_numbers: int = 15  # numbers; a shorter list may be a table's column
    number_column: float = 4.0  # line heights of the numbers: their column is no wider
    even_step: float = 0.25  # share of the usual step by which a step may miss a multiple of it
    even_steps: float = 0.8  # share of the steps that must be even, and of the numbers that must rise


THRESHOLDS = FurnitureThresholds()
