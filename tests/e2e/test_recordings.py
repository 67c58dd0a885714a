"""Recordings are found, and told as they are, by the session of their tenant alone."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from urllib.parse import quote, urlencode

import pytest

from media import forms
from media.recording import Live, Recording

from .conftest import RUN, SEED
from .stack import Answer, Stack

TENANT = f"finder-{RUN}"


@pytest.fixture(scope="module")
def session(stack: Stack) -> str:
    """Of a tenant with recordings of its own."""
    return stack.add_tenant(TENANT)


def get(stack: Stack, path: str, session: str) -> Answer:
    return stack.send("GET", path, headers={"X-Session-Id": session})


def listed(stack: Stack, session: str, **query: object) -> dict:
    answer = get(stack, f"/recordings?{urlencode(query)}", session)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer
    return answer.body


def told(stack: Stack, session: str, live_path: str) -> dict:
    answer = get(stack, f"/recordings/{quote(live_path)}", session)
    assert answer.status == 200, answer
    return answer.body


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer
    return answer.status, answer.body["detail"]


def store(stack: Stack, recording: Recording) -> Recording:
    recording.upload(stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{TENANT}/")
    return recording


def at(recording: Recording, folder: str) -> Recording:
    return replace(recording, live_path=f"{folder}/stream.mpd")


def calls(stack: Stack) -> Counter:
    """What the function has asked of S3 so far."""
    role = stack.functions["Recordings"]["Role"].rpartition("/")[2]
    decisions = map(json.loads, stack.decisions.read_text().splitlines())
    return Counter(each["action"] for each in decisions if each["role"] == role and each["action"].startswith("s3:"))


def test_a_tenants_recordings_are_found_folder_by_folder(stack, session):
    for folder in ("mp4/a 1/x/1", "mp4/b@2", "mp4/c/y"):
        store(stack, at(forms.build("static_time"), folder))
    top = listed(stack, session)
    assert (top["folders"], top["recordings"], top["next"]) == (["mp4/"], [], None)
    (first, *more), folders = listed(stack, session, under="mp4")["recordings"], listed(stack, session, under="mp4/")["folders"]
    assert (first["live_path"], more, folders) == ("mp4/b@2/stream.mpd", [], ["mp4/a 1/", "mp4/c/"])
    assert abs(time.time() - time.mktime(time.strptime(first["updated"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 600
    assert listed(stack, session, under="mp4/a 1")["folders"] == ["mp4/a 1/x/"]
    (own,) = listed(stack, session, under="mp4/a 1/x/1")["recordings"]
    assert own["live_path"] == "mp4/a 1/x/1/stream.mpd"
    names, cursor = [], ""
    while cursor is not None:
        page = listed(stack, session, under="mp4", limit=1, cursor=cursor)
        names += page["folders"] + [each["live_path"] for each in page["recordings"]]
        cursor = page["next"]
    assert names == ["mp4/a 1/", "mp4/b@2/stream.mpd", "mp4/c/"]
    assert told(stack, session, own["live_path"])["end_time_ms"] == 16_000


@pytest.mark.parametrize(
    "form, times",
    [
        ("dynamic_growing", (forms.AST_MS, 0, 12_000)),
        ("static_time", (None, 0, 16_000)),
        ("static_number", (None, 0, 16_000)),
        ("segment_list", (None, 0, 16_000)),
        ("single_file", (None, 0, 16_080)),
        ("offset", (None, 0, 16_000)),
        ("multi_period", (None, 0, 16_000)),
        ("seed", (forms.AST_MS, 786_000, 804_000)),
        ("epoch", (0, 1_562_253_612_000, 1_562_253_628_000)),
    ],
)
def test_the_range_that_is_told_is_the_recorded_one(form, times, stack, recorded):
    recording = recorded(form)
    found = told(stack, stack.session_id, recording.live_path)
    clock, start, end = times
    assert (found["start_time_ms"], found["end_time_ms"], found["live"]) == (start, end, False)
    assert (found["clock"], found.get("start_pos_ms"), found.get("end_pos_ms")) == (
        ("recording", None, None) if clock is None else ("wall", clock + start, clock + end)
    )
    low, high = recording.truth.span()
    first = recording.manifest.periods[0].start
    assert abs((low - first) * 1000 - start) <= 100 and abs((high - first) * 1000 - end) <= 200
    video, tracks = found["video"], found["audio"]
    assert (video["codec"], video["width"], video["height"]) == ("h264", *recording.truth.size)
    assert "problem" not in video and [each["language"] for each in tracks] == [s.language for s in recording.truth.sounds]
    assert found["holes"] == [] and found["periods"] == len(recording.manifest.periods)


def test_the_holes_that_are_told_are_those_of_the_manifest(stack, recorded):
    found = told(stack, stack.session_id, recorded("gap_declared").live_path)
    hole = {"start_pos_ms": forms.AST_MS + 6000, "start_time_ms": 6000, "duration_ms": 4000}
    assert (found["holes"], found["end_time_ms"]) == ([hole], 16_000)


def test_the_live_edge_is_told_as_it_moves(stack, session):
    began = int(time.time() * 1000) - 8000
    recording = forms.seconds_into(f"live-{RUN}", 0, 16, f"live/{RUN}/1/stream.mpd", began)
    growing = Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], f"recordings/{TENANT}/")
    for until in (2, 6):
        growing.publish(Fraction(until))
        found = told(stack, session, recording.live_path)
        assert (found["live"], found["start_pos_ms"], found["end_pos_ms"]) == (True, began, began + 1000 * until)


def test_ten_thousand_segments_are_never_listed(stack, session):
    source = store(stack, at(forms.build("static_time"), "many/1"))
    bucket, prefix = stack.env["SOURCE_BUCKET"], f"recordings/{TENANT}/many/1/"
    entry = '<S t="0" d="2000" r="9999"/>'
    timeline = f'<SegmentTimeline>{entry}</SegmentTimeline>'
    manifest = (
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet contentType="video">'
        f'<SegmentTemplate timescale="1000" media="s-$Number$.m4s" initialization="i.mp4">{timeline}</SegmentTemplate>'
        '<Representation id="0" bandwidth="1" codecs="avc1.64001f"/></AdaptationSet></Period></MPD>'
    )
    stack.s3.put_object(Bucket=bucket, Key=f"{prefix}stream.mpd", Body=manifest.encode())
    init = next(data for name, data in source.files.items() if name.startswith("init"))
    stack.s3.put_object(Bucket=bucket, Key=f"{prefix}i.mp4", Body=init)
    for number in range(300):
        stack.s3.put_object(Bucket=bucket, Key=f"{prefix}s-{number}.m4s", Body=b"x")
    before = calls(stack)
    assert [each["live_path"] for each in listed(stack, session, under="many")["recordings"]] == ["many/1/stream.mpd"]
    assert listed(stack, session, under="many/1")["folders"] == []
    assert told(stack, session, "many/1/stream.mpd")["end_time_ms"] == 20_000_000
    asked = calls(stack) - before
    assert asked["s3:ListBucket"] <= 4 and sum(asked.values()) <= 12, asked


@pytest.mark.parametrize(
    "path, why",
    [
        ("mp4/../../demo/stream.mpd", "a segment is . or .."),
        ("mp4/%2e%2e/%2e%2e/demo/stream.mpd", "a segment is . or .."),
        ("mp4%2f..%2f..%2fdemo%2fstream.mpd", "a segment is . or .."),
        ("mp4/%252e%252e/stream.mpd", "has a character that is not allowed"),
        ("mp4/a%00/stream.mpd", "has a character that is not allowed"),
        ("mp4//stream.mpd", "a segment is empty"),
        ("mp4/a/stream.mov", "it ends otherwise"),
        ("s3:%2f%2fbucket/stream.mpd", "it is a URL"),
    ],
)
def test_a_hostile_path_is_refused(path, why, stack, session):
    status, detail = refused(get(stack, f"/recordings/{path}", session))
    assert status == 400 and detail.startswith("path: ") and why in detail


def test_a_question_mark_in_a_path_is_refused(stack, session):
    status, detail = refused(get(stack, "/recordings/mp4/a%3Fb/stream.mpd", session))
    assert (status, detail) == (400, "b/stream.mpd: is no parameter of this route")


def test_a_hostile_question_is_refused(stack, session):
    for query, why in (
        ("under=../demo", "a segment is . or .."),
        ("under=%2e%2e%2fdemo", "a segment is . or .."),
        ("under=/recordings/demo", "it begins with /"),
        ("cursor=Li4vZGVtbw", "cursor: is not one of ours"),
        ("limit=1000", "limit: must be a number from 1 to 200"),
        ("page=2", "page: is no parameter of this route"),
    ):
        status, detail = refused(get(stack, f"/recordings?{query}", session))
        assert status == 400 and why in detail, query


def test_another_tenants_recordings_are_not_there(stack, recorded, session):
    theirs = recorded("static_time")
    assert refused(get(stack, f"/recordings/{theirs.live_path}", session)) == (404, "no such recording")
    assert listed(stack, session, under=theirs.folder) == {"folders": [], "recordings": [], "next": None}
    assert refused(get(stack, "/recordings", "F" * 32)) == (401, "session invalid")
    assert refused(stack.send("GET", f"/recordings/{theirs.live_path}"))[0] == 401


@pytest.mark.parametrize(
    "body, why",
    [
        (b"", "the manifest ends before it is complete"),
        (b"<MPD><Period>", "the manifest ends before it is complete"),
        (b"<html/>", "the document is not an MPD"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><MPD/>", "the manifest declares or uses an entity"),
        (b"\xff\xfe<\x00M\x00", "the manifest is not UTF-8"),
    ],
)
def test_a_broken_manifest_is_a_clear_problem(body, why, stack, session):
    key = f"recordings/{TENANT}/broken/1/stream.mpd"
    stack.s3.put_object(Bucket=stack.env["SOURCE_BUCKET"], Key=key, Body=body)
    answer = get(stack, "/recordings/broken/1/stream.mpd", session)
    assert refused(answer) == (422, f"the recording cannot be read: the manifest: {why}")


def test_an_init_segment_that_is_gone_is_told_of_the_picture(stack, session):
    recording = store(stack, at(forms.build("static_time"), "initless/1"))
    name = next(name for name in recording.files if name.startswith("init") and "0" in name)
    stack.s3.delete_object(Bucket=stack.env["SOURCE_BUCKET"], Key=f"recordings/{TENANT}/initless/1/{name}")
    video = told(stack, session, recording.live_path)["video"]
    assert "codec" not in video and video["problem"].endswith("the init segment of the video track: it is listed and does not exist")


@pytest.mark.parametrize("form, codec", [("hls_ts", "h264"), ("file_ts", "h264"), ("file_mp4", "h265")])
def test_a_picture_without_an_init_segment_is_told(form, codec, stack, recorded):
    recording = recorded(form)
    video = told(stack, stack.session_id, recording.live_path)["video"]
    assert (video["codec"], video["width"], video["height"]) == (codec, *recording.truth.size)
    assert "problem" not in video


def test_the_plan_that_is_shown_is_the_plan_that_is_made(stack, recorded, name):
    """Of random windows, in several forms, each as recorded and in the other codec."""
    chance, asked = random.Random(SEED), []
    for form in ("static_time", "dynamic_growing", "gap_declared", "multi_period", "hevc", "open_gop"):
        recording = recorded(form)
        for kind in (0, 0, 1 if recording.truth.codec == "hevc" else 2):
            start, duration = Fraction(chance.randrange(0, 11_000), 1000), chance.randrange(500, 5000)
            fields = {"export_type": kind, "container": chance.choice(["ts", "mp4"])}
            asked.append(stack.request(recording, start, duration, f"{name}-{len(asked)}", **fields))
    before = stack.items().keys()
    plans = [stack.send("POST", "/export/plan", body) for body in asked]
    assert stack.items().keys() == before, "a plan creates nothing"
    for body in asked:
        stack.export(body)
    kinds = set()
    for body, plan in zip(asked, plans):
        done = stack.finish(body)
        if done.code != 5:
            assert plan.status == 422 and "nothing is recorded in the window" in plan.body["detail"], (body, done, plan)
            continue
        assert plan.status == 200, (body, plan)
        job, shown = stack.job(done.body["JobId"]), plan.body
        counts = ("kind", "reason", "frames_copied", "frames_encoded")
        assert [shown[each] for each in counts] == [job["plan"][each] for each in counts], body
        assert (shown["lack_ms"], shown["exact"]) == (job["lack_ms"], True), body
        assert shown["frames_encoded"] == shown["frames_encoded_head"] + shown["frames_encoded_tail"]
        kinds.add(shown["kind"])
    assert {"smart", "reencode"} <= kinds
