"""Thresholds of reading, each with its meaning and its unit.

This module is the list of what can be tuned in `reading/`. It has no logic: the other modules of the room read
`THRESHOLDS`. A "line height" is the height of the line in question, a "share" is between 0 and 1, and a confidence is
the recognizer's, 0 to 1. Where a comment names no measurement, the code records none: the value was chosen on the
pages of `bench/quality.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadingThresholds:
    """Numbers that decide how a page is read, and how much of what was read is believed."""

    # Detection and recognition (`models`).
    # Pixels of the longer side of the image on which lines are found; they are read from the page image itself. On
    # pages at 150 to 300 dpi the same lines were found at 960 to 2000 pixels, at a sixth of the cost; on larger images
    # columns run into one another.
    detection_side: int = 1280
    # Median pixels of the outlines' heights, below which some lines were missed or joined. Detection is then repeated
    # on a larger image.
    min_outline_height: float = 14.0
    side_growth: float = 1.5  # factor by which the longer side grows for each repetition
    max_outlines: int = 10_000  # outlines of a page that are looked at; the package's 1000 cut off a long receipt
    # Lines that are recognized at once. In larger batches all lines are padded to the longest: they took no less time,
    # but more memory.
    batch: int = 2
    check_batch: int = 1  # the same of words that are read to check a font; their lengths differ more
    recognizer_height: int = 48  # pixels of a line's height in the recognizer's input
    min_line_width: int = 32  # pixels to which a line is padded at that height; the package's 320 is wasted on tables
    min_region_score: float = 0.4  # layout model's certainty, below which a region is dropped

    # Spaces (`spacing`). In 3,600 lines of 41 scans, no gap within a word had both a probability of a space and a width
    # above these limits, except within numbers such as 20:30 and 2011, where no space is added.
    possible_space: float = 0.002  # probability from which the recognizer thought of a space
    certain_spaces: float = 0.9  # confidence of a line in which spaces are added; others are often no text
    narrow_space: float = 0.15  # heights of the outline: the narrowest space that is added; spaces are 0.2 to 0.35
    wider_than_letters: float = 1.5  # widths of the wide gaps between the line's letters: a space is wider
    likely_space: float = 0.01  # probability from which a space may be narrower than that
    likely_space_width: float = 1.25  # widths of such a gap: a likely space is wider
    usual_letters: float = 0.9  # quantile of the gaps between the line's letters that is a wide one
    like_spaces: float = 0.8  # widths of the narrowest space that was read in the line: others are as wide
    min_letters: int = 3  # different letters of words, or gaps between letters, from which the others are judged
    certain_letters: float = 0.6  # confidence of a line whose letters are set apart; it doubts some of them
    # Heights of the outline between such letters; between letters of usual text it is up to 0.2.
    set_apart: float = 0.25
    max_set_apart: float = 1.0  # the same, at most: what is wider apart are marks, such as the heads of columns
    narrow_letters: float = 0.1  # quantile of such gaps that is a narrow one
    even_letters: float = 0.6  # widths of the median gap: a narrow one is as wide where letters are set apart
    between_words: float = 1.6  # widths of the gap between such letters: between words it is wider
    most_letters: float = 0.75  # quantile of the other gaps and their probabilities that most letters stay below
    likelier: float = 1.5  # times that probability: a likely space between such words has more
    crop_margin: float = 0.1  # heights at the upper and lower edge of an outline in which no ink is looked for
    min_ink_contrast: int = 40  # gray levels between ground and ink, at least; the grain of scans is below
    ink_share: float = 0.35  # share of the highest contrast in the outline from which there is ink

    # Small print (`small_print`).
    small_print: float = 20.0  # pixels of an outline's height, below which it may reach into the lines beside it
    enlargement: float = 2.0  # factor by which the sides of the copy are larger
    outline_overlap: float = 0.2  # share of `small_print` by which outlines surely reach into the lines beside them

    # Circles of which somebody chooses one (`radio_buttons`).
    round: float = 1.12  # longer side by shorter side of a circle, at most: a zero is longer
    circle_area: tuple[float, float] = (0.7, 0.86)  # share of its box that a circle fills: 0.785, and a square 1
    ring_width: float = 0.18  # widths of the white in a ring: a small letter o has a thicker one
    # Widths of a circle without ink before and behind it: letters of a word are closer, also in wide and thin fonts.
    circle_room: tuple[float, float] = (0.8, 0.35)
    circle_dirt: float = 0.03  # share of ink there that is dirt
    circle_label: float = 1.5  # widths of a circle between it and its label, at most
    circle_level: float = 0.3  # heights of a circle between its middle and that of the label
    rule_between: float = 0.9  # share of a column of pixels with ink: a rule parts the circle from the text
    circle_margin: float = 0.22  # widths of a circle along its edge in which nothing is looked for
    dot: float = 0.25  # widths of a circle that are filled in its middle
    min_circles: int = 2  # of one size on a page

    # Large first letters (`large_letters`).
    min_shape: int = 3  # pixels of a shape's height; lower ones are dots of noise
    # Heights of an outline between which a letter is an initial: a letter of the same size is lower than its outline.
    initial_heights: tuple[float, float] = (1.2, 7.0)
    initial_widths: tuple[float, float] = (0.1, 1.7)  # heights of the letter: thinner shapes are rules
    accent_heights: tuple[float, float] = (0.08, 0.65)  # heights of the letter: of an accent or a quotation mark
    accent_gap: float = 0.15  # heights of the letter between it and its accent, at most
    quote_gap: float = 0.25  # heights of the letter between it and its quotation mark, at most
    initial_reach: float = 0.8  # heights of a line between it and the letter, at most
    min_initial_lines: int = 2  # lines beside the letter
    max_initial_digits: int = 2  # of a number that is an initial
    min_initial_score: float = 0.4  # confidence in a letter by itself, which is hard to read
    initial_margin: float = 0.15  # heights of the letter by which an outline would be larger
    initial_crop: float = 1.3  # longer sides of the letter: the side of the square on which it is read

    # Fields with a box for each character (`comb_fields`).
    comb_heights: tuple[float, float] = (0.7, 2.6)  # line heights of the white in a box: that in letters is lower
    rectangular: float = 0.88  # share of its box that the white in a frame fills
    comb_widths: tuple[float, float] = (0.3, 1.15)  # heights of a box: the cells of a table are wider
    comb_level: float = 0.2  # heights of a box by which those of a row differ in place and height
    comb_step: float = 0.2  # widths of a box by which those of a row differ
    comb_cell_gap: float = 0.4  # widths of a box between two of a row, or heights between two rows of a table
    comb_contrast: int = 45  # gray levels between the ground and the ink of a frame, which is often gray
    max_missing_cells: int = 2  # boxes side by side whose frames are broken
    min_comb_cells: int = 4  # boxes
    min_comb_read: float = 0.9  # share of the boxes with ink in which a character was read
    comb_frame: float = 0.05  # heights of a box that its frame may reach into it
    comb_ink: float = 0.015  # share of a box with ink in it: less is dirt
    comb_space: float = 0.12  # heights of a box between the characters that are read

    # Page numbers behind leaders (`page_numbers`).
    min_leaders: int = 2  # lines of a page that end in leaders
    number_heights: tuple[float, float] = (0.3, 1.0)  # line heights of a digit's ink: dots are lower
    number_reach: float = 3.0  # line heights right of all lines in which a number may be
    number_width: float = 2.5  # line heights of a number, at most
    number_margin: float = 0.3  # heights of the digits around them that are read with them

    # Short texts (`short_texts`). Line heights, unless another unit is named; outlines are higher than their letters.
    max_short_text: int = 3  # characters of a short text that may be read again
    certain_short_text: float = 0.8  # confidence from which it is not
    out_of_line: float = 0.25  # by which ink of a line may reach out of its outline; rules and frames reach farther
    min_mark: float = 0.12  # longer side of a shape; smaller ones are dots and grain
    max_mark: float = 1.3  # the same, at most
    max_missed: int = 400  # such shapes outside all lines: more are those of a drawing or of handwriting
    within_text: float = 0.3  # white between two shapes of one text
    short_text_size: tuple[float, float] = (3.0, 1.3)  # width and height of a short text, at most
    max_short_shapes: int = 4  # shapes of a short text
    rule_proportion: float = 10.0  # height by width, from which an upright stroke is a piece of a rule, and no I
    bullet_fill: float = 0.75  # share of its box that a filled square or circle has; letters have less
    around_mark: float = 3.0  # pixels around a shape that show its ground
    clear_mark: float = 40.0  # gray levels from that ground; the grain of colored areas has less
    stroke_proportion: float = 3.0  # length by thickness, from which a shape is a stroke
    stroke_reach: float = 0.4  # lengths beyond the ends of a stroke in which it may continue
    pale_stroke: float = 15.0  # gray levels from the ground beside it, from which it does
    beside_line: float = 0.1  # around an outline: ink there belongs to the line
    level_mark: float = 0.35  # by which the middle of a short text may differ from that of the text in its row
    high_mark: float = 1.2  # height of a short text, at most, in heights of the text in its row
    letter_heights: tuple[float, float] = (0.3, 1.1)  # of a letter or a digit
    column_reach: float = 8.0  # up or down to a text of the same column
    column_slack: float = 0.5  # by which the edges or the middles of a column differ
    cell_width: float = 8.0  # width of a text in such a column, at most
    comma_gap: float = 1.0  # white from a comma to the text before or behind it
    prose_words: int = 5  # words of a row of a paragraph
    paragraph_step: float = 1.6  # from such a row to the next
    min_scale_texts: int = 3  # texts of a column without a text in the row, such as the numbers at an axis
    min_missed_column: int = 2  # others in a column of which the detector missed all
    mark_crop: float = 1.4  # heights of a short text: the height of the picture from which it is read
    mark_margin: float = 0.25  # heights of that picture at the left and the right of the text
    certain_missed: float = 0.8  # confidence in a text that was not detected; pieces of pictures have less
    placed_text: float = 0.5  # confidence in a text that was detected, and is in a row and a column of others
    # A dash: a flat bar.
    dash_lengths: tuple[float, float] = (0.14, 1.3)
    dash_thickness: float = 0.2
    dash_proportion: float = 1.6  # width by height, at least
    dash_fill: float = 0.5  # share of its box that has ink
    dash_level: tuple[float, float] = (0.3, 0.68)  # heights of the text in its row, from the top: a dash is amid
    same_dash: float = 0.06  # by which the widths of dashes of one kind differ
    legend_gap: float = 1.5  # between a bar and the words behind it: the line of a legend, or a bullet
    dash_widths: tuple[float, float] = (0.34, 0.55)  # a wider bar is an en dash, an em dash

    # Strips (`strips`).
    # Longer side by shorter side, above which a page is a strip. Tiles of a page of 2.5 show the layout model half
    # paragraphs, which it takes for titles.
    strip_proportion: float = 3.0
    tile_proportion: float = 2**0.5  # the same of a page of usual proportions, and of a tile
    min_tile: int = 640  # pixels of a tile's length in the detector's input; shorter ones take longer together
    tile_margin: int = 96  # pixels around a tile in the detector's input that are seen with it; a multiple of 32
    shortest_tile: float = 0.6  # share of a tile's length after which it may end where the page is blank
    min_slant: float = 15.0  # degrees between a line and the nearest axis of the page; less is the page's skew
    min_slanted_line: float = 2.0  # heights: outlines of shorter lines are at any angle

    # Which side is up (`upright`).
    side_sample: int = 5  # longest lines that are read to compare the sides
    # Mean confidence below which no side is legible. The script is then unknown to the models, which says nothing
    # about the side, and the page is not turned.
    legible_side: float = 0.75
    certain_side: float = 0.9  # mean confidence of lines on an upright page; below, the page as it is competes, too
    vertical_line: float = 1.5  # ratio of height to width above which an outline counts as vertical text
    min_skew: float = 0.4  # degrees; a smaller skew does no harm
    max_skew: float = 15.0  # degrees; a larger angle is no skew
    skew_line: float = 5.0  # line heights: only longer lines are measured for skew
    min_skew_fall: float = 0.1  # line heights by which a line falls from its start to its end; less is no evidence
    min_skew_lines: int = 3  # lines; with fewer the page counts as straight

    full_word: float = (
        0.8  # share of the highest word's height, below which a word is a bullet, a power or a small sign
    )
    min_ink: float = 12.0  # standard deviation of gray values, below which nothing is drawn on a line's place
    level_overlap: float = 0.4  # share of the lower height: a line of the layer that shares more is level with the box
    slanted_part: float = 0.5  # heights of a slanted line: what is detected on it is its letters, not other text
    covered_width: float = 0.5  # share of a detected line's width with text of the layer: the layer has that line
    repeated_reading: float = 0.7  # likeness to the layer's letters at its place: the reading says no more than they

    # Squares to tick (`tick_boxes`).
    frame_contrast: int = 80  # gray levels between the ground and the ink of a frame
    square: float = 1.25  # longer side by shorter side of a square, at most
    min_frame: float = 7.0  # pixels inside a frame
    low_frame: float = 0.35  # line heights inside a frame, at least
    high_frame: float = 1.6  # the same, at most
    frame_width: float = 0.35  # sides of the inner edge in which the end of the frame is looked for
    thick_frame: float = 0.15  # the same: a thicker frame, as in the corners of QR codes, is none to tick
    frame_ink: float = 0.92  # share of each side of the inner edge that has ink
    outside_ink: float = 0.5  # share of ink along a side, below which the frame has ended
    corner_ink: float = 0.5  # share of ink at each corner; those of round letters are white
    tick_margin: float = 0.12  # sides of the inner edge along the frame in which a tick is not looked for
    tick_ink: float = 0.04  # share of ink within, above which a square is ticked
    filled_ink: float = 0.95  # share of ink in a filled square
    # Squares whose ticks run over their edges, as large as a square without; sides of the square.
    max_sizes: int = 4  # sizes of frames on the page that are looked for
    edge_span: float = 0.95  # part of an edge that is looked at
    edge_reach: float = 0.06  # by which an edge may be displaced, in a photo or a skewed scan
    edge_ink: float = 0.95  # share of ink along each edge: the sides of letters are round or broken
    same_square: float = 0.3  # share of a square that others may cover
    around_square: float = 0.25  # distance at which the white around a square is looked for

    same_frame: float = 0.15  # share by which a filled square's side differs from a frame's
    label_reach: float = (
        12.0  # sides of a square to the text that it belongs to, at most, if no other is above or below
    )
    comb_gap: float = 0.5  # sides between squares that are boxes for letters
    square_script: float = 0.3  # share of wide letters: with more, a line is Chinese or Japanese
    narrow_part: float = 0.4  # line heights: what is left of a line beside a square is read if it is wider
    ground_step: int = 8  # pixels between those that show the ground
    tick_letters: str = "xXvV/•*"  # that tick a square which they are in, as every symbol such as ✕ does

    # Ink outside the text layer (`uncovered`). Unless a unit is named, pixels of the reduced page.
    max_uncovered: float = 0.2  # share of the page's area: with more, lines are looked for on the complete page
    area_margin: int = 32  # around marks; the detector sees them with it
    text_margin: float = 0.3  # line heights around a line: what is there is the line's own ink

    # Marks on letters (`letter_marks`).
    certain_mark: float = 0.9  # confidence of a letter whose mark is real
    # Share of a page's letters with marks, up to which its language has none; German, French and Spanish have 1 to 4 %.
    max_marks: float = 0.004

    # Specks and warnings (`confidence`).
    # Mean confidence over characters, below which the reader is warned. Clean scans reach 0.98, and at 0.95 one word in
    # six is wrong.
    min_confidence: float = 0.95
    min_illegible_text: int = 12  # characters of an illegible line; shorter ones may be parts of a picture
    min_illegible_lines: int = 2  # of a page that is legible otherwise; a single one may be a signature
    max_speck: int = 2  # characters of a speck, or of a lone Chinese sign, at most
    speck_confidence: float = 0.4  # below it, a text of so few characters is a speck
    max_foreign_signs: float = 0.02  # share of Chinese signs among a page's letters; with more they are no accident
    certain_signs: float = 0.7  # confidence from which a line of Chinese signs on such a page is no guess
    min_legible: float = 0.7  # share of the lines' length that is legible; below, the script counts as unsupported

    # Words in small capitals (`small_capitals`).
    min_small_capitals: int = 2  # different words of a page that were read in mixed capitals
    min_small_word: int = 5  # letters of such a word
    min_capital_letters: int = 3  # of these, capitals


THRESHOLDS = ReadingThresholds()
