"""How large the functions are, how soon they answer, and how long an answer takes once they run."""

import io
import json
import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from directory import MOST_ACTIVE, Target, Tenant, session_item

from .lambda_host import Aws, Host, Server

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
SESSION, TENANT, DAY_S = "2A39603DDB0F47CFB32E96C8366084AE", "bench", 86_400
HTTP = ("media-export-submit", "status-poll", "export-batch", "recordings", "media-read", "event-export", "replay-export")
# The first event of each: it needs AWS, as nearly every first one does.
FIRST = {
    "media-export-submit": "media-export-submit/seed-export.apigw-v2.json",
    "status-poll": "status-poll/get.apigw-v2.json",
    "export-batch": "export-batch/list.apigw-v2.json",
    "recordings": "recordings/get.apigw-v2.json",
    "media-read": "media-read/files.apigw-v2.json",
    "event-export": "event-export/get-ok.apigw-v2.json",
    "replay-export": "replay-export/get-ok.apigw-v2.json",
    "media-export-worker": "media-export-worker/one.sqs.json",
    "job-sweeper": "job-sweeper/tick.json",
    "data-export-worker": "data-export-worker/other.sqs.json",
}
MB = 1_000_000


def environment(stack_env: dict[str, str], endpoint: str) -> dict[str, str]:
    """A function's variables: those of a local stack, with AWS elsewhere and our session and tenant."""
    return {**stack_env, "AWS_ENDPOINT_URL": f"http://{endpoint}", "RUST_LOG": "info"}


def aws(stack_env: dict[str, str]) -> Aws:
    """AWS with the session of the events and a tenant."""
    known = Aws()
    known.put(stack_env["SESSIONS_TABLE_NAME"], session_item(SESSION, TENANT, int(time.time()) + DAY_S))
    target = Target(stack_env["EXPORT_BUCKET"], stack_env["AWS_REGION"])
    tenant = Tenant(TENANT, stack_env["SOURCE_BUCKET"], "", (target,), max_active=MOST_ACTIVE)
    known.put(stack_env["TENANTS_TABLE_NAME"], tenant.item())
    return known


def sizes(binaries: Path) -> dict[str, dict[str, float]]:
    """Megabytes of each release binary and of its zip."""
    files = {name: binaries / name for name in FIRST}
    return {
        name: {"binary_mb": file.stat().st_size / MB, "zip_mb": _zipped(file) / MB} for name, file in files.items()
    }


def _zipped(binary: Path) -> int:
    text = io.BytesIO()
    with zipfile.ZipFile(text, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return len(text.getvalue())


def cold_starts(binaries: Path, stack_env: dict[str, str], runs: int) -> dict[str, dict[str, float]]:
    """From spawning each function's process to its first reply, in milliseconds. The functions take turns."""
    took: dict[str, list[float]] = {name: [] for name in FIRST}
    with Server(aws(stack_env).answer) as cloud:
        env = environment(stack_env, cloud.address)
        for _ in range(runs):
            for name, event in FIRST.items():
                with Host(binaries / name, env) as host:
                    host.events.put((EVENTS / event).read_bytes())
                    arrived, _ = host.reply()
                    took[name].append((arrived - host.began) * 1000)
    return {name: spread(values) for name, values in took.items()}


def latencies(binaries: Path, stack_env: dict[str, str], runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds and calls to AWS of a submission and of a poll in a warm function."""
    known = aws(stack_env)
    with Server(known.answer) as cloud:
        env = environment(stack_env, cloud.address)
        submitted: list[str] = []

        def remember(reply: bytes) -> None:
            submitted.append(_body(reply)["JobId"])

        submit = _warm(known, binaries / "media-export-submit", env, _submissions(), runs, remember)
        poll = _warm(known, binaries / "status-poll", env, _polls(submitted), runs, lambda reply: _body(reply)["JobId"])
    return {"submit": submit, "poll": poll}


def _warm(
    known: Aws, binary: Path, env: dict[str, str], events: Iterator[bytes], runs: int, judge: Callable[[bytes], object]
) -> dict[str, float]:
    with Host(binary, env) as host:
        for _ in range(20):
            judge(host.invoke(next(events))[1])
        known.calls.clear()
        took = []
        for _ in range(runs):
            seconds, reply = host.invoke(next(events))
            judge(reply)
            took.append(seconds * 1000)
        calls = {name: count / runs for name, count in sorted(known.calls.items())}
        return {**spread(took), "peak_mib": host.peak_kib() / 1024, "calls": calls}


def _body(reply: bytes) -> dict:
    return json.loads(json.loads(reply)["body"])


def _submissions() -> Iterator[bytes]:
    """The sample request, each time for another clip."""
    event = json.loads((EVENTS / FIRST["media-export-submit"]).read_text())
    body = event["body"]
    number = 0
    while True:
        number += 1
        yield json.dumps({**event, "body": body.replace("04-60C2", f"{number}-60C2")}).encode()


def _polls(jobs: list[str]) -> Iterator[bytes]:
    text = (EVENTS / FIRST["status-poll"]).read_text()
    placeholder = json.loads(text)["pathParameters"]["jobId"]
    while True:
        for job in jobs:
            yield text.replace(placeholder, job).encode()


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]  # noqa: E731
    return {"min": ordered[0], "p50": statistics.median(ordered), "p95": at(0.95), "runs": len(ordered)}
