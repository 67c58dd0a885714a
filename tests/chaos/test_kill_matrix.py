"""Kill, freeze or cut off the functions between any two of their requests: no job is lost, doubled or changed.

Each point is tried in one way by default; `CHAOS_REPEATS=10` tries all ways of each ten times.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from .conftest import RECOVERED, REPEATS
from .courses import EXPORT_S, EXPORTER, FUTURE_S, LIVE_S, RETURN_S, BatchTrial, Exports, ExportTrial, FutureTrial, LiveTrial
from .proxy import (
    Rule,
    answer,
    delay,
    drop_reply,
    kill_after,
    kill_before,
    reset,
    stop_after,
    stop_and_overwrite,
    stop_before,
)
from .trial import BATCH, BUSY_S, CHUNKS_S, STATUS, STILLS, SUBMIT, SWEEPER, TAKEOVER_S, WORK_S, WORKER, Trial
from .world import CHUNKS, DEAD_LETTERS, QUEUES, RENEW_S, Lost, keys

AT_ONCE, EXPORTS_AT_ONCE = 5, 3
EXPORT_QUEUES = ("DATA_EXPORT_QUEUE_URL", "DATA_EXPORT_DEAD_LETTER_QUEUE_URL")
WAYS = {
    "killed before": kill_before,
    "killed after": kill_after,
    "frozen before": stop_before,
    "frozen after": stop_after,
    "reply lost": drop_reply,
}
KILLS, FREEZES = ("killed before", "killed after"), ("frozen before", "frozen after")
READS = ("killed before", "frozen after", "reply lost")


@dataclass(frozen=True)
class Point:
    """A request of a function while it serves a job of a form."""

    form: str
    function: str
    operation: str
    step: str | None = None
    target: str = ""
    nth: int = 1

    def __str__(self) -> str:
        what = self.step or (f"{self.operation} {self.target}" if self.target else self.operation)
        return f"{self.form} {self.function.removeprefix('MediaExport')} {what}{self.nth if self.nth > 1 else ''}"


def worker_points(form: str, function: str, uploads: list[Point]) -> list[Point]:
    def write(step: str) -> Point:
        return Point(form, function, "UpdateItem", step)

    picture = [
        Point(form, function, "GetItem", target="JobsTable"),
        write("claim"),
        Point(form, function, "GetItem", target="TenantsTable"),
        Point(form, function, "GetObject", target="stream.mpd"),
        Point(form, function, "GetObject", target="seg-"),
        write("stage image"),
        Point(form, function, "PutObject", target=".jpg"),
    ]
    clip = [write("image"), write("stage video"), *uploads] if uploads else []
    return [*picture, *clip, write("commit")]


UPLOADS = [
    Point("parts", WORKER, "CreateMultipartUpload"),
    Point("parts", WORKER, "UploadPart"),
    Point("parts", WORKER, "UploadPart", nth=2),
    Point("parts", WORKER, "UpdateItem", "stage video"),
    Point("parts", WORKER, "CompleteMultipartUpload"),
    Point("parts", WORKER, "UpdateItem", "commit"),
]
POINTS = [
    Point("cancelled", STATUS, "UpdateItem", "cancel"),
    Point("cancelled", SWEEPER, "PutEvents"),
    Point("expired", SWEEPER, "UpdateItem", "fail"),
    Point("restarted", SUBMIT, "UpdateItem", "restart"),
    Point("single", SUBMIT, "PutItem", "create"),
    Point("single", SUBMIT, "SendMessage"),
    *worker_points("single", WORKER, [Point("single", WORKER, "PutObject", target=".mp4")]),
    *UPLOADS,
    *worker_points("still", STILLS, []),
    Point("unsent", SWEEPER, "Query"),
    Point("unsent", SWEEPER, "GetItem"),
    Point("unsent", SWEEPER, "UpdateItem", "resend"),
    Point("unsent", SWEEPER, "SendMessage"),
    Point("slow", WORKER, "UpdateItem", "renew"),
    Point("unreadable", WORKER, "UpdateItem", "release"),
    Point("published", WORKER, "HeadObject"),
    Point("single", WORKER, "PutEvents"),
    Point("single", WORKER, "UpdateItem", "tell"),
    Point("live", WORKER, "UpdateItem", "wait"),
    Point("live", WORKER, "SendMessage"),
    Point("batch", BATCH, "PutItem", "open"),
    Point("batch", BATCH, "PutItem", "create"),
    Point("batch", BATCH, "SendMessage"),
    Point("batch", BATCH, "UpdateItem", "move"),
    Point("abandoned", SWEEPER, "PutItem", "create"),
    Point("abandoned", SWEEPER, "UpdateItem", "move"),
    Point("abandoned", SWEEPER, "UpdateItem", "close"),
    Point("withdrawn", BATCH, "UpdateItem", "withdraw"),
    Point("withdrawn", BATCH, "UpdateItem", "cancel"),
]
CHUNK_POINTS = [
    Point("chunks", WORKER, "PutObject", target="plan.json"),
    Point("chunks", WORKER, "UpdateItem", "FANNED"),
    Point("chunks", WORKER, "StartExecution"),
    Point("chunks", CHUNKS, "GetObject", target="plan.json"),
    Point("chunks", CHUNKS, "PutObject"),
    Point("chunks", CHUNKS, "UpdateItem"),
    Point("chunks", WORKER, "DescribeExecution"),
    Point("chunks", WORKER, "GetObject", target="/work/", nth=3),
    Point("chunks", WORKER, "PutObject", target=".mp4"),
    Point("chunks", WORKER, "DeleteObject", target="/work/"),
    Point("chunks", WORKER, "UpdateItem", "commit"),
]
EXPORT_POINTS = [
    Point("export", EXPORTER, "UpdateItem", target="ExportStateTable"),
    Point("export", EXPORTER, "PutObject"),
    Point("export", EXPORTER, "PutEvents"),
]
# Before these nothing is stored: the client has to ask again.
FIRST = (Point("single", SUBMIT, "PutItem", "create"), Point("batch", BATCH, "PutItem", "open"))
# What else goes wrong in a form, so that the point is reached.
CAUSES = {
    "unsent": [Rule(reset, SUBMIT, "SendMessage", times=9)],
    "slow": [Rule(delay(3 * RENEW_S), WORKER, "GetObject", target="seg-")],
    "unreadable": [Rule(answer(500, "InternalError"), WORKER, "GetObject", target="init-0", times=5)],
    "abandoned": [Rule(kill_after, BATCH, "PutItem", "open")],
    "published": [Rule(kill_after, WORKER, "PutObject", target=".mp4")],
}
# What a job of a form waits for beside its own work.
WAITS = {"live": LIVE_S, "chunks": CHUNKS_S}
COURSES = {"live": LiveTrial} | dict.fromkeys(("cancelled", "expired", "restarted"), FutureTrial)
COURSES |= dict.fromkeys(("batch", "abandoned", "withdrawn"), BatchTrial)


@dataclass(frozen=True)
class Case:
    point: Point
    way: str

    def __str__(self) -> str:
        return f"{self.point} {self.way}"

    def rules(self) -> list[Rule]:
        """The fault, and what leads to it."""
        point = self.point
        fault = Rule(WAYS[self.way], point.function, point.operation, point.step, target=point.target, nth=point.nth)
        return [fault, *(cause.unused() for cause in CAUSES.get(point.form, []))]


def ways(point: Point) -> list[str]:
    # A function of a chunk that stands still ends with its own time alone, which is a quarter of an hour.
    left_out = FREEZES if point.function == CHUNKS else ()
    return [way for way in WAYS if way not in left_out and (way in READS or not point.operation.startswith("Get"))]


def cases(points: list[Point]) -> list[Case]:
    if REPEATS:
        return [Case(point, way) for point in points for way in ways(point)]
    return [Case(point, ways(point)[k % len(ways(point))]) for k, point in enumerate(points)]


CASES, EXPORT_CASES = cases(POINTS + CHUNK_POINTS), cases(EXPORT_POINTS)


@pytest.fixture(scope="module")
def outcomes(request, chaos, small, heavy, wide, clips) -> Iterator[dict[Case, list[tuple[Trial, Future]]]]:
    """How long each repeat of each chosen case took to recover."""

    def trial(case: Case) -> Trial:
        form = case.point.form
        asks_again = case.point in FIRST and case.way.endswith("before")
        recording = {"parts": heavy, "chunks": wide}.get(form, small)
        return COURSES.get(form, Trial)(chaos, clips, recording, form, case.rules(), asks_again)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        trials = {case: [trial(case) for _ in range(REPEATS or 1)] for case in chosen(request, "test_a_job_survives")}
        yield {case: [(each, pool.submit(each.go)) for each in tried] for case, tried in trials.items()}
        pool.shutdown(cancel_futures=True)


def chosen(request, test: str) -> list[Case]:
    """The cases that are to be tried of a test."""
    return [item.callspec.params["case"] for item in request.session.items if item.originalname == test]


@pytest.fixture(scope="module")
def exported(request, chaos) -> Iterator[dict[Case, list[Future]]]:
    """How long each repeat of each chosen case of an export took to recover; they mostly wait."""
    exports = Exports(chaos)
    with ThreadPoolExecutor(EXPORTS_AT_ONCE) as pool:
        cases = chosen(request, "test_an_export_survives")
        trials = {case: [ExportTrial(exports, *case.rules()) for _ in range(REPEATS or 1)] for case in cases}
        yield {case: [pool.submit(each.go) for each in tried] for case, tried in trials.items()}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_job_survives(case, outcomes, exported):
    """It is taken over within a lease and two sweeps, and made once."""
    times = RECOVERED.setdefault(str(case), [])
    for trial, future in outcomes[case]:
        times.append((future.result(), trial.taken_over_after()))
    slowest, waits = max(taken_over for _, taken_over in times), WAITS.get(case.point.form, 0)
    assert slowest < TAKEOVER_S + BUSY_S + waits, f"taken over after {slowest:.1f} s"


@pytest.mark.parametrize("case", EXPORT_CASES, ids=str)
def test_an_export_survives(case, exported):
    """It is made again when the dead worker's lease is over, stored once, and told of."""
    times = [future.result() for future in exported[case]]
    RECOVERED.setdefault(str(case), []).extend((seconds, seconds) for seconds in times)
    assert max(times) < EXPORT_S + 2 * RETURN_S + 2 * BUSY_S, times


def test_messages_delivered_again_change_nothing(outcomes, chaos):
    """Those of every job so far, several times, in random order."""
    jobs = ended(outcomes)
    before = {job: chaos.known(job) for job in jobs}
    calls = len(chaos.proxy.calls)
    chaos.inject(jobs, seed=7)
    chaos.until_idle()
    assert {job: chaos.known(job) for job in jobs} == before
    assert {call.operation for call in chaos.proxy.calls[calls:] if call.function in (WORKER, STILLS)} == {"GetItem"}


def test_every_end_is_told(outcomes, chaos):
    """Whatever became of whoever was to tell it."""
    assert ended(outcomes)
    chaos.until_all_are_told()
    ids = [event["detail"]["id"] for event in chaos.listener.heard()]
    assert len(ids) < 2 * len(set(ids)), "ends are told again and again"


def test_nothing_is_left_behind(outcomes, exported, chaos):
    """Except one message in flight for each worker that was killed, and uploads that no record names."""
    jobs = ended(outcomes)
    # Those that were cancelled have a wake-up under way, and exports that were held look once more.
    queues = (*QUEUES, "BULK_QUEUE_URL", EXPORT_QUEUES[0])
    chaos.until(lambda: not any(map(chaos.waiting, queues)), FUTURE_S, "messages wait")
    chaos.until_idle()
    assert jobs and not chaos.orphans()
    # A worker that is killed before the upload's name is on record, or never learns it, leaves it to the bucket's
    # lifecycle rule.
    lost = ("CreateMultipartUpload", "reply lost")
    unnamed = [trial.job for case, tried in outcomes.items() if (case.point.operation, case.way) == lost for trial, _ in tried]
    left = {keys(chaos.proxy.items[job])["video"] for job in (*chaos.killed_at(), *unnamed)}
    assert set(chaos.uploads().values()) <= left
    assert (chaos.processes.ffmpegs(), chaos.processes.zombies()) == ([], [])
    assert all("ministack" in name for name in chaos.temporary()), chaos.temporary()
    assert not any(map(chaos.waiting, (*queues, *DEAD_LETTERS, EXPORT_QUEUES[1])))
    assert sum(chaos.in_flight(queue) for queue in QUEUES) == len(chaos.killed_at())


def test_without_the_sweeper_a_job_whose_message_was_never_sent_is_lost(outcomes, chaos, small, clips):
    """What this harness finds; and a client's next request heals it."""
    ended(outcomes)
    with chaos.no_sweeper():
        trial = Trial(chaos, clips, small, "single", [Rule(kill_after, SUBMIT, "PutItem", "create")])
        with pytest.raises(Lost, match="QUEUED"):
            trial.go(within=TAKEOVER_S + BUSY_S)
        chaos.stack.export(trial.body)
        assert chaos.until_ended(trial.job, WORK_S) == "READY"
        trial.judge()


def test_a_store_that_lets_a_zombie_overwrite_is_found(outcomes, chaos, small, clips):
    """What this harness finds, too."""
    ended(outcomes)
    fault = Rule(stop_and_overwrite, WORKER, "PutObject", target=".mp4")
    with pytest.raises(AssertionError, match="the zombie changed what was there"):
        Trial(chaos, clips, small, "single", [fault]).go()


def test_an_end_that_nobody_tells_is_found(outcomes, chaos, small, clips):
    """Before the sweeper looks, that is."""
    ended(outcomes)
    trial = Trial(chaos, clips, small, "still", [Rule(reset, STILLS, "PutEvents", times=9)])
    trial.go()
    assert f"{trial.job}-1" in chaos.untold()


def ended(outcomes) -> list[str]:
    """The jobs of all cases, once they have all ended."""
    for tried in outcomes.values():
        for _, future in tried:
            future.exception()
    return [trial.job for tried in outcomes.values() for trial, future in tried if future.exception() is None]
