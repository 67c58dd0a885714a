"""What the local stack starts with: one tenant, one session and a second bucket to deliver to."""

from __future__ import annotations

import hashlib
import time

from botocore.exceptions import ClientError

from deploy import REGION, Cloud

TENANT = "demo"
SOURCE_PREFIX = "recordings/demo/"
SESSION_ID = "2A39603DDB0F47CFB32E96C8366084AE"
ARCHIVE_BUCKET = "mma-video-archive"
ARCHIVE_REGION = "us-west-1"
YEAR_S = 365 * 24 * 3600


def seed(cloud: Cloud, outputs: dict[str, str]) -> None:
    """Write the tenant and the session; doing it again changes only the session's end."""
    _create_archive(cloud)
    dynamodb = cloud.client("dynamodb")
    dynamodb.put_item(TableName=outputs["TenantsTableName"], Item={
        "pk": {"S": TENANT},
        "source_bucket": {"S": outputs["SourceBucket"]},
        "source_prefix": {"S": SOURCE_PREFIX},
        "targets": {"L": [_target(outputs["ExportBucket"], REGION), _target(ARCHIVE_BUCKET, ARCHIVE_REGION)]},
        "default_target": {"N": "0"},
        "max_active": {"N": "100"},
    })
    dynamodb.put_item(TableName=outputs["SessionsTableName"], Item={
        "pk": {"S": hashlib.sha256(SESSION_ID.encode()).hexdigest()},
        "tenant": {"S": TENANT},
        "expires_at": {"N": str(int(time.time()) + YEAR_S)},
    })


def _target(bucket: str, region: str) -> dict:
    return {"M": {"bucket": {"S": bucket}, "region": {"S": region}, "root": {"S": ""}, "owner": {"S": ""}}}


def _create_archive(cloud: Cloud) -> None:
    s3 = cloud.client("s3", ARCHIVE_REGION)
    try:
        s3.create_bucket(Bucket=ARCHIVE_BUCKET, CreateBucketConfiguration={"LocationConstraint": ARCHIVE_REGION})
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
