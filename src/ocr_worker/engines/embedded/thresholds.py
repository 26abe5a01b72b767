"""Thresholds of the engine's own modules, each with its meaning and its unit.

This module is the list of what can be tuned in the engine's own modules; `layout/`, `furniture/`, `reading/` and
`tables/` have one of their own. It has no logic: the modules read `THRESHOLDS`. A "line height" is the median height of
the lines at hand, and a "share" is between 0 and 1. The code does not record what single values were measured on. They
were chosen on the pages of `bench/quality.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineThresholds:
    """Numbers that decide which lines form a row, where a paragraph begins, and what is worth a warning."""

    # Rows (`lines`).
    row_overlap: float = 0.5  # share of the lower height: a line that shares more of it with a row belongs to the row

    # Bullets and other symbols of a text layer (`lines`).
    tall_symbol: float = 1.5  # heights of the words: a line that is as high, or higher, is no neighbor of its next line

    # Lines that run up or down the page (`lines`).
    tall_line: float = 2.0  # ratio of height to width from which a line is vertical text
    min_vertical_text: int = 2  # characters of a line that is vertical text

    # Paragraphs (`beginnings`).
    paragraph_gap: float = 0.9  # line heights of white above a row: with more, the row begins a paragraph
    # Line heights of white above a row that begins a sentence, besides the usual white: more begins a paragraph.
    paragraph_white: float = 0.3
    running_rows: float = 0.6  # share of the rows that run on from the row above, in double-spaced text
    closer_rows: int = 4  # one gap in so many is no wider than the usual white
    indent: float = 0.5  # line heights: a row that begins farther right than the margin is indented
    max_indent: float = 6.0  # line heights: a row that begins even farther right is centered, or another column
    min_margin_rows: int = 2  # rows that begin at the same place, which makes it the margin of the text
    max_indented_end: float = 0.3  # share of the text's width that an indented row leaves free at its right
    at_margin: float = 0.5  # line heights: a row that begins no farther from the left margin begins at it
    words_of_room: float = (
        2.0  # widths of the next row's first word that must be free: it fitted, but was not put there
    )
    room_after_sentence: float = 0.2  # share of the text's width free at the right of a row that ends a sentence
    room_in_sentence: float = 0.4  # the same for a row that does not end a sentence

    filled_room: float = 1.5  # line heights free at the right of a row that may end within a word (`text`)

    # Line heights by which a single row begins farther right than the text below that it is no part of (`markdown`).
    caption_indent: float = 3.0
    # Text left out of the Markdown (`markdown`).
    max_left_out: float = 0.1  # share of the page's characters: with more left out, the page has a warning
    # A paragraph fills its rows. Where most rows leave room for the next word, each is a line of its own: an address.
    line_room: float = 0.6  # line heights free at the right of a row besides the room for the next word
    unfilled_rows: float = 0.75  # share of the rows above another that leave room
    max_unfilled_width: float = 25.0  # line heights of the text: wider rows are sentences
    max_short_width: float = 16.0  # line heights of the text: short rows that begin with capitals are lines, too
    min_own_lines: int = 2  # rows below the first
    # Verses are of similar lengths, so that fewer of them leave room for the next word, but begin with capitals.
    max_verse_width: float = 35.0  # line heights of the text
    min_verses: int = 3  # rows within a sentence
    verses_within: float = 0.5  # share of the rows that are within a sentence, unlike speeches of a row each
    capital_verses: float = 0.75  # share of these that begin with a capital; fewer begin so in German prose
    verses_with_room: float = 0.4  # share of the rows above another that leave room

    # Marks that also occur within a sentence (`marks`).
    min_marks: int = 2  # rows of a text that begin with the same kind of mark
    max_key_words: int = 4  # words before the colon of "Key: value"
    key_rows: float = 0.4  # share of the rows that begin with a key: values may continue on a second row

    list_indent: float = 0.7  # heights of an item's row by which an item below another begins farther right (`lists`)

    # Tables of contents (`contents`).
    min_entries: int = 4  # entries with leaders
    falling_entries: float = 0.15  # share of the page numbers that may be lower than the number above: two columns

    # A large first letter beside several rows (`initials`).
    initial_height: float = 1.6  # heights of a row beside the letter
    initial_gap: float = 1.2  # heights of a row between the letter and the row, at most
    min_initial_lines: int = 2  # rows beside the letter
    min_initial_words: int = 3  # words of a row of which the first begins with the letter
    max_initial_digits: int = 2  # of a number whose other digits are in the row
    initial_next_row: float = 1.8  # heights of a row from the last row beside the letter to the next one

    # The width of characters that are equally wide (`pitches`).
    min_pitch_text: int = 4  # characters of a word of the text layer whose pitch is compared
    min_pitch_text_read: int = 12  # characters of a line that was read whose ink shows its pitch
    pitch_tolerance: float = 0.01  # share by which the pitch of a word differs: those of other fonts differ more
    min_placed_words: int = 3  # words of a line that shows the places of its characters, wider than these are
    place_tolerance: float = 0.15  # pitches by which a word begins beside its place, and a character is wider
    narrowest_in_place: float = 0.5  # share of the pitch that a character's width has
    detected_margin: float = 0.21  # heights of a detected box that it is wider than its text, on each side
    pitch_grain: int = 40  # gray levels that are no ink
    # Bounds of the pitch, in mean widths of the characters that were read: wide white in a row makes these larger.
    smallest_pitch: float = 0.84
    largest_pitch: float = 1.06
    pitch_period: int = 8192  # pixels: pitches that fit into them a whole number of times are tried
    in_step: float = 0.18  # share of the ink in step; 0.22 to 0.44 in typewritten lines, below 0.17 in 98 % of others

    # Listings (`listings`).
    min_listing_lines: int = 3  # rows with letters
    min_pure_lines: int = 2  # such rows if each of them has a sign that only code has, and shows its pitch
    pure_gap: float = 1.0  # line heights of white between two such rows
    min_shown_lines: int = 2  # of these, rows that show their pitch
    pitch_tolerance_read: float = 0.03  # share by which the pitch of a line that was read differs
    max_misfit: float = 0.6  # characters by which a short line may be wider or narrower than its text
    listing_gap: float = 2.2  # line heights of white between rows of a listing, at most
    column_white: float = 15.0  # characters of white between two parts of a row, at most
    max_pending: int = 2  # rows one after another that may have any pitch
    same_indent: float = 0.5  # characters between rows that begin at the same place
    single_step: float = 1.5  # smallest distance of two rows: farther ones have empty rows between them
    listing_room: float = 0.15  # share of the width that a row leaves free at its right, if it is not filled
    unfilled_listing: float = 0.4  # share of the rows that are not filled
    rows_with_signs: float = 0.5  # share of the rows with a sign of code, such as a bracket
    rows_only_of_code: float = 0.34  # share of the rows with a sign that letters and forms hardly have
    min_clear_rows: int = 3  # such rows on a page that is typewritten throughout
    frame_slack: float = 0.5  # line heights that a listing's frame may be inside its box
    listing_in_figure: float = 0.5  # share of a listing that is in a detected table or picture
    listed_detection: float = 0.5  # share of a detection's characters that are in listings: with more, it is dropped
    typewritten: float = 0.5  # share of the page's characters in a listing's pitch: with more, the page is typewritten

    # Fields with a box for each character (`combs`).
    min_comb: int = 4  # characters
    min_short_comb: int = 2  # characters, if they are as far apart as those of a longer comb on the page
    max_comb_pitch: float = 2.2  # heights of a character from one to the next: the cells of a table are wider
    comb_tolerance: float = 0.12  # share by which the distances differ
    comb_tolerance_read: float = 0.35  # the same for characters that were read
    comb_steps: float = 0.6  # share of the distances that are equal: the others are over empty boxes
    max_empty_boxes: float = 4.5  # distances of two characters
    comb_letters: float = 0.6  # share of letters and figures: the other characters are signs, as in a formula
    # A table: heights of a character to the row above or below, and the share of characters that are in its columns.
    matrix_row: float = 2.2
    labeled_matrix_row: float = 1.5
    aligned_characters: float = 0.6

    # Titles with the numbers of their pages (`contents`).
    min_contents: int = 3  # numbers below one another
    contents_edge: float = 0.6  # line heights by which their right edges differ

    # Bold lines (`bold`).
    bold: float = 1.3  # widths of a usual stroke, at the line's height: the strokes of a bold line are wider
    grain: int = 15  # gray levels that are no ink
    min_stroke_box: int = 6  # pixels of a side; in smaller boxes strokes are not measured

    # Underlined lines (`underlines`).
    underline_reach: float = 0.6  # line heights around the end of a line within which its underline ends
    underlined_share: float = 0.8  # share of the line's width that is underlined

    # Addresses beside one another (`addresses`). Line heights of the lower line, unless another unit is named.
    address_gap: float = 0.9  # white between its rows, at most
    address_overlap: float = 0.4  # by which the outlines of its rows may overlap
    address_edge: float = 0.6  # between the left edges of its rows
    address_sizes: float = 1.5  # ratio of the heights of two rows
    min_address_lines: int = 2
    max_address_lines: int = 8
    max_address_marks: int = 2  # rows with a postcode or an address of mail: a column of a table has more
    address_white: float = 1.5  # between two addresses
    address_level: float = 0.5  # share of the lower one's height at which the other one is

    # Amounts at the ends of rows (`amounts`).
    min_amounts: int = 3  # amounts below one another that are a column
    aligned_amounts: float = 0.7  # line heights between the edges of an amount and the next one below it, at most
    labeled_amounts: float = 0.6  # share of a column's amounts that have a text at their left
    amount_gap: float = 1.5  # line heights of white before an amount that is apart from its text
    min_amount_rows: int = 2  # rows of a text with such amounts: then each of them is a line of its own
    amounts_of_receipt: float = 0.3  # share of a text's rows with such amounts: then all rows are lines of their own

    # Boxes to tick (`questions`).
    label_gap: float = 1.5  # sides of a box between it and its label, at most
    # Line heights between a label's lines, at most, and by which they begin beside the box or the label's first line.
    label_line_gap: float = 0.7
    label_begin: float = 0.6

    # Watermarks and other text at an angle (`watermarks`).
    max_slanted: float = 0.5  # share of the page's characters at an angle: with more, the page itself is
    watermark_height: float = 1.3  # line heights: what crosses lines is at least as high
    min_crossed_lines: int = 2  # lines that a watermark is printed over
    crossed_height: float = 0.5  # share of a line's height that an upright watermark covers
    darkest_ink: float = 5.0  # percent of the pixels on a text's place that are surely ink
    pale_contrast: int = 110  # gray levels between a pale text and its ground, of 255

    # Cut lines of a facing page (`facing_pages`).
    cut_width: float = 0.15  # share of the picture's width that such a line has, at most
    cut_distance: float = 0.012  # share of the picture's width between such a line and the picture's edge, at most
    min_cut_lines: int = 4  # lines in the column at the edge
    fragments: float = 0.6  # share of them that begin in lower case or have no word
    min_word: int = 3  # letters and figures of a word
    stroke_width: float = 0.15  # share of its height that a line is wide if it is no character
    cut_gap: float = 1.0  # line heights of white between them and the text of the page

    # Detection beside a text layer (`page`).
    layer_side: int = 800  # pixels of the longer side of the image on which lines beside a text layer are found


THRESHOLDS = EngineThresholds()
