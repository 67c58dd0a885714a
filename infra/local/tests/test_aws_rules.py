"""What AWS refuses and an emulator accepts: the template as AWS gets it, in every partition and branch."""

import json
import re
from functools import cache

import pytest

from resolved import ACCOUNT, MRE_TABLES, PARSED, REGIONS, STACK, Resolved, all_parameters, branches, characters, policy_documents

# Quotas of IAM: characters without white space, of a managed policy and of all inline policies of a role.
MANAGED_CHARACTERS, INLINE_CHARACTERS = 6_144, 10_240
# Managed policies of a role: IAM attaches ten, and two of these are the account's own to attach.
MANAGED_POLICIES = 10 - 2
# Names of these are the whole account's in a region, or of all regions.
NAMED = re.compile(r"^(?!Metric|Function|Domain|Stage|EventBus).*Name$")


@cache
def resolved(partition: str, branch: str) -> Resolved:
    return Resolved(partition, **branches(partition)[branch])


@pytest.fixture(params=[(partition, branch) for partition in REGIONS for branch in branches()], ids="-".join)
def made(request) -> Resolved:
    return resolved(*request.param)


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def test_the_branches_meet_every_condition_both_ways():
    met = [Resolved(**parameters) for parameters in branches().values()]
    assert all(not each.broken_rules() for each in met), [each.broken_rules() for each in met]
    one_way = {name for name in met[0].conditions if len({each.conditions[name] for each in met}) == 1}
    assert one_way == set(), "branches() has to meet them"


def test_every_partition_gets_a_whole_stack_with_its_own_arns(made):
    assert len(made.resources) > 60 and len(made.outputs) > 20
    partitions = set(re.findall(r"\barn:([a-z-]+):", json.dumps([made.resources, made.outputs])))
    assert partitions == {made.pseudo["AWS::Partition"]}


def test_no_output_is_empty(made):
    """An output without a value is left out by its condition; AWS documents no empty values."""
    assert [name for name, value in made.outputs.items() if not (isinstance(value, str) and value)] == []


def test_an_alarm_on_an_expression_has_the_form_that_aws_documents(made):
    """One series out, at most ten metrics of one period in, all of them used, and no function that gives several series."""
    found = {name: each for name, each in made.of_type("AWS::CloudWatch::Alarm").items() if "Metrics" in each}
    for name, alarm in found.items():
        assert not {"MetricName", "Namespace", "Period", "Statistic", "Dimensions"} & alarm.keys(), name
        (shown,) = [each for each in alarm["Metrics"] if each.get("ReturnData", True)]
        metrics = {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}
        words = set(re.findall(r"\b[a-z]\w*", shown["Expression"]))
        assert len(alarm["Metrics"]) == len(metrics) + 1 <= 11 and words == metrics.keys(), name
        (period,) = {each["Period"] for each in metrics.values()}
        assert period % 60 == 0 and alarm["EvaluationPeriods"] * period <= 86_400, name
        assert not re.search("SEARCH|METRICS|ANOMALY|SLICE|SORT", shown["Expression"]), name
    assert found.keys() == {"FailedShareAlarm"}


def test_no_name_is_the_same_in_two_stacks_or_two_regions():
    """A literal name is there once: the second stack of a region, or the second region, could not be made."""
    resources = Resolved(CreateMreTables="true").template["Resources"]
    for name, resource in resources.items():
        for key, value in resource.get("Properties", {}).items():
            harmless = (resource["Type"], key) in (("AWS::Lambda::LayerVersion", "LayerName"), ("AWS::Route53::RecordSet", "Name"))
            if NAMED.match(key) and not harmless:
                assert "AWS::StackName" in json.dumps(value), f"{name}: {key} is {value}"
    dashboard = Resolved(CreateMreTables="true").resources["Dashboard"]["Properties"]
    assert dashboard["DashboardName"] == f"{STACK}-{REGIONS['aws']}"


def test_a_statement_of_a_queue_or_a_topic_names_one_resource(made):
    """SQS refuses a policy that names the queues of others."""
    found = made.of_type("AWS::SQS::QueuePolicy") | made.of_type("AWS::SNS::TopicPolicy")
    for name, properties in found.items():
        for statement in properties["PolicyDocument"]["Statement"]:
            assert isinstance(statement["Resource"], str), f"{name}: {statement['Resource']}"
        if any(statement["Resource"] != "*" for statement in properties["PolicyDocument"]["Statement"]):
            assert len(properties.get("Queues", properties.get("Topics"))) == 1, name


def test_a_service_that_may_send_is_held_to_the_resource_or_account_of_the_stack(made):
    for name, document in policy_documents(made):
        for statement in document["Statement"]:
            service = isinstance(statement.get("Principal"), dict) and "Service" in statement["Principal"]
            if service and not name.endswith("/AssumeRolePolicyDocument"):
                assert re.search("aws:Source(Arn|Account)", json.dumps(statement.get("Condition"))), name


def buckets(length: int, name: str, parameter: str) -> str:
    """As many ARNs of buckets as a parameter holds, of this length each."""
    most = (PARSED["Parameters"][parameter]["MaxLength"] + 1) // (length + 1)
    arns = [f"arn:aws:s3:::{name}{n}".ljust(length, "x") for n in range(most)]
    return ",".join(arns)


def assert_within_quotas(made: Resolved) -> None:
    for name, properties in made.of_type("AWS::IAM::ManagedPolicy").items():
        assert characters(properties["PolicyDocument"]) <= MANAGED_CHARACTERS, name
    for name, properties in made.of_type("AWS::IAM::Role").items():
        inline = sum(characters(each["PolicyDocument"]) for each in properties.get("Policies", []))
        assert inline <= INLINE_CHARACTERS, f"{name}: {inline}"
        attached = len(properties.get("ManagedPolicyArns", [])) + len(attached_from_outside(made, name))
        assert attached <= MANAGED_POLICIES, f"{name}: {attached}"


def attached_from_outside(made: Resolved, role: str) -> list[str]:
    """Policies that name the role, and not the other way round."""
    policies = made.of_type("AWS::IAM::ManagedPolicy").items()
    return [name for name, each in policies if made.physical(role) in each.get("Roles", [])]


def test_a_policy_that_names_its_roles_counts_as_theirs():
    made = Resolved(CreateMreTables="true", TenantCredentials="on")
    for worker in ("MediaExportClipWorkerRole", "MediaExportBulkWorkerRole", "MediaExportThumbnailWorkerRole"):
        assert attached_from_outside(made, worker) == ["AssumeDataRole"]
    assert attached_from_outside(made, "DataRole") == []


def test_every_policy_is_within_iams_quotas(made):
    assert_within_quotas(made)


# The shortest name that S3 takes, one of 24 characters, and the longest.
@pytest.mark.parametrize("length", [len("arn:aws:s3:::abc0"), 37, 76])
def test_whatever_list_of_buckets_a_parameter_holds_the_policies_hold(length):
    lists = {"TenantSourceBucketArns": "a", "TenantTargetBucketArns": "b"}
    both = {parameter: buckets(length, name, parameter) for parameter, name in lists.items()}
    keys = ",".join(f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/{n:036}" for n in range(25))
    assert all(re.fullmatch(PARSED["Parameters"][name]["AllowedPattern"], each) for name, each in both.items())
    assert len(keys) <= PARSED["Parameters"]["TenantKeyArns"]["MaxLength"]
    for lent in ("off", "on"):
        assert_within_quotas(Resolved(**all_parameters() | both | {"TenantKeyArns": keys, "TenantCredentials": lent}))


def test_two_hundred_buckets_of_tenants_fit_by_their_prefix():
    prefix = "arn:aws:s3:::acme-*"
    assert re.fullmatch(PARSED["Parameters"]["TenantSourceBucketArns"]["AllowedPattern"], prefix)
    made = Resolved(CreateMreTables="true", TenantSourceBucketArns=prefix, TenantTargetBucketArns=prefix)
    granted = [s for _, p in policy_documents(made) for s in p["Statement"] if any("acme" in str(r) for r in listed(s.get("Resource", "")))]
    assert {resource for s in granted for resource in listed(s["Resource"])} == {prefix, f"{prefix}/*", f"{prefix}/*export/*"}
    assert_within_quotas(made)


@pytest.mark.parametrize("arn", ["arn:aws:s3:::*", "*", "arn:aws:s3:::ab*", "arn:aws:s3:::a*b", "arn:aws:s3:::acme-*,"])
def test_a_pattern_that_opens_buckets_of_anybody_is_refused(arn):
    for parameter in ("TenantSourceBucketArns", "TenantTargetBucketArns"):
        assert not re.fullmatch(PARSED["Parameters"][parameter]["AllowedPattern"], arn)


def test_a_key_is_used_through_aws_services_only(made):
    statements = [s for _, p in policy_documents(made) for s in p["Statement"] if "kms:" in json.dumps(s["Action"])]
    assert bool(statements) == (made.conditions["OwnKey"] or made.conditions["MoreKeys"])
    for statement in statements:
        (operator,) = statement["Condition"]
        services = listed(statement["Condition"][operator]["kms:ViaService"])
        assert operator == "StringLike" and services and all(re.fullmatch(r"[a-z0-9]+\.\*", each) for each in services)


def test_the_boundary_is_on_every_role(made):
    bounds = {properties.get("PermissionsBoundary") for properties in made.of_type("AWS::IAM::Role").values()}
    assert len(made.of_type("AWS::IAM::Role")) > 5
    assert bounds == {made.parameters["PermissionsBoundaryArn"] or None}


def test_every_function_names_its_role_in_an_output(made):
    for name in made.of_type("AWS::Lambda::Function"):
        assert made.outputs[f"{name}RoleArn"] == made.attribute(f"{name}Role", "Arn")


def test_the_dashboard_is_json_and_draws_from_its_own_region(made):
    properties = made.resources["Dashboard"]["Properties"]
    widgets = json.loads(properties["DashboardBody"])["widgets"]
    assert len(widgets) > 15
    assert {each["properties"]["region"] for each in widgets} == {made.pseudo["AWS::Region"]}


def test_a_line_of_the_access_log_is_json_whatever_the_request_met():
    """API Gateway puts `messageString` in quotes by itself, and a `-` where it has nothing."""
    settings = Resolved(CreateMreTables="true").resources["ApiStage"]["Properties"]["AccessLogSettings"]
    assert "\n" not in settings["Format"]
    given = {"$context.error.messageString": '"Forbidden"', "$context.error.message": "Forbidden"}
    for value in ("-", "x"):
        line = re.sub(r"\$context\.[A-Za-z.]+", lambda found: given.get(found[0], value), settings["Format"])
        assert json.loads(line)["error"] == "Forbidden"


def test_the_access_log_needs_no_place_in_the_accounts_policy_of_logs(made):
    group = made.resources["ApiLogs"]["Properties"]["LogGroupName"]
    assert group == f"/aws/vendedlogs/{STACK}/api"


def test_a_failed_creation_takes_all_back_and_nothing_else_does():
    for name, resource in PARSED["Resources"].items():
        if resource.get("UpdateReplacePolicy") == "Retain":
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
    kept = {n for n, each in PARSED["Resources"].items() if each.get("UpdateReplacePolicy") == "Retain" and "Table" in n}
    # A protected table would make the way back of a failed creation fail.
    assert PARSED["Parameters"]["DeletionProtection"]["Default"] == "off"
    for setting in ("on", "off"):
        tables = Resolved(CreateMreTables="true", DeletionProtection=setting).of_type("AWS::DynamoDB::Table")
        protected = {name for name, each in tables.items() if each.get("DeletionProtectionEnabled")}
        assert protected == (kept if setting == "on" else set())


def test_an_age_that_mends_itself_calls_nobody(made):
    """A message whose worker died ages in flight until the visibility timeout; the sweeper has sent its job again by then."""
    for name, alarm in made.of_type("AWS::CloudWatch::Alarm").items():
        if alarm.get("MetricName") == "ApproximateAgeOfOldestMessage":
            (queue,) = [q for q, each in made.of_type("AWS::SQS::Queue").items() if made.physical(q) == alarm["Dimensions"][0]["Value"]]
            assert alarm["Threshold"] > made.of_type("AWS::SQS::Queue")[queue]["VisibilityTimeout"], name


def test_no_alarm_calls_at_the_first_minute_of_a_new_stack(made):
    """Without data an alarm begins with insufficient data; where missing data is a breach it goes off at once."""
    for name, alarm in made.of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["TreatMissingData"] != "breaching", name
    silent = made.resources["JobSweeperSilentAlarm"]["Properties"]
    assert silent["TreatMissingData"] == "missing" and silent["InsufficientDataActions"] == silent["AlarmActions"]


RULE_FUNCTIONS = {"Fn::And": (2, 10), "Fn::Or": (2, 10), "Fn::Not": (1, 1), "Fn::Equals": (2, 2)}


def assert_documented(expression) -> None:
    """An expression of conditions as CloudFormation's guide has them: two to ten operands, and Ref of a parameter or a text."""
    ((function, operands),) = expression.items()
    low, high = RULE_FUNCTIONS[function]
    assert low <= len(operands) <= high, expression
    for operand in operands:
        if function == "Fn::Equals":
            assert isinstance(operand, str) or operand.keys() == {"Ref"} and operand["Ref"] in PARSED["Parameters"], expression
        else:
            assert_documented(operand)


def test_rules_are_written_as_the_guide_has_them():
    for rule in PARSED["Rules"].values():
        if "RuleCondition" in rule:
            assert_documented(rule["RuleCondition"])
        for each in rule["Assertions"]:
            assert_documented(each["Assert"])


@pytest.mark.parametrize(
    ("parameters", "objection"),
    [
        ({}, "Name all eight tables"),
        ({name: "t" for name in MRE_TABLES[1:]}, "Name all eight tables"),
        ({**dict.fromkeys(MRE_TABLES, "t"), "ExportRule": "ENABLED"}, "EventBusName"),
        ({**dict.fromkeys(MRE_TABLES, "t"), "ExportRule": "ENABLED", "EventBusName": "mre"}, None),
        ({"CreateMreTables": "true", "ExportRule": "ENABLED"}, None),
        ({"DataExport": "off"}, None),
        ({"DataExport": "off", "ExportRule": "ENABLED", "EventBusName": "mre"}, "DataExport on"),
        ({"CreateMreTables": "true", "AuthMode": "none"}, "DefaultTenant"),
        ({"CreateMreTables": "true", "PreviewUrls": "on"}, "MreMediaBucketName"),
        ({"CreateMreTables": "true", "DomainName": "a.b"}, "DomainCertificateArn"),
        ({"CreateMreTables": "true", "HostedZoneId": "Z"}, "HostedZoneId"),
        ({"CreateMreTables": "true", "VpcSubnetIds": "subnet-1"}, "VpcSecurityGroupIds"),
    ],
)
def test_a_deployment_that_cannot_work_is_refused_by_a_rule(parameters, objection):
    broken = Resolved(**parameters).broken_rules()
    assert not broken if objection is None else any(objection in each for each in broken)




def test_the_media_half_alone_has_nothing_of_media_replay_engine():
    """Nothing refers to what is not made, or it could not be resolved; nor is anything left that only data exports need."""
    alone, whole = Resolved(DataExport="off"), Resolved(CreateMreTables="true")
    assert not alone.broken_rules()
    theirs = re.compile(r"data-export|event-export|replay-export|DataExport|EventExport|ReplayExport|ExportState|Mre|/data")
    assert not [name for name, each in alone.resources.items() if theirs.search(name) or theirs.search(json.dumps(each))]
    assert len(whole.of_type("AWS::Lambda::Function")) - len(alone.of_type("AWS::Lambda::Function")) == 3
    for kind in ("AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Events::Rule", "AWS::Logs::LogGroup", "AWS::ApiGatewayV2::Route"):
        assert alone.of_type(kind).keys() < whole.of_type(kind).keys()
    functions = alone.of_type("AWS::Lambda::Function")
    assert functions.keys() == {
        "MediaExportSubmit", "ExportBatch", "StatusPoll", "MediaRead", "Recordings", "MediaExportClipWorker",
        "MediaExportBulkWorker", "MediaExportThumbnailWorker", "JobSweeper"}
