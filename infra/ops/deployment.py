"""A deployed stack, in AWS or on the local stack: what it is called, what it is made of, who asks."""

from __future__ import annotations

import argparse
import os
import shlex
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

STACK = "media-export"
# The emulator's endpoint has no names of buckets below it.
LOCAL = Config(s3={"addressing_style": "path"})


class DeploymentError(Exception):
    """What went wrong, in words for the person at the terminal."""


class Deployment:
    """A stack by its name; `env` is the environment file of a local stack, else the usual AWS credentials hold."""

    def __init__(self, stack: str = STACK, env: Path | None = None) -> None:
        self.stack = stack
        self.env = read_env(env) if env else {}
        try:
            self.session = boto3.Session(
                aws_access_key_id=self.env.get("AWS_ACCESS_KEY_ID"),
                aws_secret_access_key=self.env.get("AWS_SECRET_ACCESS_KEY"),
                # botocore itself reads AWS_DEFAULT_REGION and the profile.
                region_name=self.env.get("AWS_REGION") or os.environ.get("AWS_REGION"),
            )
        except BotoCoreError as error:
            raise DeploymentError(str(error)) from error
        self.region = self.session.region_name
        if not self.region:
            raise DeploymentError("no region: set AWS_REGION or AWS_DEFAULT_REGION")

    def client(self, service: str, **options: Any) -> Any:
        """A client of a service of the stack's account and region."""
        local = {"endpoint_url": self.env["AWS_ENDPOINT_URL"], "config": LOCAL} if self.env else {}
        return self.session.client(service, **local | options)

    @cached_property
    def _described(self) -> dict:
        try:
            found = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        except (BotoCoreError, ClientError) as error:
            raise DeploymentError(f"stack {self.stack} in {self.region}: {error}") from error
        if "TenantsTableName" not in {each["OutputKey"] for each in found.get("Outputs", [])}:
            raise DeploymentError(f"stack {self.stack} in {self.region}, {found['StackStatus']}, is none of Media Export")
        return found

    @property
    def account(self) -> str:
        """The account that the stack is in."""
        return self._described["StackId"].split(":")[4]

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return {each["OutputKey"]: each["OutputValue"] for each in self._described.get("Outputs", [])}

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The stack's parameters."""
        return {each["ParameterKey"]: each["ParameterValue"] for each in self._described.get("Parameters", [])}

    def owner_of(self, bucket: str) -> str:
        """The account of a bucket that the stack created, "" of another."""
        own = [output for output in ("SourceBucket", "ExportBucket") if not self.parameters.get(f"{output}Name")]
        return self.account if bucket in {self.outputs[output] for output in own} else ""

    def may_read(self, bucket: str) -> bool:
        """Whether the workers' role reads recordings from a bucket."""
        return bucket == self.outputs["SourceBucket"] or self._named(bucket, "TenantSourceBucketArns")

    def may_write(self, bucket: str) -> bool:
        """Whether the workers' role writes clips to a bucket."""
        return bucket == self.outputs["ExportBucket"] or self.may_write_anywhere(bucket)

    def may_write_anywhere(self, bucket: str) -> bool:
        """Whether it does so below any root."""
        return self._named(bucket, "TenantTargetBucketArns")

    def _named(self, bucket: str, parameter: str) -> bool:
        """Whether a list of ARNs, whose ends may be `*`, has the bucket."""
        arns = self.parameters.get(parameter, "").split(",")
        return any(fnmatchcase(bucket, arn.rpartition(":")[2]) for arn in arns if arn)


def read_env(path: Path) -> dict[str, str]:
    """The variables of a local stack's KEY=VALUE file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DeploymentError(f"{path} is not there: run `make up` first") from error
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key: "".join(shlex.split(value)) for key, _, value in pairs}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which stack a command is about."""
    parser.add_argument("--stack", default=STACK, help=f"name of the CloudFormation stack ({STACK})")
    parser.add_argument("--env", type=Path, metavar="FILE", help="environment file of a local stack, as .local/env")
