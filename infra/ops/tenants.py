#!/usr/bin/env python3
"""Tenants and sessions of a deployed stack.

  tenants.py tenant add acme --source-prefix acme/ --target my-clips:eu-west-1
  tenants.py tenant list | show acme | remove acme
  tenants.py session add acme --hours 24      prints the session id, once: only its SHA-256 is stored
  tenants.py session list acme | revoke ID
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from deployment import Deployment, DeploymentError, add_arguments
from directory import DEFAULT_MAX_ACTIVE, DEFAULT_MAX_SCHEDULED, RowError, Target, Tenant, session_item, session_key

HOUR_S = 3600
# A session id and what it is stored under look alike but for their length.
STORED = re.compile(r"[0-9a-f]{64}")


class Directory:
    """The two tables of a stack."""

    def __init__(self, deployment: Deployment) -> None:
        self._dynamodb = deployment.client("dynamodb")
        self._tenants = deployment.outputs["TenantsTableName"]
        self._sessions = deployment.outputs["SessionsTableName"]

    def put_tenant(self, tenant: Tenant, replace: bool = False) -> None:
        """Add a tenant; one that is there already is replaced only on demand."""
        condition = {} if replace else {"ConditionExpression": "attribute_not_exists(pk)"}
        with refused("ConditionalCheckFailedException", f"tenant: {tenant.name} is there already; --replace replaces it"):
            self._dynamodb.put_item(TableName=self._tenants, Item=tenant.item(), **condition)

    def tenant(self, name: str) -> dict:
        """A tenant's row."""
        found = self._dynamodb.get_item(TableName=self._tenants, Key={"pk": {"S": name}}, ConsistentRead=True).get("Item")
        if not found:
            raise DeploymentError(f"tenant: there is no {name}")
        return found

    def tenants(self) -> list[dict]:
        """The rows of all tenants, by name."""
        return sorted(self._all(self._tenants), key=lambda row: row["pk"]["S"])

    def remove_tenant(self, name: str, missing_ok: bool = False) -> int:
        """Remove a tenant and its sessions; returns how many."""
        if not missing_ok:
            self.tenant(name)
        self._dynamodb.delete_item(TableName=self._tenants, Key={"pk": {"S": name}})
        sessions = self.sessions(name)
        for row in sessions:
            self._dynamodb.delete_item(TableName=self._sessions, Key={"pk": row["pk"]})
        return len(sessions)

    def add_session(self, tenant: str, seconds: int) -> str:
        """Add a session of a tenant; returns its id."""
        self.tenant(tenant)
        session = secrets.token_hex(16).upper()
        self._dynamodb.put_item(TableName=self._sessions, Item=session_item(session, tenant, int(time.time()) + seconds))
        return session

    def sessions(self, tenant: str) -> list[dict]:
        """The rows of a tenant's sessions, the one that ends first first."""
        rows = [row for row in self._all(self._sessions) if row.get("tenant") == {"S": tenant}]
        return sorted(rows, key=_end)

    def revoke(self, session: str) -> None:
        """Remove a session by its id or by what it is stored under."""
        key = session if STORED.fullmatch(session) else session_key(session)
        with refused("ConditionalCheckFailedException", "session: there is none of that id"):
            self._dynamodb.delete_item(
                TableName=self._sessions, Key={"pk": {"S": key}}, ConditionExpression="attribute_exists(pk)"
            )

    def _all(self, table: str) -> Iterator[dict]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]


@contextmanager
def refused(code: str, words: str) -> Iterator[None]:
    """Put an error of AWS into words."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise
        raise DeploymentError(words) from error


def target_of(text: str, deployment: Deployment) -> Target:
    """BUCKET[:REGION[:ROOT[:OWNER]]]; clients must name region and root as they are here."""
    parts = text.split(":")
    if len(parts) > 4:
        raise RowError(f"target: BUCKET[:REGION[:ROOT[:OWNER]]], not {text!r}")
    bucket, region, root, owner = parts + [""] * (4 - len(parts))
    return Target(bucket, region or deployment.region, root, owner or deployment.owner_of(bucket))


def doubts(tenant: Tenant, deployment: Deployment) -> list[str]:
    """What the row says that the stack does not bear out: its jobs would end as `access denied`."""
    found = []
    if not deployment.may_read(tenant.source_bucket):
        found.append(f"source-bucket: the stack may not read {tenant.source_bucket}: add it to TenantSourceBucketArns")
    status, region = look(deployment, tenant.source_bucket)
    if status == 404:
        found.append(f"source-bucket: there is no bucket {tenant.source_bucket}")
    elif region and region != deployment.region:
        found.append(f"source-bucket: {tenant.source_bucket} lies in {region}; recordings are read from {deployment.region} only")
    if not tenant.source_prefix.strip("/"):
        found.append(f"source-prefix: is empty: the tenant's requests reach every recording in {tenant.source_bucket}")
    for target in tenant.targets:
        if not deployment.may_write(target.bucket):
            found.append(f"target: the stack may not write to {target.bucket}: add it to TenantTargetBucketArns")
        elif target.root.strip("/") and not deployment.may_write_anywhere(target.bucket):
            found.append(f"target: in {target.bucket}, the stack's own, it may write below export/ only: leave the root out")
        status, region = look(deployment, target.bucket)
        if status == 404:
            found.append(f"target: there is no bucket {target.bucket}")
        elif region and region != target.region:
            found.append(f"target: {target.bucket} lies in {region}, not in {target.region}")
    return found


def look(deployment: Deployment, bucket: str) -> tuple[int, str]:
    """The HTTP status that a bucket answers with, and where it says that it lies."""
    try:
        answer = deployment.client("s3").head_bucket(Bucket=bucket)["ResponseMetadata"]
    except ClientError as error:
        answer = error.response["ResponseMetadata"]
    return answer["HTTPStatusCode"], answer["HTTPHeaders"].get("x-amz-bucket-region", "")


# ---- commands


def add_tenant(options: argparse.Namespace, deployment: Deployment) -> None:
    """Add a tenant, or with --replace put another row in its place."""
    prefix = f"{options.name}/" if options.source_prefix is None else options.source_prefix
    targets = options.target or [deployment.outputs["ExportBucket"]]
    bucket = options.source_bucket or deployment.outputs["SourceBucket"]
    tenant = Tenant(
        name=options.name,
        source_bucket=bucket,
        source_prefix=prefix,
        source_owner=options.source_owner or deployment.owner_of(bucket),
        targets=tuple(target_of(each, deployment) for each in targets),
        default_target=options.default_target,
        max_active=options.max_active,
        max_scheduled=options.max_scheduled,
        mre_programs=tuple(options.mre_program),
    )
    for doubt in doubts(tenant, deployment):
        print(f"warning: {doubt}", file=sys.stderr)
    Directory(deployment).put_tenant(tenant, options.replace)
    print(f"tenant {tenant.name}: records in s3://{tenant.source_bucket}/{tenant.source_prefix}, {len(tenant.targets)} targets")


def list_tenants(_: argparse.Namespace, deployment: Deployment) -> None:
    """List the tenants."""
    for row in Directory(deployment).tenants():
        try:
            tenant = Tenant.of(row)
        except RowError as error:
            print(f"{row['pk']['S']:24} opens nothing: {error}")
            continue
        places = ", ".join(f"{each.bucket}:{each.region}:{each.root}".rstrip(":") for each in tenant.targets)
        source = f"s3://{tenant.source_bucket}/{tenant.source_prefix}"
        print(f"{tenant.name:24} {source}  ->  {places}  (at most {tenant.max_active} jobs and {tenant.max_scheduled} planned)")


# Turns attributes of DynamoDB into plain values; its numbers are decimals.
READER = TypeDeserializer()


def show_tenant(options: argparse.Namespace, deployment: Deployment) -> None:
    """Print a tenant's row, and what is wrong with it."""
    row = Directory(deployment).tenant(options.name)
    print(json.dumps({name: READER.deserialize(value) for name, value in row.items()}, indent=2, ensure_ascii=False, default=int))
    for doubt in doubts(Tenant.of(row), deployment):
        print(f"warning: {doubt}", file=sys.stderr)


def remove_tenant(options: argparse.Namespace, deployment: Deployment) -> None:
    """Remove a tenant and its sessions; its recordings, clips and jobs stay."""
    print(f"removed {options.name} and {Directory(deployment).remove_tenant(options.name)} sessions")


def add_session(options: argparse.Namespace, deployment: Deployment) -> None:
    """Print the id of a new session of a tenant."""
    if not 0 < options.hours <= 24 * 366:
        raise RowError(f"hours: more than 0 and at most a year, not {options.hours}")
    print(Directory(deployment).add_session(options.tenant, int(options.hours * HOUR_S)))


def list_sessions(options: argparse.Namespace, deployment: Deployment) -> None:
    """List the sessions of a tenant by what they are stored under."""
    now = time.time()
    for row in Directory(deployment).sessions(options.tenant):
        ends = datetime.fromtimestamp(_end(row), timezone.utc).isoformat()
        print(f"{row['pk']['S']}  {'ended' if _end(row) <= now else 'until'} {ends}")


def revoke_session(options: argparse.Namespace, deployment: Deployment) -> None:
    """Remove a session; a warm function may honour it for a minute more."""
    Directory(deployment).revoke(options.session)
    print("revoked; a warm function may honour it for a minute more")


def _end(row: dict) -> int:
    """0 for a row without an end, which opens nothing."""
    return int(row.get("expires_at", {}).get("N", 0))


def arguments() -> argparse.Namespace:
    """What was asked for; `run` is the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    kinds = parser.add_subparsers(required=True, metavar="tenant|session")

    def commands(kind: str):
        verbs = kinds.add_parser(kind).add_subparsers(required=True, metavar="COMMAND")

        def command(verb: str, function, *positional: str) -> argparse.ArgumentParser:
            added = verbs.add_parser(verb, help=function.__doc__, description=function.__doc__)
            for each in positional:
                added.add_argument(each)
            added.set_defaults(run=function)
            return added

        return command

    tenant, session = commands("tenant"), commands("session")
    add = tenant("add", add_tenant, "name")
    add.add_argument("--source-bucket", help="where it records (the stack's SourceBucket)")
    add.add_argument("--source-prefix", help="key prefix of its recordings (NAME/)")
    add.add_argument("--source-owner", default="", metavar="ACCOUNT",
                     help="account that must own the bucket (the stack's, for its own bucket; else not checked)")
    add.add_argument("--target", action="append", metavar="BUCKET[:REGION[:ROOT[:OWNER]]]",
                     help="where clips may go (the stack's ExportBucket); OWNER as above; repeatable")
    add.add_argument("--default-target", type=int, default=0, metavar="INDEX", help="for requests that name none (0)")
    add.add_argument("--max-active", type=int, default=DEFAULT_MAX_ACTIVE,
                     help=f"unfinished jobs whose window has begun ({DEFAULT_MAX_ACTIVE})")
    add.add_argument("--max-scheduled", type=int, default=DEFAULT_MAX_SCHEDULED,
                     help=f"jobs whose window has not begun ({DEFAULT_MAX_SCHEDULED})")
    add.add_argument("--mre-program", action="append", default=[],
                     help="a program of Media Replay Engine whose events and replays its batches may name, or *; several times")
    add.add_argument("--replace", action="store_true", help="put it in the place of the tenant of that name")
    tenant("list", list_tenants)
    tenant("show", show_tenant, "name")
    tenant("remove", remove_tenant, "name")
    session("add", add_session, "tenant").add_argument("--hours", type=float, default=24, help="how long it is good for (24)")
    session("list", list_sessions, "tenant")
    session("revoke", revoke_session, "session")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    try:
        options.run(options, Deployment(options.stack, options.env))
    except (RowError, DeploymentError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
