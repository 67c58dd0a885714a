"""Faults of AWS, of ffmpeg and of the record itself: each costs time, none a frame.

`CHAOS_REPEATS=10` tries each of them ten times.
"""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .calls import Call
from .conftest import REPEATS
from .processes import signal_tree
from .proxy import Rule, answer, delay, drop_reply, kill_before, reset, stop_before, throttle, truncate
from .trial import STILLS, SUBMIT, TAKEOVER_S, WORK_S, WORKER, Trial
from .world import LEASE_S, RESEND_S, Lost

SLOW_DOWN, BROKEN = answer(503, "SlowDown"), answer(500, "InternalError")
CONFLICT = answer(409, "ConditionalRequestConflict")

# Form, fault, and whether it costs no further attempt (None: that depends on when the claim was renewed last).
FAULTS = {
    "a segment's connection breaks twice": ("single", Rule(reset, WORKER, "GetObject", target="seg-", times=2), True),
    "S3 is busy": ("single", Rule(SLOW_DOWN, WORKER, "GetObject", target="seg-", times=2), True),
    "S3 is broken": ("single", Rule(BROKEN, WORKER, "GetObject", target="stream.mpd", times=2), True),
    "S3 is broken for long": ("single", Rule(BROKEN, WORKER, "GetObject", target="init-0", times=5), True),
    "half a segment arrives": ("single", Rule(truncate, WORKER, "GetObject", target="seg-0"), None),
    "half a manifest arrives": ("single", Rule(truncate, WORKER, "GetObject", target="stream.mpd"), None),
    "a segment outlasts a lease": ("single", Rule(delay(LEASE_S + 2), WORKER, "GetObject", target="seg-0"), True),
    "another write is under way": ("single", Rule(CONFLICT, WORKER, "PutObject", target=".mp4", times=2), True),
    "another upload is under way": ("parts", Rule(CONFLICT, WORKER, "CompleteMultipartUpload", times=2), True),
    "a part is lost twice": ("parts", Rule(reset, WORKER, "UploadPart", times=2), True),
    "the picture's connection breaks": ("single", Rule(reset, WORKER, "PutObject", target=".jpg", times=2), True),
    "the claim is throttled": ("single", Rule(throttle, WORKER, "UpdateItem", "claim", times=2), None),
    "the commit is throttled": ("single", Rule(throttle, WORKER, "UpdateItem", "commit", times=2), None),
    # An attempt that the table ended is not counted, if the worker could store that.
    "the commit is throttled for long": ("single", Rule(throttle, WORKER, "UpdateItem", "commit", times=5), None),
    "the message is throttled for long": ("single", Rule(throttle, SUBMIT, "SendMessage", times=9), True),
    "the job is read late": ("still", Rule(delay(LEASE_S), STILLS, "GetItem", target="JobsTable"), True),
}


@pytest.fixture(autouse=True, params=range(REPEATS or 1))
def turn(request) -> int:
    """Which repetition of a test it is."""
    return request.param


@pytest.fixture(scope="module")
def outcomes(request, chaos, small, heavy, clips):
    items = [item for item in request.session.items if item.originalname == "test_a_fault_costs_time"]
    chosen = [(item.callspec.params["fault"], item.callspec.params["turn"]) for item in items]
    with ThreadPoolExecutor(4) as pool:
        trials = {}
        for fault, turn in chosen:
            form, rule, _ = FAULTS[fault]
            recording = heavy if form == "parts" else small
            trials[fault, turn] = Trial(chaos, clips, recording, form, [rule.unused()])
        yield {each: (trial, pool.submit(trial.go)) for each, trial in trials.items()}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_time(fault, turn, outcomes):
    trial, future = outcomes[fault, turn]
    future.result()
    at_once = FAULTS[fault][2]
    if at_once is not None:
        assert (trial.item["attempts"] == 1) == at_once, trial.item["attempts"]


def test_a_fault_that_never_strikes_is_found(chaos, small, clips):
    """Else a trial would say nothing."""
    rule = Rule(reset, WORKER, "GetObject", target="no such segment")
    trial = Trial(chaos, clips, small, "still", [rule])
    with chaos.proxy.armed(rule), ThreadPoolExecutor(1) as pool, pytest.raises(Lost, match="the fault never struck"):
        trial.until_struck(rule, pool.submit(trial.ask), 1)


def test_a_job_that_cannot_be_stored_is_not_acknowledged(chaos, small, clips):
    trial = Trial(chaos, clips, small, "single", [Rule(throttle, SUBMIT, "PutItem", times=4)])
    with chaos.proxy.armed(*trial.rules):
        refused = chaos.stack.export(trial.body)
        assert trial.rules[0].hit, "the fault never struck"
        assert refused.status == 503 and refused.code == -1 and refused.body["TimeWait"] > 0, refused
        assert chaos.job_of(trial.name) is None
    assert chaos.stack.finish(trial.body).code == 5


def test_a_worker_that_cannot_reach_the_table_stops(chaos, small, clips):
    """The table is gone for one process alone, for longer than a lease: another one takes over, the first stops."""
    trial = Trial(chaos, clips, small, "single", [Rule(drop_reply, WORKER, "UpdateItem", "claim")])
    cut_off = []

    def first_process(call: Call) -> bool:
        if not cut_off and call.step == "stage image":
            cut_off.append(call.sender.pid)
        return cut_off and call.sender.pid == cut_off[0]

    outage = Rule(reset, WORKER, "UpdateItem", times=1 << 30, when=first_process)
    trial.rules = [outage]
    outage.name = trial.name
    trial.go()
    assert {call.sender.pid for call in trial.calls if call.step == "commit" and call.done} != set(cut_off)


def test_the_same_message_twice_at_once_is_worked_on_once(chaos, small, clips):
    """Two workers receive it while the first is slow to claim."""
    trial = Trial(chaos, clips, small, "single", [Rule(delay(0.7), WORKER, "UpdateItem", "claim", times=3)])
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(trial.go)
        job = chaos.until(lambda: chaos.job_of(trial.name), 20, "no job is stored")
        chaos.inject([job], seed=1, copies=3)
        ended.result()
    chaos.until_idle()
    claims = [call for call in trial.calls if call.step == "claim"]
    assert len(claims) > 1 and [call.done for call in claims].count(True) == 1, claims


def test_sweepers_at_the_same_time_send_a_message_once(chaos, small, clips):
    unsent = Rule(reset, SUBMIT, "SendMessage", times=9)
    trial = Trial(chaos, clips, small, "single", [unsent])
    with chaos.no_sweeper(), ThreadPoolExecutor(5) as pool:
        ended = pool.submit(trial.go)
        chaos.until(unsent.struck.is_set, 20, "the message was sent")
        time.sleep(RESEND_S + 0.5)
        swept = list(pool.map(lambda _: chaos.sweep(), range(4)))
        assert sum(each["resent"] for each in swept) == 1, swept
        ended.result()


def test_a_new_generation_is_not_disturbed_by_a_worker_of_the_old_one(chaos, small, clips):
    """The first attempt is frozen, the next two die, the job fails; asked again it succeeds; then the first goes on."""
    frozen = Rule(stop_before, WORKER, "PutObject", target=".mp4")
    dying = Rule(kill_before, WORKER, "PutObject", target=".mp4", times=2)
    trial = Trial(chaos, clips, small, "single", [frozen, dying])
    with chaos.proxy.armed(*trial.rules):
        chaos.stack.export(trial.body)
        chaos.until(frozen.struck.is_set, 30, "the fault never struck")
        trial.job = chaos.job_of(trial.name)
        first = trial.item["fence"]
        assert chaos.until_ended(trial.job, 3 * (TAKEOVER_S + WORK_S)) == "FAILED"
        assert len(dying.hit) == 2
        failed = chaos.stack.status(trial.job)
        assert failed.body["ErrorMessage"] == "export timed out", failed
        assert chaos.stack.finish(trial.body).code == 5
        assert trial.item["generation"] == 2 and trial.item["fence"] == first + 3
        trial.thaw(frozen)
        trial.judge()


def test_a_record_that_vanishes_is_made_again(chaos, small, clips):
    """Its item is gone while a worker is at it, and the client asks again."""
    frozen = Rule(stop_before, WORKER, "UpdateItem", "stage video")
    trial = Trial(chaos, clips, small, "single", [frozen])
    with chaos.proxy.armed(frozen):
        chaos.stack.export(trial.body)
        chaos.until(frozen.struck.is_set, 30, "the fault never struck")
        trial.job = chaos.job_of(trial.name)
        chaos.forget(trial.job)
        done = chaos.stack.finish(trial.body)
        assert done.code == 5 and done.body["JobId"] == trial.job
        trial.thaw(frozen)
        clips.check(small, trial.window, chaos.stack.status(trial.job))


def test_an_expired_record_counts_as_none(chaos, small, clips):
    """It lies there for days after its time; its objects are replaced, not believed."""
    trial = Trial(chaos, clips, small, "single", [])
    trial.ask()
    done = chaos.stack.status(trial.job)
    # The worker's last write sets the time on record, too.
    chaos.until_idle()
    chaos.expire(trial.job)
    assert trial.ask() == "READY"
    assert chaos.stack.status(trial.job).body == done.body
    assert trial.item["generation"] == 2
    trial.judge()


def test_functions_that_were_frozen_between_invocations_go_on(chaos, small, clips):
    """As a warm environment is."""
    Trial(chaos, clips, small, "single", []).ask()
    chaos.until_idle()
    pids = list(chaos.processes.functions())
    with chaos.no_sweeper():
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                signal_tree(pid, number)
            time.sleep(LEASE_S)
    trial = Trial(chaos, clips, small, "single", [])
    assert trial.ask() == "READY" and trial.item["attempts"] == 1
    trial.judge()


# ---- ffmpeg. What the worker's uses of it have in their arguments, and what becomes of one start of it.

USES = {
    "plays a join": "-f mp4 -i pipe:0 -filter_complex",
    "encodes": "libx264",
    "makes a picture": "mjpeg",
    "writes a .ts": "-f mpegts",
}
BREAKS = {
    "is killed half-way": '"$ffmpeg" "$@" | /usr/bin/head -c 1500; kill -9 $$',
    "loses its end": '"$ffmpeg" "$@" | { /usr/bin/head -c 1500; /bin/cat >/dev/null; }; exit 0',
    "gives nothing": "/bin/cat >/dev/null; exit 0",
    "floods its log": "/usr/bin/head -c 4194304 /dev/zero >&2",
    "leaves one behind": '/usr/bin/setsid /bin/bash -c \'exec -a "$0" /bin/sleep 900\' "$0" </dev/null >/dev/null 2>&1 &',
}


@pytest.mark.parametrize("fault", BREAKS)
@pytest.mark.parametrize("use", USES)
def test_an_ffmpeg_that_breaks_once_costs_time(use, fault, chaos, small, heavy, clips):
    trial = Trial(chaos, clips, *((heavy, "parts") if use == "writes a .ts" else (small, "single")), [])
    with chaos.broken_ffmpeg(USES[use], BREAKS[fault]) as struck:
        trial.ask()
        assert struck(), "the fault never struck"
    trial.judge()
    assert (chaos.processes.ffmpegs(), chaos.processes.zombies()) == ([], [])


def test_a_worker_killed_with_its_ffmpegs_at_work_leaves_none(chaos, small, clips):
    trial = Trial(chaos, clips, small, "single", [Rule(kill_before, WORKER, "UpdateItem", "renew")])
    with chaos.broken_ffmpeg(USES["encodes"], "kill -STOP $$") as struck:
        trial.go()
        assert struck(), "the fault never struck"
    chaos.until_idle()
    assert chaos.processes.ffmpegs() == []


def test_an_ffmpeg_that_hangs_is_given_up(chaos, small, clips):
    """Group and all, long before the invocation's time is up; what it was to encode is made in another way."""
    with chaos.broken_ffmpeg(USES["encodes"], "kill -STOP $$") as struck:
        trial = Trial(chaos, clips, small, "single", [])
        trial.ask()
        assert struck(), "the fault never struck"
    trial.judge()
    assert trial.item["plan"]["fell_back"], trial.item["plan"]
    assert chaos.processes.ffmpegs() == []
