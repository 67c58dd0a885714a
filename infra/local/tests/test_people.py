"""The policies for the people who deploy and operate a stack: CloudFormation uses the deployer's rights for everything it makes."""

import json
from fnmatch import fnmatchcase
from functools import cache

import pytest

from instance import ROOT
from resolved import Resolved, branches, characters

POLICIES = ROOT / "infra" / "ops" / "policies"
ACCOUNT = "111122223333"
# What CloudFormation needs for each type, as AWS publishes it; cfn-lint brings the list.
SCHEMAS = [*(ROOT / ".venv-tools").glob("lib/python3*/site-packages/cfnlint/data/schemas/resources/*.json")]
# Actions that are published for a type but not of it, or of features that the template does not use.
UNUSED = {f"iam:{verb}{whose}Policy" for verb in ("Attach", "Detach") for whose in ("User", "Group")}
UNUSED |= {"apigateway:TagResource", "apigateway:UntagResource"}
NAMED = {
    "AWS::ApiGatewayV2": "arn:aws:apigateway:eu-west-1::/apis/1/x",
    "AWS::ApiGatewayV2::Api": "arn:aws:apigateway:eu-west-1::/apis",
    "AWS::ApiGatewayV2::ApiMapping": "arn:aws:apigateway:eu-west-1::/domainnames/1/apimappings",
    "AWS::ApiGatewayV2::DomainName": "arn:aws:apigateway:eu-west-1::/domainnames",
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:eu-west-1:{account}:alarm:{name}",
    "AWS::CloudWatch::Dashboard": "arn:aws:cloudwatch::{account}:dashboard/media-export-eu-west-1",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-west-1:{account}:table/{name}",
    "AWS::Events::EventBus": "arn:aws:events:eu-west-1:{account}:event-bus/media-export-mre",
    "AWS::Events::Rule": "arn:aws:events:eu-west-1:{account}:rule/media-export-mre/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Lambda": "arn:aws:lambda:eu-west-1:{account}:function:{name}",
    "AWS::Lambda::EventSourceMapping": "arn:aws:lambda:eu-west-1:{account}:event-source-mapping:1",
    "AWS::Lambda::LayerVersion": "arn:aws:lambda:eu-west-1:{account}:layer:FfmpegLayer0123",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-west-1:{account}:log-group:/media-export/api",
    "AWS::Route53::RecordSet": "arn:aws:route53:::hostedzone/Z0000000000000",
    "AWS::S3": "arn:aws:s3:::{name}",
    "AWS::SNS": "arn:aws:sns:eu-west-1:{account}:{name}",
    "AWS::SQS": "arn:aws:sqs:eu-west-1:{account}:{name}",
    "AWS::Scheduler::Schedule": "arn:aws:scheduler:eu-west-1:{account}:schedule/default/{name}",
    "AWS::StepFunctions": "arn:aws:states:eu-west-1:{account}:stateMachine:media-export-chunks",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:eu-west-1:{account}:secret:{id}-0123abcd",
}


def policy(name: str) -> dict:
    return json.loads((POLICIES / name).read_text(encoding="utf-8"))


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def allows(statements: list[dict], action: str, resource: str) -> bool:
    return any(
        any(fnmatchcase(action.lower(), each.lower()) for each in listed(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in listed(statement["Resource"]))
        for statement in statements
    )


@cache
def published() -> dict[str, set[str]]:
    """The actions of its own service that CloudFormation needs to create, read, change and delete a resource of a type."""
    found: dict[str, set[str]] = {}
    for path in SCHEMAS:
        schema = json.loads(path.read_text(encoding="utf-8"))
        handlers = {name: each for name, each in schema.get("handlers", {}).items() if name != "list"}
        service = {"apigatewayv2": "apigateway", "stepfunctions": "states"}.get(kind := schema["typeName"].split("::")[1].lower(), kind)
        permissions = {each for handler in handlers.values() for each in handler.get("permissions", [])}
        found.setdefault(schema["typeName"], set()).update(each for each in permissions if each.lower().startswith(f"{service}:"))
    return found


@pytest.mark.parametrize("branch", branches())
def test_the_deployer_may_do_what_cloudformation_does_to_every_resource(branch):
    made = Resolved(**branches()[branch])
    statements = [*policy("deployer.json")["Statement"], *policy("deployer-options.json")["Statement"]]
    asked, missing = 0, set()
    for name, resource in made.resources.items():
        kind = resource["Type"]
        arn = (NAMED.get(kind) or NAMED[kind.rpartition("::")[0]]).format(account=ACCOUNT, name=made.physical(name), id=name)
        for action in published()[kind] - UNUSED:
            asked += 1
            if not allows(statements, action, arn):
                missing.add(f"{kind}: {action}")
    assert asked > 500 and not missing, sorted(missing)


def test_the_deployer_reaches_nothing_of_other_stacks_and_passes_roles_to_two_services_only():
    statements = policy("deployer.json")["Statement"]
    for service, name in (("s3", "arn:aws:s3:::others"), ("dynamodb", f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/others"),
                          ("iam", f"arn:aws:iam::{ACCOUNT}:role/others"), ("sqs", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:others")):
        actions = {action for actions in published().values() for action in actions if action.startswith(f"{service}:")}
        assert actions and not [action for action in actions if allows(statements, action, name)]
    (passing,) = [each for each in statements if each["Action"] == "iam:PassRole"]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]}}


@pytest.mark.parametrize("name", [path.name for path in POLICIES.glob("*.json")])
def test_a_policy_for_people_fits_into_iam_and_names_the_example_account_only(name):
    assert characters(policy(name)) <= 6_144
    accounts = {arn.split(":")[4] for s in policy(name)["Statement"] for arn in listed(s["Resource"]) if arn != "*"}
    assert accounts <= {"", ACCOUNT, "aws"}
