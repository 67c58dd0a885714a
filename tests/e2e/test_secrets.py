"""What clients keep secret reaches no log and no reply, and nothing that they write makes a line of a log its own."""

import base64
import json
import re
import secrets
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction

import pytest
from botocore.exceptions import ClientError

from .conftest import RUN
from .mre import Mre, scenarios
from .stack import Answer, Stack, ask, storage_info, unfollowed

# What the platform writes around a function's own lines.
PLATFORM = re.compile(r"(INIT_START|START|END|REPORT) (RequestId|Runtime)")
BREAKS = ("\n", "\r\n", "\r", "\u2028", "\x1b[2J\x1b[31m", "\x08\x08", "\0", "\x85")
FIELDS = (
    "LivePath", "FileName", "PeerId", "StartTime", "ServiceCaller", "userid", "_UrlPath", "_ServiceName", "SessionId",
    "S3Bucket", "S3Region", "storage_info",
)  # fmt: skip
FORGED = '{"level":"ERROR","message":"forged"}'


class Marks:
    """Secrets that are told from anything else; `given`: what each is a secret of."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}

    def new(self, what: str, length: int = 16) -> str:
        mark = secrets.token_hex(length)
        self.given[mark] = what
        return mark

    def known(self, what: str, mark: str) -> str:
        self.given[mark] = what
        return mark

    def forms(self) -> dict[str, str]:
        """Each secret as it may be written."""
        written = {}
        for mark, what in self.given.items():
            packed = base64.b64encode(mark.encode()).decode().rstrip("=")[:-2]
            written |= {mark: what, mark.lower(): what, mark.upper(): what, packed: what, mark[: len(mark) // 2]: what}
        return written

    def found(self, text: str) -> set[str]:
        return {what for form, what in self.forms().items() if form in text}


@pytest.fixture(scope="module")
def marks() -> Marks:
    return Marks()


@pytest.fixture(scope="module")
def logged(stack: Stack) -> Callable[[], list[str]]:
    """The functions' own lines since the module began."""
    before = {name: len(lines) for name, lines in stack.logs().items()}

    def since() -> list[str]:
        return [line for name, lines in stack.logs().items() for line in lines[before.get(name, 0) :]]

    return since


@pytest.fixture(scope="module")
def replies(stack, recorded, marks, logged) -> list[Answer]:
    """Requests full of secrets, along the ways of success and error."""
    recording = recorded("static_time")
    session = marks.known("session", stack.add_tenant(f"marked-{RUN}"))
    recording.upload(stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/marked-{RUN}/")
    wrong = marks.new("wrong session")
    user, note = marks.new("userid"), marks.new("storage_info")
    info = storage_info([stack.entry("ts", storage_description=note)])
    marks.known("storage_info as sent", info[20:60])

    def body(**fields: object) -> dict:
        name = f"marked-{len(got)}-{RUN}"
        secret = {"SessionId": session, "userid": user, "storage_info": info}
        return stack.request(recording, Fraction(1), 1000, name, **secret, **fields)

    got: list[Answer] = []
    done = stack.finish(body())
    assert done.code == 5, done
    got += [done, stack.finish(body(FetchMedia=False))]
    hostile = {
        "LivePath": f"mp4/../{marks.new('LivePath')}/stream.mpd",
        "FileName": f"../{marks.new('FileName')}",
        "PeerId": marks.new("PeerId", 20),
        "StartTime": marks.new("StartTime"),
        "ServiceCaller": marks.new("ServiceCaller"),
        "export_type": marks.new("export_type"),
        "Duration": marks.new("Duration"),
        "_Version": marks.new("_Version"),
        "_ServiceName": marks.new("_ServiceName"),
        "story": {"id": f"#{marks.new('story.id')}", "name": marks.new("story.name")},
        "userid": marks.new("long userid") * 20,
        "S3Bucket": [marks.new("S3Bucket")],
        "storage_info": storage_info([stack.entry("ts", storage_name=marks.new("bucket"))]),
    }
    for field, value in hostile.items():
        got.append(stack.export({**body(), field: value}))
        got.append(stack.send("POST", "/export/status", {**body(), field: value}))
        got.append(stack.send("POST", "/export/plan", {**body(), field: value}))
    for text in (note, f'"{note}', f'[{{"storage_name": {note}'):
        got.append(stack.export({**body(), "storage_info": storage_info(text)}))
    raw = json.dumps(body())
    unknown, twice = marks.new("unknown field"), marks.new("field that comes twice")
    for text in (
        raw[:-1] + f', "{unknown}": 1, ',
        raw[:-1] + f', "{twice}": 1, "{twice}": 2}}',
        raw[:-1] + f", {marks.new('no JSON')}",
        raw.replace('"Duration"', '"SessionId"'),
        f'{{"SessionId": "{session}", "SessionId": "{session}", "userid": "{user}',
        base64.b64encode(raw.encode()).decode(),
    ):
        got.append(stack.export(text.encode()))
    got += [stack.export({**body(), "SessionId": wrong}), stack.export({**body(), "SessionId": {"a": wrong}})]
    got += named_by_the_session(stack, body, session, wrong)
    job = done.body["JobId"]
    for headers in (
        {"X-Session-Id": session},
        {"X-Session-Id": wrong},
        {"Authorization": f"Bearer {session}"},
        {"Authorization": f"Bearer {wrong}"},
        {"Authorization": f"Basic {marks.new('Basic')}"},
        {"Authorization": marks.new("Authorization"), "Cookie": marks.new("Cookie")},
        {"X-Session-Id": session, "Accept": "application/vnd.export.job+json"},
        {"X-Session-Id": session, "Prefer": marks.new("Prefer"), "X-Forwarded-For": marks.new("X-Forwarded-For")},
    ):
        got += [stack.send("GET", f"/export/status{path}", headers=headers) for path in ("", f"/{job}", f"/{wrong}")]
        got.append(stack.send("DELETE", f"/export/status/{job}", headers=headers))
        query = f"?limit={marks.new('limit')}", f"?cursor={marks.new('cursor')}", f"?state={marks.new('state')}"
        got += [stack.send("GET", f"/export/status{each}", headers=headers) for each in query]
        hidden = f"?under={marks.new('under')}", f"?cursor={marks.new('cursor')}", f"/{marks.new('LivePath')}/stream.mpd"
        got += [stack.send("GET", f"/recordings{each}", headers=headers) for each in hidden]
    key = marks.new("Idempotency-Key")
    for each in (key, key, f"{key} {key}", key * 5):
        got.append(stack.send("POST", "/export", body(FetchMedia=False), {"Idempotency-Key": each}))
    return got


def named_by_the_session(stack: Stack, body: Callable[..., dict], session: str, wrong: str) -> Iterator[Answer]:
    """Requests that call themselves by the session that they hold, in bodies that hide it."""
    escaped, whole = f"\\u{ord(session[0]):04x}{session[1:]}", json.dumps(body())
    for told in (session, f"order of {session}", f"a-{session}-b"):
        called = {"X-Correlation-Id": told}
        texts = (
            whole,
            f'// "SessionId": "old"\n{whole}',
            whole.replace(session, wrong) + f" // was {session}",
            whole.replace('"userid"', '"PeerId": "SessionId", "userid"'),
            whole.replace(session, escaped),
            whole.replace(session, escaped)[:-1],
            whole.replace('"SessionId"', '"SessionId": "old", "SessionId"'),
        )
        for text in (*map(str.encode, texts), whole.encode().replace(b'"userid": "', b'"userid": "\xff')):
            yield stack.send("POST", "/export", text, called)
            yield stack.send("POST", "/export/status", text, called)
        yield stack.send("GET", "/export/status", headers={**called, "X-Session-Id": session})
        yield stack.send("GET", "/export/status", headers={**called, "Authorization": f"Bearer {session}"})


def test_no_reply_holds_a_secret(replies, marks):
    assert len(replies) > 60 and {answer.status for answer in replies} >= {200, 400, 401, 403, 404, 409}
    told = {what: answer for answer in replies for what in marks.found(f"{answer.headers} {answer.text.decode()}")}
    assert told == {}


def test_no_log_holds_a_secret(replies, marks, logged):
    lines = logged()
    assert len([line for line in lines if line.startswith("{")]) > 20
    told = {what: line for line in lines for what in marks.found(line)}
    assert told == {}


def test_a_secret_in_a_log_would_be_found(stack, marks, replies, logged):
    """The tenant's own name is in the logs; as a mark it would be found there, in half and in base64 too."""
    planted = Marks()
    planted.known("tenant", f"marked-{RUN}")
    lines = logged()
    assert any(planted.found(line) for line in lines)
    session = next(mark for mark, what in marks.given.items() if what == "session")
    for text in (session, session.lower(), session[:20], base64.b64encode(session.encode()).decode()):
        assert marks.found(f"x{text}x") == {"session"}


SIGNED = r"(?:X-Amz-Signature|X-Amz-Security-Token|X-Amz-Credential)=([^&]+)"


def test_a_signed_link_is_not_logged(stack, recorded, logged):
    """Whoever has it may read the document or the file."""
    mre = Mre(stack)
    names = mre.load(scenarios()["replay_mp4_weight"])
    signed = []
    for each in (names, names.of_event()):
        location = mre.get(each.path() + "?delivery=link").body["Location"]
        with urllib.request.urlopen(location, timeout=30) as reply:
            assert reply.status == 200
        signed.append(location)
    job = stack.finish(stack.request(recorded("static_time"), Fraction(1), 1000, f"linked-{RUN}")).body["JobId"]
    files = stack.send("GET", f"/export/jobs/{job}/files", headers={"X-Session-Id": stack.session_id}).body
    signed += [files["video"]["url"], files["image"]["url"]]
    bearer = urllib.request.Request(f"{stack.env['API_URL']}/export/jobs/{job}/video?redirect=1")
    bearer.add_header("Authorization", f"Bearer {stack.session_id}")
    signed.append(ask(bearer, unfollowed).headers["location"])
    parts = [part for url in signed for part in re.findall(SIGNED, url)]
    assert len(parts) >= 3 * len(signed) == 15
    text = "\n".join(logged())
    assert "signed links to a job's files" in text
    assert not [part for part in parts if part in text or part[:24] in text]
    assert not re.search("X-Amz-(?:Signature|Security-Token|Credential)", text)


def test_a_refusal_tells_nothing_of_the_installation(replies, stack):
    """Buckets, tables, queues, accounts: the client names them, or does not learn them."""
    named = [value for name, value in stack.env.items() if name.endswith(("_TABLE_NAME", "_BUCKET", "_QUEUE_URL"))]
    inner = filter(None, named)
    patterns = [*map(re.escape, inner), r"arn:aws", r"\b\d{12}\b(?!\d)", r"panicked", r"src/\w+\.rs"]
    for answer in replies:
        if answer.status != 200:
            assert not [each for each in patterns if re.search(each, answer.text.decode())], answer


def own(lines: list[str]) -> list[str]:
    return [line for line in lines if not PLATFORM.match(line)]


def test_a_line_of_a_log_is_one_json_object(replies, logged):
    for line in own(logged()):
        event = json.loads(line)
        assert isinstance(event, dict) and ("_aws" in event or {"timestamp", "level"} <= event.keys()), line


def test_nothing_that_a_client_writes_makes_a_line(stack, recorded):
    """However it breaks its text, a request gives the lines that a plain one gives."""
    plain = stack.request(recorded("static_time"), Fraction(1), 1000, f"line-{RUN}")
    hostile = [f"x{mark}{FORGED}" for mark in BREAKS]
    bodies = [plain | {field: text} for field in FIELDS for text in hostile]
    bodies += [plain | fields for text in hostile for fields in ({"story": {"name": text, "id": text}}, {text: text})]
    routes = {"media-export-submit": "/export", "status-poll": "/export/status"}
    with unforged(stack, routes, most=1) as named, ThreadPoolExecutor(8) as pool:
        for path in routes.values():
            list(pool.map(lambda body, path=path: stack.send("POST", path, body, named()), bodies))


def test_a_hostile_document_name_makes_no_line(stack):
    names = [urllib.parse.quote(f"x{mark}{FORGED}", safe="") for mark in BREAKS]
    # The reason of a refusal is a line of its own.
    with unforged(stack, ("event-export", "replay-export"), most=2) as named:
        for name in names:
            for path in (f"event/{name}/program/p", f"replay?id={name}&event=e&program={name}"):
                assert stack.send("GET", f"/export/data/{path}", headers=named()).status in (400, 404), path


@contextmanager
def unforged(stack: Stack, crates: Iterable[str], most: int) -> Iterator[Callable[[], dict[str, str]]]:
    """Meanwhile each function logs between 1 and `most` lines for a request, all of its own making.

    Yields what gives the next request a name, by which its lines are known: those of an earlier request may arrive late.
    """
    before = {crate: len(own(stack.log(crate))) for crate in crates}
    names = [f"line-{RUN}-{secrets.token_hex(4)}-{n}" for n in range(1000)]
    unused = iter(names)
    yield lambda: {"X-Correlation-Id": next(unused)}
    for crate, known in before.items():
        lines = own(stack.log(crate))[known:]
        for line in lines:
            assert json.loads(line).get("message") != "forged", line
            assert not any(mark in line for mark in BREAKS), line
        # A metric is of no request, nor is what an instance says when it starts.
        events = [event for event in map(json.loads, lines) if "_aws" not in event]
        said = Counter(event["span"]["correlation.id"] for event in events if event.get("message") != "started the function")
        counts = [said[name] for name in names if name in said]
        assert counts and max(counts) <= most, (crate, said)


def test_a_forged_line_would_be_found(stack, monkeypatch):
    lines = {"x": [[], [f"x\n{FORGED}".splitlines()[1]]]}
    monkeypatch.setattr(stack, "log", lambda crate: lines[crate].pop(0))
    with pytest.raises(AssertionError, match="forged"), unforged(stack, "x", most=9):
        pass


def test_an_object_that_tells_of_its_job_tells_no_secret(replies, stack, marks):
    """Metadata of what was delivered."""
    for key in stack.exported():
        if RUN in key or "marked" in key:
            try:
                head = stack.s3.head_object(Bucket=stack.env["EXPORT_BUCKET"], Key=key)
            except ClientError:
                continue
            assert marks.found(str(head)) == set(), key
