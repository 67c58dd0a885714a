"""Whatever arrives, in a queue or as an event: the functions live, good jobs are done, and only what nobody can read
ends as a dead letter."""

import base64
import json
import os
import random
import signal
import string
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from .conftest import RUN, SEED
from .mre import wait_for
from .stack import ROOT, Invoked, Stack

EVENTS = ROOT / "events"
BODIES, HTTP_EVENTS = 1000, 1000
QUEUES = ("CLIP", "THUMBNAIL")
ENTRY_POINTS = {
    "media-export-submit": "MediaExportSubmit",
    "status-poll": "StatusPoll",
    "media-read": "MediaRead",
    "export-batch": "ExportBatch",
    "recordings": "Recordings",
    "event-export": "EventExport",
    "replay-export": "ReplayExport",
}
DOCUMENTED = {503}
# Crates that panic about what is no HTTP request; the functions catch that and answer 400.
CAUGHT = ("/lambda_http-", "/aws_lambda_events-")
# What an XML 1.0 document, and so a queue message, may hold.
LETTERS = string.printable.translate({0x0B: None, 0x0C: None}) + "äß語🎾\u2028\ufeff\u202e\u0301"
HUGE = 200_000
GOOD_ID = "a" * 32


# ---- queue messages


def message(**changes: object) -> dict:
    """A message about a job that does not exist; `None` leaves a member out."""
    body = {"v": 1, "tenant": "demo", "job_id": GOOD_ID, "generation": 1, **changes}
    return {name: value for name, value in body.items() if value is not None}


def decodable(chance: random.Random) -> str:
    """A message in the form of ours that asks for nothing there is."""
    identity = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz234567", k=32))
    strange = [
        message(job_id=identity),
        message(job_id=identity, tenant=f"foreign-{chance.randrange(1000)}"),
        message(job_id=identity, generation=chance.choice([0, 2, 2**32 - 1])),
        message(job_id=identity, more={"deep": [[[["x"]]]]}, _=chance.random()),
        message(job_id=identity, huge="x" * chance.randrange(1000, HUGE)),
    ]
    return json.dumps(chance.choice(strange), indent=chance.choice([None, 1]))


def undecodable(chance: random.Random) -> str:
    """Anything else."""
    good = json.dumps(message())
    wrong = [
        message(v=chance.choice([0, 2, -1, 1.5, "1", None, True, 10**30])),
        message(tenant=chance.choice(["", "T#x", "a/b", "../a", "x" * 65, 7, None, ["demo"], "dem\u00f6", "a\nb"])),
        message(job_id=chance.choice(["", "a" * 31, "a" * 33, "A" * 32, "1" * 32, "../" + "a" * 29, 7, None, {}])),
        message(generation=chance.choice([-1, 2**32, 1.5, "1", None, [], 10**40])),
    ]
    kinds = [
        lambda: "".join(chance.choices(LETTERS, k=chance.randrange(1, 400))),
        lambda: json.dumps(chance.choice(wrong)),
        lambda: good[: chance.randrange(1, len(good))],
        lambda: good + chance.choice(["}", " x", good]),
        lambda: good.replace("{", '{"v":1,', 1),
        lambda: chance.choice(["null", "7", '"x"', "[]", "{}", "true", "[[]]", '"' + good.replace('"', '\\"') + '"']),
        lambda: "[" * chance.randrange(1000, HUGE),
        lambda: '{"v":' * chance.randrange(1000, HUGE // 6),
        lambda: "x" * chance.randrange(1000, HUGE),
        lambda: base64.b64encode(good.encode()).decode(),
        lambda: good.replace("demo", "demo\\u0000"),
        lambda: good.replace("demo", "\\ud800"),
        lambda: good.encode().decode("latin-1")[::-1],
        lambda: json.dumps({"Records": [{"body": good}]}),
    ]
    return chance.choice(kinds)()


def poison(seed: int, count: int) -> list[tuple[str, bool]]:
    """(body, whether it can be decoded), the same for the same seed."""
    chance = random.Random(f"messages/{seed}")
    kinds = [chance.random() < 0.3 for _ in range(count)]
    return [(decodable(chance) if good else undecodable(chance), good) for good in kinds]


def drained(stack: Stack, queue: str, until: int = 0, seconds: float = 60) -> list[str]:
    """Bodies of a queue, which is empty afterwards; waits for `until` of them."""
    url, found, deadline = stack.env[f"{queue}_DEAD_LETTER_QUEUE_URL"], [], time.monotonic() + seconds
    while True:
        got = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        found += [each["Body"] for each in got]
        if got:
            entries = [{"Id": str(k), "ReceiptHandle": each["ReceiptHandle"]} for k, each in enumerate(got)]
            stack.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        elif len(found) >= until or time.monotonic() > deadline:
            return found


def waiting(stack: Stack, queue: str) -> int:
    """Messages in a queue, and those being worked on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    got = stack.sqs.get_queue_attributes(QueueUrl=stack.env[f"{queue}_QUEUE_URL"], AttributeNames=names)["Attributes"]
    return sum(int(got[name]) for name in names)


def processes(stack: Stack) -> dict[int, str]:
    """Process id and name of every function of this stack that is up."""
    mine, found = f"AWS_ENDPOINT_URL={stack.env['AWS_ENDPOINT_URL']}".encode(), {}
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = path.read_bytes().split(b"\0")
        except OSError:
            continue
        names = [each for each in variables if each.startswith(b"AWS_LAMBDA_FUNCTION_NAME=")]
        if mine in variables and names:
            found[int(path.parent.name)] = names[0].decode().partition("=")[2]
    return found


@contextmanager
def alive(stack: Stack) -> Iterator[None]:
    """No function may end or panic meanwhile."""
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root: functions show their environment to nobody else")
    before, lines = processes(stack), panics(stack)
    assert before
    yield
    after = processes(stack)
    assert {name for pid, name in before.items() if pid not in after} == set()
    assert panics(stack) == lines


@pytest.fixture
def unharmed(stack: Stack) -> Iterator[None]:
    for function in stack.functions:  # So that each is up.
        stack.invoke(function, b"{}")
    with alive(stack):
        yield


def panics(stack: Stack) -> list[str]:
    lines = (line for lines in stack.logs().values() for line in lines)
    ours = (line for line in lines if not any(crate in line for crate in CAUGHT))
    return [line for line in ours if "panicked" in line or "Runtime exited" in line]


def test_poisoned_queues_harm_no_job_and_leave_only_what_cannot_be_read(stack, recorded, unharmed):
    recording = recorded("static_time")
    bodies = poison(SEED, BODIES)
    for queue in QUEUES:
        drained(stack, queue)
    jobs = [
        stack.request(recording, Fraction(k, 10), 1000, f"good{k}-{RUN}", FetchMedia=bool(k % 2)) for k in range(1, 13)
    ]
    sent: dict[str, list[tuple[str, bool]]] = {queue: bodies[k :: len(QUEUES)] for k, queue in enumerate(QUEUES)}

    def send(queue: str, text: str) -> None:
        stack.sqs.send_message(QueueUrl=stack.env[f"{queue}_QUEUE_URL"], MessageBody=text)

    with ThreadPoolExecutor(16) as pool:
        work = [pool.submit(send, queue, text) for queue in QUEUES for text, _ in sent[queue]]
        step = len(work) // len(jobs)
        answers = [pool.submit(stack.finish, body) for k, body in enumerate(jobs) if work[k * step].result() is None]
        assert {answer.result().code for answer in answers} == {0, 5}
        for each in work:
            each.result()
    deadline = time.monotonic() + 120
    while any(waiting(stack, queue) for queue in QUEUES):
        assert time.monotonic() < deadline, {queue: waiting(stack, queue) for queue in QUEUES}
        time.sleep(0.1)
    for queue in QUEUES:
        wanted = Counter(text for text, good in sent[queue] if not good)
        assert Counter(drained(stack, queue, wanted.total())) == wanted, queue


def test_the_messages_are_of_both_kinds_and_many():
    bodies = poison(SEED, BODIES)
    assert 500 < sum(not good for _, good in bodies) < 900
    assert len(set(bodies)) > BODIES / 2


# ---- events


class Fuzz:
    """Damages an event of the HTTP API."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.values = [None, True, 0, -1, 1e308, 10**40, "", "x", "\0", "\r\n", "%%%", "\ud83c", "x" * 70_000]
        self.values += [[], {}, [[[]]], {"a": {"b": []}}]
        self.ways = [self.without, self.replaced, self.body, self.host, self.headers, self.names]

    def event(self, sample: dict) -> object:
        event = json.loads(json.dumps(sample))
        for _ in range(self.chance.choice([1, 1, 1, 2, 3])):
            event = self.chance.choice(self.ways)(event)
        if self.chance.random() < 0.01:
            return self.chance.choice(self.values)
        return event

    def place(self, event: dict) -> tuple[dict, str] | None:
        """A member anywhere in the event."""
        places, todo = [], [event]
        while todo:
            each = todo.pop()
            places += [(each, name) for name in each]
            todo += [value for value in each.values() if isinstance(value, dict)]
        return self.chance.choice(places) if places else None

    def without(self, event: dict) -> dict:
        if place := self.place(event):
            place[0].pop(place[1])
        return event

    def replaced(self, event: dict) -> dict:
        if place := self.place(event):
            place[0][place[1]] = self.chance.choice(self.values)
        return event

    def body(self, event: dict) -> dict:
        """Another body, encoded or not, and what is said of that."""
        text = event.get("body") if isinstance(event.get("body"), str) else "{}"
        damaged = self.chance.choice(
            [
                text,
                text[: self.chance.randrange(len(text) + 1)],
                self.chance.choice(LETTERS) + text,
                text.replace(":", self.chance.choice([":-", ":[", ":1e999", ":null,", ":\\u0000"]), 1),
                "[" * 60_000,
                "x" * 70_000,
                self.swapped(text),
            ]
        )
        encoded = self.chance.random() < 0.4
        event["body"] = base64.b64encode(damaged.encode("utf-8", "replace")).decode() if encoded else damaged
        said = [encoded, encoded, encoded, not encoded, "yes", None]
        event["isBase64Encoded"] = self.chance.choice(said)
        return event

    def swapped(self, text: str) -> str:
        """One field of a JSON body with another type."""
        try:
            fields = json.loads(text)
            fields[self.chance.choice(sorted(fields))] = self.chance.choice(self.values)
            return json.dumps(fields)
        except (ValueError, TypeError, AttributeError, IndexError, RecursionError):
            return text

    def host(self, event: dict) -> dict:
        hosts = ["", "a b", "[::1", "x" * 3000, "a\nb", "..", "http://x", "%00", "user@host:port", "ä.example", ":"]
        headers = event.get("headers")
        event["headers"] = {**(headers if isinstance(headers, dict) else {}), "host": self.chance.choice(hosts)}
        if isinstance(event.get("requestContext"), dict):
            event["requestContext"]["domainName"] = self.chance.choice(hosts)
        return event

    def headers(self, event: dict) -> dict:
        odd = {
            "x-session-id": "\u00e4" * 20,
            "authorization": "Bearer",
            "prefer": "wait=99999999999999999999",
            "accept": "\x7f",
            "accept-encoding": "gzip;q=x",
            "if-none-match": '"\\"',
            "": "x",
            "a b": "c",
        }
        headers = event.get("headers")
        name = self.chance.choice(sorted(odd))
        event["headers"] = {**(headers if isinstance(headers, dict) else {}), name: odd[name]}
        return event

    def names(self, event: dict) -> dict:
        """Names in the path and the query."""
        hostile = ["..", "%2e%2e%2f", "a/b", "\0", "x" * 5000, "'; --", "${x}", "\u202e", "", "🎾", "a\r\nb: c"]
        for key in ("pathParameters", "queryStringParameters"):
            if isinstance(event.get(key), dict):
                event[key] = {name: self.chance.choice([value, *hostile]) for name, value in event[key].items()}
        event["rawPath"] = self.chance.choice([event.get("rawPath"), "/", "", "//", "/%zz", "x", "/" + "a/" * 4000])
        queries = ["", "limit=-1", "cursor=%ff", "a=b&a=b&%", "source=x&view=y&delivery=z", "&" * 5000]
        event["rawQueryString"] = self.chance.choice(queries)
        return event


def fuzzed(seed: int, count: int, session: str) -> list[tuple[str, bytes]]:
    """(function, event), with requests for a tenant that has nothing recorded."""
    chance, samples = random.Random(f"events/{seed}"), []
    for folder, function in ENTRY_POINTS.items():
        for path in sorted((EVENTS / folder).glob("*.json")):
            text = path.read_text().replace("2A39603DDB0F47CFB32E96C8366084AE", session)
            samples.append((function, json.loads(text)))
    fuzz = Fuzz(chance)
    chosen = (chance.choice(samples) for _ in range(count))
    return [(function, json.dumps(fuzz.event(sample)).encode()) for function, sample in chosen]


def problem(called: Invoked) -> str:
    """What is wrong with an answer, "" if nothing."""
    if called.error and b"DeserializeError" in called.payload:
        return ""  # No event of the HTTP API: there is nobody to answer.
    if called.error:
        return f"{called.error}: {called.payload[:300]!r}"
    status = called.reply.get("statusCode") if isinstance(called.reply, dict) else None
    if not isinstance(status, int):
        return f"no status: {called.payload[:300]!r}"
    return "" if status < 500 or status in DOCUMENTED else f"{status}: {called.payload[:300]!r}"


def test_no_event_makes_a_function_fail(stack, unharmed):
    session = stack.add_tenant(f"poison-{RUN}", max_active=3)
    events = fuzzed(SEED, HTTP_EVENTS, session)
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda each: stack.invoke(*each), events))
    bad = [(*event, problem(called)) for event, called in zip(events, answers) if problem(called)]
    assert not bad, f"{len(bad)} of {len(events)}, E2E_SEED={SEED}: {[str(each)[:600] for each in bad[:3]]}"
    statuses = Counter(called.reply["statusCode"] for called in answers if not called.error)
    assert statuses.total() > 0.9 * HTTP_EVENTS and {200, 400, 404} <= statuses.keys(), statuses


def test_after_all_that_good_events_are_answered(stack):
    for folder, function in ENTRY_POINTS.items():
        for path in sorted((EVENTS / folder).glob("*.json")):
            called = stack.invoke(function, path.read_bytes())
            assert not problem(called), (path, problem(called))


def test_an_envelope_that_is_none_is_survived(stack, unharmed):
    """Lambda itself sends no such events; a function may refuse one, but not die of it."""
    for event in ("null", "7", '"x"', "[]", "{}", '{"Records":7}', '{"Records":[{}]}', '{"Records":[{"messageId":7}]}'):
        for function in stack.functions:
            said = stack.invoke(function, event.encode()).payload.decode().lower()
            assert "exited" not in said and "timed out" not in said, (function, event, said)


def test_a_record_with_a_nul_is_a_dead_letter(stack, unharmed):
    """What SQS would not take, but a direct invocation brings."""
    drained(stack, "CLIP")
    record = {"messageId": "m", "receiptHandle": "r", "body": json.dumps(message(tenant="demo\0")), "attributes": {}}
    called = stack.invoke("MediaExportClipWorker", json.dumps({"Records": [record]}).encode())
    assert called.reply == {"batchItemFailures": []}
    assert drained(stack, "CLIP", 1) == [record["body"]]


def test_a_function_that_ends_is_noticed(stack):
    event = (EVENTS / "status-poll" / "unknown.apigw-v2.json").read_bytes()
    assert not problem(stack.invoke("StatusPoll", event))
    pid = next(pid for pid, name in processes(stack).items() if "StatusPoll" in name)
    with pytest.raises(AssertionError, match="StatusPoll"), alive(stack):
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in processes(stack) or None, "end")
    # The first call meets the dead process.
    wait_for(lambda: not problem(stack.invoke("StatusPoll", event)) or None, "new process")
