"""A consumer of an event bus."""

import json
import time
from threading import Lock

from .stack import Stack


class Listener:
    """A rule on a bus with a queue of its own, as a consumer has."""

    def __init__(self, stack: Stack, bus: str, pattern: dict) -> None:
        self.stack, self.bus, self.events = stack, bus, stack.client("events")
        self.name = f"listener-{time.time_ns():x}"
        self.queue = stack.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        arn = stack.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.events.put_rule(Name=self.name, EventBusName=bus, EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule=self.name, EventBusName=bus, Targets=[{"Id": "q", "Arn": arn}])
        self._heard: list[dict] = []
        self._lock = Lock()

    def heard(self) -> list[dict]:
        """Every event so far, in the order of their coming."""
        with self._lock:
            while batch := self._received():
                self._heard += batch
            return list(self._heard)

    def _received(self) -> list[dict]:
        messages = self.stack.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.stack.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def close(self) -> None:
        self.events.remove_targets(Rule=self.name, EventBusName=self.bus, Ids=["q"])
        self.events.delete_rule(Name=self.name, EventBusName=self.bus)
        self.stack.sqs.delete_queue(QueueUrl=self.queue)


def of_jobs(stack: Stack) -> Listener:
    """Hears of every job that ended."""
    return Listener(stack, stack.env["COMPLETION_BUS_NAME"], {"source": ["media-export"]})
