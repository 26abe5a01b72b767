"""The judge of a page's text layer: which of its fonts set what they say.

Words in fonts whose own tables prove them honest (`PageImage.proven_fonts`) are not read. Of the others, a few
stretches of words are read from the page image and compared. A font may lie about its digits alone, so that words with
and without digits are judged apart; each such unit is a `Setting`. A setting is

- lying: confident readings contradict the words, or the font has no mapping to Unicode.
- proven: at least half of the readings are confident, and all of these agree.
- unreadable: most letters are of a script that the reader does not read, and no reading contradicts them.
- open: all others. There are too few letters, or there is no reader.

All functions are pure but for the reader that is passed to them.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np

from ocr_worker.characters import UNKNOWN
from ocr_worker.engines.text_layer.scripts import is_readable, plain_form, script_of
from ocr_worker.engines.text_layer.thresholds import THRESHOLDS

Rectangle = tuple[float, float, float, float]  # x0, y0, x1, y1, in pixels of the page image
Verdict = Literal["proven", "unreadable", "open", "lying"]

_ALIKE = str.maketrans("oil", "011")  # letters that the reader confuses with digits
_SIGNS = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2212\uff0c\uff1a\u2019", "------,:'")  # forms of one sign
_AMBIGUOUS = frozenset("il")  # letters of one shape in many fonts
_LEADERS = frozenset(".-_=*·…")


class Setting(NamedTuple):
    """A unit of the check: the words of one font that have digits, or those that have none."""

    font: int
    has_digits: bool


class LayerWord(NamedTuple):
    """A word of a text layer, or a stretch of neighboring words of one setting."""

    text: str
    box: Rectangle
    font: int = 0


class Reading(NamedTuple):
    """A text that was read from the page image, and the reader's confidence in it."""

    text: str
    score: float


# Returns one reading for each box, in order; none at all if there is no reader.
Read = Callable[[Sequence[Rectangle]], Sequence[Reading]]


def setting_of(text: str, font: int) -> Setting:
    """Return the setting of a word in this font."""
    return Setting(font, any(map(str.isdigit, text)))


def judge(lines: Iterable[Sequence[LayerWord]], read: Read, proven_fonts: Collection[int]) -> dict[Setting, Verdict]:
    """Return the verdict on each setting of these lines. Dotted lines have none.

    read: reads boxes of the page image. proven_fonts: see `PageImage`.
    """
    by_setting: dict[Setting, list[LayerWord]] = defaultdict(list)
    for line in lines:
        for setting, words in stretches([word for word in line if not _is_leader(word)]):
            by_setting[setting].append(_joined(words))
    verdicts: dict[Setting, Verdict] = {}
    samples: dict[Setting, list[LayerWord]] = {}
    for setting, words in by_setting.items():
        if setting.font in proven_fonts:
            verdicts[setting] = "proven"
        elif _is_broken(words):
            verdicts[setting] = "lying"
        else:
            samples[setting] = _sample(setting, words)
    pairs = _read_pairs(read, samples)
    return verdicts | {setting: _verdict(setting, pairs[setting]) for setting in samples}


def stretches(line: Sequence[LayerWord]) -> Iterator[tuple[Setting, list[LayerWord]]]:
    """Yield the line's parts that are checked together: neighboring words of one setting, words with digits singly."""
    for setting, group in groupby(line, lambda word: setting_of(word.text, word.font)):
        words = list(group)
        size = 1 if setting.has_digits else THRESHOLDS.stretch_words
        yield from ((setting, words[start : start + size]) for start in range(0, len(words), size))


def is_legible(text: str, width: float, height: float) -> bool:
    """Return whether a line has about as many characters as fit on it, and not the same few again and again.

    width, height: of the line, in pixels; a line up or down the page is higher than wide.
    """
    text = text.replace(" ", "")
    if len(text) > THRESHOLDS.max_short_text and len(set(text)) < THRESHOLDS.min_characters:
        return set(text) <= _LEADERS
    height, length = sorted((width, height))
    return bool(height) and len(text) >= THRESHOLDS.min_density * (length / height - 1)


def _is_leader(word: LayerWord) -> bool:
    """Return whether the word is a dotted line, which readings show in other numbers of dots."""
    return len(word.text) > THRESHOLDS.max_symbol and _LEADERS.issuperset(word.text)


def _joined(words: Sequence[LayerWord]) -> LayerWord:
    """Return neighboring words as one."""
    x0, y0, x1, y1 = zip(*(word.box for word in words), strict=True)
    return LayerWord(" ".join(word.text for word in words), (min(x0), min(y0), max(x1), max(y1)), words[0].font)


def _read_pairs(
    read: Read, samples: Mapping[Setting, Sequence[LayerWord]]
) -> dict[Setting, list[tuple[LayerWord, Reading]]]:
    """Return words of each sample with the readings in their places; only the first ones if these decide."""
    pairs: dict[Setting, list[tuple[LayerWord, Reading]]] = {setting: [] for setting in samples}
    for count in (_exact_count, _first_count, lambda setting, words: len(words)):
        unread = {
            setting: words[len(pairs[setting]) : count(setting, words)]
            for setting, words in samples.items()
            if not pairs[setting] or not _decide(setting, words, pairs[setting])
        }
        for setting, more in _read_samples(read, unread).items():
            pairs[setting] += more
    return pairs


def _read_samples(
    read: Read, samples: Mapping[Setting, Sequence[LayerWord]]
) -> dict[Setting, list[tuple[LayerWord, Reading]]]:
    boxes = [_grown(word.box) for words in samples.values() for word in words]
    readings = iter(read(boxes) if boxes else ())
    return {setting: list(zip(words, readings, strict=False)) for setting, words in samples.items()}


def _grown(box: Rectangle) -> Rectangle:
    margin = THRESHOLDS.sample_margin * (box[3] - box[1])
    return box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin


def _exact_count(setting: Setting, words: Sequence[LayerWord]) -> int:
    """Return how many words of a sample decide alone if they are read letter by letter as they are written.

    These are the figures that have each digit of the sample once, or the first stretch if it has enough letters.
    """
    if not setting.has_digits:
        letters = set(plain_form(words[0].text)) if words else ()
        return int(sum(map(is_readable, letters)) >= THRESHOLDS.exact_letters)
    digits = [set(_digits(word.text)) for word in words]
    return next((n for n in range(len(words)) if set().union(*digits[:n]) == set().union(*digits)), len(words))


def _first_count(setting: Setting, words: Sequence[LayerWord]) -> int:
    """Return how many words of a sample decide if all agree: others change no median that most agree on."""
    return THRESHOLDS.figure_sample if setting.has_digits else THRESHOLDS.layer_sample // 2 + 1


def _sample(setting: Setting, words: Sequence[LayerWord]) -> list[LayerWord]:
    """Return the stretches that are read from the page image to check a setting; none if nothing can be compared."""
    level = [word for word in words if _is_level(word)]
    if setting.has_digits and (figures := [word for word in level if _digits(word.text)]):
        return _figure_sample(figures)
    length = THRESHOLDS.min_checked_text
    lengths = {word: len(plain_form(word.text)) for word in level}
    candidates = [word for word in level if lengths[word] >= length]
    candidates = candidates or [word for word in level if lengths[word] >= THRESHOLDS.min_checked_word]
    if not candidates:
        return []
    indices = np.unique(np.linspace(0, len(candidates) - 1, THRESHOLDS.layer_sample).round().astype(int))
    return sorted((candidates[i] for i in indices), key=lambda word: -len(set(plain_form(word.text))))


def _is_level(word: LayerWord) -> bool:
    x0, y0, x1, y1 = word.box
    return x1 - x0 >= y1 - y0 or len(word.text) == 1


def _figure_sample(words: Sequence[LayerWord]) -> list[LayerWord]:
    """Return the figures that together have most digits twice, those with new digits first.

    A font may lie about a single digit.
    """
    counts: Counter[str] = Counter()
    sample: list[LayerWord] = []
    remaining = list(words)

    def gain(word: LayerWord) -> tuple[int, int]:
        digits = set(_digits(word.text))
        return sum(not counts[digit] for digit in digits), sum(counts[digit] < 2 for digit in digits)

    while remaining and len(sample) < THRESHOLDS.figure_sample:
        best = max(remaining, key=gain)
        if not any(gain(best)):
            break
        remaining.remove(best)
        sample.append(best)
        counts.update(_digits(best.text))
    return sample


def _decide(setting: Setting, words: Sequence[LayerWord], pairs: Sequence[tuple[LayerWord, Reading]]) -> bool:
    """Return whether more readings would hardly change the verdict: all agree, or none can read the script.

    words: the sample, of which only `pairs` are read.
    """
    if len(pairs) < min(_first_count(setting, words), len(words)):
        return all(
            _is_confident(word, reading)
            and plain_form(word.text) == plain_form(reading.text)
            and (not setting.has_digits or all(a == b for a, b in _sign_pairs(word.text, reading.text)))
            for word, reading in pairs
        )
    return _agree(pairs) or (_is_foreign(pairs) and not any(_is_confident(*pair) for pair in pairs))


def _is_foreign(pairs: Sequence[tuple[LayerWord, Reading]]) -> bool:
    """Return whether most letters are of a script that the reader does not read."""
    letters = plain_form("".join(word.text for word, _ in pairs))
    unreadable = sum(not is_readable(letter) for letter in letters)
    return bool(letters) and unreadable >= THRESHOLDS.foreign_line * len(letters)


def _verdict(setting: Setting, pairs: Sequence[tuple[LayerWord, Reading]]) -> Verdict:
    """Return the verdict on a setting from its sample and the readings in its places."""
    if _is_refuted(setting, pairs):
        return "lying"
    confident = [pair for pair in pairs if _is_confident(*pair)]
    if confident and 2 * len(confident) >= len(pairs) and _agree(confident):
        return "proven"
    return "unreadable" if _is_foreign(pairs) else "open"


def _agree(pairs: Iterable[tuple[LayerWord, Reading]]) -> bool:
    """Return whether all readings are confident and agree with the texts."""
    return all(
        _is_confident(word, reading) and (_similarity(word.text, reading.text) or 0.0) >= THRESHOLDS.min_similarity
        for word, reading in pairs
    )


def _is_refuted(setting: Setting, pairs: Sequence[tuple[LayerWord, Reading]]) -> bool:
    """Return whether confident readings contradict the texts: most of them, or all readings of some character."""
    confident_pairs = [pair for pair in pairs if _is_confident(*pair)]
    confident = [(word.text, reading.text) for word, reading in confident_pairs]
    clear = [(word.text, reading.text) for word, reading in confident_pairs if _is_clear(word)]
    figures = [(_digits(text), _digits(text_read)) for text, text_read in confident] if setting.has_digits else []
    if not any(text for text, _ in figures):
        similarities = [similarity for pair in confident if (similarity := _similarity(*pair)) is not None]
        if similarities and float(np.median(similarities)) < THRESHOLDS.min_similarity:
            return True
        return _has_false_character(_letter_pairs(clear), THRESHOLDS.min_false_letters)
    ratios = [_ratio(*pair) for pair in figures]
    if float(np.median(ratios)) < THRESHOLDS.min_figure_similarity:
        return True
    same = [pair for pair in figures if len(pair[0]) == len(pair[1])]
    digits = [pair for text, text_read in same for pair in zip(text, text_read, strict=True)]
    return _has_false_character(digits, THRESHOLDS.min_false_figures, sides=(0,)) or _have_false_signs(clear)


def _is_clear(word: LayerWord) -> bool:
    """Return whether the word is large enough that commas differ from points, and letters from similar ones."""
    return min(word.box[2] - word.box[0], word.box[3] - word.box[1]) >= THRESHOLDS.min_clear_height


def _has_false_character(pairs: Iterable[tuple[str, str]], min_count: int, sides: Sequence[int] = (0, 1)) -> bool:
    """Return whether some character occurs `min_count` times, and is always a different character in the other text.

    pairs: characters of the layer, and those that were read at their places. sides: 0 for characters of the layer, 1
    for those that were read.
    """
    pairs = list(pairs)
    for side in sides:
        total = Counter(pair[side] for pair in pairs)
        right = Counter(pair[side] for pair in pairs if pair[0] == pair[1])
        if any(count >= min_count and not right[character] for character, count in total.items()):
            return True
    return False


def _letter_pairs(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield letters of ASCII in the layer, with those that were read in their place."""
    for text, text_read in texts:
        letters, letters_read = plain_form(text), plain_form(text_read)
        matcher = SequenceMatcher(None, letters, letters_read, autojunk=False)
        for _, start, end, start_read, end_read in matcher.get_opcodes():
            if end - start == end_read - start_read:
                for pair in zip(letters[start:end], letters_read[start_read:end_read], strict=True):
                    if all(each.isascii() and each.isalpha() for each in pair) and not _AMBIGUOUS.issuperset(pair):
                        yield pair


def _have_false_signs(figures: Sequence[tuple[str, str]]) -> bool:
    """Return whether most of the figures with signs, and at least two, have other signs than were read.

    A comma that is read as a point alone is no evidence: its tail may be lost.
    """
    with_signs = [pairs for pair in figures if (pairs := _sign_pairs(*pair))]
    false = [pairs for pairs in with_signs if any(sign != sign_read and sign != "," for sign, sign_read in pairs)]
    return len(false) >= THRESHOLDS.min_false_figures and 2 * len(false) > len(with_signs)


def _sign_pairs(text: str, text_read: str) -> list[tuple[str, str]]:
    """Return the signs of a figure, such as commas, with those that were read at their places.

    There are none where one of both has no sign.
    """
    signs, signs_read = _signs(text), _signs(text_read)
    if len(signs) != len(signs_read):
        return []
    return [pair for pair in zip(signs, signs_read, strict=True) if all(len(sign) == 1 for sign in pair)]


def _signs(text: str) -> list[str]:
    """Return what is before, between and after the digits and letters of the text."""
    signs = [""]
    for character in text.translate(_SIGNS):
        if character.isalnum():
            signs.append("")
        elif not character.isspace():
            signs[-1] += character
    return signs


def _is_confident(word: LayerWord, reading: Reading) -> bool:
    x0, y0, x1, y1 = _grown(word.box)
    is_certain = reading.score >= THRESHOLDS.certain_reading and bool(plain_form(reading.text))
    return is_certain and is_legible(reading.text, x1 - x0, y1 - y0)


def _similarity(text: str, text_read: str) -> float | None:
    """Return the similarity of the layer's text and a confident reading, 0 to 1; None where they prove nothing.

    A text in a script that the reader does not read is contradicted by readable letters of another script.
    """
    letters, letters_read = plain_form(text), plain_form(text_read)
    readable, readable_read = (list(filter(is_readable, each)) for each in (letters, letters_read))
    if len(readable) > (1 - THRESHOLDS.foreign_line) * len(letters):
        return _ratio(readable, readable_read)
    is_other = not {script_of(c) for c in readable_read} & {script_of(c) for c in letters if not is_readable(c)}
    return 0.0 if is_other and 2 * len(readable_read) > len(letters_read) else None


def _ratio(a: Sequence[str], b: Sequence[str]) -> float:
    return SequenceMatcher(None, a, b, autojunk=False).ratio()


def _digits(text: str) -> str:
    """Return the text's digits of the kind 0 to 9, with letters that look like digits as these."""
    return "".join(c for c in plain_form(text).translate(_ALIKE) if "0" <= c <= "9")


def _is_broken(words: Sequence[LayerWord]) -> bool:
    """Return whether characters without meaning show that the font has no mapping to Unicode.

    Single ones do not: symbol fonts set bullets and arrows by them.
    """
    text = "".join(word.text for word in words if len(word.text) > THRESHOLDS.max_symbol)
    broken = sum(unicodedata.category(c) in ("Co", "Cn", "Cc") or c == UNKNOWN for c in text)
    return broken > THRESHOLDS.max_broken * len(text)
