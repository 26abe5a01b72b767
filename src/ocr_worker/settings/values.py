"""Values of settings as text: how lists are read from a variable, and how values are shown without their secrets.

A list is written as `a,b` or as JSON. Arguments of a command are written as a shell would take them, or as JSON; commas
do not separate them. The annotated types below are the types of such fields: each reads its text, checks every item,
and carries the phrase that an error message needs.
"""

from __future__ import annotations

import json
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, SecretStr, StringConstraints
from pydantic_settings import NoDecode

HIDDEN = "***"

_JSON_CHARACTERS = frozenset('"[]{}')
_VISIBLE_ASCII = re.compile(r"[!-~]+")  # what an Authorization header can carry without quotes
# A host name without scheme, port or path, which may contain the wildcards of `fnmatch`; or an IPv6 address.
_HOST = r"^([^\s/@:]+|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$"
# The same without an address: its last label begins with a letter, as that of every name does.
_NAME_WITH_LETTER = re.compile(r"([^\s/@:]+\.)?[A-Za-z][^\s/@:.*?\[]*")
_ORIGIN = r"^(\*|null|[a-z][a-z0-9+.-]*://[^\s/]+)$"
_HTTP_URL = r"^https?://[^/\s]+\S*$"
_URL_SECRETS = re.compile(r"(?<=://)[^/@\s]+@|\?\S+")
_SECRET_ARGUMENT = re.compile(r"(--?[\w-]*(?:key|token|secret|password)[\w-]*(?:=|\s+))\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Expected:
    """The phrase that describes a field's valid values in an error message, where its type does not say enough."""

    phrase: str


def read_list(value: Any) -> Any:
    """Return the items of the text `a,b`, or of a JSON list; another value as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    items = [item.strip() for item in value.split(",") if item.strip()]
    # A list of no items is written as `[]`: `,` from two empty variables must not switch keys or hosts off.
    if not items or _JSON_CHARACTERS & set(value):
        raise ValueError("neither a JSON list nor items separated by commas")
    return items


def read_arguments(value: Any) -> Any:
    """Return the arguments in a JSON list or a shell-quoted line; another value as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    return json.loads(value) if value.lstrip().startswith("[") else shlex.split(value)


def _check_key(key: SecretStr) -> SecretStr:
    if not _VISIBLE_ASCII.fullmatch(key.get_secret_value()):
        raise ValueError("a key consists of visible ASCII characters")
    return key


def _check_private_host(text: str) -> str:
    """Return a network, an address, or a host name with a letter. Raises ValueError for anything else.

    `10.*` is refused: as a name it would be `10.example.com`, which anybody can point at an address.
    """
    with suppress(ValueError):
        return str(ip_network(text, strict=False))
    if not _NAME_WITH_LETTER.fullmatch(text):
        raise ValueError("neither a network such as 10.0.0.0/8 nor a host name")
    return text.lower()


Hosts = Annotated[
    list[Annotated[str, StringConstraints(pattern=_HOST)]],
    NoDecode,
    BeforeValidator(read_list),
    Expected("a list of host names such as files.example.com,*.example.org"),
]
ServerUrls = Annotated[
    list[Annotated[str, StringConstraints(pattern=_HTTP_URL)]],
    NoDecode,
    BeforeValidator(read_list),
    Expected("a list of URLs such as http://127.0.0.1:8000/v1,http://10.0.0.2:8000/v1"),
]
PrivateHosts = Annotated[
    list[Annotated[str, AfterValidator(_check_private_host)]],
    NoDecode,
    BeforeValidator(read_list),
    Expected("a list of networks and host names such as 10.1.0.0/16,minio.internal,*.svc.cluster.local"),
]
Origins = Annotated[
    list[Annotated[str, StringConstraints(pattern=_ORIGIN)]],
    NoDecode,
    BeforeValidator(read_list),
    Expected("a list of origins such as https://a.example,https://b.example:8443"),
]
Keys = Annotated[
    list[Annotated[SecretStr, AfterValidator(_check_key)]],
    NoDecode,
    BeforeValidator(read_list),
    Expected('a list of keys such as key1,key2 or ["key1", "key2"]'),
]
Wire = Literal["paddlex", "jobs", "mistral", "docling", "fastgpt", "open-webui"]
Wires = Annotated[
    list[Wire],
    NoDecode,
    BeforeValidator(read_list),
    Expected(f"a list of APIs such as paddlex,mistral; choose from: {', '.join(get_args(Wire))}"),
]
Arguments = Annotated[
    list[str],
    NoDecode,
    BeforeValidator(read_arguments),
    Expected("""a line of arguments such as --max-num-seqs 8 --dtype bfloat16, or a JSON list of them"""),
]


def written_value(value: object) -> str:
    """Return the text that sets a setting to `value`; empty for None and for an empty list."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if value < 1e6 else str(int(value) if value.is_integer() else value)
    if isinstance(value, list):
        items = [written_value(item) for item in value]
        # An argument may contain anything: only a shell line keeps it apart from the next.
        return shlex.join(items) if any(item.startswith("-") or "," in item for item in items) else ",".join(items)
    return "" if value is None else str(value)


def shown_value(text: str, *, is_secret: bool) -> str:
    """Return a setting's text with its secrets replaced by `***`.

    Secrets are the complete value if `is_secret`, credentials and queries of URLs, and values of arguments such as
    `--api-key`.
    """
    if is_secret and text:
        return HIDDEN
    return _SECRET_ARGUMENT.sub(rf"\1{HIDDEN}", _URL_SECRETS.sub(HIDDEN, text))
