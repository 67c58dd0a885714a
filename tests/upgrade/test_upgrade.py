"""A deployment into a stack at work loses no job, changes no answer and makes nothing twice; nor does the way back."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import pytest

from e2e import checks
from e2e.stack import Answer, Stack
from media import forms, quality
from media.recording import Live, Recording

from . import newer
from .versions import NoVersionError, Version, deploy, down, git, present, previous, previous_reference

DIRECTIONS = ("upgrade", "rollback")
POLL_S, SWEEP_S, SETTLE_S = 0.3, 2.0, 240
# Long enough that a deployment falls into it.
LIVE_S, LIVE_WINDOW_MS = 60, 45_000
# What the API answers in the moment in which a function's code changes.
MOMENT_S = 2.0
QUEUES = ("CLIP_DEAD_LETTER_QUEUE_URL", "THUMBNAIL_DEAD_LETTER_QUEUE_URL")


@dataclass(frozen=True)
class Asked:
    """A request and what must become of it: its window, a frame, or (`reason`) no file. `key`: its Idempotency-Key."""

    name: str
    body: dict
    recording: Recording | None = None
    start: Fraction = Fraction(0)
    reason: str = ""
    key: str = ""

    def send(self, stack: Stack) -> Answer:
        return stack.send("POST", "/export", self.body, {"Idempotency-Key": self.key} if self.key else None)


@dataclass
class Told:
    """What a client was answered to one request, in order: (when, HTTP status, body)."""

    asked: Asked
    answers: list[tuple[float, int, dict]] = field(default_factory=list)

    def hear(self, answer: Answer) -> Answer:
        body = answer.body if answer.text.startswith(b"{") else {}
        self.answers.append((time.monotonic(), answer.status, body))
        return answer

    @property
    def last(self) -> dict:
        return self.answers[-1][2] if self.answers else {}

    @property
    def ended(self) -> bool:
        return is_end(self.last)


def is_end(body: dict) -> bool:
    return body.get("TimeWait") == 0 and "ErrorCode" in body


def regressions(told: Told) -> list[str]:
    """Answers that take back what was said before."""
    found, end, job = [], None, None
    for _, status, body in told.answers:
        if status >= 500:
            continue
        if end is not None and body != end:
            found.append(f"{told.asked.name}: {body} after {end}")
        if job and body.get("JobId") not in (None, job):
            found.append(f"{told.asked.name}: job {body['JobId']} after {job}")
        job = body.get("JobId", job)
        end = body if is_end(body) else end
    return found


class Clients:
    """Clients that go on asking until they are told the end, while the stack changes below them."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.told = stack, []
        self._over = threading.Event()

    def ask(self, asked: Asked) -> Told:
        told = Told(asked)
        told.hear(asked.send(self.stack))
        self.told.append(told)
        return told

    @contextmanager
    def asking(self, grow: Callable[[], None]) -> Iterator[None]:
        """Ask again and again, while the recording grows; the sweeper runs as if seconds were minutes."""
        steps = ((POLL_S, self._ask_again), (SWEEP_S, self._sweep), (1.0, grow))
        with ThreadPoolExecutor(len(steps)) as pool:
            runs = [pool.submit(self._repeat, *step) for step in steps]
            try:
                yield
            finally:
                self._over.set()
            for run in runs:
                run.result()

    def _repeat(self, every: float, step: Callable[[], None]) -> None:
        while not self._over.wait(every):
            step()

    def _ask_again(self) -> None:
        for told in list(self.told):
            told.hear(told.asked.send(self.stack))

    def _sweep(self) -> None:
        self.stack.invoke("JobSweeper", b"{}")

    def settle(self) -> None:
        """Wait until every request was answered for good."""
        deadline = time.monotonic() + SETTLE_S
        while waiting := [told for told in self.told if not told.ended]:
            assert time.monotonic() < deadline, f"lost: {[(told.asked.name, told.last) for told in waiting]}"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def former() -> Version:
    return previous(previous_reference())


@pytest.fixture(params=DIRECTIONS)
def ways(request: pytest.FixtureRequest, former: Version) -> tuple[Version, Version]:
    """(from, to)."""
    return (former, present()) if request.param == "upgrade" else (present(), former)


@pytest.fixture
def stack(ways: tuple[Version, Version]) -> Iterator[Stack]:
    name = f"upgrade-{os.getpid()}"
    try:
        stack = Stack(deploy(ways[0], name))
        os.environ.setdefault("FFMPEG", stack.env["FFMPEG"])
        yield stack
    finally:
        down(name)


class Growing(Live):
    """A recording that began 8 s ago and of which 6 s are stored."""

    def __init__(self, stack: Stack, name: str) -> None:
        began = int(time.time() * 1000) - 8000
        recording = forms.seconds_into(name, 0, LIVE_S, f"mp4/{name}/1/stream.mpd", began)
        super().__init__(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"])
        self.publish(Fraction(6))

    def grow(self) -> None:
        """Store what a recorder would have stored by now."""
        seconds = int(time.time() - self.recording.truth.ast_ms / 1000)
        self.publish(Fraction(min(LIVE_S, seconds - seconds % 2)))


def test_a_deployment_loses_nothing_and_takes_nothing_back(stack: Stack, ways: tuple[Version, Version], tmp_path: Path):
    name = stack.env_file.parent.name
    recording = stack.upload(forms.build("static_time"))
    absent = replace(recording, live_path=f"mp4/{name}/1/stream.mpd")
    clients, cancelled = Clients(stack), {}

    def media(label: str, of: Recording, start: Fraction, duration: int, key: str = "", **fields: object) -> Told:
        body = stack.request(of, start, duration, label, **fields)
        return clients.ask(Asked(label, body, of, start, key=key))

    def other_tenant(session: str) -> dict:
        own = replace(recording, live_path=f"mp4/{name}/2/stream.mpd")
        own.upload(stack.s3, stack.env["SOURCE_BUCKET"], "recordings/acme/")
        return stack.request(own, Fraction(2), 1000, "acme", SessionId=session)

    before = media("done before", recording, Fraction(1), 1500)
    stack.finish(before.asked.body)
    acme = stack.add_tenant("acme")
    live = Growing(stack, f"live-{name}")
    with clients.asking(live.grow):
        for k in range(4):
            media(f"clip {k}", recording, Fraction(k) + Fraction(1, 2), 2000)
        for k in range(2):
            media(f"encoded {k}", recording, Fraction(k), 12_000, export_type=2)
        for k in range(3):
            media(f"still {k}", recording, Fraction(k), 1000, FetchMedia=False)
        keyed = media("keyed", recording, Fraction(7), 2000, key=name)
        media("absent", absent, Fraction(1), 1500)
        growing = media("growing", live.recording, Fraction(45, 10), LIVE_WINDOW_MS)
        for when in ("before", "after"):
            # It waits for a window of the next hour.
            body = stack.request(live.recording, Fraction(3600), 1000, f"cancelled {when}")
            cancelled[when] = clients.ask(Asked(f"cancelled {when}", body, reason="cancelled"))
        cancel(stack, cancelled["before"])

        codes, began = code_of(stack), time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            change = pool.submit(deploy, ways[1], name)
            posted = 0
            while not change.done():
                media(f"meanwhile {posted}", recording, Fraction(posted % 8), 1200)
                posted += 1
                time.sleep(0.5)
            change.result()
        changed = time.monotonic()
        assert not growing.ended, f"the deployment took {changed - began:.0f} s, longer than the live window"
        assert codes != code_of(stack), "no function changed"

        strangers = newer.Strangers(stack, before.last["JobId"]) if ways[1] == present() else None
        if strangers:
            newer.members(stack, growing.last["JobId"])
        stack.upload(absent)
        cancel(stack, cancelled["after"])
        other = replace(keyed.asked, body={**keyed.asked.body, "Duration": 2100})
        assert other.send(stack).status == 409, "the key is bound to another request"
        media("clip after", recording, Fraction(6), 2000)
        media("still after", recording, Fraction(6), 1000, FetchMedia=False)
        clients.settle()
        # The end is told several times more.
        time.sleep(3 * POLL_S)
        if strangers:
            assert newer.has_members(stack, growing.last["JobId"])
            strangers.check()

    for told in clients.told:
        assert not regressions(told)
        errors = [(at - began, status) for at, status, _ in told.answers if status >= 500]
        late = [error for error in errors if not -MOMENT_S <= error[0] <= changed - began + MOMENT_S]
        assert not late, f"{told.asked.name}: {late}"
        check(stack, told, tmp_path)
    assert posted, "nothing was asked for during the deployment"
    objects = [key for told in clients.told if told.asked.recording for key in files(stack, told)]
    made = {key for key in stack.exported() if "/playlist." not in key}
    assert made == set(objects), "a file too many or too few"
    finished = stack.finish(other_tenant(acme))
    assert finished.code == 5, finished
    for queue in QUEUES:
        counted = stack.sqs.get_queue_attributes(QueueUrl=stack.env[queue], AttributeNames=["All"])["Attributes"]
        assert int(counted["ApproximateNumberOfMessages"]) == 0, f"dead letters in {queue}"


def code_of(stack: Stack) -> set[str]:
    """The digest of each function's code."""
    return {each["CodeSha256"] for each in stack.lambdas.list_functions()["Functions"]}


def cancel(stack: Stack, told: Told) -> None:
    job = told.answers[0][2]["JobId"]
    answer = stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id})
    assert answer.status == 200, answer


def check(stack: Stack, told: Told, folder: Path) -> None:
    """Hold what a client got to what it asked for."""
    asked, body = told.asked, told.last
    if asked.reason:
        assert (body["ErrorCode"], body["ErrorMessage"]) == (-1, asked.reason), f"{asked.name}: {body}"
        return
    assert asked.recording
    expected = checks.expected_of(asked.recording, asked.start, asked.body["Duration"])
    answer = stack.export(asked.body)
    if asked.body["FetchMedia"]:
        checks.exact(stack, asked.recording, answer, expected, folder)
    else:
        assert quality.jpeg_number(stack.fetch(body["ImagePath"], folder)) == expected.frames[0], asked.name


def files(stack: Stack, told: Told) -> list[str]:
    return [stack.key_of(told.last[key]) for key in ("ImagePath", "VideoPath") if key in told.last]


# ---- what the judge itself is worth


END, WORK = {"TimeWait": 0, "ErrorCode": 5, "JobId": "a"}, {"TimeWait": 500, "ErrorCode": 1, "JobId": "a"}


@pytest.mark.parametrize(
    ("answers", "bad"),
    [
        ([WORK, WORK, END, END], False),
        ([WORK, END, WORK], True),
        ([END, {**END, "LackLength": 1}], True),
        ([WORK, {**WORK, "JobId": "b"}], True),
    ],
)
def test_an_answer_that_takes_back_what_was_said_is_seen(answers, bad):
    told = Told(Asked("it", {}), [(0.0, 200, each) for each in answers])
    assert bool(regressions(told)) == bad
    told.answers.insert(len(answers) - 1, (0.0, 503, {}))
    assert bool(regressions(told)) == bad, "a server error is judged by its time"


# ---- which version is the one before


def commit(root: Path, path: str) -> str:
    """Commit a change of a file; returns the commit."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{time.monotonic_ns()}")
    git(root, "add", path)
    git(root, "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", path)
    return git(root, "rev-parse", "HEAD").strip()


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own."""
    monkeypatch.delenv("PREVIOUS", raising=False)
    root = tmp_path / "history"
    root.mkdir()
    git(root, "init", "--quiet")
    return root


def test_without_a_tag_the_version_before_is_the_one_before_the_newest_change_of_the_functions(history):
    commit(history, "functions/submit/src/main.rs")
    before = commit(history, "README.md")
    commit(history, "shared/domain/src/lib.rs")
    commit(history, "README.md")
    assert previous_reference(history) == before


def test_a_tag_or_a_given_commit_comes_before_that(history, monkeypatch):
    commit(history, "shared/domain/src/lib.rs")
    git(history, "tag", "v1")
    commit(history, "shared/domain/src/lib.rs")
    commit(history, "shared/domain/src/lib.rs")
    git(history, "tag", "v2")
    assert previous_reference(history) == "v1", "this commit's own tag is not the version before"
    monkeypatch.setenv("PREVIOUS", "abc")
    assert previous_reference(history) == "abc"


def test_a_clone_without_history_has_no_version_before_and_says_so(history, tmp_path):
    for _ in range(2):
        commit(history, "shared/domain/src/lib.rs")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{history}", "shallow")
    with pytest.raises(NoVersionError, match="fetch the history"):
        previous_reference(tmp_path / "shallow")
