"""Files by a session alone: links that open them, and nothing else."""

import secrets
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from typing import NamedTuple

import pytest

from media.recording import Recording

from .conftest import RUN
from .stack import Answer, Stack, ask, unfollowed

NAME = f"Übertragung 1 {RUN}"
ARCHIVE, ACCOUNT = ("mma-video-archive", "us-west-1"), "000000000000"
TYPES = {"video": "video/mp4", "image": "image/jpeg"}


class Made(NamedTuple):
    """A clip with its keys, and the recording that it was made of."""

    job: str
    keys: dict[str, str]
    recording: Recording


@pytest.fixture(scope="module")
def made(stack: Stack, recorded: Callable[[str], Recording]) -> Made:
    recording = recorded("static_time")
    done = stack.finish(stack.request(recording, Fraction(1), 1500, NAME, container="mp4"))
    assert done.code == 5 and done.body["VideoPath"].endswith(".mp4"), done
    keys = {"video": stack.key_of(done.body["VideoPath"]), "image": stack.key_of(done.body["ImagePath"])}
    return Made(done.body["JobId"], keys, recording)


def linked(stack: Stack, job: str, query: str = "", session: str = "") -> Answer:
    headers = {"X-Session-Id": session or stack.session_id}
    return stack.send("GET", f"/export/jobs/{job}/files{query}", headers=headers)


def fetch(url: str, method: str = "GET", **headers: str) -> Answer:
    return ask(urllib.request.Request(url, headers=headers, method=method))


def told(answer: Answer) -> tuple[int, str]:
    """Status and reason of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer
    return answer.status, answer.body["detail"]


def test_links_open_the_files_without_credentials(stack, made):
    answer = linked(stack, made.job)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    left = datetime.fromisoformat(answer.body["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=13) < left <= timedelta(minutes=15)
    for name, key in made.keys.items():
        file, stored = answer.body[name], stack.s3.get_object(Bucket=stack.env["EXPORT_BUCKET"], Key=key)["Body"].read()
        got = fetch(file["url"])
        assert (got.status, got.text) == (200, stored)
        assert (file["bytes"], file["sha256"]) == (len(stored), sha256(stored).hexdigest())
        assert got.headers["content-type"] == file["content_type"] == TYPES[name]
        assert file["file_name"] == key.rpartition("/")[2]
        kind, _, encoded = got.headers["content-disposition"].partition("; ")
        assert kind == "attachment" and urllib.parse.unquote(encoded.partition("UTF-8''")[2]) == file["file_name"]
        part = fetch(file["url"], Range="bytes=2-9")
        assert (part.status, part.text) == (206, stored[2:10])
    shown = fetch(linked(stack, made.job, "?inline=1").body["video"]["url"])
    assert shown.headers["content-disposition"].startswith("inline;")


def test_a_link_is_for_one_file_one_method_and_its_time(stack, made):
    files = linked(stack, made.job).body
    url, other = files["video"]["url"], files["image"]["url"]
    place, _, query = url.partition("?")
    assert "X-Amz-Expires=900" in query or "X-Amz-Expires=899" in query
    altered = [
        place,
        f"{other.partition('?')[0]}?{query}",
        url.replace("X-Amz-Expires=", "X-Amz-Expires=1"),
        url.replace("attachment", "inline"),
    ]
    assert [fetch(each).status for each in altered] == [403] * len(altered)
    assert [fetch(url, method).status for method in ("HEAD", "PUT", "DELETE")] == [403] * 3
    assert fetch(url).status == 200


def test_a_redirect_is_for_sessions_that_clients_do_not_send_on(stack, made):
    target = f"{stack.env['API_URL']}/export/jobs/{made.job}/video?redirect=1"
    bearer = {"Authorization": f"Bearer {stack.session_id}"}
    found = ask(urllib.request.Request(target, headers=bearer), unfollowed)
    assert (found.status, found.headers["cache-control"]) == (302, "no-store")
    assert fetch(found.headers["location"]).headers["content-type"] == "video/mp4"
    for headers in ({"X-Session-Id": stack.session_id}, {**bearer, "X-Session-Id": stack.session_id}):
        refused = ask(urllib.request.Request(target, headers=headers), unfollowed)
        assert refused.status == 400 and refused.body["detail"].startswith("X-Session-Id: "), refused
    assert told(fetch(target.partition("?")[0], **bearer)) == (400, "redirect: must be 1")


def test_there_are_no_links_to_what_is_not_ready_or_anothers(stack, made):
    stranger = stack.add_tenant(f"stranger-{RUN}")
    assert told(linked(stack, made.job, session=stranger)) == told(linked(stack, "a" * 32)) == (404, "no such job")
    assert told(linked(stack, made.job, session="F" * 32)) == (401, "session invalid")
    assert told(stack.send("GET", f"/export/jobs/{made.job}/files"))[0] == 401
    for state, reason in (("RUNNING", "not ready"), ("CANCELLED", "the job has ended without files")):
        answer = linked(stack, unready(stack, made.job, state))
        assert told(answer) == (409, reason)
        assert ("retry-after" in answer.headers) == (state == "RUNNING")


def unready(stack: Stack, job: str, state: str) -> str:
    """A job like another one, in another state and without files."""
    item, name = stack.items()[f"J#{job}"], "".join(secrets.choice("bcdefgh") for _ in range(32))
    kept = {key: value for key, value in item.items() if key not in ("image", "video", "due_at", "due_shard", "expires_at")}
    changed = {"sk": {"S": f"J#{name}"}, "job_id": {"S": name}, "state": {"S": state}}
    stack.dynamodb.put_item(TableName=stack.env["JOBS_TABLE_NAME"], Item={**kept, **changed})
    return name


def test_a_file_that_was_removed_is_refused_by_s3_and_a_job_that_was_forgotten_by_the_service(stack, made):
    done = stack.finish(stack.request(made.recording, Fraction(3), 1000, f"gone-{RUN}"))
    job, key = done.body["JobId"], stack.key_of(done.body["VideoPath"])
    stack.s3.delete_object(Bucket=stack.env["EXPORT_BUCKET"], Key=key)
    files = linked(stack, job).body
    assert (fetch(files["video"]["url"]).status, fetch(files["image"]["url"]).status) == (403, 200)
    assert stack.send("DELETE", f"/export/jobs/{job}", headers={"X-Session-Id": stack.session_id}).status == 200
    assert told(linked(stack, job)) == (404, "no such job")


@pytest.mark.parametrize("owner", ["", ACCOUNT])
def test_another_bucket_is_opened_only_with_its_owner(stack, made, owner):
    tenant = f"archive-{owner or 'unowned'}-{RUN}"
    session = stack.add_tenant(tenant, [ARCHIVE])
    row = stack.dynamodb.get_item(TableName=stack.env["TENANTS_TABLE_NAME"], Key={"pk": {"S": tenant}})["Item"]
    row["targets"]["L"][0]["M"]["owner"] = {"S": owner}
    stack.dynamodb.put_item(TableName=stack.env["TENANTS_TABLE_NAME"], Item=row)
    made.recording.upload(stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{tenant}/")
    done = stack.finish(stack.request(made.recording, Fraction(1), 1000, f"kept-{RUN}", SessionId=session))
    assert done.code == 5, done
    answer = linked(stack, done.body["JobId"], session=session)
    if owner:
        assert ARCHIVE[0] in answer.body["video"]["url"] and fetch(answer.body["video"]["url"]).status == 200
    else:
        assert told(answer) == (403, "the tenant's row does not name the account that owns the bucket")
