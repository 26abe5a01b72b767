"""Say where an unknown field of a request belongs: the name may be known at another level, or be misspelled.

A request has three levels: its top (`input`), its documents and its options; around it is the job of the platform. The
message for a name of another level names that level. Only a name of no level is compared with all names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

from ocr_worker.wire.schema import DocumentRequest, ParseOptions, ParseRequest

Level = Literal["input", "document", "options"]

# Short forms that people send, and the field that a string in them fills; "any": its text decides.
SHORT_FORMS: dict[str, str] = {
    "image": "any",
    "images": "any",
    "image_url": "url",
    "image_urls": "url",
    "image_base64": "base64",
    "url": "url",
    "base64": "base64",
    "document": "any",
    "file": "any",
}
LIST_FORMS = ("images", "image_urls")

# Fields of a document that may also be at the top, if the request has one document.
BESIDE_ONE_DOCUMENT = ("id", "pages", "password")

_JOB_FIELDS = ("s3Config", "webhook", "policy")  # of the platform, beside `input`
_SIMILARITY = 0.6  # of a name and a guess; below it, guesses mislead


class FieldNames:
    """The names that a request can have, by level.

    options: model of the options. foreign_options: options of other engines only, each with the message that says so.
    """

    def __init__(self, options: type[ParseOptions], foreign_options: Mapping[str, str] = MappingProxyType({})) -> None:
        self._foreign_options = foreign_options
        self.levels: dict[Level, tuple[str, ...]] = {
            "input": (*ParseRequest.model_fields, *SHORT_FORMS, *BESIDE_ONE_DOCUMENT),
            "document": tuple(DocumentRequest.model_fields),
            "options": tuple(options.model_fields),
        }

    def unknown_message(self, name: str, level: Level) -> str:
        """Return what to do about `name`, which is unknown at `level`."""
        if place := self._place_of(name, level):
            return place
        if name in self._foreign_options:
            return self._foreign_options[name]
        names = [name for fields in self.levels.values() for name in fields]
        guess = closest_name(name, [*self.levels[level], *names])
        if guess is None or guess in self.levels[level]:
            return unknown_message(guess, self.levels[level])
        return f"is unknown; did you mean {guess!r}? It {self._place_of(guess, level)}"

    def _place_of(self, name: str, level: Level) -> str | None:
        """Return the place of a name that is known at another level."""
        if name in self.levels["options"]:
            return "belongs in input.options"
        if name == "input":
            return "is one level too many; move its fields up, beside the others"
        if level == "document" and name in SHORT_FORMS:
            field = "url or base64" if SHORT_FORMS[name] == "any" else SHORT_FORMS[name]
            return f"is a short form at the top of input; in a document, use {field}"
        if name in self.levels["document"]:
            return f"belongs in the document, as input.documents[0].{name}"
        if name in self.levels["input"]:
            return "belongs at the top of input"
        return "belongs in the job, beside input" if name in _JOB_FIELDS else None


def closest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the name that `name` is probably meant to be, or None. Case, `-` and `_` do not count."""
    folded_names: dict[str, str] = {}
    for candidate in names:
        folded_names.setdefault(_fold(candidate), candidate)
    matches = get_close_matches(_fold(name), folded_names, n=1, cutoff=_SIMILARITY)
    return folded_names[matches[0]] if matches else None


def unknown_message(guess: str | None, names: Iterable[str]) -> str:
    """Return the message for an unknown name. guess: the closest name. names: all names at its place."""
    return f"is unknown; did you mean {guess!r}?" if guess else f"is unknown; allowed: {', '.join(names)}"


def _fold(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
