"""A clip that many functions make at once, in chunks, on a stack of its own."""

import os
import time
from collections.abc import Iterator
from fractions import Fraction

import pytest

from media import dash
from media.encode import Audio, Video
from media.forms import AST_MS, picture, sound
from media.recording import Recording, iso, recorded

from . import checks
from .mre import wait_for
from .stack import Stack, started

SECONDS = 48
# Two chunks of 20 s or more.
WINDOW_MS = 44_000


@pytest.fixture(scope="module")
def fans_out() -> Iterator[Stack]:
    options = [word for value in ("FanOut=on", "FanOutPerClip=2", "FanOutAbove=1") for word in ("--parameter", value)]
    with started(f"pytest-fan-{os.getpid()}", *options) as path:
        yield Stack(path)


@pytest.fixture(scope="module")
def long(fans_out: Stack) -> Recording:
    video = Video(count=SECONDS * 25, width=320, height=180, rate="400k")
    tracks = [picture(video), sound(Audio(SECONDS * 48_000))]
    manifest = dash.Manifest([dash.Period(tracks)], dynamic=True, availability_start=iso(AST_MS))
    path = "mp4/fan-out/1/stream.mpd"
    recording = recorded("fan_out", manifest, first=0, fps=video.fps, live_path=path, ast_ms=AST_MS, size=(320, 180))
    return fans_out.upload(recording)


def executions(stack: Stack) -> list[dict]:
    machines = stack.client("stepfunctions")
    [machine] = machines.list_state_machines()["stateMachines"]
    return machines.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]


def chunks(stack: Stack) -> list[str]:
    found = stack.s3.list_objects_v2(Bucket=stack.env["EXPORT_BUCKET"], Prefix="export/work/")
    return [each["Key"] for each in found.get("Contents", [])]


@pytest.mark.parametrize("container", ["mp4", "ts"])
def test_every_frame_of_a_clip_in_chunks_is_there(fans_out, long, tmp_path, container):
    request = fans_out.request(long, Fraction(1), WINDOW_MS, f"fan-{container}", export_type=2, container=container)
    before = len(executions(fans_out))
    answer = fans_out.finish(request)
    checks.exact(fans_out, long, answer, checks.expected_of(long, Fraction(1), WINDOW_MS), tmp_path)
    assert len(executions(fans_out)) == before + 1, "it was made in chunks"
    assert chunks(fans_out) == []


def test_a_clip_in_chunks_is_cancelled_within_seconds(fans_out, long):
    request = fans_out.request(long, Fraction(2), WINDOW_MS, f"fan-cancelled-{os.getpid()}", export_type=2, container="mp4")
    before = len(executions(fans_out))
    job = fans_out.export(request).body["JobId"]
    wait_for(lambda: len(executions(fans_out)) > before or None, "execution")
    shown = fans_out.job(job)
    assert (shown["state"], shown["chunks"]["count"]) == ("RUNNING", 2), "clients see it as any other, and its chunks"
    session = {"X-Session-Id": fans_out.session_id}
    assert fans_out.send("DELETE", f"/export/jobs/{job}", None, session).status == 200
    over = time.monotonic() + 25
    while any(each["status"] == "RUNNING" for each in executions(fans_out)):
        assert time.monotonic() < over, "its execution runs on"
        time.sleep(0.2)
    assert fans_out.job(job)["state"] == "CANCELLED"
