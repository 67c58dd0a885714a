"""Requests that must be refused, with nothing stored and nothing written."""

import time
from fractions import Fraction
from hashlib import sha256

import pytest

from . import checks
from .stack import storage_info

BOMB = storage_info("[" * 2500)
PLANTED = {
    "wrong session": ({"SessionId": "F" * 32}, 401, "session invalid"),
    "no session": ({"SessionId": None}, 401, "session invalid"),
    "session that is too short": ({"SessionId": "abc"}, 401, "session invalid"),
    "foreign bucket": ("foreign bucket", 403, "access denied"),
    "foreign region": ("foreign region", 403, "access denied"),
    "foreign root": ("foreign root", 403, "access denied"),
    "climbing LivePath": ({"LivePath": "mp4/../../other/1/stream.mpd"}, 400, "invalid request: LivePath"),
    "encoded LivePath": ({"LivePath": "mp4/%2e%2e/other/stream.mpd"}, 400, "invalid request: LivePath"),
    "absolute LivePath": ({"LivePath": "/mp4/a/1/stream.mpd"}, 400, "invalid request: LivePath"),
    "LivePath of another kind": ({"LivePath": "mp4/a/1/stream.m3u"}, 400, "invalid request: LivePath"),
    "deep storage_info": ({"storage_info": BOMB}, 400, "invalid request: storage_info"),
    "storage_info that is not base64": ({"storage_info": "!!!"}, 400, "invalid request: storage_info"),
    "large storage_info": ({"storage_info": storage_info(" " * 9000 + "[]")}, 400, "invalid request: storage_info"),
    "no duration": ({"Duration": 0}, 400, "invalid request: Duration"),
    "negative duration": ({"Duration": -1}, 400, "invalid request: Duration"),
    "endless duration": ({"Duration": 10**15}, 400, "invalid request: Duration"),
    "StartPos as text": ({"StartPos": "1562253612833"}, 400, "invalid request: StartPos"),
    "unknown type": ({"export_type": 3}, 400, "invalid request: export_type"),
    "unknown container": ({"container": "mkv"}, 400, "invalid request: container: must be ts or mp4"),
    "container beside another storage": ("other container", 400, "invalid request: container: is mp4"),
    "unknown caller": ({"ServiceCaller": "someone"}, 400, "invalid request: ServiceCaller"),
    "missing caller": ({"ServiceCaller": None}, 400, "invalid request: ServiceCaller"),
    "path in FileName": ({"FileName": "../../x"}, 400, "invalid request: FileName"),
    "hidden FileName": ({"FileName": ".x"}, 400, "invalid request: FileName"),
    "media and thumbnail": ({"FetchThumb": True}, 400, "invalid request: FetchThumb"),
    "text for a boolean": ({"FetchMedia": "true"}, 400, "invalid request: FetchMedia"),
    "other service": ({"_ServiceName": "other"}, 400, "invalid request: _ServiceName"),
    "other version": ({"_Version": 2}, 400, "unsupported version"),
    "StartTime as words": ({"StartTime": "soon"}, 400, "invalid request: StartTime"),
}
BODIES = {
    "empty": (b"", 400),
    "not JSON": (b"hello", 400),
    "list": (b"[]", 401),
    "deep": (b"[" * 30_000, 400),
    "too large": (b'{"userid":"' + b"x" * 65_600 + b'"}', 413),
}


def _foreign(stack, kind: str) -> dict:
    if kind == "other container":
        return {"container": "mp4", "storage_info": stack.storage("ts")}
    entry = {
        "foreign bucket": stack.entry("ts", storage_name="somebody-elses-bucket"),
        "foreign region": stack.entry("ts", storage_location="eu-north-1"),
        "foreign root": stack.entry("ts", storage_root_folder="elsewhere"),
    }[kind]
    return {"storage_info": storage_info([entry])}


@pytest.fixture
def nothing_written(stack):
    """Nothing may be stored while the test runs."""
    before = stack.items().keys(), stack.exported()
    yield
    assert (stack.items().keys(), stack.exported()) == before


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("fault", PLANTED)
def test_a_bad_request_is_refused(fault, stack, recorded, name):
    fields, status, message = PLANTED[fault]
    recording = recorded("static_time")
    fields = _foreign(stack, fields) if isinstance(fields, str) else fields
    answer = stack.export(stack.request(recording, recording.truth.span()[0], 2000, name, **fields))
    assert answer.status == status, answer
    assert set(answer.body) == checks.REFUSED
    assert answer.body["ErrorCode"] == -1 and answer.final
    assert message in answer.body["ErrorMessage"]


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("fault", BODIES)
def test_a_body_that_is_no_request_is_refused(fault, stack):
    body, status = BODIES[fault]
    answer = stack.export(body)
    assert answer.status == status, answer
    assert answer.body["ErrorCode"] == -1 and answer.final and set(answer.body) == checks.REFUSED


PLAYLISTS = {
    "recording not readable": "#EXTM3U\n#EXTINF:2,\nrecording-not-readable.m3u8\n#EXT-X-ENDLIST\n",
    "recording is encrypted": '#EXTM3U\n#EXT-X-MAP:URI="i"\n#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF:2,\ns\n#EXT-X-ENDLIST\n',
}


@pytest.mark.parametrize("reason", PLAYLISTS)
def test_a_playlist_that_no_clip_is_made_of_is_refused_for_good(reason, stack, recorded, name):
    path = f"mp4/{name}/{reason.replace(' ', '-')}.m3u8"
    key = f"{stack.env['SOURCE_PREFIX']}{path}"
    stack.s3.put_object(Bucket=stack.env["SOURCE_BUCKET"], Key=key, Body=PLAYLISTS[reason].encode())
    fields = {"LivePath": path, "StartTime": "0"}
    answer = stack.finish(stack.request(recorded("static_time"), Fraction(0), 1000, name, **fields))
    assert (answer.final, answer.body["ErrorMessage"]) == (True, reason), stack.job(answer.body["JobId"])["detail"]


@pytest.mark.usefixtures("nothing_written")
def test_a_duplicate_field_is_refused(stack, recorded, name):
    recording = recorded("static_time")
    body = (
        str(stack.request(recording, recording.truth.span()[0], 2000, name)).replace("'", '"').replace("True", "true")
    )
    answer = stack.export(body.replace('"Duration"', '"Duration": 1, "Duration"', 1).encode())
    assert answer.status == 400 and "Duration" in answer.body["ErrorMessage"], answer


@pytest.mark.usefixtures("nothing_written")
def test_an_expired_session_is_refused(stack, recorded, name):
    session = sha256(name.encode()).hexdigest()[:32]
    key = {"pk": {"S": sha256(session.encode()).hexdigest()}}
    item = {**key, "tenant": {"S": "demo"}, "expires_at": {"N": str(int(time.time()) - 1)}}
    stack.dynamodb.put_item(TableName=stack.env["SESSIONS_TABLE_NAME"], Item=item)
    recording = recorded("static_time")
    answer = stack.export(stack.request(recording, recording.truth.span()[0], 2000, name, SessionId=session))
    assert answer.status == 401 and answer.body["ErrorMessage"] == "session invalid", answer
    stack.dynamodb.delete_item(TableName=stack.env["SESSIONS_TABLE_NAME"], Key=key)


def test_status_needs_a_session_and_a_job_of_its_tenant(stack):
    unknown = "a" * 32
    answer = stack.status(unknown)
    assert answer.status == 404 and answer.body["ErrorMessage"] == "no such job" and answer.final, answer
    for headers in ({}, {"X-Session-Id": "F" * 32}, {"Authorization": "Bearer " + "F" * 32}):
        assert stack.send("GET", f"/export/status/{unknown}", headers=headers).status == 401
    assert stack.send("GET", "/export/status/not-an-id", headers={"X-Session-Id": stack.session_id}).status == 404


def test_an_item_of_another_tenant_cannot_be_seen(stack, recorded, name):
    session = sha256(f"other {name}".encode()).hexdigest()[:32]
    tenant = f"tenant-{name[-12:]}"
    row = stack.dynamodb.get_item(TableName=stack.env["TENANTS_TABLE_NAME"], Key={"pk": {"S": "demo"}})["Item"]
    stack.dynamodb.put_item(
        TableName=stack.env["TENANTS_TABLE_NAME"],
        Item={**row, "pk": {"S": tenant}, "source_prefix": {"S": "recordings/other/"}},
    )
    item = {
        "pk": {"S": sha256(session.encode()).hexdigest()},
        "tenant": {"S": tenant},
        "expires_at": {"N": str(int(time.time()) + 600)},
    }
    stack.dynamodb.put_item(TableName=stack.env["SESSIONS_TABLE_NAME"], Item=item)
    recording = recorded("static_time")
    body = stack.request(recording, recording.truth.span()[0], 1000, name)
    mine = stack.finish(body)
    assert mine.code == 5, mine
    theirs = stack.send("GET", f"/export/status/{mine.body['JobId']}", headers={"X-Session-Id": session})
    assert theirs.status == 404, theirs
    other = stack.export({**body, "SessionId": session})
    assert other.body.get("JobId") not in (None, mine.body["JobId"]), other
