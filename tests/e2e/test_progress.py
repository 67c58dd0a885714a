"""A job in work says what is going on: its step, how much is made, how, and what it waits for."""

import time
from datetime import datetime
from fractions import Fraction

import pytest

from media import dash, forms
from media.encode import Video
from media.recording import Live, Recording
from media.recording import recorded as recording_of

from . import checks
from .stack import Stack

PHASES = ["queued", "waiting", "reading", "copying", "encoding", "checking", "publishing"]


@pytest.fixture(scope="module")
def large(stack: Stack) -> Recording:
    """Sixteen seconds of large pictures: an encoding of them takes longer than progress is stored after."""
    manifest = dash.Manifest(
        [dash.Period([forms.picture(Video(width=960, height=540, noise=20))])], duration=Fraction(16)
    )
    return stack.upload(recording_of("large", manifest, first=0, fps=Fraction(25)))


def test_a_slow_encoding_tells_its_steps_its_plan_and_how_much_is_made(stack, large, name):
    body = stack.request(large, Fraction(1, 2), 15_000, name, export_type=2)
    first = stack.export(body)
    assert (first.code, first.body["LackLength"]) == (1, 15_000)
    began, lacks = time.monotonic(), []
    seen = [stack.job(first.body["JobId"])]
    while "phase" in seen[-1]:
        assert time.monotonic() < began + 300, seen[-1]
        time.sleep(0.25)
        answer = stack.export(body).body
        assert set(answer) - {"ImagePath"} == checks.WORKING or answer["ErrorCode"] == 5, answer
        lacks.append(answer["LackLength"])
        seen.append(stack.job(first.body["JobId"]))
    # The job may have ended between the last two answers.
    lacks.append(stack.export(body).body["LackLength"])
    *seen, ready = seen
    phases = list(dict.fromkeys(job["phase"] for job in seen))
    assert phases == [phase for phase in PHASES if phase in phases] and "encoding" in phases, phases
    encoding = [job for job in seen if job["phase"] == "encoding"]
    plans = [job["plan"] for job in seen if "plan" in job]
    assert len(plans) >= len(encoding) and {(plan["kind"], plan["reason"]) for plan in plans} == {
        ("reencode", "another codec than the recorded one is asked for")
    }
    assert all(plan["frames_encoded"] == 0 for plan in plans), "what it cost is told in the end"
    percents = [job["percent"] for job in seen]
    assert percents == sorted(percents) and percents[-1] < 100, percents
    assert lacks == sorted(lacks, reverse=True) and lacks[-1] == 0, lacks
    # It is stored every two seconds.
    moves, lasts = len(set(percents)), time.monotonic() - began
    assert moves > min(lasts // 5, 5), f"{percents} in {lasts:.1f} s"
    assert (ready["state"], ready["percent"], ready["plan"]["frames_encoded"]) == ("READY", 100, 375)
    (listed,) = stack.send("GET", "/export/jobs?limit=1", headers={"X-Session-Id": stack.session_id}).body["jobs"]
    assert listed == ready


def test_holes_and_starts_that_differ_are_told_of(stack, recorded, name):
    recording = recorded("gap_declared")
    body = stack.request(recording, Fraction(5), 8000, name, StartTime="00:20:00")
    done = stack.finish(body)
    expected = checks.expected_of(recording, Fraction(5), 8000)
    checks.ready(done, expected)
    job = stack.job(done.body["JobId"])
    assert expected.lack_ms > 0 and sum(hole["duration_ms"] for hole in job["holes"]) == expected.lack_ms
    (hole,) = job["holes"]
    assert body["StartPos"] < hole["start_pos_ms"] < body["StartPos"] + 8000 - hole["duration_ms"]
    inside = stack.finish({**body, "StartPos": hole["start_pos_ms"], "Duration": hole["duration_ms"]})
    assert inside.body["ErrorMessage"] == "no media in window"
    (warning,) = job["warnings"]
    assert warning["code"] == "start_time_differs" and "1200000 ms" in warning["detail"], warning
    agreeing = stack.job(stack.finish(stack.request(recording, Fraction(1), 1000, name)).body["JobId"])
    assert not {"warnings", "holes"} & agreeing.keys()


def test_a_job_that_waits_tells_how_far_its_recording_has_come(stack, name):
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/stream.mpd", int(time.time() * 1000) - 8000)
    growing = Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"])
    growing.publish(Fraction(6))
    body = stack.request(recording, Fraction(4), 6000, name)
    first = stack.export(body).body["JobId"]
    deadline = time.monotonic() + 20
    while (job := stack.job(first))["phase"] != "waiting" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert job["live_edge_ms"] == recording.truth.ast_ms + 6000, job
    assert job["percent"] == 0 and stack.status(first).body["LackLength"] == 4000
    due = datetime.fromisoformat(job["ready_after"]).timestamp() * 1000
    assert due > body["StartPos"] + 6000
    growing.publish(Fraction(16))
    ready = stack.finish(body)
    assert ready.code == 5 and "live_edge_ms" not in stack.job(first)
