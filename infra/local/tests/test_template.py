"""What the template promises, read from the template itself."""

import json
import re

import pytest
from samtranslator.yaml_helper import yaml_parse

import bundles
import stack
from resolved import ACCOUNT, Resolved
from deploy import TEMPLATE
from instance import ROOT
from resolved import Resolved

PARSED = yaml_parse(TEMPLATE.read_text())
RESOURCES = PARSED["Resources"]
FUNCTIONS = {k: v["Properties"] for k, v in RESOURCES.items() if v["Type"] == "AWS::Serverless::Function"}
PARAMETERS = (ROOT / "infra" / "docs" / "PARAMETERS.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "infra" / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
RUNBOOK = OPERATIONS.partition("\n## Run-book")[2]
# Where each kind of resource that keeps something names its key.
KEYS = {
    "AWS::DynamoDB::Table": "SSESpecification",
    "AWS::S3::Bucket": "BucketEncryption",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
}


# Settings that promises rest on: resource, property, value.
ACCESS_BLOCKED = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
SETTINGS = [
    ("ClipSource", "ScalingConfig", {"MaximumConcurrency": {"Ref": "ClipConcurrency"}}),
    ("BulkSource", "ScalingConfig", {"MaximumConcurrency": {"Ref": "BulkConcurrency"}}),
    ("ThumbnailSource", "ScalingConfig", {"MaximumConcurrency": {"Ref": "ThumbnailConcurrency"}}),
    ("DataExportSource", "ScalingConfig", {"MaximumConcurrency": 10}),
    ("ClipSource", "FunctionResponseTypes", ["ReportBatchItemFailures"]),
    ("ThumbnailSource", "FunctionResponseTypes", ["ReportBatchItemFailures"]),
    ("DataExportSource", "FunctionResponseTypes", ["ReportBatchItemFailures"]),
    ("MediaExportClipWorker", "RecursiveLoop", "Allow"),
    ("MediaExportBulkWorker", "RecursiveLoop", "Allow"),
    ("MediaExportThumbnailWorker", "RecursiveLoop", "Allow"),
    ("DataExportWorker", "RecursiveLoop", "Allow"),
    ("ClipQueue", "RedrivePolicy/maxReceiveCount", 5),
    ("BulkQueue", "RedrivePolicy/maxReceiveCount", 5),
    ("ThumbnailQueue", "RedrivePolicy/maxReceiveCount", 5),
    ("DataExportQueue", "RedrivePolicy/maxReceiveCount", 5),
    ("SourceBucket", "PublicAccessBlockConfiguration", ACCESS_BLOCKED),
    ("ExportBucket", "PublicAccessBlockConfiguration", ACCESS_BLOCKED),
    ("SourceBucket", "LifecycleConfiguration/Rules/0/AbortIncompleteMultipartUpload", {"DaysAfterInitiation": 1}),
    ("ExportBucket", "LifecycleConfiguration/Rules/0/AbortIncompleteMultipartUpload", {"DaysAfterInitiation": 1}),
    ("SourceBucket", "LifecycleConfiguration/Rules/0/Status", "Enabled"),
    ("ExportBucket", "LifecycleConfiguration/Rules/0/Status", "Enabled"),
    ("ApiStage", "DefaultRouteSettings/ThrottlingRateLimit", {"Ref": "ApiRateLimit"}),
    ("ApiStage", "DefaultRouteSettings/ThrottlingBurstLimit", {"Ref": "ApiBurstLimit"}),
    (
        "ExportBucketPolicy",
        "PolicyDocument/Statement/0",
        {
            "Sid": "PublishOnce",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": {"Fn::Sub": "${ExportBucket.Arn}/export/*"},
            "Condition": {
                "Null": {"s3:if-none-match": "true", "s3:if-match": "true"},
                "Bool": {"s3:ObjectCreationOperation": "true"},
            },
        },
    ),
]


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


@pytest.mark.parametrize(("resource", "path", "value"), SETTINGS)
def test_what_promises_rest_on_is_set(resource, path, value):
    found = RESOURCES[resource]["Properties"]
    for step in path.split("/"):
        found = found[int(step)] if step.isdigit() else found[step]
    assert found == value


def test_no_source_queue_or_bucket_is_without_its_settings():
    settings = {resource for resource, _, _ in SETTINGS}
    worked = {name for name, each in of_type("AWS::SQS::Queue").items() if "RedrivePolicy" in each["Properties"]}
    assert {*of_type("AWS::Lambda::EventSourceMapping"), *of_type("AWS::S3::Bucket"), *worked} <= settings


def refusing_plain_http(name: str, policy: dict) -> set[str]:
    """The queues or the bucket that a policy is of, if all that it denies is of them."""
    properties = policy["Properties"]
    owners = {each["Ref"] for each in properties.get("Queues", [properties.get("Bucket")])}
    tls = [s for s in statements(policy) if s.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}]
    assert len(tls) == 1, name
    assert (tls[0]["Effect"], tls[0]["Principal"]) == ("Deny", "*") and tls[0]["Action"] in ("s3:*", "sqs:*"), name
    resources = tls[0]["Resource"]
    if resources == "*":
        return owners
    resources = resources if isinstance(resources, list) else [resources]
    arns = [each["Fn::GetAtt"][0] for each in resources if "Fn::GetAtt" in each]
    objects = [each["Fn::Sub"].split("$")[1] for each in resources if "Fn::Sub" in each]
    assert objects == ([f"{{{arns[0]}.Arn}}/*"] if tls[0]["Action"] == "s3:*" else []), name
    return owners & set(arns)


def test_every_bucket_and_queue_refuses_what_comes_without_tls():
    policies = of_type("AWS::S3::BucketPolicy") | of_type("AWS::SQS::QueuePolicy")
    refusing = [each for name, policy in policies.items() for each in refusing_plain_http(name, policy)]
    assert sorted(refusing) == sorted([*of_type("AWS::S3::Bucket"), *of_type("AWS::SQS::Queue")])


def senders(queue: str) -> set[str]:
    """Roles that may send to a queue, and services that its policy lets send."""
    found = set()
    for name, each in RESOURCES.items():
        for statement in statements(each):
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            named = re.search(rf"\b{queue}\b", json.dumps(statement.get("Resource")))
            if statement["Effect"] == "Allow" and "sqs:SendMessage" in actions and named:
                found.add(statement.get("Principal", {}).get("Service", name))
    return found


@pytest.mark.parametrize(
    ("queue", "may"),
    [
        (
            "ClipQueue",
            {
                "ExportBatchRole",
                "MediaExportSubmitRole",
                "JobSweeperRole",
                "MediaExportClipWorkerRole",
                "MediaExportBulkWorkerRole",
                "ChunkMachineRole",
            },
        ),
        ("BulkQueue", {"ExportBatchRole", "JobSweeperRole", "MediaExportBulkWorkerRole", "ChunkMachineRole"}),
        ("ThumbnailQueue", {"MediaExportSubmitRole", "JobSweeperRole", "MediaExportThumbnailWorkerRole"}),
        ("DataExportQueue", {"events.amazonaws.com", "DataExportWorkerRole", "EventExportRole", "ReplayExportRole"}),
        ("ClipDeadLetterQueue", {"MediaExportClipWorkerRole"}),
        ("BulkDeadLetterQueue", {"MediaExportBulkWorkerRole"}),
        ("ThumbnailDeadLetterQueue", {"MediaExportThumbnailWorkerRole"}),
        ("DataExportDeadLetterQueue", {"events.amazonaws.com", "DataExportWorkerRole"}),
    ],
)
def test_only_who_has_to_may_send_to_a_queue(queue, may):
    assert senders(queue) == may


def test_functions_behind_the_api_end_before_the_api_gives_up():
    for name in ("MediaExportSubmit", "ExportBatch", "StatusPoll", "MediaRead", "Recordings", "EventExport", "ReplayExport"):
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


def test_no_role_lists_more_of_a_bucket_than_the_folders_it_reads():
    listing = [s for r in RESOURCES.values() for s in statements(r) if s["Action"] == "s3:ListBucket"]
    assert len(listing) > 4
    for statement in listing:
        prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", "*")
        for prefix in prefixes if isinstance(prefixes, list) else [prefixes]:
            assert "/" in prefix, statement


def test_in_the_buckets_of_tenants_only_export_folders_are_open():
    """Nothing but the buckets' own names is open in any other way."""
    opened = [s["Resource"] for r in RESOURCES.values() for s in statements(r) if "TenantTargetBucketArns" in json.dumps(s.get("Resource"))]
    keys = [each["Fn::Split"][1]["Fn::Sub"][0] for each in opened if "Fn::Sub" in each["Fn::Split"][1]]
    assert len(keys) > 1 and {*keys} == {"${Arns}/*export/*"}


def test_with_credentials_for_each_tenant_no_function_reaches_a_recording_or_a_clip():
    """Whatever of S3 a worker's role holds otherwise, a role has that only the workers may assume."""
    made = {lent: Resolved(CreateMreTables="true", TenantCredentials=lent, TenantTargetBucketArns="arn:aws:s3:::theirs") for lent in ("off", "on")}
    workers = ("MediaExportClipWorkerRole", "MediaExportBulkWorkerRole", "MediaExportThumbnailWorkerRole")
    held = {lent: {name: set(rights(stack, name)) for name in (*workers, "DataRole")} for lent, stack in made.items()}
    assert held["on"]["DataRole"] == set.union(*(held["off"][name] for name in workers))
    assert all(held["on"][worker] == set() for worker in workers) and held["off"]["DataRole"] == set()
    trusted = made["on"].resources["DataRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trusted[0]["Principal"] == {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/{made['on'].physical(name)}" for name in workers]}


@pytest.mark.parametrize("key", ["", "arn:aws:kms:eu-west-1:111122223333:key/1"])
def test_only_a_stack_that_lends_links_has_a_role_that_reads_clips_for_them(key):
    theirs = {"CreateMreTables": "true", "TenantTargetBucketArns": "arn:aws:s3:::theirs", "TenantKeyArns": key, "KmsKeyArn": key}
    made = {links: Resolved(**theirs, DownloadLinks=links) for links in ("off", "on")}
    assert rights(made["off"], "MediaReadRole") == [] and "ReadTenantTargets" not in made["off"].resources
    own = made["on"].physical("ExportBucket")
    opened = [json.loads(each) for each in rights(made["on"], "MediaReadRole")]
    assert {each["Action"] for each in opened} == {"s3:GetObject"}
    read = [each["Resource"] for each in opened]
    assert read == [["arn:aws:s3:::theirs/*export/*"], f"arn:aws:s3:::{own}/export/*"]
    services = re.findall(r"\bs3\.\*", json.dumps(made["off"].resources["MediaReadRole"]))
    assert not services


@pytest.mark.parametrize("lends", ["off", "on"])
def test_only_a_stack_that_plays_instantly_has_a_role_that_reads_recordings_for_it(lends):
    theirs = {"CreateMreTables": "true", "TenantSourceBucketArns": "arn:aws:s3:::theirs", "TenantCredentials": lends}
    made = {plays: Resolved(**theirs, InstantPlayback=plays) for plays in ("off", "on")}
    assert rights(made["off"], "MediaReadRole") == []
    clips, own = (made["on"].physical(name) for name in ("ExportBucket", "SourceBucket"))
    read = {(each["Action"], str(each["Resource"])) for each in map(json.loads, rights(made["on"], "MediaReadRole"))}
    recordings = {("s3:GetObject", f"arn:aws:s3:::{own}/*"), ("s3:GetObject", "['arn:aws:s3:::theirs/*']")}
    recordings |= {("s3:ListBucket", f"arn:aws:s3:::{own}"), ("s3:ListBucket", "['arn:aws:s3:::theirs']")}
    assert read == {("s3:GetObject", f"arn:aws:s3:::{clips}/export/*")} | (set() if lends == "on" else recordings)
    role = f"arn:aws:iam::{ACCOUNT}:role/{made['on'].physical('MediaReadRole')}"
    for plays, stack in made.items():
        trust = stack.resources["DataRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"] if lends == "on" else []
        assert any(role in str(each) or "MediaReadRole" in str(each) for each in trust) == (lends == "on" and plays == "on")
        assumes = stack.resources["AssumeDataRole"]["Properties"]["Roles"] if lends == "on" else []
        assert (stack.physical("MediaReadRole") in assumes) == (lends == "on" and plays == "on")
        for worker in ("MediaExportClipWorker", "MediaExportBulkWorker"):
            assert stack.resources[worker]["Properties"]["Environment"]["Variables"]["INSTANT_PLAYBACK"] == plays


def test_a_distribution_reads_the_own_buckets_of_a_stack_that_plays_through_it():
    arn = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E2EXAMPLE"
    secret = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:playback-AbCdEf"
    edge = {"PlaybackDomain": "d1.cloudfront.net", "PlaybackKeyPairId": "K2", "PlaybackKeySecretArn": secret}
    for plays in ("off", "on"):
        made = Resolved(CreateMreTables="true", RequireTls="false", InstantPlayback=plays, PlaybackDistributionArn=arn, **edge)
        policies = [made.resources.get(f"{name}BucketPolicy", {}) for name in ("Source", "Export")]
        allowed = [each for each in policies if arn in json.dumps(each) and "cloudfront.amazonaws.com" in json.dumps(each)]
        assert len(allowed) == (2 if plays == "on" else 0)
        environment = made.resources["MediaRead"]["Properties"]["Environment"]["Variables"]
        assert (environment["PLAYBACK_KEY"] == f"{{{{resolve:secretsmanager:{secret}}}}}") == (plays == "on")


@pytest.mark.parametrize("opened", [(), ("InstantPlayback",), ("RecordingsAccess",), ("DownloadLinks",), ("RecordingsAccess", "DownloadLinks")])
def test_pages_reach_recordings_only_where_there_are_links_to_them(opened):
    made = Resolved(CreateMreTables="true", CorsAllowOrigins="https://app.example.com", **dict.fromkeys(opened, "on"))
    reached = opened == ("InstantPlayback",) or len(opened) == 2
    assert ("CorsConfiguration" in made.resources["SourceBucket"]["Properties"]) == reached
    links = made.resources["Recordings"]["Properties"]["Environment"]["Variables"]["DOWNLOAD_LINKS"]
    assert links == ("on" if "DownloadLinks" in opened else "off")


@pytest.mark.parametrize("lends", ["off", "on"])
def test_only_a_stack_that_finds_recordings_has_a_role_that_reads_them_for_it(lends):
    theirs = {"CreateMreTables": "true", "TenantSourceBucketArns": "arn:aws:s3:::theirs", "TenantCredentials": lends}
    made = {access: Resolved(**theirs, RecordingsAccess=access) for access in ("off", "on")}
    assert rights(made["off"], "RecordingsRole") == []
    own = made["on"].physical("SourceBucket")
    opened = [json.loads(each) for each in rights(made["on"], "RecordingsRole")]
    read = {(each["Action"], str(each["Resource"])) for each in opened}
    whole = {("s3:ListBucket", f"arn:aws:s3:::{own}"), ("s3:GetObject", f"arn:aws:s3:::{own}/*")}
    others = {("s3:ListBucket", "['arn:aws:s3:::theirs']"), ("s3:GetObject", "['arn:aws:s3:::theirs/*']")}
    assert read == (set() if lends == "on" else whole | others)
    role = f"arn:aws:iam::{ACCOUNT}:role/{made['on'].physical('RecordingsRole')}"
    for access, stack in made.items():
        trust = stack.resources["DataRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"] if lends == "on" else []
        assert any(role in str(each) or "RecordingsRole" in str(each) for each in trust) == (lends == "on" and access == "on")


def rights(made: Resolved, role: str) -> list[str]:
    """What of S3 a role may do, an action each."""
    if role not in made.resources:
        return []
    properties = made.resources[role]["Properties"]
    names = [each for each in properties["ManagedPolicyArns"] if ":iam::aws:" not in each]
    attached = [each["PolicyDocument"] for name, each in made.of_type("AWS::IAM::ManagedPolicy").items() if made.physical(name) in str(names)]
    documents = [*attached, *(each["PolicyDocument"] for each in properties["Policies"])]
    granted = [(action, s) for each in documents for s in statements(each) for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])]
    return [json.dumps({**s, "Action": action}, sort_keys=True) for action, s in granted if action.startswith("s3:")]


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


# What scripts see of every reply (Fetch standard, CORS-safelisted response-header names), and what is the browser's own matter.
SHOWN_ANYWAY = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma", "content-encoding"}


def test_pages_see_every_header_that_the_document_names_and_send_every_one_that_it_takes():
    document = json.loads((ROOT / "infra/openapi/export.v1.json").read_text())
    made = Resolved(CreateMreTables="true", CorsAllowOrigins="*").resources
    cors = made["Api"]["Properties"]["CorsConfiguration"]
    operations = [each for path in document["paths"].values() for each in path.values()]
    components = document["components"]
    answers = [*components["responses"].values(), *(each for o in operations for each in o["responses"].values())]
    named = {name.lower() for each in answers for name in each.get("headers", {})}
    assert named - SHOWN_ANYWAY <= {*cors["ExposeHeaders"]} and len(named) > 8
    parameters = [*components.get("parameters", {}).values(), *(each for o in operations for each in o.get("parameters", []))]
    sent = {each["name"].lower() for each in parameters if each.get("in") == "header"}
    # Scripts may always send Accept; Accept-Encoding is the browser's own.
    assert sent - {"accept", "accept-encoding"} <= {*cors["AllowHeaders"]} and "idempotency-key" in sent
    methods = {method.upper() for path in document["paths"].values() for method in path}
    assert {*cors["AllowMethods"]} == methods
    assert cors["AllowOrigins"] == ["*"] and "AllowCredentials" not in cors
    (rule,) = made["ExportBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == (["*"], ["GET", "HEAD"])


def test_no_page_of_another_origin_may_call_unless_the_operator_says_so():
    for each in ({}, {"CorsAllowOrigins": ""}):
        made = Resolved(CreateMreTables="true", **each).resources
        assert not [name for name in ("Api", "ExportBucket") if "CorsConfiguration" in made[name]["Properties"]]
    pattern = re.compile(PARSED["Parameters"]["CorsAllowOrigins"]["AllowedPattern"])
    good = ("", "*", "https://a.example", "http://localhost:3000,https://b.example:8443")
    bad = ("a.example", "https://a.example/", "https://*.example", "*,https://a.example", "https://a.example,", "null")
    assert [each for each in (*good, *bad) if pattern.match(each)] == [*good]


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
    exports = {key.partition(" ")[2] for key in keys if "/data" in key or "/edl/" in key}
    assert len(exports) == 7
    assert {f"{method} {path}" for method in ("GET", "HEAD") for path in exports} <= keys


def alarmed(metric: str) -> set[str]:
    """Logical ids of the queues or functions that an alarm watches for `metric`."""
    alarms = [each["Properties"] for each in of_type("AWS::CloudWatch::Alarm").values()]
    watched = [each["Dimensions"][0]["Value"] for each in alarms if each.get("MetricName") == metric]
    return {value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0] for value in watched}


def test_every_queue_is_watched_for_age_and_every_dead_letter_queue_for_messages():
    queues = of_type("AWS::SQS::Queue")
    worked = {name for name, each in queues.items() if "RedrivePolicy" in each["Properties"]}
    assert alarmed("ApproximateAgeOfOldestMessage") == worked
    assert alarmed("ApproximateNumberOfMessagesVisible") == queues.keys() - worked


def test_every_function_is_watched_for_errors_and_throttles():
    assert alarmed("Throttles") | alarmed("Invocations") == set(FUNCTIONS)
    behind_the_api = {"MediaExportSubmit", "ExportBatch", "StatusPoll", "MediaRead", "Recordings", "EventExport", "ReplayExport"}
    assert alarmed("Errors") == set(FUNCTIONS) - behind_the_api and alarmed("5xx") == {"Api"}


def test_the_alarm_on_the_share_of_failures_counts_what_the_functions_emit():
    metrics = {each["Id"]: each for each in RESOURCES["FailedShareAlarm"]["Properties"]["Metrics"]}
    returned = [name for name, each in metrics.items() if each.get("ReturnData", True)]
    assert returned == ["share"] and set(re.findall(r"FILL\((\w+), 0\)", metrics["share"]["Expression"])) == metrics.keys() - {"share"}
    of = {name: metrics[name]["MetricStat"]["Metric"] for name in metrics.keys() - {"share"}}
    assert {each["MetricName"] for each in of.values()} == {"Failed", "Ready"}
    word = of["absent"]["Dimensions"][1]["Value"]
    assert f'Self::SourceAbsent => "{word}"' in (ROOT / "shared/domain/src/job/cause.rs").read_text(encoding="utf-8")


UNHELD = ("GET /export/status", "GET /export/jobs", "GET /export/jobs/{jobId}/edit", "GET /export/version", "GET /export/batch")


def concurrency(values: dict[str, int]) -> dict[str, int]:
    """How many of each function can run at once, by what the template says of it and the parameters' `values`."""
    mappings = {each["Properties"]["FunctionName"]["Ref"]: each["Properties"] for each in of_type("AWS::Lambda::EventSourceMapping").values()}
    most = {name: each["ScalingConfig"]["MaximumConcurrency"] for name, each in mappings.items()}
    routes = [each["Properties"] for each in of_type("AWS::ApiGatewayV2::Route").values()]
    settings = RESOURCES["ApiStage"]["Properties"]["RouteSettings"]
    stage = RESOURCES["ApiStage"]["Properties"]["DefaultRouteSettings"]
    for route in routes:
        integration = RESOURCES[re.search(r"\{(\w+)\}", route["Target"]["Fn::Sub"])[1]]["Properties"]
        function = integration["IntegrationUri"]["Fn::GetAtt"][0]
        rate = settings.get(route["RouteKey"], stage)["ThrottlingRateLimit"]["Ref"]
        if "MAX_WAIT_SECONDS" not in FUNCTIONS[function]["Environment"]["Variables"]:
            seconds = 1
        elif route["RouteKey"] in UNHELD or route["RouteKey"].startswith("DELETE "):
            # None waits: a list has no end to wait for, and a cancelled job has ended.
            continue
        else:
            seconds = values["MaxWaitSeconds"]
        most[function] = most.get(function, 0) + values[rate] * seconds
    return {name: values[each["Ref"]] if isinstance(each, dict) else each for name, each in most.items()} | {
        "JobSweeper": 1,
        # Of one clip.
        "MediaExportChunkWorker": values["FanOutPerClip"],
    }


def test_the_page_says_what_concurrency_the_defaults_need():
    table = PARAMETERS.partition("\n## Concurrency")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    told = {names: int(number) for names, _, number in rows}
    defaults = {name: each["Default"] for name, each in PARSED["Parameters"].items() if each["Type"] == "Number"}
    need = concurrency(defaults)
    assert need.keys() == set(FUNCTIONS)
    assert told == {names: sum(need[name] for name in names.split(", ")) for names in told}
    assert {name for names in told for name in names.split(", ")} == need.keys()


def test_every_function_can_have_its_concurrency_reserved_and_the_page_adds_it_up():
    page = PARAMETERS.partition("\n## Concurrency")[2].partition("\n## ")[0]
    values = {name: each["Default"] for name, each in PARSED["Parameters"].items()}
    values |= {name: int(number) for name, number in re.findall(r"(\w+Concurrency)=(\d+)", page)}
    total = 0
    for name, each in FUNCTIONS.items():
        condition, reserved, otherwise = each["ReservedConcurrentExecutions"]["Fn::If"]
        assert otherwise == {"Ref": "AWS::NoValue"} and condition in PARSED["Conditions"], name
        total += values[reserved["Ref"]] if isinstance(reserved, dict) else reserved
    assert int(re.search(r"This reserves (\d+)\.", page)[1]) == total <= 1000 - 100


def test_the_routes_of_the_status_have_a_throttle_of_their_own():
    keys = {each["Properties"]["RouteKey"]: name for name, each in of_type("AWS::ApiGatewayV2::Route").items()}
    settings = RESOURCES["ApiStage"]["Properties"]["RouteSettings"]
    theirs = {key for key in keys if re.search("/export/(status|jobs|version|batch|plan)|/recordings", key)}
    assert settings.keys() == theirs - {"POST /export/batch"}
    throttle = {"ThrottlingRateLimit": {"Ref": "StatusRateLimit"}, "ThrottlingBurstLimit": {"Ref": "StatusBurstLimit"}}
    assert all(each == throttle for each in settings.values())
    assert set(RESOURCES["ApiStage"]["DependsOn"]) == {keys[key] for key in settings}


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
        assert runbook_has(name.removesuffix("Alarm")), f"infra/docs/OPERATIONS.md says nothing of {name}"
    assert not runbook_has("NobodyKnows")


def parameter_rows() -> dict[str, list[str]]:
    """Default and meaning of each parameter, as the page has them."""
    table = PARAMETERS.partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {name: [default, meaning] for names, default, meaning in rows for name in re.findall("`([^`]+)`", names)}


def test_every_parameter_has_its_row_with_its_default_and_what_else_it_may_be():
    rows = parameter_rows()
    assert rows.keys() == PARSED["Parameters"].keys()
    for name, parameter in PARSED["Parameters"].items():
        default, meaning = rows[name]
        assert str(parameter["Default"]) in default, f"{name} is {parameter['Default']!r}, not {default}"
        if parameter["Type"] == "String":
            others = {*parameter.get("AllowedValues", [])} - {parameter["Default"]}
            assert not [each for each in others if f"`{each}`" not in meaning], f"{name}: {meaning}"


def refusals() -> set[str]:
    """What `ErrorMessage` may say beside success and work in progress, up to what is filled in."""
    domain = ROOT / "shared" / "domain" / "src"
    reasons = (domain / "job" / "cause.rs").read_text(encoding="utf-8").partition("pub enum Reason")[2].partition("\n}")[0]
    rejections = (domain / "intake.rs").read_text(encoding="utf-8").partition("pub fn text(")[2].partition("\n    }")[0]
    texts = re.findall(r'#\[error\("([^"{]+)', reasons) + re.findall(r'=> (?:\{\s*)?(?:format!\()?"([^"{]+)', rejections)
    return {text.partition(":")[0] for text in [*texts, "cancelled"]}


def test_the_run_book_has_every_error_message():
    table = RUNBOOK.partition("| `ErrorMessage`")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    told = {text.partition(":")[0] for cell in cells for text in re.findall("`([^`]+)`", cell)}
    assert len(refusals()) > 15 and told == refusals()


def test_the_dashboard_shows_every_metric_of_ours():
    table = OPERATIONS.partition("\n## Metrics")[2]
    metrics = set(re.findall(r"(?m)^\| `(\w+)` \|", table))
    body = Resolved(CreateMreTables="true").resources["Dashboard"]["Properties"]["DashboardBody"]
    drawn = {*re.findall(r'\["MediaExport", "(\w+)"', body), *re.findall(r'MetricName=\\"(\w+)', body)}
    assert len(metrics) > 15 and drawn == metrics


def test_the_dashboard_is_a_grid_of_widgets_that_do_not_overlap():
    widgets = json.loads(Resolved(CreateMreTables="true").resources["Dashboard"]["Properties"]["DashboardBody"])["widgets"]
    cells = [(x, y) for w in widgets for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])]
    assert len(cells) == len(set(cells))
    assert all(w["x"] + w["width"] <= 24 for w in widgets)
