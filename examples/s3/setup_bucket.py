"""Create a private bucket for results and checkpoints, with the lifecycle rule of `lifecycle.json`.

Run it once, with credentials of an administrator in boto3's usual places:

    python examples/s3/setup_bucket.py ocr-results --region eu-central-1

Another S3-compatible service needs `--endpoint-url`. The worker itself gets other keys, of a user who has only the
rights of `policy.json`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import boto3

LIFECYCLE = Path(__file__).with_name("lifecycle.json")
DEFAULT_REGION = "us-east-1"  # of S3: the only region that must not be named when a bucket is created


def set_up_bucket(client: Any, name: str, region: str) -> None:
    """Create the bucket, close it to the public, and set its lifecycle rule.

    Raises botocore.exceptions.ClientError: the service rejects a request, for example because the name is taken.
    """
    location = {} if region == DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=name, **location)
    blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(blocks, True))
    rules = json.loads(LIFECYCLE.read_text(encoding="utf-8"))
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=rules)


def main() -> None:
    """Set up the bucket that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="name of the bucket")
    parser.add_argument("--region", default=DEFAULT_REGION, help=f"region of the bucket ({DEFAULT_REGION})")
    parser.add_argument("--endpoint-url", help="of another S3-compatible service; default: AWS")
    options = parser.parse_args()
    client = boto3.client("s3", region_name=options.region, endpoint_url=options.endpoint_url)
    set_up_bucket(client, options.name, options.region)
    print(f"{options.name}: created; not public; objects under ocr-worker/ are deleted after the lifecycle rule's days")


if __name__ == "__main__":
    main()
