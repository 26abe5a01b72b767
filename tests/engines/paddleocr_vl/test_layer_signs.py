"""Signs that the model writes in a form of its own."""

from __future__ import annotations

import pytest

from ocr_worker.engines.paddleocr_vl.layer_signs import has_special_signs, write_markers


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("shown by the survey¹ and later", "shown by the survey $ ^{1} $ and later"),
        ("as the report says.¹² The next", "as the report says. $ ^{12} $ The next"),
        ("“so they said”³", "“so they said” $ ^{3} $"),
        ("слово⁴, и дальше", "слово $ ^{4} $, и дальше"),
    ],
)
def test_markers_of_footnotes(text: str, written: str) -> None:
    """A marker in plain digits after a word or a sentence is written in LaTeX, and is no special sign then."""
    assert write_markers(text, is_note=False) == written
    assert not has_special_signs(written)


def test_a_footnote_begins_with_its_marker() -> None:
    """The marker at the head of a footnote is one, and at the head of a paragraph it may be an isotope."""
    assert write_markers("¹ See page 12", is_note=True) == "$ ^{1} $ See page 12"
    assert has_special_signs(write_markers("¹⁴C was measured", is_note=False))


@pytest.mark.parametrize(
    "text",
    [
        "an area of 25 m² at noon",
        "a volume of 10⁶ litres",
        "two parts of H₂O",
        "the 1\ufdd0st\ufdd2 of May",
        "where x ∈ A",
        "if a ≤ b",
        "an angle of α degrees",
        "the set ℝ",
        "an arrow → here",
        "☐ yes ☑ no",
        "\uf0b7 a blanket",
        "a \ufffd sign",
        "a temperature of −4 °C",
        "the society* of the valley",
        "the society† of the valley",
        "𝑥 and 𝑦",
    ],
)
def test_special_signs(text: str) -> None:
    """Powers, formulas, ticks, signs without meaning and other markers are special."""
    assert has_special_signs(write_markers(text, is_note=False))


@pytest.mark.parametrize(
    "text",
    [
        "5 × 3 m at ±2 % and 4 °C, [a] {b}",
        "“Quoted” – and so on… • item",
        "price: $5 (net) & 10 € or £3",
        "Η συνέλευση των ενοίκων",
        "a < b > c = d | e ~ f",
        "Write *important* words and file_name_here",
        "© 2026 Mill™",
    ],
)
def test_usual_signs(text: str) -> None:
    """Signs of running text are not special, and neither are Greek letters in Greek."""
    assert not has_special_signs(write_markers(text, is_note=False))
