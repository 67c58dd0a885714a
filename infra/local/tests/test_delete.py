"""Who deletes the stack keeps what holds data, and nothing else that costs."""

import os
import time
from collections.abc import Callable, Iterator

import boto3
import pytest
from samtranslator.yaml_helper import yaml_parse

from conftest import Stack
from deploy import CODE_BUCKET, STACK_NAME, TEMPLATE
from seed import ARCHIVE_BUCKET

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
        options = {argument: stack.env[name] for argument, name in names.items()}
        self.client: Callable = lambda service: boto3.client(service, **options)

    def _names(self, service: str, operation: str, key: str, name: str, **arguments: str) -> list[str]:
        found = getattr(self.client(service), operation)(**arguments).get(key, [])
        return sorted(each[name] if name else each for each in found)

    def kept(self) -> dict[str, list[str]]:
        """Tables and buckets."""
        return {"tables": self._names("dynamodb", "list_tables", "TableNames", ""),
                "buckets": self._names("s3", "list_buckets", "Buckets", "Name")}

    def going(self) -> dict[str, list[str]]:
        """Everything else."""
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


@pytest.fixture(scope="module")
def account(binaries, tmp_path_factory) -> Iterator[Account]:
    os.environ["LOCAL_CODE_DIR"] = str(tmp_path_factory.mktemp("code"))
    made = Stack(f"infra-delete-{os.getpid()}", binaries)
    try:
        made.up("--enforce-iam")
        yield Account(made)
    finally:
        made.command("down")


def test_a_deleted_stack_leaves_its_tables_and_buckets_and_nothing_else(account):
    before = account.going()
    assert all(before.values()), f"there were none of {[what for what, names in before.items() if not names]}"
    kept = account.kept()
    cloudformation = account.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK_NAME)
    deadline = time.monotonic() + 60
    while left := [each for each in cloudformation.list_stacks()["StackSummaries"] if each["StackStatus"] != "DELETE_COMPLETE"]:
        assert not any(each["StackStatus"].endswith("FAILED") for each in left), left
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
    assert {what: names for what, names in account.going().items() if names} == {}
    assert logical(kept["tables"]) > logical(account.kept()["tables"]) == {name for name in KEPT if name.endswith("Table")}
    buckets = set(account.kept()["buckets"]) - {CODE_BUCKET, ARCHIVE_BUCKET}
    assert len(buckets) == 2 and buckets <= set(kept["buckets"])


def logical(tables: list[str]) -> set[str]:
    """The names in the template, of those that the deployment gave."""
    return {name.removeprefix(f"{STACK_NAME}-").rpartition("-")[0] for name in tables}
