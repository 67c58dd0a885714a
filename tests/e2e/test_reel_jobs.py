"""One clip of many windows."""

import io
import time
from fractions import Fraction

import opentimelineio as otio
import pycmx
import pytest

from media import dash, forms
from media.encode import Video
from media.recording import Live, Recording, iso, recorded as recording_of
from media.verify import verify

from .mre import wait_for
from .stack import Answer, Stack

VIDEO = Video()
AST_MS = forms.AST_MS


@pytest.fixture(scope="module")
def filmed(stack: Stack) -> Recording:
    """16 s whose first frame is recorded at a known instant."""
    tracks = [forms.picture(VIDEO), forms.plain_audio()]
    manifest = dash.Manifest([dash.Period(tracks)], dynamic=True, availability_start=iso(AST_MS))
    return stack.upload(recording_of("reels", manifest, first=0, fps=VIDEO.fps, ast_ms=AST_MS))


def post(stack: Stack, body: dict, **headers: str) -> Answer:
    return stack.send("POST", "/export/batch", {"deliver": "reel", **body}, {"X-Session-Id": stack.session_id, **headers})


def get(stack: Stack, path: str) -> Answer:
    return stack.send("GET", path, headers={"X-Session-Id": stack.session_id})


def finished(stack: Stack, body: dict) -> dict:
    """The job of a reel once it has ended."""

    def done() -> dict | None:
        answer = post(stack, body, Prefer="wait=20")
        assert answer.status in (200, 202), answer
        assert answer.headers["location"] == f"/export/jobs/{answer.body['id']}"
        return answer.body if answer.status == 200 else None

    return wait_for(done, "end of the reel", 90)


def numbers(stack: Stack, job: dict, folder) -> list[int]:
    """The recorded numbers of the frames, as a decoder shows them."""
    return verify(stack.fetch(job["video_path"], folder), VIDEO.fps).numbers


@pytest.mark.parametrize("container", ["mp4", "ts"])
def test_a_reel_has_exactly_the_frames_of_its_windows_in_their_order(stack, filmed, name, container, tmp_path):
    """Frames 105 to 154, 20 to 69 and 60 to 84: cut within groups of pictures, in no order, and overlapping."""
    windows = [(4200, 2000, "goal"), (800, 2000, None), (2400, 1000, "save")]
    clips = [{"start": AST_MS + at, "duration_ms": ms, **({"name": title} if title else {})} for at, ms, title in windows]
    body = {"live_path": filmed.live_path, "container": container, "name": name, "clips": clips}
    job = finished(stack, body)
    assert (job["state"], job["delivered_ms"], job["lack_ms"]) == ("READY", 5000, 0), job
    expected = [n for at, ms, _ in windows for n in range(at // 40, (at + ms) // 40)]
    assert numbers(stack, job, tmp_path) == expected
    parts = [(part["n"], part["at_ms"], part["delivered_ms"], part["lack_ms"], part.get("name")) for part in job["windows"]]
    assert parts == [(1, 0, 2000, 0, "goal"), (2, 2000, 2000, 0, None), (3, 4000, 1000, 0, "save")]
    turned = post(stack, {**body, "clips": clips[::-1]})
    assert turned.status == 202 and turned.body["id"] != job["id"], "the order counts"
    edl = get(stack, f"/export/jobs/{job['id']}/edit?format=edl&fps=25&zero={AST_MS}").text.decode()
    events = [event.edits[0] for event in pycmx.parse_cmx3600(io.StringIO(edl)).events]
    assert [(each.source_in, each.source_out, each.record_in, each.record_out) for each in events] == [
        ("00:00:04:05", "00:00:06:05", "01:00:00:00", "01:00:02:00"),
        ("00:00:00:20", "00:00:02:20", "01:00:02:00", "01:00:04:00"),
        ("00:00:02:10", "00:00:03:10", "01:00:04:00", "01:00:05:00"),
    ]
    text = get(stack, f"/export/jobs/{job['id']}/edit?format=otio&fps=25&zero={AST_MS}").text.decode()
    timeline = otio.adapters.read_from_string(text, "otio_json")
    cuts = [(clip.name, clip.source_range.start_time.value, clip.source_range.duration.value) for clip in timeline.video_tracks()[0]]
    assert cuts == [("goal", 105, 50), (job["file_name"], 20, 50), ("save", 60, 25)]
    relinked = timeline.video_tracks()[0][0].media_reference.target_url
    assert relinked == filmed.live_path


def test_a_replays_document_becomes_its_video(stack, filmed, name, tmp_path):
    """In the document's order, with optimised times where there are some; what has no time or no media is told."""
    segments = [
        {"Start": 6, "End": 7, "OptoStart": {"1": 6.2}, "OptoEnd": {"1": 7.2}, "FeaturesFound": ["Ace"]},
        {"Start": 9, "FeaturesFound": []},
        {"Start": 1, "End": 2.2, "FeaturesFound": ["Serve"]},
        {"Start": 60, "End": 62, "FeaturesFound": []},
    ]
    document = {"Replay": {"AudioTrack": 1}, "Event": {"Name": name}, "Segments": segments}
    body = {"live_path": filmed.live_path, "zero": AST_MS, "container": "mp4", "name": "{event}", "document": document}
    job = finished(stack, body)
    assert job["state"] == "READY", job
    shown = [*range(155, 180), *range(25, 55)]
    assert numbers(stack, job, tmp_path) == shown, job["windows"]
    assert job["skipped"] == [{"n": 2, "why": "has no End"}]
    assert {part["n"]: part.get("left_out") for part in job["windows"]} == {1: None, 3: None, 4: "no media in window"}
    warning = next(each for each in job["warnings"] if each["code"] == "windows_left_out")
    assert warning["detail"].startswith("window "), warning


def test_what_cannot_be_a_reel_is_refused_and_leaves_nothing(stack, filmed, name):
    good = {"start": AST_MS + 1000, "duration_ms": 1000}
    before = stack.items().keys()
    refused = post(stack, {"live_path": filmed.live_path, "clips": [good, {**good, "duration_ms": 0}, {**good, "live_path": "../a/x.mpd"}]})
    assert [each["pointer"] for each in refused.body["errors"]] == ["/clips/1/duration_ms", "/clips/2/live_path"]
    foreign = {"live_path": filmed.live_path, "clips": [good, good], "target": {"bucket": "somebody-elses"}}
    assert post(stack, foreign).status == 403
    assert stack.items().keys() == before
    empty = {**good, "start": AST_MS + 60_000}
    failed = finished(stack, {"live_path": filmed.live_path, "name": name, "clips": [empty, {**empty, "duration_ms": 2000}]})
    assert (failed["state"], failed["error"]) == ("FAILED", "no media in window")
    assert failed["detail"].startswith("window 1: "), failed
    assert get(stack, f"/export/jobs/{failed['id']}/edit").status == 409


def test_a_reel_waits_until_its_last_window_is_recorded(stack, name, tmp_path):
    began = int(time.time() * 1000) - 8000
    recording = forms.seconds_into(name, 0, 12, f"mp4/live/{name}/1/stream.mpd", began)
    live = Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"])
    live.publish(Fraction(8))
    clips = [{"start": began + 8000, "duration_ms": 1000}, {"start": began + 2000, "duration_ms": 1000}]
    body = {"live_path": recording.live_path, "container": "mp4", "name": name, "clips": clips}

    def waits() -> bool:
        job = post(stack, body).body
        assert job["state"] in ("QUEUED", "RUNNING", "WAITING_SOURCE"), job
        return job["state"] == "WAITING_SOURCE"

    wait_for(waits, "a reel that waits", 30)
    time.sleep(max(0.0, (began + 10_000) / 1000 - time.time()))
    live.publish(Fraction(10))
    job = finished(stack, body)
    assert job["state"] == "READY" and job["lack_ms"] == 0, job
    first = round(Fraction(2) * VIDEO.fps)
    assert numbers(stack, job, tmp_path)[25:] == list(range(first, first + 25))
