"""The stack behind the proxy, on a scaled clock, with what a test needs to hurt it and to look what is left."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import imageio_ffmpeg

from e2e.listener import of_jobs
from e2e.stack import LAUNCHER, ROOT, Answer, Stack
from e2e.uncageable import refusing

from .calls import ENDINGS, digest, is_batch
from .processes import Processes
from .proxy import Proxy, Rule

LEASE_S, RENEW_S, RESEND_S, SWEEP_S = 2.0, 0.6, 1.0, 1.0
# What changes in a job's item when its end is reported, and when what it left is removed.
AFTER_THE_END = frozenset({"rev", "write_id", "due_at", "due_shard", "resends", "untold"}) | {
    "aftermath", "staged", "uploads", "quiet_until"
}  # fmt: skip
# How long ffmpeg may hang.
PATIENCE_S = 4.0
TIMES = {"LEASE_MS": LEASE_S, "RENEW_MS": RENEW_S, "RESEND_MS": RESEND_S, "FFMPEG_PATIENCE_MS": PATIENCE_S}
QUEUES = ("CLIP_QUEUE_URL", "THUMBNAIL_QUEUE_URL")
WANTED = ("media", "thumbnail")
WORKERS = ("MediaExportClipWorker", "MediaExportThumbnailWorker")
BULK, CHUNKS = "MediaExportBulkWorker", "MediaExportChunkWorker"
DEAD_LETTERS = ("CLIP_DEAD_LETTER_QUEUE_URL", "BULK_DEAD_LETTER_QUEUE_URL", "THUMBNAIL_DEAD_LETTER_QUEUE_URL")

REAL_FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()

# Passes on to the real ffmpeg, unless a rule beside it wants this start to go wrong. It writes no file and reads no
# environment: the worker allows neither. It starts others, so these stacks run where the cage's filter of system calls
# is refused.
WRAPPER = """#!/bin/bash
if [ -e {folder}/armed ] && [[ " $* " == *"$(</{folder}/pattern)"* ]] && /bin/rm {folder}/armed 2>/dev/null; then
  . {folder}/fault
fi
exec -a "$0" {ffmpeg} "$@"
"""


class Lost(AssertionError):
    """A job that did not end in time."""


@dataclass(frozen=True)
class Known:
    """What is stored of an ended job: its item, and content, time and origin of each of its objects."""

    item: dict
    objects: dict[str, tuple]


class World:
    """A stack whose functions talk through a proxy."""

    def __init__(self, env_file: Path, proxy: Proxy, ffmpeg: Path) -> None:
        self.stack, self.proxy = Stack(env_file), proxy
        self.processes = Processes(env_file.resolve().parent, ffmpeg)
        self.ffmpeg_folder = ffmpeg.parent
        env = self.stack.env
        self.bucket = env["EXPORT_BUCKET"]
        self._options = {
            "endpoint_url": env["AWS_ENDPOINT_URL"],
            "region_name": env["AWS_REGION"],
            "aws_access_key_id": env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"],
        }
        self.functions = self.client("lambda")
        names = [each["FunctionName"] for each in self.functions.list_functions()["Functions"]]
        self._sweeper = next(name for name in names if "-JobSweeper-" in name)
        self.worker = next(name for name in names if "-MediaExportClipWorker-" in name)
        self._sweeping, self._over = threading.Event(), threading.Event()
        self.listener = of_jobs(self.stack)
        proxy.upstream = int(env["AWS_ENDPOINT_URL"].rpartition(":")[2])
        proxy.processes = self.processes

    def client(self, service: str):
        return boto3.client(service, **self._options)

    # ---- the sweeper

    def sweep(self) -> dict:
        """One run of the sweeper."""
        reply = self.client("lambda").invoke(FunctionName=self._sweeper, Payload=b"{}")
        return json.loads(reply["Payload"].read() or b"{}")

    def drive_sweeper(self) -> None:
        """Run it every scaled minute from now on, whether or not the last run has ended."""
        schedules = self.client("scheduler")
        for each in schedules.list_schedules()["Schedules"]:
            schedule = schedules.get_schedule(Name=each["Name"], GroupName=each["GroupName"])
            wanted = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
            schedules.update_schedule(**{key: schedule[key] for key in wanted}, State="DISABLED")
        self._sweeping.set()

        def run() -> None:
            while not self._over.wait(SWEEP_S):
                if self._sweeping.is_set():
                    threading.Thread(target=self.sweep, daemon=True).start()

        threading.Thread(target=run, daemon=True, name="sweeper").start()

    @contextmanager
    def no_sweeper(self) -> Iterator[None]:
        self._sweeping.clear()
        try:
            yield
        finally:
            self._sweeping.set()

    def close(self) -> None:
        self._over.set()

    # ---- faults of ffmpeg

    @contextmanager
    def broken_ffmpeg(self, pattern: str, fault: str) -> Iterator[Callable[[], bool]]:
        """The next ffmpeg whose arguments hold `pattern` first runs `fault`, a script in which `$ffmpeg` is the real
        one; yields whether it has."""
        folder = self.ffmpeg_folder
        (folder / "pattern").write_text(pattern)
        (folder / "fault").write_text(f"ffmpeg={REAL_FFMPEG}\n{fault}\n")
        armed = folder / "armed"
        armed.touch()
        try:
            yield lambda: not armed.exists()
        finally:
            armed.unlink(missing_ok=True)

    # ---- jobs

    def job_of(self, name: str) -> str | None:
        """The job of a FileName, as soon as it is stored."""
        calls = list(self.proxy.calls)
        return next((call.job for call in calls if call.name == name and call.step == "create" and call.done), None)

    def state(self, job: str) -> str:
        return self.proxy.items[job]["state"]

    def until(self, what: Callable[[], object], seconds: float, why: str) -> object:
        """Wait until something is so; raises `Lost` if it takes too long."""
        deadline = time.monotonic() + seconds
        while not (found := what()):
            if time.monotonic() > deadline:
                raise Lost(why)
            time.sleep(0.02)
        return found

    def until_ended(self, job: str, seconds: float) -> str:
        """Wait for the end of a job without asking for it: a client's request might heal it."""
        self.until(lambda: self.state(job) in ENDINGS, seconds, f"{job} is still {self.state(job)} after {seconds} s")
        return self.state(job)

    def thaw(self, fault: Rule, known: Callable[[], object]) -> None:
        """Let a zombie go on if the fault made one, and see that it changes nothing of what is `known`."""
        if fault.frozen:
            before = known()
            fault.resume()
            self.until_quiet(fault.hit[0].sender.pid)
            assert known() == before, "the zombie changed what was there"

    def until_quiet(self, pid: int) -> None:
        """Wait until a process has asked for nothing for a while, which a sweeper does only between sweeps."""
        began = time.monotonic()

        def quiet() -> bool:
            times = [call.at for call in list(self.proxy.calls) if call.sender and call.sender.pid == pid]
            return time.monotonic() - max(began, *times[-1:]) > 0.6 * SWEEP_S

        self.until(quiet, 30, f"process {pid} does not come to rest")

    def until_idle(self) -> None:
        """Wait until no worker does anything."""

        def idle() -> bool:
            calls = [call for call in list(self.proxy.calls) if call.function in (*WORKERS, BULK, CHUNKS)]
            return (not calls or time.monotonic() - calls[-1].at > 1) and not self.processes.ffmpegs()

        self.until(idle, 30, "the workers do not come to rest")

    def patiently(self, body: dict, seconds: float) -> Answer:
        """Ask as a client does that takes an error for a reason to ask again, until the answer is final."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.stack.export(body)
            if answer.status == 200 and answer.final:
                return answer
            if time.monotonic() > deadline:
                raise Lost(f"still {answer} after {seconds} s")
            time.sleep(1)

    def add_tenant(self, name: str, max_active: int) -> str:
        """Another tenant, with the demo tenant's source and targets; returns its session."""
        tables, dynamodb = self.stack.env, self.stack.dynamodb
        demo = dynamodb.get_item(TableName=tables["TENANTS_TABLE_NAME"], Key={"pk": {"S": "demo"}})["Item"]
        tenant = {**demo, "pk": {"S": name}, "max_active": {"N": str(max_active)}}
        dynamodb.put_item(TableName=tables["TENANTS_TABLE_NAME"], Item=tenant)
        session = digest(name.encode())[:32].upper()
        dynamodb.put_item(
            TableName=tables["SESSIONS_TABLE_NAME"],
            Item={
                "pk": {"S": digest(session.encode())},
                "tenant": {"S": name},
                "expires_at": {"N": str(int(time.time()) + 3600)},
            },
        )
        return session

    def known(self, job: str) -> Known:
        """What is stored of an ended job, whether its end was told or not."""
        item = self.proxy.items[job]
        stored = self.stack.dynamodb.get_item(**self._key(job), ConsistentRead=True)
        objects = {}
        for kind, object_key in keys(item).items():
            if kind in item:
                head = self.stack.s3.head_object(Bucket=self.bucket, Key=object_key)
                objects[kind] = (head["ETag"], head["LastModified"], head["Metadata"])
        return Known({name: value for name, value in stored["Item"].items() if name not in AFTER_THE_END}, objects)

    def _key(self, job: str) -> dict:
        key = {"pk": {"S": f"T#{self.proxy.items[job]['tenant']}"}, "sk": {"S": f"J#{job}"}}
        return {"TableName": self.stack.env["JOBS_TABLE_NAME"], "Key": key}

    def forget(self, job: str) -> None:
        """Remove a job's item."""
        self.stack.dynamodb.delete_item(**self._key(job))
        del self.proxy.items[job]
        self._forget_ends(job)

    def expire(self, job: str) -> None:
        """Let a job's time on record be over, and its record lie there as in AWS: the emulator removes such records each
        minute."""
        kept = {"Enabled": False, "AttributeName": "expires_at"}
        self.stack.dynamodb.update_time_to_live(TableName=self.stack.env["JOBS_TABLE_NAME"], TimeToLiveSpecification=kept)
        past = {":past": {"N": "1"}}
        change = {"UpdateExpression": "SET expires_at = :past", "ExpressionAttributeValues": past}
        self.stack.dynamodb.update_item(**self._key(job), **change)
        self._forget_ends(job)

    def _forget_ends(self, job: str) -> None:
        """A record that is over is not told of."""
        for end in [end for end in self.proxy.ends if end[0] == job]:
            del self.proxy.ends[end]

    def overdue(self, job: str) -> None:
        """Let a job's time to end be over, and the sweeper look at it."""
        past = {":past": {"N": "1"}}
        change = {"UpdateExpression": "SET deadline_at = :past, due_at = :past", "ExpressionAttributeValues": past}
        self.stack.dynamodb.update_item(**self._key(job), **change)

    def inject(self, jobs: list[str], seed: int, copies: int = 2) -> None:
        """Deliver the messages of all generations of jobs again, in random order, and wait until they are taken."""
        messages = []
        for item in (self.proxy.items[job] for job in jobs):
            queue = self.stack.env[QUEUES[WANTED.index(item["order"]["wanted"])]]
            for number in range(1, item["generation"] + 1):
                message = {"v": 1, "tenant": item["tenant"], "job_id": item["job_id"], "generation": number}
                messages += [(queue, json.dumps(message))] * copies
        random.Random(seed).shuffle(messages)
        for queue, body in messages:
            self.stack.sqs.send_message(QueueUrl=queue, MessageBody=body)
        self.until(lambda: not any(self.waiting(queue) for queue in QUEUES), 60, "messages are left in the queues")

    # ---- who was told

    def untold(self) -> set[str]:
        """The ends of which the bus has not told, by the ids that their events have."""
        items = list(self.proxy.ends.items())
        ends = {f"{job}-{number}" for (job, number), item in items if item["state"] in ENDINGS and not looked_for(item)}
        return ends - {event["detail"]["id"] for event in self.listener.heard()}

    def until_all_are_told(self) -> None:
        """Whom nobody told of a job's end the sweeper tells, ten seconds later."""
        self.until(lambda: not self.untold(), 60, "nobody is told of some ends")

    # ---- what is left

    def waiting(self, queue: str) -> int:
        """Messages that nobody has taken yet."""
        waiting = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed")
        return sum(self._depth(queue, attribute) for attribute in waiting)

    def in_flight(self, queue: str) -> int:
        return self._depth(queue, "ApproximateNumberOfMessagesNotVisible")

    def _depth(self, queue: str, attribute: str) -> int:
        found = self.stack.sqs.get_queue_attributes(QueueUrl=self.stack.env[queue], AttributeNames=[attribute])
        return int(found["Attributes"][attribute])

    def killed_at(self) -> list[str]:
        """The job of each worker that was killed. It leaves its message in flight until its visibility timeout, and may
        leave an upload to the next attempt, if there is one, else to the bucket's lifecycle rule."""
        kills = [call for number, call in list(self.proxy.signals) if number == signal.SIGKILL]
        return [call.job for call in kills if call.function in WORKERS]

    def uploads(self) -> dict[str, str]:
        """Key of each multipart upload that is open."""
        found = self.stack.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return {each["UploadId"]: each["Key"] for each in found}

    def orphans(self) -> set[str]:
        """Objects below export/ that no job speaks of."""
        jobs = [item for item in self.proxy.items.values() if not is_batch(item)]
        spoken = {key for item in jobs for kind, key in keys(item).items() if kind in item}
        return self.stack.exported() - spoken

    def temporary(self) -> set[str]:
        """What lies in the functions' folder for temporary files."""
        return set(os.listdir(self.stack.env_file.parent / "tmp"))


def looked_for(item: dict) -> bool:
    """Whether a job failed for an absent recording that may still appear: nobody is told of that."""
    failure = item.get("failure", {})
    return bool(failure.get("retriable")) and failure["reason"]["code"] == "source_absent"


def keys(item: dict) -> dict[str, str]:
    """The key of each object that a job may make."""
    order = item["order"]
    root = order["target"]["root"]
    return {"image": f"{root}export{order['image_path']}", "video": f"{root}{order['video_path'][1:]}"}


@contextmanager
def world(name: str, folder: Path, *options: str) -> Iterator[World]:
    """A world of its own. `CHAOS_BIN_DIR` has the functions' binaries; without it they are built."""
    if os.geteuid() != 0:
        raise PermissionError("needs root: functions show their environment and their files to nobody else")
    ffmpeg = folder / "ffmpeg"
    ffmpeg.write_text(WRAPPER.format(folder=folder, ffmpeg=REAL_FFMPEG))
    ffmpeg.chmod(0o755)
    proxy = Proxy()
    command = [sys.executable, str(LAUNCHER), "up", "--name", name, "--functions-endpoint", proxy.url]
    if binaries := os.environ.get("CHAOS_BIN_DIR"):
        command += ["--bin-dir", binaries]
    for variable, seconds in TIMES.items():
        command += ["--function-env", f"{variable}={seconds * 1000:.0f}"]
    command += ["--parameter", f"FfmpegPath={ffmpeg}", "--parameter", "CoalesceSeconds=1"]
    # What is encoded for more than a second is made in chunks of at least one.
    command += ["--parameter", "FanOut=on", "--parameter", "FanOutPerClip=2", "--parameter", "FanOutAbove=1"]
    command += ["--function-env", "FAN_OUT_LEAST_MS=1000"]
    # What is killed here is held to the two files of a job.
    command += ["--parameter", "InstantPlayback=off", *options]
    try:
        subprocess.run([*refusing(), *command], check=True, cwd=ROOT)
        made = World(ROOT / ".local" / name / "env", proxy, ffmpeg)
        made.drive_sweeper()
        yield made
        made.close()
    finally:
        subprocess.run([sys.executable, str(LAUNCHER), "down", "--name", name], check=True, cwd=ROOT)
        proxy.close()
