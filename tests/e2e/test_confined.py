"""With `TenantCredentials` the workers' own roles open no recording and no clip; what they are lent opens one tenant's recordings, or
the folder of one job."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import pytest
from botocore.exceptions import ClientError

from media import forms

from .conftest import RUN
from .stack import Stack, started, storage_info
from .test_roles import ARCHIVE, BORROWER, borrowed

WORKERS = ("MediaExportClipWorker", "MediaExportBulkWorker", "MediaExportThumbnailWorker")
LIVE_PATH = "mp4/confined/1/stream.mpd"


@dataclass(frozen=True)
class Served:
    """A tenant, and keys of its: two clips in the common bucket, one in another."""

    name: str
    clips: tuple[str, str]
    archived: str

    @property
    def manifest(self) -> str:
        return f"recordings/{self.name}/{LIVE_PATH}"


@pytest.fixture(scope="module")
def confined() -> Iterator[Stack]:
    with started(f"pytest-lent-{os.getpid()}", "--parameter", "TenantCredentials=on") as path:
        yield Stack(path)


@pytest.fixture(scope="module")
def tenants(confined: Stack) -> tuple[Served, Served]:
    """Both have had clips, stills and an absent recording."""
    return served(confined, "a"), served(confined, "b")


def served(stack: Stack, who: str) -> Served:
    name = f"{who}-{RUN}"
    places = [(stack.env["EXPORT_BUCKET"], stack.env["AWS_REGION"]), (ARCHIVE["storage_name"], ARCHIVE["storage_location"])]
    session = stack.add_tenant(name, places)
    recording = forms.seconds_into("confined", 0, 16, LIVE_PATH, 1_562_252_821_000)
    recording.upload(stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{name}/")

    def made(**fields: object) -> str:
        done = stack.finish(stack.request(recording, Fraction(1), 1500, f"{who}-{RUN}", SessionId=session, **fields))
        assert done.code in (0, 5), done
        return stack.key_of(done.body.get("VideoPath") or done.body["ImagePath"])

    made(FetchMedia=False)
    absent = stack.request(recording, Fraction(1), 1500, "absent", SessionId=session, LivePath="mp4/none/1/stream.mpd")
    job = stack.export(absent).body["JobId"]
    ended = stack.status(job, **{"X-Session-Id": session, "Prefer": "wait=20"})
    assert ended.body["ErrorMessage"] == "not such dir", ended
    archived = made(storage_info=storage_info([stack.entry("mp4", **ARCHIVE)]))
    return Served(name, (made(), made(PeerId="0123ABCD")), archived)


def decisions(stack: Stack) -> list[dict]:
    """What the functions were granted and refused."""
    lines = map(json.loads, stack.decisions.read_text().splitlines())
    return [each for each in lines if each["session"] != BORROWER]


def lent(stack: Stack, action: str, key: str) -> object:
    """A client of S3 with what the clip worker was lent for a call."""
    policies = {each.get("policy") for each in decisions(stack) if each["action"] == action and each["resource"].endswith(key)}
    (policy,) = policies
    worker = borrowed(stack, WORKERS[0])
    role = stack.env["DATA_ROLE_ARN"]
    given = stack.client("sts", **worker).assume_role(RoleArn=role, RoleSessionName=BORROWER, Policy=policy)["Credentials"]
    return stack.client(
        "s3",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def refused(s3, operation: str, **arguments: object) -> bool:
    try:
        getattr(s3, operation)(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDenied", "403"), error
        return True
    return False


def trespasses(s3, stack: Stack, victim: Served) -> list[str]:
    """What of another tenant's is open."""
    source, export, archive = stack.env["SOURCE_BUCKET"], stack.env["EXPORT_BUCKET"], ARCHIVE["storage_name"]
    calls = [
        ("get_object", {"Bucket": source, "Key": victim.manifest}),
        ("list_objects_v2", {"Bucket": source, "Prefix": f"recordings/{victim.name}/"}),
        ("get_object", {"Bucket": export, "Key": victim.clips[0]}),
        ("put_object", {"Bucket": export, "Key": victim.clips[0], "Body": b"", "IfMatch": "*"}),
        ("put_object", {"Bucket": export, "Key": f"{victim.clips[0]}.more", "Body": b"", "IfNoneMatch": "*"}),
        ("put_object", {"Bucket": archive, "Key": victim.archived, "Body": b""}),
    ]
    return [f"{operation} {arguments}" for operation, arguments in calls if not refused(s3, operation, **arguments)]


def test_the_workers_reach_s3_by_what_they_are_lent_only(confined, tenants):
    roles = {confined.functions[worker]["Role"].rpartition("/")[2] for worker in WORKERS}
    asked = [each for each in decisions(confined) if each["action"].startswith("s3:")]
    assert asked and not [each for each in asked if each["role"] in roles or not each["allowed"] or "policy" not in each]
    assert {each["session"] for each in asked} == {"read", "write"}


@pytest.mark.parametrize("worker", WORKERS)
def test_a_workers_own_role_opens_no_recording_and_no_clip(worker, confined, tenants):
    s3 = confined.client("s3", **borrowed(confined, worker))
    assert [each for tenant in tenants for each in trespasses(s3, confined, tenant)] == []


def test_who_is_lent_a_tenants_recordings_reads_them_and_nothing_else(confined, tenants):
    own, other = tenants
    s3 = lent(confined, "s3:GetObject", own.manifest)
    assert s3.get_object(Bucket=confined.env["SOURCE_BUCKET"], Key=own.manifest)["Body"].read()
    assert trespasses(s3, confined, other) == []
    assert refused(s3, "get_object", Bucket=confined.env["EXPORT_BUCKET"], Key=own.clips[0])


def test_who_is_lent_a_jobs_folder_writes_there_and_nowhere_else(confined, tenants):
    own, other = tenants
    s3, bucket = lent(confined, "s3:PutObject", own.clips[0]), confined.env["EXPORT_BUCKET"]
    s3.put_object(Bucket=bucket, Key=f"{own.clips[0]}.more", Body=b"", IfNoneMatch="*")
    assert trespasses(s3, confined, other) == []
    assert refused(s3, "put_object", Bucket=bucket, Key=f"{own.clips[1]}.more", Body=b"", IfNoneMatch="*")
    assert refused(s3, "get_object", Bucket=confined.env["SOURCE_BUCKET"], Key=own.manifest)
