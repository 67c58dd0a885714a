"""What a thousand jobs cost: measured seconds, bytes and calls at the prices of `prices.json`. Figures in, text out."""

from collections.abc import Iterator
from typing import NamedTuple

# infra/sam/template.yaml: MB of the workers and of the functions behind the API.
WORKER_MB = {"thumbnail": 1769, "clip": 3008}
HTTP_MB = 256
MB_A_VCPU = 1769
# What a function waits for: bytes from and to S3, and the answer to a call.
BYTES_A_SECOND, SECONDS_A_CALL = 75_000_000, 0.02
# Of the recording that the media bench cuts.
RECORDED_BITS_A_SECOND = 6_000_000
# A client asks again as often as TimeWait says; a clip is there at the third time.
POLLS = {"thumbnail": 0, "9 s": 2, "60 s": 2}
SECONDS = {"thumbnail": 0, "9 s": 9, "60 s": 60}
# Lines that an invocation logs, and what Lambda adds.
LOG_BYTES = 1500
# A job's item is at most 3 KiB: three units, three more in the index of all jobs, one in each of the two sparse ones.
UNITS_A_WRITE, UNITS_A_READ = 8, 1
MILLION, THOUSAND = 1e6, 1e3


# Calls to AWS by function and action.
Asked = dict[str, dict[str, int]]


class Work(NamedTuple):
    """One worker invocation. `cpu_s`: of the worker and its ffmpegs, on one core; `bytes_moved`: from and to S3."""

    kind: str
    cpu_s: float
    bytes_moved: float

    @property
    def memory_mb(self) -> int:
        return WORKER_MB["thumbnail" if self.kind == "thumbnail" else "clip"]

    def seconds(self, calls: int) -> float:
        """How long Lambda bills it, as if nothing were done at the same time."""
        waits = self.bytes_moved / BYTES_A_SECOND + calls * SECONDS_A_CALL
        return self.cpu_s * MB_A_VCPU / self.memory_mb + waits


class Line(NamedTuple):
    """A part of the bill for a thousand jobs, in dollars."""

    what: str
    dollars: float


def works(media: dict) -> list[Work]:
    """What the media bench measured: the middle of a GOP for a picture, the mean over a GOP for clips."""
    still, cost = media["thumbnails"]["middle of the GOP"], media["cost"]
    clips = [
        Work(kind, cost["cpu_s"][f"worker, {kind}"]["mean"], (cost["bytes"][kind]["read_over_media"] + 1) * recorded)
        for kind, recorded in ((kind, SECONDS[kind] * RECORDED_BITS_A_SECOND / 8) for kind in ("9 s", "60 s"))
    ]
    return [Work("thumbnail", still["cpu_s"], still["bytes_read"] + still["jpeg_bytes"]), *clips]


def bill(work: Work, calls: Asked, polls: Asked, submit_ms: float, prices: dict) -> list[Line]:
    """A thousand jobs of a kind. `calls`, `polls`: of one job and of one poll; `submit_ms`: on a whole core."""
    asked = POLLS[work.kind]
    made = _added(calls) + _added(polls, asked)
    http = (1 + asked) * submit_ms / 1000 * MB_A_VCPU / HTTP_MB
    http += (http_calls(calls) + asked * http_calls(polls)) * SECONDS_A_CALL
    gb_seconds = (work.seconds(worker_calls(calls)) * work.memory_mb + http * HTTP_MB) / 1024
    requests, invocations = 1 + asked, 2 + asked
    events = made.get("events:PutEvents", 0)
    return [
        Line("Lambda, GB-seconds (arm64)", THOUSAND * gb_seconds * prices["lambda_gb_second"]["arm64"]),
        Line("Lambda, invocations", THOUSAND * invocations * prices["lambda_million_requests"] / MILLION),
        Line("API Gateway", THOUSAND * requests * prices["api_million_requests"] / MILLION),
        Line("DynamoDB", THOUSAND * _dynamodb(made, prices)),
        # Sent, received by Lambda, deleted by Lambda.
        Line("SQS", THOUSAND * 3 * prices["sqs_million_requests"] / MILLION),
        Line("EventBridge", THOUSAND * events * prices["eventbridge_million_events"] / MILLION),
        Line("S3 requests", THOUSAND * _s3(made, prices)),
        Line("CloudWatch Logs", THOUSAND * invocations * LOG_BYTES * prices["logs_gb"] / 1e9),
    ]


def mediaconvert(kind: str, prices: dict) -> float:
    """A thousand of the same by MediaConvert: every output is billed for at least ten seconds, and a frame capture
    needs one beside it."""
    seconds = max(prices["mediaconvert_least_seconds"], SECONDS[kind])
    multiplier = prices["mediaconvert_multiplier"]["thumbnail" if kind == "thumbnail" else "clip"]
    return THOUSAND * seconds / 60 * multiplier * prices["mediaconvert_normalized_minute"]


def worker_calls(calls: Asked) -> int:
    return sum(sum(counts.values()) for function, counts in calls.items() if function.endswith("Worker"))


def http_calls(calls: Asked) -> int:
    return sum(sum(counts.values()) for counts in calls.values()) - worker_calls(calls)


def _added(calls: Asked, times: int = 1) -> "Calls":
    total = Calls()
    for counts in calls.values():
        for action, count in counts.items():
            total[action] = total.get(action, 0) + count * times
    return total


class Calls(dict):
    """Calls by action; two of them add up."""

    def __add__(self, other: dict) -> "Calls":
        return Calls({action: self.get(action, 0) + other.get(action, 0) for action in {*self, *other}})


def _dynamodb(made: Calls, prices: dict) -> float:
    writes = sum(made.get(f"dynamodb:{name}", 0) for name in ("PutItem", "UpdateItem", "DeleteItem"))
    reads = sum(made.get(f"dynamodb:{name}", 0) for name in ("GetItem", "Query"))
    write, read = prices["dynamodb_million_write_units"], prices["dynamodb_million_read_units"]
    return (writes * UNITS_A_WRITE * write + reads * UNITS_A_READ * read) / MILLION


def _s3(made: Calls, prices: dict) -> float:
    asked = sum(count for action, count in made.items() if action.startswith("s3:"))
    gets = made.get("s3:GetObject", 0) + made.get("s3:HeadObject", 0)
    return ((asked - gets) * prices["s3_thousand_puts"] + gets * prices["s3_thousand_gets"]) / THOUSAND


def text(results: dict, media: dict, prices: dict) -> str:
    """The page."""
    return "\n".join(_page(results, media, prices)) + "\n"


def _page(results: dict, media: dict, prices: dict) -> Iterator[str]:
    bills = {}
    for work in works(media):
        calls, submit_ms = results["calls"]["media"], results["latency_ms"]["submit"]["p95"]
        seconds = work.seconds(worker_calls(calls[work.kind]))
        bills[work.kind] = (seconds, bill(work, calls[work.kind], calls["poll"], submit_ms, prices))
    yield "# What a thousand jobs cost"
    yield ""
    yield "    make bench SECTIONS=cost      # from results.json, media.json and prices.json"
    yield ""
    yield "1080p25 H.264 at 6 Mb/s, as `tests/bench/README.md` describes it. Prices are inputs, list prices as far as we know"
    yield f"them, of {prices['region']} in {prices['currency']}: put yours into `prices.json`. Seconds are CPU seconds measured here, spread over"
    yield "the vCPUs that the memory buys, S3 at 75 MB/s and 20 ms for every call, one after the other; calls are counted on the"
    yield "local stack. Not in it: storage, transfer out of AWS, free tiers, custom metrics, cold starts."
    yield ""
    yield "| per 1,000 | " + " | ".join(_title(kind) for kind in bills) + " |"
    yield "|---|" + "---:|" * len(bills)
    yield "| worker, billed seconds each | " + " | ".join(f"{seconds:.2f}" for seconds, _ in bills.values()) + " |"
    for row in zip(*(lines for _, lines in bills.values()), strict=True):
        yield f"| {row[0].what} | " + " | ".join(f"{line.dollars:.4f}" for line in row) + " |"
    totals = {kind: sum(line.dollars for line in lines) for kind, (_, lines) in bills.items()}
    others = {kind: mediaconvert(kind, prices) for kind in bills}
    yield "| **together** | " + " | ".join(f"**{total:.3f}**" for total in totals.values()) + " |"
    yield "| MediaConvert, Basic tier, AVC | " + " | ".join(f"{other:.2f}" for other in others.values()) + " |"
    yield "| times dearer | " + " | ".join(f"{others[kind] / totals[kind]:.0f}" for kind in bills) + " |"
    yield ""
    yield "MediaConvert bills an output for at least ten seconds, HD up to 30 frames a second twice, and makes a still only"
    yield "beside a video, taken here as the smallest. It encodes every frame again."
    yield ""
    yield f"A stack that does nothing costs ${_idle(prices):.2f} a month: a sweep a minute, SQS's polling of three queues, the"
    yield "alarms, the dashboard and a secret."


def _title(kind: str) -> str:
    return "thumbnails" if kind == "thumbnail" else f"clips of {kind}"


def _idle(prices: dict) -> float:
    """43,800 sweeps of four shards, five long polls of 20 s on each of three queues, what watches, a secret."""
    minutes = 43_800
    sweep = 0.1 * HTTP_MB / 1024 * prices["lambda_gb_second"]["arm64"]
    sweeps = minutes * (prices["lambda_million_requests"] / MILLION + sweep)
    reads = minutes * 4 * 0.5 * prices["dynamodb_million_read_units"] / MILLION
    polls = 3 * 15 * minutes * prices["sqs_million_requests"] / MILLION
    watched = prices["alarms"] * prices["alarm_month"] + prices["dashboard_month"]
    return sweeps + reads + polls + watched + prices["secret_month"]
