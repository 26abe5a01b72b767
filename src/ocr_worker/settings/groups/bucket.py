"""The settings of the S3 bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, SecretStr

from ocr_worker.settings.groups.base import SettingsGroup
from ocr_worker.settings.values import Expected


class BucketSettings(SettingsGroup):
    """The S3 bucket for large responses and for checkpoints."""

    bucket_endpoint_url: Annotated[str | None, Expected("a URL such as https://s3.eu-central-1.amazonaws.com")] = Field(
        None,
        pattern=r"^https?://[^/]+",
        validation_alias="BUCKET_ENDPOINT_URL",
        description="URL of the S3 endpoint that stores large responses and checkpoints. Default: no bucket.",
    )
    bucket_access_key_id: str | None = Field(
        None, validation_alias="BUCKET_ACCESS_KEY_ID", description="Access key id for the bucket. Default: no bucket."
    )
    bucket_secret_access_key: SecretStr | None = Field(
        None,
        validation_alias="BUCKET_SECRET_ACCESS_KEY",
        description="Secret access key for the bucket. Default: no bucket.",
    )
    bucket_name: str | None = Field(
        None,
        validation_alias="BUCKET_NAME",
        description="Name of the bucket. Default: the name in the host or path of `BUCKET_ENDPOINT_URL`.",
    )
    bucket_region: str | None = Field(
        None,
        validation_alias="BUCKET_REGION",
        description="Region of the bucket. Default: the region in the host of `BUCKET_ENDPOINT_URL`, or us-east-1.",
    )
    bucket_link_s: int = Field(
        604_800,
        ge=60,
        le=604_800,
        description="Seconds for which the signed URL of a stored response is valid. Default: 604800, seven days.",
    )
    bucket_patience_s: float = Field(
        60, gt=0, description="Seconds during which a failing request to the bucket is retried. Default: 60."
    )
    cache: bool = Field(
        False,
        description="Store each parsed page in the worker's own bucket under a digest of its content, and parse no page"
        " again that is stored there, in any job. Needs a bucket. Default: false.",
    )
    cache_prefix: str = Field(
        "",
        max_length=60,
        description="Name that separates the stored pages of tenants who share a bucket: workers with different"
        " prefixes share no page. Default: none.",
    )
    job_buckets: bool = Field(
        False,
        description="Accept jobs that name their own bucket, in the platform's `s3Config`. Default: false.",
    )

    def bucket_problems(self) -> Iterator[str]:
        """Yield the contradictions among these settings, each with its remedy."""
        values = {
            "BUCKET_ENDPOINT_URL": self.bucket_endpoint_url,
            "BUCKET_ACCESS_KEY_ID": self.bucket_access_key_id,
            "BUCKET_SECRET_ACCESS_KEY": self.bucket_secret_access_key,
        }
        present = [name for name, value in values.items() if value]
        if self.cache and not any(values.values()):
            yield "OCR_CACHE needs a bucket: set BUCKET_ENDPOINT_URL and its keys, or unset OCR_CACHE"
        present += ["BUCKET_NAME"] if self.bucket_name else []
        present += ["BUCKET_REGION"] if self.bucket_region else []
        missing = [name for name, value in values.items() if not value]
        if present and missing:
            verb, others = ("is", "it") if len(present) == 1 else ("are", "the others")
            yield (
                f"{_enumerate(present)} {verb} set, but a bucket also needs {_enumerate(missing)}; set what is missing,"
                f" or unset {others}"
            )


def _enumerate(names: list[str]) -> str:
    """Return the names as in `A, B and C`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
