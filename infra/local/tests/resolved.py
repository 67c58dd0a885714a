"""The template as AWS gets it: translated from SAM, with every parameter, condition and name in place."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from functools import cache, cached_property

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from deploy import TEMPLATE
from instance import ROOT

sys.path.insert(0, str(ROOT / "infra" / "ops"))

from parameters import broken_rules, holds  # noqa: E402

# It warns of metrics that it does not publish.
logging.getLogger("samtranslator").setLevel(logging.ERROR)
PARSED = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
ACCOUNT = "123456789012"
STACK = "media-export"
MRE_TABLES = (
    "EventTableName", "PluginTableName", "ProfileTableName", "ModelTableName", "PluginResultTableName",
    "ClipPreviewFeedbackTableName", "ReplayRequestTableName", "ReplayResultTableName",
)
# A region of every partition that botocore knows.
REGIONS = {each: boto3.Session().get_available_regions("lambda", each)[0] for each in boto3.Session().get_available_partitions()}


class _Absent:
    """AWS::NoValue."""


NO_VALUE = _Absent()


@cache
def _translated(region: str, text: str) -> str:
    template = json.loads(text)
    for resource in template["Resources"].values():
        for uri in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][uri] = {"Bucket": "code", "Key": "zip"}
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = region
    try:
        return json.dumps(Translator({}, Parser()).translate(template, {}))
    finally:
        os.environ.pop("AWS_DEFAULT_REGION")
        if before is not None:
            os.environ["AWS_DEFAULT_REGION"] = before


class Resolved:
    """The resources and outputs of the stack that these parameters make in a partition; its other parameters have their defaults."""

    def __init__(self, partition: str = "aws", source: dict = PARSED, **parameters: str) -> None:
        self.template = json.loads(_translated(REGIONS[partition], json.dumps(source)))
        self.parameters = {name: str(each["Default"]) for name, each in self.template["Parameters"].items()} | parameters
        self.pseudo = {
            "AWS::Partition": partition, "AWS::Region": REGIONS[partition], "AWS::AccountId": ACCOUNT, "AWS::StackName": STACK,
            "AWS::NoValue": NO_VALUE, "AWS::URLSuffix": "amazonaws.com",
        }
        self.conditions = {name: holds(each, self.template, self.parameters) for name, each in self.template.get("Conditions", {}).items()}

    @cached_property
    def resources(self) -> dict[str, dict]:
        """The resources that are made."""
        return {name: self.value(each) for name, each in self._made("Resources")}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The values of the outputs."""
        return {name: self.value(each["Value"]) for name, each in self._made("Outputs")}

    def _made(self, section: str):
        for name, each in self.template[section].items():
            if "Condition" not in each or self.conditions[each["Condition"]]:
                yield name, each

    def broken_rules(self) -> list[str]:
        """What the rules object to."""
        return list(broken_rules(self.template, self.parameters))

    def of_type(self, kind: str) -> dict[str, dict]:
        """Properties of the resources of a type."""
        return {name: each.get("Properties", {}) for name, each in self.resources.items() if each["Type"] == kind}

    def value(self, value):
        """What CloudFormation makes of a part of the template."""
        if isinstance(value, list):
            return [each for each in map(self.value, value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, operand),) = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._intrinsic(function, operand)
        resolved = {key: self.value(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not NO_VALUE}

    def _intrinsic(self, function: str, operand):
        match function:
            case "Ref":
                return self._ref(operand)
            case "Fn::GetAtt":
                return self.attribute(*(operand.split(".", 1) if isinstance(operand, str) else operand))
            case "Fn::If":
                return self.value(operand[1] if self.conditions[operand[0]] else operand[2])
            case "Fn::Join":
                return operand[0].join(self.value(operand[1]))
            case "Fn::Split":
                return self.value(operand[1]).split(operand[0])
            case "Fn::Sub":
                text, names = (operand, {}) if isinstance(operand, str) else operand
                return re.sub(r"\$\{([^!}]+)\}", lambda found: str(self._named(found[1], names)), text)
        raise ValueError(f"no function: {function}")

    def _named(self, name: str, names: dict):
        if name in names:
            return self.value(names[name])
        return self.attribute(*name.split(".", 1)) if "." in name else self._ref(name)

    def _ref(self, name: str):
        if name in self.pseudo or name in self.parameters:
            return self.pseudo.get(name, self.parameters.get(name))
        kind = self._exists(name)["Type"]
        if kind in ("AWS::SNS::Topic", "AWS::IAM::ManagedPolicy", "AWS::Lambda::LayerVersion"):
            return self.attribute(name, "Arn")
        return self.physical(name)

    def _exists(self, name: str) -> dict:
        """The resource, which the conditions must let be made."""
        resource = self.template["Resources"][name]
        assert self.conditions.get(resource.get("Condition"), True), f"{name} is not made, but something refers to it"
        return resource

    def physical(self, name: str) -> str:
        """A resource's name, as long as AWS makes it."""
        return f"{STACK}-{name}-1ABCDEFGHIJKL".lower() if "Bucket" in name else f"{STACK}-{name}-1ABCDEFGHIJKL"

    def attribute(self, name: str, attribute: str) -> str:
        """What Fn::GetAtt gives."""
        kind = self._exists(name)["Type"]
        if not attribute.endswith("Arn"):
            return self.physical(name) if attribute == "QueueName" else f"{name}.{attribute}"
        partition, region = self.pseudo["AWS::Partition"], self.pseudo["AWS::Region"]
        service, resource = {
            "AWS::DynamoDB::Table": ("dynamodb", "table/"), "AWS::S3::Bucket": ("s3", ""), "AWS::SQS::Queue": ("sqs", ""),
            "AWS::SNS::Topic": ("sns", ""), "AWS::IAM::Role": ("iam", "role/"), "AWS::IAM::ManagedPolicy": ("iam", "policy/"),
            "AWS::Lambda::Function": ("lambda", "function:"), "AWS::Lambda::LayerVersion": ("lambda", "layer:"),
            "AWS::Logs::LogGroup": ("logs", "log-group:"), "AWS::Events::Rule": ("events", "rule/"),
            "AWS::Events::EventBus": ("events", "event-bus/"),
        }[kind]
        region = "" if service in ("s3", "iam") else region
        account = "" if service == "s3" else ACCOUNT
        return f"arn:{partition}:{service}:{region}:{account}:{resource}{self.physical(name)}" + ":*" * (service == "logs")


def all_parameters(partition: str = "aws") -> dict[str, str]:
    """Everything that an operator can ask for, at once."""
    region = REGIONS[partition]
    return {
        **{name: f"mre-{name}" for name in MRE_TABLES},
        "AuthMode": "none", "DefaultTenant": "acme", "EventBusName": "aws-mre-event-bus", "ExportRule": "ENABLED",
        "KmsKeyArn": f"arn:{partition}:kms:{region}:{ACCOUNT}:key/{'0' * 36}",
        "TenantKeyArns": ",".join(f"arn:{partition}:kms:{region}:{ACCOUNT}:key/{n:036}" for n in range(20)),
        "DomainName": "clips.example.com", "DomainCertificateArn": f"arn:{partition}:acm:{region}:{ACCOUNT}:certificate/1",
        "HostedZoneId": "Z1", "CorsAllowOrigins": "https://app.example.com,https://b.example", "VpcSubnetIds": "subnet-1,subnet-2", "VpcSecurityGroupIds": "sg-1", "Tracing": "Active",
        "SourceBucketName": "recordings", "ExportBucketName": "clips", "ExportOutputBucketName": "documents",
        "TenantSourceBucketArns": f"arn:{partition}:s3:::acme-live", "TenantTargetBucketArns": f"arn:{partition}:s3:::acme-clips",
        "ClipRetentionDays": "30", "AlarmEmail": "ops@example.com", "PreviewUrls": "on", "MreMediaBucketName": "replays",
        "PermissionsBoundaryArn": f"arn:{partition}:iam::{ACCOUNT}:policy/bound", "DeletionProtection": "on",
        "SubmitConcurrency": "200", "StatusConcurrency": "100", "DownloadLinks": "on", "InstantPlayback": "on",
        "PlaybackDomain": "d111111abcdef8.cloudfront.net", "PlaybackKeyPairId": "K2JCJMDEHXQW5F",
        "PlaybackKeySecretArn": f"arn:{partition}:secretsmanager:{region}:{ACCOUNT}:secret:playback-AbCdEf",
        "PlaybackDistributionArn": f"arn:{partition}:cloudfront::{ACCOUNT}:distribution/E2EXAMPLE",
        "RecordingsAccess": "on", "DocumentsConcurrency": "100", "ReserveWorkers": "on",
        "FanOut": "on", "FanOutConcurrency": "500",
    }


TOKENS = {"DataExportAuth": "JWT", "DataExportJwtIssuer": "https://issuer.example", "DataExportJwtAudience": "one,two"}


def branches(partition: str = "aws") -> dict[str, dict[str, str]]:
    """Parameters under which, between them, every condition holds and does not."""
    full = all_parameters(partition)
    return {
        "trial": {"CreateMreTables": "true"},
        "full": full,
        "own buckets": full | {"SourceBucketName": "", "ExportBucketName": ""},
        "lent": full | {"TenantCredentials": "on"},
        "media only": {"DataExport": "off"},
        "quiet": {"CreateMreTables": "true", "CompletionBusName": "", "RequireTls": "false"} | TOKENS,
    }


def policy_documents(made: Resolved) -> Iterator[tuple[str, dict]]:
    """Every policy document of a stack, and whose it is."""
    for name, resource in made.resources.items():
        properties = resource.get("Properties", {})
        for key in ("PolicyDocument", "AssumeRolePolicyDocument"):
            if key in properties:
                yield f"{name}/{key}", properties[key]
        for each in properties.get("Policies", []):
            yield f"{name}/{each['PolicyName']}", each["PolicyDocument"]


def characters(document: dict) -> int:
    """How IAM counts a policy: without white space."""
    return len(re.sub(r"\s", "", json.dumps(document, separators=(",", ":"))))
