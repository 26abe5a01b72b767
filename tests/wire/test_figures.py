"""References to figures: at another address, and in the forms of other products."""

from __future__ import annotations

import pytest

from ocr_worker.wire.figures import embedded_image, move_figures, replace_figures
from support.wire_service import figure

HTML = '<div style="text-align: center;"><img src="a.jpg" alt="Image" width="52%" />{}</div>\n'


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("before\n\n![](a.jpg)\n\nafter", "before\n\n[a.jpg]\n\nafter"),
        ("![May Jun Jul](a.jpg)", "[a.jpg]\n\nMay Jun Jul"),
        (r"![see \[3\] and 5 \\ 6](a.jpg)", "[a.jpg]\n\n" + r"see \[3\] and 5 \\ 6"),
        ("![x](b.jpg) ![y](a.jpg)", "![x](b.jpg) [a.jpg]\n\ny"),
        (HTML.format(""), "[a.jpg]"),
        (HTML.format("\n\nFigure 1: levels\n\n"), "[a.jpg]\n\nFigure 1: levels"),
        ("[a.jpg](a.jpg)", "[a.jpg](a.jpg)"),
        ("", ""),
    ],
)
def test_a_reference_is_replaced_and_its_text_kept(markdown: str, expected: str) -> None:
    """The references of both engines are replaced; text in a figure and captions stay; other images do, too."""
    assert replace_figures(markdown, [figure("a.jpg")], lambda entry: f"[{entry.name}]") == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("![May (a)](a.jpg) and [a.jpg](a.jpg), a.jpg", "![May (a)](new/a.jpg) and [a.jpg](a.jpg), a.jpg"),
        (r"![see \[3\]](a.jpg)", r"![see \[3\]](new/a.jpg)"),
        ("![x](b.jpg)", "![x](b.jpg)"),
        (HTML.format("Figure 1"), HTML.format("Figure 1").replace("a.jpg", "new/a.jpg")),
    ],
)
def test_a_figure_is_moved(markdown: str, expected: str) -> None:
    """Only the addresses of images change, in the references of both engines."""
    assert move_figures(markdown, {"a.jpg": "new/a.jpg"}) == expected


def test_a_reference_may_be_left_out() -> None:
    """An empty reference leaves the text of the figure."""
    assert replace_figures("![May](a.jpg)", [figure("a.jpg")], lambda entry: "") == "May"


def test_a_figure_without_a_crop_keeps_its_name() -> None:
    """A picture that cannot be embedded is referred to by its name."""
    bare = figure("a.jpg").model_copy(update={"base64": None})
    assert embedded_image(bare) == "![](a.jpg)"
    assert embedded_image(figure("a.jpg")) == "![](data:image/jpeg;base64,/9j/4AAQ)"
