"""Text as Markdown: what a document says is shown as it says it, and never becomes markup.

`escape_text` puts a backslash before each sign that a reader of CommonMark, or of GitHub's tables and strikethrough,
would take for markup at its place. It leaves all other signs: `snake_case`, `5 * 3` and `$5 to $10` stay as they are.
`keep_text` is the other `Write`, for requests with `markdown_escape: false`. Both are pure, and take linear time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from html import unescape
from typing import Literal

# Where the text is written: a paragraph or list item, after the hashes of a heading, in a cell, as a picture's text.
Place = Literal["paragraph", "heading", "cell", "alt"]
Write = Callable[[str, Place], str]

_NO_BRACKETS = str.maketrans({"[": "(", "]": ")"})
# A backslash at the end is escaped, too, because of the sign that may follow the text.
_BACKSLASH = re.compile(r"\\(?=[!-/:-@\[-`{-~\n]|\Z)")
_ENTITY = re.compile(r"&(?:#[0-9a-fA-FxX]{1,8}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_MAIL_LINK = re.compile(r"<(?=[^\s<>@]+@[^\s<>@]+>)")
_LINK = re.compile(r"\]\(")
_CODE_MARK = re.compile(r"`+")
_EMPHASIS_MARK = re.compile(r"\*+|_+|~+")

_LIST_NUMBER = re.compile(r"\d{1,9}(?=[.)](?:[ \t]|$))")
_LINE_MARK = re.compile(
    r"""
      \#(?=\#{0,5}(?:[ \t]|$))                       # heading
    | >                                              # quotation
    | [-+*](?=[ \t]|$)                               # list item
    | -(?=[- \t]*$)                                  # rule, or one together with the mark of a list item before it
    | (?P<rule>[*_])(?=(?:[ \t]*(?P=rule)){2,}[ \t]*$)
    | `{3,} | ~{3,}                                  # fence of code
    | <(?=[a-zA-Z/!?])                               # block of HTML, which needs no end
    """,
    re.VERBOSE,
)
_UNDERLINE = re.compile(r"[-=|: \t]+")  # makes a heading or a table of the line above
_CLOSING_HASHES = re.compile(r"(?:^|(?<=[ \t]))#+$")
_PIPE = re.compile(r"(?<!\\)(\\*)\|")


def escape_text(text: str, place: Place) -> str:
    """Return Markdown that is shown as `text` at this place, without white space at the ends of lines."""
    lines = [line.strip(" \t") for line in re.split(r"\r\n?|\n", text)]
    plain = "\n".join(lines) if place == "paragraph" else " ".join(line for line in lines if line)
    positions = set(_inline_marks(plain))
    if place == "alt":
        positions.update(position for position, character in enumerate(plain) if character in "[]")
    escaped = "".join(f"\\{character}" if i in positions else character for i, character in enumerate(plain))
    match place:
        case "paragraph":
            return _escape_lines(escaped)
        case "heading":
            return _CLOSING_HASHES.sub(lambda match: f"\\{match[0]}", escaped)
        case "cell":
            # Readers disagree about two backslashes before a pipe.
            return _PIPE.sub(lambda match: f"{match[1]}&#124;" if match[1] else r"\|", escaped)
        case "alt":
            return escaped


def keep_text(text: str, place: Place) -> str:
    """Return the text as it is, except for the signs that would end a cell or a picture's text."""
    match place:
        case "cell":
            return text.replace("|", r"\|")
        case "alt":
            return text.translate(_NO_BRACKETS)
        case "paragraph" | "heading":
            return text


def _inline_marks(text: str) -> Iterator[int]:
    """Yield the positions of signs that would be markup wherever in a line they are."""
    yield from (match.start() for match in _BACKSLASH.finditer(text))
    yield from (match.start() for match in _ENTITY.finditer(text) if unescape(match[0]) != match[0])
    last_end, first_bracket = text.rfind(">"), text.find("[")
    yield from (match.start() for match in _TAG.finditer(text) if match.start() < last_end)
    yield from (match.start() for match in _MAIL_LINK.finditer(text))
    yield from (match.start() for match in _LINK.finditer(text) if -1 < first_bracket < match.start())
    yield from _code_marks(text)
    for character in "*_~":
        yield from _emphasis_marks(text, character)


def _code_marks(text: str) -> Iterator[int]:
    """Yield the positions of backticks that would begin code: another run of equal length follows."""
    ends: set[int] = set()  # lengths of the runs that follow
    for run in reversed(list(_CODE_MARK.finditer(text))):
        length = len(run[0])
        if length in ends:
            yield from range(*run.span())
        # Each backtick of an escaped run ends code by itself; a run of three may be escaped as a fence.
        ends |= {1} if length in ends else {length, 1} if length > 2 else {length}


def _emphasis_marks(text: str, character: str) -> Iterator[int]:
    """Yield the positions of runs of the character of which one could begin, and a later one end, emphasis.

    These are CommonMark's rules of flanking, without those that only rule out more runs. Stars within a word are never
    escaped, although `2*3*4` has emphasis then: amounts and identifiers can be found as they are printed.
    """
    runs = [match for match in _EMPHASIS_MARK.finditer(text) if match[0][0] == character]
    openers = [_can_open(text, run.start(), run.end()) for run in runs]
    closers = [_can_close(text, run.start(), run.end()) for run in runs]
    first_opener = openers.index(True) if True in openers else len(runs)
    last_closer = max((i for i, can_close in enumerate(closers) if can_close), default=-1)
    for i, run in enumerate(runs):
        is_pair = (openers[i] and i < last_closer) or (closers[i] and i > first_opener)
        if is_pair and not _is_within_word(text, run):
            yield from range(*run.span())


def _is_within_word(text: str, run: re.Match[str]) -> bool:
    """Return whether the run is of stars, with letters or digits on both sides."""
    start, end = run.span()
    return run[0][0] == "*" and start > 0 and end < len(text) and text[start - 1].isalnum() and text[end].isalnum()


def _can_open(text: str, start: int, end: int) -> bool:
    """Return whether the run could begin emphasis: text follows, and for `_` no word precedes."""
    is_in_word = text[start] == "_" and start > 0 and text[start - 1].isalnum()
    return end < len(text) and not _is_space(text[end]) and not is_in_word


def _can_close(text: str, start: int, end: int) -> bool:
    """Return whether the run could end emphasis: text precedes, and for `_` no word follows."""
    is_in_word = text[start] == "_" and end < len(text) and text[end].isalnum()
    return start > 0 and not _is_space(text[start - 1]) and not is_in_word


def _is_space(character: str) -> bool:
    return character in "\t\n\f\r" or unicodedata.category(character) == "Zs"


def _escape_lines(text: str) -> str:
    """Return the text with the signs escaped that are markup at the beginning of a line."""
    lines = text.split("\n")
    is_definition = text.startswith("[") or "\n[" in text
    last_label = text.rfind("]:") if is_definition else -1
    escaped, position = [], 0
    for number, line in enumerate(lines):
        escaped.append(_escape_line(line, has_line_above=number > 0, is_definition=position < last_label))
        position += len(line) + 1
    return "\n".join(escaped)


def _escape_line(line: str, *, has_line_above: bool, is_definition: bool) -> str:
    if number := _LIST_NUMBER.match(line):
        return f"{number[0]}\\{line[number.end() :]}"
    if mark := _LINE_MARK.match(line):
        return "".join(f"\\{character}" for character in mark[0]) + line[mark.end() :]
    if line.startswith("[") and is_definition:  # `[name]: target` would not be shown at all
        return f"\\{line}"
    if has_line_above and _UNDERLINE.fullmatch(line):
        return f"\\{line}"
    return line
