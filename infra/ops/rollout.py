#!/usr/bin/env python3
"""Creates, updates and deletes the stack in AWS; `make deploy`, `make package` and `make destroy` call it.

  rollout.py check     two seconds before anything is built: credentials, region, the stack, its parameters, the tools
  rollout.py apply     sam deploy, with the parameters that `check` looked at
  rollout.py package   sam package, for a pipeline
  rollout.py destroy   delete the stack, and say what stays

The first three take a release in place of what `make build layer` leaves: --release.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from deployment import STACK
from parameters import ParameterError, Values, defaults, from_file, from_words, objections, read_template
from release import ReleaseError, built_for, opened

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
PROCESSORS = {"aarch64": "arm64", "arm64": "arm64", "AMD64": "x86_64", "x86_64": "x86_64"}
# What a stack in this state needs first. A change set that was not executed leaves REVIEW_IN_PROGRESS, which sam goes on from.
WAYS_OUT = {
    "ROLLBACK_COMPLETE": "its creation failed, and it can only be deleted: `make destroy STACK={stack}`, then deploy again",
    "ROLLBACK_FAILED": "its creation failed, and not all of it could be taken back: `make destroy STACK={stack}`, then deploy again",
    "CREATE_FAILED": "its creation failed: `make destroy STACK={stack}`, then deploy again",
    "DELETE_FAILED": "its deletion failed; `make destroy STACK={stack}` says why and tries again",
    "UPDATE_ROLLBACK_FAILED": "an update could not be taken back: mend what its events name, then "
    "`aws cloudformation continue-update-rollback --stack-name {stack}`",
}
# Below this a new account cannot run the functions side by side; AWS gives 1,000 to accounts that are in use.
NEW_ACCOUNT = 50
# What Lambda keeps for functions that reserve nothing.
UNRESERVED = 100


class Refused(Exception):
    """Why nothing was done, a line for each reason."""


class Cloud:
    """The account and region that a stack is in."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.stack = options.stack
        # botocore itself reads AWS_DEFAULT_REGION and the profile.
        self._session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        self.region = self._session.region_name
        if not self.region:
            raise Refused("no region: set AWS_REGION or AWS_DEFAULT_REGION, or `region` in ~/.aws/config")

    def client(self, service: str):
        return self._session.client(service)

    def identity(self) -> str:
        """Who asks."""
        try:
            return self.client("sts").get_caller_identity()["Arn"]
        except (BotoCoreError, ClientError) as error:
            raise Refused(f"no valid AWS credentials: {error}") from error

    def described(self) -> dict | None:
        """The stack, if there is one."""
        try:
            return self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise


def stands(described: dict | None) -> bool:
    """Whether there is a stack to update."""
    return described is not None and described["StackStatus"] != "REVIEW_IN_PROGRESS"


def chosen(options: argparse.Namespace, template: dict, described: dict | None) -> tuple[Values, Values]:
    """The parameters that a deployment sets, and all as they will be. A file says all: what it does not name gets its default.
    Without one, what is not named keeps the value that the stack has, which nobody is told of a hidden one."""
    given = {"Architecture": options.arch}
    if options.file:
        given |= from_file(options.file)
    given |= from_words(options.parameters)
    if given["Architecture"] != options.arch:
        raise ParameterError(f"Architecture: {given['Architecture']} is asked for, but ARCH={options.arch} is built")
    # What stands is protected. A creation that fails could not take protected tables back.
    given = {"DeletionProtection": "on" if stands(described) else "off"} | given
    if options.file:
        given = defaults(template) | given
    kept = present_values(described) if stands(described) else {}
    return given, defaults(template) | {name: each for name, each in kept.items() if name in template["Parameters"]} | given


def present_values(described: dict) -> Values:
    """The parameters of a stack."""
    return {each["ParameterKey"]: each.get("ParameterValue", "") for each in described.get("Parameters", [])}


def blocked(described: dict | None) -> str:
    """What has to be done first, "" if nothing has."""
    status = described["StackStatus"] if stands(described) else ""
    if status in WAYS_OUT:
        return f"it is {status}: {WAYS_OUT[status].format(stack=described['StackName'])}"
    return f"it is {status}: wait until that has ended" if status.endswith("_IN_PROGRESS") else ""


def toolchain(arch: str) -> Iterator[str]:
    """What is missing to build for a processor."""
    if not shutil.which("cargo"):
        yield "Rust is not installed: https://rustup.rs"
        return
    if arch == PROCESSORS.get(platform.machine()) and platform.system() == "Linux":
        return
    libraries = subprocess.run(
        ["rustc", "--print", "target-libdir", "--target", TARGETS[arch]], capture_output=True, text=True, check=False, cwd=ROOT)
    if not (libraries.returncode == 0 and Path(libraries.stdout.strip()).is_dir()) and not shutil.which("rustup"):
        yield (f"this Rust has no {TARGETS[arch]} and there is no rustup to add it: install Rust from https://rustup.rs, or the "
               f"target's standard library, or build for this machine's processor: ARCH={PROCESSORS.get(platform.machine(), '...')}")


def concurrency(template: dict, values: Values) -> int:
    """How much concurrency all functions of the template reserve together."""
    total = 0
    for resource in template["Resources"].values():
        if resource.get("Condition") == "FansOut" and values["FanOut"] != "on":
            continue
        condition, amount, _ = resource.get("Properties", {}).get("ReservedConcurrentExecutions", {}).get("Fn::If", ("", 0, None))
        if condition != "WorkersReserved" or values["ReserveWorkers"] == "on":
            total += int(values[amount["Ref"]] if isinstance(amount, dict) else amount)
    return total


def small_account(cloud: Cloud, template: dict, values: Values) -> Iterator[str]:
    """What a new account does not allow yet; AWS has no other way to ask for the limit of memory than to try."""
    try:
        limit = cloud.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except (BotoCoreError, ClientError, KeyError):
        return
    workers = sum(int(values[f"{kind}Concurrency"]) for kind in ("Clip", "Bulk", "Thumbnail"))
    if limit < max(workers, NEW_ACCOUNT):
        yield (f"this account runs {limit} functions at once, and clips and stills alone may be {workers}: have AWS raise the quota "
               "'Concurrent executions' of Lambda")
    reserved = concurrency(template, values)
    if reserved and reserved + UNRESERVED > limit:
        yield f"{reserved} of the account's {limit} are to be reserved; Lambda leaves at least {UNRESERVED} unreserved and refuses the rest"
    if limit < NEW_ACCOUNT and int(values["ClipMemoryMb"]) > 3008:
        yield "a new account gives functions 3,008 MB at most; ClipMemoryMb asks for more"


def changes(template: dict, described: dict | None, values: Values) -> Iterator[str]:
    """What a deployment sets, and what it leaves as it is."""
    before = defaults(template) | (present_values(described) if stands(described) else {})
    changed = [name for name, value in values.items() if value != before[name]]
    for name in changed:
        hidden = template["Parameters"][name].get("NoEcho")
        told = "(hidden)" if hidden else f"{values[name] or '(empty)'}, was {before[name] or '(empty)'}"
        yield f"  {name} = {told}"
    yield "  the other parameters " + ("stay as they are" if stands(described) else "have the template's defaults")


def settle(options: argparse.Namespace) -> None:
    """Take template and processor of a release, if one is given."""
    if options.release is None:
        options.arch = options.arch or "arm64"
        return
    release = opened(options.release, options.arch, ROOT / "target" / "releases")
    options.template, options.arch = release.template, release.architecture
    if options.run is check:
        print(release)


def check(options: argparse.Namespace) -> None:
    """Find out in two seconds what would fail after minutes."""
    cloud = Cloud(options)
    wrong = list(toolchain(options.arch)) if options.tools and options.release is None else []
    print(f"{cloud.identity()} in {cloud.region}")
    template = read_template(options.template)
    if options.bucket is not None:
        wrong += bucket_faults(cloud, options.bucket)
    else:
        described = cloud.described()
        print(f"stack {cloud.stack}: {described['StackStatus'] if stands(described) else 'is created'}")
        if way_out := blocked(described):
            raise Refused("\n".join([*wrong, f"stack {cloud.stack}: {way_out}"]))
        given, values = chosen(options, template, described)
        wrong += objections(template, given, values)
        if not wrong:
            print("\n".join(changes(template, described, values)))
            for warning in small_account(cloud, template, values):
                print(f"warning: {warning}", file=sys.stderr)
    if wrong:
        raise Refused("\n".join(wrong))


def bucket_faults(cloud: Cloud, bucket: str) -> Iterator[str]:
    """Why CloudFormation could not read code from a bucket."""
    if not bucket:
        yield "CODE_BUCKET: set it to a bucket of yours in the region of the stack"
        return
    try:
        answer = cloud.client("s3").head_bucket(Bucket=bucket)["ResponseMetadata"]
    except ClientError as error:
        answer = error.response["ResponseMetadata"]
    region = answer["HTTPHeaders"].get("x-amz-bucket-region", "")
    if region and region != cloud.region:
        yield f"CODE_BUCKET: {bucket} is in {region}; code has to be in the region of the stack, {cloud.region}"
    elif answer["HTTPStatusCode"] != 200:
        missing = answer["HTTPStatusCode"] == 404
        yield f"CODE_BUCKET: {f'there is no bucket {bucket}' if missing else f'{bucket} may not be used'}"


def apply(options: argparse.Namespace) -> None:
    """Create or update the stack."""
    cloud = Cloud(options)
    described = cloud.described()
    if way_out := blocked(described):
        raise Refused(f"stack {cloud.stack}: {way_out}")
    template = read_template(options.template)
    given, values = chosen(options, template, described)
    if wrong := list(objections(template, given, values)):
        raise Refused("\n".join(wrong))
    sam_deploy(options, cloud, given)
    if not stands(described) and "DeletionProtection" not in from_words(options.parameters):
        print("the stack stands: its tables are protected from deletion from now on", flush=True)
        sam_deploy(options, cloud, {"DeletionProtection": "on"})


def sam_deploy(options: argparse.Namespace, cloud: Cloud, given: Values) -> None:
    """Run `sam deploy`; a file of parameters also holds empty values, which its command line does not."""
    file = ROOT / "target" / f"parameters.{cloud.stack}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(given, indent=1), encoding="utf-8")
    sam(cloud, "deploy", "--template-file", str(options.template), "--stack-name", cloud.stack, "--resolve-s3", "--capabilities",
        "CAPABILITY_IAM", "--no-fail-on-empty-changeset", "--no-progressbar", "--parameter-overrides", f"file://{file}")


def sam(cloud: Cloud, *arguments: str) -> None:
    """Run the SAM CLI in the stack's region."""
    program = ROOT / ".venv-tools" / "bin" / "sam"
    done = subprocess.run([str(program), *arguments, "--region", cloud.region], check=False,
                          env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": cloud.region})
    if done.returncode:
        after = cloud.described() if arguments[0] == "deploy" else None
        way_out = blocked(after)
        raise Refused(f"sam {arguments[0]} failed, see above" + (f"\nstack {cloud.stack}: {way_out}" if way_out else ""))


def package(options: argparse.Namespace) -> None:
    """Upload code and layer, and write a template for a pipeline that takes the processor that was built for only."""
    cloud = Cloud(options)
    if wrong := list(bucket_faults(cloud, options.bucket)):
        raise Refused("\n".join(wrong))
    sam(cloud, "package", "--template-file", str(options.template), "--s3-bucket", options.bucket, "--output-template-file",
        str(options.output), "--no-progressbar")
    options.output.write_text(built_for(options.output.read_text(encoding="utf-8"), options.arch), encoding="utf-8")
    size = options.output.stat().st_size
    print(f"{options.output}: {size} bytes, for {options.arch}. Above 51,200 bytes CloudFormation reads a template from S3 only: "
          f"`aws cloudformation deploy --template-file {options.output} --s3-bucket {options.bucket} --capabilities CAPABILITY_IAM "
          f"--stack-name {cloud.stack} --parameter-overrides Name=value ...`")


def destroy(options: argparse.Namespace) -> None:
    """Delete the stack and say what stays, and how that is removed."""
    cloud = Cloud(options)
    print(f"{cloud.identity()} in {cloud.region}")
    described = cloud.described()
    if described is None:
        raise Refused(f"there is no stack {cloud.stack} in {cloud.region}")
    cloudformation = cloud.client("cloudformation")
    stays = list(staying(cloudformation, cloud.stack, read_template(options.template)))
    cloudformation.delete_stack(StackName=cloud.stack)
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=described["StackId"], WaiterConfig={"Delay": options.every, "MaxAttempts": 1800 // options.every})
    except WaiterError as error:
        events = cloudformation.describe_stack_events(StackName=described["StackId"])["StackEvents"]
        failed = [f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason')}" for each in events
                  if each["ResourceStatus"] == "DELETE_FAILED"]
        raise Refused("\n".join([f"stack {cloud.stack} was not deleted: {error}", *failed])) from error
    print(f"stack {cloud.stack} is deleted")
    if stays:
        print("\n".join(["What holds data stays, and costs, until you remove it:", *stays]))
    print("The code stays in the bucket that sam made, aws-sam-cli-managed-default-samclisourcebucket-..., for all stacks.")


def staying(cloudformation, stack: str, template: dict) -> Iterator[str]:
    """Commands that remove what the deletion of a stack leaves."""
    kept = {name for name, each in template["Resources"].items() if each.get("UpdateReplacePolicy") == "Retain"}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for each in page["StackResourceSummaries"]:
            gone = each["ResourceStatus"].startswith("DELETE_COMPLETE") or not each.get("PhysicalResourceId")
            if each["LogicalResourceId"] not in kept or gone:
                continue
            name = each["PhysicalResourceId"]
            if each["ResourceType"] == "AWS::S3::Bucket":
                yield f"  aws s3 rb --force s3://{name}"
            else:
                yield (f"  aws dynamodb update-table --no-deletion-protection-enabled --table-name {name} && "
                       f"aws dynamodb delete-table --table-name {name}")


def arguments() -> argparse.Namespace:
    """What was asked for; `run` is the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function in (check, apply, package, destroy):
        command = commands.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
        command.set_defaults(run=function)
        command.add_argument("--stack", default=STACK, help=f"name of the stack ({STACK})")
        command.add_argument("--template", type=Path, default=ROOT / "infra" / "sam" / "template.yaml")
        if function is destroy:
            command.add_argument("--every", type=int, default=10, metavar="SECONDS", help="how often to look (10)")
            continue
        command.add_argument("--arch", choices=TARGETS, help="processor that is built for (arm64, or the release's)")
        command.add_argument("--release", type=Path, help="archive of a release, the folder that it is in, or its unpacked folder")
        if function in (check, package):
            command.add_argument("--bucket", help="bucket for the code, of `package`")
        if function is package:
            command.add_argument("--output", type=Path, default=ROOT / "target" / "packaged.yaml")
            continue
        command.add_argument("--file", type=Path, help="all parameters, as lines of `Name: value`")
        command.add_argument("--parameters", default=os.environ.get("PARAMETERS", ""), help="`Name=value Name=` ($PARAMETERS)")
        if function is check:
            command.add_argument("--no-tools", dest="tools", action="store_false", help="do not look at Rust")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    try:
        if options.run is not destroy:
            settle(options)
        options.run(options)
    except (Refused, ParameterError, ReleaseError, BotoCoreError, ClientError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


if __name__ == "__main__":
    main()
