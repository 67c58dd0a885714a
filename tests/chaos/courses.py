"""Courses that a job's or an export's life may take besides the usual one, each with a fault in it."""

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count

from e2e.conftest import RUN
from e2e.listener import Listener
from e2e.mre import Mre, python_text, scenarios, tokens, unordered
from e2e.stack import Answer
from media import forms
from media.recording import Live

from .calls import ENDINGS
from .checks import history_problems
from .proxy import Rule
from .trial import BUSY_S, TAKEOVER_S, WORK_S, Trial
from .world import World, keys

WINDOW = (Fraction(4500, 1000), 5000)
# How long after the first look the last second of a live window is there, and the longest that a job waits for it.
AHEAD_S, LIVE_S = 2, 8.0
# When the window of a job ends that is not to be made: its wake-up must not stay in the queue for long.
FUTURE_S = 20
# What a client waits for an answer before it asks again.
PATIENCE_S = 3


@dataclass
class GrowingTrial(Trial):
    """A window that ends a while from now, of a recording that grows."""

    def record(self, ahead_s: float, stored_s: int) -> None:
        stack, self.window = self.world.stack, WINDOW
        start, duration = self.window
        began_ms = int((time.time() + ahead_s) * 1000) - int(start * 1000) - duration
        self.recording = forms.seconds_into(self.name, 0, forms.SECONDS, f"mp4/live/{self.name}/1/stream.mpd", began_ms)
        self.growing = Live(self.recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"])
        self.growing.publish(Fraction(stored_s))
        self.body = self.request()


@dataclass
class LiveTrial(GrowingTrial):
    """The last seconds are recorded and stored while the job waits for them."""

    def go(self, within: float = TAKEOVER_S + BUSY_S + WORK_S + LIVE_S) -> float:
        self.record(AHEAD_S, stored_s=6)
        return super().go(within)

    def until_struck(self, *args) -> None:
        super().until_struck(*args)
        self.growing.publish(Fraction(forms.SECONDS))


@contextmanager
def shut(client: ThreadPoolExecutor) -> Iterator[None]:
    """Requests that nobody waits for any more are not made."""
    try:
        yield
    finally:
        client.shutdown(cancel_futures=True)


@dataclass
class FutureTrial(GrowingTrial):
    """The window is not to be made. Forms: its job is `cancelled` by its client, `expired` since its time was over, or
    `restarted` by its client after that and then cancelled."""

    def go(self, within: float = 2 * (TAKEOVER_S + BUSY_S)) -> float:
        world, fault = self.world, self.rules[0]
        self.client = ThreadPoolExecutor(8)
        with shut(self.client), world.proxy.armed(*self.rules):
            self.record(FUTURE_S, stored_s=4)
            self.insist(lambda: world.stack.export(self.body))
            self.job = world.until(lambda: world.job_of(self.name), 20, "no job is stored")
            self.until_waiting(1, within)
            if self.form != "cancelled":
                world.overdue(self.job)
                assert world.until_ended(self.job, within) == "FAILED", self.item
            if self.form == "restarted":
                self.insist(lambda: world.stack.export(self.body))
                self.until_waiting(2, within)
            if self.form != "expired":
                self.insist(self.cancel)
            self.until_struck(fault, self.client.submit(int))
            wanted = "FAILED" if self.form == "expired" else "CANCELLED"
            assert world.until_ended(self.job, within) == wanted, self.item
            self.thaw(fault)
            self.judge()
            ended = [call.at for call in self.calls if call.step in ENDINGS.values() and call.done]
            return max(0.0, ended[-1] - fault.hit[0].at)

    def insist(self, send) -> None:
        """Ask until there is an answer."""

        def answered() -> bool:
            asked = self.client.submit(send)
            wait([asked], PATIENCE_S)
            return asked.done() and asked.result().status == 200

        self.world.until(answered, 40, "no answer")

    def cancel(self):
        stack = self.world.stack
        return stack.send("DELETE", f"/export/status/{self.job}", headers={"X-Session-Id": stack.session_id})

    def until_waiting(self, generation: int, within: float) -> None:
        def waits() -> bool:
            return (self.item["generation"], self.item["state"]) == (generation, "WAITING_SOURCE")

        self.world.until(waits, within, f"{self.job} does not wait: {self.item}")

    def judge(self) -> None:
        """What holds of a job that ended without files."""
        problems = history_problems(self.calls)
        assert not problems, f"{problems}: {[str(call) for call in self.calls]}"
        reply = self.world.stack.status(self.job)
        said = "export timed out" if self.form == "expired" else "cancelled"
        assert (reply.code, reply.body["ErrorMessage"]) == (-1, said), reply
        assert not any(self.world.stack.exists(key) for key in keys(self.item).values())


# ---- batches


@dataclass
class BatchTrial(GrowingTrial):
    """Two clips in one request. Forms: a `batch` that a client asks for once, one that is `abandoned` by the function
    that took it, or one that is `withdrawn` by its client while its windows are not recorded yet."""

    def request(self) -> dict:
        stack, (start, duration) = self.world.stack, self.window
        alone = stack.request(self.recording, start, duration, self.name)
        zero = alone["StartPos"] - int(start * 1000)
        clips = [{"start": float(start), "duration_ms": duration, "name": name} for name in self.names]
        return {"live_path": self.recording.live_path, "zero": zero, "container": "mp4", "clips": clips}

    @property
    def names(self) -> tuple[str, str]:
        return self.name, f"{self.name}-again"

    def send(self, method: str = "POST", path: str = "/export/batch") -> Answer:
        stack = self.world.stack
        return stack.send(method, path, self.body if method == "POST" else None, {"X-Session-Id": stack.session_id})

    def go(self, within: float = TAKEOVER_S + BUSY_S + WORK_S) -> float:
        """Ask once, let the fault strike, wait for the end; returns the seconds from the fault to the batch's end."""
        world, fault = self.world, self.rules[0]
        if self.form == "withdrawn":
            self.record(FUTURE_S, stored_s=4)
        with ThreadPoolExecutor(1) as client, world.proxy.armed(*self.rules):
            asked = client.submit(self.send)
            again = self.send if self.asks_again else None
            if self.form == "withdrawn":
                path = asked.result().headers["location"]
                asked = client.submit(self.send, "DELETE", path)
                # Whether a request that got no answer was heard its client cannot tell.
                again = lambda: self.send("DELETE", path)  # noqa: E731
            self.until_struck(fault, asked)
            struck = fault.hit[0]
            if again:
                again()
            self.batch = world.until(self.stored, 20, "no batch is stored")
            world.until(lambda: world.state(self.batch) == "DONE", within, f"the batch is not done: {world.proxy.items[self.batch]}")
            self.jobs = [world.job_of(name) for name in self.names]
            self.job = self.jobs[0]
            self.thaw(fault)
            self.judge()
            ended = next(call.at for call in world.proxy.of(self.batch) if call.step == "close" and call.done)
            return max(0.0, ended - struck.at)

    def stored(self) -> str | None:
        calls = list(self.world.proxy.calls)
        return next((call.job for call in calls if call.name == self.name and call.step == "open" and call.done), None)

    def thaw(self, fault: Rule) -> None:
        world = self.world
        world.thaw(fault, lambda: ([world.known(job) for job in self.jobs], world.proxy.items[self.batch]["state"]))

    def judge(self) -> None:
        """Each clip is made once, and its end is the batch's knowledge of it."""
        world = self.world
        for job in self.jobs:
            calls = world.proxy.of(job)
            problems = history_problems(calls) if self.form != "withdrawn" else []
            assert not problems, f"{problems}: {[str(call) for call in calls]}"
            assert world.proxy.items[job]["generation"] == 1
        wanted = ("CANCELLED", "cancelled") if self.form == "withdrawn" else ("READY", "ready")
        shown = self.send("GET", f"/export/batch/{self.batch}").body
        assert (shown["outcome"], shown["counts"][wanted[1]]) == (wanted[0], 2), shown
        told = lambda: any(event["detail"]["id"] == f"{self.batch}-1" for event in world.listener.heard())  # noqa: E731
        world.until(told, 60, "nobody is told of the batch's end")


# ---- exports of events

EXPORTER = "DataExportWorker"
# An invocation's time, after which its lease is over, and when a message comes back that nobody has acknowledged.
EXPORT_S, RETURN_S = 10, 2
SCENARIO = "event_tennis_optimizer"
EXPORTS = count()


class Exports:
    """Media Replay Engine beside a world, whose exporter gives up soon."""

    def __init__(self, world: World) -> None:
        self.world, self.mre = world, Mre(world.stack)
        env = world.stack.env
        pattern = {"source": ["awsmre"], "detail": {"State": [{"prefix": "BASE_"}]}}
        self.listener = Listener(world.stack, env["EVENT_BUS_NAME"], pattern)
        functions = world.client("lambda")
        names = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
        functions.update_function_configuration(
            FunctionName=next(name for name in names if f"-{EXPORTER}-" in name), Timeout=EXPORT_S)
        world.stack.sqs.set_queue_attributes(
            QueueUrl=env["DATA_EXPORT_QUEUE_URL"], Attributes={"VisibilityTimeout": str(RETURN_S)})

    def state(self, key: str) -> dict:
        """What is known about an export."""
        table, of = self.world.stack.env["EXPORT_STATE_TABLE_NAME"], {"pk": {"S": key}}
        return self.world.stack.dynamodb.get_item(TableName=table, Key=of, ConsistentRead=True).get("Item", {})


@dataclass
class ExportTrial:
    """A trigger during whose work a fault strikes."""

    exports: Exports
    fault: Rule
    scenario: dict = field(init=False)

    def __post_init__(self) -> None:
        self.event = f"export-{next(EXPORTS)}-{RUN}"
        self.scenario = renamed(scenarios()[SCENARIO], self.event)

    def go(self) -> float:
        """Put the trigger on the bus, let the fault strike, wait for the export; returns the seconds between."""
        world, mre, fault = self.exports.world, self.exports.mre, self.fault
        names = mre.add(self.scenario)
        key = f"event/{len(names.program)}/{names.program}/{names.event}"
        fault.when = lambda call: call.job == key
        with world.proxy.armed(fault):
            mre.trigger(self.scenario["trigger"])
            world.until(fault.struck.is_set, 60, "the fault never struck")
            world.until(lambda: is_built(self.exports.state(key)), 6 * EXPORT_S, "there is no export")
            ended = time.monotonic()
            world.thaw(fault, lambda: self.known(names, key))
            self.judge(names)
            return ended - fault.hit[0].at

    def known(self, names, key: str) -> tuple:
        return self.exports.mre.row(names), self.exports.mre.object(self.key), self.exports.state(key)

    @property
    def key(self) -> str:
        return self.scenario["expected"]["document_location"].removeprefix("s3://").partition("/")[2]

    def judge(self, names) -> None:
        """The document is stored as it should be, its row names it, and the bus was told."""
        expected = tokens(json.dumps(self.scenario["expected"]["document"], ensure_ascii=False))
        stored = self.exports.mre.object(self.key)
        assert python_text(unordered(tokens(stored))) == python_text(unordered(expected))
        location = f"s3://{self.exports.mre.bucket}/{self.key}"
        assert self.exports.mre.row(names)["EventDataExportLocation"] == {"S": location}
        assert any(location in json.dumps(event) for event in self.exports.listener.heard()), "nobody was told"


def is_built(state: dict) -> bool:
    return "built_from" in state and "lease_until" not in state


def renamed(scenario: dict, event: str) -> dict:
    """A scenario of another event."""
    text = json.dumps(scenario)
    row_id = scenario["expected"]["document_location"].rpartition("/")[2].partition("_")[0]
    old = scenario["trigger"]["detail"]["Event"]["EventInfo"]["Event"]["Name"]
    return json.loads(text.replace(old, event).replace(row_id, str(uuid.uuid4())))
