"""One job can be followed through the logs of all functions, by its own name and by that of the request that made it."""

import json
import subprocess
import sys
import time
from fractions import Fraction

import pytest

from .conftest import RUN
from .mre import Mre, scenarios, wait_for
from .stack import LAUNCHER, ROOT, Answer, Stack

CALLED = "x-correlation-id"
SUBMIT, STATUS, SWEEPER, WORKER = "media-export-submit", "status-poll", "job-sweeper", "media-export-clip-worker"
TRACE = "1-5759e988-bd862e3fe1be46a994272793"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def post(stack: Stack, body: dict, called: str, **headers: str) -> Answer:
    return stack.send("POST", "/export", body, {"X-Correlation-Id": called, **headers})


def lines(stack: Stack, field: str, value: str) -> list[tuple[str, dict]]:
    """Every line whose span has that field, with the function that wrote it, in the order of time."""
    own = [(name, text) for name, texts in stack.logs().items() for text in texts if text.startswith("{")]
    found = [(name, line) for name, text in own if (line := json.loads(text)).get("span", {}).get(field) == value]
    return sorted(found, key=lambda each: each[1]["timestamp"])


def ended(stack: Stack, job: str) -> list[tuple[str, dict]]:
    """The lines of a job whose attempt has written its last; an invocation's lines appear when it has ended."""

    def look() -> list[tuple[str, dict]] | None:
        found = lines(stack, "job.id", job)
        return found if any(line["message"] == "an attempt ended" for _, line in found) else None

    return wait_for(look, f"last line of {job}")


def said(found: list[tuple[str, dict]], function: str) -> list[str]:
    return [line["message"] for name, line in found if name == function]


def test_every_line_of_a_job_names_the_request_that_made_it(stack, recorded, name):
    called = f"order {name}"
    body = stack.request(recorded("static_time"), Fraction(1), 1500, name)
    answer = post(stack, body, called)
    assert answer.code == 1 and answer.headers[CALLED] == called
    job = stack.finish(body).body["JobId"]
    stack.job(job)
    found = ended(stack, job)
    worked = [line for function, line in found if function == WORKER]
    assert [line["message"] for line in worked][:: len(worked) - 1] == ["claimed a job", "an attempt ended"]
    assert {line["span"]["correlation.id"] for line in worked} == {called}
    asked = [line["span"]["correlation.id"] for function, line in found if function == SUBMIT]
    assert asked[0] == called and called not in asked[1:], "each request has its own name"
    assert len(set(asked)) == len(asked) > 1
    assert said(found, STATUS) == ["answered a poll"]


def test_the_job_keeps_the_name_of_its_first_request(stack, recorded, name):
    body = stack.request(recorded("static_time"), Fraction(2), 1500, name)
    answers = [post(stack, body, f"{n} {name}") for n in range(2)]
    assert [answer.headers[CALLED] for answer in answers] == [f"0 {name}", f"1 {name}"]
    job = answers[0].body["JobId"]
    stack.finish(body)
    found = ended(stack, job)
    by = {f"{n} {name}": {function for function, _ in lines(stack, "correlation.id", f"{n} {name}")} for n in range(2)}
    assert by == {f"0 {name}": {SUBMIT, WORKER}, f"1 {name}": {SUBMIT}}
    assert said(found, SUBMIT).count("answered a submission") >= 2
    assert stack.items()[f"J#{job}"]["correlation_id"] == {"S": f"0 {name}"}


def test_a_name_changes_neither_job_nor_answer(stack, recorded, name):
    body = stack.request(recorded("static_time"), Fraction(2), 1000, name)
    stack.finish(body)
    plain, named = stack.export(body), post(stack, body, f"other {name}")
    assert plain.text == named.text
    bare = stack.job(plain.body["JobId"])
    assert "correlation" not in json.dumps(bare) and name not in json.dumps({**bare, "video_path": "", "file_name": ""})


def received(stack: Stack, job: str) -> dict | None:
    found = stack.sqs.receive_message(
        QueueUrl=stack.env["CLIP_QUEUE_URL"], MaxNumberOfMessages=10, MessageSystemAttributeNames=["AWSTraceHeader"]
    )
    return next((each for each in found.get("Messages", []) if job in each["Body"]), None)


def test_a_message_sent_again_goes_on_with_name_and_trace(stack, recorded, name):
    """The first message gets lost, the sweeper sends another."""
    body = stack.request(recorded("static_time"), Fraction(3), 1500, name)
    queue = stack.env["CLIP_QUEUE_URL"]
    with stack.paused("MediaExportClipWorker"):
        time.sleep(1)
        job = post(stack, body, f"order {name}").body["JobId"]
        lost = wait_for(lambda: received(stack, job), "message")
        assert json.loads(lost["Body"]).keys() == {"v", "tenant", "job_id", "generation"}
        stack.sqs.delete_message(QueueUrl=queue, ReceiptHandle=lost["ReceiptHandle"])
        key = {name: stack.items()[f"J#{job}"][name] for name in ("pk", "sk")}
        # The emulator's invocations have no trace of their own.
        stack.dynamodb.update_item(
            TableName=stack.env["JOBS_TABLE_NAME"],
            Key=key,
            UpdateExpression="SET due_at = :past, #trace = :trace",
            ExpressionAttributeNames={"#trace": "trace"},
            ExpressionAttributeValues={":past": {"N": "1"}, ":trace": {"S": f"Root={TRACE};Sampled=1"}},
        )
        stack.invoke("JobSweeper", b"{}")
        again = wait_for(lambda: received(stack, job), "message that was sent again")
        assert again["Body"] == lost["Body"]
        assert again["Attributes"]["AWSTraceHeader"] == f"Root={TRACE};Sampled=1"
        stack.sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=0)
    stack.finish(body)
    found = ended(stack, job)
    assert "resent a job's message" in said(found, SWEEPER)
    assert said(found, WORKER)[0] == "claimed a job"
    for function, line in found:
        if function in (SWEEPER, WORKER):
            assert (line["span"]["correlation.id"], line["span"]["trace.id"]) == (f"order {name}", TRACE), line


def test_a_request_without_a_name_gets_its_traces_or_the_gateways(stack):
    of_trace = stack.send("POST", "/export", b"{}", {"traceparent": TRACEPARENT})
    assert of_trace.headers[CALLED] == TRACEPARENT.split("-")[1]
    plain = [stack.send("GET", f"/export/status/{'a' * 32}").headers[CALLED] for _ in range(2)]
    assert all(plain) and plain[0] != plain[1]


HOSTILE = {
    "quotes": '"}',
    "line": '{"level":"ERROR","message":"forged"}',
    "escapes": "\\n\\u0000",
    "long": "x" * 10_000,
    "unicode": "Am\xe9lie\x85",
    "session": "{session}",
    "inside": "a {session}-b",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_name_is_harmless(kind, stack, recorded, name):
    hostile = HOSTILE[kind].replace("{session}", stack.session_id)
    body = stack.request(recorded("static_time"), Fraction(1), 1000, f"{name}-{kind}")
    answer = post(stack, body, hostile)
    assert answer.status == 200 and answer.code in (1, 5), answer
    called = answer.headers[CALLED]
    harmless = len(hostile) <= 128 and hostile.isascii() and hostile.isprintable() and stack.session_id not in hostile
    assert (called == hostile) == harmless and called
    job = stack.finish(body).body["JobId"]
    for _, line in ended(stack, job):
        assert line["message"] != "forged" and stack.session_id not in json.dumps(line)
    assert {line["span"]["correlation.id"] for function, line in ended(stack, job) if function == WORKER} == {called}


@pytest.mark.parametrize("function, route", [("MediaExportSubmit", "media-export-submit/seed-export"), ("StatusPoll", "status-poll/get")])
def test_a_name_that_breaks_its_line_is_refused_or_ignored(function, route, stack):
    """No HTTP header can hold it; whoever invokes a function can."""
    event = json.loads((ROOT / "events" / f"{route}.apigw-v2.json").read_text())
    event["headers"]["x-correlation-id"] = f'x\n{{"level":"ERROR","message":"forged {RUN}"}}'
    answer = stack.invoke(function, json.dumps(event).encode())
    assert not answer.error and answer.reply["statusCode"] < 500
    assert not [text for texts in stack.logs().values() for text in texts if f"forged {RUN}" in text]


def test_documents_are_called_by_their_requests_name(stack):
    mre = Mre(stack)
    names = mre.load(scenarios()["replay_mp4_weight"])
    for function, path in (("event-export", names.of_event().path()), ("replay-export", names.path())):
        called = f"{function} {RUN}"
        assert stack.send("GET", path, headers={"X-Correlation-Id": called}).headers[CALLED] == called
        assert "answered a document request" in said(wait_for(lambda: lines(stack, "correlation.id", called) or None, called), function)


def test_a_list_is_called_by_its_requests_name(stack):
    called = f"list {RUN}"
    answer = stack.send("GET", "/export/status", headers={"X-Session-Id": stack.session_id, "X-Correlation-Id": called})
    assert answer.status == 200 and answer.headers[CALLED] == called
    assert said(wait_for(lambda: lines(stack, "correlation.id", called) or None, called), STATUS) == ["listed jobs"]
    refused = stack.send("GET", "/export/status", headers={"X-Correlation-Id": f"no {called}"})
    assert refused.status == 401
    told = wait_for(lambda: lines(stack, "correlation.id", f"no {called}") or None, called)
    assert said(told, STATUS) == ["rejected a job listing"]


def test_make_logs_tells_a_jobs_story(stack, recorded, name):
    body = stack.request(recorded("static_time"), Fraction(4), 1500, name)
    job = stack.finish(body).body["JobId"]
    ended(stack, job)
    told = [sys.executable, str(LAUNCHER), "logs", "--name", stack.env_file.parent.name, "--job", job]
    printed = subprocess.run(told, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert len(printed) >= 4 and all(f"job.id={job}" in line for line in printed), printed
    assert [line[:12] for line in printed] == sorted(line[:12] for line in printed)
    assert SUBMIT in printed[0] or WORKER in printed[0]
    assert {line.split()[2] for line in printed} == {SUBMIT, WORKER}


def test_an_item_that_is_no_job_is_left_out_of_the_list(stack, recorded, name):
    tenant = f"list-{RUN}"
    session = stack.add_tenant(tenant)
    recorded("static_time").upload(stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{tenant}/")
    body = stack.request(recorded("static_time"), Fraction(1), 1000, name, SessionId=session)
    job = stack.finish(body).body["JobId"]
    item = stack.items()[f"J#{job}"]
    broken = {**item, "sk": {"S": f"J#{'b' * 32}"}, "order": {"S": "no order"}}
    stack.dynamodb.put_item(TableName=stack.env["JOBS_TABLE_NAME"], Item=broken)
    listed = stack.send("GET", "/export/status", headers={"X-Session-Id": session})
    assert listed.status == 200 and [each["id"] for each in listed.body["jobs"]] == [job], listed
    wait_for(lambda: any("in a listing" in t and "b" * 32 in t for t in stack.log(STATUS)) or None, "line about the item")
