"""A broken encoder never makes a wrong clip: the join's check finds it, and the clip is rendered as a whole."""

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
START, DURATION = Fraction(2530, 1000), 5300

# What the wrapper does to the arguments of an encoder whose pictures are to stand beside copied ones.
BREAKS = {
    "loses a picture": (
        """setparams=range*) set -- "$@" "$1,select='not(eq(n,3))'" -fps_mode passthrough ;;""",
        "was given 36 pictures and gave 35",
    ),
    "shows pictures twice": ('setparams=range*) set -- "$@" "$1,shuffleframes=0 0" ;;', "not the recorded one"),
    "paints a corner": ('setparams=range*) set -- "$@" "$1,drawbox=w=60:h=60:t=fill" ;;', "not the recorded one"),
    "swaps neighbours": ('setparams=range*) set -- "$@" "$1,shuffleframes=1 0" ;;', "not the recorded one"),
    "uses the recording's parameter set id": ('*sps-id=*) set -- "$@" "sps-id=0" ;;', "parameter sets"),
    "dies": ('-g) exit 1 ;;', "ffmpeg ended"),
}


@pytest.fixture(scope="module")
def driver() -> Path:
    """The worker as a command."""
    build = ["cargo", "build", "--quiet", "--locked", "--package", "media-export-worker", "--example", "clip"]
    subprocess.run(build, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "examples" / "clip"


def wrapper(folder: Path, rule: str) -> Path:
    """ffmpeg, broken by `rule` when it encodes for a join."""
    path = folder / "ffmpeg"
    path.write_text(
        f"""#!/bin/sh
case " $* " in
  *" -g 600 "*)
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


@pytest.mark.parametrize("container", ["mp4", "ts"])
@pytest.mark.parametrize("fault", BREAKS)
def test_a_broken_encoder_costs_time_but_no_frame(fault, container, driver, tmp_path):
    rule, reason = BREAKS[fault]
    if container == "ts" and "parameter set id" in fault:
        pytest.skip("sets in band may share an id")
    recording = forms.build("static_time")
    folder = recording.write(tmp_path / "source").parent
    clip = tmp_path / f"clip.{container}"
    command = [driver, "--recording", folder, "--start-ms", int(START * 1000), "--duration-ms", DURATION]
    command += ["--container", container, "--out", clip, "--ffmpeg", wrapper(tmp_path, rule)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    metrics, answer = map(json.loads, done.stdout.splitlines()[-2:])
    assert answer["state"] == "READY", answer
    plan = answer["plan"]
    assert (plan["kind"], plan["fell_back"], plan["frames_copied"]) == ("reencode", True, 0), plan
    assert reason in plan["reason"], plan
    assert (metrics["PlanKind"], metrics["Fallbacks"]) == ("reencode", 1)
    report = verify(clip, recording.truth.fps)
    assert not report.problems(recording.truth.expected(START, DURATION * MS))


def test_the_same_wrapper_changes_nothing_when_it_breaks_nothing(driver, tmp_path):
    recording = forms.build("static_time")
    folder = recording.write(tmp_path / "source").parent
    clip = tmp_path / "clip.mp4"
    command = [driver, "--recording", folder, "--start-ms", int(START * 1000), "--duration-ms", DURATION]
    command += ["--out", clip, "--ffmpeg", wrapper(tmp_path, "nothing) ;;")]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    plan = json.loads(done.stdout.splitlines()[-1])["plan"]
    assert plan["kind"] == "smart" and plan["frames_encoded"] < 40, plan
    report = verify(clip, recording.truth.fps)
    assert not report.problems(recording.truth.expected(START, DURATION * MS))
    assert not Joined(clip, recording, report).problems()
