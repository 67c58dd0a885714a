"""Jobs for hours, with faults all the time: all end as they should, and nothing grows.

`make soak JOBS=2000 SEED=7` tries many; a fault is decided by the seed and the order of the requests. Fewer than
`ENOUGH` say nothing about growth: no process has met by then all that it ever does.
"""

import os
import random
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction

import pytest

from e2e.conftest import RUN
from media.recording import Recording

from . import checks
from .processes import Sender, Usage, usage
from .proxy import (
    Exchange,
    Rule,
    Verb,
    answer,
    delay,
    drop_reply,
    kill_after,
    kill_before,
    pause,
    reset,
    sometimes,
    throttle,
    truncate,
)
from .trial import STILLS, SUBMIT, SWEEPER, WINDOWS, WORKER
from .world import DEAD_LETTERS, LEASE_S, QUEUES, World, keys

JOBS = int(os.environ.get("SOAK_JOBS") or 20)
SEED = int(os.environ.get("SOAK_SEED") or 1)
AT_ONCE = 5
ENOUGH = 1000
FIRST: dict[str, Sender | None] = {}


def sparing_the_first(kill: Verb) -> Verb:
    """Of each function the process that was seen first lives on, to show whether it grows."""

    async def verb(it: Exchange) -> None:
        first = FIRST.setdefault(it.call.function, it.call.sender) == it.call.sender
        await (delay(0) if first else kill)(it)

    return verb


# 5 % of all requests, of which few end a process: one that dies young cannot show that it grows.
CHANCES = {
    delay(0.5): 0.01,
    drop_reply: 0.01,
    reset: 0.008,
    truncate: 0.006,
    answer(500, "InternalError"): 0.006,
    throttle: 0.006,
    pause(LEASE_S + 0.5): 0.002,
    sparing_the_first(kill_before): 0.001,
    sparing_the_first(kill_after): 0.001,
}
# Requests after which a process has met all that it ever does: what a clip worker holds depends on the clips at work,
# so that it takes some dozens of them to hold the most that it ever will.
WARM_UP, WARM_UPS = 300, {WORKER: 1000}
# Files that a process may have open, and memory that it may hold.
FILES, MEMORY_KIB = 40, 96 << 10
# By how much a process may grow in 1000 jobs: twice what the peaks of one that does not grow are apart by chance, in a
# clip worker 20 MB. And the jobs for which processes must have been watched to say so.
GROWTH, GROWTHS, WATCHED = 0.01, {STILLS: 0.05, WORKER: 0.8}, 100

# Requests that a process has made, and what it holds then.
History = list[tuple[int, Usage]]


class Watch(threading.Thread):
    """What each process holds, after how many requests it has made."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._world, self.over = world, threading.Event()
        self.seen: dict[str, dict[int, History]] = defaultdict(lambda: defaultdict(list))
        self.temporary: list[int] = []

    def run(self) -> None:
        made: dict[int, int] = defaultdict(int)
        counted = 0
        while not self.over.wait(1):
            for counted, call in enumerate(self._world.proxy.calls[counted:], counted + 1):
                if call.sender:
                    made[call.sender.pid] += 1
            for pid, function in self._world.processes.functions().items():
                if held := usage(pid):
                    self.seen[function][pid].append((made[pid], held))
            self.temporary.append(len(self._world.temporary()))

    def most(self) -> Usage:
        """The most memory and the most files that a process held."""
        held = [held for of in self.seen.values() for history in of.values() for _, held in history]
        return Usage(max(each.rss_kib for each in held), max(each.files for each in held))

    def grown(self) -> dict[str, "Growth"]:
        """How much each function grows."""
        return {
            function: growth([*histories.values()], WARM_UPS.get(function, WARM_UP), JOBS)
            for function, histories in self.seen.items()
        }


@dataclass(frozen=True)
class Growth:
    """By how much the processes of a function grow in 1000 jobs that one of them serves, as a share of the memory that
    it holds. `jobs`: for how many they were watched, when they were warm."""

    jobs: float
    share: float

    def __str__(self) -> str:
        return f"{self.share:+.2%} (of {self.jobs:.0f} jobs)"


def growth(histories: list[History], warm_up: int, jobs: int) -> Growth:
    """How much higher the peak of the second half of each process's warm life is than that of the first. A peak since
    what is held goes up and down with the work."""
    per_job = sum(history[-1][0] for history in histories) / jobs
    watched, dots, squares = 0, 0.0, 0.0
    for history in histories:
        warm = [(made, held.rss_kib) for made, held in history if made >= warm_up]
        requests = warm[-1][0] - warm[0][0] if warm else 0
        if requests:
            early, late = [], []
            for made, held in warm:
                (early if made - warm[0][0] <= requests / 2 else late).append(held)
            # From the middle of one half to that of the other; who lives long says more.
            dots += (max(late) / max(early) - 1) * requests / 2
            squares += (requests / 2) ** 2
            watched += requests
    return Growth(watched / per_job, 1000 * per_job * dots / squares) if watched else Growth(0, 0.0)


def requests(world: World, small: Recording, heavy: Recording) -> list[dict]:
    """Pictures and clips; every tenth is a clip that goes out in parts."""
    dice = random.Random(SEED)
    out = []
    for number in range(JOBS):
        name, recording = f"soak-{number}-{RUN}", small
        start, duration = Fraction(dice.randrange(0, 12_000), 1000), dice.randrange(600, 1600)
        fields = {"FetchMedia": False, "FetchThumb": True} if dice.random() < 0.6 else {}
        fields["storage_info"] = world.stack.storage(dice.choice(["ts", "mp4"]))
        if number % 10 == 9:
            recording, (start, duration) = heavy, WINDOWS["parts"]
            fields = {"storage_info": world.stack.storage("ts")}
        out.append(world.stack.request(recording, start, duration, name, **fields))
    return out


def test_a_soak_in_faults_loses_nothing_and_grows_nowhere(chaos, small, heavy):
    faults = Rule(sometimes(SEED, CHANCES), times=1 << 60)
    before, signals, watch = len(chaos.proxy.calls), len(chaos.proxy.signals), Watch(chaos)
    watch.start()
    try:
        with chaos.proxy.armed(faults), ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda body: chaos.patiently(body, 120), requests(chaos, small, heavy)))
    finally:
        watch.over.set()
    watch.join()
    ends = Counter(each.body["ErrorMessage"] for each in answers)
    jobs = {each.body["JobId"] for each in answers}
    chaos.until_idle()
    grown = watch.grown()
    report = {
        "jobs": len(jobs),
        "ends": dict(ends),
        "requests": len(chaos.proxy.calls) - before,
        "signals": len(chaos.proxy.signals) - signals,
        "RSS per 1000 jobs": {function: str(each) for function, each in grown.items()},
        "most": watch.most(),
    }
    print(report)
    assert ends.keys() <= {"Success", "export timed out"} and ends["Success"] >= 0.95 * JOBS, report
    for job in jobs:
        item = chaos.proxy.items[job]
        assert not checks.history_problems(chaos.proxy.of(job)) + checks.object_problems(chaos, item), item
    in_parts = sum((chaos.proxy.items[job].get("video") or {}).get("parts", 0) > 0 for job in jobs)
    assert in_parts >= 0.9 * (JOBS // 10), f"{in_parts} clips went out in parts"
    chaos.until_all_are_told()
    uploads = set(chaos.uploads().values())
    left = {job for job in jobs if keys(chaos.proxy.items[job])["video"] in uploads}
    assert len(left) == len(uploads), uploads
    assert left <= {*chaos.killed_at()}, [[str(call) for call in chaos.proxy.of(job)] for job in left]
    assert sum(chaos.in_flight(queue) for queue in QUEUES) == len(chaos.killed_at())
    assert not any(map(chaos.waiting, (*QUEUES, *DEAD_LETTERS)))
    assert not chaos.orphans() and (chaos.processes.ffmpegs(), chaos.processes.zombies()) == ([], [])
    assert len(set(watch.temporary)) == 1, watch.temporary
    assert watch.most().files <= FILES and watch.most().rss_kib <= MEMORY_KIB, report
    if JOBS >= ENOUGH:
        for function in (SUBMIT, WORKER, STILLS, SWEEPER):
            assert grown[function].jobs >= WATCHED, report
            assert grown[function].share < GROWTHS.get(function, GROWTH), report


def process(slope: float, requests: int, warm_up: int = WARM_UP) -> History:
    """A process of 30 MB that has grown fast until it was warm, goes up and down from then on by a tenth in eleven
    requests, and grows by `slope` bytes a request."""
    cold = [(made, Usage(1000 + 90 * made, 10)) for made in range(0, warm_up, 20)]
    warm = range(warm_up, warm_up + requests, 7)
    return [*cold, *((made, Usage(int(30_000 + 300 * (made % 11) + slope * made / 1024), 10)) for made in warm)]


@pytest.mark.parametrize("slope", [0, 20, 200])
def test_growth_is_found_in_samples(slope):
    """However long each process lives, whatever happens before it is warm, and whatever is at work meanwhile."""
    histories = [process(slope, requests) for requests in (600, 900, 4000)]
    found = growth(histories, WARM_UP, jobs=640)
    assert found.jobs == pytest.approx(5500 / 10, rel=0.02)
    assert found.share == pytest.approx(slope * 10_000 / 1024 / 33_000, rel=0.1, abs=2e-3)


def test_a_leak_of_a_kilobyte_a_job_is_too_much():
    """In a process of 23 MB, after 300 jobs of five requests."""
    flat, leaking = ([(made, Usage(23_000 + int(leak * made / 5), 10)) for made in range(1500)] for leak in (0, 1))
    assert growth([flat], WARM_UP, jobs=300).share == 0 and growth([leaking], WARM_UP, jobs=300).share > GROWTH


@pytest.mark.parametrize("requests", [0, 1])
def test_processes_that_die_young_or_do_nothing_show_nothing(requests):
    idle = [(WARM_UP, Usage(30_000, 10))] * 100
    assert growth([process(500, requests), idle], WARM_UP, jobs=100) == Growth(0, 0.0)
