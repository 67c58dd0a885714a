"""Many at once: everything is made, nothing exceeds its cap, and who asks for too much is told to come back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest

from e2e.conftest import RUN

from . import checks
from .calls import ENDINGS, Call
from .conftest import REPEATS
from .trial import STILLS, WORKER
from .world import World

CLIPS, CAP = 50, 10
TENANT_CAP, ASKED, AT_ONCE = 5, 50, 5
# What one clip starts at most: one that renders and one that checks its head, the same for its tail, a muxer.
FFMPEGS = 5


class Watch:
    """Looks at the processes while something runs."""

    def __init__(self, world: World) -> None:
        self._world, self._over = world, threading.Event()
        self.workers = self.ffmpegs = 0

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.05):
            functions = [*self._world.processes.functions().values()]
            self.workers = max(self.workers, functions.count(WORKER))
            self.ffmpegs = max(self.ffmpegs, len(self._world.processes.ffmpegs()))


def bodies(world: World, recording, count: int, label: str, **fields) -> list[dict]:
    """Requests that all differ, for a second of which the start is cut."""
    return [
        world.stack.request(recording, Fraction(530 + 40 * k, 1000), 1200, f"{label}-{k}-{RUN}", **fields)
        for k in range(count)
    ]


def test_fifty_clips_at_once(chaos, small, clips):
    asked = bodies(chaos, small, CLIPS, "load")
    with Watch(chaos) as seen, ThreadPoolExecutor(CLIPS) as pool:
        answers = list(pool.map(chaos.stack.export, asked))
        assert {(answer.status, answer.code) for answer in answers} == {(200, 1)}
        jobs = [answer.body["JobId"] for answer in answers]
        assert {chaos.until_ended(job, 240) for job in jobs} == {"READY"}
    for job in jobs:
        assert not checks.history_problems(chaos.proxy.of(job)) + checks.object_problems(chaos, chaos.proxy.items[job])
        assert chaos.proxy.items[job]["attempts"] == 1, chaos.proxy.items[job]
    for k in range(0, CLIPS, CLIPS // 5):
        clips.check(small, (Fraction(530 + 40 * k, 1000), 1200), chaos.stack.status(jobs[k]))
    assert 2 <= seen.workers <= CAP and seen.ffmpegs <= FFMPEGS * seen.workers, (seen.workers, seen.ffmpegs)
    chaos.until_idle()
    assert (chaos.processes.ffmpegs(), chaos.processes.zombies()) == ([], [])


@pytest.mark.skipif(not REPEATS, reason="in virtual time by crowds.rs: CHAOS_REPEATS=1")
def test_ten_times_too_much_is_refused_without_an_error(chaos, small):
    """Who is refused comes back, and is served in the end; submissions under way are all that exceeds the limit."""
    session = chaos.add_tenant("crowd", max_active=TENANT_CAP)
    asked = bodies(chaos, small, ASKED, "crowd", SessionId=session)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(chaos.stack.export, asked))
    refused = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in refused} == {429}, refused
    assert all(answer.code == -1 and answer.body["TimeWait"] > 0 for answer in refused)
    assert len(answers) - len(refused) >= TENANT_CAP
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda body: chaos.patiently(body, 240), asked))
    assert {answer.code for answer in done} == {5}
    assert most_active(chaos.proxy.calls, {answer.body["JobId"] for answer in done}) <= TENANT_CAP + AT_ONCE


def most_active(calls: list[Call], jobs: set[str]) -> int:
    """The most jobs of a set that had not ended at one time."""
    active: set[str] = set()
    most = 0
    for call in list(calls):
        if call.job in jobs and call.step and call.done:
            active = active - {call.job} if call.item["state"] in ENDINGS else active | {call.job}
            most = max(most, len(active))
    return most


def test_more_than_a_tenant_may_have_are_counted():
    """Only by writes that were accepted, of its own jobs, until each has ended."""

    def write(job: str, state: str, status: int = 200) -> Call:
        return Call(None, "dynamodb", "UpdateItem", "", "", job=job, item={"state": state}, step=state, status=status)

    jobs = [f"job-{k}" for k in range(TENANT_CAP + AT_ONCE + 1)]
    begun = [write(job, "QUEUED") for job in jobs]
    assert most_active(begun, {*jobs}) == TENANT_CAP + AT_ONCE + 1
    in_turn = [write(job, state) for job in jobs for state in ("QUEUED", "RUNNING", "READY")]
    assert most_active(in_turn, {*jobs}) == 1
    refused = [write(job, "QUEUED", status=400) for job in jobs]
    assert most_active([*in_turn, *refused], {*jobs}) == 1
    assert most_active(begun, {*jobs[:3]}) == 3


@pytest.mark.skipif(not REPEATS, reason="takes a minute: CHAOS_REPEATS=1")
def test_a_still_does_not_wait_behind_clips(chaos, small):
    asked = bodies(chaos, small, CLIPS, "behind")
    with ThreadPoolExecutor(CLIPS) as pool:
        clips = [pool.submit(chaos.patiently, body, 240) for body in asked]
        still = chaos.stack.request(small, Fraction(3), 1000, f"still-{RUN}", FetchMedia=False, FetchThumb=True)
        assert chaos.patiently(still, 30).code == 0
        assert not all(clip.done() for clip in clips)
        assert {clip.result().code for clip in clips} == {5}
    assert STILLS in chaos.processes.functions().values()
