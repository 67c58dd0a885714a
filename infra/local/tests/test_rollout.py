"""From the first deployment to the last: the real `sam deploy`, as `make deploy` calls it, beside another stack; and who deletes a
stack keeps what holds data, and nothing else that costs."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from samtranslator.yaml_helper import yaml_parse

import bundles
import release
from conftest import Stack
from deploy import CODE_BUCKET, STACK_NAME, TEMPLATE
from instance import ROOT
from seed import ARCHIVE_BUCKET

SECOND = "second"
# Fails after a second, when the tables and buckets are there.
SILENCE = """
  Nobody:
    Type: AWS::CloudFormation::WaitConditionHandle
  Silence:
    Type: AWS::CloudFormation::WaitCondition
    DependsOn: [JobsTable, SourceBucket, ExportBucket]
    Properties: {Handle: !Ref Nobody, Timeout: '1'}
"""
RESOURCES = yaml_parse(TEMPLATE.read_text())["Resources"]
# What holds data of the system's own; Media Replay Engine's tables are made for trials only.
KEPT = {"JobsTable", "SessionsTable", "TenantsTable", "ExportStateTable", "SourceBucket", "ExportBucket"}
HOLD_DATA = ("AWS::DynamoDB::Table", "AWS::S3::Bucket")


def test_the_template_keeps_what_holds_data_and_nothing_else():
    kept = {name for name, resource in RESOURCES.items() if "Retain" in str(resource.get("DeletionPolicy"))}
    assert kept == KEPT
    assert kept == {name for name, resource in RESOURCES.items() if "Retain" in str(resource.get("UpdateReplacePolicy"))}
    holding = {name for name, resource in RESOURCES.items() if resource["Type"] in HOLD_DATA}
    assert {name for name in holding if not name.startswith("Mre")} == KEPT


def test_no_old_version_of_a_layer_or_a_function_stays():
    """SAM keeps old versions of a layer, unless it is told otherwise, and of a function with an alias."""
    for resource in RESOURCES.values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            assert resource["Properties"]["RetentionPolicy"] == "Delete"
        assert "AutoPublishAlias" not in resource.get("Properties", {})


class Account:
    """All that an account holds of the kinds that the template makes."""

    def __init__(self, stack: Stack) -> None:
        names = {"region_name": "AWS_REGION", "endpoint_url": "AWS_ENDPOINT_URL", "aws_access_key_id": "AWS_ACCESS_KEY_ID",
                 "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
        self.stack, options = stack, {argument: stack.env[name] for argument, name in names.items()}
        self.client: Callable = lambda service: boto3.client(service, **options)

    def _names(self, service: str, operation: str, key: str, name: str, **arguments: str) -> list[str]:
        found = getattr(self.client(service), operation)(**arguments).get(key, [])
        return sorted(each[name] if name else each for each in found)

    def kept(self) -> dict[str, list[str]]:
        """Tables and buckets."""
        return {"tables": self._names("dynamodb", "list_tables", "TableNames", ""),
                "buckets": self._names("s3", "list_buckets", "Buckets", "Name")}

    def going(self) -> dict[str, list[str]]:
        """Everything else, of all stacks."""
        buses = self._names("events", "list_event_buses", "EventBuses", "Name")
        rules = [name for bus in buses for name in self._names("events", "list_rules", "Rules", "Name", EventBusName=bus)]
        return {
            "functions": self._names("lambda", "list_functions", "Functions", "FunctionName"),
            "sources of events": self._names("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
            "layers": self._names("lambda", "list_layers", "Layers", "LayerName"),
            "queues": self._names("sqs", "list_queues", "QueueUrls", ""),
            "topics": self._names("sns", "list_topics", "Topics", "TopicArn"),
            "alarms": self._names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
            "dashboards": self._names("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
            "buses": [name for name in buses if name != "default"],
            "rules": rules,
            "schedules": self._names("scheduler", "list_schedules", "Schedules", "Name"),
            "APIs": self._names("apigatewayv2", "get_apis", "Items", "ApiId"),
            "logs": self._names("logs", "describe_log_groups", "logGroups", "logGroupName"),
            "roles": self._names("iam", "list_roles", "Roles", "RoleName"),
            "policies": self._names("iam", "list_policies", "Policies", "PolicyName", Scope="Local"),
        }

    def of(self, stack: str) -> dict[str, list[str]]:
        """Tables, buckets and schedules of a stack."""
        named = self.kept() | {"schedules": self.going()["schedules"]}
        return {what: [name for name in names if name.startswith(f"{stack}-")] for what, names in named.items()}

    def described(self, stack: str) -> tuple[str, dict[str, str], dict[str, str]]:
        """Status, parameters and outputs of a stack."""
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}
        return found["StackStatus"], parameters, {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


@pytest.fixture(scope="module")
def account(binaries, tmp_path_factory) -> Iterator[Account]:
    os.environ["LOCAL_CODE_DIR"] = str(tmp_path_factory.mktemp("code"))
    made = Stack(f"infra-rollout-{os.getpid()}", binaries)
    try:
        made.up("--enforce-iam")
        yield Account(made)
    finally:
        made.command("down")


@pytest.fixture(scope="module")
def template(binaries, tmp_path_factory) -> Path:
    """The template in a checkout whose functions and layer were built."""
    checkout = tmp_path_factory.mktemp("checkout")
    for crate in bundles.CRATES:
        folder = checkout / "target" / "lambda" / crate
        folder.mkdir(parents=True)
        bundles.write_zip(folder / "bootstrap.zip", {"bootstrap": ((binaries / crate).read_bytes(), 0o755)})
    (checkout / "target" / "layer").mkdir()
    bundles.write_zip(checkout / "target" / "layer" / "ffmpeg.zip", {"README": (b"Layers are not mounted here.", 0o644)})
    copy = checkout / "infra" / "sam" / "template.yaml"
    copy.parent.mkdir(parents=True)
    shutil.copyfile(TEMPLATE, copy)
    return copy


@pytest.fixture(scope="module")
def released(template, tmp_path_factory) -> Path:
    """A folder with the archive of that checkout, and its checksum."""
    checkout, name = template.parents[2], "media-export-1.2.3-x86_64"
    mark = json.dumps({"version": "1.2.3", "commit": "0123456789ab", "architecture": "x86_64"})
    own = release.built_for(template.read_text(encoding="utf-8"), "x86_64")
    files = {**release.folder_of(checkout, "."), release.MARK: (mark.encode(), 0o644), release.TEMPLATE: (own.encode(), 0o644)}
    packed = tmp_path_factory.mktemp("dist") / f"{name}.tar.gz"
    packed.write_bytes(release.archive(files, name))
    packed.with_name(release.CHECKSUMS).write_text(f"{release.checksum(packed)}  {packed.name}\n")
    return packed.parent


def rollout(account: Account, command: str, stack: str, template: Path, *options: str, parameters: str = "") -> tuple[int, str]:
    """What the program ends with, and all that it prints."""
    program = [sys.executable, str(ROOT / "infra" / "ops" / "rollout.py"), command, "--stack", stack, "--template", str(template)]
    done = subprocess.run(
        [*program, *options], capture_output=True, text=True, timeout=300, check=False,
        # sam waits 5 s before it looks for the first time; the emulator has finished by then.
        env={**os.environ, **account.stack.env, "PARAMETERS": parameters, "SAM_CLI_POLL_DELAY": "0.1"})
    return done.returncode, done.stdout + done.stderr


def test_a_second_stack_stands_beside_the_first_and_is_a_release(account, template, released):
    first = account.of(STACK_NAME)
    options = ("--release", str(released), "--arch", "x86_64")
    code, told = rollout(account, "check", SECOND, template, *options, parameters="DataExport=off LogLevel=warn")
    assert code == 0 and "stack second: is created" in told and "LogLevel = warn, was info" in told, told
    assert "release 1.2.3 (0123456789ab) for x86_64" in told and "warning" not in told, told
    code, told = rollout(account, "apply", SECOND, template, *options, parameters="DataExport=off LogLevel=warn")
    assert code == 0, told
    assert account.of(STACK_NAME) == first and all(len(each) == 1 for each in (first["schedules"], account.of(SECOND)["schedules"]))
    assert len(account.going()["dashboards"]) == 2
    status, parameters, outputs = account.described(SECOND)
    assert (status, parameters["LogLevel"], parameters["DeletionProtection"]) == ("UPDATE_COMPLETE", "warn", "on")
    assert parameters["Architecture"] == "x86_64"
    table = account.client("dynamodb").describe_table(TableName=outputs["JobsTableName"])["Table"]
    assert table["DeletionProtectionEnabled"]


def test_an_update_keeps_what_it_does_not_name_and_a_file_sets_back(account, template, tmp_path):
    (tmp_path / "all.yaml").write_text("DataExport: off\nCompletionBusName:\nTenantTargetBucketArns: ['arn:aws:s3:::a-b', 'arn:aws:s3:::clips-*']\n")
    code, told = rollout(account, "check", SECOND, template, "--no-tools", parameters="ClipConcurrency=3")
    assert code == 0 and "ClipConcurrency = 3, was 10" in told and "LogLevel" not in told, told
    everything = ("--file", str(tmp_path / "all.yaml"), "--arch", "x86_64")
    code, told = rollout(account, "check", SECOND, template, "--no-tools", *everything)
    assert code == 0 and "LogLevel = info, was warn" in told and "CompletionBusName = (empty), was default" in told, told
    code, told = rollout(account, "apply", SECOND, template, *everything)
    assert code == 0, told
    _, parameters, _ = account.described(SECOND)
    assert parameters["LogLevel"] == "info" and parameters["CompletionBusName"] == "" and parameters["Architecture"] == "x86_64"
    assert parameters["TenantTargetBucketArns"] == "arn:aws:s3:::a-b,arn:aws:s3:::clips-*"


def test_a_creation_that_failed_leaves_nothing_and_the_way_out_is_told(account, template):
    broken = template.with_name("broken.yaml")
    broken.write_text(template.read_text(encoding="utf-8").replace("\nOutputs:\n", f"{SILENCE}\nOutputs:\n"), encoding="utf-8")
    code, told = rollout(account, "apply", "third", broken, parameters="DataExport=off")
    assert code == 1 and "ROLLBACK_COMPLETE: its creation failed" in told and "make destroy STACK=third" in told, told
    assert account.of("third") == {"tables": [], "buckets": [], "schedules": []}
    code, told = rollout(account, "check", "third", template, "--no-tools", parameters="DataExport=off")
    assert code == 1 and "make destroy STACK=third" in told, told
    code, told = rollout(account, "destroy", "third", template, "--every", "1")
    assert code == 0 and "aws dynamodb" not in told, told
    code, told = rollout(account, "check", "third", template, "--no-tools", parameters="DataExport=off")
    assert code == 0 and "is created" in told, told


def test_a_packaged_template_takes_the_processor_that_was_built_for_only(account, template, tmp_path):
    packaged = tmp_path / "packaged.yaml"
    options = ("--arch", "x86_64", "--bucket", CODE_BUCKET, "--output", str(packaged))
    code, told = rollout(account, "package", SECOND, template, *options)
    assert code == 0 and "--s3-bucket" in told, told
    parsed = yaml_parse(packaged.read_text())
    assert parsed["Parameters"]["Architecture"].items() >= {"Default": "x86_64", "AllowedValues": ["x86_64"]}.items()
    assert parsed["Parameters"].keys() == yaml_parse(TEMPLATE.read_text())["Parameters"].keys()
    assert f"s3://{CODE_BUCKET}/" in str(parsed["Resources"]["StatusPoll"])
    code, told = rollout(account, "package", SECOND, template, "--bucket", "nobodys")
    assert code == 1 and "CODE_BUCKET: there is no bucket nobodys" in told, told


def test_a_deleted_stack_leaves_its_tables_and_buckets_and_nothing_else(account, template):
    first = account.of(STACK_NAME)
    code, told = rollout(account, "destroy", SECOND, template, "--every", "1")
    assert code == 0 and account.of(STACK_NAME) == first and account.of(SECOND)["schedules"] == [], told
    assert len(account.of(SECOND)["tables"]) == 3 and len(account.of(SECOND)["buckets"]) == 2
    before = account.going()
    assert all(before.values()), f"there were none of {[what for what, names in before.items() if not names]}"
    kept = account.of(STACK_NAME)
    code, told = rollout(account, "destroy", STACK_NAME, template, "--every", "1")
    assert code == 0, told
    # What sam made, its bucket and that bucket's stack, is of all stacks.
    assert {what: names for what, names in account.going().items() if names} == {}
    left = account.of(STACK_NAME)
    assert logical(kept["tables"]) > logical(left["tables"]) == {name for name in KEPT if name.endswith("Table")}
    buckets = set(left["buckets"]) - {CODE_BUCKET, ARCHIVE_BUCKET}
    assert len(buckets) == 2 and buckets <= set(kept["buckets"])
    removed = {*re.findall(r"delete-table --table-name (\S+)", told), *re.findall(r"rb --force s3://(\S+)", told)}
    assert removed == {*left["tables"], *buckets}


def logical(tables: list[str]) -> set[str]:
    """The names in the template, of those that the deployment gave."""
    return {name.removeprefix(f"{STACK_NAME}-").rpartition("-")[0] for name in tables}
