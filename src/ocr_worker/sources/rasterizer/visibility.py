"""The characters of a text layer that a reader of the page sees.

Runs only in a rasterizer process. Text may be switched off, clipped, transparent, as white as the paper, or below a
later picture or box. All of these are decided by rendering: the page is rendered once as it is and once without its
text objects. A character is visible if the two differ all over its ink. A redaction box that leaves the tip of a letter
does not make the letter visible.

An old price under its new price would count as visible for the new price's ink. So text objects that overlap are put on
different layers, and the page is rendered without one layer at a time. Nearly all pages have one layer. A copy of the
same text (see `repeats`) stays on the layer of its original, because neither makes a difference alone. Objects of which
only a part is seen are compared a second time, apart from all their neighbors.

Letters that are squeezed to less than a pixel in one direction are a hairline in other viewers. PDFium draws them in a
large size that the file does not state, so they are left out of the page image, too.
"""

from __future__ import annotations

import ctypes
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ocr_worker.sources.rasterizer.characters import Character, object_address, read_characters
from ocr_worker.sources.rasterizer.mapping import BitmapMapping, render_pixels
from ocr_worker.sources.rasterizer.rendered import Rectangle
from ocr_worker.sources.rasterizer.repeats import follow, remove_repeats

_SCALE = 100 / 72  # pixels per point, at most what the page image has; letters of 6 points are then 4 pixels high
_MIN_PIXELS, _MAX_SCALE = 1_000_000, 10.0  # of the whole page; a small page, with small letters, is enlarged
_CONTRAST = 8  # of 255; a smaller difference between text and ground is invisible
_MAX_LAYERS = 8  # renderings per page, at most; more texts at one place share the last layer
_MIN_HEIGHT = 0.001  # of the page's shorter side; smaller characters are illegible
_SQUEEZED = 0.5  # ratio of an em's sides; letters of less than a pixel are squeezed below it, and else only tiny
_OVERLAP = 0.25  # in heights of the lower text; adjacent lines and words overlap less
_APART = np.array([[-1.5], [-1.5], [1.5], [1.5]])  # points; boxes that are compared alone are grown by two pixels
_INSET_SIDE = 6  # pixels; a box as wide excludes a pixel on both sides, where the neighbors' ink may be
_THIN_SIDE = 3  # pixels; the halves of a thinner box are not told apart
_MARGIN = 0.5  # pixels; PDFium draws small letters at whole pixels
_MAX_DEPTH = 40  # PDFium's own limit for forms within forms
_SAME_SIZE = 0.01  # points
_RECENT = 8  # text objects among which PDFium looks for the original of a copy, with a margin

_NOTHING, _PART, _ALL = range(3)  # how much of a character is seen

_Groups = dict[int, list[Character]]  # by the address of the object to which the links lead
_Edges = tuple[NDArray[np.intp], NDArray[np.intp]]
_EMPTY: Rectangle = (0.0, 0.0, 0.0, 0.0)
_NO_MATRIX = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class VisibleText(NamedTuple):
    """The characters of a page that are seen, in the order of the file, and the text objects that PDFium draws wrongly.

    characters: with the end of a line in place of each hidden one. squeezed: handles of objects whose letters are
    squeezed to a hairline, but drawn large.
    """

    characters: list[Character]
    squeezed: list[Any]


def read_visible_text(page: Any, scale: float) -> VisibleText:
    """Return the visible text of the page.

    scale: of the page image, in pixels per point. Raises PdfiumError when PDFium cannot read the text.
    """
    objects = text_objects(page)
    with inactive([handle for handle in objects.values() if _is_invisible(handle)]):
        characters, hidden, squeezed = _read(page, objects, scale)
        # PDFium reads characters at one place once: without the hidden text objects, no other one lacks a character.
        with inactive([objects[address] for address in hidden]):
            characters = _read(page, objects, scale)[0] if hidden else characters
    return VisibleText(characters, [objects[address] for address in squeezed])


def _read(page: Any, objects: Mapping[int, Any], scale: float) -> tuple[list[Character], set[int], set[int]]:
    """Return the visible characters, and the addresses of the text objects that have none, and of squeezed ones."""
    text_page = page.get_textpage()
    try:
        characters, links = remove_repeats(read_characters(text_page))
    finally:
        text_page.close()
    scale = _choose_scale(page, scale)
    min_height = _MIN_HEIGHT * min(page.get_size())
    squeezed = _find_squeezed(characters, max(min_height, 1 / scale)) & objects.keys()
    large = [
        each
        for each in characters
        if each.box and each.box[3] - each.box[1] >= min_height and each.text_object not in squeezed
    ]
    with inactive([objects[address] for address in squeezed]):
        visible = _find_visible(page, objects, large, links, scale) if large else set()
    hidden = {each.text_object for each in characters if each.box}
    hidden -= {each.text_object for each in characters if each.index in visible}
    ends = [each if not each.box or each.index in visible else Character("", each.index) for each in characters]
    return ends, hidden & objects.keys(), squeezed


def _find_squeezed(characters: Sequence[Character], min_side: float) -> set[int]:
    """Return the addresses of text objects whose letters are less than `min_side` points wide or high, but not both."""
    first = {each.text_object: each for each in characters if each.stretch}
    return {address for address, character in first.items() if _is_squeezed(character, min_side)}


def _is_squeezed(character: Character, min_side: float) -> bool:
    a, b, c, d = (character.matrix or _NO_MATRIX)[:4]
    x0, y0, x1, y1 = character.stretch or _EMPTY
    width, height = math.hypot(a, b), math.hypot(c, d)
    em = math.hypot(x1 - x0, y1 - y0) * max(width / height, 1.0)  # the longer side
    ratio = abs(a * d - b * c) / max(width, height) ** 2
    return ratio * em < min_side and ratio < _SQUEEZED


def _choose_scale(page: Any, scale: float) -> float:
    width, height = page.get_size()
    enlarged: float = (_MIN_PIXELS / (width * height)) ** 0.5
    return max(min(scale, _SCALE), min(enlarged, _MAX_SCALE))


def _is_invisible(handle: Any) -> bool:
    """Return whether a text object draws nothing. Old scanners hid their recognized text, right or wrong, like that."""
    mode: int = pdfium_c.FPDFTextObj_GetTextRenderMode(handle)
    return bool(mode == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE)


def _find_visible(
    page: Any, objects: Mapping[int, Any], characters: Sequence[Character], links: dict[int, int], scale: float
) -> set[int]:
    """Return the indices of the visible characters. links: between text objects of the same text."""
    links = links | _link_silent(objects, links, {character.text_object for character in characters})
    groups: _Groups = defaultdict(list)
    for character in characters:
        groups[follow(links, character.text_object)].append(character)
    handles: dict[int, list[Any]] = defaultdict(list)
    for address, handle in objects.items():
        handles[follow(links, address)].append(handle)
    complete = render_pixels(page, scale)
    shares = _compare(page, scale, complete, groups, handles, _OVERLAP)
    # The ink of a neighbor may show in a hidden letter. Groups of which only a part is seen are compared again alone.
    mixed = {each: group for each, group in groups.items() if len({shares[character.index] for character in group}) > 1}
    if mixed:
        shares |= _compare(page, scale, complete, mixed, handles, 0.0)
    visible = {character.index for character in characters if character.text_object not in objects}
    visible |= {index for index, share in shares.items() if share == _ALL}
    # A letter that is cut off, such as at the edge of a white patch, belongs to its word.
    return visible | {
        index for index, share in shares.items() if share and (index - 1 in visible or index + 1 in visible)
    }


def _compare(
    page: Any,
    scale: float,
    complete: NDArray[np.uint8],
    groups: Mapping[int, Sequence[Character]],
    handles: Mapping[int, Sequence[Any]],
    overlap: float,
) -> dict[int, int]:
    """Return how much of each character, by index, vanishes with its group: _ALL, _PART or _NOTHING.

    complete: the page as it is, at this scale. handles: the text objects of each group. overlap: of groups that are
    left out together, as in `_choose_layers`.
    """
    layers = dict(zip(groups, _choose_layers([_bounds(group) for group in groups.values()], overlap), strict=True))
    mapping = BitmapMapping(page, complete.shape[1], complete.shape[0])
    result: dict[int, int] = {}
    for layer in sorted(set(layers.values())):
        with inactive([handle for each in groups if layers[each] == layer for handle in handles.get(each, ())]):
            changes = _Changes(changed_pixels(complete, render_pixels(page, scale), _CONTRAST))
        in_layer = [character for each, group in groups.items() if layers[each] == layer for character in group]
        boxes = mapping.boxes([character.ink or _EMPTY for character in in_layer])
        in_all_halves, in_one_half = _have_ink(changes, boxes)
        shares = np.where(in_all_halves, _ALL, np.where(in_one_half, _PART, _NOTHING))
        result.update(zip((character.index for character in in_layer), shares.tolist(), strict=True))
    return result


def text_objects(page: Any) -> dict[int, Any]:
    """Return the page's text objects by address, in the order of the file, including those in form XObjects."""
    text_objects = page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_TEXT], max_depth=_MAX_DEPTH)
    return {object_address(text_object.raw): text_object.raw for text_object in text_objects}


def _link_silent(objects: Mapping[int, Any], links: Mapping[int, int], owners: set[int]) -> dict[int, int]:
    """Return links from text objects without characters, which PDFium left out as copies, to their originals.

    An original is one of the few objects before the copy, overlaps it, has the same size, and is the nearest of these.
    owners: the objects of the text layer's characters.
    """
    silent: dict[int, int] = {}
    recent: list[tuple[int, NDArray[np.float64]]] = []
    for address, handle in objects.items():
        box = _box(handle)
        if recent and address not in owners and address not in links:
            silent[address] = min(recent, key=lambda each: _unlikeness(each[1], box))[0]
        recent = [*recent[1 - _RECENT :], (address, box)]
    return silent


def _box(handle: Any) -> NDArray[np.float64]:
    """Return the box of a page object in points of the form that contains it: x0, y0, x1, y1."""
    edges = [ctypes.c_float() for _ in range(4)]
    pdfium_c.FPDFPageObj_GetBounds(handle, *edges)
    return np.array([edge.value for edge in edges])


def _unlikeness(box: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[bool, bool, float]:
    """Return whether the boxes are apart, then whether their sizes differ, then how far apart their edges are.

    PDFium takes no text that is beside another for its copy. An outline around letters is larger than these.
    """
    offsets = box - other
    is_apart = bool((np.maximum(box, other)[:2] >= np.minimum(box, other)[2:]).any())
    return is_apart, bool(np.abs(offsets[2:] - offsets[:2]).max() > _SAME_SIZE), float(np.abs(offsets).sum())


def _bounds(group: Sequence[Character]) -> Rectangle:
    boxes = np.array([character.ink for character in group])
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _choose_layers(boxes: Sequence[Rectangle], overlap: float) -> list[int]:
    """Return a layer for each box, from 0, so that overlapping boxes have different layers.

    overlap: share of the shorter side from which boxes overlap; at 0, boxes that nearly touch overlap, too.
    """
    x0, y0, x1, y1 = np.array(boxes).T + (0.0 if overlap else _APART)
    sides = np.minimum(x1 - x0, y1 - y0)
    layers = np.zeros(len(boxes), np.intp)
    for i in range(1, len(boxes)):
        shared_width = np.minimum(x1[:i], x1[i]) - np.maximum(x0[:i], x0[i])
        shared_height = np.minimum(y1[:i], y1[i]) - np.maximum(y0[:i], y0[i])
        is_overlapping = np.minimum(shared_width, shared_height) > overlap * np.minimum(sides[:i], sides[i])
        taken = set(layers[:i][is_overlapping].tolist())
        layers[i] = next(layer for layer in range(_MAX_LAYERS) if layer not in taken or layer == _MAX_LAYERS - 1)
    return [int(layer) for layer in layers]


@contextmanager
def inactive(handles: Sequence[Any]) -> Iterator[None]:
    """Leave these page objects out of renderings. Those that are left out already stay so at the end."""
    active = [handle for handle in handles if _is_active(handle)]
    for handle in active:
        pdfium_c.FPDFPageObj_SetIsActive(handle, False)
    try:
        yield
    finally:
        for handle in active:
            pdfium_c.FPDFPageObj_SetIsActive(handle, True)


def _is_active(handle: Any) -> bool:
    state = ctypes.c_int()
    return bool(pdfium_c.FPDFPageObj_GetIsActive(handle, state)) and bool(state.value)


def changed_pixels(pixels: NDArray[np.uint8], others: NDArray[np.uint8], contrast: int) -> NDArray[np.bool_]:
    """Return which pixels of two pictures differ in a channel by at least `contrast`, bool [height, width]."""
    result = np.zeros(pixels.shape[:2], np.bool_)
    rows = (pixels != others).any(axis=(1, 2))  # most rows are equal, which takes less to see
    pixels, others = pixels[rows], others[rows]
    changes = np.maximum(pixels, others) - np.minimum(pixels, others)
    result[rows] = np.maximum(np.maximum(changes[..., 0], changes[..., 1]), changes[..., 2]) >= contrast
    return result


class _Changes:
    """The changed pixels of a picture, counted above and to the left of each corner. is_changed: [height, width].

    Rows without any, which are most, are left out.
    """

    def __init__(self, is_changed: NDArray[np.bool_]) -> None:
        self.height, self.width = is_changed.shape
        rows = is_changed.any(axis=1)
        self._row_counts = np.concatenate(([0], np.cumsum(rows)))  # of the rows above each edge that are not left out
        self._sums = np.zeros((self._row_counts[-1] + 1, self.width + 1), np.int32)
        np.cumsum(is_changed[rows], axis=1, dtype=np.int32, out=self._sums[1:, 1:])
        for row in range(1, len(self._sums)):  # a third of the time of `cumsum` down the columns
            self._sums[row] += self._sums[row - 1]

    def count(self, area: Sequence[NDArray[np.intp]]) -> NDArray[np.int32]:
        """Return the number of changed pixels in each area. area: left, upper, right and lower edges, each [n]."""
        left, top, right, bottom = area
        top, bottom = self._row_counts[top], self._row_counts[bottom]
        sums = self._sums
        return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]


def _have_ink(changes: _Changes, boxes: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return for each box, [n, 4] in pixels, whether all its halves have changed pixels, and whether one has.

    The halves are the left, the right, the upper and the lower one.
    """
    x0, y0, x1, y1 = boxes.T
    # The left and the right half exclude the ink of the neighbors in the line.
    inset = np.where(x1 - x0 >= _INSET_SIDE, 1.0, -_MARGIN)
    # A dash is thinner than a pixel, and may be drawn beside its box.
    columns, rows = (
        _outer(low, high, np.where(high - low < _THIN_SIDE, -_MARGIN, 0.0), limit)
        for low, high, limit in ((x0, x1, changes.width), (y0, y1, changes.height))
    )
    left_right = [(start, rows[0], end, rows[1]) for start, end in _halves(x0, x1, inset, changes.width)]
    top_bottom = [(columns[0], start, columns[1], end) for start, end in _halves(y0, y1, -_MARGIN, changes.height)]
    counts = [changes.count(area) for area in left_right + top_bottom]
    return np.min(counts, axis=0) > 0, np.max(counts[:2], axis=0) > 0


def _halves(
    low: NDArray[np.float64], high: NDArray[np.float64], inset: NDArray[np.float64] | float, limit: int
) -> list[_Edges]:
    """Return start and end of the first and the second half, in whole pixels. They share the pixel in the middle.

    Both halves of a thin side are the whole side.
    """
    is_thin = high - low < _THIN_SIDE
    start, end = _outer(low, high, inset, limit)
    middle = (low + high) / 2
    return [
        (start, np.where(is_thin, end, _pixels(np.ceil(middle), limit))),
        (np.where(is_thin, start, _pixels(np.floor(middle), limit)), end),
    ]


def _outer(
    low: NDArray[np.float64], high: NDArray[np.float64], inset: NDArray[np.float64] | float, limit: int
) -> _Edges:
    """Return start and end in whole pixels from 0 to `limit`."""
    return _pixels(np.floor(low + inset), limit), _pixels(np.ceil(high - inset), limit)


def _pixels(edges: NDArray[np.float64], limit: int) -> NDArray[np.intp]:
    return np.clip(np.nan_to_num(edges), 0, limit).astype(np.intp)
