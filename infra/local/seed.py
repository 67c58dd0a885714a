"""What the local stack starts with: one tenant, one session and a second bucket to deliver to."""

from __future__ import annotations

import sys
import time

from botocore.exceptions import ClientError

from deploy import REGION, Cloud
from instance import ROOT

sys.path.insert(0, str(ROOT / "infra" / "ops"))

from directory import Target, Tenant, session_item  # noqa: E402

TENANT = "demo"
SOURCE_PREFIX = "recordings/demo/"
SESSION_ID = "2A39603DDB0F47CFB32E96C8366084AE"
ARCHIVE_BUCKET = "mma-video-archive"
ARCHIVE_REGION = "us-west-1"
ACCOUNT = "000000000000"
YEAR_S = 365 * 24 * 3600


def seed(cloud: Cloud, outputs: dict[str, str]) -> None:
    """Write the tenant and the session; doing it again changes only the session's end."""
    _create_archive(cloud)
    dynamodb = cloud.client("dynamodb")
    tenant = Tenant(
        name=TENANT,
        source_bucket=outputs["SourceBucket"],
        source_prefix=SOURCE_PREFIX,
        targets=(Target(outputs["ExportBucket"], REGION), Target(ARCHIVE_BUCKET, ARCHIVE_REGION, owner=ACCOUNT)),
        mre_programs=("*",),
    )
    session = session_item(SESSION_ID, TENANT, int(time.time()) + YEAR_S)
    dynamodb.put_item(TableName=outputs["TenantsTableName"], Item=tenant.item())
    dynamodb.put_item(TableName=outputs["SessionsTableName"], Item=session)


def _create_archive(cloud: Cloud) -> None:
    s3 = cloud.client("s3", ARCHIVE_REGION)
    try:
        s3.create_bucket(Bucket=ARCHIVE_BUCKET, CreateBucketConfiguration={"LocationConstraint": ARCHIVE_REGION})
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
