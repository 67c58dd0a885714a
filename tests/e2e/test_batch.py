"""Many clips at once: planned one by one, and asked for in one request."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import jsonschema

from media import forms
from media.recording import Live

from . import checks
from .listener import Listener
from .mre import wait_for
from .stack import ROOT, Answer

DAY_MS = 24 * 3_600_000


def test_a_hundred_planned_windows_hold_up_nothing_that_is_urgent(stack, name):
    """The recording has no end; the tenant's limits are far below what a newsroom plans."""
    tenant = f"plans-{name[-12:]}"
    session = stack.add_tenant(tenant, max_active=2, max_scheduled=100)
    now = int(time.time() * 1000)
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/stream.mpd", now - 20_000)
    Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{tenant}/").publish(Fraction(10))

    def planned(minute: int):
        start = {"StartPos": now + DAY_MS + minute * 60_000, "StartTime": DAY_MS + minute * 60_000}
        return stack.export(stack.request(recording, Fraction(0), 9000, f"{name}-{minute}", SessionId=session, **start))

    with ThreadPoolExecutor(8) as pool:
        plans = list(pool.map(planned, range(100)))
    assert {(plan.status, plan.code) for plan in plans} == {(200, 1)}, plans[0]
    one_more = planned(100)
    assert (one_more.status, one_more.code) == (429, -1), one_more
    assert "at most 100 whose window has not begun" in one_more.body["ErrorMessage"]
    urgent = stack.request(recording, Fraction(2), 1000, name, SessionId=session)
    picture = stack.export({**urgent, "FetchMedia": False})
    assert (picture.status, picture.code) == (200, 0), picture
    clip = stack.finish(urgent)
    assert (clip.status, clip.code) == (200, 5), clip


def batch_of(stack, body: dict, **headers: str) -> Answer:
    return stack.send("POST", "/export/batch", body, {"X-Session-Id": stack.session_id, **headers})


def test_the_clips_of_a_batch_are_exact_and_the_jobs_of_single_requests(stack, recorded, name, tmp_path):
    """One window is in no recorded time; the others are made frame by frame, and its end is told. The recording has no
    clock: `zero` says where its time begins."""
    recording = recorded("static_time")
    listener = Listener(stack, stack.env["COMPLETION_BUS_NAME"], {"source": ["media-export"], "detail-type": ["Media Export Batch Done"]})
    windows = [(Fraction(1), 1000), (Fraction(33, 10), 1500), (Fraction(7), 700), (Fraction(100_000), 1000)]
    singles = [stack.request(recording, start, ms, f"{name}-{n}") for n, (start, ms) in enumerate(windows)]
    zero = int(singles[0]["StartPos"]) - 1000
    clips = [
        {"start": float(start), "duration_ms": ms, "name": f"{name}-{n}", "ref": str(n)}
        for n, (start, ms) in enumerate(windows)
    ]
    body = {"live_path": recording.live_path, "zero": zero, "clips": clips}
    first = stack.export(singles[1])
    assert first.status == 200

    def done() -> Answer | None:
        answer = batch_of(stack, body, Prefer="wait=20")
        assert answer.status in (200, 202), answer
        return answer if answer.status == 200 else None

    batch = wait_for(done, "end of the batch", 90).body
    assert (batch["state"], batch["outcome"], batch["percent"]) == ("DONE", "PARTIAL", 100)
    assert (batch["counts"]["ready"], batch["counts"]["failed"]) == (3, 1)
    assert batch["clips"][3]["error"] == "no media in window" and batch["clips"][3]["video_path"] is None
    for n, (start, ms) in enumerate(windows[:3]):
        alone = stack.finish(singles[n])
        shown = batch["clips"][n]
        assert (shown["job_id"], shown["video_path"]) == (alone.body["JobId"], alone.body["VideoPath"])
        checks.exact(stack, recording, alone, checks.expected_of(recording, start, ms), tmp_path)
    assert batch["clips"][1]["job_id"] == first.body["JobId"]
    headers = {"X-Session-Id": stack.session_id}
    listed = stack.send("GET", "/export/batch?limit=20", headers=headers).body["batches"]
    assert batch["id"] in [each["id"] for each in listed]

    def without_zero() -> Answer | None:
        answer = batch_of(stack, {"live_path": recording.live_path, "clips": [{"start": zero, "duration_ms": 1000}]})
        return answer if answer.status == 200 else None

    unclear = wait_for(without_zero, "end of a batch that does not say where the recording's time begins", 60)
    assert unclear.body["clips"][0]["error"] == "no media in window", unclear
    failed = stack.send("GET", f"/export/batch/{batch['id']}?clips=failed", headers=headers).body
    assert [clip["ref"] for clip in failed["clips"]] == ["3"]
    about = lambda: next((each for each in listener.heard() if each["detail"]["batch"]["id"] == batch["id"]), None)  # noqa: E731
    event = wait_for(about, "event about the batch", 90)
    jsonschema.validate(event["detail"], json.loads((ROOT / "events" / "completion" / "batch.schema.json").read_text()))
    assert event["detail"]["batch"]["outcome"] == "PARTIAL"
    listener.close()


def test_a_single_request_waits_behind_no_batch_not_even_for_one_of_its_clips(stack, recorded, name):
    """The bulk workers take nothing, as if all of them were busy."""
    recording = recorded("static_time")
    singles = [stack.request(recording, Fraction(n), 700, f"{name}-{n}") for n in range(1, 4)]
    clips = [{"start": n, "duration_ms": 700, "name": f"{name}-{n}"} for n in range(1, 4)]
    body = {"live_path": recording.live_path, "zero": int(singles[0]["StartPos"]) - 1000, "clips": clips}
    with stack.paused("MediaExportBulkWorker"):
        # A poll that has begun still takes what comes.
        time.sleep(1)
        assert batch_of(stack, body).status == 202
        assert stack.finish(singles[1]).code == 5
        waiting = batch_of(stack, body).body
        assert [clip["state"] for clip in waiting["clips"]] == ["QUEUED", "READY", "QUEUED"]

    def done() -> Answer | None:
        answer = batch_of(stack, body, Prefer="wait=20")
        return answer if answer.status == 200 else None

    assert wait_for(done, "end of the batch", 60).body["outcome"] == "READY"


def test_a_refused_batch_leaves_nothing_and_names_each_fault(stack, recorded, name):
    recording = recorded("static_time")
    good = {"start": stack.request(recording, Fraction(1), 1000, name)["StartPos"], "duration_ms": 1000, "name": name}
    before = stack.items().keys()
    body = {"live_path": recording.live_path, "clips": [good, {**good, "duration_ms": 0}, {**good, "colour": "red"}]}
    refused = batch_of(stack, body)
    assert (refused.status, refused.headers["content-type"]) == (400, "application/problem+json")
    assert [each["pointer"] for each in refused.body["errors"]] == ["/clips/1/duration_ms", "/clips/2/colour"]
    assert batch_of(stack, {**body, "clips": [good], "target": {"bucket": "somebody-elses"}}).status == 403
    assert not [sk for sk in stack.items().keys() - before if sk.startswith("B#")]


def test_a_cancelled_batch_ends_its_jobs(stack, name):
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/stream.mpd", int(time.time() * 1000) - 20_000)
    Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"]).publish(Fraction(10))
    start = int(time.time() * 1000) + DAY_MS
    clips = [{"start": start + n * 60_000, "duration_ms": 9000, "name": f"{name}-{n}"} for n in range(3)]
    made = batch_of(stack, {"live_path": recording.live_path, "clips": clips})
    assert made.status == 202 and made.body["counts"]["total"] == 3, made
    gone = stack.send("DELETE", made.headers["location"], headers={"X-Session-Id": stack.session_id})
    assert (gone.status, gone.body["outcome"], gone.body["counts"]["cancelled"]) == (200, "CANCELLED", 3), gone
    assert {stack.job(clip["job_id"])["state"] for clip in gone.body["clips"]} == {"CANCELLED"}
