"""The system under test: a local stack and a client of its API."""

import base64
import json
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from media.recording import Recording

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "infra" / "local" / "stack.py"
WORKING, FAILED, DONE = 1, -1, (0, 5)


def read_env(path: Path) -> dict[str, str]:
    """The stack's variables from its KEY=VALUE file."""
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line and not line.startswith("#"))
    return {key: "".join(shlex.split(value)) for key, _, value in lines}


@contextmanager
def started(name: str) -> Iterator[Path]:
    """A stack of our own; yields its env file."""
    subprocess.run([sys.executable, str(LAUNCHER), "up", "--name", name], check=True, cwd=ROOT)
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


class Stack:
    def __init__(self, env_file: Path) -> None:
        self.env_file = env_file.resolve()
        self.env = env = read_env(env_file)
        self.session_id = env["DEMO_SESSION_ID"]
        options = {
            "endpoint_url": env["AWS_ENDPOINT_URL"],
            "region_name": env["AWS_REGION"],
            "aws_access_key_id": env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"],
        }
        self.s3, self.dynamodb, self.sqs = (boto3.client(service, **options) for service in ("s3", "dynamodb", "sqs"))

    # ---- HTTP

    def send(
        self, method: str, path: str, body: dict | bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(
            self.env["API_URL"] + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return Answer(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())

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

    # ---- what is stored

    def upload(self, recording: Recording) -> Recording:
        recording.upload(self.s3, self.env["SOURCE_BUCKET"], self.env["SOURCE_PREFIX"])
        return recording

    def fetch(self, path: str, folder: Path, bucket: str | None = None) -> Path:
        """Download what an answer names."""
        key = path.removeprefix("/")
        key = key if key.startswith("export/") else f"export/{key}"
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


def storage_info(value: object) -> str:
    """base64 of JSON, or of the text given."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode()).decode()
