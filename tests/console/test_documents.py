"""Documents, and a clip of each of their segments."""

import json
import time
import urllib.request
from fractions import Fraction

import pytest

from e2e.checks import exact
from e2e.mre import Mre, scenarios
from e2e.stack import Stack
from media import dash
from media.encode import Audio, Video
from media.forms import picture, sound
from media.recording import Recording, iso, recorded
from media.verify import verify

AST_MS = 1_562_252_820_833
SECONDS = 60


@pytest.fixture(scope="module")
def event(stack: Stack) -> dict[str, str]:
    """The event of a tennis match."""
    found = Mre(stack).add(scenarios()["replay_mp4_weight"]).of_event()
    return {"event": found.event, "program": found.program}


@pytest.fixture(scope="module")
def match(stack: Stack) -> Recording:
    video = Video(count=SECONDS * 25)
    manifest = dash.Manifest([dash.Period([picture(video), sound(Audio(SECONDS * 48_000))])], dynamic=True, availability_start=iso(AST_MS))
    path = "mp4/55524C2004E/minute/1/stream.mpd"
    return stack.upload(recorded("minute", manifest, first=0, fps=video.fps, live_path=path, ast_ms=AST_MS))


def test_every_chosen_segment_becomes_a_clip_and_all_of_them_one_video(journey, stack, event, match, tmp_path):
    # The chosen ones begin 222.2 s and 245 s into the event.
    made = journey("clipAll", **event, path=match.live_path, feature="DoubleFaults", shift=-222_000, naming=f"{time.time_ns():x}-{{n}}")
    assert made["told"].startswith("2 of 12") and made["outcome"] == "READY" and made["broken"] == []
    windows, frames = [], []
    for n, job in enumerate(made["jobs"]):
        asked = stack.job(job)["request"]
        windows.append(((asked["start_pos_ms"] - AST_MS), asked["duration_ms"]))
        expected = match.expected(asked["start_pos_ms"], asked["duration_ms"])
        frames += expected.frames
        folder = tmp_path / str(n)
        folder.mkdir()
        exact(stack, match, stack.status(job), expected, folder)
    assert windows == [(200, 11_000), (23_000, 19_100)]
    reel = made["reel"]
    file = tmp_path / "reel.mp4"
    with urllib.request.urlopen(reel["link"]) as reply:
        assert reply.headers["content-disposition"].startswith("attachment")
        file.write_bytes(reply.read())
    assert verify(file, match.truth.fps, match.truth.size).numbers == frames
    assert [row[1:3] for row in reel["rows"]] == [["00:00:00.200, 11 s", "00:00:00.000, 11 s"], ["00:00:23.000, 19.1 s", "00:00:11.000, 19.12 s"]]
    assert stack.job(reel["job"])["request"]["window_count"] == 2
    assert reel["again"] == reel["job"]
    assert [" ".join(line.split()) for line in reel["list"]] == ["One video of 2 segments: DoubleFaults ready", "Clips of 2 segments: DoubleFaults 2 of 2 ready"]


def test_a_document_is_saved_as_it_is(journey, event):
    saved = journey("saved", **event)
    assert saved["broken"] == []
    document = json.loads(saved["files"][f"{event['event']}.json"])
    assert len(document["Segments"]) == 12
    assert len(saved["files"][f"{event['event']}.csv"].splitlines()) > 12


def test_ten_thousand_segments_and_clips_scroll_smoothly(journey):
    seen = journey("scrolled", count=10_000)
    for kind in ("segments", "clips"):
        assert seen[kind]["rows"] < 60, "only what is on display is in the page"
        assert seen[kind]["median"] <= Fraction(1000, 50)
        assert seen[kind]["top"] > 60_000
    assert "27:46:38" in seen["segments"]["last"] and "clip 10000" in seen["clips"]["last"]
    assert seen["failed"] == ["clip 9995"] and seen["broken"] == []
