"""Deploy infra/sam/template.yaml, unchanged, into an emulator: the steps of `sam deploy` in a second."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from instance import ROOT, StackError

TEMPLATE = ROOT / "infra" / "sam" / "template.yaml"
STACK_NAME = "media-export"
CODE_BUCKET = "media-export-code"
REGION = "us-east-1"


class Cloud:
    """Clients of one emulator."""

    def __init__(self, gateway_port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{gateway_port}"
        self._session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)

    def client(self, service: str, region: str = REGION):
        config = Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}, ignore_configured_endpoint_urls=True)
        return self._session.client(service, region_name=region, endpoint_url=self.endpoint, config=config)


def deploy(cloud: Cloud, bundles: dict[str, Path], parameters: dict[str, str], path: Path = TEMPLATE) -> dict[str, str]:
    """Create or update the stack from the template at `path` and return its outputs."""
    template = yaml_parse(path.read_text(encoding="utf-8"))
    unknown = sorted(parameters.keys() - template["Parameters"].keys())
    if unknown:
        raise StackError(f"the template has no parameter {', '.join(unknown)}")
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET)
    _package(s3, template, bundles)
    body = json.dumps(template).encode()
    url = f"{cloud.endpoint}/{CODE_BUCKET}/{_upload(s3, body, 'template')}"
    return _apply(cloud.client("cloudformation"), url, parameters)


def _package(s3, template: dict, bundles: dict[str, Path]) -> None:
    """Upload what the template's local paths stand for, as `sam package` does."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if "CodeUri" in properties:
            crate = Path(properties["CodeUri"]).parent.name
            if crate not in bundles:
                raise StackError(f"{name}: no code for {properties['CodeUri']}")
            properties["CodeUri"] = f"s3://{CODE_BUCKET}/{_upload(s3, bundles[crate].read_bytes(), 'zip')}"
        if "ContentUri" in properties:
            # The emulator mounts no layers: the functions are given ffmpeg's path instead.
            properties["ContentUri"] = f"s3://{CODE_BUCKET}/{_upload(s3, _placeholder(), 'zip')}"


def _placeholder() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("README"), "Layers are not mounted here.\n")
    return buffer.getvalue()


def _upload(s3, content: bytes, suffix: str) -> str:
    key = f"{hashlib.sha256(content).hexdigest()[:32]}.{suffix}"
    s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=content)
    return key


def _apply(cloudformation, template_url: str, parameters: dict[str, str]) -> dict[str, str]:
    arguments = {
        "StackName": STACK_NAME,
        "TemplateURL": template_url,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    }
    try:
        cloudformation.create_stack(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AlreadyExistsException":
            raise StackError(f"the template was refused: {error}") from error
        _update(cloudformation, arguments)
    stack = _finished(cloudformation)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise StackError(f"the deployment ended as {stack['StackStatus']}:\n{_reasons(cloudformation)}")
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def _update(cloudformation, arguments: dict) -> None:
    try:
        cloudformation.update_stack(**arguments)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise StackError(f"the template was refused: {error}") from error


def _finished(cloudformation) -> dict:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack
        time.sleep(0.1)
    raise StackError("the deployment did not end within 120 s")


def _reasons(cloudformation) -> str:
    events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    return "\n".join(f"  {e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in events if e.get("ResourceStatusReason"))
