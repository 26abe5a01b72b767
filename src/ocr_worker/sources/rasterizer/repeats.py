"""Text that is drawn twice at the same place.

Runs only in a rasterizer process. Files without a bold font draw a word again, a little to the side. A reader sees one
word. PDFium leaves out the second copy only if it follows soon. A text object is a copy if every character of it
repeats a character of earlier objects: one character may do so by chance, where a new text covers an old one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product, takewhile

from ocr_worker.sources.rasterizer.characters import Character

_OFFSET = 0.1  # in heights of the character; a copy that is farther away is a character of its own

_Cell = tuple[str, float, int, int]  # text, height, and place in units of the largest offset


def remove_repeats(characters: Sequence[Character]) -> tuple[list[Character], dict[int, int]]:
    """Return the characters without copies, and links between the text objects of copies and of their originals.

    A link leads from an object to another one of the same text. Links have no cycles.
    """
    by_object: dict[int, list[Character]] = defaultdict(list)
    for character in characters:
        if character.box:
            by_object[character.text_object].append(character)
    places: dict[_Cell, int] = {}  # the text object that draws the character at this place
    copies: set[int] = set()
    links: dict[int, int] = {}
    for text_object, group in by_object.items():
        originals = list(takewhile(bool, (_find_original(character, places) for character in group)))
        if text_object and len(originals) == len(group):
            copies.add(text_object)
            for original in originals:
                _link(links, text_object, original)
        else:
            places.update((_cell(character), text_object) for character in group)
    return [character for character in characters if not character.box or character.text_object not in copies], links


def follow(links: dict[int, int], text_object: int) -> int:
    """Return the text object to which the links lead from this one."""
    while text_object in links:
        text_object = links[text_object]
    return text_object


def _link(links: dict[int, int], text_object: int, other: int) -> None:
    start, end = follow(links, text_object), follow(links, other)
    if start != end:
        links[start] = end


def _find_original(character: Character, places: dict[_Cell, int]) -> int:
    """Return the text object that draws this character nearby; 0 if there is none."""
    text, height, column, row = _cell(character)
    cells = ((text, height, column + dx, row + dy) for dx, dy in product((0, -1, 1), repeat=2))
    return next((places[cell] for cell in cells if cell in places), 0)


def _cell(character: Character) -> _Cell:
    left, bottom, _, top = character.box or (0.0, 0.0, 0.0, 0.0)
    unit = max(_OFFSET * (top - bottom), 0.01)
    return character.text, round(top - bottom, 1), int(left // unit), int(bottom // unit)
