"""Jobs for hours, with faults all the time: all end as they should, and nothing grows.

`make soak JOBS=2000 SEED=7` tries many; a fault is decided by the seed and the order of the requests.
"""

import os
import random
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from statistics import fmean

from e2e.conftest import RUN

from . import checks
from .processes import usage
from .proxy import Rule, answer, delay, drop_reply, kill_after, kill_before, pause, reset, sometimes, throttle, truncate
from .world import DEAD_LETTERS, LEASE_S, QUEUES, World

JOBS = int(os.environ.get("SOAK_JOBS") or 20)
SEED = int(os.environ.get("SOAK_SEED") or 1)
AT_ONCE = 5
# 5 % of all requests, of which few end a process: one that dies young cannot show that it grows.
CHANCES = {
    delay(0.5): 0.01,
    drop_reply: 0.01,
    reset: 0.008,
    truncate: 0.006,
    answer(500, "InternalError"): 0.006,
    throttle: 0.006,
    pause(LEASE_S + 0.5): 0.002,
    kill_before: 0.001,
    kill_after: 0.001,
}
# Requests after which a process has met all that it ever does, and files that it may have open.
WARM_UP, FILES = 300, 40


class Watch(threading.Thread):
    """What each process holds, after how many requests it has made."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._world, self.over = world, threading.Event()
        self.seen: dict[tuple[int, str], list[tuple[int, int, int]]] = defaultdict(list)
        self.temporary: list[int] = []

    def run(self) -> None:
        while not self.over.wait(1):
            requests = defaultdict(int)
            for call in list(self._world.proxy.calls):
                if call.sender:
                    requests[call.sender.pid] += 1
            for pid, function in self._world.processes.functions().items():
                if held := usage(pid):
                    self.seen[pid, function].append((requests[pid], held.rss_kib, held.files))
            self.temporary.append(len(self._world.temporary()))

    def most_files(self) -> int:
        return max(files for samples in self.seen.values() for _, _, files in samples)

    def growth(self) -> float:
        """How much a warm process grows in 1000 jobs of 15 requests, as a share of the memory that it held."""
        dots, squares = 0.0, 0.0
        for samples in self.seen.values():
            warm = [(requests, rss) for requests, rss, _ in samples if requests >= WARM_UP]
            if len(warm) < 10:
                continue
            requests, held = fmean(x for x, _ in warm), fmean(y for _, y in warm)
            dots += sum((x - requests) * (y - held) / held for x, y in warm)
            squares += sum((x - requests) ** 2 for x, _ in warm)
        return 15_000 * dots / squares if squares else 0.0


def requests(world: World, recording) -> list[dict]:
    dice = random.Random(SEED)
    out = []
    for number in range(JOBS):
        start = Fraction(dice.randrange(0, 12_000), 1000)
        still = {"FetchMedia": False, "FetchThumb": True} if dice.random() < 0.6 else {}
        container = world.stack.storage(dice.choice(["ts", "mp4"]))
        out.append(world.stack.request(
            recording, start, dice.randrange(600, 1600), f"soak-{number}-{RUN}", storage_info=container, **still))
    return out


def test_a_soak_in_faults_loses_nothing_and_grows_nowhere(chaos, small):
    faults = chaos.proxy.arm(Rule(sometimes(SEED, CHANCES), times=1 << 60))
    before, signals, watch = len(chaos.proxy.calls), len(chaos.proxy.signals), Watch(chaos)
    watch.start()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda body: chaos.patiently(body, 120), requests(chaos, small)))
    finally:
        chaos.proxy.disarm(faults)
        watch.over.set()
    ends = defaultdict(int)
    for each in answers:
        ends[each.body["ErrorMessage"]] += 1
    jobs = {each.body["JobId"] for each in answers}
    chaos.until_idle()
    report = {
        "jobs": len(jobs),
        "ends": dict(ends),
        "requests": len(chaos.proxy.calls) - before,
        "signals": len(chaos.proxy.signals) - signals,
        "RSS per 1000 jobs": f"{watch.growth():+.2%}",
        "files": watch.most_files(),
    }
    print(report)
    assert ends.keys() <= {"Success", "export timed out"} and ends["Success"] >= 0.95 * JOBS, report
    for job in jobs:
        item = chaos.proxy.items[job]
        assert not checks.history_problems(chaos.proxy.of(job)) + checks.object_problems(chaos, item), item
    assert sum(chaos.in_flight(queue) for queue in QUEUES) == chaos.killed_workers()
    assert [chaos.waiting(queue) for queue in (*QUEUES, *DEAD_LETTERS)] == [0] * 4
    assert not chaos.orphans() and (chaos.processes.ffmpegs(), chaos.processes.zombies()) == ([], [])
    assert len(set(watch.temporary)) == 1, watch.temporary
    assert report["files"] <= FILES
    if JOBS >= 1000:
        assert watch.growth() < 0.05, report
