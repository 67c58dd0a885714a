"""Cutting: the frame on display is told by its own pixels, and the clips are decoded."""

import json
import os
import random
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest

from demo.demo import demo_recording
from e2e.checks import exact
from e2e.stack import ROOT, Answer, Stack
from media import dash, forms, quality
from media.encode import Audio, Video
from media.forms import picture, sound
from media.marks import CELL, COLUMNS, ROWS, read_code
from media.recording import Live, Recording, iso, recorded
from media.truth import MS

CODE = {"cell": CELL, "columns": COLUMNS, "rows": ROWS}
STEPS = 200
SEED = int(os.environ.get("CONSOLE_SEED") or 20260704)
# The picture of README.md, in bytes.
PICTURE, MOST = ROOT / "infra" / "console" / "console.png", 150_000


@pytest.fixture(scope="module")
def demo(stack: Stack) -> Recording:
    return stack.upload(demo_recording())


def numbers(cells: list[list[int]]) -> list[int | None]:
    return [read_code(bytes(each)) for each in cells]


def finished(stack: Stack, job: str) -> Answer:
    """The reply to the request that the job was made by."""
    answer = stack.status(job)
    assert answer.code == 5, answer
    return answer


def test_each_step_is_one_frame(journey, demo):
    chance, at, walk, expected = random.Random(SEED), 0, [], [0]
    while len(walk) < STEPS:
        # More often on than back: the walk crosses segments.
        by = chance.choices((1, -1), (3, 1))[0]
        if at + by >= 0:
            at += by
            walk.append(by)
            expected.append(at)
    seen = journey("steps", path=demo.live_path, walk=walk, code=CODE)
    assert numbers([each["cells"] for each in seen]) == expected
    assert [each["ns"] for each in seen] == [number * 40_000_000 for number in expected]


def test_key_frames_and_both_ends_are_one_key_away(journey, demo):
    keys = sorted(picture.frame.number for run in demo.coded for picture in run if picture.key)
    last = len(demo.truth.frames) - 1
    seen = journey("keyFrames", path=demo.live_path, code=CODE)
    assert numbers(seen) == [keys[1], keys[2], keys[1], last, last - 1, 0]


@pytest.mark.parametrize(("form", "first", "last"), [("demo", 33, 181), ("demo", 50, 99), ("static_time", 7, 61), ("multi_period", 40, 170), ("ntsc", 31, 100), ("hls_ranges", 30, 99)])
def test_a_clip_has_the_frames_from_the_first_mark_to_the_last(journey, stack, demo, tmp_path, form, first, last):
    recording = demo if form == "demo" else stack.upload(forms.build(form))
    fps = int(recording.truth.fps)
    made = journey("clip", path=recording.live_path, first=first, last=last, fps=fps)
    job = stack.job(made["job"])
    asked = job["request"]
    assert asked["start_pos_ms"] - (recording.truth.ast_ms or 0) == recording.truth.frames[first].pts // MS
    expected = recording.expected(asked["start_pos_ms"], asked["duration_ms"])
    assert expected.frames == list(range(first, last + 1))
    clip, _ = exact(stack, recording, finished(stack, made["job"]), expected, tmp_path)
    assert clip.suffix == ".mp4"
    plan = job["plan"]
    assert (made["plan"]["encoded"], made["plan"]["copied"]) == (plan["frames_encoded"], plan["frames_copied"])
    assert made["plan"]["lack"] == job.get("lack_ms", 0)


@pytest.mark.parametrize("form", ["gap_declared", "gap_silent"])
def test_steps_lead_over_a_hole_and_the_plan_says_what_is_lacking(journey, stack, form):
    recording = stack.upload(forms.build(form))
    here = [frame.number for frame in recording.truth.frames if frame.decodable]
    jump = next(n for n, (one, other) in enumerate(zip(here, here[1:])) if other > one + 1)
    assert here[jump] > 50
    seen = journey("hole", path=recording.live_path, before=here[jump], code=CODE)
    expected = [here[jump - 1], here[jump], here[jump + 1], here[jump + 2], here[jump + 1], here[jump]]
    assert numbers(seen["cells"]) == expected
    job = stack.job(seen["job"])
    assert seen["plan"]["lack"] == job["lack_ms"] > 0
    assert "lacking" in seen["plan"]["text"]


def test_a_window_that_is_not_recorded_yet_gets_ready_also_over_a_lost_connection(journey, stack, tmp_path):
    name = f"console-{time.time_ns():x}"
    recording = forms.seconds_into(name, 0, 40, f"mp4/live/{name}/1/stream.mpd", int(time.time() * 1000) - 8000)
    live = Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"])
    live.publish(Fraction(6))
    over = threading.Event()

    def grow() -> None:
        for seconds in range(8, 41, 2):
            if over.wait(max(0, recording.truth.ast_ms / 1000 + seconds - time.time())):
                return
            live.publish(Fraction(seconds))

    with ThreadPoolExecutor(1) as pool:
        grown = pool.submit(grow)
        try:
            made = journey("growing", path=recording.live_path, code=CODE)
        finally:
            over.set()
        grown.result()
    first, last = numbers([made["first"], made["last"]])
    assert last > first >= 149
    asked = stack.job(made["job"])["request"]
    expected = recording.expected(asked["start_pos_ms"], asked["duration_ms"])
    assert expected.frames == list(range(first, first + 200))
    exact(stack, recording, finished(stack, made["job"]), expected, tmp_path)


@pytest.mark.parametrize(("form", "why"), [("hls_ts", "does not show MPEG transport streams"), ("hevc", "does not decode HEVC (hvc1"), ("file_mp4", "Its frames are not known here: a step is a frame of 25 a second")])
def test_a_recording_that_a_browser_cannot_show_is_cut_by_its_frames_and_by_typed_times(journey, stack, tmp_path, form, why):
    recording = stack.upload(forms.build(form))
    seen = journey("unseen", path=recording.live_path, at=58, until="00:00:05.200", fps=25)
    assert why in seen["told"] and seen["broken"] == []
    assert seen["stepped"] == 58 * 40_000_000
    jpeg = tmp_path / "picture.jpg"
    with urllib.request.urlopen(seen["picture"]) as reply:
        jpeg.write_bytes(reply.read())
    assert quality.jpeg_number(jpeg, recording.truth.size) == 58
    asked = stack.job(seen["job"])["request"]
    assert (asked["start_time_ms"], asked["duration_ms"]) == (2320, 2880)
    expected = recording.expected(asked["start_pos_ms"], asked["duration_ms"])
    assert expected.frames == list(range(58, 130))
    exact(stack, recording, finished(stack, seen["job"]), expected, tmp_path)


def test_a_clip_is_watched_by_its_playlist(journey, stack, demo):
    body = stack.request(demo, Fraction(133, 25), 6000, "console-watched", container="mp4", export_type=0)
    job = stack.finish(body).body["JobId"]
    seen = journey("watched", job=job, last=5.98, code=CODE)
    assert numbers(seen["cells"]) == [133, 282]
    assert seen["duration"] == pytest.approx(6, abs=0.001)


def test_what_is_copied_asks_for_the_same_clip(journey, stack, demo):
    texts = journey("copied", path=demo.live_path, fps=25)
    body = json.loads(texts["JSON"])
    assert (body["Duration"], body["FileName"], body["LivePath"]) == (2000, "it's a copy", demo.live_path)
    shell = {**os.environ, "SESSION": stack.session_id, "MEX_ENV": str(stack.env_file)}
    reply = subprocess.run(["sh", "-c", texts["curl"]], env=shell, capture_output=True, check=True)
    job = json.loads(reply.stdout)["JobId"]
    assert stack.finish({**body, "SessionId": stack.session_id}).body["JobId"] == job
    mex = stack.env_file.parent
    told = subprocess.run(["sh", "-c", f"{texts['CLI']} --json"], env={**shell, "PATH": f"{mex}:{shell['PATH']}"}, capture_output=True, text=True, check=False)
    assert json.loads(told.stdout)["id"] == job, told.stderr
    assert stack.session_id not in "".join(texts.values())


def test_a_session_that_ends_loses_no_mark(journey, stack, demo):
    ends = time.time() + 25
    session = stack.add_session("demo", ends_in_s=25)
    marks = journey("outlived", session=session, path=demo.live_path, other=stack.session_id, ends=ends + 3)
    assert marks["before"] == marks["after"] == [0, 1_040_000_000, 1_000_000_000]


def test_everything_can_be_done_without_a_mouse(journey, demo):
    seen = journey("keyboardOnly", path=demo.live_path)
    assert "key frame" in seen["texts"][0] and "in point" in seen["texts"][1]
    assert (seen["changed"], seen["unmarked"]) == ("X", None), "a key that was changed"
    assert seen["focused"].startswith("Download")


def test_axe_finds_nothing_broken_where_clips_are_cut_in_light_and_dark(journey, demo):
    assert journey("cutAccessible", path=demo.live_path) == []


def test_playing_from_in_to_out_stops_at_the_last_frame(journey, demo):
    seen = journey("played", path=demo.live_path)
    assert seen["stopped"] == seen["until"] - 40_000_000


def test_the_picture_of_the_readme_is_the_console(journey, stack, tmp_path):
    video = Video(count=30 * 25, width=640, height=360, rate="1200k", noise=0)
    tracks = [picture(video), sound(Audio(30 * 48_000))]
    manifest = dash.Manifest([dash.Period(tracks)], dynamic=True, availability_start=iso(1_562_252_820_833))
    path = "mp4/55524C2004E/match/1/stream.mpd"
    stack.upload(recorded("match", manifest, first=0, fps=video.fps, live_path=path, ast_ms=1_562_252_820_833, size=(640, 360)))
    file = PICTURE if os.environ.get("UPDATE_SNAPSHOTS") == "1" else Path(tmp_path) / "console.png"
    assert journey("picture", path=path, file=str(file))
    assert file.stat().st_size <= MOST and PICTURE.stat().st_size <= MOST
