"""What the template promises, read from the template itself."""

import pytest
from samtranslator.yaml_helper import yaml_parse

import bundles
import stack
from deploy import TEMPLATE
from instance import ROOT

PARSED = yaml_parse(TEMPLATE.read_text())
RESOURCES = PARSED["Resources"]
FUNCTIONS = {k: v["Properties"] for k, v in RESOURCES.items() if v["Type"] == "AWS::Serverless::Function"}


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
    allowed = [s for r in RESOURCES.values() for s in statements(r) if s["Effect"] == "Allow"]
    assert len(allowed) > 20
    for statement in allowed:
        resources = statement["Resource"]
        assert "*" not in (resources if isinstance(resources, list) else [resources])
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any(action.endswith("*") for action in actions)


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
