"""The command line as a person runs it, on a stack with real clips."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from media import dash, forms, quality
from media.encode import Video
from media.recording import Live, Recording, iso, recorded as recording_of
from media.verify import verify

from .conftest import RUN
from .stack import ROOT, Stack

Mex = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def mex(stack: Stack, tmp_path: Path) -> Mex:
    """Runs a command in a folder of its own; `exit` is how it must end."""

    def run(*words: object, exit: int = 0) -> subprocess.CompletedProcess:
        done = subprocess.run([program(stack), *map(str, words)], env=environment(stack), cwd=tmp_path, capture_output=True, timeout=120)
        assert done.returncode == exit, f"{words}: {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
        return done

    return run


def program(stack: Stack) -> str:
    """`make up` leaves it beside the environment file; a stack of given binaries has none."""
    beside = stack.env_file.parent / "mex"
    return str(beside if beside.exists() else ROOT / "target" / "debug" / "mex")


def environment(stack: Stack) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TZ": "UTC", "MEX_ENV": str(stack.env_file)}


@pytest.fixture(scope="module")
def filmed(stack: Stack) -> Recording:
    """16 s whose first frame is recorded at a known instant."""
    tracks = [forms.picture(Video()), forms.plain_audio()]
    manifest = dash.Manifest([dash.Period(tracks)], dynamic=True, availability_start=iso(forms.AST_MS))
    return stack.upload(recording_of("mex", manifest, first=0, fps=Video().fps, ast_ms=forms.AST_MS))


def frames(path: Path) -> list[int]:
    return verify(path, Video().fps).numbers


def test_a_clip_is_cut_followed_and_gotten_frame_by_frame(mex, filmed, name, tmp_path):
    window = [filmed.live_path, "--from", "00:00:02:10", "--to", "00:00:05:00", "--name", name]
    plan = json.loads(mex("plan", "--json", *window).stdout)
    made = json.loads(mex("clip", "--json", *window, "-o", "clips/").stdout)
    assert frames(tmp_path / "clips" / f"{name}.mp4") == list(range(60, 125))
    assert made["file"] == f"clips/{name}.mp4" and made["plan"]["frames_encoded"] == plan["frames_encoded"]
    # The same window in another spelling is the same job, and its file is there already.
    again = mex("clip", filmed.live_path, "--from", forms.AST_MS + 2400, "--for", "65f", "--name", name, "-q", "-o", "clips/")
    assert again.stdout.decode() == f"clips/{name}.mp4\n"
    assert made["id"] in mex("jobs", "-q", "--path", filmed.live_path).stdout.decode().split()


def test_a_picture_and_what_is_recorded(mex, filmed, tmp_path):
    mex("thumb", filmed.live_path, "--at", "00:00:03:05", "-o", "still.jpg")
    assert quality.jpeg_number(tmp_path / "still.jpg") == 80
    shown = json.loads(mex("info", "--json", filmed.live_path).stdout)
    assert (shown["start_pos_ms"], shown["end_time_ms"]) == (forms.AST_MS, 16_000)
    assert filmed.live_path in mex("recordings", "-q", filmed.live_path.rsplit("/", 1)[0]).stdout.decode().split()


def test_an_edit_list_becomes_files(mex, filmed, name, tmp_path):
    cuts = [("00:00:01:00", "00:00:02:00"), ("00:00:04:05", "00:00:04:15")]
    lines = [f"{n:03}  AX  V  C  {first} {end} {first} {end}\n* FROM CLIP NAME: {name}-{n}" for n, (first, end) in enumerate(cuts, 1)]
    (tmp_path / "cuts.edl").write_text("\n".join(["TITLE: cuts", *lines]))
    done = mex("batch", "cuts.edl", filmed.live_path, "-q", "-o", "cut/").stdout.decode().split()
    assert [frames(tmp_path / path) for path in done] == [list(range(25, 50)), list(range(105, 115))]
    lost = {"start": forms.AST_MS + 60_000, "duration_ms": 1000, "name": f"{name}-lost"}
    kept = {"start": forms.AST_MS + 1000, "duration_ms": 1000, "name": f"{name}-1"}
    (tmp_path / "clips.json").write_text(json.dumps([lost, kept]))
    mex("batch", "clips.json", filmed.live_path, "-o", "more/", exit=9)
    assert [path.name for path in (tmp_path / "more").iterdir()] == [f"{name}-1.mp4"]


def test_a_download_goes_on_where_it_stopped(mex, filmed, name, tmp_path):
    job = mex("clip", filmed.live_path, "--from", "00:00:01", "--for", "6s", "--name", name, "-q").stdout.decode().strip()
    mex("get", job, "-o", "whole.mp4")
    whole = (tmp_path / "whole.mp4").read_bytes()
    part = tmp_path / f"clip.mp4.{job[:8]}.part"
    part.write_bytes(whole[: len(whole) // 2])
    shown = mex("get", job, "-o", "clip.mp4", "-v")
    assert (tmp_path / "clip.mp4").read_bytes() == whole and not part.exists(), shown.stderr
    assert mex("get", job, "-o", "-").stdout == whole


def test_a_growing_recording_gives_its_end_and_ctrl_c_leaves_what_waits_for_it(mex, stack, name, tmp_path):
    recording = forms.seconds_into(name, 0, 16, f"mp4/live/{name}/1/stream.mpd", int(time.time() * 1000) - 8000)
    Live(recording, stack.s3, stack.env["SOURCE_BUCKET"], stack.env["SOURCE_PREFIX"]).publish(Fraction(6))
    mex("last", recording.live_path, "2s", "--name", f"{name}-last", "-o", "last.mp4")
    assert frames(tmp_path / "last.mp4") == list(range(100, 150))
    words = ["clip", recording.live_path, "--from", "now+1h", "--for", "2s", "--name", name, "-o", "never.mp4"]
    running = subprocess.Popen([program(stack), *words], env=environment(stack), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert running.stderr.readline().startswith(f"{name}.mp4: ")
    running.send_signal(signal.SIGINT)
    assert (running.wait(20), [path.name for path in tmp_path.iterdir()]) == (130, ["last.mp4"])
    said = running.stderr.read()
    (job,) = [line.split()[7] for line in said.splitlines() if "detached" in line]
    assert f"mex get {job} -o never.mp4" in said
    mex("cancel", job)
    assert json.loads(mex("show", "--json", job).stdout)["state"] == "CANCELLED"
    mex("watch", job, exit=1)


def test_documents_come_in_each_format(mex, stack, tmp_path):
    from .mre import Mre, scenarios

    event = Mre(stack).add(scenarios()["replay_mp4_weight"]).of_event()
    for form, first in [("json", b'{"Event"'), ("csv", b"Event,Program"), ("edl", b"TITLE: "), ("otio", b"{"), ("vtt", b"WEBVTT"), ("ndjson", b"{")]:
        mex("event", event.event, event.program, "--format", form, *(["--fps", "25"] if form == "edl" else []), "-o", f"doc.{form}")
        assert (tmp_path / f"doc.{form}").read_bytes().startswith(first), form
    mex("event", f"none-{RUN}", event.program, exit=5)
