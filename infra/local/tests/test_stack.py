"""The stack from outside: its API, its roles, its life."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

import stack as cli
from conftest import ORIGINS, Stack
from instance import Instance, StackError


def sleepers() -> int:
    """How many children of hung stand-ins are alive."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += path.read_bytes() == b"sleep\x001234\x00"
    return found


def wait_for(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def client(stack: Stack, service: str):
    names = {"region_name": "AWS_REGION", "endpoint_url": "AWS_ENDPOINT_URL", "aws_access_key_id": "AWS_ACCESS_KEY_ID",
             "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    return boto3.client(service, **{argument: stack.env[name] for argument, name in names.items()})


def preflight(stack: Stack, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """Status and headers, by lower-case name, of the answer to a browser's question before a request."""
    request = urllib.request.Request(stack.env["API_URL"] + path, headers=headers, method="OPTIONS")
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, {name.lower(): value for name, value in reply.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}


def refusal(url: str) -> int:
    """The status of a refused request without credentials but those of its URL."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    refused.value.close()
    return refused.value.code


class TestApi:
    @pytest.mark.parametrize("path", ["/export/data/event/{}/program/p", "/event/{}/export/data/program/p",
                                      "/export/data/replay/1/event/{}/program/p", "/replay/export/data/1/event/{}/program/p"])
    def test_names_arrive_decoded_once(self, stack, path):
        # An HTTP API keeps %25 in the path as it is.
        name = "A b?é#🎾"
        event = stack.get(path.format(urllib.parse.quote(name)) + "?view=mre&x=%2F")["event"]
        assert event["pathParameters"]["event"] == name
        assert event["rawQueryString"] == "view=mre&x=%2F"

    def test_query_forms_get_their_query_as_it_was_sent(self, stack):
        query = "event=a%2Fb%3F%25&program=c+d&program=e"
        assert stack.get(f"/export/data/event?{query}")["event"]["rawQueryString"] == query

    def test_head_has_headers_and_no_body(self, stack):
        status, headers, body = stack.request("HEAD", "/export/data/replay?id=1")
        assert (status, headers["x-stand-in"], body) == (200, "yes", b"")
        assert int(headers["Content-Length"]) > 0

    def test_large_bodies_arrive_whole(self, stack):
        sent = os.urandom(3_000_000)
        _, _, body = stack.request("POST", "/export", sent)
        answer = json.loads(body)
        assert answer["event"]["isBase64Encoded"]
        assert answer["size"] == 4_000_000

    def test_functions_see_a_host_as_in_aws(self, stack):
        event = stack.get("/export/status/1")["event"]
        assert event["headers"]["host"] == event["requestContext"]["domainName"]
        assert event["headers"]["host"].endswith(".execute-api.us-east-1.amazonaws.com")

    def test_only_the_routes_of_the_template_exist(self, stack):
        for method, path in [("GET", "/export"), ("GET", "/_ministack/ready"), ("PUT", "/export/status/1"), ("GET", "/")]:
            assert stack.request(method, path)[0] == 404, path

    @pytest.mark.parametrize("path", ["/export", "/export/jobs/1/files", "/export/data/event/a/program/b"])
    def test_pages_of_the_named_origins_may_call_the_api_without_credentials(self, stack, path):
        for origin in ORIGINS:
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-session-id"}
            status, headers = preflight(stack, path, asked)
            assert (status, headers["access-control-allow-origin"]) == (204, origin)
            assert {"GET", "HEAD", "POST", "DELETE"} == {*headers["access-control-allow-methods"].split(",")}
            allowed = {*headers["access-control-allow-headers"].split(",")}
            assert allowed > {"x-session-id", "authorization", "content-type", "idempotency-key", "prefer"}
            assert "access-control-allow-credentials" not in headers
        status, headers = preflight(stack, path, {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"})
        assert "access-control-allow-origin" not in headers

    def test_a_reply_to_a_page_shows_the_headers_that_clients_need(self, stack):
        request = urllib.request.Request(stack.env["API_URL"] + "/export/status/1", headers={"Origin": ORIGINS[0]})
        with urllib.request.urlopen(request, timeout=30) as reply:
            shown = {*reply.headers["access-control-expose-headers"].split(",")}
            assert reply.headers["access-control-allow-origin"] == ORIGINS[0]
        assert shown > {"location", "retry-after", "x-correlation-id", "etag", "x-export-warnings"}

    def test_nothing_of_the_emulator_or_its_caller_leaks_into_functions(self, stack):
        environment = stack.get("/export/status/1")["environment"]
        assert environment.keys().isdisjoint({"AUTH", "GATEWAY_PORT", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST"})
        assert environment["PATH"] == "/usr/local/bin:/usr/bin:/bin"


class TestRoles:
    """Each function is held to its own role: what it needs works, what it does not need is refused."""

    JOB = {"pk": {"S": "T#demo"}, "sk": {"S": "J#1"}}

    def ask(self, stack, function: str, service: str, operation: str, **arguments) -> str:
        functions = client(stack, "lambda")
        name = next(f["FunctionName"] for f in functions.list_functions()["Functions"] if f"-{function}-" in f["FunctionName"])
        for key, value in arguments.items():
            if isinstance(value, str):
                arguments[key] = value.format(**stack.env)
        payload = json.dumps({"aws": [service, operation, arguments]})
        return json.loads(functions.invoke(FunctionName=name, Payload=payload)["Payload"].read())

    @pytest.mark.parametrize(("function", "expected"), [
        ("MediaExportClipWorker", "ok"), ("MediaExportThumbnailWorker", "ok"), ("MediaExportSubmit", "ok"),
        ("StatusPoll", "ok"), ("JobSweeper", "ok"), ("ExportBatch", "ok"), ("EventExport", "AccessDeniedException")])
    def test_jobs(self, stack, function, expected):
        assert self.ask(stack, function, "dynamodb", "get_item", TableName="{JOBS_TABLE_NAME}", Key=self.JOB) == expected

    @pytest.mark.parametrize(("function", "index", "expected"), [
        ("MediaExportSubmit", "active", "ok"), ("MediaExportSubmit", "by_created", "AccessDeniedException"),
        ("StatusPoll", "by_created", "ok"), ("StatusPoll", "due", "AccessDeniedException"),
        ("JobSweeper", "due", "ok"), ("MediaExportClipWorker", "due", "AccessDeniedException"),
        ("ExportBatch", "active", "ok"), ("ExportBatch", "by_created", "ok"), ("ExportBatch", "due", "AccessDeniedException")])
    def test_indexes(self, stack, function, index, expected):
        key = {"active": "active", "by_created": "pk", "due": "due_shard"}[index]
        answer = self.ask(stack, function, "dynamodb", "query", TableName="{JOBS_TABLE_NAME}", IndexName=index,
                          KeyConditionExpression="#k = :v", ExpressionAttributeNames={"#k": key},
                          ExpressionAttributeValues={":v": {"S": "x"}})
        assert answer == expected

    @pytest.mark.parametrize(("function", "expected"), [
        ("MediaExportSubmit", "ok"), ("StatusPoll", "ok"), ("MediaExportClipWorker", "AccessDeniedException")])
    def test_sessions(self, stack, function, expected):
        answer = self.ask(stack, function, "dynamodb", "get_item", TableName="{SESSIONS_TABLE_NAME}", Key={"pk": {"S": "x"}})
        assert answer == expected

    @pytest.mark.parametrize(("function", "expected"), [
        # A key that is absent must be told from one that is forbidden.
        ("MediaExportClipWorker", "NoSuchKey"), ("MediaExportThumbnailWorker", "NoSuchKey"),
        ("MediaExportSubmit", "AccessDenied"), ("EventExport", "AccessDenied")])
    def test_reading_recordings(self, stack, function, expected):
        assert self.ask(stack, function, "s3", "get_object", Bucket="{SOURCE_BUCKET}", Key="recordings/x") == expected

    @pytest.mark.parametrize(("function", "key", "expected"), [
        ("MediaExportClipWorker", "export/x", "ok"), ("MediaExportThumbnailWorker", "export/y", "ok"),
        ("MediaExportClipWorker", "elsewhere/x", "AccessDenied"), ("StatusPoll", "export/z", "AccessDenied"),
        ("EventExport", "documents/x", "ok"), ("ReplayExport", "export/x", "AccessDenied"),
        ("EventExport", "base_event_export/x", "AccessDenied"), ("DataExportWorker", "base_event_export/x", "ok"),
        ("DataExportWorker", "base_replay_export/x", "ok"), ("DataExportWorker", "documents/y", "ok")])
    def test_writing_results(self, stack, function, key, expected):
        answer = self.ask(stack, function, "s3", "put_object", Bucket="{EXPORT_BUCKET}", Key=key, Body="x", IfNoneMatch="*")
        assert answer == expected

    @pytest.mark.parametrize(("function", "table", "expected"), [
        ("DataExportWorker", "EVENT_TABLE_NAME", "ok"), ("DataExportWorker", "PROFILE_TABLE_NAME", "AccessDeniedException"),
        ("EventExport", "EVENT_TABLE_NAME", "AccessDeniedException")])
    def test_pointing_at_exports(self, stack, function, table, expected):
        answer = self.ask(stack, function, "dynamodb", "update_item", TableName=f"{{{table}}}",
                          Key={"Name": {"S": "e"}, **({"Program": {"S": "p"}} if table == "EVENT_TABLE_NAME" else {})},
                          UpdateExpression="SET EventDataExportLocation = :l", ExpressionAttributeValues={":l": {"S": "s3://b/k"}})
        assert answer == expected

    @pytest.mark.parametrize(("bucket", "key", "expected"), [
        ("mma-video-archive", "root/export/b", "ok"), ("mma-video-archive", "root/b", "AccessDenied"),
        ("{SOURCE_BUCKET}", "export/b", "AccessDenied")])
    def test_buckets_of_tenants(self, stack, bucket, key, expected):
        assert self.ask(stack, "MediaExportClipWorker", "s3", "put_object", Bucket=bucket, Key=key, Body="x") == expected

    @pytest.mark.parametrize(("function", "queue", "expected"), [
        ("MediaExportSubmit", "{CLIP_QUEUE_URL}", "ok"), ("JobSweeper", "{THUMBNAIL_QUEUE_URL}", "ok"),
        ("MediaExportClipWorker", "{CLIP_DEAD_LETTER_QUEUE_URL}", "ok"),
        ("MediaExportClipWorker", "{THUMBNAIL_DEAD_LETTER_QUEUE_URL}", "AccessDenied"),
        ("ExportBatch", "{BULK_QUEUE_URL}", "ok"), ("MediaExportSubmit", "{BULK_QUEUE_URL}", "AccessDenied"), ("ExportBatch", "{THUMBNAIL_QUEUE_URL}", "AccessDenied"),
        ("StatusPoll", "{CLIP_QUEUE_URL}", "AccessDenied")])
    def test_queues(self, stack, function, queue, expected):
        assert self.ask(stack, function, "sqs", "send_message", QueueUrl=queue, MessageBody="x") == expected


class TestLife:
    def test_messages_reach_their_worker(self, stack):
        for queue in ("CLIP_QUEUE_URL", "BULK_QUEUE_URL", "THUMBNAIL_QUEUE_URL"):
            client(stack, "sqs").send_message(QueueUrl=stack.env[queue], MessageBody="x")
        for worker in ("media-export-clip-worker", "media-export-thumbnail-worker"):
            wait_for(lambda name=worker: f"{name:32} seen: ['Records']" in stack.command("logs"))

    def test_deploying_again_keeps_the_data(self, stack):
        client(stack, "s3").put_object(Bucket=stack.env["SOURCE_BUCKET"], Key="kept", Body=b"x")
        before = dict(stack.env)
        stack.up("--parameter", "LegacyHttp=200")
        assert stack.env == {**before, "LEGACY_HTTP": "200"}
        assert client(stack, "s3").get_object(Bucket=stack.env["SOURCE_BUCKET"], Key="kept")["Body"].read() == b"x"
        assert stack.get("/export/status/1")["environment"]["LEGACY_HTTP"] == "200"

    @pytest.mark.parametrize("roles", ["enforced", "open"])
    def test_objects_are_read_with_credentials_alone(self, binaries, stack, roles):
        # The fixture's stack enforces them.
        other = stack if roles == "enforced" else Stack(f"infra-test-open-{os.getpid()}", binaries)
        if roles == "open":
            other.up()
        try:
            s3, place = client(other, "s3"), {"Bucket": other.env["EXPORT_BUCKET"], "Key": "export/a b.mp4"}
            s3.put_object(**place, Body=b"x", IfNoneMatch="*")
            signed = s3.generate_presigned_url("get_object", Params=place)
            with urllib.request.urlopen(signed) as reply:
                assert reply.read() == b"x"
            bucket = f"{other.env['AWS_ENDPOINT_URL']}/{place['Bucket']}"
            if roles == "open":  # Its CorsAllowOrigins names the console alone.
                _, told = preflight(other, "/export", {"Origin": ORIGINS[0], "Access-Control-Request-Method": "POST"})
                assert not [name for name in told if name.startswith("access-control-allow")]
            strangers = [signed.partition("?")[0], bucket, f"{bucket}/export/absent"]
            assert [refusal(url) for url in strangers] == [403] * 3
        finally:
            if roles == "open":
                other.command("down")

    @pytest.mark.parametrize("ending", ["down", "killed"])
    def test_nothing_outlives_the_stack(self, binaries, stack, ending):
        # The fixture has set the folder for stand-in zips.
        other = Stack(f"infra-test-{ending}-{os.getpid()}", binaries)
        other.up()
        state = other.instance.state()
        already = sleepers()
        with ThreadPoolExecutor() as pool:
            hanging = pool.submit(other.request, "GET", "/event/x/export/data/program/hang")
            try:
                wait_for(lambda: sleepers() == already + 1)
                if ending == "killed":
                    os.kill(state["pid"], signal.SIGKILL)
                    wait_for(lambda: other.instance.state() is None)
                began = time.monotonic()
            finally:
                other.command("down")
            assert time.monotonic() - began < 3
            # The connection was cut.
            assert isinstance(hanging.exception(timeout=5), OSError)
        assert sleepers() == already
        assert not other.instance.dir.exists()

    def test_a_function_out_of_time_ends_with_its_children(self, stack):
        functions = client(stack, "lambda")
        name = next(f["FunctionName"] for f in functions.list_functions()["Functions"] if "-ReplayExport-" in f["FunctionName"])
        functions.update_function_configuration(FunctionName=name, Timeout=1)
        already = sleepers()
        with ThreadPoolExecutor() as pool:
            hanging = pool.submit(stack.request, "GET", "/replay/export/data/1/event/x/program/hang")
            wait_for(lambda: sleepers() == already + 1)
            assert hanging.result(timeout=10)[0] >= 500
        wait_for(lambda: sleepers() == already)

    def test_names_that_would_break_out_are_refused(self):
        for name in ("../x", "A", "", "code", "x" * 33):
            with pytest.raises(StackError):
                Instance(name)


def test_the_environment_file_can_be_sourced(tmp_path, monkeypatch):
    instance = Instance("quoting")
    monkeypatch.setattr(instance, "env_file", tmp_path / "env")
    cli.write_environment(instance, {"A": "plain/1.2", "B": "", "C": "it's a $HOME"})
    shown = subprocess.run(["sh", "-c", ". ./env; printf '%s|' \"$A\" \"$B\" \"$C\""], cwd=tmp_path, capture_output=True, check=True)
    assert shown.stdout == b"plain/1.2||it's a $HOME|"
    assert (tmp_path / "env").read_text().startswith("A=plain/1.2\nB=\n")


def test_a_template_of_an_earlier_version_gets_the_parameters_that_it_has(tmp_path):
    earlier = tmp_path / "template.yaml"
    earlier.write_text("Parameters:\n  RequireTls: {Type: String}\n  ExportRule:\n    Type: String\n")
    asked = argparse.Namespace(template=earlier, parameter=["More=1"])
    assert cli.parameters(asked, {"api_port": 1}) == {"RequireTls": "false", "ExportRule": "ENABLED", "More": "1"}
    assert {"DownloadLinks", "CreateMreTables"} <= cli.parameters(argparse.Namespace(template=cli.TEMPLATE, parameter=[]), {"api_port": 1}).keys()


def test_a_story_is_one_jobs_lines_in_the_order_of_time():
    def line(at: int, message: str, job: str, **fields: str) -> str:
        span = {"name": "job", "job.id": job, "correlation.id": "a b"}
        return json.dumps({"timestamp": f"2026-01-02T03:04:0{at}.123456Z", "level": "INFO", "message": message, **fields, "target": "t", "span": span})

    logged = [
        ("submit", "START RequestId: 1\n" + line(1, "answered", "j") + "\n" + line(2, "answered", "other")),
        ("worker", line(4, "ended", "j", why="\x1b[2J", plan="copy")),
        ("worker", '{"_aws": {}, "Clips": 1}'),
        ("worker", line(3, "claimed", "j")),
    ]
    told = cli.story(logged, {"job.id": "j"})
    assert [told_line.split()[:4] for told_line in told] == [
        ["03:04:01.123", "INFO", "submit", "answered"], ["03:04:03.123", "INFO", "worker", "claimed"],
        ["03:04:04.123", "INFO", "worker", "ended"],
    ]
    assert told[2].endswith('why="\\u001b[2J" plan=copy job.id=j correlation.id="a b"')
    assert len(cli.story(logged, {"correlation.id": "a b"})) == 4
    assert cli.story(logged, {"job.id": "j", "correlation.id": "x"}) == []
