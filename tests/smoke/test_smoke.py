"""The smoke test finds a whole stack whole, a broken one broken, and leaves neither changed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction

import pytest

from e2e.stack import LAUNCHER, ROOT, Stack
from media import forms

from . import __main__ as command

NAME = f"smoke-{os.getpid()}"
SMOKE = [sys.executable, str(ROOT / "tests" / "smoke")]
CLIP, PARTS, PUBLISHED = "A clip has exactly", "A clip that is uploaded", "A file below export/"
LIVE, SIGNED = "A window past the live edge", "Event and replay documents are for"
STILL, ABSENT = "A thumbnail shows", "A recording that is not there"
FOUND, BATCH = "A recording is found", "A batch makes the clips"


@contextmanager
def deployed(name: str, *parameters: str) -> Iterator[Stack]:
    """A stack of our own, held to its roles and policies, its documents only for those who sign."""
    up = [sys.executable, str(LAUNCHER), "up", "--name", name, "--enforce-iam"]
    up += [word for each in ("DataExportAuth=AWS_IAM", *parameters) for word in ("--parameter", each)]
    binaries = os.environ.get("STACK_BIN_DIR")
    subprocess.run(up + (["--bin-dir", binaries] if binaries else []), check=True)
    try:
        yield Stack(ROOT / ".local" / name / "env")
    finally:
        subprocess.run([sys.executable, str(LAUNCHER), "down", "--name", name], check=True)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with deployed(NAME) as stack:
        yield stack


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SMOKE, *arguments], capture_output=True, text=True, timeout=400, check=False)


def smoke(stack: Stack, *options: str) -> tuple[int, dict[str, str], str]:
    """Exit code, verdict of each check, and all that was said."""
    done = ran("--env", str(stack.env_file), *options)
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
        kept = stack.s3.list_object_versions(Bucket=stack.env[bucket])
        held[bucket] = [each["Key"] for kind in ("Versions", "DeleteMarkers") for each in kept.get(kind, [])]
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
def test_a_whole_stack_is_found_whole_wherever_it_is_asked(stack):
    (api,) = stack.client("apigatewayv2").get_apis()["Items"]
    url = f"{stack.env['AWS_ENDPOINT_URL']}/_aws/execute-api/{api['ApiId']}"
    code, verdicts, said = smoke(stack, "--url", url)
    assert f", {url}, as smoke-" in said.splitlines()[0]
    assert (code, set(verdicts.values())) == (0, {"ok"}), said
    assert len(verdicts) == 17, said


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("faults", "found"),
    [
        ((without_policy, without_authorization), [PUBLISHED, SIGNED]),
        ((without_recordings,), [BATCH, CLIP, PARTS, FOUND, ABSENT, STILL, LIVE]),
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
def test_a_run_that_is_broken_off_takes_away_what_it_made_however_often_it_is_told(number, stack):
    code, said = broken_off(stack, number)
    assert code == 130 and "nothing is left" in said, said


@pytest.mark.usefixtures("unchanged")
def test_what_cannot_be_taken_away_is_told(stack):
    code, said = broken_off(stack, signal.SIGTERM, lambda url: stack.sqs.delete_queue(QueueUrl=url))
    assert code == 130 and re.search("(?m)^LEFT +queue of smoke-", said) and "1 things are left" in said, said


def broken_off(stack: Stack, number: int, meanwhile: Callable[[str], object] = lambda url: None) -> tuple[int, str]:
    """A run that is told to end in the midst of the live check, again and again; `meanwhile` gets its queue. Returns
    its exit code and what it said from then on."""
    others = queues(stack)
    with subprocess.Popen([*SMOKE, "--env", str(stack.env_file)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        for line in run.stdout:
            if "A recording that is not there" in line:
                break
        (queue,) = queues(stack) - others
        meanwhile(queue)
        time.sleep(1)
        while run.poll() is None:
            run.send_signal(number)
            time.sleep(0.05)
        said = run.stdout.read()
    return run.returncode, said


def queues(stack: Stack) -> set[str]:
    return set(stack.sqs.list_queues().get("QueueUrls", []))


def test_a_stack_without_sessions_that_keeps_versions_is_left_as_it_was():
    """Its default tenant has other jobs as well, which stay."""
    with deployed(f"{NAME}-open", "AuthMode=none", "DefaultTenant=demo") as stack:
        recording = stack.upload(forms.build("static_time"))
        other = stack.finish(stack.request(recording, Fraction(1), 1000, "other"))
        assert other.code == 5, other
        for bucket in ("SOURCE_BUCKET", "EXPORT_BUCKET"):
            enabled = {"Status": "Enabled"}
            stack.s3.put_bucket_versioning(Bucket=stack.env[bucket], VersioningConfiguration=enabled)
        before = inventory(stack)
        code, verdicts, said = smoke(stack)
        skipped = [title for title, verdict in verdicts.items() if verdict == "skipped"]
        assert code == 0 and len(skipped) == 1 and "AuthMode" in skipped[0], said
        assert inventory(stack) == before


def test_what_aws_refuses_before_the_first_check_is_an_error_in_words(stack, monkeypatch, capsys):
    class Astray(command.Deployment):
        """One whose tenants table is not there."""

        outputs = {**command.Deployment(env=stack.env_file).outputs, "TenantsTableName": "nowhere"}

    handlers = {number: signal.getsignal(number) for number in command.SIGNALS}
    monkeypatch.setattr(command, "Deployment", Astray)
    monkeypatch.setattr(sys, "argv", ["smoke", "--env", str(stack.env_file)])
    try:
        assert command.main() == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err.startswith("error: An error occurred (ResourceNotFoundException)")


def test_a_stack_that_is_not_there_is_an_error(stack):
    absent = ran("--env", str(stack.env_file), "--stack", "nobody")
    assert absent.returncode == 1 and "error: stack nobody" in absent.stderr
    nowhere = ran("--env", "nowhere")
    assert nowhere.returncode == 1 and "make up" in nowhere.stderr
