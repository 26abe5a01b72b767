"""Questions and their options in the rows of a form, from lines alone."""

from __future__ import annotations

from ocr_worker.engines.embedded.questions import join_options, separate_options
from support.typeset import typeset


def texts(*placed: tuple[str, float, float]) -> list[str]:
    """Return the joined lines' texts from top to bottom. placed: text, x and y."""
    joined = join_options([typeset(*each) for each in placed])
    return [line.text for line in sorted(joined, key=lambda line: (line.box.y0, line.box.x0))]


def test_a_box_is_in_a_line_with_its_label() -> None:
    """Boxes are joined with the text close at their right, and with none that is farther away."""
    assert texts(("☑", 100, 0), ("Monday", 120, 0), ("☐", 400, 0), ("far", 600, 0)) == ["☑ Monday", "☐", "far"]


def test_a_question_is_in_a_line_with_its_options() -> None:
    """Questions with a mark at their end are joined with all their options, however far at the right these are."""
    rows = [("By post?", 0, 0), ("☑", 400, 0), ("yes", 415, 0), ("☐", 600, 0), ("no", 615, 0), ("Why not?", 0, 30)]
    assert texts(*rows) == ["By post? ☑ yes ☐ no", "Why not?"]


def test_statements_with_options_are_questions() -> None:
    """Texts below one another that all have options are joined with them."""
    rows = [(text, x, 30.0 * row) for row in range(3) for text, x in (("I agree", 0), ("☐", 400), ("fully", 415))]
    assert texts(*rows) == ["I agree ☐ fully"] * 3


def test_prose_beside_options_is_no_question() -> None:
    """The lines of a paragraph in a column of its own are not joined with the boxes at their right."""
    prose = [("words of the text beside it", 0, 30.0 * row) for row in range(4)]
    assert texts(*prose, ("☐", 600, 30), ("Monday", 615, 30)) == [
        "words of the text beside it",
        "words of the text beside it",
        "☐ Monday",
        "words of the text beside it",
        "words of the text beside it",
    ]


def test_lines_without_boxes_stay() -> None:
    """A page without boxes is left as it is."""
    assert texts(("By post?", 0, 0), ("yes", 400, 0)) == ["By post?", "yes"]


def options_of(*placed: tuple[str, float, float]) -> list[str]:
    """Return the texts of the options that are taken apart."""
    lines = join_options([typeset(*each) for each in placed])
    return [" ".join(line.text for line in option) for option in separate_options(lines, ())[1]]


def test_options_with_labels_of_several_lines_are_taken_apart() -> None:
    """Lines below a box or its label belong to it, if one option of the row has such lines; other text does not."""
    boxes = [("☐", 0, 0), ("One and", 20, 0), ("☑", 300, 0), ("Two and", 320, 0), ("☐", 600, 0), ("Three", 620, 0)]
    below = [("the rest", 0, 22), ("its rest", 320, 22), ("2. A question that is long enough for the row", 0, 60)]
    assert options_of(*boxes, *below) == ["☐ One and the rest", "☑ Two and its rest", "☐ Three"]


def test_options_of_one_line_stay() -> None:
    """A row of short options, a list of options below one another, and a text across them are left as they are."""
    boxes = [("☐", 0, 0), ("One", 20, 0), ("☑", 300, 0), ("Two", 320, 0)]
    assert options_of(*boxes, ("A line of text that runs on below both of these options", 0, 22)) == []
    assert options_of(("☐", 0, 0), ("One and", 20, 0), ("the rest", 20, 22), ("☐", 0, 50), ("Two", 20, 50)) == []
