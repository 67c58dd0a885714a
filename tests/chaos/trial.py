"""One job that meets one fault, and what must be true of it afterwards."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count

from e2e.conftest import RUN
from media.recording import Recording

from .calls import Call
from .checks import Clips, history_problems, object_problems
from .proxy import Rule
from .world import LEASE_S, RENEW_S, RESEND_S, SWEEP_S, WORKERS, Lost, World

WORKER, STILLS = WORKERS
SUBMIT, BATCH, STATUS, SWEEPER = "MediaExportSubmit", "ExportBatch", "StatusPoll", "JobSweeper"
WINDOWS = {
    "single": (Fraction(2530, 1000), 2300),
    "parts": (Fraction(4), 4100),
    "still": (Fraction(3), 1000),
    "chunks": (Fraction(2500, 1000), 4000),
}
TAKEOVER_S = max(LEASE_S + RENEW_S / 4, RESEND_S) + 2 * SWEEP_S
# What a busy machine adds: functions start, messages travel.
BUSY_S = 4.0
# The longest that a clip's own work may take there.
WORK_S = 30.0
# The longest that its chunks may take, an engine's pauses between tries included.
CHUNKS_S = 30.0
NUMBERS = count()


@dataclass
class Trial:
    """A request of a form (clip at once, clip in parts, clip in chunks, or still) during which `rules` hold; the first is the fault.

    `asks_again`: the client has to, since the fault may keep the job from being stored.
    """

    world: World
    clips: Clips
    recording: Recording
    form: str
    rules: list[Rule]
    asks_again: bool = False
    job: str = ""
    window: tuple[Fraction, int] = field(init=False)
    body: dict = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"trial-{next(NUMBERS)}-{RUN}"
        for rule in self.rules:
            # A query names no job: it is one that must find this one.
            if rule.operation == "Query":
                rule.when = lambda _: self.is_due()
            else:
                rule.name = self.name
        self.window = WINDOWS.get(self.form, WINDOWS["single"])
        self.body = self.request()

    def request(self) -> dict:
        fields = {"FetchMedia": False, "FetchThumb": True} if self.form == "still" else {}
        fields["storage_info"] = self.world.stack.storage("ts" if self.form == "parts" else "mp4")
        if self.form == "chunks":
            fields["export_type"] = 2
        return self.world.stack.request(self.recording, *self.window, self.name, **fields)

    def is_due(self) -> bool:
        """The job waits for the sweeper."""
        job = self.world.job_of(self.name)
        due_at = self.world.proxy.items[job].get("due_at") if job else None
        return due_at is not None and due_at < time.time() * 1000

    @property
    def calls(self) -> list[Call]:
        return self.world.proxy.of(self.job)

    @property
    def item(self) -> dict:
        return self.world.proxy.items[self.job]

    def go(self, within: float = TAKEOVER_S + BUSY_S + WORK_S) -> float:
        """Ask once, let the fault strike, wait for the end; returns the seconds from the fault to the job's end."""
        world, fault = self.world, self.rules[0]
        within += CHUNKS_S if self.form == "chunks" else 0
        with ThreadPoolExecutor(1) as client, world.proxy.armed(*self.rules):
            asked = client.submit(world.stack.export, self.body)
            self.until_struck(fault, asked)
            struck = fault.hit[0]
            if self.asks_again:
                world.stack.export(self.body)
            self.job = world.until(lambda: world.job_of(self.name), 20, "no job is stored")
            state = world.until_ended(self.job, within)
            assert state == "READY", self.item
            self.thaw(fault)
            self.judge()
            ended = next(call.at for call in self.calls if call.step == "commit" and call.done)
            return max(0.0, ended - struck.at)

    def ask(self) -> str:
        """Ask once and wait for the end; returns the state."""
        self.job = self.world.stack.export(self.body).body["JobId"]
        return self.world.until_ended(self.job, TAKEOVER_S + BUSY_S + WORK_S)

    def until_struck(self, fault: Rule, asked: Future, seconds: float = 60) -> None:
        try:
            self.world.until(fault.struck.is_set, seconds, "the fault never struck")
        except Lost as lost:
            reply = asked.result() if asked.done() else "no answer"
            calls = [str(call) for call in self.world.proxy.calls if call.name == self.name]
            raise Lost(f"{lost}: {reply}, {calls}"[:3000]) from None

    def thaw(self, fault: Rule) -> None:
        """Let a zombie go on, and see that it changes nothing."""
        self.world.thaw(fault, lambda: self.world.known(self.job))

    def judge(self) -> None:
        """What holds of every job that is ready."""
        problems = history_problems(self.calls) + object_problems(self.world, self.item)
        assert not problems, f"{problems}: {[str(call) for call in self.calls]}"
        reply = self.world.stack.status(self.job)
        assert reply.code == (0 if self.form == "still" else 5) and reply.final, reply
        if self.form != "still":
            self.clips.check(self.recording, self.window, reply)

    def taken_over_after(self) -> float:
        """Seconds from the fault to the claim that led to the end; 0 if that was made before."""
        struck = self.rules[0].hit[0].at
        claims = [call.at for call in self.calls if call.step == "claim" and call.done and call.at > struck]
        return claims[-1] - struck if claims else 0.0
