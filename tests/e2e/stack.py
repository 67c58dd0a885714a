"""The system under test: a local stack and a client of its API."""

import base64
import json
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from media.recording import Recording

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "infra" / "ops"))

from deployment import read_env  # noqa: E402

LAUNCHER = ROOT / "infra" / "local" / "stack.py"
WORKING, FAILED, DONE = 1, -1, (0, 5)
# Who has a role's credentials without being its function.
BORROWER = "test"


@contextmanager
def started(name: str, *options: str) -> Iterator[Path]:
    """A stack of our own, with roles enforced; yields its env file."""
    subprocess.run([sys.executable, str(LAUNCHER), "up", "--enforce-iam", "--name", name, *options], check=True, cwd=ROOT)
    try:
        yield ROOT / ".local" / name / "env"
    finally:
        subprocess.run([sys.executable, str(LAUNCHER), "down", "--name", name], check=True, cwd=ROOT)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def body(self) -> dict:
        return json.loads(self.text)

    @property
    def code(self) -> int:
        return self.body["ErrorCode"]

    @property
    def final(self) -> bool:
        return self.body["TimeWait"] == 0

    def __repr__(self) -> str:
        return f"{self.status} {self.text[:400]!r}"


class Unfollowed(urllib.request.HTTPRedirectHandler):
    """Shows a redirect as it is."""

    def redirect_request(self, *_: object) -> None:
        return None


unfollowed = urllib.request.build_opener(Unfollowed).open


def ask(request: urllib.request.Request, send: Callable = urllib.request.urlopen) -> Answer:
    """The answer to a request, whatever its status; `send` it `unfollowed` to see a redirect."""
    try:
        with send(request, timeout=60) as reply:
            return Answer(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


class Use(NamedTuple):
    """What a function asked for, and whether its role allowed it."""

    function: str
    action: str
    resource: str
    allowed: bool


class Invoked(NamedTuple):
    """`error`: what kind of failure, "" if the function answered."""

    error: str
    payload: bytes

    @property
    def reply(self) -> dict:
        return json.loads(self.payload)


class Stack:
    def __init__(self, env_file: Path) -> None:
        self.env_file = env_file.resolve()
        self.env = env = read_env(env_file)
        self.session_id = env["DEMO_SESSION_ID"]
        self.s3, self.dynamodb, self.sqs, self.lambdas = map(self.client, ("s3", "dynamodb", "sqs", "lambda"))

    def client(self, service: str, **options: object):
        """A client of another service, or with other credentials."""
        given = {
            "endpoint_url": self.env["AWS_ENDPOINT_URL"],
            "region_name": self.env["AWS_REGION"],
            "aws_access_key_id": self.env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.env["AWS_SECRET_ACCESS_KEY"],
            "config": Config(max_pool_connections=50),
        }
        return boto3.client(service, **given | options)

    # ---- HTTP

    def send(
        self, method: str, path: str, body: dict | bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(
            self.env["API_URL"] + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method
        )
        return ask(request)

    def export(self, body: dict | bytes) -> Answer:
        return self.send("POST", "/export", body)

    def status(self, job_id: str, **headers: str) -> Answer:
        return self.send("GET", f"/export/status/{job_id}", headers={"X-Session-Id": self.session_id, **headers})

    def job(self, job_id: str) -> dict:
        """The job as a resource."""
        return self.status(job_id, Accept="application/vnd.export.job+json").body

    def finish(self, body: dict | bytes, timeout: float = 120) -> Answer:
        """Send the same request again, as a client does, until its answer is final."""
        deadline = time.monotonic() + timeout
        while True:
            answer = self.export(body)
            if answer.status != 200 or answer.final:
                return answer
            if time.monotonic() > deadline:
                raise TimeoutError(f"still {answer} after {timeout} s")
            time.sleep(min(answer.body["TimeWait"], 2000) / 1000)

    # ---- requests

    def request(self, recording: Recording, start: Fraction, duration_ms: int, name: str, **fields: object) -> dict:
        """A media request of a window; `fields` replace or (as None) remove what it says."""
        body = {
            "ServiceCaller": "mma",
            "FetchMedia": True,
            "SessionId": self.session_id,
            "FileName": name,
            **recording.request(start, duration_ms),
            **fields,
        }
        return {key: value for key, value in body.items() if value is not None}

    def storage(self, purpose: str) -> str:
        """storage_info that asks for the export bucket and a container."""
        return storage_info([self.entry(purpose)])

    def entry(self, purpose: str, **changes: object) -> dict:
        return {
            "storage_purpose": purpose,
            "storage_type": "S3",
            "storage_enable": True,
            "storage_name": self.env["EXPORT_BUCKET"],
            "storage_location": self.env["AWS_REGION"],
            "storage_description": "",
            "storage_root_folder": "",
            **changes,
        }

    # ---- tenants

    def add_tenant(
        self, tenant: str, targets: list[tuple[str, str]] | None = None, max_active: int = 100, max_scheduled: int = 1000
    ) -> str:
        """A tenant that records in `recordings/<tenant>/` and delivers to `targets`, pairs of bucket and region, else
        to the export bucket; a session of it."""
        places = targets or [(self.env["EXPORT_BUCKET"], self.env["AWS_REGION"])]
        row = {
            "pk": {"S": tenant},
            "source_bucket": {"S": self.env["SOURCE_BUCKET"]},
            "source_prefix": {"S": f"recordings/{tenant}/"},
            "targets": {"L": [{"M": {"bucket": {"S": bucket}, "region": {"S": region}}} for bucket, region in places]},
            "default_target": {"N": "0"},
            "max_active": {"N": str(max_active)},
            "max_scheduled": {"N": str(max_scheduled)},
        }
        self.dynamodb.put_item(TableName=self.env["TENANTS_TABLE_NAME"], Item=row)
        return self.add_session(tenant)

    def add_session(self, tenant: str, ends_in_s: int = 3600) -> str:
        session = secrets.token_hex(16).upper()
        item = {
            "pk": {"S": sha256(session.encode()).hexdigest()},
            "tenant": {"S": tenant},
            "expires_at": {"N": str(int(time.time()) + ends_in_s)},
        }
        self.dynamodb.put_item(TableName=self.env["SESSIONS_TABLE_NAME"], Item=item)
        return session

    # ---- functions, not through HTTP

    @property
    def decisions(self) -> Path:
        """What became of each call of a function to AWS: only on a stack that enforces roles."""
        return self.env_file.parent / "decisions.jsonl"

    def uses(self) -> set[Use]:
        """What the functions have asked for so far."""
        roles = {each["Role"].rpartition("/")[2]: function for function, each in self.functions.items()}
        decisions = map(json.loads, self.decisions.read_text().splitlines())
        return {
            Use(roles[each["role"]], each["action"], each["resource"], each["allowed"])
            for each in decisions
            if each["session"] != BORROWER
        }

    def refusals(self) -> list[Use]:
        """What a function asked for that its role does not grant. Who has a link asks S3 with the role of the function
        that signed it, which makes no call to S3 itself."""
        own = [use for use in self.uses() if not (use.function == "MediaRead" and use.action.startswith("s3:"))]
        return sorted(use for use in own if not use.allowed)

    @cached_property
    def functions(self) -> dict[str, dict]:
        """The configuration of each function by its name in the template."""
        found = self.client("lambda").list_functions()["Functions"]
        return {each["FunctionName"].removeprefix("media-export-").rpartition("-")[0]: each for each in found}

    def invoke(self, function: str, event: bytes) -> Invoked:
        called = self.lambdas.invoke(FunctionName=self.functions[function]["FunctionName"], Payload=event)
        return Invoked(called.get("FunctionError", ""), called["Payload"].read())

    def logs(self) -> dict[str, list[str]]:
        """What each function has logged, line by line."""
        groups = self.client("logs").describe_log_groups(logGroupNamePrefix="/media-export/")["logGroups"]
        names = [group["logGroupName"].rpartition("/")[2] for group in groups]
        return {name: self.log(name) for name in names}

    def log(self, function: str) -> list[str]:
        events = self.client("logs").get_paginator("filter_log_events")
        pages = events.paginate(logGroupName=f"/media-export/{function}")
        return [line for page in pages for event in page["events"] for line in event["message"].splitlines() if line]

    # ---- what is stored

    def upload(self, recording: Recording) -> Recording:
        recording.upload(self.s3, self.env["SOURCE_BUCKET"], self.env["SOURCE_PREFIX"])
        return recording

    def key_of(self, path: str) -> str:
        """The key of what an answer names: an ImagePath counts from S3Dir, a VideoPath from the bucket."""
        key = path.removeprefix("/")
        return key if key.startswith("export/") else f"export/{key}"

    def fetch(self, path: str, folder: Path, bucket: str | None = None) -> Path:
        """Download what an answer names."""
        key = self.key_of(path)
        target = folder / key.rpartition("/")[2]
        self.s3.download_file(bucket or self.env["EXPORT_BUCKET"], key, str(target))
        return target

    def exists(self, key: str) -> bool:
        try:
            self.s3.head_object(Bucket=self.env["EXPORT_BUCKET"], Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            return False
        return True

    def items(self) -> dict[str, dict]:
        """Every job item by its sort key."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.env["JOBS_TABLE_NAME"], ConsistentRead=True)
        return {item["sk"]["S"]: item for page in pages for item in page["Items"]}

    def exported(self) -> set[str]:
        """Every key under export/."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.env["EXPORT_BUCKET"], Prefix="export/")
        return {entry["Key"] for page in pages for entry in page.get("Contents", [])}

    @contextmanager
    def paused(self, worker: str) -> Iterator[None]:
        """That function takes no message from its queue meanwhile."""
        named = self.functions[worker]["FunctionName"]
        (mapping,) = self.lambdas.list_event_source_mappings(FunctionName=named)["EventSourceMappings"]
        self.lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            self.lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def storage_info(value: object) -> str:
    """base64 of JSON, or of the text given."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode()).decode()
