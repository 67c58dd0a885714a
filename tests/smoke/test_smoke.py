"""The smoke test finds a whole stack whole, a broken one broken, and leaves neither changed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from e2e.stack import LAUNCHER, ROOT, Stack

NAME = f"smoke-{os.getpid()}"
SMOKE = [sys.executable, str(ROOT / "tests" / "smoke")]
CLIP, PUBLISHED = "A clip has exactly", "A file below export/"
LIVE, SIGNED = "A window past the live edge", "Event and replay documents are for"
STILL, ABSENT = "A thumbnail shows", "A recording that is not there"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Held to its roles and policies, its documents only for those who sign."""
    up = [sys.executable, str(LAUNCHER), "up", "--name", NAME, "--enforce-iam", "--parameter", "DataExportAuth=AWS_IAM"]
    binaries = os.environ.get("STACK_BIN_DIR")
    subprocess.run(up + (["--bin-dir", binaries] if binaries else []), check=True)
    try:
        yield Stack(ROOT / ".local" / NAME / "env")
    finally:
        subprocess.run([sys.executable, str(LAUNCHER), "down", "--name", NAME], check=True)


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SMOKE, *arguments], capture_output=True, text=True, timeout=400, check=False)


def smoke(stack: Stack) -> tuple[int, dict[str, str], str]:
    """Exit code, verdict of each check, and all that was said."""
    done = ran("--env", str(stack.env_file))
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    verdicts = {title: verdict for verdict, title in lines if verdict in ("ok", "FAILED", "skipped")}
    return done.returncode, verdicts, done.stdout + done.stderr


def failed(verdicts: dict[str, str]) -> list[str]:
    return sorted(title for title, verdict in verdicts.items() if verdict == "FAILED")


def inventory(stack: Stack) -> dict[str, list[str]]:
    """All that a run could leave."""
    held = {}
    for table in stack.dynamodb.list_tables()["TableNames"]:
        rows = stack.dynamodb.scan(TableName=table)["Items"]
        held[table] = [json.dumps(row, sort_keys=True, default=str) for row in rows]
    for bucket in ("SOURCE_BUCKET", "EXPORT_BUCKET"):
        held[bucket] = [each["Key"] for each in stack.s3.list_objects_v2(Bucket=stack.env[bucket]).get("Contents", [])]
    held["queues"] = stack.sqs.list_queues().get("QueueUrls", [])
    held["rules"] = [each["Name"] for each in stack.client("events").list_rules()["Rules"]]
    return {what: sorted(each) for what, each in held.items()}


@pytest.fixture
def unchanged(stack) -> Iterator[None]:
    before = inventory(stack)
    yield
    assert inventory(stack) == before


@contextmanager
def without_policy(stack: Stack) -> Iterator[None]:
    """The export bucket without its policy."""
    bucket = stack.env["EXPORT_BUCKET"]
    policy = stack.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    stack.s3.delete_bucket_policy(Bucket=bucket)
    try:
        yield
    finally:
        stack.s3.put_bucket_policy(Bucket=bucket, Policy=policy)


@contextmanager
def without_recordings(stack: Stack) -> Iterator[None]:
    """Recordings that the workers may not read."""
    bucket = stack.env["SOURCE_BUCKET"]
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    stack.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [denied]}))
    try:
        yield
    finally:
        stack.s3.delete_bucket_policy(Bucket=bucket)


@contextmanager
def without_authorization(stack: Stack) -> Iterator[None]:
    """Documents that are open to everyone."""
    api = stack.client("apigatewayv2")
    (api_id,) = [each["ApiId"] for each in api.get_apis()["Items"]]
    routes = [each for each in api.get_routes(ApiId=api_id)["Items"] if each.get("AuthorizationType") == "AWS_IAM"]

    def authorize(kind: str) -> None:
        for route in routes:
            api.update_route(ApiId=api_id, RouteId=route["RouteId"], AuthorizationType=kind)

    authorize("NONE")
    try:
        yield
    finally:
        authorize("AWS_IAM")


@pytest.mark.usefixtures("unchanged")
def test_a_whole_stack_is_found_whole(stack):
    code, verdicts, said = smoke(stack)
    assert (code, set(verdicts.values())) == (0, {"ok"}), said
    assert len(verdicts) == 11, said


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("faults", "found"),
    [
        ((without_policy, without_authorization), [PUBLISHED, SIGNED]),
        ((without_recordings,), [CLIP, STILL, ABSENT, LIVE]),
    ],
)
def test_a_broken_stack_is_found_broken_and_where(faults, found, stack):
    with ExitStack() as broken:
        for fault in faults:
            broken.enter_context(fault(stack))
        code, verdicts, said = smoke(stack)
    titles = failed(verdicts)
    assert code == 1 and len(titles) == len(found), said
    assert all(any(title.startswith(each) for title in titles) for each in found), said


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_broken_off_takes_away_what_it_made(number, stack):
    with subprocess.Popen([*SMOKE, "--env", str(stack.env_file)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        for line in run.stdout:
            if "A recording that is not there" in line:
                break
        time.sleep(1)
        run.send_signal(number)
        said = run.stdout.read()
    assert run.returncode == 130 and "nothing is left" in said, said


def test_a_stack_that_is_not_there_is_an_error(stack):
    absent = ran("--env", str(stack.env_file), "--stack", "nobody")
    assert absent.returncode == 1 and "error: stack nobody" in absent.stderr
    nowhere = ran("--env", "nowhere")
    assert nowhere.returncode == 1 and "make up" in nowhere.stderr
