"""The objects below a prefix of a bucket, as `walking` has the entries of a folder.

An object is a document if its name ends like that of a PDF or image. The bytes are not looked at: that would be a
request for each object. Everything else is an entry with the reason why it is skipped, except the empty objects whose
names end with a slash: consoles of S3 services create them to show a folder.
"""

from __future__ import annotations

import os

from ocr_worker.batch.manifests import BUCKET_SCHEME, split_bucket_url
from ocr_worker.batch.walking import HIDDEN, SUFFIXES, FolderEntry
from ocr_worker.delivery import named_bucket
from ocr_worker.errors import DeliveryFailed, InvalidRequest
from ocr_worker.settings import Settings

OTHER_NAME = "not the name of a PDF or image"


def walk_bucket(url: str, settings: Settings) -> list[FolderEntry]:
    """Return the objects below `s3://BUCKET/PREFIX/`, sorted by name, with their URLs as paths.

    settings: have the endpoint and the keys. Raises InvalidRequest: the bucket cannot be listed; SettingsInvalid: the
    settings have no keys, or the S3 client is not installed.
    """
    name, prefix = split_bucket_url(url)
    try:
        keys = named_bucket(settings, name, url).keys(prefix)
    except DeliveryFailed as error:
        cause = str(error).partition(";")[0]  # its remedy is that of a job
        remedy = "check the bucket's name and the rights of the key, or run the command again"
        raise InvalidRequest(f"{url} cannot be listed: {cause}; {remedy}") from None
    names = [(key, key.removeprefix(prefix)) for key in sorted(keys) if not key.endswith("/")]
    return [FolderEntry(f"{BUCKET_SCHEME}{name}/{key}", path, _skip_reason(path)) for key, path in names]


def _skip_reason(path: str) -> str | None:
    if any(part.startswith(".") for part in path.split("/")):
        return HIDDEN
    return None if os.path.splitext(path)[1].lower() in SUFFIXES else OTHER_NAME
