"""Tenants and sessions as an operator makes them."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256

import pytest

from media import forms

from . import checks
from .conftest import RUN
from .stack import ROOT, Stack

TENANT = f"operated-{RUN}"
OWNER = "000000000000"


class Operator:
    """The command line, asked about one stack."""

    def __init__(self, stack: Stack) -> None:
        self._command = [sys.executable, str(ROOT / "infra" / "ops" / "tenants.py"), "--env", str(stack.env_file)]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command, *arguments], capture_output=True, text=True, timeout=60, check=False)

    def done(self, *arguments: str) -> str:
        """What it printed, without a word of warning."""
        ran = self.run(*arguments)
        assert (ran.returncode, ran.stderr) == (0, ""), ran
        return ran.stdout

    def refused(self, *arguments: str) -> str:
        ran = self.run(*arguments)
        assert ran.returncode == 1 and "Traceback" not in ran.stderr, ran
        return ran.stderr


@pytest.fixture(scope="module")
def operator(stack):
    operator = Operator(stack)
    operator.done("tenant", "add", TENANT, "--max-active", "7")
    yield operator
    operator.run("tenant", "remove", TENANT)


@pytest.fixture(scope="module")
def session(operator) -> str:
    return operator.done("session", "add", TENANT, "--hours", "1").strip()


def test_a_tenant_and_a_session_that_were_added_open_their_recordings(stack, operator, session, name, tmp_path):
    recording = replace(forms.build("static_time"), live_path=f"mp4/{name}/1/stream.mpd")
    recording.upload(stack.s3, stack.env["SOURCE_BUCKET"], f"{TENANT}/")
    done = stack.finish(stack.request(recording, Fraction(2), 1500, name, SessionId=session))
    checks.exact(stack, recording, done, checks.expected_of(recording, Fraction(2), 1500), tmp_path)


def test_only_the_digest_of_a_session_is_kept(stack, operator, session):
    digest = sha256(session.encode()).hexdigest()
    listed = operator.done("session", "list", TENANT)
    assert digest in listed and session not in listed
    rows = stack.dynamodb.scan(TableName=stack.env["SESSIONS_TABLE_NAME"])["Items"]
    assert session not in str(rows) and digest in {row["pk"]["S"] for row in rows}


def test_a_revoked_session_opens_nothing(stack, operator):
    for form in (str, lambda session: sha256(session.encode()).hexdigest()):
        session = operator.done("session", "add", TENANT).strip()
        operator.done("session", "revoke", form(session))
        assert stack.send("GET", "/export/status", headers={"X-Session-Id": session}).status == 401
        assert "none of that id" in operator.refused("session", "revoke", session)


def test_a_tenant_is_replaced_only_on_demand(operator):
    assert "is there already" in operator.refused("tenant", "add", TENANT)
    assert json.loads(operator.done("tenant", "show", TENANT))["max_active"] == 7
    operator.done("tenant", "add", TENANT, "--replace", "--max-active", "8")
    assert f"{TENANT} " in operator.done("tenant", "list")
    assert json.loads(operator.done("tenant", "show", TENANT))["max_active"] == 8


def test_what_the_stack_does_not_bear_out_is_told(stack, operator):
    """The row is written: the parameter may follow."""
    for arguments, words in (
        (("--source-bucket", "somebody-elses"), "TenantSourceBucketArns"),
        (("--target", "somebody-elses"), "TenantTargetBucketArns"),
        (("--target", "mma-video-archive"), "lies in us-west-1"),
        (("--target", f"{stack.env['EXPORT_BUCKET']}::root"), "leave the root out"),
        (("--source-prefix", ""), "every recording"),
    ):
        added = operator.run("tenant", "add", f"{TENANT}-b", "--replace", *arguments)
        assert added.returncode == 0 and "warning: " in added.stderr and words in added.stderr, added
    operator.done("tenant", "remove", f"{TENANT}-b")


def test_a_removed_tenant_and_its_sessions_open_nothing(stack, operator):
    name = f"{TENANT}-c"
    operator.done("tenant", "add", name)
    session = operator.done("session", "add", name).strip()
    assert "1 sessions" in operator.done("tenant", "remove", name)
    assert stack.send("GET", "/export/status", headers={"X-Session-Id": session}).status == 401
    assert f"there is no {name}" in operator.refused("session", "add", name)


def test_a_bucket_of_the_stack_is_held_to_the_stacks_account(operator):
    """Of others nobody knows whose they should be; a target is in the stack's region unless it says where."""
    places = ("--target", "mma-video-archive:us-west-1:a/b", "--target", "others:eu-west-1::123456789012")
    operator.run("tenant", "add", TENANT, "--replace", *places)
    row = json.loads(operator.run("tenant", "show", TENANT).stdout)
    assert row["source_owner"] == OWNER
    assert row["targets"] == [
        {"bucket": "mma-video-archive", "region": "us-west-1", "root": "a/b", "owner": ""},
        {"bucket": "others", "region": "eu-west-1", "root": "", "owner": "123456789012"},
    ]
    operator.done("tenant", "add", TENANT, "--replace")
    (target,) = json.loads(operator.done("tenant", "show", TENANT))["targets"]
    assert (target["region"], target["owner"]) == ("us-east-1", OWNER)


def test_a_bad_argument_is_named(operator):
    assert "error: tenant: " in operator.refused("tenant", "add", "a b")
    assert "error: target: " in operator.refused("tenant", "add", "x", "--target", "Clips")
    assert "error: hours: " in operator.refused("session", "add", TENANT, "--hours", "0")
