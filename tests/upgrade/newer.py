"""Rows as a version after this one may write them: with members and values that this one does not know."""

import copy
import secrets
import time

from botocore.exceptions import ClientError

from e2e.stack import Stack

# A member that no version has, with a value of each kind that a member can have.
MEMBER, VALUE = "of_a_newer_version", {"M": {"names": {"SS": ["a"]}, "size": {"N": "12345678901234567890123456789012345678"}}}
SENTENCE = "the first picture stands on its head"
TRIES = 20


def members(stack: Stack, job_id: str) -> None:
    """Put a member into a job's order and into the target in it, between two writes of the functions."""
    for _ in range(TRIES):
        item = item_of(stack, job_id)
        try:
            stack.dynamodb.update_item(
                TableName=stack.env["JOBS_TABLE_NAME"],
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET #order.#more = :more, #order.#target.#more = :more, #rev = :next",
                ConditionExpression="#rev = :rev",
                ExpressionAttributeNames={"#order": "order", "#target": "target", "#more": MEMBER, "#rev": "rev"},
                ExpressionAttributeValues={":more": VALUE, ":rev": item["rev"], ":next": {"N": str(int(item["rev"]["N"]) + 1)}},
            )
            return
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
    raise AssertionError(f"every write to {job_id} met another one")


def has_members(stack: Stack, job_id: str) -> bool:
    order = item_of(stack, job_id)["order"]["M"]
    return order.get(MEMBER) == VALUE and order["target"]["M"].get(MEMBER) == VALUE


def item_of(stack: Stack, job_id: str) -> dict:
    return stack.items()[f"J#{job_id}"]


class Strangers:
    """Jobs that only a newer version can understand, made of one that is ready."""

    def __init__(self, stack: Stack, ready: str) -> None:
        self.stack, self.ready = stack, item_of(stack, ready)
        now = str(int(time.time() * 1000))
        live = {"due_at": {"N": now}, "due_shard": {"S": "0"}, "active": self.ready["pk"], "queued_at": {"N": now}}
        self.state = self._put(live | {"state": {"S": "ASSEMBLED"}})
        self.container = self._put(live | {"state": {"S": "QUEUED"}}, ("order", "target"), container={"S": "hls"})
        failure = {
            "reason": {"M": {"code": {"S": "upside_down"}, "angle": {"N": "180"}}},
            "message": {"S": "picture upside down"},
            "detail": {"S": SENTENCE},
            "retriable": {"BOOL": False},
            "at": {"N": now},
        }
        self.reason = self._put({"state": {"S": "FAILED"}, "failure": {"M": failure}})
        warning = {"M": {"code": {"S": "upside_down"}, "count": {"N": "1"}, "detail": {"S": SENTENCE}}}
        staged = {"M": {"object": {"S": "playlist"}, "generation": {"N": "1"}, "fence": {"N": "1"}, "manifest": self.ready["video"]}}
        self.warning = self._put({"staged": {"L": [staged]}}, ("video",), warnings={"L": [warning]})

    def _put(self, changes: dict, path: tuple[str, ...] = (), **inner: dict) -> str:
        job_id = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(32))
        item = copy.deepcopy(self.ready) | changes | {"job_id": {"S": job_id}, "sk": {"S": f"J#{job_id}"}}
        if "active" in changes:
            for name in ("expires_at", "image", "video", "plan", "staged"):
                item.pop(name, None)
        place = item
        for name in path:
            place = place[name]["M"]
        place.update(inner)
        self.stack.dynamodb.put_item(TableName=self.stack.env["JOBS_TABLE_NAME"], Item=item)
        self.written = {**getattr(self, "written", {}), job_id: item}
        return job_id

    def check(self) -> None:
        """Every one is answered, nothing of it is lost, and the one in a state of its own is as it was until it is cancelled."""
        stack, jobs = self.stack, {job_id: self.stack.job(job_id) for job_id in self.written}
        assert [jobs[job]["state"] for job in self.written] == ["UNKNOWN", "QUEUED", "FAILED", "READY"]
        failed = jobs[self.reason]
        assert (failed["error"], failed["detail"]) == ("picture upside down", SENTENCE)
        assert jobs[self.warning]["warnings"] == [{"code": "unknown", "count": 1, "detail": SENTENCE}]
        listed = stack.send("GET", "/export/status?limit=200", headers={"X-Session-Id": stack.session_id})
        assert set(self.written) <= {job["id"] for job in listed.body["jobs"]}
        stored = stack.items()
        assert stored[f"J#{self.state}"] == self.written[self.state], "it was not left alone"
        waits = stored[f"J#{self.container}"]
        assert waits["order"] == self.written[self.container]["order"] and int(waits["resends"]["N"]) > 0
        for job in (self.reason, self.warning):
            for name in ("failure", "video", "staged"):
                assert stored[f"J#{job}"].get(name) == self.written[job].get(name), name
        for job in (self.state, self.container):
            answer = stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id})
            assert (answer.status, answer.body["ErrorMessage"]) == (200, "cancelled")
