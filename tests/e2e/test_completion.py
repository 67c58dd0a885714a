"""Whoever listens to the event bus learns of every job that ended."""

import json
import time
from collections.abc import Iterator
from fractions import Fraction

import jsonschema
import pytest

from .mre import wait_for
from .stack import ROOT, Stack

SCHEMA = json.loads((ROOT / "events" / "completion" / "completion.schema.json").read_text())


class Listener:
    """A rule on the bus with a queue of its own, as a consumer has."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.events = stack, stack.client("events")
        self.name, self.bus = f"listener-{time.time_ns():x}", stack.env["COMPLETION_BUS_NAME"]
        self.queue = stack.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        arn = stack.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.events.put_rule(Name=self.name, EventBusName=self.bus, EventPattern=json.dumps({"source": ["media-export"]}))
        self.events.put_targets(Rule=self.name, EventBusName=self.bus, Targets=[{"Id": "q", "Arn": arn}])
        self.heard: list[dict] = []

    def about(self, job: str) -> dict | None:
        """The event about a job, if it has come."""
        found = self.stack.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        self.heard += [json.loads(message["Body"]) for message in found]
        return next((event for event in self.heard if event["detail"]["job"]["id"] == job), None)

    def close(self) -> None:
        self.events.remove_targets(Rule=self.name, EventBusName=self.bus, Ids=["q"])
        self.events.delete_rule(Name=self.name, EventBusName=self.bus)
        self.stack.sqs.delete_queue(QueueUrl=self.queue)


@pytest.fixture(scope="module")
def listener(stack: Stack) -> Iterator[Listener]:
    listener = Listener(stack)
    yield listener
    listener.close()


def told(listener: Listener, job: str) -> dict:
    event = wait_for(lambda: listener.about(job), f"event about {job}", 90)
    jsonschema.validate(event["detail"], SCHEMA)
    assert event["source"] == "media-export"
    return event


@pytest.mark.parametrize("fetch_media", [True, False])
def test_a_finished_export_is_told_of_with_keys_that_are_there(stack, recorded, listener, name, fetch_media):
    done = stack.finish(stack.request(recorded("static_time"), Fraction(3), 1000, name, FetchMedia=fetch_media))
    event = told(listener, done.body["JobId"])
    detail = event["detail"]
    assert event["detail-type"] == "Media Export Ready" and detail["job"]["state"] == "READY"
    keys = [detail[key] for key in ("image_key", "video_key") if key in detail]
    assert len(keys) == 1 + fetch_media and all(stack.exists(key) for key in keys), keys
    assert detail["job"]["image_path"] == done.body["ImagePath"]


def test_a_failed_export_is_told_of_with_its_reason(stack, recorded, listener, name):
    failed = stack.finish(stack.request(recorded("static_time"), Fraction(100_000), 1000, name))
    event = told(listener, failed.body["JobId"])
    assert event["detail-type"] == "Media Export Failed"
    assert event["detail"]["job"]["error"] == failed.body["ErrorMessage"]
    assert "image_key" not in event["detail"] and "video_key" not in event["detail"]


def test_a_cancelled_export_is_told_of_by_the_sweeper(stack, recorded, listener, name):
    """Nobody else does; a sweep by hand after ten seconds saves waiting for the minute."""
    body = stack.request(recorded("static_time"), Fraction(3), 1000, name)
    job = stack.export({**body, "StartPos": int(time.time() * 1000) + 3_600_000}).body["JobId"]
    assert stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id}).status == 200
    time.sleep(10.5)
    stack.invoke("JobSweeper", b"{}")
    assert told(listener, job)["detail"]["job"]["state"] == "CANCELLED"
