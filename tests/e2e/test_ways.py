"""Copied, copied but for its ends, rendered as a whole: every way gives the same frames, and a broken encoder only costs
time."""

import json
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from media import ffmpeg, forms
from media.copied import Joined
from media.truth import MS
from media.verify import verify

ROOT = Path(__file__).resolve().parents[2]
WINDOW = (Fraction(2530, 1000), 5300)  # seconds, milliseconds


def filtering(more: str) -> str:
    """A rule of the wrapper: pictures go through one more filter on their way to the encoder."""
    return f"""*"[coded]"*";"*) set -- "$@" "${{1%%"[coded]"*}},{more}[coded]${{1#*"[coded]"}}" ;;"""



# What the wrapper does to the arguments of an ffmpeg whose pictures are to stand beside copied ones.
BREAKS = {
    "loses a picture": (filtering("select='not(eq(n,3))'"), "was given 36 pictures and gave 35"),
    "shows pictures twice": (filtering("shuffleframes=0 0"), "not the recorded one"),
    "paints a corner": (filtering("drawbox=w=60:h=60:t=fill"), "not the recorded one"),
    "swaps neighbours": (filtering("shuffleframes=1 0"), "not the recorded one"),
    "dies": ("-g:v:0) exit 1 ;;", "ffmpeg ended"),
}


@pytest.fixture(scope="module")
def driver() -> Path:
    """The clip engine as a command."""
    build = ["cargo", "build", "--quiet", "--locked", "--package", "export-clip", "--bin", "clip"]
    subprocess.run(build, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "clip"


def wrapper(folder: Path, rule: str) -> Path:
    """ffmpeg, broken by `rule` when it encodes for a join."""
    path = folder / "ffmpeg"
    path.write_text(
        f"""#!/bin/sh
case " $* " in
  *" -g:v:0 600 "*)
    count=$#
    while [ "$count" -gt 0 ]; do
      case "$1" in
        {rule}
        *) set -- "$@" "$1" ;;
      esac
      shift
      count=$((count - 1))
    done ;;
esac
exec {ffmpeg.executable()} "$@"
"""
    )
    path.chmod(0o755)
    return path


def cut(driver, recording, window, folder, *, container="mp4", codec=None, encoder=None) -> tuple[Path, dict]:
    """The clip of a window, and the plan that made it."""
    start, duration = window
    clip = folder / f"clip.{container}"
    command = [driver, recording.write(folder / "source"), "--start", float(start), "--duration", duration / 1000]
    command += ["--measure", "-o", clip, "--ffmpeg", encoder or ffmpeg.executable()]
    command += ["--codec", codec] if codec else []
    # What is broken is a script, which does not run in the cage.
    command += ["--cage", "off" if encoder else "required"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert report["failure"] is None, report
    return clip, report["plan"]


def exact(clip: Path, recording, window):
    """The verifier's report of a clip that holds the window's frames and sound."""
    start, duration = window
    report = verify(clip, recording.truth.fps)
    assert not report.problems(recording.truth.expected(start, duration * MS))
    return report


@pytest.mark.parametrize("container", ["mp4", "ts"])
@pytest.mark.parametrize("fault", BREAKS)
def test_a_broken_encoder_costs_time_but_no_frame(fault, container, driver, tmp_path):
    rule, reason = BREAKS[fault]
    recording = forms.build("static_time")
    broken = wrapper(tmp_path, rule)
    clip, plan = cut(driver, recording, WINDOW, tmp_path, container=container, encoder=broken)
    assert (plan["kind"], plan["fell_back"], plan["frames_copied"]) == ("reencode", True, 0), plan
    assert reason in plan["reason"], plan
    assert plan["fallback"] in {"join", "encoder", "parameter_sets"}
    exact(clip, recording, WINDOW)


@pytest.mark.parametrize("rule", ["nothing) ;;", '*sps-id=*) set -- "$@" "sps-id=0" ;;'], ids=["as asked", "id taken"])
def test_an_encoder_that_breaks_nothing_costs_no_copy_even_with_the_recordings_parameter_set_id(rule, driver, tmp_path):
    recording = forms.build("static_time")
    clip, plan = cut(driver, recording, WINDOW, tmp_path, encoder=wrapper(tmp_path, rule))
    assert plan["kind"] == "smart" and plan["frames_encoded"] < 40, plan
    assert not Joined(clip, recording, exact(clip, recording, WINDOW)).problems()


@pytest.mark.parametrize(
    "form, codec, container, kind, reason",
    [
        ("static_time", "h265", "mp4", "reencode", "another codec"),
        ("open_gop", None, "ts", "reencode", "no picture to start a copy with"),
        ("interlaced", None, "mp4", "reencode", "interlaced"),
        ("multi_period_sizes", None, "mp4", "reencode", "the format of the pictures changes"),
        ("multi_period", "h264", "mp4", "smart", "only what the window's ends cut off"),
        ("hevc_open", "h265", "ts", "smart", "only what the window's ends cut off"),
        ("all_keys", None, "mp4", "copy", "need no other"),
    ],
)
def test_a_long_window_is_exact_whichever_way_it_is_made(form, codec, container, kind, reason, driver, tmp_path):
    """Longer than one piece of a full rendering, and over the seam of the recordings that have one."""
    recording, window = forms.build(form), (Fraction(530, 1000), 14_700)
    clip, plan = cut(driver, recording, window, tmp_path, container=container, codec=codec)
    assert plan["kind"] == kind and reason in plan["reason"], plan
    pictures = exact(clip, recording, window).pictures
    assert plan["frames_encoded"] + plan["frames_copied"] == len(pictures)
