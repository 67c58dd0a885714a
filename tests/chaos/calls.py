"""What the functions ask of AWS: each request with its service, operation, sender, and its step in a job's life."""

import hashlib
import json
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from .processes import Sender

TARGETS = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AWSEvents": "events", "AWSStepFunctions": "states"}
# An export of an event counts as a job, named as its state is, and so does a batch.
JOBS_NAMED = {
    "dynamodb": re.compile(r"\b[JB]#([a-z2-7]{32})\b|\b(event/\d+/[\w/-]+)"),
    "sqs": re.compile(r"job_id\W+([a-z2-7]{32})\b"),
    "events": re.compile(r"\bid\W+([a-z2-7]{32})-\d"),
    "states": re.compile(r"\b([a-z2-7]{32})-\d"),
}
ENDINGS = {"READY": "commit", "FAILED": "fail", "CANCELLED": "cancel"}


@dataclass
class Call:
    """One request. `job`: whose work it belongs to; `name`: that job's FileName, "" if unknown; `item`: the job item
    that it writes; `step`: what that does to the job; `status`: AWS's answer, 0 as long as there is none."""

    sender: Sender | None
    service: str
    operation: str
    target: str
    digest: str
    job: str | None = None
    name: str = ""
    item: dict | None = None
    step: str = ""
    status: int = 0
    at: float = 0

    @property
    def function(self) -> str:
        return self.sender.function if self.sender else ""

    @property
    def done(self) -> bool:
        """AWS did what was asked."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        process = self.sender.pid if self.sender else "?"
        return f"{self.function}[{process}] {self.operation}({self.step or self.target}) {self.status}"


def classify(method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[str, str, str]:
    """(service, operation, what it is about)."""
    prefix, _, operation = headers.get("x-amz-target", "").partition(".")
    service = TARGETS.get(prefix, "s3")
    if service == "dynamodb":
        return service, operation, json.loads(body).get("TableName", "")
    if service == "sqs":
        return service, operation, json.loads(body).get("QueueUrl", "").rpartition("/")[2]
    if service in ("events", "states"):
        return service, operation, ""
    parts = urlsplit(target)
    return service, _object_operation(method, parse_qs(parts.query, keep_blank_values=True)), unquote(parts.path[1:])


def _object_operation(method: str, query: dict) -> str:
    of_upload = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
    if "uploadId" in query and method in of_upload:
        return of_upload[method]
    if "uploads" in query and method == "POST":
        return "CreateMultipartUpload"
    return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}.get(method, method)


def job_named(service: str, body: bytes) -> str | None:
    """The job that a request names."""
    pattern = JOBS_NAMED.get(service)
    found = pattern.search(body.decode(errors="replace")) if pattern else None
    return found[found.lastindex] if found else None


def written_item(operation: str, body: bytes) -> dict | None:
    """The job item that a write would leave behind."""
    if operation not in ("PutItem", "UpdateItem"):
        return None
    request = json.loads(body)
    if operation == "PutItem":
        item = request["Item"]
    else:
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        item = {names[f"#{key[1:]}"]: value for key, value in values.items() if f"#{key[1:]}" in names}
    return {name: plain(value) for name, value in item.items()} if "state" in item else None


def plain(value: dict) -> object:
    """A DynamoDB attribute as a plain value."""
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content)
    if kind == "M":
        return {name: plain(each) for name, each in content.items()}
    if kind == "L":
        return [plain(each) for each in content]
    return None if kind == "NULL" else content


def step_of(before: dict | None, after: dict) -> str:
    """What happens to a job between two values of its item."""
    if is_batch(after):
        return batch_step(before, after)
    if before is None:
        return "create"
    if after["generation"] > before["generation"]:
        return "restart"
    if after["state"] in ENDINGS:
        return "tell" if before["state"] in ENDINGS else ENDINGS[after["state"]]
    if after["fence"] > before["fence"]:
        return "claim"
    if len(after.get("staged", [])) > len(before.get("staged", [])):
        return f"stage {after['staged'][-1]['object']}"
    if after.get("image") != before.get("image"):
        return "image"
    if after["state"] != before["state"]:
        return {"QUEUED": "release", "WAITING_SOURCE": "wait"}.get(after["state"], after["state"])
    if after["resends"] > before["resends"]:
        return "resend"
    told = after["state"] == "RUNNING" and after.get("lease_until") == before.get("lease_until")
    return "progress" if told else "renew"


def is_batch(item: dict) -> bool:
    return "order" not in item


def batch_step(before: dict | None, after: dict) -> str:
    """What happens to a batch between two values of its item."""
    if before is None:
        return "open"
    if after["state"] == "DONE":
        return "tell" if before["state"] == "DONE" else "close"
    return "withdraw" if after["is_cancelled"] and not before["is_cancelled"] else "move"


def file_name(item: dict) -> str:
    """The FileName that a job's request gave; a batch's is that of its first clip."""
    if is_batch(item):
        return json.loads(item["clips"])[0]["name"]
    return item["order"]["video_path"].rpartition("/")[2].rpartition(".")[0]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
