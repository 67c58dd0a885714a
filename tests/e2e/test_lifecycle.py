"""One request, one job, one clip; the same answer however it is asked for."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import pytest

from media import forms, quality
from media.truth import MS
from media.verify import verify

from . import checks
from .stack import storage_info

ARCHIVE = {"storage_name": "mma-video-archive", "storage_location": "us-west-1"}


def test_identical_requests_at_once_make_one_job_and_one_clip(stack, recorded, name, tmp_path):
    recording = recorded("static_time")
    body = stack.request(recording, Fraction(11, 10), 2000, name)
    before, exported = stack.items().keys(), stack.exported()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: stack.export(body), range(8)))
    assert {answer.status for answer in answers} == {200}
    assert {answer.code for answer in answers} <= {1, 5}
    assert len({answer.body["JobId"] for answer in answers}) == 1
    done = stack.finish(body)
    checks.exact(stack, recording, done, checks.expected_of(recording, Fraction(11, 10), 2000), tmp_path)
    new = stack.items().keys() - before
    assert new == {f"J#{done.body['JobId']}"}
    mine = {key for key in stack.exported() - exported if done.body["VideoPath"].split("/")[2] in key}
    assert len({key for key in mine if "/playlist." not in key}) == 2
    assert len({key for key in mine if key.endswith("index.json")}) == 1


def test_the_same_request_spelled_differently_is_the_same_job(stack, recorded, name):
    recording = recorded("static_time")
    body = stack.request(recording, Fraction(2), 1500, name)
    done = stack.finish(body)
    assert done.code == 5
    spelled = json.dumps({**body, "StartPos": float(body["StartPos"]), "userid": "someone", "unknown": [1]}, indent=2)
    lenient = spelled[:-2] + ", // the end\n}"
    assert stack.export(dict(reversed(body.items()))).body == done.body
    assert stack.export(lenient.encode()).body == done.body
    assert stack.export({**body, "Duration": 1501}).body["JobId"] != done.body["JobId"]


def test_status_answers_as_the_request_does(stack, recorded, name):
    recording = recorded("static_time")
    body = stack.request(recording, Fraction(3), 1500, name)
    unknown = stack.send("POST", "/export/status", body)
    assert unknown.status == 404 and unknown.body["ErrorMessage"] == "no such job"
    done = stack.finish(body)
    assert stack.status(done.body["JobId"]).body == done.body
    assert stack.send("POST", "/export/status", body).body == done.body
    bearer = {"Authorization": f"Bearer {stack.session_id}"}
    assert stack.send("GET", f"/export/status/{done.body['JobId']}", headers=bearer).body == done.body
    plain = stack.send("GET", f"/export/jobs/{done.body['JobId']}", headers=bearer)
    assert (plain.status, plain.headers["content-type"]) == (200, "application/json")
    assert plain.body == stack.job(done.body["JobId"])
    (newest,) = stack.send("GET", "/export/jobs?state=READY&limit=1", headers=bearer).body["jobs"]
    assert newest["state"] == "READY"
    refused = stack.send("GET", "/export/jobs?page=2", headers=bearer)
    assert (refused.status, refused.body["detail"]) == (400, "page: is no parameter of this route")
    forgotten = stack.send("DELETE", f"/export/jobs/{done.body['JobId']}", headers=bearer)
    assert (forgotten.status, forgotten.body) == (200, plain.body)
    assert stack.send("GET", f"/export/jobs/{done.body['JobId']}", headers=bearer).status == 404


def test_absent_recording_is_not_such_dir_until_it_appears(stack, name, tmp_path):
    recording = replace(forms.build("static_time"), live_path=f"mp4/{name}/1/stream.mpd")
    body = stack.request(recording, Fraction(1), 1500, name)
    deadline = time.monotonic() + 60
    answer = stack.export(body)
    while answer.code == 1 and time.monotonic() < deadline:
        time.sleep(0.5)
        answer = stack.export(body)
    said = {key: answer.body[key] for key in ("ErrorCode", "ErrorMessage", "TimeWait", "LackLength")}
    assert answer.status == 200
    assert said == {"ErrorCode": -1, "ErrorMessage": "not such dir", "TimeWait": 2000, "LackLength": 1500}
    assert set(answer.body) == checks.WORKING
    by_id = stack.status(answer.body["JobId"]).body
    assert (by_id["ErrorCode"], by_id["TimeWait"]) == (-1, 0)
    stack.upload(recording)
    done = stack.finish(body, timeout=60)
    checks.exact(stack, recording, done, checks.expected_of(recording, Fraction(1), 1500), tmp_path)


@pytest.mark.parametrize("start, duration", [(Fraction(-5), 3000), (Fraction(30), 3000)])
def test_a_window_outside_the_recording_is_final(start, duration, stack, recorded, name):
    recording = recorded("dynamic_growing")
    answer = stack.finish(stack.request(recording, start, duration, f"{name}{start}", StartTime="0"), timeout=60)
    said = {key: answer.body[key] for key in ("ErrorCode", "ErrorMessage", "TimeWait", "LackLength")}
    assert said == {"ErrorCode": -1, "ErrorMessage": "no media in window", "TimeWait": 0, "LackLength": duration}
    assert set(answer.body) == checks.WORKING
    begin = recording.truth.ast_ms
    detail = stack.job(answer.body["JobId"])["detail"]
    assert detail.endswith(f": the manifest lists StartPos {begin} to {begin + 12_000}")


@pytest.mark.parametrize("form, without", [("gap_silent", ""), ("gap_declared", ", without {} to {}")])
def test_a_window_inside_a_hole_is_final(form, without, stack, recorded, name):
    recording = recorded(form)
    answer = stack.finish(stack.request(recording, Fraction(7), 2000, name), timeout=60)
    assert (answer.code, answer.body["ErrorMessage"]) == (-1, "no media in window"), answer
    begin = recording.truth.ast_ms
    told = f"the manifest lists StartPos {begin} to {begin + 16_000}{without.format(begin + 6000, begin + 10_000)}"
    assert told in stack.job(answer.body["JobId"])["detail"]


def test_a_window_that_begins_before_the_recording_lacks_that_part(stack, recorded, name, tmp_path):
    recording = recorded("dynamic_growing")
    start, duration = Fraction(-13, 10), 3000
    answer = stack.finish(stack.request(recording, start, duration, name, StartTime="0"))
    expected = checks.expected_of(recording, start, duration)
    assert expected.lack_ms == 1300
    checks.exact(stack, recording, answer, expected, tmp_path)


def test_the_first_allowed_entry_of_storage_info_is_the_target(stack, recorded, name, tmp_path):
    """In the least usual of the spellings, of which `shared/domain/src/storage.rs` has all."""
    recording = recorded("static_time")
    entries = [stack.entry("ts", storage_enable=False), stack.entry("mp4", **ARCHIVE), stack.entry("ts", storage_description="~~~???")]
    info = storage_info('"storage_info" : ' + json.dumps(entries)).replace("+", "-").replace("/", "_").rstrip("=")
    assert {"-", "_"} & {*info}, "the alphabet of URLs is met"
    start = Fraction(5, 2)
    answer = stack.finish(stack.request(recording, start, 1600, name, storage_info=info))
    clip, _ = checks.exact(
        stack, recording, answer, checks.expected_of(recording, start, 1600), tmp_path, ARCHIVE["storage_name"]
    )
    assert clip.name == f"{name}.mp4"


def test_another_name_is_another_clip_and_its_extension_is_not_doubled(stack, recorded, name):
    recording = recorded("static_time")
    one, two = (stack.finish(stack.request(recording, Fraction(1), 1300, f"{name}{k}")) for k in ("-a", ".ts"))
    assert two.body["VideoPath"].endswith(f"/{name}.ts")
    assert one.body["VideoPath"] != two.body["VideoPath"] and one.body["JobId"] != two.body["JobId"]


def test_cancelled_job_says_so(stack, recorded, name):
    recording = recorded("static_time")
    body = stack.request(recording, Fraction(0), 16_000, name, export_type=2)
    job = stack.export(body).body["JobId"]
    answer = stack.send("DELETE", f"/export/status/{job}", headers={"X-Session-Id": stack.session_id})
    assert answer.status == 200
    after = stack.status(job).body
    assert (after["ErrorCode"], after["TimeWait"]) in {(-1, 0), (5, 0)}
    if after["ErrorCode"] == -1:
        assert after["ErrorMessage"] == "cancelled" and "VideoPath" not in after


def test_thumbnail_of_any_frame(stack, recorded, name, tmp_path):
    chosen = {
        "static_time": 4.5,
        "hevc_open": 5.37,
        "open_gop": 9.99,
        "ntsc": 7.007,
        "multi_period": 8.4,
        "gap_in_gop": 9.5,
    }
    for form, at in chosen.items():
        recording = recorded(form)
        start = Fraction(str(at))
        answer = stack.finish(
            stack.request(recording, start, 1000, f"{name}-{form}", FetchMedia=False, FetchThumb=True), timeout=60
        )
        assert answer.code == 0, f"{form}: {answer}"
        frames = [frame for frame in recording.truth.frames if frame.decodable]
        wanted = next((frame for frame in frames if frame.pts >= start), frames[-1])
        assert quality.jpeg_number(stack.fetch(answer.body["ImagePath"], tmp_path)) == wanted.number, form


def test_thumbnail_without_video_is_final(stack, recorded, name):
    recording = recorded("audio_only")
    answer = stack.finish(stack.request(recording, Fraction(1), 1000, name, FetchMedia=False), timeout=60)
    assert (answer.code, answer.body["ErrorMessage"], answer.body["TimeWait"]) == (-1, "no video", 0), answer
    assert set(answer.body) == checks.REFUSED | {"JobId"}


@pytest.mark.parametrize("form", ["static_time", "no_b", "multi_audio", "single_file"])
def test_players_without_edit_lists_see_the_same(form, stack, recorded, name, tmp_path):
    recording = recorded(form)
    start, duration = Fraction(4330, 1000), 3000
    answer = stack.finish(
        stack.request(recording, start, duration, f"{name}-{form}", storage_info=stack.storage("mp4"))
    )
    expected = recording.truth.expected(start, duration * MS)
    clip, _ = checks.exact(stack, recording, answer, expected, tmp_path)
    assert verify(clip, recording.truth.fps, ignore_edits=True).problems(expected, max_av_ms=11.5) == []
