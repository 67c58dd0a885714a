"""Walls between tenants: to one tenant, another's job is as good as one that never existed; without a live session
nobody learns anything."""

import json
import random
import urllib.error
import urllib.request
from base64 import b32decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256

import pytest
from botocore.exceptions import ClientError

from media import forms
from media.recording import Recording

from .conftest import RUN
from .stack import Answer, Stack, storage_info

START, DURATION = Fraction(11, 10), 1500
ARCHIVE, ARCHIVE_REGION = "mma-video-archive", "us-west-1"
NEVER = "2" * 32
RESOURCE = "application/vnd.export.job+json"
# What changes in a job's row as its end is told of, which happens some time after it.
TELLING = {"rev", "write_id", "due_at", "due_shard", "resends", "untold"}
# What differs from one reply to the next whatever it says.
PASSING = {"date", "x-correlation-id", "apigw-requestid", "x-amzn-requestid", "x-request-id", "x-amz-request-id"}
PASSING |= {"x-amz-id-2"}


@dataclass(frozen=True)
class Tenant:
    """`jobs`: what it has, by how far they are."""

    name: str
    session: str
    recording: Recording
    body: dict
    jobs: dict[str, str]
    answer: Answer

    @property
    def prefix(self) -> str:
        return f"recordings/{self.name}/"


@dataclass(frozen=True)
class Walls:
    """The victim and the tenant that looks for it."""

    a: Tenant
    b: Tenant
    # Where a third tenant records the same, and has never exported any of it.
    unread: str


def seen(answer: Answer, *names: str) -> tuple[int, dict[str, str], bytes]:
    """All of a reply, but for what passes and for `names` and its own job's name."""
    text, headers = answer.text.decode(), {k: v for k, v in answer.headers.items() if k not in PASSING}
    own = json.loads(text).get("JobId") if text.startswith("{") else None
    for name in filter(None, (own, *names)):
        text = text.replace(name, "~" * len(name))
        headers = {k: v.replace(name, "~" * len(name)) for k, v in headers.items()}
    return answer.status, headers, text.encode()


def request(stack: Stack, tenant: Tenant, recording: Recording, name: str, **fields: object) -> dict:
    return stack.request(recording, START, DURATION, name, SessionId=tenant.session, **fields)


def copied(recording: Recording, live_path: str) -> Recording:
    """The same recording at another place."""
    return replace(recording, live_path=live_path)


@pytest.fixture(scope="module")
def walls(stack: Stack) -> Walls:
    """A has a clip in a bucket of its own and one in the common bucket, a picture, a failed and a cancelled job; B has
    the same recording at the same path, and no job."""
    recording = forms.build("static_time")
    places = [(stack.env["EXPORT_BUCKET"], stack.env["AWS_REGION"]), (ARCHIVE, ARCHIVE_REGION)]
    tenants = {}
    for who, targets in (("a", places), ("b", places[:1])):
        name = f"{who}-{RUN}"
        session = stack.add_tenant(name, targets)
        recording.upload(stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{name}/")
        body = stack.request(recording, START, DURATION, f"wall-{RUN}", SessionId=session, PeerId="0123ABCD")
        tenants[who] = Tenant(name, session, recording, body, {}, Answer(0, {}, b""))
    a = tenants["a"]
    done = stack.finish(a.body)
    assert done.code == 5, done
    archived = storage_info([stack.entry("mp4", storage_name=ARCHIVE, storage_location=ARCHIVE_REGION)])
    others = {
        "archived": request(stack, a, recording, f"wall-{RUN}", storage_info=archived),
        "picture": request(stack, a, recording, f"wall-{RUN}", FetchMedia=False),
        "absent": request(stack, a, copied(recording, "mp4/nothing/1/stream.mpd"), f"wall-{RUN}"),
        "cancelled": request(stack, a, recording, f"wall-cancelled-{RUN}", export_type=2),
    }
    jobs = {"ready": done.body["JobId"]}
    for kind, body in others.items():
        jobs[kind] = stack.export(body).body["JobId"]
        if kind == "cancelled":
            stack.send("DELETE", f"/export/status/{jobs[kind]}", headers={"X-Session-Id": a.session})
        elif kind == "absent":
            stack.status(jobs[kind], **{"X-Session-Id": a.session, "Prefer": "wait=10"})
        else:
            assert stack.finish(body).code in (0, 5)
    stack.add_tenant(f"unread-{RUN}")
    recording.upload(stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/unread-{RUN}/")
    return Walls(replace(a, jobs=jobs, answer=done), tenants["b"], f"recordings/unread-{RUN}/")


def reads(stack: Stack, prefix: str) -> list[str]:
    """What functions have asked of S3 below a prefix: known on a stack that enforces roles."""
    if not stack.decisions.exists():
        return []
    resources = {json.loads(line)["resource"] for line in stack.decisions.read_text().splitlines()}
    return [each for each in resources if each.startswith(f"arn:aws:s3:::{stack.env['SOURCE_BUCKET']}/{prefix}")]


def known(item: dict) -> dict:
    """What clients can learn of a job's row."""
    return {name: value for name, value in item.items() if name not in TELLING}


def belongings(stack: Stack, tenant: Tenant) -> dict[str, object]:
    """A tenant's rows of the jobs table, and what its answers name in the buckets."""
    rows = {sk: known(item) for sk, item in stack.items().items() if tenant.name in item["pk"]["S"]}
    assert set(tenant.jobs.values()) <= {sk.removeprefix("J#") for sk in rows}
    objects = {}
    for bucket in (stack.env["EXPORT_BUCKET"], ARCHIVE):
        listed = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="export/")
        entries = [entry for page in listed for entry in page.get("Contents", [])]
        every = {entry["Key"]: (entry["ETag"], entry["LastModified"]) for entry in entries}
        text = json.dumps(list(rows.values()))
        objects |= {(bucket, key): state for key, state in every.items() if key.removeprefix("export/") in text}
    return {"rows": rows, "objects": objects}


@pytest.fixture(autouse=True)
def untouched(stack: Stack, walls: Walls) -> Iterator[None]:
    """Whatever B tries, nothing of A's changes."""
    before = belongings(stack, walls.a)
    assert len(before["objects"]) >= 5
    yield
    assert belongings(stack, walls.a) == before


# ---- by name

LOOKS: dict[str, Callable[[Stack, str, str], Answer]] = {
    "GET": lambda stack, job, session: stack.send("GET", f"/export/status/{job}", headers={"X-Session-Id": session}),
    "GET with a bearer": lambda stack, job, session: stack.send(
        "GET", f"/export/status/{job}", headers={"Authorization": f"Bearer {session}"}
    ),
    "GET as a resource": lambda stack, job, session: stack.send(
        "GET", f"/export/status/{job}", headers={"X-Session-Id": session, "Accept": RESOURCE}
    ),
    "GET that waits": lambda stack, job, session: stack.send(
        "GET", f"/export/status/{job}", headers={"X-Session-Id": session, "Prefer": "wait=2"}
    ),
    "DELETE": lambda stack, job, session: stack.send(
        "DELETE", f"/export/status/{job}", headers={"X-Session-Id": session}
    ),
}


@pytest.mark.parametrize("how", LOOKS)
def test_a_foreign_job_is_answered_like_one_that_never_was(how, stack, walls):
    never = LOOKS[how](stack, NEVER, walls.b.session)
    assert never.status == 404 and never.body["ErrorMessage"] == "no such job", never
    for state, job in walls.a.jobs.items():
        assert seen(LOOKS[how](stack, job, walls.b.session), job) == seen(never, NEVER), state


def test_the_comparison_sees_a_session_that_is_let_in(stack, walls):
    """With a session of A's own the replies do differ."""
    session = stack.add_session(walls.a.name)
    for how in ("GET", "GET as a resource"):
        for job in walls.a.jobs.values():
            assert seen(LOOKS[how](stack, job, session), job) != seen(LOOKS[how](stack, NEVER, session), NEVER)


# ---- by the request


def test_the_status_of_a_foreign_request_is_that_of_one_that_was_never_sent(stack, walls):
    foreign = stack.send("POST", "/export/status", {**walls.a.body, "SessionId": walls.b.session})
    never = stack.send("POST", "/export/status", {**walls.a.body, "SessionId": walls.b.session, "FileName": "never"})
    assert foreign.status == 404
    assert seen(foreign) == seen(never)


def test_the_same_request_is_another_job_with_other_paths_for_another_tenant(stack, walls):
    """File name, PeerId, path and window are all the same, and so is the bucket."""
    mine = stack.finish({**walls.a.body, "SessionId": walls.b.session})
    theirs = walls.a.answer
    assert mine.code == 5, mine
    for field in ("JobId", "VideoPath", "ImagePath"):
        assert mine.body[field] != theirs.body[field]
    folders = {answer.body["VideoPath"].split("/")[2] for answer in (mine, theirs)}
    assert len(folders) == 2
    # A job's name is the first 20 bytes of a hash of the request.
    hashes = {b32decode(answer.body["JobId"].upper()).hex().upper() for answer in (mine, theirs)}
    assert not [each for each in hashes if each[:32] in folders], "who knows the request knows where the files are"
    assert all(walls.a.jobs["ready"] not in text for text in (mine.text.decode(), str(mine.headers)))


def paths_into(prefix: str, path: str) -> list[str]:
    """LivePaths that try to get from one tenant's prefix into another's."""
    name = prefix.split("/")[1]
    return [
        f"{prefix}{path}",
        f"{name}/{path}",
        f"../{name}/{path}",
        f"mp4/../../{name}/{path}",
        f"/{prefix}{path}",
        f"..%2f{name}%2f{path}",
        f"mp4/..\\..\\{name}\\{path}",
        f"mp4/\u2025/\u2025/{name}/{path}",
        f"mp4/.. /.. /{name}/{path}",
        f"s3://bucket/{prefix}{path}",
    ]


def test_a_path_into_a_foreign_prefix_finds_what_a_path_to_nowhere_finds(stack, walls):
    own = walls.b.recording.live_path
    nowhere = f"recordings/nobody-{RUN}/"
    for foreign, control in zip(paths_into(walls.unread, own), paths_into(nowhere, own), strict=True):
        answers = []
        for path in (foreign, control):
            body = request(stack, walls.b, copied(walls.b.recording, path), f"path-{RUN}")
            answers.append(_ended(stack, body, walls.b.session))
        assert seen(answers[0]) == seen(answers[1]), foreign
        assert answers[0].body["ErrorCode"] == -1, foreign
    assert reads(stack, walls.unread) == []


def _ended(stack: Stack, body: dict, session: str) -> Answer:
    """The answer by name once the job has ended, or the refusal."""
    answer = stack.export(body)
    if answer.status != 200:
        return answer
    return stack.status(answer.body["JobId"], **{"X-Session-Id": session, "Prefer": "wait=20"})


MANIFEST = {
    "relative": "../../../../{}/{}",
    "from the root": "/{}/{}",
    "encoded": "%2e%2e/%2e%2e/%2e%2e/%2e%2e/{}/{}",
    "encoded once more": "%252e%252e/%252e%252e/{}/{}",
    "with a scheme": "s3://{bucket}/{}/{}",
    "over HTTP": "http://127.0.0.1:4566/{bucket}/{}/{}",
    "of another host": "//169.254.169.254/{}/{}",
    "a file": "file:///{}/{}",
}


@pytest.mark.parametrize("how", MANIFEST)
def test_a_manifest_that_points_into_a_foreign_prefix_reads_nothing_there(how, stack, walls):
    """The tenant writes its own manifests, so their addresses are as hostile as any field."""
    folder = walls.b.recording.live_path.rpartition("/")[0]
    answers = []
    for k, victim in enumerate((walls.unread, f"recordings/nobody-{RUN}/")):
        base = MANIFEST[how].format(victim.rstrip("/"), folder, bucket=stack.env["SOURCE_BUCKET"]) + "/"
        path = f"mp4/{how.replace(' ', '-')}{k}/1/stream.mpd"
        manifest = stack.s3.get_object(
            Bucket=stack.env["SOURCE_BUCKET"], Key=f"{walls.b.prefix}{walls.b.recording.live_path}"
        )["Body"].read()
        hostile = manifest.replace(b"<Period", b"<BaseURL>" + base.encode() + b"</BaseURL><Period", 1)
        assert hostile != manifest
        stack.s3.put_object(Bucket=stack.env["SOURCE_BUCKET"], Key=f"{walls.b.prefix}{path}", Body=hostile)
        body = request(stack, walls.b, copied(walls.b.recording, path), f"manifest-{RUN}")
        answers.append(_ended(stack, body, walls.b.session))
    assert seen(answers[0]) == seen(answers[1])
    assert answers[0].body["ErrorCode"] == -1 and "VideoPath" not in answers[0].body, answers[0]
    assert reads(stack, walls.unread) == []
    # What B does read is seen.
    if stack.decisions.exists():
        assert reads(stack, f"{walls.b.prefix}mp4/{how.replace(' ', '-')}0/1/stream.mpd")


@pytest.mark.parametrize("given", ["storage_info", "S3Bucket"])
def test_a_foreign_bucket_is_refused_like_one_that_nobody_has(given, stack, walls):
    answers = []
    for bucket in (ARCHIVE, "nobodys-archive"):
        fields: dict = {"S3Bucket": bucket, "S3Region": ARCHIVE_REGION}
        if given == "storage_info":
            entry = stack.entry("mp4", storage_name=bucket, storage_location=ARCHIVE_REGION)
            fields = {"storage_info": storage_info([entry])}
        body = request(stack, walls.b, walls.b.recording, f"bucket-{RUN}", **fields)
        answers.append(stack.send("POST", "/export", body))
        # The deprecated pair is only a wish: the tenant's own bucket takes its place.
        assert answers[-1].status == (403 if given == "storage_info" else 200), answers[-1]
    assert seen(answers[0]) == seen(answers[1])


def test_a_foreign_idempotency_key_is_free(stack, walls):
    key, headers = f"key-{RUN}", {"Idempotency-Key": f"key-{RUN}"}
    other = request(stack, walls.a, walls.a.recording, f"wall-{RUN}", FetchMedia=False)
    for body in (walls.a.body, other):
        last = stack.send("POST", "/export", body, {"Idempotency-Key": f"{key}-a"})
    assert last.status == 409, "A's own second use is a conflict"
    bodies = [request(stack, walls.b, copied(walls.b.recording, f"mp4/key{k}/1/stream.mpd"), key) for k in range(2)]
    taken = stack.send("POST", "/export", bodies[0], {"Idempotency-Key": f"{key}-a"})
    free = stack.send("POST", "/export", bodies[1], headers)
    assert seen(taken) == seen(free) and taken.status == 200


# ---- lists


def listed(stack: Stack, session: str, **query: object) -> Answer:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return stack.send("GET", f"/export/status?{text}", headers={"X-Session-Id": session})


def test_a_list_holds_only_the_tenants_own_jobs(stack, walls):
    fresh = stack.add_tenant(f"c-{RUN}")
    assert listed(stack, fresh, limit=200).body == {"jobs": [], "next": None}
    text = listed(stack, walls.b.session, limit=200).text.decode()
    assert not [job for job in walls.a.jobs.values() if job in text]
    assert walls.a.jobs["ready"] in listed(stack, walls.a.session, limit=200).text.decode()


def test_a_foreign_cursor_leads_nowhere(stack, walls):
    fresh = stack.add_tenant(f"d-{RUN}")
    cursor = listed(stack, walls.a.session, limit=1).body["next"]
    assert cursor
    got = listed(stack, fresh, limit=5, cursor=cursor)
    assert got.status == 400 or got.body["jobs"] == [], got
    assert not [job for job in walls.a.jobs.values() if job in got.text.decode()]


# ---- sessions


def routes(stack: Stack, walls: Walls, session: str, job: str | None = None) -> dict[str, Answer]:
    """Every media route with a session, the body's and the header's."""
    job, header = job or walls.a.jobs["ready"], {"X-Session-Id": session}
    body = {**walls.a.body, "SessionId": session}
    without = {key: value for key, value in body.items() if key != "SessionId"}
    return {
        "POST /export": stack.send("POST", "/export", body),
        "POST /export, header": stack.send("POST", "/export", without, header),
        "POST /export/status": stack.send("POST", "/export/status", body),
        "GET": stack.send("GET", f"/export/status/{job}", headers=header),
        "GET, bearer": stack.send("GET", f"/export/status/{job}", headers={"Authorization": f"Bearer {session}"}),
        "DELETE": stack.send("DELETE", f"/export/status/{job}", headers=header),
        "list": stack.send("GET", "/export/status?limit=1", headers=header),
        "recordings": stack.send("GET", "/recordings", headers=header),
        "recording": stack.send("GET", f"/recordings/{walls.a.body['LivePath']}", headers=header),
        "plan": stack.send("POST", "/export/plan", body),
    }


def test_no_session_but_a_live_one_is_let_in_and_all_are_refused_alike(stack, walls):
    live = stack.add_session(walls.a.name)
    chance = random.Random(RUN)
    dead = {
        "unknown": "F" * 32,
        "expired, its row still there": stack.add_session(walls.a.name, ends_in_s=-1),
        "truncated": live[:-1],
        "with something behind": f"{live}0",
        "in lower case": live.lower(),
        "its hash": sha256(live.encode()).hexdigest(),
        "short": "abc",
        "long": "A" * 300,
        "a wildcard": "*" * 32,
    } | {f"random {n}": f"{chance.getrandbits(128):032X}" for n in range(100)}
    wanted = None
    for kind, session in dead.items():
        if kind.startswith("random") and kind != "random 0":
            refused = {"POST /export": stack.send("POST", "/export", {**walls.a.body, "SessionId": session})}
        else:
            refused = routes(stack, walls, session)
        got = {route: seen(answer) for route, answer in refused.items()}
        wanted = wanted or got
        assert {answer.status for answer in refused.values()} == {401}, kind
        assert got == {route: wanted[route] for route in got}, kind
    let_in = routes(stack, walls, live, NEVER)
    assert 401 not in {answer.status for answer in let_in.values()}, let_in


def test_a_session_that_is_removed_before_it_is_used_is_none(stack, walls):
    session = stack.add_session(walls.a.name)
    key = {"pk": {"S": sha256(session.encode()).hexdigest()}}
    stack.dynamodb.delete_item(TableName=stack.env["SESSIONS_TABLE_NAME"], Key=key)
    assert {answer.status for answer in routes(stack, walls, session).values()} == {401}


def test_no_table_and_no_object_holds_a_session(stack, walls):
    """Not even the sessions table: a row is named by a hash."""
    sessions = (walls.a.session, walls.b.session, stack.session_id)
    for table in stack.dynamodb.list_tables()["TableNames"]:
        pages = stack.dynamodb.get_paginator("scan").paginate(TableName=table)
        text = "\n".join(str(item) for page in pages for item in page["Items"]).upper()
        assert not [session for session in sessions if session in text], table
    row = {"pk": {"S": sha256(walls.a.session.encode()).hexdigest()}}
    assert stack.dynamodb.get_item(TableName=stack.env["SESSIONS_TABLE_NAME"], Key=row)["Item"]
    for bucket, key in belongings(stack, walls.a)["objects"]:
        head = stack.s3.head_object(Bucket=bucket, Key=key)
        assert walls.a.session not in str(head).upper()


def test_what_is_delivered_is_not_public(stack, walls):
    if not stack.decisions.exists():
        pytest.skip("needs a stack that enforces roles")
    url = f"{stack.env['AWS_ENDPOINT_URL']}/{stack.env['EXPORT_BUCKET']}{walls.a.answer.body['VideoPath']}"
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            status = reply.status
    except urllib.error.HTTPError as error:
        status = error.code
    assert status == 403
