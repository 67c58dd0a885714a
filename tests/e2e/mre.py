"""Media Replay Engine's tables in a running stack: load a scenario, put its trigger on the bus, read what came of it."""

import base64
import gzip
import hashlib
import json
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from .stack import ROOT, Answer, Stack

DATA = ROOT / "tests" / "data" / "mre"

TABLES = {
    "Event": "EVENT_TABLE_NAME",
    "Plugin": "PLUGIN_TABLE_NAME",
    "Profile": "PROFILE_TABLE_NAME",
    "Model": "MODEL_TABLE_NAME",
    "PluginResult": "PLUGIN_RESULT_TABLE_NAME",
    "ClipReviewFeedback": "CLIP_PREVIEW_FEEDBACK_TABLE_NAME",
    "ReplayRequest": "REPLAY_REQUEST_TABLE_NAME",
    "ReplayResults": "REPLAY_RESULT_TABLE_NAME",
}


def scenarios() -> dict[str, dict]:
    """Every golden scenario by its name."""
    with gzip.open(DATA / "scenarios.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {each["scenario"]: each for each in map(json.loads, lines)}


def wait_for(get: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """The first result of `get` that is not None."""
    deadline = time.monotonic() + seconds
    while True:
        found = get()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {seconds} s")
        time.sleep(0.05)


def attribute(value: dict) -> dict:
    """DynamoDB JSON with base64 as the client wants it."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": base64.b64decode(content)}
    if kind == "M":
        return {"M": {name: attribute(each) for name, each in content.items()}}
    if kind == "L":
        return {"L": [attribute(each) for each in content]}
    return value


@dataclass(frozen=True)
class Names:
    """What a document is asked for by."""

    event: str
    program: str
    replay: str | None = None

    @classmethod
    def of(cls, trigger: dict) -> "Names":
        body = trigger["detail"]["Event"]
        if "ReplayId" in body:
            return cls(body["Event"], body["Program"], body["ReplayId"])
        event = body["EventInfo"]["Event"]
        return cls(event["Name"], event["Program"])

    def of_event(self) -> "Names":
        """The event that a replay was cut from."""
        return Names(self.event, self.program)

    def path(self) -> str:
        """The guide's route."""
        event, program = _quoted(self.event), _quoted(self.program)
        if self.replay:
            return f"/export/data/replay/{_quoted(self.replay)}/event/{event}/program/{program}"
        return f"/export/data/event/{event}/program/{program}"

    def mre_path(self) -> str:
        """MRE's own route."""
        event, program = _quoted(self.event), _quoted(self.program)
        if self.replay:
            return f"/replay/export/data/{_quoted(self.replay)}/event/{event}/program/{program}"
        return f"/event/{event}/export/data/program/{program}"

    def edl_path(self, track: str) -> str:
        """MRE's own route of the event's edit lists."""
        return f"/event/{_quoted(self.event)}/edl/program/{_quoted(self.program)}/track/{track}"

    def query(self) -> str:
        """The form that serves every name."""
        names = {"event": self.event, "program": self.program} | ({"id": self.replay} if self.replay else {})
        return f"/export/data/{'replay' if self.replay else 'event'}?{urllib.parse.urlencode(names)}"


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


class Mre:
    """MRE's side of a stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.env = stack.env
        options = {
            "endpoint_url": self.env["AWS_ENDPOINT_URL"],
            "region_name": self.env["AWS_REGION"],
            "aws_access_key_id": self.env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.env["AWS_SECRET_ACCESS_KEY"],
        }
        self.events = boto3.client("events", **options)

    # ---- tables and objects

    def load(self, scenario: dict) -> Names:
        """Bring the tables and the export bucket into the state before the scenario's trigger."""
        self.clear()
        return self.add(scenario)

    def add(self, scenario: dict) -> Names:
        """Put the scenario's rows and objects beside what is there."""
        for name, table in scenario["tables"].items():
            self.put(name.rpartition("-")[2], table["Items"])
        for location, text in (scenario.get("objects") or {}).items():
            key = location.removeprefix("s3://").partition("/")[2]
            self.stack.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        return Names.of(scenario["trigger"])

    @property
    def bucket(self) -> str:
        return self.env["EXPORT_OUTPUT_BUCKET"]

    def put(self, table: str, items: list[dict]) -> None:
        """Write items in DynamoDB JSON, bytes as base64."""
        requests = [{"PutRequest": {"Item": {k: attribute(v) for k, v in item.items()}}} for item in items]
        self._write(self.env[TABLES[table]], requests)

    def remove(self, table: str, items: list[dict]) -> None:
        """Delete the rows of these items."""
        name = self.env[TABLES[table]]
        keys = [key["AttributeName"] for key in self.stack.dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]]
        self._write(name, [{"DeleteRequest": {"Key": {key: item[key] for key in keys}}} for item in items])

    @staticmethod
    def order(event: Names) -> str:
        """The message by which a function hands an event's document to the worker."""
        order = {"event": event.event, "program": event.program, "view": "guide", "form": "bare"}
        return json.dumps({"document": order}, separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def ordered_key(message: str) -> str:
        """Where the worker keeps what it was handed."""
        return f"documents/orders/{hashlib.sha256(message.encode()).hexdigest()}"

    def clear(self) -> None:
        for variable in (*TABLES.values(), "EXPORT_STATE_TABLE_NAME"):
            name = self.env[variable]
            keys = [key["AttributeName"] for key in self.stack.dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]]
            pages = self.stack.dynamodb.get_paginator("scan").paginate(TableName=name)
            items = [item for page in pages for item in page["Items"]]
            self._write(name, [{"DeleteRequest": {"Key": {key: item[key] for key in keys}}} for item in items])
        # A document that takes long is served from an order of the last five minutes, which may be of other rows.
        ordered = self.stack.s3.list_objects_v2(Bucket=self.bucket, Prefix="documents/orders/").get("Contents", [])
        for entry in ordered:
            self.stack.s3.delete_object(Bucket=self.bucket, Key=entry["Key"])

    def _write(self, table: str, requests: list[dict]) -> None:
        for first in range(0, len(requests), 25):
            left = {table: requests[first : first + 25]}
            while left:
                left = self.stack.dynamodb.batch_write_item(RequestItems=left)["UnprocessedItems"]

    def row(self, names: Names) -> dict:
        """The Event or ReplayRequest row."""
        if names.replay:
            table, key = "ReplayRequest", {"PK": f"{names.program}#{names.event}", "ReplayId": names.replay}
        else:
            table, key = "Event", {"Name": names.event, "Program": names.program}
        found = self.stack.dynamodb.get_item(
            TableName=self.env[TABLES[table]], Key={k: {"S": v} for k, v in key.items()}, ConsistentRead=True
        )
        return found.get("Item", {})

    def object(self, key: str) -> bytes | None:
        try:
            return self.stack.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.stack.s3.exceptions.NoSuchKey:
            return None

    # ---- the bus

    def trigger(self, event: dict) -> None:
        """Put a trigger on MRE's bus."""
        answer = self.events.put_events(
            Entries=[
                {
                    "Source": event["source"],
                    "DetailType": event["detail-type"],
                    "Detail": json.dumps(event["detail"], ensure_ascii=False),
                    "EventBusName": self.env["EVENT_BUS_NAME"],
                }
            ]
        )
        assert answer["FailedEntryCount"] == 0, answer

    def told(self) -> list[dict]:
        """What came over the bus since the last look, the oldest first."""
        found = []
        while batch := self._receive(self.listener):
            found += [json.loads(message["Body"]) for message in batch]
        return sorted(found, key=lambda event: event["time"])

    def dead_letters(self) -> list[dict]:
        return [json.loads(message["Body"]) for message in self._receive(self.env["DATA_EXPORT_DEAD_LETTER_QUEUE_URL"])]

    def _receive(self, url: str) -> list[dict]:
        messages = self.stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    @contextmanager
    def listening(self) -> Iterator["Mre"]:
        """Copy what our function tells into a queue of our own meanwhile."""
        name, bus = f"mre-listener-{time.time_ns():x}", self.env["EVENT_BUS_NAME"]
        self.listener = self.stack.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self.stack.sqs.get_queue_attributes(QueueUrl=self.listener, AttributeNames=["QueueArn"])
        pattern = {"source": ["awsmre"], "detail": {"State": [{"prefix": "BASE_"}]}}
        self.events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        targets = [{"Id": "q", "Arn": arn["Attributes"]["QueueArn"]}]
        self.events.put_targets(Rule=name, EventBusName=bus, Targets=targets)
        try:
            yield self
        finally:
            self.events.remove_targets(Rule=name, EventBusName=bus, Ids=["q"])
            self.events.delete_rule(Name=name, EventBusName=bus)
            self.stack.sqs.delete_queue(QueueUrl=self.listener)

    def export(self, scenario: dict, names: Names) -> dict:
        """Put the scenario's trigger on the bus and wait for what is told about it."""
        self.told()
        self.trigger(scenario["trigger"])

        def mine() -> dict | None:
            for event in self.told():
                body = event["detail"]["Event"]
                info = body.get("EventInfo", {}).get("Event", {})
                told = Names(body.get("Event") or info.get("Name"), body.get("Program") or info.get("Program"), body.get("ReplayId"))
                if told == names:
                    return event
            return None

        return wait_for(mine, f"event about {names}")

    # ---- HTTP

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request, no redirect followed; `_` in a header's name stands for `-`."""
        return self.stack.send(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


# ---- comparing


MAPS = ("SourceVideoMetadata", "OptoStart", "OptoEnd", "OptimizedClipLocation", "OriginalClipLocation")
MAPS += ("Mp4Location", "Mp4ThumbnailLocation")


class Token(str):
    """A number as it is written: 5.0 is not 5."""


def tokens(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Token, parse_int=Token)


def python_text(value: Any) -> str:
    """What Python's json.dump(ensure_ascii=False) writes, number tokens as they are."""
    if isinstance(value, Token):
        return str(value)
    if isinstance(value, dict):
        members = (f"{python_text(name)}: {python_text(each)}" for name, each in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(python_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def unordered(document: Any) -> Any:
    """The document with everything in one order whose order MRE leaves to DynamoDB, and without presigned URLs."""
    if isinstance(document, list):
        return [unordered(each) for each in document]
    if not isinstance(document, dict):
        return document
    result = {}
    for name, value in document.items():
        if name == "PreviewVideoUrl":
            continue
        value = unordered(value)
        if name == "AllOutputAttributes" and isinstance(value, list):
            value = sorted(value)
        if name == "AllOutputAttributes" and isinstance(value, dict):
            value = {slot: sorted(names) for slot, names in value.items()}
        if name == "FeaturesFound" and all(isinstance(each, str) for each in value):
            value = sorted(value)
        if name in MAPS or name == "Configuration":
            value = dict(sorted(value.items()))
        result[name] = value
    return result
