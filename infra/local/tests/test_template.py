"""What the template promises, read from the template itself."""

import json
import re

import pytest
from samtranslator.yaml_helper import yaml_parse

import bundles
import stack
from deploy import TEMPLATE
from instance import ROOT

PARSED = yaml_parse(TEMPLATE.read_text())
RESOURCES = PARSED["Resources"]
FUNCTIONS = {k: v["Properties"] for k, v in RESOURCES.items() if v["Type"] == "AWS::Serverless::Function"}
RUNBOOK = (ROOT / "infra" / "README.md").read_text(encoding="utf-8").partition("## Run-book")[2]
# Where each kind of resource that keeps something names its key.
KEYS = {
    "AWS::DynamoDB::Table": "SSESpecification",
    "AWS::S3::Bucket": "BucketEncryption",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
}


def of_type(kind: str) -> dict[str, dict]:
    return {name: each for name, each in RESOURCES.items() if each["Type"] == kind}


def crates(functions) -> set[str]:
    return {each["CodeUri"].split("/")[-2] for each in functions.values()}


def statements(value):
    """All policy statements below `value`, those inside Fn::If as well."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for each in value.values():
            yield from statements(each)
    elif isinstance(value, list):
        for each in value:
            yield from statements(each)


def test_every_function_of_the_workspace_is_deployed():
    in_workspace = {path.parent.name for path in ROOT.glob("functions/*/Cargo.toml")}
    assert crates(FUNCTIONS) == set(bundles.CRATES) == in_workspace


def test_every_output_that_the_environment_file_needs_exists():
    assert set(stack.OUTPUT_VARIABLES.values()) <= PARSED["Outputs"].keys()


@pytest.mark.parametrize("mapping", ["ClipSource", "ThumbnailSource", "DataExportSource"])
def test_a_message_stays_invisible_six_times_as_long_as_its_function_may_run(mapping):
    properties = RESOURCES[mapping]["Properties"]
    queue = RESOURCES[properties["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
    function = FUNCTIONS[properties["FunctionName"]["Ref"]]
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]
    assert properties["BatchSize"] == 1
    dead_letters = RESOURCES[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
    assert dead_letters["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_functions_behind_the_api_end_before_the_api_gives_up():
    for name in ("MediaExportSubmit", "StatusPoll", "EventExport", "ReplayExport"):
        assert FUNCTIONS[name]["Timeout"] < 30


def test_no_role_reaches_resources_that_are_not_named():
    granted = [s for r in RESOURCES.values() for s in statements(r) if s["Action"] != "sts:AssumeRole"]
    allowed = [s for s in granted if s["Effect"] == "Allow"]
    assert len(allowed) > 20
    for statement in allowed:
        resources = statement["Resource"]
        assert "*" not in (resources if isinstance(resources, list) else [resources])
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any(action.endswith("*") for action in actions)


def test_every_function_has_a_role_of_its_own_that_logs_to_its_own_group():
    for name, properties in FUNCTIONS.items():
        assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        logs = next(s for s in statements(RESOURCES[f"{name}Role"]) if "logs:PutLogEvents" in s["Action"])
        assert logs["Resource"] == {"Fn::GetAtt": [properties["LoggingConfig"]["LogGroup"]["Ref"], "Arn"]}


def test_policies_of_aws_are_attached_only_where_they_are_needed():
    attached = [each for r in of_type("AWS::IAM::Role").values() for each in r["Properties"]["ManagedPolicyArns"]]
    by_aws = [each for each in attached if ":iam::aws:" in json.dumps(each)]
    assert len(by_aws) == 2 * len(FUNCTIONS)
    assert {each["Fn::If"][0] for each in by_aws} == {"InVpc", "Traced"}


def test_whatever_keeps_something_takes_the_operators_key():
    kept = {name: each for name, each in RESOURCES.items() if each["Type"] in KEYS}
    assert {each["Type"] for each in kept.values()} == set(KEYS)
    for name, each in kept.items():
        assert '{"Ref": "KmsKeyArn"}' in json.dumps(each["Properties"].get(KEYS[each["Type"]])), name


def test_a_queue_is_encrypted_in_one_way_which_an_update_may_change():
    """What is left out is not undone by an update: SQS refuses a key beside its own encryption."""
    for name, each in of_type("AWS::SQS::Queue").items():
        assert each["Properties"]["SqsManagedSseEnabled"] == {"Fn::If": ["OwnKey", False, True]}, name
        assert each["Properties"]["KmsMasterKeyId"]["Fn::If"][0] == "OwnKey", name


def test_a_domain_of_its_own_is_the_only_way_to_the_api():
    assert RESOURCES["Api"]["Properties"]["DisableExecuteApiEndpoint"] == {"Fn::If": ["OwnDomain", True, False]}


def test_every_suppression_of_checkov_has_its_reason():
    skipped = [each for r in RESOURCES.values() for each in r.get("Metadata", {}).get("checkov", {}).get("skip", [])]
    assert skipped
    assert all(re.fullmatch(r"CKV_AWS_\d+", each["id"]) and len(each["comment"]) > 20 for each in skipped)


def test_the_rule_asks_for_what_media_replay_engines_own_rule_asks_for_and_is_off():
    rule = RESOURCES["DataExportRule"]["Properties"]
    states = ["CLIP_GEN_DONE", "REPLAY_PROCESSED", "REPLAY_PROCESSED_WITH_CLIP"]
    assert rule["EventPattern"] == {"source": ["awsmre"], "detail": {"State": states}}
    assert (rule["State"], PARSED["Parameters"]["ExportRule"]["Default"]) == ({"Ref": "ExportRule"}, "DISABLED")
    assert rule["Targets"][0]["DeadLetterConfig"]


def test_every_function_logs_to_a_group_with_a_retention():
    for properties in FUNCTIONS.values():
        group = RESOURCES[properties["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_head_is_served_wherever_data_is_exported():
    keys = {r["Properties"]["RouteKey"] for r in RESOURCES.values() if r["Type"] == "AWS::ApiGatewayV2::Route"}
    assert len(keys) == sum(r["Type"] == "AWS::ApiGatewayV2::Route" for r in RESOURCES.values())
    exports = {key.partition(" ")[2] for key in keys if "/data" in key}
    assert len(exports) == 6
    assert {f"{method} {path}" for method in ("GET", "HEAD") for path in exports} <= keys


def alarmed(metric: str) -> set[str]:
    """Logical ids of the queues or functions that an alarm watches for `metric`."""
    alarms = [each["Properties"] for each in of_type("AWS::CloudWatch::Alarm").values()]
    watched = [each["Dimensions"][0]["Value"] for each in alarms if each["MetricName"] == metric]
    return {value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0] for value in watched}


def test_every_queue_is_watched_for_age_and_every_dead_letter_queue_for_messages():
    queues = of_type("AWS::SQS::Queue")
    worked = {name for name, each in queues.items() if "RedrivePolicy" in each["Properties"]}
    assert alarmed("ApproximateAgeOfOldestMessage") == worked
    assert alarmed("ApproximateNumberOfMessagesVisible") == queues.keys() - worked


def test_every_function_is_watched_for_errors_and_throttles():
    assert alarmed("Throttles") | alarmed("Invocations") == set(FUNCTIONS)
    behind_the_api = {"MediaExportSubmit", "StatusPoll", "EventExport", "ReplayExport"}
    assert alarmed("Errors") == set(FUNCTIONS) - behind_the_api and alarmed("5xx") == {"Api"}


def runbook_has(alarm: str) -> bool:
    """Whether the run-book's first column has `alarm`, in full or by its end."""
    cells = [line.split("|")[1] for line in RUNBOOK.splitlines() if line.startswith("| `")]
    names = [name for cell in cells for name in re.findall("`([^`]+)`", cell)]
    return any(alarm == name or (name[0] == "…" and alarm.endswith(name[1:])) for name in names)


def test_every_alarm_calls_somebody_and_has_its_line_in_the_run_book():
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert len(alarms) > 20
    for name, each in alarms.items():
        assert each["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}], name
        assert runbook_has(name.removesuffix("Alarm")), f"infra/README.md says nothing of {name}"
    assert not runbook_has("NobodyKnows")


def test_the_dashboard_is_a_grid_of_widgets_that_do_not_overlap():
    widgets = json.loads(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    cells = [(x, y) for w in widgets for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])]
    assert len(cells) == len(set(cells))
    assert all(w["x"] + w["width"] <= 24 for w in widgets)
