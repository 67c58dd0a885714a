"""Each role may do what its function does, and nothing else.

The stack holds every function to its role and writes each decision down; the roles are read from IAM as they were
deployed. `everything` makes the functions do all that they can do, so that a right that stays unused is one too many.
One that is missing is found by whichever test needs it, and reported when the stack is taken down.
"""

import json
import re
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from media import forms
from media import playlists
from media.recording import Live, Recording

from .conftest import RUN
from .mre import Mre, Names, scenarios, wait_for
from .stack import BORROWER, Stack, Use, ask, storage_info

# What Lambda itself does with a role, unseen by the emulator.
BY_LAMBDA = {
    "sqs:ReceiveMessage": "the event source mapping polls",
    "sqs:DeleteMessage": "the event source mapping acknowledges",
    "sqs:GetQueueAttributes": "the event source mapping reads the queue's settings",
    "logs:CreateLogStream": "Lambda writes the function's log",
    "logs:PutLogEvents": "the same",
}
# Functions and actions that only a document needs which takes longer than its reply; `ordered` asks with their credentials.
WHEN_LATE = {("EventExport", "sqs:SendMessage"), ("ReplayExport", "sqs:SendMessage")}
ARCHIVE = {"storage_name": "mma-video-archive", "storage_location": "us-west-1"}
CLIPS, BULK = "MediaExportClipWorker", "MediaExportBulkWorker"
PERIODS = 40  # of 16 s each: several parts of an upload
STORED = "?view=mre&source=stored"
PLUGIN_MODEL = {"M": {"Name": {"S": "a model"}, "Version": {"S": "v0"}}}


class Grant(NamedTuple):
    """An action on a pattern of resources."""

    function: str
    action: str
    resource: str

    def covers(self, use: Use) -> bool:
        pattern = ".*".join(map(re.escape, self.resource.split("*")))
        return (self.function, self.action) == (use.function, use.action) and bool(re.fullmatch(pattern, use.resource))

TENANT = "demo"


def granted(stack: Stack) -> set[Grant]:
    """What the roles allow, one action and one resource each."""
    iam, found = stack.client("iam"), set()
    for function, configuration in stack.functions.items():
        role = configuration["Role"].rpartition("/")[2]
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
            policy = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
            documents.append(policy["PolicyVersion"]["Document"])
        for statement in (each for document in documents for each in document["Statement"]):
            assert statement["Effect"] == "Allow", statement
            actions, resources = (several(statement[key]) for key in ("Action", "Resource"))
            found |= {Grant(function, action, resource) for action in actions for resource in resources}
    return found


def several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def proven(stack: Stack) -> set[Use]:
    """What was used. The bulk worker runs the clip worker's code for another queue: what one has used the other may."""
    queues = {name: stack.env[f"{name}_QUEUE_URL"].rpartition("/")[2] for name in ("CLIP", "CLIP_DEAD_LETTER", "BULK", "BULK_DEAD_LETTER")}
    uses = stack.uses()
    alike = {use._replace(function=BULK) for use in uses if use.function == CLIPS and use.resource.rpartition(":")[2] not in queues.values()}
    for own, theirs in (("CLIP", "BULK"), ("CLIP_DEAD_LETTER", "BULK_DEAD_LETTER")):
        alike |= {
            use._replace(function=BULK, resource=use.resource.replace(queues[own], queues[theirs]))
            for use in uses
            if use.function == CLIPS and use.resource.endswith(queues[own])
        }
    return uses | alike


def unused(grants: set[Grant], uses: set[Use]) -> set[Grant]:
    allowed = [use for use in uses if use.allowed]
    own = {grant for grant in grants if grant.action not in BY_LAMBDA and grant[:2] not in WHEN_LATE}
    return {grant for grant in own if not any(grant.covers(use) for use in allowed)}


# ---- all that the functions can do


@pytest.fixture(scope="module")
def everything(stack: Stack, recorded: Callable[[str], Recording]) -> None:
    """Every path that calls AWS in its own way, at least once."""
    if not stack.decisions.exists():
        pytest.skip("needs a stack that enforces roles: stack.py up --enforce-iam")
    recording = recorded("static_time")
    long = lengthened(stack, recording)
    paths = [
        lambda: data_exports(Mre(stack)),
        lambda: failed_and_tried_again(stack, recording),
        lambda: at_the_live_edge(stack),
        lambda: taken_over(stack, recording),
        lambda: uploaded_in_parts(stack, long),
        lambda: cut_off(stack, long),
        lambda: cut_off(stack, long, **ARCHIVE),
        lambda: undecodable(stack),
        lambda: posted_again(stack, recording),
        lambda: fetched(stack, recording),
        lambda: batched(stack, recording),
        lambda: found(stack, recording),
    ]
    with ThreadPoolExecutor(len(paths)) as pool:
        for done in [pool.submit(path) for path in paths]:
            done.result()
    wait_for(lambda: swept_tellings(stack) or None, "completion event of the sweeper", 150)


def swept_tellings(stack: Stack) -> set[Use]:
    """Events about the jobs that were cancelled, which it sends half a minute later."""
    return {use for use in stack.uses() if (use.function, use.action) == ("JobSweeper", "events:PutEvents")}


def failed_and_tried_again(stack: Stack, recording: Recording) -> None:
    """A recording that is not there, for either worker; the same request again, a little later, starts anew."""
    nowhere = replace(recording, live_path="mp4/nowhere/1/stream.mpd")
    for fields in ({}, {"FetchMedia": False}):
        body = stack.request(nowhere, Fraction(1), 1500, f"absent-{RUN}", **fields)
        job = stack.export(body).body["JobId"]
        assert stack.status(job, Prefer="wait=20").body["ErrorMessage"] == "not such dir"

        def restarted(body: dict = body, job: str = job) -> bool | None:
            stack.export(body)
            return stack.job(job)["generation"] > 1 or None

        wait_for(restarted, "restart")
    assert stack.send("POST", "/export/status", body).status == 200
    assert stack.send("GET", "/export/status?limit=1", headers={"X-Session-Id": stack.session_id}).status == 200


def at_the_live_edge(stack: Stack) -> None:
    """Jobs that wait for what is not recorded yet, and are cancelled."""
    name = f"edge-{RUN}"
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/stream.mpd", int(time.time() * 1000) - 8000)
    Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"]).publish(Fraction(6))
    for fields in ({}, {"FetchMedia": False}):
        job = stack.export(stack.request(recording, Fraction(15), 1000, name, **fields)).body["JobId"]
        wait_for(lambda job=job: stack.job(job)["state"] == "WAITING_SOURCE" or None, "job that waits")
        assert stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id}).status == 200
    clip = {"start": stack.request(recording, Fraction(15), 900, name)["StartPos"], "duration_ms": 900, "name": name}
    batch = {"live_path": recording.live_path, "clips": [clip]}
    job = stack.send("POST", "/export/batch", batch, {"X-Session-Id": stack.session_id}).body["clips"][0]["job_id"]
    wait_for(lambda: stack.job(job)["state"] == "WAITING_SOURCE" or None, "clip of a batch that waits")
    # As if a client asked for it alone meanwhile: it is sent to the clip queue from then on.
    key = {"pk": {"S": f"T#{TENANT}"}, "sk": {"S": f"J#{job}"}}
    stack.dynamodb.update_item(TableName=stack.env["JOBS_TABLE_NAME"], Key=key, UpdateExpression="REMOVE lane")
    wait_for(lambda: sent_on(stack) or None, "message to the clip queue", 150)
    assert stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id}).status == 200


def sent_on(stack: Stack) -> set[Use]:
    """Messages of the bulk worker to the clip queue."""
    queue = stack.env["CLIP_QUEUE_URL"].rpartition("/")[2]
    return {use for use in stack.uses() if (use.function, use.action) == (BULK, "sqs:SendMessage") and use.resource.endswith(queue)}


def taken_over(stack: Stack, recording: Recording) -> None:
    """Workers that died after their manifests were on record and before anything was visible."""
    jobs = []
    for fields in ({}, {"FetchMedia": False}):
        for place in ({}, ARCHIVE):
            info = storage_info([stack.entry("mp4", **place)])
            body = stack.request(recording, Fraction(2), 1200, f"taken-{RUN}", storage_info=info, **fields)
            done = stack.finish(body)
            assert done.code in (0, 5), done
            for path in filter(None, (done.body["ImagePath"], done.body.get("VideoPath"))):
                bucket = place.get("storage_name", stack.env["EXPORT_BUCKET"])
                stack.s3.delete_object(Bucket=bucket, Key=stack.key_of(path))
            jobs.append(done.body["JobId"])
            abandoned(stack, done.body["JobId"])
    assert stack.invoke("JobSweeper", b"{}").error == ""
    for job in jobs:
        assert stack.status(job, Prefer="wait=20").code in (0, 5)


def posted_again(stack: Stack, recording: Recording) -> None:
    """Ready jobs whose files are looked for, and failed ones whose files are removed."""
    for fields in ({}, {"FetchMedia": False}):
        for place in ({}, ARCHIVE):
            info = storage_info([stack.entry("mp4", **place)])
            body = stack.request(recording, Fraction(3), 1200, f"again-{RUN}", storage_info=info, **fields)
            done = stack.finish(body)
            assert done.code in (0, 5), done
            job = done.body["JobId"]
            save(stack, aged(stack.items()[f"J#{job}"], 120_000))
            assert stack.export(body).body["ErrorCode"] == done.code
            save(stack, without_files(stack.items()[f"J#{job}"]))
            assert stack.invoke("JobSweeper", b"{}").error == ""
            bucket = place.get("storage_name", stack.env["EXPORT_BUCKET"])
            keys = [stack.key_of(path) for path in (done.body["ImagePath"], done.body.get("VideoPath")) if path]
            wait_for(lambda keys=keys, bucket=bucket: not any(is_there(stack, bucket, key) for key in keys) or None, "removal")


def fetched(stack: Stack, recording: Recording) -> None:
    """Links to files in the stack's bucket and in a tenant's, and the clip as a playlist of what is there and what is recorded."""
    for place in ({}, ARCHIVE):
        info = storage_info([stack.entry("mp4", **place)])
        done = stack.finish(stack.request(recording, Fraction(4), 1200, f"fetched-{RUN}", storage_info=info))
        links = stack.send("GET", f"/export/jobs/{done.body['JobId']}/files", headers={"X-Session-Id": stack.session_id})
        assert links.status == 200, links.status
        for file in ("video", "image"):
            assert ask(urllib.request.Request(links.body[file]["url"])).status == 200
        play = stack.job(done.body["JobId"])["play"]
        found = playlists.tracks(stack.env["API_URL"] + play["hls"], lambda url, _: ask(urllib.request.Request(url)).text)
        assert all(ask(urllib.request.Request(part.url)).status == 200 for track in found for part in track.parts)


def batched(stack: Stack, recording: Recording) -> None:
    """A batch that its function makes, and the same again as if it had died: the sweeper posts what is missing. A reel of its clips."""
    start = recording.request(Fraction(1), 1000)["StartPos"]
    clips = [{"start": 1 + n, "duration_ms": 500 + n, "name": f"batch-{RUN}"} for n in range(2)]
    headers = {"X-Session-Id": stack.session_id}
    body = {"live_path": recording.live_path, "zero": start - 1000, "clips": clips}
    path = stack.send("POST", "/export/batch", body, headers).headers["location"]
    assert stack.send("GET", "/export/batch?limit=1", headers=headers).status == 200

    def done() -> dict | None:
        batch = stack.send("GET", path, headers={**headers, "Prefer": "wait=20"}).body
        return batch if batch["state"] == "DONE" else None

    jobs = [clip["job_id"] for clip in wait_for(done, "end of the batch", 60)["clips"]]
    item = stack.items()[f"B#{path.rpartition('/')[2]}"]
    stages = [{**clip, "stage": stage} for clip, stage in zip(json.loads(item["clips"]["S"]), ("pending", "started"))]
    stack.dynamodb.delete_item(TableName=stack.env["JOBS_TABLE_NAME"], Key={"pk": {"S": f"T#{TENANT}"}, "sk": {"S": f"J#{jobs[0]}"}})
    for name in ("outcome", "expires_at", "untold"):
        item.pop(name, None)
    save(stack, {**item, "clips": {"S": json.dumps(stages)}, "state": {"S": "RUNNING"}, "due_at": {"N": "1"}, "due_shard": {"S": "batch"}})
    assert stack.invoke("JobSweeper", b"{}").error == ""
    assert f"J#{jobs[0]}" in stack.items(), "the sweeper made the job anew"
    wait_for(done, "end of the batch", 60)
    reel = lambda: stack.send("POST", "/export/batch", {**body, "deliver": "reel"}, {**headers, "Prefer": "wait=20"})  # noqa: E731
    assert wait_for(lambda: (answer := reel()).status == 200 and answer, "end of the reel", 60).body["state"] == "READY"


def found(stack: Stack, recording: Recording) -> None:
    """A recording in its folder, and what it holds."""
    for path in (f"?under={recording.folder}", f"/{recording.live_path}"):
        answer = stack.send("GET", f"/recordings{path}", headers={"X-Session-Id": stack.session_id})
        assert answer.status == 200, answer
    plan = stack.send("POST", "/export/plan", stack.request(recording, Fraction(1), 1000, "planned"))
    assert plan.status == 200, plan


def save(stack: Stack, item: dict) -> None:
    stack.dynamodb.put_item(TableName=stack.env["JOBS_TABLE_NAME"], Item=item)


def is_there(stack: Stack, bucket: str, key: str) -> bool:
    return key in [each["Key"] for each in stack.s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])]


def aged(item: dict, ms: int) -> dict:
    """An item whose job ended so much earlier."""
    return {**item, "updated_at": {"N": str(int(item["updated_at"]["N"]) - ms)}}


def without_files(item: dict) -> dict:
    """The item of a job that was cancelled half an hour ago when its files had just been published."""
    left = {"generation": item["generation"], "is_told": {"BOOL": True}, "clear_at": {"N": "1"}}
    due = {"due_at": {"N": "1"}, "due_shard": {"S": str(ord(item["sk"]["S"][-1]) % 4)}}
    return {**item, "state": {"S": "CANCELLED"}, "aftermath": {"M": left}, **due}


def abandoned(stack: Stack, job: str) -> None:
    """Put a job back to where its worker held it, the lease over."""
    item = stack.items()[f"J#{job}"]
    for name in ("image", "video", "expires_at", "plan"):
        item.pop(name, None)
    now = int(time.time() * 1000)
    times = {"lease_until": now - 5000, "due_at": now - 4000, "deadline_at": now + 600_000, "done_ms": 0}
    item |= {name: {"N": str(value)} for name, value in times.items()}
    item |= {"state": {"S": "RUNNING"}, "active": item["pk"], "due_shard": {"S": str(ord(job[-1]) % 4)}}
    save(stack, item)


def lengthened(stack: Stack, recording: Recording) -> Recording:
    """The same recording over and over, in as many Periods."""
    manifest = recording.files["stream.mpd"].decode()
    first, period, last = re.split(r"(<Period .*</Period>)", manifest, flags=re.S)
    periods = [period.replace('id="0" start="PT0.0S"', f'id="{k}" start="PT{16 * k}S"', 1) for k in range(PERIODS)]
    text = first.replace("PT16.0S", f"PT{16 * PERIODS}S") + "".join(periods) + last
    files = {**recording.files, "stream.mpd": text.encode()}
    return stack.upload(replace(recording, live_path=f"mp4/long-{RUN}/1/stream.mpd", files=files))


def uploaded_in_parts(stack: Stack, recording: Recording) -> None:
    """A clip of more than one part."""
    done = stack.finish(stack.request(recording, Fraction(1), 150_000, f"parts-{RUN}"))
    assert done.code == 5, done
    assert int(stack.items()[f"J#{done.body['JobId']}"]["video"]["M"]["parts"]["N"]) > 1


def cut_off(stack: Stack, recording: Recording, **place: str) -> None:
    """A job that is cancelled while its clip is being uploaded."""
    bucket, name = place.get("storage_name", stack.env["EXPORT_BUCKET"]), f"cut-{RUN}"
    info = storage_info([stack.entry("ts", **place)])
    body = stack.request(recording, Fraction(1), 16_000 * PERIODS - 2000, name, storage_info=info)
    job = stack.export(body).body["JobId"]

    def uploading() -> bool:
        uploads = stack.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return any(name in upload["Key"] for upload in uploads)

    wait_for(lambda: uploading() or None, "upload", 60)
    assert stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id}).status == 200
    assert stack.job(job)["state"] == "CANCELLED"
    wait_for(lambda: not uploading() or None, "end of the upload", 60)
    died_uploading(stack, job)


def died_uploading(stack: Stack, job: str) -> None:
    """The job again, as if its worker had died in the midst of it."""
    key = {"pk": {"S": f"T#{TENANT}"}, "sk": {"S": f"J#{job}"}}
    stack.dynamodb.update_item(
        TableName=stack.env["JOBS_TABLE_NAME"],
        Key=key,
        UpdateExpression="SET #s = :running, attempts = :one, lease_until = :past, deadline_at = :later REMOVE expires_at",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={
            ":running": {"S": "RUNNING"},
            ":one": {"N": "1"},
            ":past": {"N": "0"},
            ":later": {"N": str(int(time.time() * 1000) + 600_000)},
        },
    )
    item = stack.items()[f"J#{job}"]
    message = {"v": 1, "tenant": TENANT, "job_id": job, "generation": int(item["generation"]["N"])}
    stack.sqs.send_message(QueueUrl=stack.env["CLIP_QUEUE_URL"], MessageBody=json.dumps(message))
    wait_for(lambda: int(stack.items()[f"J#{job}"]["attempts"]["N"]) > 1 or None, "second attempt", 60)
    stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id})


def undecodable(stack: Stack) -> None:
    """A message that is none of ours, to each worker."""
    for queue in ("CLIP", "BULK", "THUMBNAIL"):
        text = f"none of ours, {queue} {RUN}"
        stack.sqs.send_message(QueueUrl=stack.env[f"{queue}_QUEUE_URL"], MessageBody=text)
        wait_for(lambda queue=queue, text=text: taken(stack, f"{queue}_DEAD_LETTER_QUEUE_URL", text), "dead letter")


def taken(stack: Stack, queue: str, text: str) -> bool | None:
    """Whether a message was in a queue; it no longer is."""
    url = stack.env[queue]
    found = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get("Messages", [])
    for message in found:
        if message["Body"] == text:
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return True
    return None


def data_exports(mre: Mre) -> None:
    """Documents, stored and built, small and lent; triggers that succeed, wait, fail and cannot be read."""
    every = scenarios()
    scenario = every["replay_mp4_weight"]
    replay = mre.load(scenario)
    event = replay.of_event()
    (location,) = scenario["objects"]
    mre.stack.s3.delete_object(Bucket=mre.bucket, Key=location.split("/", 3)[3])
    # Where an export ought to be and is not, the document is built; without a trigger its profile is derived.
    none = {"S": f"s3://{mre.bucket}/base_replay_export/none"}
    mre.put("ReplayRequest", [{**mre.row(replay), "ReplayDataExportLocation": none}])
    with_models(mre, scenario)
    batch = {"live_path": f"mp4/none-{RUN}/1/stream.mpd", "zero": int(time.time() * 1000) - 86_400_000}
    for named in ({}, {"replay": replay.replay}):
        batch["mre"] = {"event": event.event, "program": event.program, **named}
        assert mre.stack.send("POST", "/export/batch", batch, {"X-Session-Id": mre.stack.session_id}).status in (200, 202)
    mre.remove("PluginResult", scenario["tables"]["mre-PluginResult"]["Items"])
    assert mre.get(replay.path()).status == 200, "segments that its results name and the table does not hold"
    mre.put("PluginResult", scenario["tables"]["mre-PluginResult"]["Items"])
    for function, _ in sorted(WHEN_LATE):
        ordered(mre, event, function)
    for names in (event, replay):
        assert mre.get(names.path() + STORED).headers["x-export-source"] == "live"
        assert mre.get(names.path() + "?delivery=link").status == 200
    with mre.listening():
        mre.export(scenario, replay)
        assert mre.get(replay.path() + STORED).headers["x-export-source"] == "stored"
        mre.export(every["event_feedback"], mre.add(every["event_feedback"]))
        held(mre, replay)
        mre.export(scenario, replay)
        superseded(mre, scenario, replay)
    mre.stack.sqs.send_message(QueueUrl=mre.env["DATA_EXPORT_QUEUE_URL"], MessageBody="not a trigger")
    wait_for(lambda: taken(mre.stack, "DATA_EXPORT_DEAD_LETTER_QUEUE_URL", "not a trigger"), "dead letter")


def ordered(mre: Mre, event: Names, function: str) -> None:
    """An event's document that a function hands to the worker."""
    place = {"region_name": mre.env["AWS_REGION"], "endpoint_url": mre.env["AWS_ENDPOINT_URL"]}
    sqs = boto3.client("sqs", **place, **borrowed(mre.stack, function))
    message = mre.order(event)
    sqs.send_message(QueueUrl=mre.env["DATA_EXPORT_QUEUE_URL"], MessageBody=message)
    key = mre.ordered_key(message)
    wait_for(lambda: mre.object(key), "document")
    mre.stack.s3.delete_object(Bucket=mre.bucket, Key=key)


def with_models(mre: Mre, scenario: dict) -> None:
    """Let the profile's dependent plugins use a model."""
    (profile,) = json.loads(json.dumps(scenario["tables"]["mre-Profile"]["Items"]))
    for main in profile.values():
        for plugin in main.get("M", {}).get("DependentPlugins", {}).get("L", []):
            plugin["M"]["ModelEndpoint"] = PLUGIN_MODEL
    mre.put("Profile", [profile])


def state_of(mre: Mre, names: Names) -> dict:
    """The row of an export's state."""
    pages = mre.stack.dynamodb.get_paginator("scan").paginate(TableName=mre.env["EXPORT_STATE_TABLE_NAME"])
    rows = [item for page in pages for item in page["Items"] if names.replay in item["pk"]["S"]]
    return max(rows, key=lambda item: len(item["pk"]["S"]))


def held(mre: Mre, names: Names) -> None:
    """Another worker builds this export, for another second."""
    row = {**state_of(mre, names), "lease_until": {"N": str(int(time.time() * 1000) + 1000)}}
    mre.stack.dynamodb.put_item(TableName=mre.env["EXPORT_STATE_TABLE_NAME"], Item=row)


def superseded(mre: Mre, scenario: dict, names: Names) -> None:
    """The object is a later worker's, so the trigger comes back later; then it is not any more."""
    key = mre.row(names)["ReplayDataExportLocation"]["S"].split("/", 3)[3]
    mre.stack.s3.put_object(Bucket=mre.bucket, Key=key, Body=b"{}", Metadata={"fence": str(10**15)})
    mre.trigger(scenario["trigger"])
    wait_for(lambda: any("ChangeMessageVisibility" in use.action for use in mre.stack.uses()) or None, "second try")
    mre.stack.s3.delete_object(Bucket=mre.bucket, Key=key)
    wait_for(lambda: mre.object(key), "export", 60)


# ---- tests


@pytest.mark.usefixtures("everything")
def test_every_right_is_used(stack):
    assert sorted(unused(granted(stack), proven(stack))) == []


@pytest.mark.usefixtures("everything")
def test_every_function_was_seen_at_work(stack):
    assert {use.function for use in stack.uses()} == set(stack.functions)


@pytest.mark.usefixtures("everything")
def test_a_right_too_many_and_one_too_few_are_found(stack):
    grants, uses = granted(stack), proven(stack)
    too_many = Grant("StatusPoll", "s3:GetObject", f"arn:aws:s3:::{stack.env['EXPORT_BUCKET']}/export/*")
    assert unused(grants | {too_many}, uses) == {too_many}
    elsewhere = next(grant for grant in grants if grant.function == "JobSweeper" and grant.resource.endswith("/index/due"))
    other = elsewhere._replace(resource=elsewhere.resource.replace("/index/due", "/index/by_created"))
    assert unused(grants | {other}, uses) == {other}
    asked = {use for use in uses if use.resource.endswith("/index/due") and use.function == "JobSweeper"}
    assert asked and not any(grant.covers(use) for use in asked for grant in grants - {elsewhere})


KEYS = (("pk", "sk"), ("Name", "Program"), ("PK", "ReplayId"))
JOB, EVENT, REPLAY = ({name: {"S": "x"} for name in names} for names in KEYS)
# What belongs to others: (service, operation, arguments).
FOREIGN = {
    "jobs": ("dynamodb", "scan", {"TableName": "JOBS_TABLE_NAME"}),
    "sessions": ("dynamodb", "scan", {"TableName": "SESSIONS_TABLE_NAME"}),
    "tenants": ("dynamodb", "scan", {"TableName": "TENANTS_TABLE_NAME"}),
    "a tenant's row": ("dynamodb", "put_item", {"TableName": "TENANTS_TABLE_NAME", "Item": {"pk": {"S": "mine"}}}),
    "a session": ("dynamodb", "put_item", {"TableName": "SESSIONS_TABLE_NAME", "Item": {"pk": {"S": "mine"}}}),
    "a job": ("dynamodb", "delete_item", {"TableName": "JOBS_TABLE_NAME", "Key": JOB}),
    "an event": ("dynamodb", "delete_item", {"TableName": "EVENT_TABLE_NAME", "Key": EVENT}),
    "a recording": ("s3", "put_object", {"Bucket": "SOURCE_BUCKET", "Key": "recordings/x", "Body": b""}),
    "a recording's end": ("s3", "delete_object", {"Bucket": "SOURCE_BUCKET", "Key": "recordings/x"}),
    "a policy": ("s3", "delete_bucket_policy", {"Bucket": "EXPORT_BUCKET"}),
    "all buckets": ("s3", "list_buckets", {}),
    "all recordings": ("s3", "list_objects_v2", {"Bucket": "SOURCE_BUCKET"}),
    "all that is exported": ("s3", "list_objects_v2", {"Bucket": "EXPORT_BUCKET"}),
    "messages": ("sqs", "receive_message", {"QueueUrl": "CLIP_DEAD_LETTER_QUEUE_URL"}),
    "a queue's end": ("sqs", "purge_queue", {"QueueUrl": "CLIP_QUEUE_URL"}),
    "a user": ("iam", "create_user", {"UserName": "mine"}),
    "a function": ("lambda", "list_functions", {}),
    "a role": ("iam", "list_roles", {}),
}
A_CLIPS_END = ("s3", "delete_object", {"Bucket": "EXPORT_BUCKET", "Key": "export/x"})
AN_EXPORTS_END = ("s3", "delete_object", {"Bucket": "EXPORT_BUCKET", "Key": "base_event_export/x"})
# Each function and what is another's, beyond FOREIGN.
OTHERS = {
    "MediaExportSubmit": [("s3", "get_object", {"Bucket": "EXPORT_BUCKET", "Key": "export/x"}), A_CLIPS_END],
    "ExportBatch": [
        A_CLIPS_END,
        ("s3", "get_object", {"Bucket": "EXPORT_BUCKET", "Key": "export/x"}),
        ("sqs", "send_message", {"QueueUrl": "THUMBNAIL_QUEUE_URL", "MessageBody": "x"}),
    ],
    "StatusPoll": [
        A_CLIPS_END,
        ("s3", "get_object", {"Bucket": "EXPORT_BUCKET", "Key": "export/x"}),
        ("sqs", "send_message", {"QueueUrl": "CLIP_QUEUE_URL", "MessageBody": "x"}),
    ],
    "Recordings": [
        A_CLIPS_END,
        ("s3", "get_object", {"Bucket": "EXPORT_BUCKET", "Key": "export/x"}),
        ("s3", "list_objects_v2", {"Bucket": "EXPORT_BUCKET", "Prefix": "export/"}),
        ("s3", "put_object", {"Bucket": "SOURCE_BUCKET", "Key": "recordings/x", "Body": b""}),
        ("dynamodb", "get_item", {"TableName": "JOBS_TABLE_NAME", "Key": JOB}),
        ("sqs", "send_message", {"QueueUrl": "CLIP_QUEUE_URL", "MessageBody": "x"}),
    ],
    "MediaRead": [
        A_CLIPS_END,
        ("s3", "list_objects_v2", {"Bucket": "SOURCE_BUCKET", "Prefix": ""}),
        ("s3", "get_object", {"Bucket": "EXPORT_BUCKET", "Key": "base_event_export/x"}),
        ("s3", "get_object", {"Bucket": ARCHIVE["storage_name"], "Key": "theirs/x"}),
        ("s3", "list_objects_v2", {"Bucket": "EXPORT_BUCKET", "Prefix": "export/"}),
        ("s3", "put_object", {"Bucket": "EXPORT_BUCKET", "Key": "export/x", "Body": b""}),
        ("dynamodb", "put_item", {"TableName": "JOBS_TABLE_NAME", "Item": JOB}),
        ("sqs", "send_message", {"QueueUrl": "CLIP_QUEUE_URL", "MessageBody": "x"}),
    ],
    "JobSweeper": [("s3", "get_object", {"Bucket": "SOURCE_BUCKET", "Key": "recordings/x"}), A_CLIPS_END],
    "MediaExportClipWorker": [
        AN_EXPORTS_END,
        ("sqs", "send_message", {"QueueUrl": "THUMBNAIL_QUEUE_URL", "MessageBody": "x"}),
        ("s3", "get_object", {"Bucket": "EXPORT_BUCKET", "Key": "base_event_export/x"}),
        ("s3", "list_objects_v2", {"Bucket": "EXPORT_BUCKET", "Prefix": "base_event_export/"}),
        ("s3", "put_object", {"Bucket": ARCHIVE["storage_name"], "Key": "theirs/x", "Body": b""}),
        ("s3", "get_object", {"Bucket": ARCHIVE["storage_name"], "Key": "theirs/x"}),
        ("s3", "list_objects_v2", {"Bucket": ARCHIVE["storage_name"], "Prefix": "theirs/"}),
        ("dynamodb", "get_item", {"TableName": "SESSIONS_TABLE_NAME", "Key": {"pk": {"S": "x"}}}),
    ],
    "MediaExportThumbnailWorker": [
        ("sqs", "send_message", {"QueueUrl": "CLIP_QUEUE_URL", "MessageBody": "x"}),
        AN_EXPORTS_END,
    ],
    "EventExport": [
        A_CLIPS_END,
        ("dynamodb", "get_item", {"TableName": "REPLAY_REQUEST_TABLE_NAME", "Key": REPLAY}),
        ("dynamodb", "get_item", {"TableName": "JOBS_TABLE_NAME", "Key": JOB}),
        ("s3", "get_object", {"Bucket": "SOURCE_BUCKET", "Key": "recordings/x"}),
    ],
    "ReplayExport": [
        ("dynamodb", "get_item", {"TableName": "SESSIONS_TABLE_NAME", "Key": {"pk": {"S": "x"}}}),
        A_CLIPS_END,
    ],
    "DataExportWorker": [
        A_CLIPS_END,
        ("s3", "get_object", {"Bucket": "EXPORT_BUCKET", "Key": "export/x"}),
        ("s3", "list_objects_v2", {"Bucket": "EXPORT_BUCKET", "Prefix": "export/"}),
    ],
}


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("function", OTHERS)
def test_a_role_opens_nothing_of_others(function, stack):
    """The role's own credentials, without the function's code around them."""
    lent = borrowed(stack, function)
    for service, operation, arguments in [*FOREIGN.values(), *OTHERS[function]]:
        given = {k: stack.env.get(v, v) if isinstance(v, str) else v for k, v in arguments.items()}
        with pytest.raises(ClientError) as refused:
            getattr(stack.client(service, **lent), operation)(**given)
        code = refused.value.response["Error"]["Code"]
        assert code in ("AccessDenied", "AccessDeniedException"), (service, operation, given, code)


@pytest.mark.usefixtures("everything")
def test_borrowed_credentials_do_open_what_is_the_functions_own(stack):
    lent = borrowed(stack, "JobSweeper")
    got = stack.client("dynamodb", **lent).get_item(TableName=stack.env["JOBS_TABLE_NAME"], Key=JOB)
    assert "Item" not in got


def borrowed(stack: Stack, function: str) -> dict[str, str]:
    """Credentials of a function's role, as Lambda gets them."""
    role = stack.functions[function]["Role"]
    lent = stack.client("sts").assume_role(RoleArn=role, RoleSessionName=BORROWER)["Credentials"]
    return {
        "aws_access_key_id": lent["AccessKeyId"],
        "aws_secret_access_key": lent["SecretAccessKey"],
        "aws_session_token": lent["SessionToken"],
    }
