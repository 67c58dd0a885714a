"""The stack that is asked, and what is made in it for that: all of it is taken away at the end."""

import contextlib
import json
import os
import secrets
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import imageio_ffmpeg
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from deployment import Deployment
from directory import Target, Tenant
from e2e.mre import TABLES, attribute
from e2e.stack import Answer, Stack, ask, unfollowed
from media.recording import Live, Recording
from tenants import Directory

SESSION_S = 2 * 3600
DAY_S = 24 * 3600
# A rule takes effect within a minute.
RULE_S = 60
# AWS takes no signature of a clock that is further off.
CLOCKS_MS = 15 * 60 * 1000


class Subject(Stack):
    """A deployed stack and a tenant of its own in it; `left` gets what could not be taken away, `clip` is the
    job of the clip that was made. Its API is asked at `url`, or where the stack says that it is."""

    def __init__(self, deployment: Deployment, made: contextlib.ExitStack, left: list[str], url: str | None = None) -> None:
        self.deployment, self._made, self._left = deployment, made, left
        # A stack that was deployed into the emulator counts as one of AWS but for this.
        self._is_emulated = bool(deployment.env or os.environ.get("AWS_ENDPOINT_URL"))
        self.clip = ""
        self._since_ms = int(time.time() * 1000) - CLOCKS_MS
        self._keys: set[str] = set()
        self._batches: list[dict] = []
        self.name = f"smoke-{secrets.token_hex(4)}"
        outputs = deployment.outputs
        self.own_bucket = outputs["ExportBucket"]
        self.s3, self.dynamodb, self.sqs, self.events = map(self.client, ("s3", "dynamodb", "sqs", "events"))
        self.tenant, self.session_id = self._tenant()
        target = self.tenant.targets[self.tenant.default_target]
        self._root = f"{target.root.strip('/')}/".lstrip("/")
        prefix = self.tenant.source_prefix.strip("/")
        self.env = {
            "API_URL": url or deployment.env.get("API_URL", outputs.get("ApiUrl", "")),
            "AWS_REGION": deployment.region,
            "SOURCE_BUCKET": self.tenant.source_bucket,
            "SOURCE_PREFIX": f"{prefix}/" if prefix else "",
            "EXPORT_BUCKET": target.bucket,
        }
        self.ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
        # In the reverse order. A worker or a request that was under way may have added a file or a job meanwhile.
        self.at_the_end("jobs and their files", self._remove_jobs)
        self.at_the_end("recordings", self._remove_recordings)
        self.at_the_end("jobs and their files", self._remove_jobs)

    def client(self, service: str, **options: object):
        return self.deployment.client(service, **options)

    def parameter(self, name: str) -> str:
        """A parameter of the stack."""
        return self.deployment.parameters.get(name, "")

    @property
    def open(self) -> bool:
        """Whether every request acts for the default tenant."""
        return self.parameter("AuthMode") == "none"

    def _tenant(self) -> tuple[Tenant, str]:
        directory, outputs = Directory(self.deployment), self.deployment.outputs
        if self.open:
            return Tenant.of(directory.tenant(self.parameter("DefaultTenant"))), ""
        target = Target(outputs["ExportBucket"], self.deployment.region)
        tenant = Tenant(self.name, outputs["SourceBucket"], f"{self.name}/", (target,))
        self.at_the_end("tenant", lambda: directory.remove_tenant(self.name, missing_ok=True))
        directory.put_tenant(tenant)
        return tenant, directory.add_session(self.name, SESSION_S)

    def at_the_end(self, what: str, remove: Callable[[], object]) -> None:
        """Take it away when all is over; whatever goes wrong with it, the rest is taken away as well."""

        def handle() -> None:
            try:
                remove()
            except Exception as error:  # noqa: BLE001
                self._left.append(f"{what} of {self.name}: {error}")

        self._made.callback(handle)

    def logged(self, function: str, word: str) -> list[dict]:
        """The lines of JSON of the last day in a function's log that hold a word, in the order of time."""
        options = {"logGroupName": f"/{self.deployment.stack}/{function}", "filterPattern": word}
        events = self.client("logs").get_paginator("filter_log_events")
        pages = events.paginate(**options, startTime=int(time.time() - DAY_S) * 1000)
        found = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
        lines = [line for event in found for line in event["message"].splitlines()]
        return [json.loads(line) for line in lines if line.startswith("{") and word in line]

    # ---- recordings and clips

    def named(self, recording: Recording, name: str) -> Recording:
        """The recording under a path of ours."""
        return replace(recording, live_path=f"{self.name}/{name}/stream.mpd")

    def live(self, recording: Recording) -> Live:
        """A recording that grows."""
        return Live(recording, self.s3, self.env["SOURCE_BUCKET"], self.env["SOURCE_PREFIX"])

    def key_of(self, path: str) -> str:
        """The key of what an answer names, behind the target's root."""
        return self._root + super().key_of(path)

    def _remove_object(self, bucket: str, key: str) -> None:
        """Delete an object, with all its versions if the bucket keeps them."""
        if not self.s3.delete_object(Bucket=bucket, Key=key).get("VersionId"):
            return
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            for version in page.get("Versions", []) + page.get("DeleteMarkers", []):
                if version["Key"] == key:
                    self.s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])

    def _remove_recordings(self) -> None:
        pages = self.s3.get_paginator("list_objects_v2")
        where = {"Bucket": self.env["SOURCE_BUCKET"], "Prefix": f"{self.env['SOURCE_PREFIX']}{self.name}/"}
        for page in pages.paginate(**where):
            for entry in page.get("Contents", []):
                self._remove_object(where["Bucket"], entry["Key"])

    def _jobs(self) -> list[dict]:
        """The rows of our jobs. The default tenant has others as well: only what came since the start is looked at."""
        condition, values, how = "pk = :t", {":t": {"S": f"T#{self.tenant.name}"}}, {"ConsistentRead": True}
        if self.open:
            condition, how = f"{condition} AND created_at >= :since", {"IndexName": "by_created"}
            values[":since"] = {"N": str(self._since_ms)}
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.deployment.outputs["JobsTableName"], KeyConditionExpression=condition,
            ExpressionAttributeValues=values, **how,
        )  # fmt: skip
        items = [item for page in pages for item in page["Items"]]
        return [item for item in items if text_of(order_of(item), "live_path").startswith(f"{self.name}/")]

    def _remove_jobs(self) -> None:
        for key in self._batches:
            self.dynamodb.delete_item(TableName=self.deployment.outputs["JobsTableName"], Key=key)
        for item in self._jobs():
            # A worker that has no claim left publishes nothing.
            self.send("DELETE", f"/export/status/{item['job_id']['S']}", headers={"X-Session-Id": self.session_id})
            self.dynamodb.delete_item(
                TableName=self.deployment.outputs["JobsTableName"], Key={key: item[key] for key in ("pk", "sk")}
            )
            paths = (text_of(order_of(item), name) for name in ("image_path", "video_path"))
            self._keys |= {self.key_of(path) for path in paths if path}
            folder = self.key_of(text_of(order_of(item), "video_path")).rpartition("/")[0]
            listed = self.s3.list_objects_v2(Bucket=self.env["EXPORT_BUCKET"], Prefix=f"{folder}/playlist.")
            self._keys |= {entry["Key"] for entry in listed.get("Contents", [])}
        for key in sorted(self._keys):
            self._remove_object(self.env["EXPORT_BUCKET"], key)

    def batch(self, body: dict) -> Answer:
        """Ask for a batch; its row is taken away with those of the jobs."""
        headers = {"X-Session-Id": self.session_id} if self.session_id else {}
        answer = self.send("POST", "/export/batch", body, {**headers, "Prefer": "wait=20"})
        if "id" in answer.body:
            key = {"pk": {"S": f"B#{self.tenant.name}"}, "sk": {"S": f"B#{answer.body['id']}"}}
            self._batches += [key] if key not in self._batches else []
        return answer

    # ---- objects and rows of ours

    def put_once(self, key: str, **options: str) -> None:
        """Put an object into the export bucket; it is taken away."""
        self.at_the_end(key, lambda: self._remove_object(self.own_bucket, key))
        self._writer.put_object(Bucket=self.own_bucket, Key=key, Body=b"smoke", **options)

    @cached_property
    def _writer(self):
        """Who writes to S3: on the emulator, whose root no policy holds, the clip worker's role."""
        if not self._is_emulated:
            return self.s3
        function = self.deployment.outputs["MediaExportClipWorkerFunction"]
        role = self.client("lambda").get_function_configuration(FunctionName=function)["Role"]
        lent = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return self.client(
            "s3", aws_access_key_id=lent["AccessKeyId"], aws_secret_access_key=lent["SecretAccessKey"],
            aws_session_token=lent["SessionToken"],
        )  # fmt: skip

    @property
    def own_mre(self) -> bool:
        """Whether Media Replay Engine's tables are the stack's own."""
        return self.parameter("CreateMreTables") == "true"

    def put_row(self, table: str, item: dict) -> None:
        """Put a row, in DynamoDB JSON, into one of Media Replay Engine's tables; it is taken away."""
        output = "".join(word.capitalize() for word in TABLES[table].split("_"))
        name = self.deployment.outputs[output]
        schema = self.dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]
        key = {each["AttributeName"]: attribute(item[each["AttributeName"]]) for each in schema}
        self.at_the_end(f"row of {name}", lambda: self.dynamodb.delete_item(TableName=name, Key=key))
        self.dynamodb.put_item(TableName=name, Item={name: attribute(value) for name, value in item.items()})

    def forget_document(self, location: str) -> None:
        """Take away the object that a redirect led to."""
        key = "documents/" + urllib.parse.unquote(urllib.parse.urlsplit(location).path.partition("/documents/")[2])
        bucket = self.deployment.outputs["ExportOutputBucket"]
        self.at_the_end(key, lambda: self._remove_object(bucket, key))

    # ---- data routes

    def data(self, path: str, signed: bool = True, **headers: str) -> Answer:
        """GET of a data route, signed as DataExportAuth wants it; a redirect is not followed."""
        request = AWSRequest("GET", self.env["API_URL"] + path)
        if signed:
            credentials = self.deployment.session.get_credentials().get_frozen_credentials()
            SigV4Auth(credentials, "execute-api", self.deployment.region).add_auth(request)
        sent = urllib.request.Request(request.url, headers={**request.headers, **headers})
        return ask(sent, unfollowed)

    # ---- completion events

    @cached_property
    def listener(self) -> str:
        """The URL of a queue that a rule of ours fills with the completion events of our recordings."""
        bus = self.deployment.outputs["CompletionBusName"]
        url = self.sqs.create_queue(QueueName=self.name, Attributes={"SqsManagedSseEnabled": "true"})["QueueUrl"]
        self.at_the_end("queue", lambda: self.sqs.delete_queue(QueueUrl=url))
        queue = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        ours = {"request": {"live_path": [{"prefix": f"{self.name}/"}]}}
        pattern = json.dumps({"source": ["media-export"], "detail": {"tenant": [self.tenant.name], "job": ours}})
        rule = {"Name": self.name, "EventBusName": bus}
        self.at_the_end("rule", lambda: self.events.delete_rule(**rule))
        arn = self.events.put_rule(**rule, EventPattern=pattern)["RuleArn"]
        allowed = {
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": queue, "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        ruled = {"Rule": self.name, "EventBusName": bus}
        self.at_the_end("target", lambda: self.events.remove_targets(**ruled, Ids=["q"]))
        self.events.put_targets(**ruled, Targets=[{"Id": "q", "Arn": queue}])
        if not self._is_emulated:
            time.sleep(RULE_S)
        return url

    def told(self) -> list[dict]:
        """The completion events that came since the last look."""
        answer = self.sqs.receive_message(QueueUrl=self.listener, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def order_of(item: dict) -> dict:
    """What a job's row says was ordered."""
    return item.get("order", {}).get("M", {})


def text_of(attributes: dict, name: str) -> str:
    """A text, "" if there is none of that name."""
    return attributes.get(name, {}).get("S", "")
